//! A service in the configuration file.
//!
//! Which names a kind of service takes, and which it cannot do without, its kind itself says
//! (`flows::kind`): here they are only read.

use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};

use super::standing::{self, Paths};
use super::upstream::{Upstream, UpstreamUrl};
use crate::base::address::Whence;
use crate::base::host::HostName;
use crate::base::kind::{DigestCheckedBy, ExistingKeys, Kind, QueryauthTo, Unlisted};
use crate::base::maintenance::Maintenance;
use crate::base::name::{ServiceName, UrlPath};
use crate::base::network::Network;

/// An upstream that is protected.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceConfig {
    pub(super) name: Option<ServiceName>,
    /// What knows its requests.
    pub kind: Kind,
    /// Where it stands on the public listener.
    pub path: Paths,
    /// The hosts that it is for; none named, for all.
    #[serde(default)]
    pub host: Vec<HostName>,
    /// From where callers may come; nowhere named, from everywhere.
    #[serde(default)]
    pub from: Whence,
    /// It is being worked on.
    #[serde(default, deserialize_with = "standing::maintenance")]
    pub maintenance: Option<Maintenance>,
    /// What is behind it.
    pub upstream: Upstream,
    /// Who may enter at all; without a default where it decides about safety.
    #[serde(default)]
    pub require: Vec<Requirement>,
    /// How browsers show who somebody is, where the application uses `Authorization` itself.
    pub login: Option<Login>,
    /// Who checks HTTP Digest; without a default.
    pub digest: Option<DigestCheckedBy>,
    /// What tells which data there are, and which of them are restricted.
    pub inventory: Option<Inventory>,
    /// What happens to CKAN's own keys; without a default.
    pub existing_keys: Option<ExistingKeys>,
    /// What happens to data that the inventory does not know; without a default.
    pub unlisted: Option<Unlisted>,
    /// What is restricted, whatever the inventory says.
    #[serde(default)]
    pub restriction: Vec<Restriction>,
    /// Station metadata follow the restrictions, too.
    #[serde(default)]
    pub restrict_metadata: bool,
    /// The headers of miniSEED records are compared with what was permitted.
    pub verify_stream: Option<bool>,
    /// The path at the upstream that `queryauth` is asked at.
    pub queryauth_to: Option<QueryauthTo>,
    /// The header in which the upstream is told who asks.
    pub identify_as: Option<HeaderName>,
    /// A request that the OpenHIM passed on is answered as its mediators do.
    #[serde(default)]
    pub openhim: bool,
    /// Paths below the service that pass as they are, by GET.
    #[serde(default)]
    pub pass: Vec<UrlPath>,
}

/// How browsers show who somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Login {
    /// Our login page, and a cookie from then on.
    Page,
}

/// What a caller must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Requirement {
    /// A person, asked by HTTP Digest: the temporary logins that the exchange makes.
    Login,
    /// A person, asked for Basic or Bearer.
    User,
    /// A registered machine, by its certificate.
    Node,
    /// A machine or a person, whichever comes.
    Either,
}

/// Where the inventory comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// A file or a station service.
    pub source: InventorySource,
    /// How long lies between two readings.
    pub refresh: SignedDuration,
    /// For how long the last reading is believed.
    pub stale_after: SignedDuration,
}

/// A file, or a station service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InventorySource {
    /// A StationXML file with `level=channel`.
    File(PathBuf),
    /// The URL of an FDSN station service, as in `http://127.0.0.1:8080/fdsnws/station/1`.
    Service(UpstreamUrl),
}

/// Something that is restricted, whatever the inventory says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restriction {
    /// Which network, with years if its code is used again.
    pub network: NetworkPattern,
    /// Which stations.
    #[serde(default = "everything")]
    pub station: String,
    /// Which locations; `--` is the blank one.
    #[serde(default = "everything")]
    pub location: String,
    /// Which channels.
    #[serde(default = "everything")]
    pub channel: String,
    /// From when on.
    pub start: Option<String>,
    /// Until when.
    pub end: Option<String>,
    /// What callers are told.
    pub reason: Option<String>,
}

/// One network with its years, or a pattern of codes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum NetworkPattern {
    /// A code, with years or without.
    Network(Network),
    /// Codes with `*` and `?`.
    Pattern(String),
}

impl TryFrom<String> for NetworkPattern {
    type Error = crate::base::network::NotANetwork;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.contains(['*', '?']) { Ok(Self::Pattern(text)) } else { text.try_into().map(Self::Network) }
    }
}

/// The name of a header field.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HeaderName(pub http::HeaderName);

