//! Where access tokens are made: what all of them have in common, and the steps of one.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::telling::{ForOne, Passphrases};
use super::wish::{Wish, Wrapping, recipient};
use crate::base::access_token::{Because, State};
use crate::base::time::later;
use crate::cli::Context;
use crate::cli::access::{Access, block_on};
use crate::cli::files::{self, Readable};
use crate::cli::terminal::say;
use crate::config::AccessToken as Settings;
use crate::flows::access_token::ckan::Ckan;
use crate::flows::access_token::letter::{Letter, Letters};
use crate::flows::access_token::{
    self, Envelope, Files as _, KeyFrom, Made, NotMade, Order, Packing, create,
};
use crate::server::token_file::{Beside, OnDisk, Reserved};
use crate::server::{boot, ckan};
use crate::store::access_token::{AccessTokenRow, of_user};

/// What all access tokens of one command have in common.
pub(super) struct Workshop {
    pub access: Access,
    pub settings: Settings,
    pub ckan: Option<ckan::Known>,
    pub letters: Letters,
    pub passphrases: Passphrases,
    /// The folder that files go to.
    to: PathBuf,
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

/// An access token that was made, and where everything about it lies.
#[derive(Debug)]
pub(super) struct Finished {
    pub made: Made,
    pub file: PathBuf,
    pub letter: PathBuf,
}

/// Refuses to make keys that nobody would revoke: at their end, only the CKAN of the configuration is asked.
fn check_end(
    config: &Path,
    ini: &Path,
    asked: &ckan::Known,
    named: Option<&ckan::Known>,
) -> anyhow::Result<()> {
    let (asked, named) = (asked.place(), named.map(Ckan::place));
    if named.as_ref() == Some(&asked) {
        return Ok(());
    }
    let named = named.map_or_else(|| "no CKAN".to_owned(), |named| format!("another CKAN, {named}"));
    let ini = std::path::absolute(ini)?;
    bail!(
        "{} names {named}, so that nothing would revoke at its end a key that {asked} makes: put `ini = {:?}` into \
         [ckan] there",
        config.display(),
        ini.display().to_string()
    )
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
        let passphrases = Passphrases::open(making.passphrases_for.as_deref(), access.now)?;
        let ckan = boot::ckan(&access.config, making.ckan_ini.as_deref(), &access.door.random)?;
        if let (Some(ini), Some(asked)) = (&making.ckan_ini, &ckan) {
            let named = boot::ckan(&access.config, None, &access.door.random)?;
            check_end(&context.config, ini, asked, named.as_ref())?;
        }
        let letters = boot::letters(&settings)?;
        Ok(Self { access, settings, ckan, letters, passphrases, to: making.to.clone() })
    }

    /// Warns of keys of our own that nothing here takes.
    pub fn warn_of_no_gateway(&self) {
        if self.access.config.service.iter().all(|service| service.existing_keys.is_none()) {
            say(
                "warning: --opaque: this configuration has no [[service]] of kind ckan, and such a key opens \
                 nothing else",
            );
        }
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
        Ok(self.begun_at(wish, &file)?.iter().any(|row| row.state == State::Issued))
    }

    /// Those of the person that were begun at `file`, the oldest first.
    fn begun_at(&self, wish: &Wish, file: &Path) -> anyhow::Result<Vec<AccessTokenRow>> {
        let named = file.display().to_string();
        let mut rows = block_on(of_user(&self.access.door.store.reader, &wish.user))??;
        rows.retain(|row| row.file == named);
        Ok(rows)
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
        // The last one that was begun here is whose file lies here.
        if self.begun_at(wish, file)?.last().is_some_and(|row| row.because == Some(Because::NotMade)) {
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
            opaque: wish.opaque,
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
            is_dead: wish.opaque.is_some(),
            language: wish.person.language,
        }
    }
}
