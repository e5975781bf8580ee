//! `gateward init`

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use clap::ValueEnum;
use jiff::Timestamp;
use serde_json::json;

use super::access::{block_on, operating_system_user};
use super::files::{Readable, create};
use super::server_user::ServerUser;
use super::{Context, YES, certificates, shell};
use crate::base::id::InstanceId;
use crate::base::name::UrlPath;
use crate::base::secret::Secret;
use crate::config::Config;
use crate::flows::keyring;
use crate::flows::record::Recorder;
use crate::flows::users::{self, Role};
use crate::server::system;
use crate::store::Store;

/// Write a configuration file, a keyring, the admin listener's certificate and the first operator.
#[derive(Debug, clap::Args)]
pub(super) struct Init {
    /// Where to write; nothing that is there is overwritten.
    #[arg(long, default_value = "/etc/gateward")]
    dir: PathBuf,
    /// The database file; in the folder unless given. Where root runs this, it goes to the owner of
    /// the folder that it lies in, who is to serve; so does the admin listener's key.
    #[arg(long)]
    store: Option<PathBuf>,
    /// What kind of installation this is.
    #[arg(long, value_enum, default_value_t)]
    mode: Mode,
    /// Where the public listener listens.
    #[arg(long, default_value = "0.0.0.0:443")]
    listen: SocketAddr,
    /// Where the listener for operators listens.
    #[arg(long, default_value = "127.0.0.1:9443")]
    admin_listen: SocketAddr,
    /// The public listener's certificate chain, PEM.
    #[arg(long)]
    certificate: PathBuf,
    /// Its private key, PEM.
    #[arg(long)]
    key: PathBuf,
    /// The OpenPGP key of an issuer whose tokens are believed.
    #[arg(long, requires = "issuer_fingerprint")]
    issuer: Option<PathBuf>,
    /// Its full fingerprint, from somewhere else than the key.
    #[arg(long, requires = "issuer")]
    issuer_fingerprint: Option<openpgp::Fingerprint>,
    /// Believe its signatures over SHA-1, too.
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

fn url_path(text: &str) -> Result<UrlPath, String> {
    UrlPath::try_from(text.to_owned()).map_err(|error| error.to_string())
}

impl Init {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let now = system::wall_clock();
        std::fs::create_dir_all(&self.dir).with_context(|| format!("making {}", self.dir.display()))?;
        let dir = self.dir.canonicalize()?;
        let config = dir.join("gateward.toml");
        let store = match &self.store {
            Some(store) => std::path::absolute(store)?,
            None => dir.join("gateward.db"),
        };
        let made =
            [&config, &dir.join("keyring.toml"), &dir.join("admin.pem"), &dir.join("admin.key"), &store];
        if let Some(there) = made.into_iter().find(|path| path.exists()) {
            bail!("{} is there already: nothing was changed", there.display());
        }
        // Whatever is wrong with what was asked for is found before the first file is made.
        let configuration = self.text(&store)?;
        Config::parse(&configuration, &dir).map_err(|wrong| anyhow!("{wrong}"))?;
        users::check_name(&self.operator)?;
        let server = ServerUser::of(&store).with_context(|| format!("the folder of {}", store.display()))?;
        let keyring = keyring::generate(now, &system::random());
        create(&dir.join("keyring.toml"), keyring.expose(), Readable::ByOwner)?;
        let admin = certificates::for_admin(now)?;
        create(&dir.join("admin.pem"), &admin.certificate, Readable::ByAll)?;
        create(&dir.join("admin.key"), &admin.key, Readable::OnlyBy(server))?;
        let password = server.act(|| first_operator(&store, &self.operator, now))?;
        // The configuration comes last: where it stands, everything it names is there.
        create(&config, &configuration, Readable::ByAll)?;
        let text = format!(
            "written    {config}\nkeyring    {dir}/keyring.toml: back it up apart from the database\noperator   {operator}\n\
             password   {password}   (shown once)\nnext       gateward config check --config {word}\n           gateward serve --config {word}",
            config = config.display(),
            word = shell::word(&config.display().to_string()),
            dir = dir.display(),
            operator = self.operator,
            password = password.expose(),
        );
        let json = json!({
            "config": config.display().to_string(), "operator": self.operator, "password": password.expose(),
        });
        context.print(out, &text, &json)?;
        Ok(YES)
    }

