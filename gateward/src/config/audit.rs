//! The log of events: what else is written to it, and where it is sent as well.

mod anchor;
mod checkpoint;
mod feed;
mod witness;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use signed_note::VerifierKey;

pub use self::anchor::Anchor;
pub use self::checkpoint::CheckpointEvery;
pub use self::feed::{Feed, Target};
pub use self::witness::Witness;
use super::{Fingerprint, Tls};
use crate::base::host::HostName;
use crate::base::kind::Kind;
use crate::base::name::{ServiceName, UrlPath};
use crate::base::period::Period;

/// What is done with the log besides keeping it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// What this installation calls itself where events of many are gathered; the machine's name unless named.
    pub name: Option<HostName>,
    /// How long the log is kept; for ever unless named.
    pub keep: Option<Period>,
    /// Where nodes with a grant on [`AUDIT`] read the log and send events of their own, on the public listener.
    pub fhir: Option<UrlPath>,
    /// How long lies between two checkpoints of a log that grows.
    pub checkpoint: CheckpointEvery,
    /// Where each checkpoint is kept outside the store; a store that is behind one of them serves nothing.
    #[serde(deserialize_with = "anchor::one_or_more")]
    pub anchor: Vec<Anchor>,
    /// Whose checkpoints are cosigned here, by the keys of their logs.
    #[serde(deserialize_with = "witness::keys")]
    pub witness: Vec<VerifierKey>,
    /// Whose key the parameters of requests are sealed to; they stand there in clear unless named.
    pub seal: Option<Auditor>,
    /// Where events are sent as well, each place by itself.
    pub feed: Vec<Feed>,
    /// Where audit messages of others are received (IHE ITI-20).
    pub syslog: Option<SyslogReceiver>,
}

/// What grants on the log itself name as their service.
pub const AUDIT: &str = "audit";

/// An OpenPGP key whose owner alone reads what is sealed to it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auditor {
    /// The public key, armored or not.
    pub key: PathBuf,
    /// Its full fingerprint; the key must have it.
    pub fingerprint: Fingerprint,
}

/// Where audit messages of others are received.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyslogReceiver {
    /// By TLS from registered nodes (RFC 5425); 6514 is the usual port.
    pub listen: Option<SocketAddr>,
    /// By UDP from anybody (RFC 5426); 514 is the usual port.
    pub udp: Option<SocketAddr>,
    /// Certificate and key of `listen`, where they are not the public listener's.
    pub tls: Option<Tls>,
}

impl Audit {
    /// What the places are called that events are sent to.
    pub fn feed_names(&self) -> Vec<String> {
        self.feed.iter().map(|feed| feed.to.to_string()).collect()
    }

    /// Looks at each part; `own_tls` says that the public listener has a certificate.
    pub(super) fn check(&self, own_tls: bool) -> Result<(), String> {
        if let Some(syslog) = &self.syslog {
            syslog.check(own_tls)?;
        }
        self.anchor.iter().try_for_each(Anchor::check)?;
        for (at, feed) in self.feed.iter().enumerate() {
            feed.check()?;
            if self.feed[..at].iter().any(|other| other.to == feed.to) {
                return Err(format!("events are sent to {} twice", feed.to));
            }
        }
        Ok(())
    }

    /// The kind of the service that grants on the log name, where it stands somewhere.
    pub(super) fn kind_of(&self, service: &ServiceName) -> Option<Kind> {
        (self.fhir.is_some() && service.as_str() == AUDIT).then_some(Kind::OF_THE_LOG)
    }

    pub(super) fn anchor(&mut self, folder: &Path) {
        for tls in self.syslog.iter_mut().filter_map(|syslog| syslog.tls.as_mut()) {
            for path in [&mut tls.certificate, &mut tls.key] {
                *path = folder.join(&*path);
            }
        }
        if let Some(auditor) = &mut self.seal {
            auditor.key = folder.join(&auditor.key);
        }
        for feed in &mut self.feed {
            feed.anchor(folder);
        }
        for anchor in &mut self.anchor {
            anchor.anchor(folder);
        }
    }
}

