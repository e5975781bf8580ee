//! The demo's folder: keys, certificates, configuration, and something to protect.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use jiff::{SignedDuration, Timestamp};
use openpgp::{Algorithm, SigningKey};

use crate::base::store_address::StoreAddress;
use crate::cli::certificates;
use crate::cli::files::{Readable, create};
use crate::cli::init::first_operator;
use crate::config::{Config, Listen};
use crate::flows::keyring;
use crate::flows::passwords::Cost;
use crate::server::{system, tls::NON_PRODUCTION};

/// The protected file of the demo.
pub(super) const RESTRICTED: &str = "/files/restricted.txt";

/// Where the listeners listen unless something else is asked for.
const PUBLIC: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8443);
const ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9443);

/// What the configuration says of passwords where it says nothing.
const COST: Cost = Cost { memory_kib: 19 * 1024, passes: 2 };

/// What is made before the configuration.
const MADE: [&str; 11] = [
    "ca.pem",
    "server.pem",
    "server.key",
    "proxy.pem",
    "proxy.key",
    "issuer.asc",
    "issuer-secret.asc",
    "keyring.toml",
    "files",
    "gateward.db",
    "operator.txt",
];

/// The folder, with everything in it.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes what is not there yet; what is there is used again.
    pub(super) fn prepare(
        path: &Path,
        public: Option<SocketAddr>,
        admin: Option<SocketAddr>,
    ) -> anyhow::Result<Self> {
        let mut builder = std::fs::DirBuilder::new();
        builder
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("making {}", path.display()))?;
        let folder = Self(path.canonicalize()?);
        let now = system::wall_clock();
        // The configuration is written last: where it stands, the rest is there.
        if folder.config().exists() {
            folder.listen_at(public, admin)?;
        } else {
            folder.refuse_to_overwrite()?;
            folder.make_keys(now)?;
            folder.make_data()?;
            let store = StoreAddress::Sqlite(folder.file("gateward.db"));
            let password = first_operator(&store, "operator", COST, now)?;
            create(
                &folder.file("operator.txt"),
                &format!("operator:{}\n", password.expose()),
                Readable::ByOwner,
            )?;
            let public = free(public.unwrap_or(PUBLIC))?;
            let admin = free(admin.unwrap_or(ADMIN))?;
            create(&folder.config(), &folder.configuration(public, admin)?, Readable::ByAll)?;
        }
        Ok(folder)
    }

    /// Refuses a folder that holds what we would make: somebody else's, or a demo's that was cut
    /// short.
    fn refuse_to_overwrite(&self) -> anyhow::Result<()> {
        match MADE.iter().find(|name| self.file(name).exists()) {
            Some(name) => bail!(
                "{}: {name} is there already, but no gateward.toml: name another folder, or remove what is in it",
                self.0.display()
            ),
            None => Ok(()),
        }
    }

    /// Writes down where to listen, where something else is asked for than the file says. A free
    /// port is the one from before, unless somebody has taken it.
    fn listen_at(&self, public: Option<SocketAddr>, admin: Option<SocketAddr>) -> anyhow::Result<()> {
        let config = Config::read(&self.config())?;
        let before = std::fs::read_to_string(self.config())?;
        let mut text = before.clone();
        let Some((Listen::Address(listen), own_admin)) = config.listeners() else {
            bail!("{} listens on no port: the demo speaks HTTPS on one", self.config().display());
        };
        for (now, wanted) in [(*listen, public), (own_admin.listen, admin)] {
            let next = match wanted {
                None => now,
                Some(any) if any.port() == 0 && TcpListener::bind(now).is_ok() => now,
                Some(wanted) => free(wanted)?,
            };
            text = text.replace(&format!("listen = \"{now}\""), &format!("listen = \"{next}\""));
        }
        if text != before {
            let partial = self.file("gateward.toml.partial");
            std::fs::write(&partial, text)?;
            std::fs::rename(&partial, self.config()).context("writing gateward.toml")?;
        }
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(super) fn config(&self) -> PathBuf {
        self.file("gateward.toml")
    }

    pub(super) fn token(&self) -> PathBuf {
        self.file("token.asc")
    }

    pub(super) fn ca(&self) -> anyhow::Result<String> {
        std::fs::read_to_string(self.file("ca.pem")).context("reading ca.pem")
    }

    fn make_keys(&self, now: Timestamp) -> anyhow::Result<()> {
        let (ca, server) = certificates::throw_away(now)?;
        create(&self.file("ca.pem"), &ca, Readable::ByAll)?;
        create(&self.file("server.pem"), &server.certificate, Readable::ByAll)?;
        create(&self.file("server.key"), &server.key, Readable::ByOwner)?;
        let proxy = certificates::for_proxy(now)?;
        create(&self.file("proxy.pem"), &proxy.certificate, Readable::ByAll)?;
        create(&self.file("proxy.key"), &proxy.key, Readable::ByOwner)?;
        let user = format!("gateward demo issuer {NON_PRODUCTION} <issuer@demo.invalid>");
        let issuer = SigningKey::generate(&user, Algorithm::Ed25519, now, system::random().bytes())?;
        create(&self.file("issuer.asc"), &issuer.public_armored()?, Readable::ByAll)?;
        create(&self.file("issuer-secret.asc"), &issuer.secret_armored()?, Readable::ByOwner)?;
        create(
            &self.file("keyring.toml"),
            keyring::generate(now, &system::random()).expose(),
            Readable::ByOwner,
        )
    }

    fn make_data(&self) -> anyhow::Result<()> {
        std::fs::create_dir(self.file("files"))?;
        let text = "This file is restricted: whoever reads it exchanged a signed token first.\n";
        create(&self.file("files/restricted.txt"), text, Readable::ByOwner)
    }

    fn configuration(&self, public: SocketAddr, admin: SocketAddr) -> anyhow::Result<String> {
        Ok(format!(
            "# Written by `gateward demo`; usable with `gateward serve --config`. Paths are from this folder.\n\
             mode = \"development\"  # the keys here are throw-away ones\n\
             listen = \"{public}\"\n\
             tls = {{ certificate = \"server.pem\", key = \"server.key\" }}\n\
             store = \"gateward.db\"\n\
             keyring = \"keyring.toml\"\n\n\
             [admin]\nlisten = \"{admin}\"\ntls = {{ certificate = \"server.pem\", key = \"server.key\" }}\n\n\
             [verify]  # nodes with the role proxy may ask at /verify whether they may let a request through\n\n\
             [[issuer]]\nkey = \"issuer.asc\"\nfingerprint = \"{}\"\n\n\
             [[service]]\nname = \"files\"\nkind = \"plain\"\npath = \"/files\"\nupstream = \"dir:files\"\nrequire = [\"login\"]\n\n\
             [[grant]]\ngroup = \"/epos/demo\"\nservice = \"files\"\n",
            self.issuer()?.fingerprint()
        ))
    }

    fn issuer(&self) -> anyhow::Result<SigningKey> {
        let secret = std::fs::read(self.file("issuer-secret.asc")).context("reading issuer-secret.asc")?;
        Ok(SigningKey::parse(&secret)?)
    }

    /// Signs a token that is good for a week, as EIDA's issuer writes them; whole or not at all.
    pub(super) fn write_token(&self, now: Timestamp) -> anyhow::Result<()> {
        let token = serde_json::json!({
            "cn": "Dora Demo", "sn": "Demo", "givenName": "Dora", "mail": "dora@demo.invalid",
            "memberof": "/epos/demo;/epos;/", "issued": format!("{now:.6}"), "expiration": "7d",
            "valid_until": format!("{:.6}", now.checked_add(SignedDuration::from_hours(24 * 7))?),
        });
        let signed = self.issuer()?.sign_cleartext(&token.to_string(), now)?;
        let partial = self.file("token.asc.partial");
        let mut file =
            std::fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        std::io::Write::write_all(&mut file, signed.as_bytes())?;
        std::fs::rename(&partial, self.token()).context("writing token.asc")
    }
}

/// Finds the port that port 0 stands for, so that it can be written down.
fn free(address: SocketAddr) -> anyhow::Result<SocketAddr> {
    Ok(if address.port() == 0 { TcpListener::bind(address)?.local_addr()? } else { address })
}