    fn text(&self, store: &Path) -> anyhow::Result<String> {
        Ok([self.head(store)?, self.issuer_text()?, self.service_text()?].concat())
    }

    fn head(&self, store: &Path) -> anyhow::Result<String> {
        let mode = match self.mode {
            Mode::Production => "production",
            Mode::Development => "development",
            Mode::Test => "test",
        };
        Ok(format!(
            "# Gateward's configuration; `gateward config check` looks at it, a restart takes it up.\n\
             mode = \"{mode}\"\n\
             listen = \"{listen}\"\n\
             tls = {{ certificate = {certificate}, key = {key} }}  # SIGHUP loads them again\n\
             store = {store}\n\
             keyring = \"keyring.toml\"  # back it up apart from the database\n\n\
             [exchange]\npath = \"/auth\"  # POST a signed token, get login:password\n\n\
             [admin]\nlisten = \"{admin}\"\ntls = {{ certificate = \"admin.pem\", key = \"admin.key\" }}\n",
            listen = self.listen,
            certificate = absolute(&self.certificate)?,
            key = absolute(&self.key)?,
            store = quoted(&store.display().to_string()),
            admin = self.admin_listen,
        ))
    }

    fn issuer_text(&self) -> anyhow::Result<String> {
        let head = "\n# Whose signed tokens are believed.\n";
        let (Some(key), Some(fingerprint)) = (&self.issuer, &self.issuer_fingerprint) else {
            let sample = "# [[issuer]]\n# key = \"eas.asc\"\n# fingerprint = \"its full fingerprint\"\n";
            return Ok([head, sample].concat());
        };
        let sha1 = if self.allow_sha1 { "allow_sha1 = true\n" } else { "" };
        Ok(format!("{head}[[issuer]]\nkey = {}\nfingerprint = \"{fingerprint}\"\n{sha1}", absolute(key)?))
    }

    /// The service that was asked for, or one as a comment.
    fn service_text(&self) -> anyhow::Result<String> {
        let (hash, folder, group) = match (&self.folder, &self.group) {
            (Some(folder), Some(group)) => ("", folder.as_path(), group.to_string()),
            _ => ("# ", Path::new("/srv/restricted"), "/epos/alparray".to_owned()),
        };
        let name = self.path.service_name();
        Ok(format!(
            "\n# What is protected, and who may reach it.\n\
             {hash}[[service]]\n{hash}name = \"{name}\"\n{hash}kind = \"plain\"\n{hash}path = \"{path}\"\n\
             {hash}upstream = {folder}\n{hash}require = [\"login\"]\n\
             {hash}[[grant]]\n{hash}group = {group}\n{hash}service = \"{name}\"\n",
            path = self.path,
            folder = quoted(&format!("dir:{}", std::path::absolute(folder)?.display())),
            group = quoted(&group),
        ))
    }
}

fn absolute(path: &Path) -> anyhow::Result<String> {
    Ok(quoted(&std::path::absolute(path)?.display().to_string()))
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Makes the database and its first operator.
pub(super) fn first_operator(store: &Path, name: &str, now: Timestamp) -> anyhow::Result<Secret> {
    let random = system::random();
    let password = users::generate_password(&random);
    let hash = users::hash(&password, &random);
    let store = Store::create(store, system::clock())?;
    let recorder = Recorder::new(store.writer.clone(), random.clone(), InstanceId::new(now, &random));
    block_on(users::create(&recorder, name, hash, Role::Admin, &operating_system_user(), now))??;
    Ok(password)
}
