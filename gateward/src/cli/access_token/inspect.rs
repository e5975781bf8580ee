//! `gateward access-token inspect`

use std::io::{Read as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use ::access_token::{Form, Passphrase, Verdict, inspect, open};
use anyhow::{Context as _, bail};

use super::certificate::from_host;
use super::sight::Sight;
use crate::base::sha256::Sha256;
use crate::cli::access::block_on;
use crate::cli::files::secret;
use crate::cli::terminal::{Terminal, say, shown};
use crate::cli::{Context, YES, no};
use crate::flows::access_token::record_opening;
use crate::server::system;

/// Say what an access token is made of, and who can open it.
///
/// Without a passphrase nothing is opened, and no installation is needed. With one, the opening is recorded
/// first, where there is an installation.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Inspect {
    /// The file.
    file: PathBuf,
    /// Ask this host (or HOST:PORT) for its certificate, and compare. Only a host that is named is asked.
    #[arg(long, value_name = "HOST[:PORT]")]
    host: Option<String>,
    /// Open it, too: ask for the passphrase on the terminal.
    #[arg(long)]
    open: bool,
    /// Open it with the passphrase in this file, or - for standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "open")]
    passphrase_file: Option<PathBuf>,
}

impl Inspect {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let file = self.read()?;
        let inspection = match inspect(&file) {
            Ok(inspection) => inspection,
            Err(error) => {
                say(&shown(&format!("{}: {error}", self.file.display())));
                return Ok(no());
            }
        };
        if self.is_to_be_opened() && inspection.form == Form::OpenPgpMessage {
            bail!(
                "{} is an OpenPGP message, which is not opened here: take out with gpg what is in it \
                 (gpg --output ann.dcor-access --decrypt FILE), then inspect that",
                self.file.display()
            );
        }
        // Before anything starts a thread: signals are held back from this one while a secret is typed.
        let passphrase = self.passphrase()?;
        let of_host = self.host.as_deref().map(from_host).transpose()?;
        let opened = match passphrase {
            Some(passphrase) => {
                record(context, &file)?;
                match open(&file, &passphrase) {
                    Ok(opened) => Some(opened),
                    Err(error) => {
                        say(&shown(&format!("{}: {error}", self.file.display())));
                        return Ok(no());
                    }
                }
            }
            None => None,
        };
        let sight = Sight::new(&file, &inspection, of_host.as_ref(), opened.as_ref());
        context.print(out, &sight.text(self.host.as_deref(), system::wall_clock()), &sight.json())?;
        Ok(match sight.verdict() {
            Verdict::PassphraseHolders | Verdict::OpenPgpHolders => YES,
            Verdict::Anybody | Verdict::AnybodyWithTheFile(_) | Verdict::Undecided => no(),
        })
    }

    fn read(&self) -> anyhow::Result<Vec<u8>> {
        let named = || self.file.display().to_string();
        let mut file = std::fs::File::open(&self.file).with_context(named)?;
        let mut bytes = Vec::new();
        // One byte more than is looked at: then it is told that it is too large.
        std::io::Read::by_ref(&mut file)
            .take(::access_token::MAX_LEN as u64 + 1)
            .read_to_end(&mut bytes)
            .with_context(named)?;
        Ok(bytes)
    }

    fn is_to_be_opened(&self) -> bool {
        self.open || self.passphrase_file.is_some()
    }

    fn passphrase(&self) -> anyhow::Result<Option<Passphrase>> {
        let text = match &self.passphrase_file {
            Some(path) => secret(path)?,
            None if self.open => {
                let Some(terminal) = Terminal::open() else {
                    bail!("there is no terminal to ask for the passphrase on: give --passphrase-file");
                };
                terminal.secret("passphrase: ")?
            }
            None => return Ok(None),
        };
        Ok(Some(Passphrase::parse(text.expose())?))
    }
}

/// Records that the file is opened, where there is an installation that can.
fn record(context: &Context, file: &[u8]) -> anyhow::Result<()> {
    if !context.has_installation() {
        eprintln!("gateward: there is no installation here: that this file is opened is recorded nowhere");
        return Ok(());
    }
    let access = context.access_to_change()?;
    let sha256 = Sha256::of(file).to_string();
    let now = access.door.store.clock.now()?;
    match block_on(record_opening(&access.door, sha256, &access.by, now))?? {
        Some(id) => eprintln!("gateward: this is access token {id}; that it is opened is recorded"),
        None => eprintln!("gateward: it was not made here; that it is opened is recorded"),
    }
    Ok(())
}
