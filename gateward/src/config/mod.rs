//! The configuration: one TOML file, read once, into types that hold only what makes sense.
//!
//! Unknown names are refused with their line and the nearest right name. No decision about safety
//! has a default. Secrets are named by their path and never stand in the file.

/// A type of another crate, read as its text.
macro_rules! parsed {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(pub $inner);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map(Self).map_err(serde::de::Error::custom)
            }
        }
    };
}

use parsed;

mod access_token;
pub mod audit;
mod backup;
mod check;
mod exchange;
mod grant;
mod listen;
mod nearest;
mod nodes;
mod oidc;
mod openhim;
pub mod origin;
mod passwords;
mod policy;
pub mod service;
pub mod settings;
mod standing;
pub mod upstream;
mod verify;
mod wrong;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use backup_manifest::VerifierKey;
use serde::Deserialize;

use crate::base::kind::Kind;
use crate::base::name::{ServiceName, UrlPath};
use crate::base::store_address::StoreAddress;
pub use access_token::{AccessToken, Ckan};
pub use audit::{AUDIT, Anchor, Audit, Witness};
pub use backup::{Backup, S3};
pub use exchange::{Exchange, Htdigest, Resif, StatusStyle};
pub use grant::{Grant, OidcPerson};
pub use listen::{Listen, TrustedProxies};
pub use nodes::CrlPolicy;
pub use oidc::Oidc;
pub use openhim::OpenHim;
pub use passwords::Passwords;
pub use service::ServiceConfig;
pub use upstream::Upstream;
pub use verify::{SystemUser, VERIFY, Verify};
pub use wrong::Wrong;
use wrong::line_of;

/// Where our own pages stand on the public listener.
const LOGIN_PAGE: &str = "/gateward";

/// Where callers read what version this is.
const VERSION: &str = "/version";

/// What kind of installation this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Throw-away keys and certificates, and short keys, are refused.
    #[default]
    Production,
    /// They are allowed, and said aloud at every start.
    Development,
    /// As `development`.
    Test,
}

impl Mode {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Development => "development",
            Self::Test => "test",
        }
    }
}

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What kind of installation this is.
    #[serde(default)]
    pub mode: Mode,
    /// Where the public listener listens; `None` where commands alone are used, and nothing is served.
    pub listen: Option<Listen>,
    /// Certificate and key of the public listener; `None` behind somebody else's TLS.
    pub tls: Option<Tls>,
    /// Whose certificates of machines are believed: files of authorities' certificates.
    #[serde(default)]
    pub node_ca: Vec<PathBuf>,
    /// Their lists of revoked certificates (CRLs).
    #[serde(default)]
    pub node_crl: Vec<PathBuf>,
    /// What is asked of those lists; every authority needs a current one where they are named and this is not.
    pub crl: Option<CrlPolicy>,
    /// Who is believed about the address of a client, and about nothing else.
    #[serde(default)]
    pub trusted_proxies: TrustedProxies,
    /// Whether they say it by the PROXY protocol, before TLS if there is TLS; `X-Forwarded-For` is not
    /// looked at then. Otherwise by that field in each request.
    #[serde(default)]
    pub proxy_protocol: bool,
    /// The store: a path, `sqlite:PATH`, or `postgres://USER@HOST/DATABASE`.
    pub store: StoreAddress,
    /// The file of keys that lie outside the database.
    pub keyring: PathBuf,
    /// The realm of HTTP Digest (RFC 7616 section 3.3).
    #[serde(default = "default_realm")]
    pub realm: Realm,
    /// Offer HTTP Digest by SHA-256, too: for a data centre whose security rules forbid MD5 where a
    /// client can do better. MD5 stays the first challenge, because the clients of EIDA speak it alone.
    #[serde(default)]
    pub digest_sha256: bool,
    /// What the passwords of users cost.
    #[serde(default)]
    pub passwords: Passwords,
    /// The exchange.
    #[serde(default)]
    pub exchange: Exchange,
    /// Who may ask for their clients, besides nodes.
    pub verify: Option<Verify>,
    /// The listener for operators; one that serves has it.
    pub admin: Option<Admin>,
    /// Whose signed tokens are believed.
    #[serde(default)]
    pub issuer: Vec<Issuer>,
    /// Whose JWTs are believed.
    #[serde(default)]
    pub oidc: Vec<Oidc>,
    /// What is protected.
    #[serde(default)]
    pub service: Vec<ServiceConfig>,
    /// Who may reach what.
    #[serde(default)]
    pub grant: Vec<Grant>,
    /// Access tokens for people: `.dcor-access` files.
    pub access_token: Option<AccessToken>,
    /// The CKAN that their keys are made by.
    pub ckan: Option<Ckan>,
    /// The OpenHIM that we are a mediator of.
    pub openhim: Option<OpenHim>,
    /// The event log: how it is told to others, what else is written to it, and where it is sent as well.
    #[serde(default)]
    pub audit: Audit,
    /// Jobs of backups.
    #[serde(default)]
    pub backup: Vec<Backup>,
    /// The folder with what they need: recipients' keys, locks, and what could not be recorded yet.
    #[serde(default = "usual_backup_state")]
    pub backup_state: PathBuf,
    /// Whose results of drills count, besides our own: keys that `gateward backup signer` prints on other machines.
    /// What they say of anything else counts for nothing.
    #[serde(default)]
    pub drill_signers: Vec<DrillSigner>,
    /// What the file itself says about who may reach what, as `policy.rs` takes it.
    #[serde(skip)]
    pub policy_text: String,
}

