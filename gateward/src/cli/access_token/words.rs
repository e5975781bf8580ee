//! The words for what an access token is made of and who can open it.

use ::access_token::{Cipher, Compression, Form, KeyKind, Verdict, Weakness};
use openpgp::{NamedKey, Opener};

pub(super) fn opener(opener: &Opener) -> String {
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

pub(super) fn form(form: &Form) -> String {
    match form {
        Form::InnerFile => "inner file: what DCOR-Aid takes".into(),
        Form::ZipEnvelope => "zip around an inner file".into(),
        Form::OpenPgpMessage => "OpenPGP message; what is in it is not seen from outside".into(),
        Form::OtherArchive(why) => format!("no access token: {why}"),
        Form::Other => "no access token: neither a zip nor an OpenPGP message".into(),
    }
}

pub(super) fn form_word(form: &Form) -> &'static str {
    match form {
        Form::InnerFile => "inner",
        Form::ZipEnvelope => "zip",
        Form::OpenPgpMessage => "pgp",
        Form::OtherArchive(_) | Form::Other => "other",
    }
}

pub(super) fn cipher(cipher: Cipher) -> &'static str {
    match cipher {
        Cipher::None => "NOT ENCRYPTED",
        Cipher::ZipCrypto => "ZipCrypto",
        Cipher::Aes128 => "AES-128",
        Cipher::Aes192 => "AES-192",
        Cipher::Aes256 => "AES-256",
        Cipher::Unknown => "unknown cipher",
    }
}

pub(super) fn compression(compression: Compression) -> String {
    match compression {
        Compression::Stored => "stored".into(),
        Compression::Deflated => "deflated".into(),
        Compression::Other(method) => format!("compressed by method {method}"),
    }
}

pub(super) fn key(key: KeyKind) -> &'static str {
    match key {
        KeyKind::Jwt => "an API token of CKAN (JWT): it never expires by itself",
        KeyKind::Uuid => "a key of CKAN 2.9 or older (UUID)",
        KeyKind::Opaque => "opaque: random, without structure",
    }
}

pub(super) fn in_words(verdict: Verdict) -> &'static str {
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
        Verdict::AnybodyWithTheFile(Weakness::NotAuthenticated) => {
            "WHOEVER CAN CHANGE THE FILE can change what is read from it: it is encrypted in an old way that does \
             not show it. Have it made anew."
        }
        Verdict::PassphraseHolders => {
            "Whoever has the passphrase: by AES, so it is as strong as the passphrase is. The way it travels by has \
             to be another than the file's."
        }
        Verdict::OpenPgpHolders => "Whoever has the OpenPGP key or the passphrase that it is encrypted to.",
        Verdict::Undecided => "Nobody can tell: it is no access token that a reader takes.",
    }
}

pub(super) fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Anybody => "anybody",
        Verdict::AnybodyWithTheFile(_) => "anybody-with-the-file",
        Verdict::PassphraseHolders => "passphrase-holders",
        Verdict::OpenPgpHolders => "openpgp-holders",
        Verdict::Undecided => "undecided",
    }
}
