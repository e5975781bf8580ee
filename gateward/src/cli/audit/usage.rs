//! `gateward audit usage`

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::super::{Context, Format, YES};
use super::instant;
use crate::cli::access::block_on;
use crate::flows::usage::{self, Figures, Key};
use crate::store::event::Filter;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Usage {
    /// One line for each of these, or for each combination of several; without it one line for all.
    #[arg(long, value_enum, value_delimiter = ',')]
    by: Vec<By>,
    /// Recorded then or later: 2026-11-21T20:30:00Z, 2026-11-21, or 2h for two hours ago.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    since: Option<Timestamp>,
    /// Recorded before then.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    until: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum By {
    /// The network code of the data; - where it is not known.
    Network,
    /// The service.
    Service,
    /// The month, in UTC.
    Month,
}

impl By {
    fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Service => "service",
            Self::Month => "month",
        }
    }

    fn of_the_flow(self) -> usage::By {
        match self {
            Self::Network => usage::By::Network,
            Self::Service => usage::By::Service,
            Self::Month => usage::By::Month,
        }
    }
}

impl Usage {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let access = context.access()?;
        let filter = Filter { since: self.since, until: self.until, ..Filter::default() };
        let by: Vec<usage::By> = self.by.iter().map(|by| by.of_the_flow()).collect();
        let rows = block_on(usage::count(&access.door.store.reader, filter, &by))??;
        match context.format {
            Format::Text => self.table(&rows, out)?,
            Format::Json => {
                for (key, figures) in &rows {
                    writeln!(out, "{}", Value::Object(self.object(key, figures)))?;
                }
            }
        }
        Ok(YES)
    }

    fn object(&self, key: &Key, figures: &Figures) -> Map<String, Value> {
        let keys = self.by.iter().zip(key).map(|(by, value)| (by.name().to_owned(), value.clone().into()));
        let figures = named(figures).map(|(name, figure)| (name.to_owned(), figure.into()));
        keys.chain(figures).collect()
    }

    /// Columns as wide as what stands in them: words to the left, figures to the right.
    fn table(&self, rows: &BTreeMap<Key, Figures>, out: &mut impl Write) -> std::io::Result<()> {
        let heads = named(&Figures::default()).map(|(name, _)| name.to_owned());
        let mut lines = vec![self.by.iter().map(|by| by.name().to_owned()).chain(heads).collect::<Vec<_>>()];
        for (key, figures) in rows {
            let key = key.iter().map(|value| value.clone().unwrap_or_else(|| "-".into()));
            lines.push(key.chain(named(figures).map(|(_, figure)| figure.to_string())).collect());
        }
        let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
        for line in &lines {
            let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
                if column < self.by.len() { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
            writeln!(out, "{}", cells.collect::<Vec<_>>().join("  "))?;
        }
        Ok(())
    }
}

/// The figures, each with the name that it has in both formats.
fn named(figures: &Figures) -> [(&'static str, u64); 6] {
    [
        ("requests", figures.requests),
        ("anonymous", figures.anonymous),
        ("persons", figures.persons()),
        ("bytes", figures.bytes),
        ("refused", figures.refused),
        ("records_left_out", figures.records_left_out),
    ]
}
