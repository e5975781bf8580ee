//! Where access tokens are made: what all of them have in common, and the steps of one.

use std::path::{Path, PathBuf};

use ::access_token::Passphrase;
use anyhow::{Context as _, anyhow, bail};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use openpgp::{Recipient, SealOptions};

use crate::base::access_token::{Because, Form, Language, State};
use crate::base::ckan::CkanUser;
use crate::base::time::later;
use crate::cli::access::{Access, block_on};
use crate::cli::files::{self, Readable};
use crate::cli::terminal::Terminal;
use crate::cli::{Context, in_words};
use crate::config::AccessToken as Settings;
use crate::flows::access_token::letter::{Letter, Letters};
use crate::flows::access_token::{
    self, Delivery, Envelope, Files, KeyFrom, Made, NotMade, Order, Packing, Person, Replaces, create,
};
use crate::server::token_file::{Beside, OnDisk, Reserved};
use crate::server::{boot, ckan};
use crate::store;

/// What all access tokens of one command have in common.
pub(super) struct Workshop {
    pub access: Access,
    pub settings: Settings,
    pub ckan: Option<ckan::Known>,
    pub letters: Letters,
    passphrases: Passphrases,
    /// The folder that files go to.
    to: PathBuf,
}

/// Who is told the passphrases.
#[derive(Debug)]
enum Passphrases {
    /// Whoever sits at the terminal.
    Shown(Terminal),
    /// Whoever has this OpenPGP key: one file each, beside the access token.
    Sealed(Recipient),
}

/// How and where access tokens are made.
#[derive(Debug, clap::Args)]
pub(super) struct Making {
    /// The folder that the files go to.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub to: PathBuf,
    /// Write each passphrase beside its file, encrypted to this OpenPGP key, instead of showing it on the
    /// terminal: for whoever tells them to the users.
    #[arg(long, value_name = "KEY.asc")]
    pub passphrases_for: Option<PathBuf>,
    /// Ask CKAN by its own command on this machine; its configuration is this file.
    #[arg(long, value_name = "INI")]
    pub ckan_ini: Option<PathBuf>,
}

/// One access token to be made.
#[derive(Debug)]
pub(super) struct Wish {
    pub user: CkanUser,
    pub person: Person,
    /// Make the CKAN user if there is none.
    pub create_user: bool,
    /// A key that somebody gave us.
    pub key: Option<::access_token::ApiKey>,
    pub wrapping: Wrapping,
    pub replaces: Option<Replaces>,
}

/// How a file travels.
#[derive(Debug, Clone)]
pub(super) enum Wrapping {
    /// In a zip by AES-256.
    Zip,
    /// In an OpenPGP message to this key.
    Pgp(Vec<u8>),
    /// As it is.
    Nothing,
}

impl Wrapping {
    /// Reads the key of whom it is for.
    pub fn pgp(path: &Path) -> anyhow::Result<Self> {
        let key = std::fs::read(path).with_context(|| path.display().to_string())?;
        recipient(&key).with_context(|| path.display().to_string())?;
        Ok(Self::Pgp(key))
    }

    fn form(&self) -> Form {
        match self {
            Self::Zip => Form::Zip,
            Self::Pgp(_) => Form::Pgp,
            Self::Nothing => Form::Inner,
        }
    }

    fn extension(&self) -> &'static str {
        match self {
            Self::Zip => "dcor-access.zip",
            Self::Pgp(_) => "dcor-access.gpg",
            Self::Nothing => "dcor-access",
        }
    }
}

/// An access token that was made, and where everything about it lies.
#[derive(Debug)]
pub(super) struct Finished {
    pub made: Made,
    pub file: PathBuf,
    pub letter: PathBuf,
}

/// A key that something is encrypted to. Its fingerprint is the file's own: who made the file vouches.
fn recipient(key: &[u8]) -> anyhow::Result<Recipient> {
    let certificate = openpgp::Certificate::parse(key)?;
    let fingerprint = certificate.fingerprint();
    Ok(Recipient::pin(certificate, &fingerprint)?)
}