/// A certificate and its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// The private key; nobody else may read it.
    pub key: PathBuf,
}

/// The listener for operators.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Certificate and key.
    pub tls: Tls,
}

/// An OpenPGP key whose signed tokens are believed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// The public key, armored or not.
    pub key: PathBuf,
    /// Its full fingerprint; the key must have it.
    pub fingerprint: Fingerprint,
    /// Believe its signatures over SHA-1, too. Some issuers make no others; a stranger who can
    /// make two texts with one SHA-1 could then swap them.
    #[serde(default)]
    pub allow_sha1: bool,
}

parsed!(
    /// A key that results of drills are signed with on another machine.
    DrillSigner(VerifierKey)
);
parsed!(
    /// A Digest realm.
    Realm(http_digest::Realm)
);
parsed!(
    /// A group in a signed token.
    Group(signed_token::Group)
);
parsed!(
    /// A mail address.
    Mail(signed_token::Mail)
);
parsed!(
    /// A full OpenPGP fingerprint.
    Fingerprint(openpgp::Fingerprint)
);

fn usual_backup_state() -> PathBuf {
    "/var/lib/gateward-backup".into()
}

fn default_realm() -> Realm {
    Realm("FDSN".parse().expect("FDSN is a realm"))
}

/// Why there is no configuration: the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is not there, or nobody may read it.
    #[error("{path}: {source}", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It says something that makes no sense.
    #[error("{path}, line {line}: {reason}", path = .path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what would be right.
        reason: String,
    },
}

