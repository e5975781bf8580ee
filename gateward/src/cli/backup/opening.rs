//! The key that opens backups, as commands are told of it.

use std::path::PathBuf;

use anyhow::anyhow;

use crate::base::secret::Secret;
use crate::cli::files::secret;
use crate::cli::terminal::{Terminal, shown};
use crate::flows::backup::opening::Opening;
use crate::server::backup::opening::{Agent, KeyFile};

/// Where the private key is.
#[derive(Debug, clap::Args)]
pub(super) struct PrivateKey {
    /// Open it with the OpenPGP secret key in this file, as `gpg --export-secret-keys` writes it.
    #[arg(long, value_name = "FILE", conflicts_with = "gpg")]
    key: Option<PathBuf>,
    /// The passphrase of that key, in the first line of a file; - for standard input. Otherwise it is asked
    /// for on the terminal.
    #[arg(long, value_name = "FILE", requires = "key")]
    passphrase_file: Option<PathBuf>,
    /// Open it through GnuPG, which has the key or knows the card that has it, and asks for the passphrase.
    #[arg(long)]
    gpg: bool,
}

impl PrivateKey {
    /// What opens with it, where nothing can be done without.
    pub(super) fn needed(&self) -> anyhow::Result<Box<dyn Opening>> {
        self.opening()?
            .ok_or_else(|| anyhow!("it is to be opened: name its private key with --key FILE, or --gpg"))
    }

    /// What opens with it; `None` where no key is named.
    pub(super) fn opening(&self) -> anyhow::Result<Option<Box<dyn Opening>>> {
        if self.gpg {
            return Ok(Some(Box::new(Agent::new(|name| std::env::var_os(name)))));
        }
        let Some(path) = &self.key else { return Ok(None) };
        let given = self.passphrase_file.as_deref().map(secret).transpose()?;
        let given =
            given.map(|text| Secret::new(text.expose().lines().next().unwrap_or_default().to_owned()));
        match KeyFile::read(path, given.as_ref()) {
            Err(error) if error.is_locked() => {
                let terminal = Terminal::open()
                    .ok_or_else(|| anyhow!("{error}, and nobody can be asked: give --passphrase-file"))?;
                let question = format!("Passphrase of {}: ", shown(&path.display().to_string()));
                Ok(Some(Box::new(KeyFile::read(path, Some(&terminal.secret(&question)?))?)))
            }
            read => Ok(Some(Box::new(read?))),
        }
    }
}
