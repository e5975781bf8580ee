//! What happened to backups gets into the log: from the spool, as soon as the store takes it.

use anyhow::Context as _;

use crate::cli::Context;
use crate::cli::access::{block_on, owner};
use crate::cli::terminal::say;
use crate::config::Config;
use crate::flows::record::BackupWhat;
use crate::server::backup::spool::{Error, Spool, catch_up};
use crate::server::system;

/// Lays down what happened just now, and records it if the store takes it.
///
/// It is laid down as whoever did it, into the spool of whoever owns the folder: theirs it stays.
pub(super) fn record(context: &Context, config: &Config, what: BackupWhat) -> anyhow::Result<()> {
    let folder = &config.backup_state;
    let lay_down = || {
        let spool = Spool::make(folder, owner(&config.store))?;
        spool.add(what, system::wall_clock(), &system::random())?;
        std::io::Result::Ok(spool)
    };
    let spool =
        lay_down().with_context(|| format!("{}: laying down what is to be recorded", folder.display()))?;
    catch_up_or_say(context, &spool);
    Ok(())
}

/// Records all that waits; what cannot be recorded now goes on waiting and is no failure of a backup.
///
/// It may give up rights that only root has, so it comes last.
pub(super) fn catch_up_or_say(context: &Context, spool: &Spool) {
    let record = || -> anyhow::Result<()> {
        if spool.waiting()?.is_empty() {
            return Ok(());
        }
        let access = context.access_to_change_as_we_are()?;
        match block_on(catch_up(&access.door, spool, access.now))? {
            Err(error @ Error::Left(_)) => say(&format!("{error}; all else is recorded")),
            recorded => recorded?,
        }
        Ok(())
    };
    if let Err(error) = record() {
        say(&format!(
            "not recorded yet: {error:#}; it waits in {}, and the next command that can records it",
            spool.folder().display()
        ));
    }
}
