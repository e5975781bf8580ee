//! `gateward access-token inspect`

use std::io::{Read as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use ::access_token::{
    Cipher, Compression, Form, Inspection, KeyKind, Opened, Passphrase, ServerCertificate, Verdict, Weakness,
    inspect, open, verdict,
};
use anyhow::{Context as _, bail};
use jiff::Timestamp;
use openpgp::{NamedKey, Opener};
use serde_json::{Value, json};

use super::certificate::from_host;
use crate::base::sha256::Sha256;
use crate::cli::access::block_on;
use crate::cli::files::secret;
use crate::cli::terminal::Terminal;
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
                eprintln!("gateward: {}: {error}", self.file.display());
                return Ok(no());
            }
        };
        let shown = self.host.as_deref().map(from_host).transpose()?;
        let opened = match self.passphrase()? {
            Some(passphrase) => {
                record(context, &file)?;
                match open(&file, &passphrase) {
                    Ok(opened) => Some(opened),
                    Err(error) => {
                        eprintln!("gateward: {}: {error}", self.file.display());
                        return Ok(no());
                    }
                }
            }
            None => None,
        };
        let sight =
            Sight { file: &file, inspection: &inspection, shown: shown.as_ref(), opened: opened.as_ref() };
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

/// What is known of a file.
struct Sight<'a> {
    file: &'a [u8],
    inspection: &'a Inspection,
    /// The certificate that the named host shows.
    shown: Option<&'a ServerCertificate>,
    opened: Option<&'a Opened>,
}

impl Sight<'_> {
    /// Whether the certificate inside is the one that the named host shows; `None` where nobody can tell.
    fn is_public(&self) -> Option<bool> {
        let shown = self.shown?;
        match self.opened {
            Some(opened) => Some(opened.token.certificate.fingerprint() == shown.fingerprint()),
            // That it is not is not seen from outside.
            None => self.inspection.shows_certificate(shown).then_some(true),
        }
    }

    fn verdict(&self) -> Verdict {
        verdict(self.inspection, self.is_public() == Some(true))
    }

    fn text(&self, host: Option<&str>, now: Timestamp) -> String {
        let mut lines = vec![("form", form(&self.inspection.form))];
        for entry in &self.inspection.entries {
            lines.push((
                "holds",
                format!(
                    "{} ({} bytes, {}, {})",
                    entry.name,
                    entry.size,
                    cipher(entry.cipher),
                    compression(entry.compression)
                ),
            ));
        }
        if self.inspection.form == Form::OpenPgpMessage {
            lines.push(("opened by", self.openers()));
        }
        if let Some(opened) = self.opened {
            let certificate = &opened.token.certificate;
            let ended =
                if certificate.not_after() < now { ": ENDED, no reader accepts it any more" } else { "" };
            lines.push(("key", key_in_words(opened.token.api_key.kind()).to_owned()));
            lines.push((
                "opens",
                match certificate.host() {
                    Ok(host) => host.to_owned(),
                    Err(error) => format!("nothing: {error}"),
                },
            ));
            lines.push(("certificate", certificate.fingerprint().to_string()));
            lines.push(("  names", certificate.names().join(", ")));
            lines.push(("  until", format!("{:.0}{ended}", certificate.not_after())));
        }
        if let (Some(host), Some(shown)) = (host, self.shown) {
            lines.push((
                "host",
                match self.is_public() {
                    Some(true) => format!("{host} shows the very certificate that is inside"),
                    Some(false) => format!("{host} shows ANOTHER certificate: {}", shown.fingerprint()),
                    None => format!(
                        "{host} shows {}; whether it is inside is not seen from outside",
                        shown.fingerprint()
                    ),
                },
            ));
        }
        lines.push(("verdict", in_words(self.verdict()).to_owned()));
        let lines = lines.into_iter().filter(|(_, value)| !value.is_empty());
        lines.map(|(name, value)| format!("{name:<13} {value}")).collect::<Vec<_>>().join("\n")
    }

    /// Whom an OpenPGP message is encrypted to.
    fn openers(&self) -> String {
        match openpgp::describe(self.file) {
            Ok(message) => message.openers.iter().map(opener).collect::<Vec<_>>().join(", "),
            Err(error) => error.to_string(),
        }
    }

    fn json(&self) -> Value {
        let entries = self.inspection.entries.iter().map(|entry| {
            json!({
                "name": entry.name, "size": entry.size, "cipher": cipher(entry.cipher),
                "compression": compression(entry.compression),
            })
        });
        let opened = self.opened.map(|opened| {
            let certificate = &opened.token.certificate;
            json!({
                "key_kind": opened.token.api_key.kind().as_str(),
                "host": certificate.host().ok(), "names": certificate.names(),
                "certificate": data_encoding::HEXLOWER.encode(certificate.fingerprint().as_bytes()),
                "certificate_ends": crate::base::time::stored(certificate.not_after()),
            })
        });
        json!({
            "form": form_word(&self.inspection.form), "entries": entries.collect::<Vec<_>>(), "opened": opened,
            "certificate_is_the_hosts": self.is_public(), "verdict": verdict_word(self.verdict()),
            "openers": (self.inspection.form == Form::OpenPgpMessage).then(|| self.openers()),
        })
    }
}

