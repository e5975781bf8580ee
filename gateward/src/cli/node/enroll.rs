//! `gateward node enroll`

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use node_certificate::{Authority, Key};
use serde_json::json;

use super::many::{self, Read};
use super::refused;
use super::wish::Wish;
use crate::base::identity::{NodeName, NodeRole};
use crate::cli::access::block_on;
use crate::cli::{Context, YES, no};
use crate::flows::nodes::{self, Enrolled};
use crate::server::{authorities, system};

/// Let a machine in, or many: all of a file or folder, or none.
///
/// It is known by its own certificate, or by what an authority calls it. What it may reach, grants say.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Enroll {
    /// What the machine is called here.
    #[arg(required_unless_present_any = ["folder", "csv"])]
    name: Option<NodeName>,
    #[command(flatten)]
    wish: Wish,
    /// A folder of certificates: each file's name, without its ending, becomes its machine's.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["name", "known_by", "csv"])]
    folder: Option<PathBuf>,
    /// A table with a header: name, and certificate, fingerprint, or issuer with subject or san; roles.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "known_by"])]
    csv: Option<PathBuf>,
    /// What else it is believed to be: proxy (it asks for others, and is believed about them) or openhim.
    /// Repeatable.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<NodeRole>,
}

impl Enroll {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        // Files are read as whoever runs this, and the database written as its owner.
        let Read { enrolled, wrong } = self.read()?;
        if !wrong.is_empty() {
            for wrong in wrong {
                eprintln!("gateward: {wrong}");
            }
            eprintln!("gateward: nobody was enrolled");
            return Ok(no());
        }
        if enrolled.is_empty() {
            bail!("there is nobody in it");
        }
        let has_stranger = has_stranger(context, &enrolled)?;
        let access = context.access_to_change()?;
        if let Err(errors) = block_on(nodes::enroll(&access.door, &enrolled, &access.by, access.now))? {
            return refused(errors);
        }
        for one in &enrolled {
            context.print(out, &format!("{} enrolled", one.name), &json!({ "node": one.name }))?;
        }
        if has_stranger {
            eprintln!(
                "gateward: the server believes an authority once node_ca in its configuration names it"
            );
        }
        Ok(YES)
    }

    fn read(&self) -> anyhow::Result<Read> {
        let now = system::wall_clock();
        match (&self.name, &self.folder, &self.csv) {
            (_, Some(folder), _) => many::folder(folder, &self.roles, now),
            (_, _, Some(table)) => many::table(table, &self.roles, now),
            (Some(name), None, None) => {
                let credential = self.wish.read(now)?;
                let one = Enrolled { name: name.clone(), roles: self.roles.clone(), credential };
                Ok(Read { enrolled: vec![one], wrong: Vec::new() })
            }
            (None, None, None) => bail!("name a machine, --folder or --csv"),
        }
    }
}

/// Whether one of them is vouched for by an authority that the configuration does not name.
fn has_stranger(context: &Context, enrolled: &[Enrolled]) -> anyhow::Result<bool> {
    let by = |one: &Enrolled| match one.credential.key {
        Key::Issued { by, .. } => Some(by),
        Key::Certificate(_) => None,
    };
    if enrolled.iter().all(|one| by(one).is_none()) {
        return Ok(false);
    }
    let trust = authorities::load(&context.config()?)?;
    let known: Vec<Authority> = trust.authorities().iter().map(Authority::of).collect();
    Ok(enrolled.iter().filter_map(by).any(|by| !known.contains(&by)))
}
