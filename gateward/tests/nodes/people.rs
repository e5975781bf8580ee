//! People on registered machines: both are who they say, and neither stands in for the other.

use super::authority::{Authority, Machine, params};
use super::door::{SUBJECT, installation};
use super::server::{Reply, Server};

/// Two services of the same files: one for a person on a machine of ours, one for either of them; all is granted to
/// the machine alone.
const SERVICES: &str = "[[service]]\nname = \"both\"\nkind = \"plain\"\npath = \"/both\"\nupstream = \"dir:files\"\n\
     require = [\"node\", \"user\"]\n[[grant]]\nnode = \"lab\"\nservice = \"both\"\n\
     [[service]]\nname = \"either\"\nkind = \"plain\"\npath = \"/either\"\nupstream = \"dir:files\"\n\
     require = [\"either\"]\n[[grant]]\nnode = \"lab\"\nservice = \"either\"\n\
     [[service]]\nname = \"hers\"\nkind = \"plain\"\npath = \"/hers\"\nupstream = \"dir:files\"\n\
     require = [\"either\"]\n[[grant]]\nuser = \"operator\"\nservice = \"hers\"\n";

struct Site {
    server: Server,
    lab: Machine,
}

impl Site {
    fn open() -> Self {
        let authority = Authority::new("Node CA");
        let installation = installation(&authority, "");
        installation.append(SERVICES);
        let ca = installation.file("node-ca.pem");
        let enroll = ["node", "enroll", "lab", "--issuer", ca.to_str().unwrap(), "--subject", SUBJECT];
        installation.command(&enroll).good();
        Self { lab: authority.issue(params("lab")), server: Server::start(installation) }
    }

    /// Asks for a file of `service` from the machine, and shows this of a person.
    fn ask(&self, service: &str, authorization: Option<&str>) -> Reply {
        let machine = self.lab.for_curl(self.server.path());
        let shown = authorization.map(|shown| format!("Authorization: {shown}"));
        let person = shown.iter().flat_map(|shown| ["--header", shown]);
        let arguments: Vec<&str> = machine.iter().map(String::as_str).chain(person).collect();
        self.server.curl(&format!("/{service}/restricted.txt"), &arguments, b"")
    }

    fn basic(&self, password: Option<&str>) -> String {
        let line = std::fs::read_to_string(self.server.file("operator.txt")).unwrap();
        let (name, right) = line.trim().split_once(':').unwrap();
        let both = format!("{name}:{}", password.unwrap_or(right));
        format!("Basic {}", data_encoding::BASE64.encode(both.as_bytes()))
    }

    fn token(&self, more: &[&str]) -> String {
        let create = ["api-token", "create", "--user", "operator", "--label", "a test"];
        let made = self.server.json(&[&create, more].concat()).remove(0);
        format!("Bearer {}", made["token"].as_str().unwrap())
    }
}

#[test]
fn a_token_for_another_service_is_no_half_of_a_person_on_a_machine() {
    let site = Site::open();
    assert_eq!(site.ask("both", Some(&site.token(&[]))).status, 200);
    let narrow = site.token(&["--service", "files"]);
    for service in ["both", "either"] {
        let refused = site.ask(service, Some(&narrow));
        assert_eq!(refused.status, 403, "{service}: {}", refused.text());
        assert!(refused.text().contains("token-not-for-this"), "{}", refused.text());
    }
    let refused = site.server.events("request_refused");
    assert!(refused.iter().all(|event| event["reason"] == "token-not-for-this"), "{refused:?}");
    assert_eq!(refused.len(), 2);
}

#[test]
fn whoever_says_who_they_are_on_a_machine_of_ours_is_held_to_it() {
    let site = Site::open();
    assert_eq!(site.ask("either", None).status, 200);
    assert_eq!(site.ask("hers", None).status, 403, "the machine has no grant");
    assert_eq!(site.ask("hers", Some(&site.basic(None))).status, 200, "the person has one");
    let released = site.server.events("released").pop().unwrap();
    assert_eq!((&released["who"], &released["by"]), (&"operator".into(), &"password".into()), "{released}");
    assert_eq!(site.ask("either", Some(&site.basic(Some("a wrong password")))).status, 401);
    let failed = site.server.events("authentication_failed").pop().unwrap();
    assert_eq!(failed["reason"], "wrong-password");
}
