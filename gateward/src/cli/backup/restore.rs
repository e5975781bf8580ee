//! `gateward backup restore`

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use backup_manifest::{Dump, DumpFormat, Manifest, Part};
use serde_json::json;

use super::named::{Named, Vouched};
use super::opening::PrivateKey;
use super::recorded::record;
use crate::base::postgres_url::PostgresUrl;
use crate::cli::terminal::{Terminal, say, shown};
use crate::cli::{Context, YES, no};
use crate::flows::backup::opening;
use crate::flows::backup::restore::plan::plan;
use crate::flows::backup::restore::{Error, Restored, Why, restore};
use crate::flows::record::BackupWhat;
use crate::server::backup::interrupt::Interrupt;
use crate::server::backup::programs::Programs;
use crate::server::backup::restore::{Database, Landing, Manner};

/// Restore a backup into a database, a folder, or both.
///
/// A database takes all of a dump or nothing, and is to be made first. What has no place is left out, and said so.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Restore {
    #[command(flatten)]
    named: Named,
    /// A database, as postgres://USER@HOST/DATABASE, or a folder, with a slash: ./DIR; one of each at most.
    #[arg(long, required = true, value_name = "URL|DIR")]
    into: Vec<String>,
    #[command(flatten)]
    key: PrivateKey,
    /// Make the roles that were backed up with the database, too; those that are there stay as they are. Roles are
    /// made first, and stay if the restore fails.
    #[arg(long)]
    globals: bool,
    /// Overwrite what is there without asking.
    #[arg(long)]
    yes: bool,
}

/// Where to.
struct Into {
    url: Option<PostgresUrl>,
    folder: Option<PathBuf>,
}

/// Where a sealed file from elsewhere finds room until it is proven: where it will be restored, as far as that is
/// there; else where the system has it for temporary files that may be large.
fn spare(folder: Option<&Path>) -> PathBuf {
    let there = folder.into_iter().flat_map(Path::ancestors).find(|folder| folder.is_dir());
    let named = || std::env::var_os("TMPDIR").map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from);
    there.map_or_else(named, Path::to_owned)
}

impl Restore {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let Into { url, folder } = self.into()?;
        let backup = self.named.find(context)?;
        let manifest = &backup.manifest;
        let plan = plan(manifest, url.is_some(), folder.is_some(), self.globals)?;
        let interrupt = Interrupt::default();
        let programs = Programs::find(None, |name| std::env::var_os(name));
        let database = url.map(|url| Database::at(url, programs, Manner::Whole, interrupt.clone()));
        let mut database = database.transpose()?;
        let opening = self.key.needed()?;
        self.ask(manifest, database.as_mut(), folder.as_deref())?;
        interrupt.watch().context("watching for interrupts")?;
        let sealed = backup.sealed().context("reading the backup's file")?;
        let mut sealed = match sealed.proven(manifest, &spare(folder.as_deref()), &interrupt) {
            Ok(sealed) => sealed,
            Err(why) => {
                say(&format!("nothing was restored: {why}"));
                return Ok(if why.is_about_the_backup() { no() } else { ExitCode::from(2) });
            }
        };
        let left_out: Vec<_> = plan.left_out.iter().map(|it| format!("{it} was left out")).collect();
        let mut landing = Landing::new(manifest, plan, database, folder, self.globals, interrupt);
        let restored = restore(manifest, &mut sealed, opening.as_ref(), &mut landing);
        self.tell(context, &backup, restored, &left_out, out)
    }

    fn into(&self) -> anyhow::Result<Into> {
        let mut into = Into { url: None, folder: None };
        for text in &self.into {
            let is_second = if text.contains("://") {
                into.url.replace(text.parse()?).is_some()
            } else if text.contains('/') || [".", ".."].contains(&text.as_str()) {
                into.folder.replace(std::path::absolute(text)?).is_some()
            } else {
                bail!("--into {}: a database is postgres:///{0}, a folder ./{0}", shown(text));
            };
            if is_second {
                bail!("--into takes one database and one folder at most");
            }
        }
        Ok(into)
    }

    /// Sees that nothing is overwritten that somebody still wants.
    fn ask(
        &self,
        manifest: &Manifest,
        database: Option<&mut Database>,
        folder: Option<&Path>,
    ) -> anyhow::Result<()> {
        if let Some(database) = database.filter(|database| !database.is_empty()) {
            let is_plain =
                |part: &Part| matches!(part, Part::Database(Dump { format: DumpFormat::Plain, .. }));
            let name = database.name();
            if manifest.parts.iter().any(is_plain) {
                bail!(
                    "there are tables in {name} already, and a plain dump replaces nothing: name an empty database"
                );
            }
            self.agree(&format!(
                "There are tables in the database {name}. Replace those that the backup has?"
            ))?;
            database.replace();
        }
        let is_used =
            |folder: &Path| std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
        if let Some(folder) = folder.filter(|folder| is_used(folder)) {
            let place = folder.display();
            self.agree(&format!("The folder {place} is not empty. Overwrite in it what the backup has?"))?;
        }
        Ok(())
    }

    fn agree(&self, question: &str) -> anyhow::Result<()> {
        if self.yes {
            return Ok(());
        }
        let Some(terminal) = Terminal::open() else {
            bail!("{question} There is no terminal to ask: --yes says so");
        };
        if !terminal.agrees(question)? {
            bail!("nothing was restored");
        }
        Ok(())
    }

    fn tell(
        &self,
        context: &Context,
        backup: &Vouched,
        restored: Result<Restored, Error>,
        left_out: &[String],
        out: &mut impl Write,
    ) -> anyhow::Result<ExitCode> {
        let (file, into) = (backup.name.to_string(), &self.into);
        let (wrong, code) = match restored {
            Ok(restored) => {
                let Restored { key, wrong, notes, rows_compared } = restored;
                for note in notes.iter().filter(|note| !left_out.contains(note)) {
                    say(note);
                }
                let json = json!({
                    "file": file, "into": into, "wrong": wrong, "notes": notes,
                    "rows_compared": rows_compared, "opened_with": key.to_string(),
                });
                let to = shown(&format!("{file} is restored into {}", into.join(" and ")));
                let without = left_out.iter().map(|it| format!("; {it}")).collect::<Vec<_>>().concat();
                let good = match rows_compared {
                    0 => format!("{to}{without}"),
                    rows => format!("{to}, {rows} rows counted again{without}"),
                };
                let bad = format!("{to}, and not as it was: {}{without}", wrong.join("; "));
                let code = if wrong.is_empty() { YES } else { no() };
                context.print(out, if wrong.is_empty() { &good } else { &bad }, &json)?;
                (wrong, code)
            }
            Err(Error { why, left }) => {
                say(&format!("{file} was not restored: {why}"));
                for left in left {
                    say(&left);
                }
                if matches!(&why, Why::Opening(opening::Error::WrongKey { .. })) {
                    say("nothing was touched");
                    return Ok(ExitCode::from(2));
                }
                let code = if why.is_about_the_backup() { no() } else { ExitCode::from(2) };
                (vec![why.to_string()], code)
            }
        };
        if let Some(installation) = &backup.installation {
            let what = BackupWhat::BackupRestored { file, into: into.clone(), wrong };
            record(context, &installation.config, what)?;
        }
        Ok(code)
    }
}
