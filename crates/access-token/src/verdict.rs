//! Who can open a file, in as many answers as there are things to do about it.

use crate::form::Form;
use crate::inspect::{Entry, Inspection};
use crate::zip::Cipher;
use crate::{API_KEY, CERTIFICATE};

/// Who can open a file, and so has the API key in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// The key is not encrypted. Treat it as published.
    Anybody,
    /// Whoever gets hold of the file, or can change it on its way, gets the key, whatever the passphrase.
    /// Such a file belongs on the user's machine, and never on the way there.
    AnybodyWithTheFile(Weakness),
    /// As strong as the passphrase, of which the file shows nothing.
    PassphraseHolders,
    /// Whoever has the OpenPGP key or passphrase that it was encrypted to, if it is encrypted: by [`verdict`],
    /// a file that only begins as such a message is one, too. Ask what reads OpenPGP.
    OpenPgpHolders,
    /// No access token, or not by this sight of it.
    Undecided,
}

/// Where it breaks first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    /// The certificate in it is the one that the server shows to everybody: seconds.
    PublicCertificate,
    /// The certificate is not even encrypted: anybody can exchange it for another, and the reader then
    /// hands the key to another server; nothing has to be broken.
    CertificateInTheClear,
    /// Known beginnings (of a certificate, of a JWT): seconds to hours, by ZipCrypto.
    KnownBytes,
    /// An OpenPGP message without any protection from being changed: known bytes in it can be exchanged for
    /// others. Never from [`verdict`], which does not read OpenPGP.
    NotAuthenticated,
}

/// Says who can open a file.
///
/// `certificate_is_public`: the certificate in it is known to be what its host shows, because somebody
/// compared, or [`Inspection::shows_certificate`] says so. The verdict is never better for not knowing, except
/// of OpenPGP messages, whose packets are not read here.
pub fn verdict(inspection: &Inspection, certificate_is_public: bool) -> Verdict {
    match inspection.form {
        Form::InnerFile => of_inner(inspection, certificate_is_public),
        Form::ZipEnvelope => match (&inspection.inner, envelope_cipher(inspection)) {
            (Some(inner), _) => verdict(inner, certificate_is_public),
            // What is in the envelope begins as every zip does, and says the names of its entries.
            (None, Some(Cipher::ZipCrypto)) => Verdict::AnybodyWithTheFile(Weakness::KnownBytes),
            (None, Some(cipher)) if is_aes(cipher) => Verdict::PassphraseHolders,
            (None, _) => Verdict::Undecided,
        },
        Form::OpenPgpMessage => Verdict::OpenPgpHolders,
        Form::OtherArchive(_) | Form::Other => Verdict::Undecided,
    }
}

fn of_inner(inspection: &Inspection, certificate_is_public: bool) -> Verdict {
    let certificate = inspection.cipher(CERTIFICATE);
    match inspection.cipher(API_KEY) {
        Some(Cipher::None) => Verdict::Anybody,
        Some(Cipher::ZipCrypto) => Verdict::AnybodyWithTheFile(match certificate {
            Some(Cipher::None) => Weakness::CertificateInTheClear,
            Some(Cipher::ZipCrypto) if certificate_is_public => Weakness::PublicCertificate,
            _ => Weakness::KnownBytes,
        }),
        Some(cipher) if is_aes(cipher) => match certificate {
            Some(Cipher::None) => Verdict::AnybodyWithTheFile(Weakness::CertificateInTheClear),
            _ => Verdict::PassphraseHolders,
        },
        _ => Verdict::Undecided,
    }
}

fn envelope_cipher(inspection: &Inspection) -> Option<Cipher> {
    let is_inner = |entry: &&Entry| crate::form::is_inner_file(&entry.name);
    inspection.entries.iter().find(is_inner).map(|entry| entry.cipher)
}

fn is_aes(cipher: Cipher) -> bool {
    matches!(cipher, Cipher::Aes128 | Cipher::Aes192 | Cipher::Aes256)
}
