//! `gateward key`

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::json;

use super::access::{block_on, operating_system_user};
use super::{Context, YES, no};
use crate::base::secret::Secret;
use crate::flows::keyring::{self, Error, Keyring};
use crate::flows::record::{Happened, What};
use crate::server::{boot, system};

/// Look at the keyring and change it; a running server takes changes up when it is restarted.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Key {
    /// List the keys, never their secrets.
    List,
    /// Add a fresh key, which everything new is made with.
    Rotate,
    /// Make nothing new with a key; what was made with it goes on working.
    Retire {
        /// The key's id.
        id: String,
    },
    /// Add the key that signs the log's checkpoints, to a keyring from before there were any.
    Log,
}

impl Key {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let path = context.config()?.keyring;
        let text = boot::keyring_text(&path)?;
        let now = system::wall_clock();
        let in_file = || path.display().to_string();
        match self {
            Self::List => list(context, &text, out),
            Self::Rotate => {
                let rotated = keyring::rotate(&text, now, &system::random()).with_context(in_file)?;
                let key = Keyring::parse(&rotated)?.active_id().to_owned();
                change(context, &path, &rotated, What::KeyRotated { key: key.clone() })?;
                context.print(
                    out,
                    &format!("{key} is used from the server's next start on"),
                    &json!({ "key": key }),
                )?;
                Ok(YES)
            }
            Self::Retire { id } => {
                let retired = match keyring::retire(&text, id, now) {
                    Err(error @ (Error::NoSuchKey(_) | Error::LastActiveKey(_))) => {
                        eprintln!("gateward: {error}");
                        return Ok(no());
                    }
                    retired => retired.with_context(in_file)?,
                };
                change(context, &path, &retired, What::KeyRetired { key: id.clone() })?;
                let said = format!(
                    "{id} is retired; keep it in the file while `gateward key list` says that something needs it"
                );
                context.print(out, &said, &json!({ "key": id }))?;
                Ok(YES)
            }
            Self::Log => {
                let with = match keyring::add_log_key(&text, now, &system::random()) {
                    Err(error @ Error::HasLogKey) => {
                        eprintln!("gateward: {error}");
                        return Ok(no());
                    }
                    with => with.with_context(in_file)?,
                };
                change(context, &path, &with, What::LogKeyAdded)?;
                let said =
                    "the log's checkpoints are signed from the server's next start on; back the keyring up";
                context.print(out, said, &json!({ "key": "log" }))?;
                Ok(YES)
            }
        }
    }
}

fn list(context: &Context, text: &Secret, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let keyring = Keyring::parse(text)?;
    let access = context.access()?;
    let needed = block_on(boot::keys_in_use(&access.door.store.reader))??;
    for key in keyring.descriptions() {
        let state = match key.retired {
            None if key.id == keyring.active_id() => "in use",
            None => "superseded",
            Some(_) => "retired",
        };
        let needs = needed.iter().filter(|(id, _)| *id == key.id);
        let needs: Vec<String> = needs.map(|(_, need)| format!(", {need} it")).collect();
        let text = format!("{:<16} made {:.0}  {state}{}", key.id, key.created, needs.concat());
        let json = json!({
            "key": key.id, "created": key.created.to_string(), "retired": key.retired.map(|at| at.to_string()),
            "state": state, "needed": !needs.is_empty(),
        });
        context.print(out, &text, &json)?;
    }
    if let Some(created) = keyring.log_key_made_at() {
        let text =
            format!("{:<16} made {created:.0}  in use, the log's checkpoints are signed with it", "log");
        let json = json!({
            "key": "log", "created": created.to_string(), "retired": null, "state": "in use", "needed": true,
        });
        context.print(out, &text, &json)?;
    }
    Ok(YES)
}

/// Records the change, then exchanges the file; a crash in between leaves the old keyring and an
/// event of a change that did not come about, never a key that nobody recorded.
fn change(context: &Context, path: &Path, text: &Secret, what: What) -> anyhow::Result<()> {
    // Written before privileges are given up, put in place after the record.
    let owner = std::fs::metadata(path)?;
    let fresh = write_beside(path, text, &owner)?;
    if let Err(error) = record(context, what) {
        fresh.discard()?;
        return Err(error);
    }
    fresh.put_in_place().with_context(|| format!("replacing {}", path.display()))
}

fn record(context: &Context, what: What) -> anyhow::Result<()> {
    let access = context.access_as_we_are()?;
    let happened = Happened { who: Some(operating_system_user()), ..Happened::done(what) };
    block_on(access.door.recorder.commit(None, Vec::new(), &[happened], access.now))??;
    Ok(())
}

/// A file that waits to take another's place.
struct Fresh<'a> {
    partial: std::path::PathBuf,
    target: &'a Path,
}

fn write_beside<'a>(path: &'a Path, text: &Secret, like: &std::fs::Metadata) -> anyhow::Result<Fresh<'a>> {
    use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let partial = std::path::PathBuf::from(name);
    let mut file = std::fs::File::options()
        .write(true)
        .create_new(true)
        .mode(like.mode() & 0o770)
        .open(&partial)
        .with_context(|| format!("{}: remove it if no other command runs", partial.display()))?;
    file.write_all(text.expose().as_bytes())?;
    file.sync_all()?;
    if nix::unistd::Uid::effective().is_root() {
        // By the descriptor: whoever owns the folder could put a link under the name.
        std::os::unix::fs::fchown(&file, Some(like.uid()), Some(like.gid()))?;
    }
    Ok(Fresh { partial, target: path })
}

impl Fresh<'_> {
    fn put_in_place(self) -> std::io::Result<()> {
        std::fs::rename(&self.partial, self.target)?;
        let folder = self.target.parent().unwrap_or(Path::new("/"));
        std::fs::File::open(folder)?.sync_all()
    }

    fn discard(self) -> std::io::Result<()> {
        std::fs::remove_file(self.partial)
    }
}