impl Workshop {
    /// Opens it, and finds out before the first key is asked for whether the passphrases can be told.
    pub fn open(context: &Context, making: &Making) -> anyhow::Result<Self> {
        let access = context.access_to_change_as_we_are()?;
        let Some(settings) = access.config.access_token.clone() else {
            bail!(
                "{} has no [access_token]: `gateward init --for dcor` writes one",
                context.config.display()
            );
        };
        let passphrases = match &making.passphrases_for {
            Some(path) => {
                let key = std::fs::read(path).with_context(|| path.display().to_string())?;
                let key = recipient(&key).with_context(|| path.display().to_string())?;
                if key.key_at(access.now).is_none() {
                    bail!("{}: the key {}", path.display(), key.status(access.now));
                }
                Passphrases::Sealed(key)
            }
            None => Passphrases::Shown(Terminal::open().ok_or_else(|| {
                anyhow!(
                    "there is no terminal, and a passphrase is shown there alone: run this on one, or give \
                     --passphrases-for KEY.asc"
                )
            })?),
        };
        let ckan = boot::ckan(&access.config, making.ckan_ini.as_deref(), &access.door.random)?;
        let letters = boot::letters(&settings)?;
        Ok(Self { access, settings, ckan, letters, passphrases, to: making.to.clone() })
    }

    /// When one that is made now ends: at the wanted day's end or after the usual time, and never after
    /// its certificate.
    pub fn end(
        &self,
        wanted: Option<Date>,
        packing: &::access_token::ServerCertificate,
    ) -> anyhow::Result<Timestamp> {
        let now = self.access.now;
        let wanted = match wanted {
            Some(day) => day.tomorrow()?.to_zoned(TimeZone::UTC)?.timestamp(),
            None => later(now, SignedDuration::from_hours(24 * i64::from(self.settings.lifetime_days))),
        };
        if wanted <= now {
            bail!("it would have ended already at {wanted:.0}");
        }
        Ok(wanted.min(packing.not_after()))
    }

    /// Where the file of `wish` goes.
    pub fn file(&self, wish: &Wish) -> PathBuf {
        self.to.join(format!("{}.{}", wish.user, wish.wrapping.extension()))
    }

    /// Whether the file of `wish` lies there, made here and good still.
    pub fn is_made(&self, wish: &Wish) -> anyhow::Result<bool> {
        let file = std::path::absolute(self.file(wish))?;
        if !std::fs::metadata(&file).is_ok_and(|there| there.len() > 0) {
            return Ok(false);
        }
        let file = file.display().to_string();
        let rows = block_on(store::access_token::of_user(&self.access.door.store.reader, &wish.user))??;
        Ok(rows.iter().any(|row| row.state == State::Issued && row.file == file))
    }

