//! Many access tokens, one after the other, and what is said of each.

use std::io::{IsTerminal as _, Write};
use std::process::ExitCode;

use ::access_token::ServerCertificate;
use jiff::Timestamp;
use serde_json::json;

use super::wish::Wish;
use super::workshop::{Finished, Workshop};
use crate::base::ckan::CkanUser;
use crate::cli::terminal::{cleared, say, shown};
use crate::cli::{Context, YES, in_words, no};
use crate::flows::access_token::{Error, NotMade, ckan};

/// One person of a batch, as far as is known before anything is made.
#[derive(Debug)]
pub(super) enum Turn {
    /// Is to be made.
    Make(Wish),
    /// Was made before; in these words.
    There(CkanUser, &'static str),
    /// Cannot be made.
    Impossible(CkanUser, anyhow::Error),
}

/// Many access tokens, one after the other, each whole or not at all.
pub(super) struct Batch<'a> {
    pub workshop: &'a Workshop,
    pub certificate: &'a ServerCertificate,
    pub expires_at: Timestamp,
}

/// How one turn came out.
enum Outcome<'a> {
    Made(&'a Wish, Finished),
    There(&'static str),
    Failed(String),
    NotTried,
}

/// How far the cause of a failure reaches.
enum Reach {
    /// To this person.
    One,
    /// To all who follow, if it comes again and again.
    Perhaps,
    /// To all who follow.
    All,
}

/// So many failures in a row that are nobody's own: the next would be another.
const HOPELESS: usize = 3;

/// How a batch goes on.
#[derive(Default)]
struct Tally {
    made: usize,
    there: usize,
    failed: usize,
    not_tried: usize,
    /// Failures since the last that was made, of causes that may reach to all.
    in_a_row: usize,
}

impl Batch<'_> {
    /// Makes them; the answer is no if one could not be made.
    pub fn run(&self, context: &Context, out: &mut impl Write, turns: &[Turn]) -> anyhow::Result<ExitCode> {
        let is_watched = std::io::stderr().is_terminal();
        let mut tally = Tally::default();
        for (at, turn) in turns.iter().enumerate() {
            if is_watched {
                eprint!("{}{} of {}: {}", cleared(), at + 1, turns.len(), turn.user());
            }
            let outcome = self.take(turn, &mut tally)?;
            eprint!("{}", cleared());
            self.print(context, out, turn.user(), &outcome)?;
            // What was reported was made: a run that is killed has told what it did.
            out.flush()?;
        }
        let Tally { made, there, failed, not_tried, .. } = tally;
        let rest = if not_tried == 0 { String::new() } else { format!(", not tried {not_tried}") };
        say(&format!("made {made}, there already {there}, failed {failed}{rest}"));
        Ok(if failed == 0 { YES } else { no() })
    }

    fn take<'t>(&self, turn: &'t Turn, tally: &mut Tally) -> anyhow::Result<Outcome<'t>> {
        let wish = match turn {
            Turn::Make(wish) => wish,
            Turn::There(_, words) => {
                tally.there += 1;
                return Ok(Outcome::There(words));
            }
            Turn::Impossible(_, why) => {
                tally.failed += 1;
                return Ok(Outcome::Failed(in_words(why)));
            }
        };
        if wish.replaces.is_none() && self.workshop.is_made(wish)? {
            tally.there += 1;
            return Ok(Outcome::There("was there already"));
        }
        if tally.is_hopeless() {
            tally.not_tried += 1;
            return Ok(Outcome::NotTried);
        }
        Ok(match self.workshop.make(wish, self.certificate, self.expires_at) {
            Ok(finished) => {
                tally.made += 1;
                tally.in_a_row = 0;
                Outcome::Made(wish, finished)
            }
            Err(error) => {
                tally.count(&error);
                Outcome::Failed(in_words(&error))
            }
        })
    }

    fn print(
        &self,
        context: &Context,
        out: &mut impl Write,
        user: &CkanUser,
        outcome: &Outcome<'_>,
    ) -> anyhow::Result<()> {
        let (text, json) = match outcome {
            Outcome::Made(wish, finished) => {
                return print(context, out, self.workshop, wish, finished, self.expires_at);
            }
            Outcome::There(words) => (format!("{user}  {words}"), json!({ "user": user, "result": "there" })),
            Outcome::Failed(why) => {
                let json = json!({ "user": user, "result": "failed", "why": why });
                (format!("{user}  FAILED: {}", shown(why)), json)
            }
            Outcome::NotTried => {
                (format!("{user}  not tried"), json!({ "user": user, "result": "not tried" }))
            }
        };
        Ok(context.print(out, &text, &json)?)
    }
}

