//! What happens here is sent to rsyslog: in order, whatever happens to it, and nothing counts before it is there.

use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rcgen::{ExtendedKeyUsagePurpose, SanType};
use tempfile::TempDir;

use super::authority::{Authority, params};
use super::cluster::ports::free_port;
use super::events::{PATIENCE, beginning, expected, feed, happen, until};
use super::rsyslog::Rsyslog;
use super::site::Site;

/// An rsyslog that takes messages by mutual TLS, and writes each as it came on a line.
struct Target {
    folder: TempDir,
    port: u16,
    driver: &'static str,
}

impl Target {
    fn new(authority: &Authority, driver: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = params("localhost");
        params.subject_alt_names = vec![SanType::DnsName("localhost".try_into().unwrap())];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let machine = authority.issue(params);
        std::fs::write(folder.path().join("server.pem"), &machine.certificate).unwrap();
        std::fs::write(folder.path().join("server.key"), machine.key.serialize_pem()).unwrap();
        std::fs::write(folder.path().join("ca.pem"), &authority.certificate).unwrap();
        Self { folder, port: free_port(), driver }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start(&self) -> Rsyslog {
        let folder = self.folder.path().display();
        let Self { port, driver, .. } = self;
        Rsyslog::start(
            self.folder.path(),
            &format!(
                "global(workDirectory=\"{folder}\" maxMessageSize=\"64k\" parser.escapeControlCharactersOnReceive=\"off\" \
                 DefaultNetstreamDriverCAFile=\"{folder}/ca.pem\" DefaultNetstreamDriverCertFile=\"{folder}/server.pem\" \
                 DefaultNetstreamDriverKeyFile=\"{folder}/server.key\")\n\
                 module(load=\"imtcp\" StreamDriver.Name=\"{driver}\" StreamDriver.Mode=\"1\" \
                 StreamDriver.AuthMode=\"x509/name\" PermittedPeer=[\"lab\"])\n\
                 input(type=\"imtcp\" port=\"{port}\" ruleset=\"in\")\n\
                 template(name=\"raw\" type=\"string\" string=\"%rawmsg%\\n\")\n\
                 ruleset(name=\"in\") {{ action(type=\"omfile\" file=\"{folder}/stored\" template=\"raw\") }}\n"
            ),
        )
    }

    /// What is stored, each once, in the order in which it came first.
    fn stored(&self) -> Vec<String> {
        let text = std::fs::read(self.file("stored")).unwrap_or_default();
        let text = String::from_utf8(text).unwrap();
        let mut seen = std::collections::HashSet::new();
        text.lines().filter(|line| seen.insert(line.to_owned())).map(str::to_owned).collect()
    }

    /// A site whose events go there, and which is known there by the certificate of `name`.
    fn fed_by(&self, authority: Authority, name: &str) -> Site {
        let feed = format!("[audit]\nfeed = [{}]\n", self.named_to(&authority, name));
        Site::with(authority, &feed)
    }

    /// The table that names it to somebody who shows a certificate of `name`.
    fn named_to(&self, authority: &Authority, name: &str) -> String {
        let (certificate, key) = authority.issue(params(name)).files(self.folder.path());
        format!(
            "{{ to = \"syslog+tls://localhost:{}\", ca = \"{}\", certificate = \"{}\", key = \"{}\" }}",
            self.port,
            self.file("ca.pem").display(),
            certificate.display(),
            key.display()
        )
    }
}

#[test]
fn rsyslog_has_every_event_byte_for_byte_though_it_is_killed_and_restarted_meanwhile() {
    for (driver, count) in [("ossl", 10_000), ("gtls", 1_000)] {
        let authority = Authority::new("Node CA");
        let target = Target::new(&authority, driver);
        let site = target.fed_by(authority, "lab");
        let first = beginning(&site);
        let config = site.server.config();
        let rsyslog = target.start();
        happen(&config, count / 2);
        until("some are stored", &site, || target.stored().len() > count / 10);
        rsyslog.kill();
        happen(&config, count / 2);
        until("it is seen to be away", &site, || feed(&site).unwrap()["last_error"].is_string());
        let rsyslog = target.start();
        until("all are there", &site, || feed(&site).unwrap()["waiting"] == 0);
        rsyslog.stop();
        let expected = expected(&config, first);
        let sent: std::collections::HashSet<_> = expected.iter().collect();
        let (stored, torn): (Vec<_>, Vec<_>) =
            target.stored().into_iter().partition(|line| sent.contains(line));
        assert!(torn.len() <= 1, "the write that the kill cut, and no other: {torn:?}");
        assert!(expected.len() >= count);
        assert_eq!(stored.len(), expected.len());
        assert!(stored == expected, "{driver}: another order, or other bytes");
    }
}

#[test]
fn checkpoints_that_rsyslog_wrote_down_are_good_for_verifying_the_log() {
    let authority = Authority::new("Node CA");
    let target = Target::new(&authority, "ossl");
    let rsyslog = target.start();
    let anchor = format!("[audit]\nanchor = {}\ncheckpoint = \"1s\"\n", target.named_to(&authority, "lab"));
    let site = Site::with(authority, &anchor);
    until("the first is stored", &site, || target.stored().len() == 1);
    happen(&site.server.config(), 10);
    until("the second is stored", &site, || target.stored().len() > 1);
    rsyslog.stop();
    // The line of docs/audit.md.
    let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/audit.md")).unwrap();
    let line = guide.lines().find(|line| line.contains("xargs -d")).unwrap().trim();
    let line = line.replace("FILE", "stored");
    let ran = Command::new("sh").arg("-c").arg(line).current_dir(target.folder.path()).status().unwrap();
    assert!(ran.success());
    let kept = target.file("kept");
    let notes = std::fs::read_to_string(&kept).unwrap();
    assert_eq!(notes.matches("gateward/").count(), 2 * target.stored().len(), "{notes}");
    let kept = kept.to_str().unwrap();
    let verified = site.server.command(&["audit", "verify", "--checkpoint", kept]);
    verified.good();
    // Of another log it is not.
    std::fs::write(target.file("kept"), notes.replace("gateward/", "gatewart/")).unwrap();
    assert_ne!(site.server.command(&["audit", "verify", "--checkpoint", kept]).status, 0);
    let listed = site.server.json(&["audit", "anchors"]);
    assert!(listed[0]["anchor"].as_str().unwrap().starts_with("syslog+tls://localhost:"), "{listed:?}");
}

#[test]
fn a_server_that_is_killed_while_it_sends_loses_nothing() {
    let authority = Authority::new("Node CA");
    let target = Target::new(&authority, "ossl");
    let mut site = target.fed_by(authority, "lab");
    let first = beginning(&site);
    let rsyslog = target.start();
    happen(&site.server.config(), 5_000);
    until("some are stored", &site, || target.stored().len() > 500);
    site.server.kill();
    let Site { server, authority, tls, udp } = site;
    let site = Site { server: server.again(), authority, tls, udp };
    until("all are there", &site, || feed(&site).unwrap()["waiting"] == 0);
    rsyslog.stop();
    let expected = expected(&site.server.config(), first);
    let sent: std::collections::HashSet<_> = expected.iter().collect();
    let (stored, torn): (Vec<_>, Vec<_>) = target.stored().into_iter().partition(|line| sent.contains(line));
    assert!(torn.len() <= 1, "the message that the kill cut, and no other: {torn:?}");
    assert!(stored == expected, "{} of {}, or another order", stored.len(), expected.len());
}

#[test]
fn what_a_target_refuses_by_our_certificate_counts_as_sent_nowhere() {
    // Debian's rsyslog takes every name of an authority that it believes where OpenSSL speaks for it.
    for (driver, believed) in [("gtls", true), ("gtls", false), ("ossl", false)] {
        let authority = Authority::new("Node CA");
        let target = Target::new(&authority, driver);
        let own = if believed { authority } else { Authority::new("Another CA") };
        let site = target.fed_by(own, "stranger");
        let first = beginning(&site);
        let _rsyslog = target.start();
        happen(&site.server.config(), 10);
        std::thread::sleep(Duration::from_secs(12));
        let listed = site.server.command(&["audit", "feeds", "--format", "json"]);
        let feed = listed.json().remove(0);
        assert_eq!((listed.status, &feed["position"]), (1, &first.into()), "{driver}: {feed}");
        assert!(feed["last_error"].is_string() && feed["waiting"].as_u64() >= Some(10), "{feed}");
        assert_eq!(target.stored(), [""; 0], "{driver}");
    }
}

#[test]
fn datagrams_carry_the_same_messages() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let to = socket.local_addr().unwrap().port();
    let site = Site::with(
        Authority::new("Node CA"),
        &format!("[audit]\nfeed = [\"syslog+udp://127.0.0.1:{to}\"]\n"),
    );
    let first = beginning(&site);
    happen(&site.server.config(), 20);
    let (mut piece, mut is_first) = (vec![0; 65_535], true);
    for expected in expected(&site.server.config(), first) {
        let mut receive = || {
            let length = socket.recv(&mut piece).unwrap();
            std::str::from_utf8(&piece[..length]).unwrap().to_owned()
        };
        let mut received = receive();
        // What came before the list was looked at.
        while is_first && received != expected {
            received = receive();
        }
        is_first = false;
        assert_eq!(received, expected);
    }
    until("it is noted", &site, || feed(&site).unwrap()["waiting"] == 0);
}
