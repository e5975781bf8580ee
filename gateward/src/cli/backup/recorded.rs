//! What happened to backups gets into the log: from the spool, as soon as the store takes it.

use crate::cli::Context;
use crate::cli::access::block_on;
use crate::cli::terminal::say;
use crate::server::backup::spool::{Spool, catch_up};

/// Records all that waits; what cannot be recorded now goes on waiting and is no failure of a backup.
///
/// It may give up rights that only root has, so it comes last.
pub(super) fn catch_up_or_say(context: &Context, spool: &Spool) {
    let record = || -> anyhow::Result<()> {
        if spool.waiting()?.is_empty() {
            return Ok(());
        }
        let access = context.access_to_change_as_we_are()?;
        block_on(catch_up(&access.door, spool, access.now))??;
        Ok(())
    };
    if let Err(error) = record() {
        say(&format!(
            "not recorded yet: {error:#}; it waits in {}, and the next command that can records it",
            spool.folder().display()
        ));
    }
}