impl Tally {
    fn count(&mut self, error: &anyhow::Error) {
        self.failed += 1;
        self.in_a_row = match reach(error) {
            Reach::One => 0,
            Reach::Perhaps => self.in_a_row + 1,
            Reach::All => HOPELESS,
        };
    }

    fn is_hopeless(&self) -> bool {
        self.in_a_row >= HOPELESS
    }
}

impl Turn {
    fn user(&self) -> &CkanUser {
        match self {
            Self::Make(wish) => &wish.user,
            Self::There(user, _) | Self::Impossible(user, _) => user,
        }
    }
}

/// Finds out whether the next would fail, too.
fn reach(error: &anyhow::Error) -> Reach {
    match error.downcast_ref::<NotMade>().map(|not_made| &not_made.why) {
        Some(Error::NotTold(_)) => Reach::All,
        Some(Error::Ckan(error)) => reach_in_ckan(error),
        // A place that is taken, a key of theirs that has ended.
        _ => Reach::One,
    }
}

fn reach_in_ckan(error: &ckan::Error) -> Reach {
    match error {
        ckan::Error::Refused(_) | ckan::Error::NoSuchUser(_) => Reach::One,
        ckan::Error::NotPermitted(_)
        | ckan::Error::NotCkan { .. }
        | ckan::Error::Tls { .. }
        | ckan::Error::Unreachable { .. }
        | ckan::Error::BrokenOff { .. } => Reach::Perhaps,
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
    let dead = match wish.opaque {
        Some(_) => format!("\n    dead until    gateward access-token activate {}", made.id),
        None => String::new(),
    };
    let text = format!(
        "{user}  {file}\n    access token  {id}\n    opens         {host}, until {expires_at:.0}\n    letter        {letter}{dead}",
        user = wish.user,
        file = shown(&file.display().to_string()),
        id = made.id,
        host = shown(&workshop.settings.host),
        letter = shown(&letter.display().to_string()),
    );
    let json = json!({
        "user": wish.user, "result": "made", "access_token": made.id, "host": workshop.settings.host,
        "file": file.display().to_string(), "file_sha256": made.file_sha256,
        "letter": letter.display().to_string(), "expires_at": crate::base::time::stored(expires_at),
        "opaque": wish.opaque.is_some(),
    });
    Ok(context.print(out, &text, &json)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(causes: Vec<Error>) -> Tally {
        let mut tally = Tally::default();
        for why in causes {
            tally.count(&NotMade { why, left: None }.into());
        }
        tally
    }

    fn silent() -> Error {
        ckan::Error::Unreachable { place: "https://ckan.example.org".into(), why: "nobody is there".into() }
            .into()
    }

    #[test]
    fn a_terminal_that_is_gone_ends_a_batch_at_once() {
        assert!(after(vec![Error::NotTold(std::io::Error::other("gone"))]).is_hopeless());
    }

    #[test]
    fn a_ckan_that_is_silent_three_times_in_a_row_ends_a_batch() {
        assert!(!after(vec![silent(), silent()]).is_hopeless());
        assert!(after(vec![silent(), silent(), silent()]).is_hopeless());
    }

    #[test]
    fn what_is_one_persons_own_ends_no_batch() {
        let refused = || Error::Ckan(ckan::Error::Refused("no more".into()));
        assert!(!after(vec![refused(), refused(), refused(), refused()]).is_hopeless());
        assert!(!after(vec![silent(), silent(), refused(), silent()]).is_hopeless(), "it answered");
    }
}