impl TryFrom<String> for HeaderName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let name: http::HeaderName =
            text.parse().map_err(|_| format!("{text:?} is no name of a header field"))?;
        // All others say something else already, some of them what the client says.
        let own = name.as_str().starts_with("x-") || name == "remote-user";
        if !own || name.as_str().starts_with("x-forwarded-") {
            return Err(format!("{text:?} is taken: name a header field X-..., or Remote-User"));
        }
        Ok(Self(name))
    }
}

fn everything() -> String {
    "*".into()
}

fn default_refresh() -> SignedDuration {
    SignedDuration::from_hours(1)
}

fn default_stale_after() -> SignedDuration {
    SignedDuration::from_hours(24)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InventoryTable {
    file: Option<PathBuf>,
    url: Option<UpstreamUrl>,
    #[serde(default = "default_refresh")]
    refresh: SignedDuration,
    #[serde(default = "default_stale_after")]
    stale_after: SignedDuration,
}

impl TryFrom<InventoryTable> for Inventory {
    type Error = &'static str;

    fn try_from(table: InventoryTable) -> Result<Self, &'static str> {
        let InventoryTable { file, url, refresh, stale_after } = table;
        let source = match (file, url) {
            (Some(file), None) => InventorySource::File(file),
            (None, Some(url)) => InventorySource::Service(url),
            _ => return Err("an inventory is exactly one of file and url"),
        };
        if refresh < SignedDuration::from_secs(1) || stale_after < refresh {
            return Err("refresh is at least 1s, and stale_after not shorter than refresh");
        }
        Ok(Self { source, refresh, stale_after })
    }
}

impl<'de> Deserialize<'de> for Inventory {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct TextOrTable;

        impl<'de> Visitor<'de> for TextOrTable {
            type Value = Inventory;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a file, the URL of a station service, or { url = \"...\", refresh = \"1h\" }")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Inventory, E> {
                let source = if text.contains("://") {
                    InventorySource::Service(text.to_owned().try_into().map_err(E::custom)?)
                } else {
                    InventorySource::File(text.into())
                };
                let (refresh, stale_after) = (default_refresh(), default_stale_after());
                Ok(Inventory { source, refresh, stale_after })
            }

            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Inventory, A::Error> {
                let table = InventoryTable::deserialize(MapAccessDeserializer::new(table))?;
                table.try_into().map_err(de::Error::custom)
            }
        }

        from.deserialize_any(TextOrTable)
    }
}

impl ServiceConfig {
    /// Its name: the one given, or its path without the leading slash.
    pub fn name(&self) -> ServiceName {
        self.name.clone().unwrap_or_else(|| self.path.first().service_name())
    }

    /// Tells whether people are asked by HTTP Digest, by us or by what is behind us.
    pub fn asks_by_digest(&self) -> bool {
        self.digest.is_some() || self.require.contains(&Requirement::Login)
    }

    /// Tells whether a request could be meant for either of the two.
    pub(super) fn meets(&self, other: &Self) -> Option<(UrlPath, UrlPath)> {
        let shares_host = self.host.is_empty() && other.host.is_empty()
            || self.host.iter().any(|host| other.host.contains(host));
        let overlap = |a: &UrlPath, b: &UrlPath| {
            // What stands at the root has what no other has.
            let nested = |a: &UrlPath, b: &UrlPath| !a.is_root() && a.strip(b.as_str()).is_some();
            a == b || nested(a, b) || nested(b, a)
        };
        let pairs = self.path.iter().flat_map(|a| other.path.iter().map(move |b| (a, b)));
        let found = pairs.into_iter().find(|(a, b)| shares_host && overlap(a, b));
        found.map(|(a, b)| (a.clone(), b.clone()))
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if let (true, Upstream::Http(http)) = (self.path.are_several(), &self.upstream)
            && http.url.path().is_some()
        {
            return Err("several paths are the upstream's own, too: its URL has none then".into());
        }
        if let Some(Inventory { source: InventorySource::Service(url), .. }) = &self.inventory
            && url.is_https()
        {
            return Err(
                "an inventory is asked for over http://, at a station service beside us: for another one, \
                        let a cron job fetch a file"
                    .into(),
            );
        }
        let has_person =
            [Requirement::User, Requirement::Either].iter().any(|one| self.require.contains(one));
        if self.login.is_some() && !has_person {
            return Err(
                "login = \"page\" is how a user shows who they are: require names user, or either".into()
            );
        }
        self.upstream.check()
    }

    /// Takes relative paths from `folder`.
    pub(super) fn anchor(&mut self, folder: &Path) {
        self.upstream.anchor(folder);
        if let Some(Inventory { source: InventorySource::File(path), .. }) = &mut self.inventory {
            *path = folder.join(&*path);
        }
    }
}