impl Config {
    /// Reads the file at `path`. Paths in it are taken from the file's own folder.
    ///
    /// # Errors
    ///
    /// [`Error`], naming the line.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::Unreadable { path: path.to_owned(), source })?;
        let absolute = std::path::absolute(path)
            .map_err(|source| Error::Unreadable { path: path.to_owned(), source })?;
        let folder = absolute.parent().unwrap_or(Path::new("/"));
        Self::parse(&text, folder).map_err(|wrong| Error::Wrong {
            path: path.to_owned(),
            line: wrong.line,
            reason: wrong.reason,
        })
    }

    /// Reads the text of a file that lies in `folder`.
    ///
    /// # Errors
    ///
    /// [`Wrong`], naming the line.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Wrong> {
        let mut config: Self = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            Wrong { line: line_of(text, start), reason: nearest::suggest(error.message()) }
        })?;
        config.check(text)?;
        config.policy_text = policy::text(text);
        config.anchor(folder);
        Ok(config)
    }

    /// Where is listened: for everybody, and for operators; `None` where nothing is served.
    pub fn listeners(&self) -> Option<(&Listen, &Admin)> {
        self.listen.as_ref().zip(self.admin.as_ref())
    }

    /// The kind of a service that grants can name; `None` where there is no such service.
    pub fn kind_of(&self, service: &ServiceName) -> Option<Kind> {
        let found = self.service.iter().find(|one| one.name() == *service);
        found.map(|one| one.kind).or_else(|| self.audit.kind_of(service))
    }

    /// What of the public listener's paths is ours, and no service's, with all that is below.
    pub fn own_places(&self) -> Vec<(UrlPath, &'static str)> {
        let ours = |path: &str| UrlPath::try_from(path.to_owned()).expect("it is a path");
        let log = self.audit.fhir.clone().map(|path| (path, "the place where nodes read the log"));
        [
            (self.exchange.path.clone(), "the exchange"),
            (ours(LOGIN_PAGE), "our login page"),
            (ours(VERSION), "the place where our version stands"),
            (ours(VERIFY), "the place where proxies ask"),
        ]
        .into_iter()
        .chain(log)
        .collect()
    }

    /// Takes relative paths from the file's own folder, wherever the program was started.
    fn anchor(&mut self, folder: &Path) {
        let Self { listen, tls, store, keyring, exchange, admin, issuer, service, .. } = self;
        let Self {
            access_token, ckan, openhim, audit, backup, backup_state, oidc, node_ca, node_crl, ..
        } = self;
        nodes::anchor(folder, node_ca);
        nodes::anchor(folder, node_crl);
        exchange.anchor(folder);
        audit.anchor(folder);
        if let Some(access_token) = access_token {
            access_token.anchor(folder);
        }
        if let Some(ckan) = ckan {
            ckan.anchor(folder);
        }
        if let Some(openhim) = openhim {
            openhim.anchor(folder);
        }
        let socket = match listen {
            Some(Listen::Unix(path)) => Some(path),
            Some(Listen::Address(_)) | None => None,
        };
        let listeners = tls.iter_mut().chain(admin.as_mut().map(|admin| &mut admin.tls));
        let tls = listeners.flat_map(|tls| [&mut tls.certificate, &mut tls.key]);
        store.anchor(folder);
        let issuers = issuer.iter_mut().map(|issuer| &mut issuer.key);
        for service in service {
            service.anchor(folder);
        }
        for oidc in oidc {
            oidc.anchor(folder);
        }
        for job in backup {
            job.anchor(folder);
        }
        for path in [keyring, backup_state].into_iter().chain(socket).chain(tls).chain(issuers) {
            *path = folder.join(&*path);
        }
    }
}

/// The smallest file that serves, for tests to go on from.
#[cfg(test)]
pub(crate) const SMALL: &str = r#"
listen = "127.0.0.1:8443"
tls = { certificate = "a.pem", key = "a.key" }
store = "gateward.db"
keyring = "keyring.toml"
[admin]
listen = "127.0.0.1:9443"
tls = { certificate = "b.pem", key = "b.key" }
"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(more: &str) -> (usize, String) {
        let wrong = Config::parse(&format!("{SMALL}{more}"), Path::new("/etc/gateward")).unwrap_err();
        (wrong.line, wrong.reason)
    }

    #[test]
    fn the_smallest_file_is_a_production_installation_that_protects_nothing() {
        let config = Config::parse(SMALL, Path::new("/etc/gateward")).unwrap();
        assert_eq!(config.mode, Mode::Production);
        assert_eq!(config.store.file(), Some(Path::new("/etc/gateward/gateward.db")));
        assert_eq!(config.exchange.path.as_str(), "/auth");
        assert_eq!(config.realm.0.as_str(), "FDSN");
    }

    #[test]
    fn a_socket_lies_in_the_folder_of_the_file_and_needs_no_certificate() {
        let tls = "tls = { certificate = \"a.pem\", key = \"a.key\" }\n";
        let text = SMALL.replacen("127.0.0.1:8443", "unix:http.sock", 1).replacen(tls, "", 1);
        let config = Config::parse(&text, Path::new("/etc/gateward")).unwrap();
        assert_eq!(config.listen, Some(Listen::Unix("/etc/gateward/http.sock".into())));
        assert_eq!(config.tls, None);
        assert!(config.trusted_proxies.is_empty() && !config.proxy_protocol);
    }

    #[test]
    fn an_unknown_name_is_refused_with_its_line_and_the_nearest_right_one() {
        let (line, reason) = refusal("[[issuer]]\nkey = \"k.asc\"\nfingerprnt = \"00\"\n");
        assert_eq!(line, 11);
        assert!(reason.starts_with("unknown name `fingerprnt`: did you mean `fingerprint`?"), "{reason}");
    }
}
