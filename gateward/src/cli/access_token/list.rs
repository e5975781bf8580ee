//! `gateward access-token list` and `show`

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use ::access_token::KeyKind;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::certificate;
use crate::base::access_token::State;
use crate::base::ckan::CkanUser;
use crate::base::id::AccessTokenId;
use crate::base::time::stored;
use crate::cli::access::{Access, block_on};
use crate::cli::terminal::shown;
use crate::cli::{Context, YES, no};
use crate::flows::access_token::{Error, person};
use crate::store::access_token::{self, AccessTokenRow};
use crate::store::opaque_key::{self, OpaqueKeyRow};

/// List access tokens: who has which, what it opens, until when.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct List {
    /// Also those that have ended.
    #[arg(long)]
    all: bool,
    /// Those of one CKAN user.
    #[arg(long)]
    user: Option<CkanUser>,
    #[command(flatten)]
    which: Which,
}

/// Which access tokens are meant.
#[derive(Debug, Default, clap::Args)]
#[group(id = "which", multiple = true)]
pub(super) struct Which {
    /// Those that pin this certificate: whoever has one needs another before the host shows a new one.
    #[arg(long, value_name = "OLD.pem")]
    pinned_to: Option<PathBuf>,
    /// Those that end before this day (UTC), by themselves or with their certificate.
    #[arg(long, value_name = "YYYY-MM-DD")]
    before: Option<Date>,
}

/// How many are read at once.
const PAGE: u32 = 500;

impl Which {
    /// Whether those are meant that pin a certificate.
    pub fn is_of_certificate(&self) -> bool {
        self.pinned_to.is_some()
    }

    /// Tells of one whether it is meant.
    pub fn filter(&self) -> anyhow::Result<impl Fn(&AccessTokenRow) -> bool> {
        let pinned = self.pinned_to.as_deref().map(certificate::read).transpose()?;
        let pinned = pinned.map(|pinned| data_encoding::HEXLOWER.encode(pinned.fingerprint().as_bytes()));
        let before: Option<Timestamp> =
            self.before.map(|day| day.to_zoned(TimeZone::UTC).map(|day| day.timestamp())).transpose()?;
        Ok(move |row: &AccessTokenRow| {
            pinned.as_ref().is_none_or(|pinned| row.certificate == *pinned)
                && before.is_none_or(|before| row.expires_at.min(row.certificate_ends) < before)
        })
    }

    /// Finds those that are meant.
    pub fn find(
        &self,
        access: &Access,
        wanted: impl Fn(&AccessTokenRow) -> bool,
    ) -> anyhow::Result<Vec<AccessTokenRow>> {
        let is_meant = self.filter()?;
        let meant = |row: &AccessTokenRow| is_meant(row) && wanted(row);
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = block_on(access_token::page(&access.door.store.reader, after, PAGE))??;
            let Some(last) = page.last() else { return Ok(found) };
            after = Some(last.id);
            found.extend(page.into_iter().filter(&meant));
        }
    }
}

impl List {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let access = context.access()?;
        let rows = self.which.find(&access, |row| {
            (self.all || row.state != State::Ended) && self.user.as_ref().is_none_or(|user| row.user == *user)
        })?;
        let keys = block_on(opaque_key::all(&access.door.store.reader))??;
        let keys: BTreeMap<_, _> = keys.into_iter().map(|key| (key.access_token, key)).collect();
        for row in rows {
            let key = keys.get(&row.id);
            let text = format!(
                "{}  {:<20} {:<7} {:<5} until {:.0}  {}{}",
                row.id,
                row.user.as_str(),
                row.state,
                row.form,
                row.expires_at,
                shown(&row.host),
                key.filter(|_| row.state == State::Issued).map_or("", in_a_word),
            );
            context.print(out, &text, &json(&row, key))?;
        }
        Ok(YES)
    }
}

/// Show everything that is known of an access token; never its key.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Show {
    /// Its id.
    id: AccessTokenId,
}

