//! rsyslog, as Debian has it.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::server::wait;
use super::site::Site;
use super::tools::{send, start};

/// One rsyslogd, killed when it is dropped.
pub struct Rsyslog(Child);

impl Rsyslog {
    /// Starts it with this configuration; its files are in `folder`.
    pub fn start(folder: &Path, configuration: &str) -> Self {
        let file = folder.join("rsyslog.conf");
        std::fs::write(&file, configuration).unwrap();
        let mut rsyslogd = Command::new("rsyslogd");
        rsyslogd.arg("-n").arg("-f").arg(&file).arg("-i").arg(folder.join("rsyslog.pid"));
        Self(start(rsyslogd.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())))
    }

    /// Ends it in order.
    pub fn stop(mut self) {
        send(Signal::SIGTERM, &self.0);
        wait(&mut self.0);
    }

    /// Ends it at once.
    pub fn kill(mut self) {
        send(Signal::SIGKILL, &self.0);
        wait(&mut self.0);
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn what_rsyslog_forwards_by_tls_is_kept_byte_for_byte() {
    for (driver, count) in [("gtls", 10_000), ("ossl", 1_000)] {
        let site = Site::open();
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = site.machine("lab").files(folder.path());
        let (input, queue) = (folder.path().join("input.log"), folder.path().display());
        let texts: Vec<String> =
            (0..count).map(|number| format!("Nr. {number}: Ærøskøbing, 東京, Ω")).collect();
        std::fs::write(&input, texts.join("\n") + "\n").unwrap();
        let rsyslog = Rsyslog::start(
            folder.path(),
            &format!(
                "global(workDirectory=\"{queue}\" DefaultNetstreamDriverCAFile=\"{ca}\" \
                 DefaultNetstreamDriverCertFile=\"{certificate}\" DefaultNetstreamDriverKeyFile=\"{key}\")\n\
                 module(load=\"imfile\")\n\
                 input(type=\"imfile\" File=\"{input}\" Tag=\"lab\" ruleset=\"out\")\n\
                 template(name=\"plain\" type=\"string\" string=\"<85>1 - lab test - IHE+RFC-3881 - %msg%\")\n\
                 ruleset(name=\"out\") {{ action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{port}\" protocol=\"tcp\" \
                 TCP_Framing=\"octet-counted\" StreamDriver=\"{driver}\" StreamDriverMode=\"1\" \
                 StreamDriverAuthMode=\"x509/name\" StreamDriverPermittedPeers=\"localhost\" template=\"plain\" \
                 action.resumeRetryCount=\"-1\") }}\n",
                ca = site.server.file("ca.pem").display(),
                certificate = certificate.display(),
                key = key.display(),
                input = input.display(),
                port = site.tls,
            ),
        );
        let begun = Instant::now();
        let received = site.messages(count);
        let expected = texts.iter().map(|text| format!("<85>1 - lab test - IHE+RFC-3881 - {text}"));
        assert_eq!(received, expected.collect::<Vec<_>>(), "{driver}");
        assert!(begun.elapsed() < Duration::from_secs(60));
        rsyslog.stop();
        assert_eq!(site.events("stream_refused").len(), 0);
    }
}
