//! The file for a data centre of EIDA: an FDSN data service, and gateward in front of it.

use std::path::{Path, PathBuf};

use super::eida::{Options, Unlisted};
use super::public::Public;
use super::{Init, absolute, issuer, quoted};
use crate::base::postgres_url::PostgresUrl;
use crate::base::store_address::StoreAddress;
use crate::config::upstream::UpstreamUrl;

/// Everything that the file says.
pub(super) struct DataCentre {
    pub(super) public: Public,
    pub(super) issuer: (PathBuf, openpgp::Fingerprint),
    pub(super) upstream: UpstreamUrl,
    pub(super) digest: Decided,
}

/// Who checks HTTP Digest, with what has to be known then.
pub(super) enum Decided {
    /// The data service; it finds our logins in RESIF's databases, if it is said where they are.
    Upstream(Option<Box<Resif>>),
    /// We do.
    Gateward {
        /// A full path, or a URL.
        inventory: String,
        unlisted: Unlisted,
    },
}

/// RESIF's databases, which may be one.
pub(super) struct Resif {
    pub(super) auth: PostgresUrl,
    pub(super) privileges: PostgresUrl,
}

/// What to write next, where it is ours to decide who may have restricted data.
const GRANTS: &str = "
# What is restricted whatever the inventory says; it belongs to the [[service]] right above it.
# [[service.restriction]]
# network = \"XX:2024-2026\"
# reason = \"embargo until the end of the project\"

# Who may have restricted data: whoever's token lists the group. Each service has its own grants;
# `gateward grant create` makes more while the server runs. Years tell networks apart that had the same
# code one after the other.
# [[grant]]
# group = \"/epos/alparray\"
# service = \"dataselect\"
# networks = [\"Z3:2015-2022\"]
";

impl DataCentre {
    /// Writes the file.
    pub(super) fn text(&self, init: &Init, store: &StoreAddress) -> anyhow::Result<String> {
        let grants = match self.digest {
            Decided::Upstream(_) => "",
            Decided::Gateward { .. } => GRANTS,
        };
        let drop_in = self.drop_in(init.eida.resif_password_file.as_deref())?;
        Ok([&self.head(init, store)?, &drop_in, &self.services(&init.eida), grants].concat())
    }

    fn head(&self, init: &Init, store: &StoreAddress) -> anyhow::Result<String> {
        let (key, fingerprint) = &self.issuer;
        Ok(format!(
            "# Gateward before an FDSN data service. `gateward config check` looks at this file and at everything\n\
             # that it names, `gateward config show` prints every option there is; a restart takes changes up.\n\
             mode = \"{mode}\"\n\n\
             {public}\n\
             # The record, the logins and the grants: {kind}.\n\
             store = {store}\n\
             # The keys that lie outside it: back this file up apart from it.\n\
             keyring = \"keyring.toml\"\n\n\
             # For operators: /healthz and /readyz for everybody, the rest with a user's password.\n\
             {admin}\n\
             # Whose signed tokens are believed.\n\
             {issuer}\
             # EIDA's issuer signs by SHA-1 and nothing else. This believes that, from this key alone, and every\n\
             # start says so; take it out once the issuer signs by SHA-2.\n\
             allow_sha1 = true\n",
            mode = init.mode.word(),
            public = self.public.text()?,
            kind = match store {
                StoreAddress::Sqlite(_) => "one SQLite file",
                StoreAddress::Postgres(_) => "one PostgreSQL database",
            },
            store = quoted(&store.to_string()),
            admin = init.admin(),
            issuer = issuer(&absolute(key)?, fingerprint),
        ))
    }

    /// Where the data service finds our logins, or how it could.
    fn drop_in(&self, password_file: Option<&Path>) -> anyhow::Result<String> {
        Ok(match &self.digest {
            Decided::Gateward { .. } => String::new(),
            Decided::Upstream(Some(resif)) => format!(
                "\n# Each login is written into RESIF's databases, too, where the data service looks; `gateward config\n\
                 # check` says what is missing there.\n[exchange.resif]\nauth = {}\nprivileges = {}\n{}\n",
                quoted(&resif.auth.to_string()),
                quoted(&resif.privileges.to_string()),
                match password_file {
                    Some(file) => format!("password_file = {}", absolute(file)?),
                    None => "# password_file = \"/etc/gateward/resif.pass\"".to_owned(),
                },
            ),
            Decided::Upstream(None) => {
                "\n# The data service knows the logins of tokens once they are written where it looks: into\n\
                 # RESIF's databases, or into a file for Apache.\n# [exchange.resif]\n\
                 # auth = \"postgres://eidawsauth@localhost/resifAuth\"\n\
                 # privileges = \"postgres://eidawsauth@localhost/resifInv-Prod\"\n\
                 # [exchange.htdigest]\n# path = \"/var/lib/gateward-logins/htdigest\"  # see eidaws-auth.md for the folder\n"
                    .into()
            }
        })
    }

    fn services(&self, options: &Options) -> String {
        let others = [("availability", options.availability), ("station", options.station)];
        let others = others.into_iter().filter_map(|(name, wanted)| wanted.then_some(name));
        // Dataselect comes last: a restriction in the comment below is written under it.
        others.chain(["dataselect"]).map(|name| self.service(name)).collect()
    }

    fn service(&self, name: &str) -> String {
        let begin = match name {
            "dataselect" => "The data. Clients find the exchange beside them, at /fdsnws/dataselect/1/auth.",
            "station" => "Station metadata. They pass as they are, unless restrict_metadata = true.",
            _ => "What data there are. This is told to whoever may have the data themselves.",
        };
        format!(
            "\n# {begin}\n[[service]]\nname = \"{name}\"\nkind = \"fdsn\"\npath = \"/fdsnws/{name}/1\"\n\
             upstream = {upstream}\n{digest}\n",
            upstream = quoted(&self.upstream.to_string()),
            digest = self.digest.text(name),
        )
    }
}

impl Decided {
    fn text(&self, service: &str) -> String {
        let (inventory, unlisted) = match self {
            Self::Upstream(_) => {
                return "digest = \"upstream\"  # it checks logins and decides who gets what".into();
            }
            Self::Gateward { .. } if service == "station" => return "digest = \"gateward\"".into(),
            Self::Gateward { inventory, unlisted } => (inventory, unlisted),
        };
        let unlisted = match unlisted {
            Unlisted::Refuse => "\"refuse\"  # what the inventory does not know counts as restricted",
            Unlisted::Open => "\"open\"  # what the inventory does not know is open to everybody",
        };
        format!(
            "digest = \"gateward\"  # we check logins, and keep to the restrictions\n\
             inventory = {}  # restrictedStatus of each channel; read again in time\n\
             unlisted = {unlisted}",
            quoted(inventory),
        )
    }
}