impl Show {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let access = context.access()?;
        let Some(row) = block_on(access_token::find(&access.door.store.reader, self.id))?? else {
            eprintln!("gateward: {}", Error::NoSuch(self.id));
            return Ok(no());
        };
        let person = person(&access.door, &row)?;
        let key = block_on(opaque_key::of(&access.door.store.reader, row.id))??;
        let mut json = json(&row, key.as_ref());
        json["name"] = person.full_name.clone().into();
        json["mail"] = person.mail.clone().into();
        json["language"] = person.language.as_str().into();
        let text = [
            ("access token", row.id.to_string()),
            ("user", row.user.to_string()),
            ("name", person.full_name.unwrap_or_default()),
            ("mail", person.mail.unwrap_or_default()),
            ("opens", row.host.clone()),
            ("state", state_in_words(&row)),
            ("until", format!("{:.0}", row.expires_at)),
            ("key", row.key_kind.map_or("none yet", KeyKind::as_str).to_owned()),
            ("  activated", key.as_ref().map(activated_in_words).unwrap_or_default()),
            ("  bound to", key.as_ref().map(bound_in_words).unwrap_or_default()),
            ("  last used", key.as_ref().map(used_in_words).unwrap_or_default()),
            ("made in", row.ckan.clone().unwrap_or_else(|| "given to us".to_owned())),
            ("certificate", row.certificate.clone()),
            ("  ends", format!("{:.0}", row.certificate_ends)),
            ("form", row.form.to_string()),
            ("file", row.file.clone()),
            ("  SHA-256", row.file_sha256.clone().unwrap_or_default()),
            ("made", format!("{:.0} by {}", row.created_at, row.created_by)),
            ("replaced by", row.replaced_by.map(|id| id.to_string()).unwrap_or_default()),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name:<14}{}", shown(&value)))
        .collect::<Vec<_>>()
        .join("\n");
        context.print(out, &text, &json)?;
        Ok(YES)
    }
}

fn state_in_words(row: &AccessTokenRow) -> String {
    match row.because {
        None => row.state.to_string(),
        Some(because) => format!("{} ({because})", row.state),
    }
}

/// What a list says of a key of ours beyond the state of its access token.
fn in_a_word(key: &OpaqueKeyRow) -> &'static str {
    if key.activated_at.is_some() { "  opaque" } else { "  opaque, NOT ACTIVATED" }
}

fn activated_in_words(key: &OpaqueKeyRow) -> String {
    match (key.activated_at, &key.activated_by) {
        (Some(at), Some(by)) => format!("{at:.0} by {by}"),
        (Some(at), None) => format!("{at:.0}"),
        (None, _) => "not yet: it opens nothing".to_owned(),
    }
}

fn bound_in_words(key: &OpaqueKeyRow) -> String {
    match (key.binds, key.bound_to) {
        (_, Some(range)) => range.to_string(),
        (true, None) => "where it is used first".to_owned(),
        (false, None) => String::new(),
    }
}

fn used_in_words(key: &OpaqueKeyRow) -> String {
    key.last_used_at.map_or("never".to_owned(), |at| format!("{at:.0}"))
}

/// One row, for programs.
fn json(row: &AccessTokenRow, key: Option<&OpaqueKeyRow>) -> Value {
    let opaque = key.map(|key| {
        json!({
            "activated_at": key.activated_at.map(stored), "activated_by": key.activated_by, "binds": key.binds,
            "bound_to": key.bound_to.map(|range| range.to_string()),
            "last_used_at": key.last_used_at.map(stored),
        })
    });
    json!({
        "access_token": row.id, "user": row.user, "host": row.host, "state": row.state, "because": row.because,
        "form": row.form, "key_kind": row.key_kind.map(KeyKind::as_str), "ckan": row.ckan, "certificate": row.certificate,
        "certificate_ends": stored(row.certificate_ends), "expires_at": stored(row.expires_at),
        "created_at": stored(row.created_at), "created_by": row.created_by, "file": row.file,
        "file_sha256": row.file_sha256, "replaced_by": row.replaced_by, "opaque": opaque,
    })
}
