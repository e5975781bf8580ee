//! The door under test, and whoever comes to it.

use std::ops::Deref;

use serde_json::Value;

use super::gnupg::Issuer;
use super::installation::Installation;
use super::server::{Credentials, Reply, Server};
use super::statement::Statement;

/// An open door before a FHIR server, with somebody who has a login.
pub struct Door {
    server: Server,
    login: Credentials,
}

/// What a grant opens of `fhir`, as the configuration file has it.
pub const ALL: &str = "";

impl Door {
    /// Stands in front of `upstream`, the base of a FHIR server, and grants `extent` to somebody.
    pub fn before(upstream: &str, extent: &str, issuer: &Issuer<'_>) -> Self {
        Self::with(upstream, extent, issuer, |_| {})
    }

    /// The same, which seals parameters of requests to `auditor`.
    pub fn sealing(upstream: &str, issuer: &Issuer<'_>, auditor: &Issuer<'_>) -> Self {
        Self::with(upstream, ALL, issuer, |installation| {
            let key = installation.file("auditor.asc");
            std::fs::write(&key, &auditor.public).unwrap();
            installation.append(&format!(
                "\n[audit]\nseal = {{ key = \"{}\", fingerprint = \"{}\" }}\n",
                key.display(),
                auditor.fingerprint
            ));
        })
    }

    fn with(upstream: &str, extent: &str, issuer: &Issuer<'_>, more: impl FnOnce(&Installation)) -> Self {
        let installation = Installation::believing(issuer);
        let (origin, path) =
            upstream.rsplit_once("/fhir").map_or((upstream, ""), |(origin, _)| (origin, "/fhir"));
        installation.append(&format!(
            "\n[[service]]\nname = \"fhir\"\nkind = \"fhir\"\npath = \"/fhir\"\nupstream = \"{origin}{path}\"\n\
             require = [\"login\"]\n\n[[grant]]\ngroup = \"/nurses\"\nservice = \"fhir\"\n{extent}\n"
        ));
        more(&installation);
        let server = Server::start(installation);
        let token = issuer.sign(&Statement { groups: "/nurses;/epos;/".into(), ..Statement::default() });
        let login = server.exchange(&token);
        Self { server, login }
    }

    pub fn login(&self) -> &Credentials {
        &self.login
    }

    /// Asks with curl, by whatever method, with a body or without.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Reply {
        self.ask_with(method, path, body, &[])
    }

    /// The same with more arguments.
    pub fn ask_with(&self, method: &str, path: &str, body: &str, more: &[&str]) -> Reply {
        let mut arguments = vec!["--request", method];
        if method == "HEAD" {
            arguments = vec!["--head"];
        }
        if !body.is_empty() {
            arguments.extend(["--header", "Content-Type: application/fhir+json", "--data-binary", "@-"]);
        }
        arguments.extend(more);
        let user = self.login.to_string();
        let arguments = [&["--digest", "--user", &user], &arguments[..]].concat();
        self.curl(&format!("/fhir{path}"), &arguments, body.as_bytes())
    }

    /// Asks for what is there.
    #[track_caller]
    pub fn good(&self, method: &str, path: &str, body: &str) -> Value {
        let reply = self.ask(method, path, body);
        assert!((200..300).contains(&reply.status), "{method} {path}: {} {}", reply.status, reply.text());
        assert_eq!(reply.field("content-type"), Some("application/fhir+json"));
        json(&reply)
    }

    /// The newest event of a kind.
    #[track_caller]
    pub fn newest(&self, kind: &str) -> Value {
        let events = self.json(&["audit", "search"]);
        let mut of_kind = events.into_iter().filter(|event| event["body"]["kind"] == kind);
        of_kind.next_back().unwrap_or_else(|| panic!("there is no event {kind}: {}", self.log()))
    }

    /// What the patients are that the events of one transaction name, in order.
    pub fn named_in(&self, transaction: &Value) -> Vec<String> {
        let shown = self.json(&["audit", "show", transaction.as_str().unwrap()]);
        let patients = shown.iter().filter_map(|event| event["personal"]["patients"].as_array());
        patients.flatten().map(|patient| patient.as_str().unwrap().to_owned()).collect()
    }
}

impl Deref for Door {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

/// What a reply says.
#[track_caller]
pub fn json(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap_or_else(|error| panic!("{error}: {}", reply.text()))
}

/// The diagnostics of an OperationOutcome, whose code is `code`.
#[track_caller]
pub fn outcome(reply: &Reply, status: u16, code: &str) -> String {
    let said = json(reply);
    assert_eq!((reply.status, said["resourceType"].as_str()), (status, Some("OperationOutcome")), "{said}");
    assert_eq!(said["issue"][0]["code"], code, "{said}");
    said["issue"][0]["diagnostics"].as_str().unwrap_or_default().to_owned()
}
