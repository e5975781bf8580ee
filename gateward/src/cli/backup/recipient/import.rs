//! `gateward backup recipient import`

use std::fs::File;
use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use jiff::Timestamp;
use openpgp::{Fingerprint, RecipientStatus};
use serde_json::json;

use super::folder;
use crate::cli::backup::recorded::catch_up_or_say;
use crate::cli::backup::workshop::Workshop;
use crate::cli::terminal::{Terminal, say, shown};
use crate::cli::{Context, YES, no};
use crate::flows::backup::recipient::Offered;
use crate::flows::record::BackupWhat;

/// Let backups be sealed to an OpenPGP key.
///
/// Its owner exports it with `gpg --armor --export FINGERPRINT` and tells you the fingerprint in another way,
/// by telephone or on paper: whoever could put another key in its place would read all backups. A newer copy
/// of a key takes the place of the older one.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Import {
    /// The file with the public key; - for standard input.
    file: PathBuf,
    /// The full fingerprint, from the key's owner: then nobody is asked.
    #[arg(long)]
    fingerprint: Option<Fingerprint>,
}

/// A key with many signatures of others and a photograph; a wrong file is not read whole.
const LARGEST: u64 = 8 << 20;

impl Import {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        // Before root gives up what it may read.
        let file = self.read().with_context(|| self.file.display().to_string())?;
        let workshop = Workshop::open(context)?;
        let offered = match Offered::read(&file) {
            Ok(offered) => offered,
            Err(error) => return Ok(self.refused(&error.to_string())),
        };
        let Some(fingerprint) = self.agreed(&offered)? else {
            return Ok(self.refused("nothing was imported"));
        };
        let now = workshop.job.now();
        let folder = folder(&workshop.config);
        let (recipient, armored) = match offered.accept(&fingerprint, &folder.read()?, now) {
            Ok(accepted) => accepted,
            Err(error) => return Ok(self.refused(&error.to_string())),
        };

        // A crash in between leaves an event of a key that is not there, never a key that nobody recorded.
        let named = fingerprint.to_string();
        workshop.job.note(BackupWhat::BackupRecipientImported { fingerprint: named })?;
        folder.put(&fingerprint, &armored)?;
        catch_up_or_say(context, &workshop.job.spool);
        tell(context, out, &recipient, now)
    }

    fn refused(&self, why: &str) -> ExitCode {
        say(&format!("{}: {why}", shown(&self.file.display().to_string())));
        no()
    }

    fn read(&self) -> std::io::Result<Vec<u8>> {
        let mut content = Vec::new();
        if self.file == Path::new("-") {
            std::io::stdin().take(LARGEST).read_to_end(&mut content)?;
        } else {
            File::open(&self.file)?.take(LARGEST).read_to_end(&mut content)?;
        }
        Ok(content)
    }

    /// The fingerprint that a person vouches for; `None` if they do not.
    fn agreed(&self, offered: &Offered) -> anyhow::Result<Option<Fingerprint>> {
        if let Some(fingerprint) = self.fingerprint {
            return Ok(Some(fingerprint));
        }
        let terminal = Terminal::open()
            .ok_or_else(|| anyhow!("nobody can be asked whose key this is: give --fingerprint"))?;
        let names = offered.user_ids().iter().map(|name| shown(name)).collect::<Vec<_>>().join(", ");
        terminal.show(&format!(
            "\nThis key says that it belongs to\n\n  {names}\n\nand its fingerprint is\n\n  {}\n\n\
             Anybody can make a key with that name. Compare the fingerprint with the one that its owner reads\n\
             to you: whoever has the key can read every backup that is sealed to it.\n",
            in_groups(&offered.fingerprint()),
        ))?;
        let agreed = terminal.agrees("Is it the same?")?;
        Ok(agreed.then(|| offered.fingerprint()))
    }
}

/// As `gpg --fingerprint` prints it, to be read aloud.
fn in_groups(fingerprint: &Fingerprint) -> String {
    let digits = fingerprint.to_string();
    let groups: Vec<&str> = (0..digits.len()).step_by(4).map(|at| &digits[at..at + 4]).collect();
    let (first, second) = groups.split_at(groups.len() / 2);
    format!("{}  {}", first.join(" "), second.join(" "))
}

fn tell(
    context: &Context,
    out: &mut impl Write,
    recipient: &openpgp::Recipient,
    now: Timestamp,
) -> anyhow::Result<ExitCode> {
    let (fingerprint, status) = (recipient.fingerprint(), recipient.status(now));
    if !matches!(status, RecipientStatus::Usable { .. }) {
        say(&format!("warning: nothing can be sealed to this copy of {fingerprint}: {status}"));
    }
    let json = json!({ "fingerprint": fingerprint.to_string(), "status": status.to_string() });
    context.print(out, &format!("imported {fingerprint}: {status}"), &json)?;
    Ok(YES)
}
