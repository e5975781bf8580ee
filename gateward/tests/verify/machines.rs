//! Machines behind a proxy, and proxies that are machines.

use super::application::Application;
use super::certificates::Machine;
use super::guide::{Site, block, configured_over_tls, nginx_with};
use super::installation::Installation;
use super::server::{Reply, Server, curl};

/// Enrolls a machine by its certificate.
#[track_caller]
fn enroll(installation: &Installation, name: &str, machine: &Machine, more: &[&str]) {
    let files = machine.for_curl(installation.path());
    installation.command(&[&["node", "enroll", name, "--certificate", &files[1]], more].concat()).good();
}

/// The sites of the guide, where this machine may come in.
fn sites(lab: &Machine) -> [Site; 2] {
    let for_machines = |service: &str| {
        let grant = "group = \"/epos/demo\"\nservice = \"app\"";
        let node = "node = \"lab\"\nservice = \"app\"";
        service.replace("require = [\"login\"]", "require = [\"node\"]").replace(grant, node)
    };
    Site::each_with(for_machines, |installation| enroll(installation, "lab", lab, &[]))
}

/// Asks for something of the application, with a certificate.
fn ask(site: &Site, machine: &Machine, more: &[&str]) -> Reply {
    let files = machine.for_curl(site.server.path());
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    site.curl("/app/x", &[&files[..], more].concat())
}

fn last_reason(server: &Server) -> String {
    let failed = server.events("node_authentication_failed");
    failed.last().unwrap()["reason"].as_str().unwrap().to_owned()
}

#[test]
fn a_machine_is_known_by_the_certificate_that_it_showed_to_the_proxy() {
    let lab = Machine::new("lab", "lab", 30);
    for site in sites(&lab) {
        let reached = ask(&site, &lab, &[]);
        assert_eq!(reached.status, 200, "{}", reached.head);
        let got = reached.text().to_ascii_lowercase();
        assert!(got.contains("x-gateward-node: lab\r\n") && got.contains("x-remote-user: lab\r\n"), "{got}");
        assert!(!got.contains("certificate"), "{got}");
        assert_eq!(site.server.events("verified")[0]["node"], "lab");
    }
}

#[test]
fn a_certificate_that_does_not_name_a_machine_of_ours_opens_nothing() {
    let lab = Machine::new("lab", "lab", 30);
    for site in sites(&lab) {
        assert_eq!(site.curl("/app/x", &[]).status, 403);
        assert_eq!(last_reason(&site.server), "no-certificate");
        // Its name and another key.
        assert_eq!(ask(&site, &Machine::new("lab", "other", 30), &[]).status, 403);
        assert!(["not-registered", "unknown-ca"].contains(&last_reason(&site.server).as_str()));
        // Somebody else's certificate, without its key.
        let field = format!("X-SSL-Client-Cert: {}", lab.escaped());
        assert_eq!(site.curl("/app/x", &["-H", &field]).status, 403);
        assert_eq!(last_reason(&site.server), "no-certificate");
        // nginx itself refuses what has expired.
        let expired = ask(&site, &Machine::new("lab", "expired", -1), &[]);
        assert!([400, 403].contains(&expired.status), "{}", expired.head);
        assert_eq!(site.application.requests(), Vec::<String>::new());
    }
}

#[test]
fn a_machine_that_is_revoked_opens_nothing_more() {
    let lab = Machine::new("lab", "lab", 30);
    for site in sites(&lab) {
        assert_eq!(ask(&site, &lab, &[]).status, 200);
        site.server.command(&["node", "revoke", "lab"]).good();
        assert_eq!(ask(&site, &lab, &[]).status, 403);
        assert_eq!(site.application.requests().len(), 1);
    }
}

const QUESTION: [&str; 4] = ["-H", "X-Original-URI: /app/x", "-H", "X-Original-Method: GET"];

/// Asks at /verify itself, over TLS.
fn question(server: &Server, machine: Option<&Machine>, more: &[&str]) -> Reply {
    let files = machine.map(|machine| machine.for_curl(server.path()));
    let files: Vec<&str> = files.iter().flatten().map(String::as_str).collect();
    let arguments = [&QUESTION[..], &files, more].concat();
    curl(&server.url("/verify"), server.file("ca.pem").to_str().unwrap(), &arguments, b"")
}

#[test]
fn a_proxy_on_another_machine_asks_by_its_certificate() {
    let (proxy, application) = (Machine::new("proxy", "proxy", 30), Application::start());
    let server = configured_over_tls(&block("1. The configuration of gateward", "toml"), |installation| {
        enroll(installation, "web-1", &proxy, &["--role", "proxy"]);
    });
    let printed = block("2. nginx", "nginx")
        .replace("        proxy_pass http://gateward/verify;\n", &block("From another machine", "nginx"));
    let files = proxy.for_curl(server.path());
    let printed = printed
        .replace("/etc/nginx/proxy.pem", &files[1])
        .replace("/etc/nginx/proxy.key", &files[3])
        .replace("/etc/nginx/gateward-ca.pem", server.file("ca.pem").to_str().unwrap())
        .replace("gateward.example.org:8443", &format!("localhost:{}", server.public))
        .replace("gateward.example.org", "localhost")
        .replace("http://gateward;", &format!("https://localhost:{};", server.public));
    let nginx = nginx_with(&server, &printed, &application);
    let site = Site { server, proxy: nginx, application };
    let user = site.login();
    let credentials = user.to_string();
    let digest = ["--digest", "--user", &credentials];
    let reached = site.curl("/app/x", &digest);
    assert_eq!(reached.status, 200, "{}", reached.head);
    assert_eq!(site.server.events("verified")[0]["proxy"], "node:web-1");

    site.server.command(&["node", "revoke", "web-1"]).good();
    let refused = site.curl("/app/x", &digest);
    // Its connection is closed, or its question refused: which of them comes first is a matter of luck.
    assert!([401, 500].contains(&refused.status), "{}", refused.head);
    assert_eq!(site.application.requests().len(), 1);
}

#[test]
fn a_machine_that_is_no_proxy_may_not_ask_for_others() {
    let (proxy, lab) = (Machine::new("proxy", "proxy", 30), Machine::new("lab", "lab", 30));
    let server = configured_over_tls(&block("1. The configuration of gateward", "toml"), |installation| {
        enroll(installation, "web-1", &proxy, &["--role", "proxy"]);
        enroll(installation, "lab", &lab, &[]);
    });
    let forged = format!("X-SSL-Client-Cert: {}", proxy.escaped());
    for (machine, more) in
        [(None, &[][..]), (Some(&lab), &[]), (Some(&lab), &["-H", &forged]), (None, &["-H", &forged])]
    {
        let refused = question(&server, machine, more);
        assert_eq!(refused.status, 401, "{}", refused.text());
        assert!(refused.text().contains("Only a proxy may ask here"), "{}", refused.text());
    }
    let failed = server.events("authentication_failed");
    assert!(failed.iter().all(|event| event["reason"] == "not-a-proxy"), "{failed:?}");
    assert!(failed[1]["detail"].as_str().unwrap().contains("has not the role proxy"), "{failed:?}");
    // The proxy is asked for nobody's sake: the service wants to know who its client is.
    let asked = question(&server, Some(&proxy), &[]);
    assert_eq!(asked.status, 401);
    assert!(asked.field("www-authenticate").unwrap().starts_with("Digest"), "{}", asked.head);
}
