//! `gateward access-token create`

use std::io::{IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ::access_token::{ApiKey, ServerCertificate};
use anyhow::{Context as _, bail};
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::json;

use super::certificate::Source;
use super::csv;
use super::workshop::{Finished, Making, Wish, Workshop, Wrapping, person};
use crate::base::access_token::Language;
use crate::base::ckan::CkanUser;
use crate::cli::files::secret;
use crate::cli::{Context, YES, no};

/// Make an access token, and a letter that says what to do with it.
///
/// CKAN makes the key (by its API, as [ckan] in the configuration names it, or by --ckan-ini), or
/// --key-file gives it. The file can be sent by mail; the passphrase, shown once on the terminal, goes
/// another way, by telephone or on paper, together with the certificate's fingerprint.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Create {
    /// The CKAN user.
    #[arg(required_unless_present = "from_csv")]
    user: Option<CkanUser>,
    /// The person's own name, for the letter.
    #[arg(long, requires = "user")]
    name: Option<String>,
    /// Their mail address: CKAN wants one of a user who is made.
    #[arg(long, requires = "user")]
    mail: Option<String>,
    /// The language of the letter.
    #[arg(long, default_value_t = Language::English, value_parser = str::parse::<Language>)]
    language: Language,
    /// Make the CKAN user if there is none; they set their own password by mail.
    #[arg(long = "create-user")]
    with_user: bool,
    /// A key that there is already: a file of one line, or - for standard input.
    #[arg(long, value_name = "FILE", requires = "user", conflicts_with = "with_user")]
    key_file: Option<PathBuf>,
    /// Encrypt it to this OpenPGP key of the user's; they need no zip program then.
    #[arg(long, value_name = "KEY.asc", requires = "user")]
    pgp: Option<PathBuf>,
    /// Make the inner file alone: whoever gets it has the key in seconds, passphrase or not.
    #[arg(long, conflicts_with = "pgp")]
    inner_only: bool,
    /// The last day on which it is good (UTC), instead of `lifetime_days` from now.
    #[arg(long, value_name = "YYYY-MM-DD")]
    expires: Option<Date>,
    /// Make one for each line: a header with `user` and any of `name`, `mail`, `language`, `pgp` and
    /// `key_file` (paths from the file's own folder), then a person a line. Lines whose access token lies
    /// there already are passed over, so that an interrupted run is taken up by running it again.
    #[arg(long, value_name = "CSV", conflicts_with = "user")]
    from_csv: Option<PathBuf>,
    #[command(flatten)]
    certificate: Source,
    #[command(flatten)]
    making: Making,
}

/// What ZipCrypto is worth; measured on two cores.
const RISK: &str = "\
gateward: --inner-only: a file in this form protects nothing on its way. Everybody can fetch the
gateward: certificate in it from the host, and the bytes that are known then give the key away, in 1 to 13
gateward: seconds on a small computer, however good the passphrase is. Hand it over yourself, on a stick.
";

impl Create {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let wishes = self.wishes()?;
        let workshop = Workshop::open(context, &self.making)?;
        let certificate = self.certificate.find(&workshop.settings)?;
        let expires_at = workshop.end(self.expires, &certificate)?;
        if self.inner_only {
            eprint!("{RISK}");
        }
        let batch = Batch { workshop: &workshop, certificate: &certificate, expires_at };
        if self.from_csv.is_some() {
            return batch.run(context, out, &wishes);
        }
        for wish in &wishes {
            print(
                context,
                out,
                &workshop,
                wish,
                &workshop.make(wish, &certificate, expires_at)?,
                expires_at,
            )?;
        }
        Ok(YES)
    }

    fn wishes(&self) -> anyhow::Result<Vec<Wish>> {
        let wrapping = if self.inner_only { Wrapping::Nothing } else { Wrapping::Zip };
        if let Some(path) = &self.from_csv {
            return csv::read(path, self.language, self.with_user, &wrapping);
        }
        let Some(user) = self.user.clone() else { bail!("name a CKAN user, or --from-csv") };
        Ok(vec![Wish {
            user,
            person: person(self.name.clone(), self.mail.clone(), self.language),
            create_user: self.with_user,
            key: self.key_file.as_deref().map(key).transpose()?,
            wrapping: self.pgp.as_deref().map_or(Ok(wrapping), Wrapping::pgp)?,
            replaces: None,
        }])
    }
}

/// Reads a key from a file of one line, or from standard input.
pub(super) fn key(path: &Path) -> anyhow::Result<ApiKey> {
    secret(path)?.expose().parse::<ApiKey>().with_context(|| path.display().to_string())
}

/// Many access tokens, one after the other, each whole or not at all.
pub(super) struct Batch<'a> {
    pub workshop: &'a Workshop,
    pub certificate: &'a ServerCertificate,
    pub expires_at: Timestamp,
}

impl Batch<'_> {
    /// Makes them; the answer is no if one could not be made.
    pub fn run(&self, context: &Context, out: &mut impl Write, wishes: &[Wish]) -> anyhow::Result<ExitCode> {
        let progress = std::io::stderr().is_terminal();
        let (mut made, mut there, mut failed) = (0_usize, 0_usize, 0_usize);
        for (at, wish) in wishes.iter().enumerate() {
            if progress {
                eprint!("\r{} of {}: {}\x1b[K", at + 1, wishes.len(), wish.user);
            }
            if wish.replaces.is_none() && self.workshop.is_made(wish)? {
                there += 1;
                let json = json!({ "user": wish.user, "result": "there" });
                context.print(out, &format!("{}  was there already", wish.user), &json)?;
                continue;
            }
            match self.workshop.make(wish, self.certificate, self.expires_at) {
                Ok(finished) => {
                    made += 1;
                    print(context, out, self.workshop, wish, &finished, self.expires_at)?;
                }
                Err(error) => {
                    failed += 1;
                    let why = crate::cli::in_words(&error);
                    let json = json!({ "user": wish.user, "result": "failed", "why": why });
                    context.print(out, &format!("{}  FAILED: {why}", wish.user), &json)?;
                }
            }
            // What was reported was made: a run that is killed has told what it did.
            out.flush()?;
        }
        if progress {
            eprint!("\r\x1b[K");
        }
        eprintln!("gateward: made {made}, there already {there}, failed {failed}");
        Ok(if failed == 0 { YES } else { no() })
    }
}

/// Says what was made; never what opens it.
fn print(
    context: &Context,
    out: &mut impl Write,
    workshop: &Workshop,
    wish: &Wish,
    finished: &Finished,
    expires_at: Timestamp,
) -> anyhow::Result<()> {
    let Finished { made, file, letter } = finished;
    let text = format!(
        "{user}  {file}\n    access token  {id}\n    opens         {host}, until {expires_at:.0}\n    letter        {letter}",
        user = wish.user,
        file = file.display(),
        id = made.id,
        host = workshop.settings.host,
        letter = letter.display(),
    );
    let json = json!({
        "user": wish.user, "result": "made", "access_token": made.id, "host": workshop.settings.host,
        "file": file.display().to_string(), "file_sha256": made.file_sha256,
        "letter": letter.display().to_string(), "expires_at": crate::base::time::stored(expires_at),
    });
    Ok(context.print(out, &text, &json)?)
}
