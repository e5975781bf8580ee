//! A server that receives audit messages, and whoever sends them.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::authority::{Authority, Machine, params};
use super::cluster::ports::free_port;
use super::installation::Installation;
use super::server::{PATIENCE, Server};

/// An authority that is believed, and a server that knows its machine `lab`.
pub struct Site {
    pub authority: Authority,
    pub server: Server,
    pub tls: u16,
    pub udp: u16,
}

impl Site {
    pub fn open() -> Self {
        Self::with(Authority::new("Node CA"), "")
    }

    /// The same, whose configuration says `more`.
    pub fn with(authority: Authority, more: &str) -> Self {
        let (tls, udp) = (free_port(), free_port());
        let installation = Installation::new();
        std::fs::write(installation.file("node-ca.pem"), &authority.certificate).unwrap();
        let file = std::fs::read_to_string(installation.config()).unwrap();
        let (before, after) = file.split_once("[admin]").unwrap();
        installation.configure(&format!("{before}node_ca = [\"node-ca.pem\"]\n[admin]{after}"));
        installation.append(&format!(
            "{more}[audit.syslog]\nlisten = \"127.0.0.1:{tls}\"\nudp = \"127.0.0.1:{udp}\"\n"
        ));
        // Before it starts: what a sender with TLS 1.3 believes delivered until it hears that it is unknown is lost.
        let ca = installation.file("node-ca.pem");
        let subject = "CN=lab,O=Ministry of Health";
        let enroll = ["node", "enroll", "lab", "--issuer", ca.to_str().unwrap(), "--subject", subject];
        installation.command(&enroll).good();
        Self { server: Server::start(installation), authority, tls, udp }
    }

    /// A machine with a certificate of the authority; `lab` may come in.
    pub fn machine(&self, name: &str) -> Machine {
        self.authority.issue(params(name))
    }

    /// All events of one kind, whole.
    pub fn events(&self, kind: &str) -> Vec<Value> {
        let mut events = self.server.json(&["audit", "search"]);
        events.retain(|event| event["body"]["kind"] == kind);
        events
    }

    /// Waits until there are `count` events of a kind.
    #[track_caller]
    pub fn wait_for(&self, count: usize, kind: &str) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let events = self.events(kind);
            if events.len() >= count {
                return events;
            }
            let late = begun.elapsed() > PATIENCE;
            assert!(!late, "{} {kind} of {count}: {}", events.len(), self.server.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The texts of `count` messages that were received.
    pub fn messages(&self, count: usize) -> Vec<String> {
        let received = self.wait_for(count, "message_received");
        received.iter().map(|event| event["personal"]["message"].as_str().unwrap_or("").to_owned()).collect()
    }
}
