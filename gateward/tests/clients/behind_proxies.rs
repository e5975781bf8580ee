//! Behind somebody else's TLS: plain HTTP on a Unix socket or the loopback device, and whom a proxy
//! that is believed, and one that is not, can speak for.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;

use super::gnupg::Gnupg;
use super::installation::{Installation, RESTRICTED, gateward};
use super::proxies::{Proxy, curl_unix, recorded_address, without_tls};
use super::server::{Credentials, Server};
use super::statement::Statement;
use super::tools::run;

const FORGED: &str = "X-Forwarded-For: 203.0.113.9";
const POST: [&str; 2] = ["--data-binary", "no token"];

fn on_a_socket(installation: Installation, more: &str) -> Server {
    without_tls(installation, "unix:http.sock", more)
}

/// Sends what is refused through `proxy`, with a forged field; the event has who really asked.
#[track_caller]
fn the_forged_part_is_not_believed(server: &Server, proxy: &Proxy) {
    for forged in [FORGED, "X-Forwarded-For: 203.0.113.9, 198.51.100.1", "X-Forwarded-For: ,"] {
        let refused = proxy.curl(server, "127.0.0.5", "/auth", &[&POST[..], &["-H", forged]].concat(), b"");
        assert_eq!(recorded_address(server, &refused), "127.0.0.5", "{forged}");
    }
}

#[test]
fn nginx_before_the_unix_socket_is_believed_about_the_client_and_the_client_is_not() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = on_a_socket(Installation::believing(&issuer), "trusted_proxies = [\"unix\"]");
    let nginx = Proxy::nginx(&server, &format!("unix:{}", server.file("http.sock").display()));
    let token = issuer.sign(&Statement::default());
    let exchanged = nginx.curl(&server, "127.0.0.1", "/auth", &["--data-binary", "@-"], token.as_bytes());
    let user = Credentials::of(&exchanged).to_string();
    let digest = ["--digest", "--user", &user];
    let reply = nginx.curl(&server, "127.0.0.5", "/files/restricted.txt", &digest, b"");
    assert_eq!((reply.status, reply.text().as_str()), (200, RESTRICTED));
    the_forged_part_is_not_believed(&server, &nginx);
}

#[test]
fn nginx_before_a_loopback_port_is_believed_about_the_client_and_the_client_is_not() {
    let server = without_tls(Installation::new(), "127.0.0.1:0", "trusted_proxies = [\"127.0.0.1\"]");
    let nginx = Proxy::nginx(&server, &format!("127.0.0.1:{}", server.public));
    the_forged_part_is_not_believed(&server, &nginx);
}

#[test]
fn through_a_chain_of_proxies_the_first_that_is_not_ours_counts() {
    let trusted = "trusted_proxies = [\"unix\", \"127.0.0.1\"]";
    let server = on_a_socket(Installation::new(), trusted);
    let inner = Proxy::nginx(&server, &format!("unix:{}", server.file("http.sock").display()));
    // Who comes from our own outer proxy, here curl at its address, may speak for others.
    let arguments = [&POST[..], &["-H", FORGED]].concat();
    let refused = inner.curl(&server, "127.0.0.1", "/auth", &arguments, b"");
    assert_eq!(recorded_address(&server, &refused), "203.0.113.9");
    let refused = inner.curl(&server, "127.0.0.2", "/auth", &arguments, b"");
    assert_eq!(recorded_address(&server, &refused), "127.0.0.2");
}

#[test]
fn failures_count_against_the_client_and_not_against_the_proxy() {
    let server = on_a_socket(Installation::new(), "trusted_proxies = [\"unix\"]");
    let nginx = Proxy::nginx(&server, &format!("unix:{}", server.file("http.sock").display()));
    for number in 1..=30 {
        // Another forged client each time changes nothing.
        let forged = format!("X-Forwarded-For: 203.0.113.{number}");
        let arguments = [&POST[..], &["-H", &forged]].concat();
        assert_eq!(nginx.curl(&server, "127.0.0.2", "/auth", &arguments, b"").status, 400, "{number}");
    }
    assert_eq!(nginx.curl(&server, "127.0.0.2", "/auth", &POST, b"").status, 429);
    assert_eq!(nginx.curl(&server, "127.0.0.3", "/auth", &POST, b"").status, 400);
}

