//! `gateward node replace`

use std::io::Write;
use std::process::ExitCode;

use jiff::SignedDuration;
use serde_json::json;

use super::refused;
use super::wish::Wish;
use crate::base::identity::NodeName;
use crate::cli::access::block_on;
use crate::cli::{Context, YES};
use crate::flows::nodes::{self, Fate};
use crate::server::system;

/// Give a machine another certificate; the one before stays good for a while, or ends at once.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Replace {
    /// The machine.
    name: NodeName,
    #[command(flatten)]
    wish: Wish,
    /// How long both are good, in days, as in 30d; 0d ends the one before at once.
    #[arg(long, value_name = "DAYS", default_value = "30d", value_parser = days)]
    overlap: SignedDuration,
}

/// The longest renewal: after a year, nobody remembers that two are good.
const MOST_DAYS: i64 = 366;

fn days(text: &str) -> Result<SignedDuration, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
    match days.filter(|days| (0..=MOST_DAYS).contains(days)) {
        Some(days) => Ok(SignedDuration::from_hours(24 * days)),
        None => Err(format!("days from 0d to {MOST_DAYS}d")),
    }
}

impl Replace {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let credential = self.wish.read(system::wall_clock())?;
        let access = context.access_to_change()?;
        let fate = if self.overlap.is_zero() { Fate::Ends } else { Fate::Overlaps(self.overlap) };
        let (name, by) = (&self.name, access.by.as_str());
        let replaced = nodes::replace(&access.door, name, &credential, (fate, by), access.now);
        if let Err(error) = block_on(replaced)? {
            return refused(vec![error]);
        }
        let ends = crate::base::time::later(access.now, self.overlap);
        let text = format!("{name} has another certificate; the one before ends {ends:.0}");
        context.print(out, &text, &json!({ "node": name, "previous_ends_at": ends.to_string() }))?;
        Ok(YES)
    }
}
