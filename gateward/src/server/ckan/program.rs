//! The `ckan` command on the same machine: for those who have no administrator's key yet.
//!
//! It has CKAN's own access to its database and asks nobody who calls it. No secret is in its arguments or
//! its environment; an API token comes out of its standard output.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use zeroize::Zeroizing;

use super::{Ini, LARGEST, Unreadable, Unready, output};
use crate::base::ckan::CkanUser;
use crate::base::ckan_url::CkanUrl;
use crate::base::secret::Secret;
use crate::flows::access_token::ckan::{Ckan, Error, Listed, NewUser};

/// Where CKAN's own guide has it installed.
const USUAL: &str = "/usr/lib/ckan/default/bin/ckan";

/// A CKAN that is asked by its own command.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    ini: PathBuf,
    /// The address of its site, as the file says it, or else the file.
    site: String,
    patience: Duration,
}

/// What the command left behind.
struct Ended {
    status: ExitStatus,
    output: Zeroizing<String>,
    last_words: String,
}

/// What is said about it where nobody must know what it was asked.
#[derive(Debug)]
enum Failed {
    /// It was never started.
    NotStarted(String),
    /// It was started, and then lost.
    Lost(String),
}

impl Program {
    /// Prepares to start `program` for the CKAN that the file `ini` configures.
    ///
    /// # Errors
    ///
    /// [`Unready::Ini`].
    pub fn new(program: &Path, ini: &Path, patience: Duration) -> Result<Self, Unready> {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let ini = absolute(ini);
        let options = Ini::read(&ini).map_err(|Unreadable { path, source }| Unready::Ini { path, source })?;
        let site = site(&options).unwrap_or_else(|| ini.display().to_string());
        Ok(Self { path: absolute(program), ini, site, patience })
    }

    /// Finds the program in the folders of `path` (the variable `PATH`), or where CKAN's guide has it.
    pub fn find(path: Option<&OsStr>) -> Option<PathBuf> {
        let folders = path.map(std::env::split_paths).into_iter().flatten();
        // An empty entry would be whatever folder we are in.
        let named = folders.filter(|folder| folder.is_absolute()).map(|folder| folder.join("ckan"));
        named.chain([PathBuf::from(USUAL)]).find(|program| program.is_file())
    }

    async fn run(&self, arguments: &[&str]) -> Result<Ended, Failed> {
        let mut command = Command::new(&self.path);
        command
            .arg("-c")
            .arg(&self.ini)
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .current_dir("/")
            // An interrupt from the keyboard is ours: what CKAN began it ends.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| {
            Failed::NotStarted(format!("{} cannot be started: {error}", self.path.display()))
        })?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let ends = async {
            let (output, error) = tokio::try_join!(read(stdout), read(stderr))?;
            Ok::<_, std::io::Error>((child.wait().await?, output, error))
        };
        let ended = tokio::time::timeout(self.patience, ends).await;
        let ended =
            ended.map_err(|_| Failed::Lost(format!("not done within {} s", self.patience.as_secs())))?;
        let (status, output, error) = ended.map_err(|error| Failed::Lost(error.to_string()))?;
        let last_words = output::last_words(&error);
        Ok(Ended { status, output, last_words })
    }

    /// Runs what changes nothing.
    async fn look(&self, user: &CkanUser, arguments: &[&str]) -> Result<Zeroizing<String>, Error> {
        let ended = self.run(arguments).await.map_err(|failed| match failed {
            Failed::NotStarted(why) | Failed::Lost(why) => self.unreachable(why),
        })?;
        self.judge(user, ended).map_err(|why| self.unreachable(why))?
    }

    /// Runs what changes something.
    async fn change(&self, user: &CkanUser, arguments: &[&str]) -> Result<Zeroizing<String>, Error> {
        let ended = self.run(arguments).await.map_err(|failed| match failed {
            Failed::NotStarted(why) => self.unreachable(why),
            Failed::Lost(why) => self.broken_off(why),
        })?;
        self.judge(user, ended).map_err(|why| self.broken_off(why))?
    }

    /// Takes the output of a good end; the outer error has no meaning of its own.
    fn judge(&self, user: &CkanUser, ended: Ended) -> Result<Result<Zeroizing<String>, Error>, String> {
        let Ended { status, output, last_words } = ended;
        if status.success() {
            return Ok(Ok(output));
        }
        match last_words.as_str() {
            "User not found" => Ok(Err(Error::NoSuchUser(user.clone()))),
            words @ "API Token not found" => Ok(Err(Error::Refused(words.to_owned()))),
            words => Err(format!("{program} ended with {status}: {words}", program = self.path.display())),
        }
    }

    fn unreachable(&self, why: String) -> Error {
        Error::Unreachable { place: self.place(), why }
    }

    fn broken_off(&self, why: String) -> Error {
        Error::BrokenOff { place: self.place(), why }
    }

    fn not_ckan(&self, command: &str) -> Error {
        let why = format!("`ckan user {command}` writes something else than CKAN 2.9 to 2.11 do");
        Error::NotCkan { place: self.place(), why }
    }
}

/// Finds the site's address (`ckan.site_url`), by which the API is asked, too: a key that was made in one
/// way can be revoked in the other.
fn site(options: &Ini) -> Option<String> {
    options.option("ckan.site_url")?.parse::<CkanUrl>().ok().map(|url| url.to_string())
}

/// Reads to the end, within [`LARGEST`].
async fn read(from: Option<impl AsyncRead + Unpin>) -> std::io::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::new());
    if let Some(from) = from {
        from.take(LARGEST as u64 + 1).read_to_end(&mut bytes).await?;
    }
    if bytes.len() > LARGEST {
        return Err(std::io::Error::other(format!("it writes more than {} MiB", LARGEST / 1024 / 1024)));
    }
    Ok(Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()))
}

impl Ckan for Program {
    fn place(&self) -> String {
        self.site.clone()
    }

    async fn has_user(&self, user: &CkanUser) -> Result<bool, Error> {
        let output = self.look(user, &["user", "list"]).await?;
        output::has_user(&output, user.as_str()).ok_or_else(|| self.not_ckan("list"))
    }

    /// Refused: the command takes a password in an argument, where every user of the machine reads it.
    async fn create_user(&self, new: &NewUser) -> Result<(), Error> {
        Err(Error::Refused(format!(
            "its command takes a password in sight of all on this machine, or asks for one: run \
             `{} -c {} user add {}`, or use CKAN's API",
            self.path.display(),
            self.ini.display(),
            new.name
        )))
    }

    async fn create_key(&self, user: &CkanUser, name: &str) -> Result<Secret, Error> {
        let output = self.change(user, &["user", "token", "add", "--", user.as_str(), name]).await?;
        let key = output::key(&output).ok_or_else(|| self.not_ckan("token add"))?;
        Ok(Secret::new(key.to_owned()))
    }

    async fn keys(&self, user: &CkanUser) -> Result<Vec<Listed>, Error> {
        let output = self.look(user, &["user", "token", "list", "--", user.as_str()]).await?;
        output::keys(&output).ok_or_else(|| self.not_ckan("token list"))
    }

    async fn revoke(&self, user: &CkanUser, jti: &str) -> Result<bool, Error> {
        match self.change(user, &["user", "token", "revoke", "--", jti]).await {
            Ok(_) => Ok(true),
            Err(Error::Refused(_)) => Ok(false),
            Err(other) => Err(other),
        }
    }
}
