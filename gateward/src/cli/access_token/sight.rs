//! What is seen of a file that may be an access token: for people, and for programs.

use ::access_token::{Form, Inspection, Opened, ServerCertificate, Verdict, Weakness, verdict};
use jiff::Timestamp;
use openpgp::{DescribeError, Protection, SealedMessage};
use serde_json::{Value, json};

use super::words;
use crate::cli::terminal::shown;

/// What is known of a file.
pub(super) struct Sight<'a> {
    /// What is seen of an OpenPGP message; `None` of other files.
    message: Option<Result<SealedMessage, DescribeError>>,
    inspection: &'a Inspection,
    /// The certificate that the named host shows.
    shown: Option<&'a ServerCertificate>,
    opened: Option<&'a Opened>,
}

impl<'a> Sight<'a> {
    /// What `inspection` and, if it is one, its packets say of `file`.
    pub fn new(
        file: &[u8],
        inspection: &'a Inspection,
        shown: Option<&'a ServerCertificate>,
        opened: Option<&'a Opened>,
    ) -> Self {
        let message = (inspection.form == Form::OpenPgpMessage).then(|| openpgp::describe(file));
        Self { message, inspection, shown, opened }
    }
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

    /// Who can open it.
    pub fn verdict(&self) -> Verdict {
        match &self.message {
            None => verdict(self.inspection, self.is_public() == Some(true)),
            Some(Ok(message)) if message.protection == Protection::None => {
                Verdict::AnybodyWithTheFile(Weakness::NotAuthenticated)
            }
            Some(Ok(_)) => Verdict::OpenPgpHolders,
            Some(Err(DescribeError::NotSealed)) => Verdict::Anybody,
            Some(Err(DescribeError::NotOpenPgp | DescribeError::CutOff | DescribeError::Malformed(_))) => {
                Verdict::Undecided
            }
        }
    }

    /// For people.
    pub fn text(&self, host: Option<&str>, now: Timestamp) -> String {
        let form = match self.message {
            Some(Err(DescribeError::NotSealed)) => "OpenPGP, not encrypted".to_owned(),
            _ => words::form(&self.inspection.form),
        };
        let mut lines = vec![("form", form)];
        for entry in &self.inspection.entries {
            lines.push((
                "holds",
                format!(
                    "{} ({} bytes, {}, {})",
                    entry.name,
                    entry.size,
                    words::cipher(entry.cipher),
                    words::compression(entry.compression)
                ),
            ));
        }
        if let Some(openers) = self.openers() {
            lines.push(("opened by", openers));
        }
        if let Some(opened) = self.opened {
            let certificate = &opened.token.certificate;
            let ended =
                if certificate.not_after() < now { ": ENDED, no reader accepts it any more" } else { "" };
            lines.push(("key", words::key(opened.token.api_key.kind()).to_owned()));
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
        lines.push(("verdict", words::in_words(self.verdict()).to_owned()));
        let lines = lines.into_iter().filter(|(_, value)| !value.is_empty());
        lines.map(|(name, value)| format!("{name:<13} {}", shown(&value))).collect::<Vec<_>>().join("\n")
    }

    /// Whom an OpenPGP message is encrypted to, or why that is not seen.
    fn openers(&self) -> Option<String> {
        Some(match self.message.as_ref()? {
            // So it was before session keys had packets (RFC 9580 section 5.7).
            Ok(message) if message.openers.is_empty() => "a passphrase".to_owned(),
            Ok(message) => message.openers.iter().map(words::opener).collect::<Vec<_>>().join(", "),
            Err(DescribeError::NotSealed) => "everybody: it is not encrypted".to_owned(),
            Err(error) => error.to_string(),
        })
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let entries = self.inspection.entries.iter().map(|entry| {
            json!({
                "name": entry.name, "size": entry.size, "cipher": words::cipher(entry.cipher),
                "compression": words::compression(entry.compression),
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
            "form": words::form_word(&self.inspection.form), "entries": entries.collect::<Vec<_>>(), "opened": opened,
            "certificate_is_the_hosts": self.is_public(), "verdict": words::verdict_word(self.verdict()),
            "openers": self.openers(),
        })
    }
}
