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
/// `sealed` gives the file once it is proven to be the described one: another is not opened. `now` reads the clock at the end.
///
/// # Errors
///
/// [`Why`]: nobody can say anything about the backup, because of the key, the disk or the server.
pub fn drill<R: Read + Send>(
    manifest: &Manifest,
    sealed: impl FnOnce() -> Result<R, Why>,
    opening: &dyn Opening,
    destination: &mut dyn Destination,
    held: &Held,
    now: &dyn Fn() -> Timestamp,
) -> Result<Drill, Why> {
    let restored = sealed()
        .and_then(|mut sealed| restore(manifest, &mut sealed, opening, destination).map_err(|it| it.why));
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use backup_manifest::{Compression, Measure};
    use openpgp::Fingerprint;

    use super::*;
    use crate::flows::backup::opening;
    use crate::flows::backup::restore::{Taken, Untaken};

    /// Finds whatever it is given cut off.
    struct Cut;

    impl Opening for Cut {
        fn open(
            &self,
            _: &mut (dyn Read + Send),
            _: &mut dyn Write,
            _: u64,
        ) -> Result<Fingerprint, opening::Error> {
            Err(opening::Error::Damaged("it is cut off".into()))
        }
    }

    struct Place {
        is_stopped: bool,
    }

    impl Destination for Place {
        fn take(&mut self, stream: &mut dyn Read) -> Result<Taken, Untaken> {
            std::io::copy(stream, &mut std::io::sink()).map_err(Untaken::Stream)?;
            Ok(Taken::default())
        }

        fn look(&mut self) -> Vec<String> {
            Vec::new()
        }

        fn is_stopped(&self) -> bool {
            self.is_stopped
        }
    }

    fn drilled(is_stopped: bool) -> Result<Drill, Why> {
        let measure = Measure { bytes: 0, sha256: String::new() };
        let manifest = Manifest {
            backup: "a.gpg".into(),
            job: "a".into(),
            host: "here".into(),
            made_by: String::new(),
            started_at: Timestamp::UNIX_EPOCH,
            finished_at: Timestamp::UNIX_EPOCH,
            file: measure.clone(),
            stream: measure,
            compression: Compression::None,
            protection: String::new(),
            recipients: Vec::new(),
            parts: Vec::new(),
        };
        let held = Held { host: "here".into(), who: "os:me".into(), at: Timestamp::UNIX_EPOCH };
        let sealed = || Ok(std::io::empty());
        drill(&manifest, sealed, &Cut, &mut Place { is_stopped }, &held, &|| Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn whoever_stops_a_drill_says_nothing_about_the_backup() {
        let cut = drilled(false).unwrap();
        assert_eq!(cut.outcome, Outcome::Differs(vec!["it is cut off".into()]));
        assert!(matches!(drilled(true), Err(Why::Stopped)));
    }
}
