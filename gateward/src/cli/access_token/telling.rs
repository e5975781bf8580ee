//! Who is told the passphrases, by a way that is not the file's.

use std::path::Path;

use ::access_token::Passphrase;
use anyhow::{Context as _, anyhow, bail};
use jiff::Timestamp;
use openpgp::{Recipient, SealOptions};

use super::wish::{Wish, recipient};
use super::workshop::Workshop;
use crate::cli::files::{self, Readable};
use crate::cli::in_words;
use crate::cli::terminal::{Terminal, cleared};
use crate::flows::access_token::{Delivery, Files};
use crate::server::token_file::{Beside, OnDisk};

/// Who is told the passphrases.
#[derive(Debug)]
pub(super) enum Passphrases {
    /// Whoever sits at the terminal.
    Shown(Terminal),
    /// Whoever has this OpenPGP key: one file each, beside the access token.
    Sealed(Recipient),
}

impl Passphrases {
    /// Finds out whether they can be told: sealed to the key in this file, or else on the terminal.
    pub fn open(passphrases_for: Option<&Path>, now: Timestamp) -> anyhow::Result<Self> {
        let Some(path) = passphrases_for else {
            return Ok(Self::Shown(Terminal::open().ok_or_else(|| {
                anyhow!(
                    "there is no terminal, and a passphrase is shown there alone: run this on one, or give \
                     --passphrases-for KEY.asc"
                )
            })?));
        };
        let key = std::fs::read(path).with_context(|| path.display().to_string())?;
        let key = recipient(&key).with_context(|| path.display().to_string())?;
        if key.key_at(now).is_none() {
            bail!("{}: the key {}", path.display(), key.status(now));
        }
        Ok(Self::Sealed(key))
    }
}

/// The disk, and whoever passes on the passphrase of one access token.
pub(super) struct ForOne<'a> {
    pub workshop: &'a Workshop,
    pub wish: &'a Wish,
    pub beside: &'a Beside,
    pub fingerprint: &'a str,
}

impl ForOne<'_> {
    /// Tells the passphrase and the certificate's fingerprint, for the second channel.
    fn tell_passphrase(&self, passphrase: &Passphrase) -> anyhow::Result<()> {
        let Self { workshop, wish: Wish { user, .. }, beside, fingerprint } = self;
        let passphrase = passphrase.expose();
        match &workshop.passphrases {
            Passphrases::Shown(terminal) => terminal.show(&format!(
                "{}\n  For {user}, by telephone or on paper, never by the way of the file. Shown once.\n\
                 \n    passphrase    {passphrase}\n    certificate   {fingerprint}\n\n",
                cleared()
            )),
            Passphrases::Sealed(key) => {
                let text = format!("user {user}\npassphrase {passphrase}\ncertificate {fingerprint}\n");
                let mut sealed = Vec::new();
                let options = SealOptions { armor: true, ..SealOptions::default() };
                let (now, seed) = (workshop.access.now, workshop.access.door.random.bytes());
                openpgp::seal_to(
                    text.as_bytes(),
                    &mut sealed,
                    std::slice::from_ref(key),
                    now,
                    seed,
                    &options,
                )?;
                let text = String::from_utf8(sealed).context("armor is text")?;
                files::create(&beside.passphrase, &text, Readable::ByOwner)
            }
        }
    }
}

impl Files for ForOne<'_> {
    fn fill(&self, path: &Path, content: &[u8]) -> std::io::Result<()> {
        OnDisk.fill(path, content)
    }

    fn remove(&self, path: &Path) -> std::io::Result<()> {
        OnDisk.remove(path)
    }
}

impl Delivery for ForOne<'_> {
    fn tell(&self, passphrase: &Passphrase) -> std::io::Result<()> {
        self.tell_passphrase(passphrase).map_err(|error| std::io::Error::other(in_words(&error)))
    }
}