#[test]
fn who_is_not_trusted_speaks_for_nobody() {
    let forged = [&POST[..], &["-H", FORGED]].concat();
    let server = on_a_socket(Installation::new(), "trusted_proxies = [\"127.0.0.1\"]");
    let refused = curl_unix(&server.file("http.sock"), "/auth", &forged, b"");
    assert_eq!(recorded_address(&server, &refused), "127.0.0.1");

    let server = without_tls(Installation::new(), "127.0.0.1:0", "trusted_proxies = [\"127.0.0.9\"]");
    let url = format!("http://127.0.0.1:{}/auth", server.public);
    for (from, counted) in [("127.0.0.1", "127.0.0.1"), ("127.0.0.9", "203.0.113.9")] {
        let arguments = [&forged[..], &["--interface", from]].concat();
        let refused = super::server::curl(&url, "/dev/null", &arguments, b"");
        assert_eq!(recorded_address(&server, &refused), counted, "{from}");
    }
}

#[test]
fn a_unix_peer_that_names_nobody_counts_as_loopback() {
    let server = on_a_socket(Installation::new(), "trusted_proxies = [\"unix\"]");
    let refused = curl_unix(&server.file("http.sock"), "/auth", &POST, b"");
    assert_eq!(recorded_address(&server, &refused), "127.0.0.1");
}

#[test]
fn the_socket_has_the_bounds_of_the_port() {
    let server = on_a_socket(Installation::new(), "trusted_proxies = [\"unix\"]");
    let socket = server.file("http.sock");
    let long = format!("X-Long: {}", "x".repeat(40 * 1024));
    assert_eq!(curl_unix(&socket, "/version", &["-H", &long], b"").status, 431);
    let many: Vec<String> = (0..70).map(|number| format!("X-{number}: x")).collect();
    let many: Vec<&str> = many.iter().flat_map(|field| ["-H", field]).collect();
    assert_eq!(curl_unix(&socket, "/version", &many, b"").status, 431);
    assert_eq!(curl_unix(&socket, "/auth", &["--data-binary", "@-"], &vec![b'x'; 900_000]).status, 413);
    assert_eq!(curl_unix(&socket, "/version", &[], b"").status, 200);
}

#[test]
fn a_proxy_has_more_connections_than_one_clients_share() {
    let server = on_a_socket(Installation::new(), "trusted_proxies = [\"unix\"]");
    let socket = server.file("http.sock");
    let held: Vec<UnixStream> = (0..520)
        .map(|number| {
            let mut stream = UnixStream::connect(&socket).unwrap();
            stream.write_all(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            let mut begin = [0; 12];
            stream.read_exact(&mut begin).unwrap_or_else(|error| panic!("{number}: {error}"));
            assert_eq!(&begin, b"HTTP/1.1 200", "{number}");
            stream
        })
        .collect();
    assert_eq!(curl_unix(&socket, "/version", &[], b"").status, 200);
    drop(held);
}

#[test]
fn a_client_that_speaks_tls_to_plain_http_is_left_standing() {
    let server = without_tls(Installation::new(), "127.0.0.1:0", "trusted_proxies = [\"127.0.0.1\"]");
    let mut stream = TcpStream::connect(("127.0.0.1", server.public)).unwrap();
    stream.write_all(&[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3]).unwrap();
    let mut said = Vec::new();
    // An end or a reset, and no word of HTTP.
    drop(stream.read_to_end(&mut said));
    assert_eq!(said, b"");
}

#[test]
fn the_socket_is_for_owner_and_group_only_and_goes_with_the_server() {
    let mut server = on_a_socket(Installation::new(), "trusted_proxies = [\"unix\"]");
    let socket = server.file("http.sock");
    assert!(server.log().contains(&format!("public=unix:{}", socket.display())), "{}", server.log());
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o660);
    assert_eq!(server.stop(), 0);
    assert!(!socket.exists());
}

#[test]
fn a_killed_servers_socket_is_taken_over_and_a_living_ones_is_not() {
    let mut server = on_a_socket(Installation::new(), "trusted_proxies = [\"unix\"]");
    let socket = server.file("http.sock");
    server.kill();
    assert!(socket.exists());
    let server = server.again();
    assert_eq!(curl_unix(&socket, "/version", &[], b"").status, 200);

    let second = run(gateward().arg("serve").arg("--config").arg(server.config()), b"");
    assert_eq!(second.status, 2, "{}", second.stderr);
    assert!(second.stderr.contains("another server listens there"), "{}", second.stderr);
    assert_eq!(curl_unix(&socket, "/version", &[], b"").status, 200);
}
