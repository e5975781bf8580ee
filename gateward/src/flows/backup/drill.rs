//! A drill: a backup is restored where nobody needs it, to see that it can be.

use std::io::Read;

use backup_manifest::{Drill, Manifest, Outcome};
use jiff::Timestamp;

use super::opening::Opening;
use super::restore::{Destination, Why, restore};

/// Who holds a drill, and where.
#[derive(Debug)]
pub struct Held {
    /// This machine.
    pub host: String,
    /// Who has it done: `os:NAME`.
    pub who: String,
    /// When it was begun.
    pub at: Timestamp,
}

/// Holds a drill of the backup that `manifest` describes: restores it into `destination` and compares.
///
/// `prove` looks first whether the file is the described one, where that can be read twice: another is not opened.
/// `now` reads the clock at the end.
///
/// # Errors
///
/// [`Why`]: nobody can say anything about the backup, because of the key, the disk or the server.
pub fn drill(
    manifest: &Manifest,
    prove: impl FnOnce() -> Result<(), Why>,
    sealed: &mut (dyn Read + Send),
    opening: &dyn Opening,
    destination: &mut dyn Destination,
    held: &Held,
    now: &dyn Fn() -> Timestamp,
) -> Result<Drill, Why> {
    let restored =
        prove().and_then(|()| restore(manifest, sealed, opening, destination).map_err(|it| it.why));
    let (opened_with, wrong, rows_compared) = match restored {
        Ok(restored) => (restored.key.to_string().to_lowercase(), restored.wrong, restored.rows_compared),
        Err(why) if why.is_about_the_backup() => (String::new(), vec![why.to_string()], 0),
        Err(why) => return Err(why),
    };
    let duration = now().duration_since(held.at).as_millis();
    Ok(Drill {
        backup: manifest.backup.clone(),
        at: held.at,
        host: held.host.clone(),
        made_by: concat!("gateward ", env!("CARGO_PKG_VERSION")).to_owned(),
        who: held.who.clone(),
        opened_with,
        outcome: if wrong.is_empty() { Outcome::Good } else { Outcome::Differs(wrong) },
        rows_compared,
        duration_ms: u64::try_from(duration).unwrap_or_default(),
    })
}
