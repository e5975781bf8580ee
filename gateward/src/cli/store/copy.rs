//! `gateward store copy`

use std::io::{IsTerminal as _, Write};
use std::process::ExitCode;

use anyhow::bail;
use serde_json::json;

use super::ownership::{NewFiles, step_down};
use crate::base::store_address::StoreAddress;
use crate::cli::access::{block_on, operating_system_user};
use crate::cli::{Context, Named, YES, no, store_address};
use crate::flows::copy_store::copy_store;
use crate::server::system;
use crate::store;
use crate::store::copy::{Error, Progress};

/// Copy everything into another, empty store, every event verified on the way.
///
/// Stop every server first: nobody writes to either store meanwhile. The other store is made where
/// it is not there (of PostgreSQL the tables, not the database), and stays empty unless all of it was
/// copied. The first store is not changed; do not go on with it afterwards.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Copy {
    /// The store that is there: a path, sqlite:PATH, or postgres://USER@HOST/DATABASE.
    #[arg(long, value_parser = store_address)]
    from: StoreAddress,
    /// The empty store that everything goes to.
    #[arg(long, value_parser = store_address)]
    to: StoreAddress,
}

impl Copy {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let Self { from, to } = self;
        if matches!(context.store_from, Some(Named::Flag(_))) {
            bail!("`store copy` goes from --from to --to, and takes no --store");
        }
        if from == to {
            bail!("--from and --to name the same store");
        }
        let by = operating_system_user();
        step_down(from, to)?;
        let new = NewFiles::make(from, to)?;
        let mut line = Line::default();
        let show = |progress: Progress| line.show(progress);
        let copied = block_on(copy_store(from, to, &by, &system::clock(), &system::random(), show))?;
        line.end();
        new.remove_unless_used()?;
        match copied {
            Ok(extent) => {
                let said = format!(
                    "{} events copied; now set in the configuration: store = \"{to}\"",
                    extent.events
                );
                let json = json!({ "from": from.to_string(), "to": to.to_string(), "events": extent.events });
                context.print(out, &said, &json)?;
                Ok(YES)
            }
            Err(
                error @ (Error::Leased { .. }
                | Error::NotEmpty(_)
                | Error::Damaged { .. }
                | Error::Clock { .. }
                | Error::Store(store::Error::Served(_))),
            ) => {
                eprintln!("gateward: nothing was copied: {error}");
                Ok(no())
            }
            Err(error @ (Error::Store(_) | Error::Unknown { .. })) => Err(error.into()),
        }
    }
}

/// A line on the terminal that says how far it is; elsewhere nothing.
#[derive(Default)]
struct Line {
    is_there: bool,
}

impl Line {
    fn show(&mut self, Progress { events, of }: Progress) {
        if std::io::stderr().is_terminal() {
            eprint!("\r{events} of {of} events");
            self.is_there = true;
        }
    }

    fn end(self) {
        if self.is_there {
            eprintln!();
        }
    }
}