    /// Makes one: all of it, or nothing.
    pub fn make(
        &self,
        wish: &Wish,
        certificate: &::access_token::ServerCertificate,
        expires_at: Timestamp,
    ) -> anyhow::Result<Finished> {
        let file = std::path::absolute(self.file(wish))?;
        let is_there = |path: &Path| {
            anyhow!("{} is there already: move it away, or name another folder with --to", path.display())
        };
        self.clear_unfinished(wish, &file)?;
        let reserved = Reserved::at(&file).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => is_there(&file),
            _ => anyhow!("{}: {error}", file.display()),
        })?;
        let beside = Beside::of(&file);
        if reserved.was_left() {
            beside.remove()?;
        } else if let Some(there) = beside.there() {
            let _ = reserved.release();
            return Err(is_there(there));
        }
        let made = self.finish(wish, &file, &beside, certificate, expires_at);
        if made.is_err() {
            // A letter without access token says nothing of use; the first error is the one to tell.
            let _ = beside.remove();
            let _ = reserved.release();
        }
        Ok(Finished { made: made?, file, letter: beside.printed_letter })
    }

    /// Takes away what an attempt left at `file` that was never finished: its key is gone, so it opens nothing.
    fn clear_unfinished(&self, wish: &Wish, file: &Path) -> anyhow::Result<()> {
        let named = file.display().to_string();
        let rows = block_on(store::access_token::of_user(&self.access.door.store.reader, &wish.user))??;
        let mut here = rows.iter().filter(|row| row.file == named);
        // The last one that was begun here is whose file lies here.
        if here.next_back().is_some_and(|row| row.because == Some(Because::NotMade)) {
            OnDisk.remove(file)?;
        }
        Ok(())
    }

    /// The letters first: once the passphrase is told, everything is there.
    fn finish(
        &self,
        wish: &Wish,
        file: &Path,
        beside: &Beside,
        certificate: &::access_token::ServerCertificate,
        expires_at: Timestamp,
    ) -> anyhow::Result<Made> {
        let fingerprint = certificate.fingerprint().to_string();
        let letter = self.letter(wish, file, &fingerprint, expires_at);
        files::create(&beside.letter, &self.letters.text(&letter)?, Readable::ByOwner)?;
        files::create(&beside.printed_letter, &self.letters.html(&letter)?, Readable::ByOwner)?;
        let envelope = self.envelope(wish, &letter)?;
        let order = Order {
            user: wish.user.clone(),
            person: wish.person.clone(),
            packing: Packing { host: self.settings.host.clone(), certificate: certificate.clone(), envelope },
            expires_at,
            file: file.to_owned(),
            replaces: wish.replaces,
        };
        self.create(wish, &order, &ForOne { workshop: self, wish, beside, fingerprint: &fingerprint })
    }

    fn create(&self, wish: &Wish, order: &Order, delivery: &ForOne<'_>) -> anyhow::Result<Made> {
        let Access { door, by, .. } = &self.access;
        let key_from = match (&wish.key, &self.ckan) {
            // CKAN lists keys of its own, which are JWTs; of others it knows nothing.
            (Some(key), ckan) => {
                let ckan = ckan.as_ref().filter(|_| key.kind() == ::access_token::KeyKind::Jwt);
                KeyFrom::Given(key.clone(), ckan)
            }
            (None, Some(ckan)) => KeyFrom::Ckan(ckan, self.new_user(wish)?),
            (None, None) => bail!(
                "nobody is named who makes keys: [ckan] in the configuration, --ckan-ini, or --key-file for a \
                 key that you have"
            ),
        };
        let now = door.store.clock.now()?;
        let made = block_on(create(door, order, key_from, delivery, by, now))?;
        made.map_err(|not_made: NotMade| not_made.into())
    }

    fn new_user(&self, wish: &Wish) -> anyhow::Result<Option<access_token::ckan::NewUser>> {
        if !wish.create_user {
            return Ok(None);
        }
        let Some(mail) = wish.person.mail.clone() else {
            bail!("CKAN wants a mail address for the user {}: give --mail", wish.user);
        };
        let (name, full_name) = (wish.user.clone(), wish.person.full_name.clone());
        Ok(Some(access_token::ckan::NewUser { name, mail, full_name }))
    }

    fn envelope(&self, wish: &Wish, letter: &Letter<'_>) -> anyhow::Result<Envelope> {
        Ok(match &wish.wrapping {
            Wrapping::Nothing => Envelope::Nothing,
            Wrapping::Pgp(key) => Envelope::Pgp { recipient: recipient(key)?, key: key.clone() },
            Wrapping::Zip => Envelope::Zip(vec![self.letters.read_me(letter)?]),
        })
    }

    fn letter<'a>(
        &'a self,
        wish: &'a Wish,
        file: &'a Path,
        certificate_fingerprint: &'a str,
        expires_at: Timestamp,
    ) -> Letter<'a> {
        Letter {
            full_name: wish.person.full_name.as_deref(),
            user: wish.user.as_str(),
            host: &self.settings.host,
            institution: &self.settings.institution,
            contact: &self.settings.contact,
            file_name: file.file_name().and_then(|name| name.to_str()).unwrap_or_default(),
            form: wish.wrapping.form(),
            certificate_fingerprint,
            expires_at,
            language: wish.person.language,
        }
    }
}

/// The disk, and whoever passes on the passphrase of one access token.
struct ForOne<'a> {
    workshop: &'a Workshop,
    wish: &'a Wish,
    beside: &'a Beside,
    fingerprint: &'a str,
}

impl ForOne<'_> {
    /// Tells the passphrase and the certificate's fingerprint, for the second channel.
    fn tell_passphrase(&self, passphrase: &Passphrase) -> anyhow::Result<()> {
        let Self { workshop, wish: Wish { user, .. }, beside, fingerprint } = self;
        let passphrase = passphrase.expose();
        match &workshop.passphrases {
            Passphrases::Shown(terminal) => terminal.show(&format!(
                "\n  For {user}, by telephone or on paper, never by the way of the file. Shown once.\n\
                 \n    passphrase    {passphrase}\n    certificate   {fingerprint}\n\n"
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

/// The person of a wish.
pub(super) fn person(name: Option<String>, mail: Option<String>, language: Language) -> Person {
    Person { full_name: name, mail, language }
}
