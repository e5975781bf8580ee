//! A server that lets machines in, and those that come.

use std::process::Command;

use super::authority::{Authority, DAY, Machine, params};
use super::installation::{Installation, RESTRICTED};
use super::server::{Reply, Server};
use super::tools::run;

/// What a machine that may come in is called.
pub const SUBJECT: &str = "CN=lab,O=Ministry of Health";

/// Which file machines fetch.
pub const FILE: &str = "/files/restricted.txt";

/// An authority that is believed, and an installation that lets its machine `lab` in.
pub struct Door {
    pub authority: Authority,
    pub server: Server,
}

/// Prepares an installation whose files want a machine; `more` stands before the tables of its configuration.
pub fn installation(authority: &Authority, more: &str) -> Installation {
    let installation = Installation::new();
    std::fs::write(installation.file("node-ca.pem"), &authority.certificate).unwrap();
    let file = std::fs::read_to_string(installation.config()).unwrap();
    let file = file.replace("require = [\"login\"]", "require = [\"node\"]");
    let (before, after) = file.split_once("[admin]").unwrap();
    installation.configure(&format!("{before}node_ca = [\"node-ca.pem\"]\n{more}\n[admin]{after}"));
    installation.append("[[grant]]\nnode = \"lab\"\nservice = \"files\"\n");
    installation
}

impl Door {
    /// Lets in whoever the authority calls `lab`, without asking for lists.
    pub fn open() -> Self {
        Self::beside(|_| ())
    }

    /// The same, beside what `more` puts into the installation.
    pub fn beside(more: impl FnOnce(&Installation)) -> Self {
        let authority = Authority::new("Node CA");
        let installation = installation(&authority, "");
        more(&installation);
        let door = Self { server: Server::start(installation), authority };
        door.enroll_lab();
        door
    }

    /// The same, with a list that is good for `seconds`.
    pub fn with_list(
        seconds: i64,
        more: &str,
        revoked: impl FnOnce(&Authority) -> Vec<Machine>,
    ) -> (Self, Vec<Machine>) {
        let authority = Authority::new("Node CA");
        let revoked = revoked(&authority);
        let installation = installation(&authority, &format!("node_crl = [\"node.crl\"]\n{more}"));
        let list = authority.list(&revoked.iter().collect::<Vec<_>>(), seconds);
        std::fs::write(installation.file("node.crl"), list).unwrap();
        let door = Self { server: Server::start(installation), authority };
        door.enroll_lab();
        (door, revoked)
    }

    fn enroll_lab(&self) {
        let ca = self.server.file("node-ca.pem");
        let enroll = ["node", "enroll", "lab", "--issuer", ca.to_str().unwrap(), "--subject", SUBJECT];
        self.server.command(&enroll).good();
        let lab = self.lab();
        self.until(|| matches!(self.knock(&lab, &[]), Knock::Answered(reply) if reply.status == 200));
    }

    /// A machine that is let in.
    pub fn lab(&self) -> Machine {
        self.authority.issue(params("lab"))
    }

    /// Asks for the file with the certificate of `machine`.
    pub fn knock(&self, machine: &Machine, more: &[&str]) -> Knock {
        let shown = machine.for_curl(self.server.path());
        let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
        self.ask(&[&shown, more].concat())
    }

    /// Asks for the file with these arguments to curl.
    pub fn ask(&self, arguments: &[&str]) -> Knock {
        let head = tempfile::NamedTempFile::new().unwrap();
        let mut curl = Command::new("curl");
        curl.args(["--disable", "--silent", "--show-error", "--max-time", "30", "--cacert"]);
        curl.arg(self.server.file("ca.pem")).arg("--dump-header").arg(head.path());
        let ran = run(curl.args(arguments).arg(self.server.url(FILE)), b"");
        if ran.status != 0 {
            return Knock::TurnedAway(ran.stderr);
        }
        let head = std::fs::read_to_string(head.path()).unwrap();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect(&head);
        Knock::Answered(Reply { status, head, body: ran.stdout })
    }

    /// Waits until it is so, as after a change that acts within seconds.
    #[track_caller]
    pub fn until(&self, is_so: impl Fn() -> bool) {
        let begun = std::time::Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < super::server::PATIENCE, "{}", self.server.log());
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    /// Waits until the last machine that was turned away was so for `reason`: a handshake is recorded after its end.
    #[track_caller]
    pub fn last_turned_away_for(&self, reason: &str) {
        self.until(|| self.reasons().last().is_some_and(|last| last == reason));
    }

    /// The reasons for which machines were turned away, in their order.
    pub fn reasons(&self) -> Vec<String> {
        let events = self.server.events("node_authentication_failed");
        events.iter().map(|event| event["reason"].as_str().unwrap().to_owned()).collect()
    }
}

/// What comes of a request.
#[derive(Debug)]
pub enum Knock {
    Answered(Reply),
    /// No answer: what curl says.
    TurnedAway(String),
}

impl Knock {
    #[track_caller]
    pub fn is_let_in(&self) {
        let Self::Answered(reply) = self else { panic!("{self:?}") };
        assert_eq!((reply.status, reply.text().as_str()), (200, RESTRICTED));
    }
}

/// How long lists are good that are not to end during a test.
pub const LONG: i64 = 7 * DAY;
