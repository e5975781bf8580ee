//! A command that reads the log: what it reads, and that it is recorded first.

use anyhow::Context as _;
use jiff::Timestamp;

use crate::base::store_address::StoreAddress;
use crate::cli::access::{Access, block_on};
use crate::cli::{Context, store_address};
use crate::flows::audit::{self, record_reading};
use crate::flows::record::LogReading;
use crate::server::system;
use crate::store::{self, Reader};

/// Where the log is read.
#[derive(Debug, Clone, Default, clap::Args)]
pub(in crate::cli) struct ReadFrom {
    /// Read there instead, on a standby for example; that it was read is recorded in the store itself.
    #[arg(long, value_name = "STORE", value_parser = store_address)]
    read_from: Option<StoreAddress>,
}

/// Somebody who reads the log.
pub(super) struct Reading {
    access: Access,
    elsewhere: Option<Reader>,
    how: LogReading,
    asked: String,
}

impl Reading {
    /// Opens the log for somebody who asks for `asked`.
    pub(super) fn open(
        context: &Context,
        from: &ReadFrom,
        how: LogReading,
        asked: &str,
    ) -> anyhow::Result<Self> {
        let access = context.access_to_change()?;
        let look = |address: &StoreAddress| store::look(address, system::clock()).map(|(reader, _)| reader);
        let elsewhere = from.read_from.as_ref().map(look).transpose()?;
        Ok(Self { access, elsewhere, how, asked: asked.to_owned() })
    }

    /// Where to read.
    pub(super) fn reader(&self) -> &Reader {
        self.elsewhere.as_ref().unwrap_or(&self.access.door.store.reader)
    }

    /// What the configuration says, and who asks.
    pub(super) fn access(&self) -> &Access {
        &self.access
    }

    /// Records that `events` of them are shown now; nothing may be before.
    pub(super) fn record(&self, events: usize) -> anyhow::Result<()> {
        let door = &self.access.door;
        let now = door.store.clock.now()?;
        let reading = audit::Reading {
            how: self.how,
            asked: audit::Asked::new(&self.asked)?,
            events: events as u64,
            who: &self.access.by,
            address: None,
        };
        block_on(record_reading(&door.recorder, reading, None, now))?.context(
            "that somebody reads the log is recorded first, and cannot be; on a standby, name it with --read-from",
        )
    }
}

/// Writes what was asked for as a command line says it.
pub(super) fn asked(options: &[(&str, Option<String>)]) -> String {
    let said =
        options.iter().filter_map(|(name, value)| value.as_ref().map(|value| format!("{name} {value}")));
    said.collect::<Vec<_>>().join(" ")
}

/// Writes an instant for [`asked`].
pub(super) fn instant(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}
