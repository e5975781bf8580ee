//! `gateward init`

mod ask;
mod backup;
mod data_centre;
mod dcor;
mod eida;
mod fhir;
mod plain;
mod public;
mod tuning;

use std::io::{IsTerminal as _, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use clap::ValueEnum;
use jiff::Timestamp;
use serde_json::json;

use self::ask::Answers;
use super::access::{block_on, operating_system_user};
use super::files::{Readable, create};
use super::server_user::ServerUser;
use super::{Context, YES, certificates, shell};
use crate::base::id::InstanceId;
use crate::base::name::UrlPath;
use crate::base::secret::Secret;
use crate::base::store_address::StoreAddress;
use crate::config::{Config, Listen};
use crate::flows::keyring;
use crate::flows::passwords::{Cost, NewPassword};
use crate::flows::record::Recorder;
use crate::flows::users::{self, HeldRole, NewUser, Role};
use crate::server::{boot, system};
use crate::store::{self, Store, event};

/// Write a configuration file, a keyring and the first operator.
///
/// With --for dcor and --for backup nothing is served: there is no operator then, and no listener. The store is a
/// file in the folder unless --store names another, or with --for in /var/lib/gateward where the folder is
/// /etc/gateward. Where root runs this, a file goes to the owner of the folder that it lies in, who is to serve; so
/// does the admin listener's key. On PostgreSQL, the database must be there and be empty; its tables are made.
#[derive(Debug, clap::Args)]
pub(super) struct Init {
    /// What the installation is for. What has to be known then and is not given is asked for, on a
    /// terminal.
    #[arg(long = "for", value_enum, id = "purpose", value_name = "PURPOSE", conflicts_with_all = ["folder", "path", "group"])]
    purpose: Option<Purpose>,
    /// Where to write; nothing that is there is overwritten.
    #[arg(long, default_value = DIR)]
    dir: PathBuf,
    /// What kind of installation this is.
    #[arg(long, value_enum, default_value_t)]
    mode: Mode,
    /// Where the public listener listens: IP:PORT (0.0.0.0:443 unless given), or unix:PATH behind a
    /// web server that speaks TLS (unix:/run/gateward/http.sock unless given, with --for eida).
    #[arg(long, value_parser = listen)]
    listen: Option<Listen>,
    /// Where the listener for operators listens.
    #[arg(long, default_value = "127.0.0.1:9443")]
    admin_listen: SocketAddr,
    /// The public listener's certificate chain, PEM; none behind a web server that speaks TLS.
    #[arg(long, requires = "key")]
    certificate: Option<PathBuf>,
    /// Its private key, PEM.
    #[arg(long, requires = "certificate")]
    key: Option<PathBuf>,
    /// The OpenPGP key of an issuer whose tokens are believed.
    #[arg(long, requires = "issuer_fingerprint")]
    issuer: Option<PathBuf>,
    /// Its full fingerprint, from somewhere else than the key.
    #[arg(long, requires = "issuer")]
    issuer_fingerprint: Option<openpgp::Fingerprint>,
    /// Believe its signatures over SHA-1, too; --for eida always does, because EIDA's issuer makes no
    /// others.
    #[arg(long, requires = "issuer")]
    allow_sha1: bool,
    /// A folder to protect.
    #[arg(long, requires = "group")]
    folder: Option<PathBuf>,
    /// Where it stands on the public listener.
    #[arg(long, value_parser = url_path, default_value = "/files")]
    path: UrlPath,
    /// The group that may read it.
    #[arg(long, requires = "folder")]
    group: Option<signed_token::Group>,
    /// The name of the first operator.
    #[arg(long, default_value = "admin")]
    operator: String,
    #[command(flatten)]
    eida: eida::Options,
    #[command(flatten)]
    dcor: dcor::Options,
    #[command(flatten)]
    fhir: fhir::Options,
}

/// Where to write unless something else is asked for.
const DIR: &str = "/etc/gateward";

/// Where the database lies then that is made for a purpose: configuration and state are two folders.
const STATE: &str = "/var/lib/gateward/gateward.db";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Purpose {
    /// A data centre of EIDA: an FDSN data service behind us.
    Eida,
    /// A CKAN whose users get access tokens, as DCOR's do: commands alone.
    Dcor,
    /// Backups: commands alone, and nothing is asked.
    Backup,
    /// A FHIR server, as OpenCR is one, for machines that show a certificate.
    Fhir,
}

impl Purpose {
    fn word(self) -> &'static str {
        match self {
            Self::Eida => "eida",
            Self::Dcor => "dcor",
            Self::Backup => "backup",
            Self::Fhir => "fhir",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Mode {
    /// Refuse throw-away keys and certificates, and short keys.
    #[default]
    Production,
    /// Take them, and say so at every start.
    Development,
    /// As development.
    Test,
}

impl Mode {
    fn word(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Development => "development",
            Self::Test => "test",
        }
    }
}

fn listen(text: &str) -> Result<Listen, String> {
    Listen::try_from(text.to_owned())
}

fn url_path(text: &str) -> Result<UrlPath, String> {
    UrlPath::try_from(text.to_owned()).map_err(|error| error.to_string())
}

impl Init {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let now = system::wall_clock();
        self.check_flags()?;
        std::fs::create_dir_all(&self.dir).with_context(|| format!("making {}", self.dir.display()))?;
        let dir = self.dir.canonicalize()?;
        let config = dir.join("gateward.toml");
        let store = match (&context.store, self.purpose) {
            (Some(store), _) => store.clone(),
            (None, Some(_)) if self.dir == Path::new(DIR) => StoreAddress::Sqlite(STATE.into()),
            (None, _) => StoreAddress::Sqlite(dir.join("gateward.db")),
        };
        let made = ["keyring.toml", "admin.pem", "admin.key"].map(|name| dir.join(name));
        let made = made.iter().map(PathBuf::as_path).chain([config.as_path()]).chain(store.file());
        if let Some(there) = made.into_iter().find(|path| path.exists()) {
            bail!("{} is there already: nothing was changed", there.display());
        }
        // Whatever is wrong with what was asked for is found before the first file is made.
        let mut configuration = self.text(&store)?;
        let mut parsed = Config::parse(&configuration, &dir).map_err(|wrong| anyhow!("{wrong}"))?;
        if parsed.listeners().is_some() {
            parsed.passwords = tuning::measure();
            configuration.push_str(&tuning::text(parsed.passwords));
        }
        if self.purpose.is_some() {
            match super::config::others(&parsed).as_slice() {
                [] => {}
                findings => bail!("{}: nothing was written", findings.join("; ")),
            }
        }
        users::check_name(&self.operator)?;
        let server = ServerUser::of(&store).with_context(|| format!("the folder of {store}"))?;
        server.act(|| check_database(&store))?;
        let keyring = keyring::generate(now, &system::random());
        create(&dir.join("keyring.toml"), keyring.expose(), Readable::ByOwner)?;
        let password = if parsed.listeners().is_some() {
            let admin = certificates::for_admin(now)?;
            create(&dir.join("admin.pem"), &admin.certificate, Readable::ByAll)?;
            create(&dir.join("admin.key"), &admin.key, Readable::OnlyBy(server))?;
            Some(server.act(|| first_operator(&store, &self.operator, boot::cost(&parsed), now))?)
        } else {
            server.act(|| Ok(block_on(Store::create(&store, system::clock()))?.map(drop)?))?;
            None
        };
        // The configuration comes last: where it stands, everything it names is there.
        create(&config, &configuration, Readable::ByAll)?;
        self.tell(context, out, &dir, password.as_ref())?;
        Ok(YES)
    }

    /// Refuses what belongs to another purpose: nobody is to believe that it was heeded.
    fn check_flags(&self) -> anyhow::Result<()> {
        let Some(purpose) = self.purpose else { return Ok(()) };
        if self.dcor.is_given() && purpose != Purpose::Dcor {
            bail!("--host and what follows it go with --for dcor")
        }
        if self.eida.is_given() && purpose != Purpose::Eida {
            bail!("--upstream and what follows it go with --for eida")
        }
        if self.fhir.is_given() && purpose != Purpose::Fhir {
            bail!("--fhir-server and what follows it go with --for fhir")
        }
        if self.issuer.is_some() && purpose == Purpose::Fhir {
            bail!("--issuer goes with --for eida: a FHIR server takes no signed tokens")
        }
        let serving = self.listen.is_some() || self.certificate.is_some() || self.issuer.is_some();
        if serving && !matches!(purpose, Purpose::Eida | Purpose::Fhir) {
            bail!(
                "with --for {} nothing is served: without --listen, --certificate and --issuer",
                purpose.word()
            )
        }
        Ok(())
    }

    /// Says what was made, and what comes next.
    fn tell(
        &self,
        context: &Context,
        out: &mut impl Write,
        dir: &Path,
        password: Option<&Secret>,
    ) -> anyhow::Result<()> {
        let config = dir.join("gateward.toml").display().to_string();
        let written = format!(
            "written    {config}\nkeyring    {}/keyring.toml: back it up apart from the database\n",
            dir.display()
        );
        let word = shell::word(&config);
        let check = format!("next       gateward config check --config {word}");
        let Some(password) = password.map(Secret::expose) else {
            let then = match self.purpose {
                Some(Purpose::Backup) => format!("gateward backup recipient import --config {word} KEY.asc"),
                _ => format!("gateward access-token create --config {word} --name 'ANN EXAMPLE' USER"),
            };
            let text = format!("{written}{check}\n           {then}");
            return Ok(context.print(out, &text, &json!({ "config": config }))?);
        };
        let operator = &self.operator;
        let text = format!(
            "{written}operator   {operator}\npassword   {password}   (shown once)\n{check}\n           \
             gateward serve --config {word}{more}",
            more = match self.purpose {
                Some(Purpose::Fhir) => fhir::next(Path::new(&config)),
                _ => String::new(),
            }
        );
        let json = json!({ "config": config, "operator": operator, "password": password });
        Ok(context.print(out, &text, &json)?)
    }

    fn text(&self, store: &StoreAddress) -> anyhow::Result<String> {
        let Some(purpose) = self.purpose else { return plain::text(self, store) };
        let (mut from, mut to) = (std::io::stdin().lock(), std::io::stderr().lock());
        let answers = if std::io::stdin().is_terminal() {
            Answers::Asked { from: &mut from, to: &mut to }
        } else {
            Answers::Missing(Vec::new())
        };
        match purpose {
            Purpose::Eida => eida::text(self, store, answers),
            Purpose::Dcor => dcor::text(self, store, answers),
            Purpose::Backup => Ok(backup::text(self, store)),
            Purpose::Fhir => fhir::text(self, store, answers),
        }
    }

    fn admin(&self) -> String {
        let listen = self.admin_listen;
        format!(
            "[admin]\nlisten = \"{listen}\"\ntls = {{ certificate = \"admin.pem\", key = \"admin.key\" }}\n"
        )
    }
}

fn issuer(key: &str, fingerprint: &openpgp::Fingerprint) -> String {
    format!("[[issuer]]\nkey = {key}\nfingerprint = \"{fingerprint}\"\n")
}

fn absolute(path: &Path) -> anyhow::Result<String> {
    Ok(quoted(&std::path::absolute(path)?.display().to_string()))
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Checks that a PostgreSQL database is there and holds no installation yet, and makes its tables.
fn check_database(address: &StoreAddress) -> anyhow::Result<()> {
    let StoreAddress::Postgres(_) = address else { return Ok(()) };
    block_on(store::migrate(address))??;
    let (reader, _) = store::look(address, system::clock())?;
    if block_on(event::length(&reader))??.is_some() {
        bail!("{address} holds an installation already: nothing was changed");
    }
    Ok(())
}

/// Makes the database and its first operator.
pub(super) fn first_operator(
    store: &StoreAddress,
    name: &str,
    cost: Cost,
    now: Timestamp,
) -> anyhow::Result<Secret> {
    let random = system::random();
    let password = NewPassword::generate(&random);
    let hash = cost.hash(password.secret(), &random);
    let store = block_on(Store::create(store, system::clock()))??;
    let recorder = Recorder::new(store.writer.clone(), random.clone(), InstanceId::new(now, &random));
    let first = NewUser {
        name: users::check_name(name)?,
        password_hash: Some(hash),
        role: Some(HeldRole { role: Role::Admin, service: None }),
        digest: None,
    };
    block_on(users::create(&recorder, first, &operating_system_user(), now))??;
    Ok(password.secret().clone())
}
