//! `gateward backup drill`

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use backup_manifest::{self as manifest, Outcome, Part};
use serde_json::json;

use super::named::{Named, Vouched};
use super::opening::PrivateKey;
use super::recorded::record;
use crate::cli::access::{become_owner_of, operating_system_user};
use crate::cli::terminal::{say, shown};
use crate::cli::{Context, YES, no};
use crate::flows::backup::drill::{Held, drill};
use crate::flows::backup::restore::plan::plan;
use crate::flows::record::BackupWhat;
use crate::server::backup::drill::{Cluster, Error, Holder, Room};
use crate::server::backup::interrupt::Interrupt;
use crate::server::backup::programs::Programs;
use crate::server::backup::restore::{Database, Landing, Manner};
use crate::server::system;

/// Restore a backup where nobody needs it, compare it, and take it away again.
///
/// A database goes into a PostgreSQL server that is made for this, is reached by nobody else, and ends with it.
/// It compares contents: roles that are not there are left out, and so is what belongs to whom. The result is signed
/// with a key of this machine's keyring and laid beside the backup; where the backup was made it counts once
/// `drill_signers` of the configuration names that key.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Drill {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    key: PrivateKey,
    /// The folder that it is held in; it needs room for all of the backup, as it was before.
    #[arg(long = "in", value_name = "DIR")]
    place: Option<PathBuf>,
    /// The folder of PostgreSQL's programs, instead of the newest that there are.
    #[arg(long, value_name = "DIR")]
    pg_bin: Option<PathBuf>,
}

impl Drill {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let backup = self.named.find(context)?;
        let opening = self.key.needed()?;
        opening.prepare()?;
        let sealed = backup.sealed().context("reading the backup's file")?;
        let interrupt = Interrupt::default();
        interrupt.watch().context("watching for interrupts")?;
        let held = Held {
            host: nix::unistd::gethostname()?.to_string_lossy().into_owned(),
            who: operating_system_user(),
            at: system::wall_clock(),
        };
        let place = self.place(&backup)?;
        // Whatever root alone may read, or ask, is open by now.
        let room = Room::make(&place, Holder::of(&place)?, &system::random())?;
        let manifest = &backup.manifest;
        let has_files = manifest.parts.iter().any(|part| !matches!(part, Part::Database(_)));
        let cluster = self.cluster(&backup, &room, &interrupt)?;
        let plan = plan(manifest, cluster.is_some(), has_files, true)?;
        let programs = Programs::find(self.pg_bin.as_deref(), variable);
        let database = cluster
            .as_ref()
            .map(|cluster| Database::at(cluster.url(), programs, Manner::Drill, interrupt.clone()));
        let folder = has_files.then(|| room.files());
        let mut landing =
            Landing::new(manifest, plan, database.transpose()?, folder, true, interrupt.clone()).afresh();
        let proven = || sealed.proven(manifest, room.path(), &interrupt);
        let now = system::wall_clock;
        let result = drill(manifest, proven, opening.as_ref(), &mut landing, &held, &now);
        drop(landing);
        drop(cluster);
        drop(room);
        if let Some(installation) = &backup.installation {
            let folder = &installation.config.backup_state;
            become_owner_of(folder).with_context(|| format!("becoming the owner of {}", folder.display()))?;
        }
        tell(context, &backup, &result.context("nothing is known about the backup")?, out)
    }

    fn place(&self, backup: &Vouched) -> anyhow::Result<PathBuf> {
        match (&self.place, &backup.installation) {
            (Some(place), _) => Ok(std::path::absolute(place)?),
            (None, Some(installation)) => {
                let state = &installation.config.backup_state;
                std::fs::DirBuilder::new()
                    .recursive(true)
                    .create(state)
                    .with_context(|| state.display().to_string())?;
                Ok(state.join("drill"))
            }
            (None, None) => anyhow::bail!("name a folder with room for all of it: --in DIR"),
        }
    }

    /// Starts a server, where a database was backed up, that is not older than where it came from.
    fn cluster(
        &self,
        backup: &Vouched,
        room: &Room,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Option<Cluster>> {
        let versions = backup.manifest.parts.iter().filter_map(|part| match part {
            Part::Database(dump) => Some(major(&dump.server_version)),
            _ => None,
        });
        let Some(oldest) = versions.max() else { return Ok(None) };
        let programs = Programs::find(self.pg_bin.as_deref(), variable);
        let folder = programs.newest_server(oldest).ok_or_else(|| self.no_server(oldest))?;
        Ok(Some(Cluster::start(room, &folder, interrupt)?))
    }

    fn no_server(&self, oldest: u32) -> anyhow::Error {
        match &self.pg_bin {
            Some(folder) => {
                let folder = shown(&folder.display().to_string());
                anyhow::anyhow!("--pg-bin {folder}: initdb and postgres are not there")
            }
            None => Error::NotInstalled(oldest).into(),
        }
    }
}

fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}

/// The first number of what a server says of its version: `15.18 (Debian 15.18-0+deb12u1)`.
fn major(version: &str) -> u32 {
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_default()
}

fn tell(
    context: &Context,
    backup: &Vouched,
    drill: &manifest::Drill,
    out: &mut impl Write,
) -> anyhow::Result<ExitCode> {
    let wrong = match &drill.outcome {
        Outcome::Good => Vec::new(),
        Outcome::Differs(wrong) => wrong.clone(),
    };
    let laid = backup.installation.as_ref().map(|installation| {
        let note = drill.sign(installation.keyring.manifest_signer())?;
        let name = backup.name.drill(drill.at);
        backup.place.put(&name, note.as_bytes())?;
        anyhow::Ok(name)
    });
    let laid = match laid.transpose() {
        Ok(laid) => laid,
        Err(error) => {
            say(&format!("the result is not beside the backup: {error}"));
            None
        }
    };
    if backup.installation.is_none() {
        say("no result was left: `gateward init --for backup` gives a key to sign it with");
    }
    let json = json!({
        "file": drill.backup, "good": wrong.is_empty(), "wrong": wrong, "rows_compared": drill.rows_compared,
        "duration_ms": drill.duration_ms, "host": drill.host, "result": laid,
    });
    let text = if wrong.is_empty() {
        format!("{} can be restored: {} rows counted again", drill.backup, drill.rows_compared)
    } else {
        format!("{} CANNOT BE RESTORED AS IT WAS: {}", drill.backup, wrong.join("; "))
    };
    context.print(out, &text, &json)?;
    let code = if wrong.is_empty() { YES } else { no() };
    if let Some(installation) = &backup.installation {
        let what = BackupWhat::BackupDrilled { file: drill.backup.clone(), host: drill.host.clone(), wrong };
        record(context, &installation.config, what)?;
    }
    Ok(code)
}