impl SyslogReceiver {
    fn check(&self, own_tls: bool) -> Result<(), String> {
        if self.listen.is_none() && self.udp.is_none() {
            return Err("[audit.syslog] receives nothing: listen for TLS, udp for UDP, or both".into());
        }
        if self.listen.is_some() && self.tls.is_none() && !own_tls {
            return Err(
                "listen of [audit.syslog] speaks TLS, and there is no certificate: give it a tls".into()
            );
        }
        if self.tls.is_some() && self.listen.is_none() {
            return Err("tls of [audit.syslog] belongs to its listen".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, SMALL};

    fn parsed(more: &str) -> Result<Config, String> {
        Config::parse(&format!("{SMALL}{more}"), "/etc/gateward".as_ref()).map_err(|wrong| wrong.to_string())
    }

    #[test]
    fn a_receiver_listens_somewhere_and_tls_has_a_certificate() {
        let config = parsed("[audit.syslog]\nlisten = \"0.0.0.0:6514\"\nudp = \"0.0.0.0:514\"\n").unwrap();
        assert_eq!(config.audit.syslog.unwrap().listen.unwrap().port(), 6514);
        let refused = parsed("[audit.syslog]\n").unwrap_err();
        assert!(refused.contains("line 9") && refused.contains("receives nothing"), "{refused}");
        let tls = "tls = { certificate = \"a.pem\", key = \"a.key\" }\n";
        let refused = parsed(&format!("[audit.syslog]\nudp = \"0.0.0.0:514\"\n{tls}")).unwrap_err();
        assert!(refused.contains("belongs to its listen"), "{refused}");
    }

    #[test]
    fn checkpoints_are_kept_in_one_place_or_in_several() {
        let anchors = |anchors: &str| parsed(&format!("[audit]\nanchor = {anchors}\n"));
        for one in ["\"file:kept\"", "[\"file:kept\"]"] {
            let places = anchors(one).unwrap().audit.anchor;
            assert_eq!(places.len(), 1);
            assert_eq!(places[0].to_string(), "file:/etc/gateward/kept");
        }
        for (wrong, why) in [
            ("\"/mnt/kept\"", "file:PATH"),
            ("[\"file:a\", \"file:a\"]", "twice"),
            ("7", "an anchor, or a list"),
        ] {
            let refused = anchors(wrong).unwrap_err();
            assert!(refused.contains(why), "{wrong}: {refused}");
        }
    }

    #[test]
    fn events_are_sent_to_each_place_once_and_to_none_that_could_read_along() {
        let feeds = |feeds: &str| parsed(&format!("[audit]\nfeed = [{feeds}]\n"));
        let config = feeds("\"syslog+udp://a\", { to = \"syslog+tls://b\", ca = \"b.pem\" }").unwrap();
        assert_eq!(config.audit.feed[0].to.to_string(), "syslog+udp://a:514");
        assert_eq!(config.audit.feed[1].to.to_string(), "syslog+tls://b:6514");
        assert_eq!(config.audit.feed[1].ca, Some("/etc/gateward/b.pem".into()));
        for (wrong, why) in [
            ("\"syslog+udp://a\", \"syslog+udp://a:514\"", "twice"),
            ("\"syslog+tcp://a\"", "syslog+tls://"),
            ("\"fhir+http://registry.example.org/fhir\"", "fhir+https://"),
            ("\"syslog+udp://a/path\"", "path"),
            ("{ to = \"syslog+udp://a\", ca = \"b.pem\" }", "UDP"),
            ("{ to = \"syslog+tls://a\", key = \"b.key\" }", "certificate"),
            ("\"\"", "syslog+tls://"),
        ] {
            let refused = feeds(wrong).unwrap_err();
            assert!(refused.contains(why), "{wrong}: {refused}");
        }
        assert!(feeds("\"fhir+http://127.0.0.1:8080/fhir\"").is_ok());
    }
}
