//! Many access tokens, one after the other, and what is said of each.

use std::io::{IsTerminal as _, Write};
use std::process::ExitCode;

use ::access_token::ServerCertificate;
use jiff::Timestamp;
use serde_json::json;

use super::wish::Wish;
use super::workshop::{Finished, Workshop};
use crate::cli::{Context, YES, no};

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
pub(super) fn print(
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
