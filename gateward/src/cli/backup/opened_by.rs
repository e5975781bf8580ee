//! Who opens a backup: a key in a file, or GnuPG.

use std::path::PathBuf;

use anyhow::{Context as _, bail};

use crate::base::secret::Secret;
use crate::cli::terminal::Terminal;
use crate::flows::backup::opening::Opening;
use crate::server::backup::opening::{Agent, KeyFile};
use crate::server::boot;

/// The key that opens.
#[derive(Debug, clap::Args)]
pub(super) struct OpenedBy {
    /// The secret key, as `gpg --export-secret-keys` writes it.
    #[arg(long, value_name = "FILE", required_unless_present = "gpg", conflicts_with = "gpg")]
    key: Option<PathBuf>,
    /// The file with its passphrase; without it the terminal is asked.
    #[arg(long, value_name = "FILE", requires = "key")]
    passphrase_file: Option<PathBuf>,
    /// GnuPG has the key: in its agent, or on a card.
    #[arg(long)]
    gpg: bool,
}

impl OpenedBy {
    /// Prepares to open.
    pub fn opening(&self) -> anyhow::Result<Box<dyn Opening>> {
        let Some(key) = &self.key else { return Ok(Box::new(Agent::new(|name| std::env::var_os(name)))) };
        let passphrase = self.passphrase_file.as_deref().map(|path| -> anyhow::Result<Secret> {
            let text = boot::secret_text("passphrase", path)?;
            Ok(Secret::new(text.expose().lines().next().unwrap_or_default().to_owned()))
        });
        let passphrase = passphrase.transpose()?;
        match KeyFile::read(key, passphrase.as_ref()) {
            Err(error) if error.is_locked() => {
                let Some(terminal) = Terminal::open() else {
                    bail!("{error}: name it with --passphrase-file");
                };
                let typed = terminal.secret(&format!("Passphrase of {}: ", key.display()))?;
                Ok(Box::new(KeyFile::read(key, Some(&typed))?))
            }
            read => Ok(Box::new(read.context("the key that opens")?)),
        }
    }
}