fn opener(opener: &Opener) -> String {
    match opener {
        Opener::Key(NamedKey::Fingerprint(fingerprint)) => format!("the OpenPGP key {fingerprint}"),
        Opener::Key(NamedKey::KeyId(id)) => {
            format!("the OpenPGP key {}", data_encoding::HEXUPPER.encode(id))
        }
        Opener::Key(NamedKey::Hidden) => "an OpenPGP key that it does not name".into(),
        Opener::Passphrase(_) => "a passphrase".into(),
        Opener::Unknown => "somebody, in a way newer than this program".into(),
    }
}

fn form(form: &Form) -> String {
    match form {
        Form::InnerFile => "inner file: what DCOR-Aid takes".into(),
        Form::ZipEnvelope => "zip around an inner file".into(),
        Form::OpenPgpMessage => "OpenPGP message; what is in it is not seen from outside".into(),
        Form::OtherArchive(why) => format!("no access token: {why}"),
        Form::Other => "no access token: neither a zip nor an OpenPGP message".into(),
    }
}

fn form_word(form: &Form) -> &'static str {
    match form {
        Form::InnerFile => "inner",
        Form::ZipEnvelope => "zip",
        Form::OpenPgpMessage => "pgp",
        Form::OtherArchive(_) | Form::Other => "other",
    }
}

fn cipher(cipher: Cipher) -> &'static str {
    match cipher {
        Cipher::None => "NOT ENCRYPTED",
        Cipher::ZipCrypto => "ZipCrypto",
        Cipher::Aes128 => "AES-128",
        Cipher::Aes192 => "AES-192",
        Cipher::Aes256 => "AES-256",
        Cipher::Unknown => "unknown cipher",
    }
}

fn compression(compression: Compression) -> String {
    match compression {
        Compression::Stored => "stored".into(),
        Compression::Deflated => "deflated".into(),
        Compression::Other(method) => format!("compressed by method {method}"),
    }
}

fn key_in_words(key: KeyKind) -> &'static str {
    match key {
        KeyKind::Jwt => "an API token of CKAN (JWT): it never expires by itself",
        KeyKind::Uuid => "a key of CKAN 2.9 or older (UUID)",
        KeyKind::Opaque => "opaque: random, without structure",
    }
}

fn in_words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Anybody => {
            "ANYBODY can read the key: it is not encrypted. Treat it as published, and revoke it."
        }
        Verdict::AnybodyWithTheFile(Weakness::PublicCertificate) => {
            "WHOEVER HAS THE FILE has the key in seconds, whatever the passphrase: ZipCrypto around a certificate \
             that its host shows to everybody. If it was sent like this, revoke it."
        }
        Verdict::AnybodyWithTheFile(Weakness::CertificateInTheClear) => {
            "WHOEVER CAN CHANGE THE FILE gets the key: the certificate is not encrypted, so another can be put in, \
             and the reader hands the key to another host. If it was sent like this, revoke it."
        }
        Verdict::AnybodyWithTheFile(Weakness::KnownBytes) => {
            "WHOEVER HAS THE FILE has the key in seconds to hours, whatever the passphrase: ZipCrypto, and what is \
             in it begins with known bytes. If it was sent like this, revoke it."
        }
        Verdict::PassphraseHolders => {
            "Whoever has the passphrase: by AES, so it is as strong as the passphrase is. The way it travels by has \
             to be another than the file's."
        }
        Verdict::OpenPgpHolders => "Whoever has the OpenPGP key or the passphrase that it is encrypted to.",
        Verdict::Undecided => "Nobody can tell: it is no access token that a reader takes.",
    }
}

fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Anybody => "anybody",
        Verdict::AnybodyWithTheFile(_) => "anybody-with-the-file",
        Verdict::PassphraseHolders => "passphrase-holders",
        Verdict::OpenPgpHolders => "openpgp-holders",
        Verdict::Undecided => "undecided",
    }
}
