//! `gateward access-token renew`

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use ::access_token::ApiKey;
use anyhow::bail;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::batch::{Batch, Turn};
use super::certificate::Source;
use super::create::key;
use super::list::Which;
use super::wish::{Wish, Wrapping};
use super::workshop::{Making, Workshop};
use crate::base::access_token::{Form, State};
use crate::base::id::AccessTokenId;
use crate::base::time::later;
use crate::cli::Context;
use crate::cli::access::block_on;
use crate::cli::terminal::say;
use crate::flows::access_token::{Error, Opaque, Replaces, person};
use crate::store::access_token::{self, AccessTokenRow};
use crate::store::opaque_key;

/// Make new access tokens in the place of old ones, for the same people and in the same form.
///
/// The old ones go on working for a while (30 days, or until their own end if that comes first), so that
/// their users can change over; then the sweep revokes them. In the place of a key of ours comes another,
/// which is dead until it is activated.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Renew {
    /// The ids of the access tokens.
    #[arg(required_unless_present = "all")]
    ids: Vec<AccessTokenId>,
    /// All that --before or --pinned-to names.
    #[arg(long, conflicts_with = "ids", requires = "which")]
    all: bool,
    #[command(flatten)]
    which: Which,
    /// How many days the old ones go on working.
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    keep_old: u16,
    /// The last day on which the new ones are good (UTC), instead of `lifetime_days` from now.
    #[arg(long, value_name = "YYYY-MM-DD")]
    expires: Option<Date>,
    /// A new key, for one whose key was given: a file of one line, or - for standard input.
    #[arg(long, value_name = "FILE", requires = "ids")]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    certificate: Source,
    #[command(flatten)]
    making: Making,
}

impl Renew {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        if self.ids.len() > 1 && self.key_file.is_some() {
            bail!("--key-file has one key: name one access token");
        }
        let key = self.key_file.as_deref().map(key).transpose()?;
        let workshop = Workshop::open(context, &self.making)?;
        let certificate = self.certificate.find(&workshop.settings)?;
        let expires_at = workshop.end(self.expires, &certificate)?;
        let until = later(workshop.access.now, SignedDuration::from_hours(24 * i64::from(self.keep_old)));
        let fingerprint = data_encoding::HEXLOWER.encode(certificate.fingerprint().as_bytes());
        let rows = self.rows(&workshop, &fingerprint)?;
        let wanted = || rows.iter().filter(|row| row.replaced_by.is_none());
        if let Some(twice) = twice(wanted()) {
            bail!(
                "{twice} has several that would be renewed, into one file: renew them one by one, with --to, or \
                 revoke those that are not used"
            );
        }
        if wanted().next().is_none() {
            say("there is none to renew");
        }
        if self.which.is_of_certificate() && wanted().any(|row| row.certificate_ends > until) {
            say(&format!(
                "warning: the old ones stop working on {}; the host must show the new certificate by then",
                until.to_zoned(TimeZone::UTC).date()
            ));
        }
        let turns: Vec<Turn> = rows.iter().map(|row| turn(&workshop, row, key.as_ref(), until)).collect();
        Batch { workshop: &workshop, certificate: &certificate, expires_at }.run(context, out, &turns)
    }

    /// Those that are meant, each with its successor if that is good; of `--all`, not those that a run
    /// before this one made, with the same certificate, for people whose old ones go on still.
    fn rows(&self, workshop: &Workshop, certificate: &str) -> anyhow::Result<Vec<AccessTokenRow>> {
        let access = &workshop.access;
        if self.all {
            let mut rows = Which::default().find(access, |row| row.state == State::Issued)?;
            let good: BTreeSet<AccessTokenId> = rows.iter().map(|row| row.id).collect();
            for row in &mut rows {
                row.replaced_by = row.replaced_by.filter(|by| good.contains(by));
            }
            let successors: BTreeSet<_> = rows.iter().filter_map(|row| row.replaced_by).collect();
            let is_fresh =
                |row: &AccessTokenRow| successors.contains(&row.id) && row.certificate == certificate;
            let meant = self.which.filter()?;
            rows.retain(|row| meant(row) && !is_fresh(row));
            return Ok(rows);
        }
        let find = |id: &AccessTokenId| -> anyhow::Result<Option<AccessTokenRow>> {
            Ok(block_on(access_token::find(&access.door.store.reader, *id))??)
        };
        let meant = |id: &AccessTokenId| -> anyhow::Result<AccessTokenRow> {
            let mut row = find(id)?.ok_or(Error::NoSuch(*id))?;
            if row.state != State::Issued {
                bail!("{id} is {}: make a new one with `gateward access-token create`", row.state);
            }
            if let Some(by) = row.replaced_by {
                let successor = find(&by)?;
                if successor.is_some_and(|successor| successor.state == State::Issued) {
                    bail!("{id} was renewed already, by {by}");
                }
                row.replaced_by = None;
            }
            Ok(row)
        };
        self.ids.iter().map(meant).collect()
    }
}

/// What is to be done about one that is meant.
fn turn(workshop: &Workshop, row: &AccessTokenRow, key: Option<&ApiKey>, until: Timestamp) -> Turn {
    if row.replaced_by.is_some() {
        return Turn::There(row.user.clone(), "was renewed already");
    }
    match wish(workshop, row, key, until) {
        Ok(wish) => Turn::Make(wish),
        Err(why) => Turn::Impossible(row.user.clone(), why),
    }
}

fn wish(
    workshop: &Workshop,
    row: &AccessTokenRow,
    key: Option<&ApiKey>,
    until: Timestamp,
) -> anyhow::Result<Wish> {
    if row.ckan.is_none() && key.is_none() {
        bail!("{} has a key that was given: renew it alone with --key-file", row.id);
    }
    let wrapping = match (row.form, &row.recipient) {
        (Form::Zip, _) => Wrapping::Zip,
        (Form::Pgp, Some(key)) => Wrapping::Pgp(key.clone()),
        (Form::Pgp, None) => bail!("{} names no OpenPGP key", row.id),
        (Form::Inner, _) => Wrapping::Nothing,
    };
    let reader = &workshop.access.door.store.reader;
    let opaque = block_on(opaque_key::of(reader, row.id))??;
    Ok(Wish {
        user: row.user.clone(),
        person: person(&workshop.access.door, row)?,
        create_user: false,
        key: key.cloned(),
        wrapping,
        opaque: opaque.map(|key| Opaque { binds: key.binds }),
        replaces: Some(Replaces { id: row.id, until }),
    })
}

/// A user who stands there more than once.
fn twice<'a>(rows: impl Iterator<Item = &'a AccessTokenRow>) -> Option<&'a str> {
    let mut users: Vec<&str> = rows.map(|row| row.user.as_str()).collect();
    users.sort_unstable();
    users.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}
