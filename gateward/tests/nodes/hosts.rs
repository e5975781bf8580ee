//! A connection is for the host that it was made for, where another host's door asks for something else.

use super::authority::Authority;
use super::door::installation;
use super::server::Server;

#[test]
fn a_request_for_another_host_than_the_handshake_named_is_misdirected_where_their_doors_differ() {
    let installation = installation(&Authority::new("Node CA"), "");
    for (name, host, require) in
        [("open", "localhost", "user"), ("alike", "a.example", "user"), ("strict", "b.example", "node")]
    {
        installation.append(&format!(
            "[[service]]\nname = \"{name}\"\nkind = \"plain\"\nhost = [\"{host}\"]\npath = \"/shared\"\n\
             upstream = \"dir:files\"\nrequire = [\"{require}\"]\n"
        ));
    }
    let server = Server::start(installation);
    // curl names localhost in the handshake, whatever stands in Host.
    let status = |path: &str, host: &str| server.curl(path, &["-H", &format!("Host: {host}")], b"").status;
    assert_eq!(status("/shared/restricted.txt", "localhost"), 401);
    assert_eq!(status("/shared/restricted.txt", "LOCALHOST:443"), 401);
    assert_eq!(status("/shared/restricted.txt", "a.example"), 401, "its door asks for the same");
    assert_eq!(status("/shared/restricted.txt", "b.example"), 421);
    assert_eq!(status("/shared/restricted.txt", "c.example"), 421, "nobody is there");
    assert_eq!(status("/files/restricted.txt", "b.example"), 403, "what is for all hosts has one door");
    let to_it = ["--resolve", &format!("b.example:{}:127.0.0.1", server.public), "--insecure"];
    let url = format!("https://b.example:{}/shared/restricted.txt", server.public);
    let reply = super::server::curl(&url, server.file("ca.pem").to_str().unwrap(), &to_it, b"");
    assert_eq!(reply.status, 403, "{}", reply.text());
}
