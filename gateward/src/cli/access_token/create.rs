//! `gateward access-token create`

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ::access_token::ApiKey;
use anyhow::{Context as _, bail};
use jiff::civil::Date;

use super::batch::{Batch, Turn, print};
use super::certificate::Source;
use super::csv;
use super::wish::{Wish, Wrapping, person};
use super::workshop::{Making, Workshop};
use crate::base::access_token::Language;
use crate::base::ckan::CkanUser;
use crate::cli::files::secret;
use crate::cli::{Context, YES};
use crate::flows::access_token::Opaque;

/// Make an access token, and a letter that says what to do with it.
///
/// CKAN makes the key (by its API, as [ckan] in the configuration names it, or by --ckan-ini), or
/// --key-file gives it. The file can be sent by mail; the passphrase, shown once on the terminal, goes
/// another way, by telephone or on paper, together with the certificate's fingerprint.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
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
    /// Pack a key of our own instead of CKAN's: it opens nothing but this gateway's service of kind ckan, ends
    /// with the access token, and is dead until `access-token activate`.
    #[arg(long)]
    opaque: bool,
    /// Bind that key to the range of addresses of its first use: an IPv4 /24, an IPv6 /48.
    #[arg(long, requires = "opaque")]
    bind: bool,
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
        if self.opaque {
            workshop.warn_of_no_gateway();
        }
        let certificate = self.certificate.find(&workshop.settings)?;
        let expires_at = workshop.end(self.expires, &certificate)?;
        if self.inner_only {
            eprint!("{RISK}");
        }
        let batch = Batch { workshop: &workshop, certificate: &certificate, expires_at };
        if self.from_csv.is_some() {
            let turns: Vec<Turn> = wishes.into_iter().map(Turn::Make).collect();
            return batch.run(context, out, &turns);
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
        let opaque = self.opaque.then_some(Opaque { binds: self.bind });
        if let Some(path) = &self.from_csv {
            let wishes = csv::read(path, self.language, self.with_user, &wrapping)?;
            return Ok(wishes.into_iter().map(|wish| Wish { opaque, ..wish }).collect());
        }
        let Some(user) = self.user.clone() else { bail!("name a CKAN user, or --from-csv") };
        Ok(vec![Wish {
            user,
            person: person(self.name.clone(), self.mail.clone(), self.language),
            create_user: self.with_user,
            key: self.key_file.as_deref().map(key).transpose()?,
            wrapping: self.pgp.as_deref().map_or(Ok(wrapping), Wrapping::pgp)?,
            opaque,
            replaces: None,
        }])
    }
}

/// Reads a key from a file of one line, or from standard input.
pub(super) fn key(path: &Path) -> anyhow::Result<ApiKey> {
    secret(path)?.expose().parse::<ApiKey>().with_context(|| path.display().to_string())
}
