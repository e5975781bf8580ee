//! Files that Info-ZIP's zip and 7-Zip made (golden/make.sh) are read for what they are.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

use access_token::{
    AccessToken, Cipher, Compression, Error, Form, Passphrase, ServerCertificate, Verdict, Weakness, inspect,
    open, verdict, write_inner,
};

const KEY: &str = include_str!("golden/api_key.txt");
const SERVER: &[u8] = include_bytes!("golden/server.pem");

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn passphrase() -> Passphrase {
    Passphrase::parse(include_str!("golden/passphrase.txt")).unwrap()
}

fn token() -> AccessToken {
    AccessToken { api_key: KEY.parse().unwrap(), certificate: ServerCertificate::parse(SERVER).unwrap() }
}

const ALL: [&str; 9] = [
    "zip-deflated.dcor-access",
    "zip-stored.dcor-access",
    "zip-stream.dcor-access",
    "zip-clear-certificate.dcor-access",
    "7z-zipcrypto.dcor-access",
    "7z-aes128.dcor-access",
    "7z-aes192.dcor-access",
    "7z-aes256.dcor-access",
    "7z-envelope.zip",
];

#[test]
fn what_other_tools_made_is_opened() {
    for name in ALL {
        let opened = open(&golden(name), &passphrase()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(opened.token, token(), "{name}");
        assert_eq!(opened.was_enveloped, name == "7z-envelope.zip");
    }
}

#[test]
fn a_wrong_passphrase_opens_none_of_them() {
    // Of these, some pass ZipCrypto's check of one byte.
    for wrong in 0..600 {
        let wrong = Passphrase::parse(&format!("wrong {wrong}")).unwrap();
        for name in &ALL[..5] {
            let refused = open(&golden(name), &wrong).unwrap_err();
            assert!(matches!(refused, Error::Passphrase(_)), "{name}: {refused}");
        }
    }
    let wrong = Passphrase::parse("wrong").unwrap();
    for name in &ALL[5..] {
        let refused = open(&golden(name), &wrong).unwrap_err();
        assert!(matches!(refused, Error::Passphrase(_)), "{name}: {refused}");
    }
}

#[test]
fn every_cipher_is_named_without_a_passphrase() {
    let expected = [
        ("zip-deflated.dcor-access", [Cipher::ZipCrypto; 2]),
        ("zip-stream.dcor-access", [Cipher::ZipCrypto; 2]),
        ("zip-clear-certificate.dcor-access", [Cipher::ZipCrypto, Cipher::None]),
        ("7z-zipcrypto.dcor-access", [Cipher::ZipCrypto; 2]),
        ("7z-aes128.dcor-access", [Cipher::Aes128; 2]),
        ("7z-aes192.dcor-access", [Cipher::Aes192; 2]),
        ("7z-aes256.dcor-access", [Cipher::Aes256; 2]),
    ];
    for (name, ciphers) in expected {
        let inspection = inspect(&golden(name)).unwrap();
        assert_eq!(inspection.form, Form::InnerFile, "{name}");
        let found: Vec<_> = inspection.entries.iter().map(|entry| entry.cipher).collect();
        assert_eq!(found, ciphers, "{name}");
        assert_eq!(inspection.is_for_stock_reader(), !name.starts_with("7z-aes"), "{name}");
    }
}

#[test]
fn an_inspection_shows_what_everybody_sees() {
    let inspection = inspect(&golden("zip-stored.dcor-access")).unwrap();
    let [key, certificate] = &inspection.entries[..] else { panic!("two entries") };
    // The file has a line end behind the key; encryption adds twelve bytes.
    assert_eq!((key.name.as_str(), key.size, key.packed), ("api_key.txt", KEY.len() + 1, KEY.len() + 13));
    assert_eq!((certificate.name.as_str(), certificate.compression), ("server.cert", Compression::Stored));
    assert!(inspection.names_are_visible());
}

#[test]
fn the_verdict_says_who_can_open_it() {
    let of = |name: &str, public| verdict(&inspect(&golden(name)).unwrap(), public);
    assert_eq!(
        of("zip-deflated.dcor-access", true),
        Verdict::AnybodyWithTheFile(Weakness::PublicCertificate)
    );
    assert_eq!(of("zip-deflated.dcor-access", false), Verdict::AnybodyWithTheFile(Weakness::KnownBytes));
    let clear = of("zip-clear-certificate.dcor-access", true);
    assert_eq!(clear, Verdict::AnybodyWithTheFile(Weakness::CertificateInTheClear));
    assert_eq!(of("7z-aes256.dcor-access", true), Verdict::PassphraseHolders);
    assert_eq!(of("7z-envelope.zip", true), Verdict::PassphraseHolders);
    assert_eq!(of("zip-envelope.zip", true), Verdict::AnybodyWithTheFile(Weakness::KnownBytes));
    let unwrapped = of("clear-envelope.zip", true);
    assert_eq!(unwrapped, Verdict::AnybodyWithTheFile(Weakness::PublicCertificate));
    assert_eq!(of("clear.dcor-access", true), Verdict::Anybody);
}

#[test]
fn openpgp_messages_of_gnupg_are_known_for_what_they_are() {
    for name in ["gpg-symmetric.gpg", "gpg-symmetric.asc", "gpg-recipient.gpg"] {
        let inspection = inspect(&golden(name)).unwrap();
        assert_eq!(inspection.form, Form::OpenPgpMessage, "{name}");
        assert!(!inspection.names_are_visible());
        assert_eq!(verdict(&inspection, true), Verdict::OpenPgpHolders);
        let refused = open(&golden(name), &passphrase()).unwrap_err();
        assert_eq!(refused, Error::NotAnAccessToken("an OpenPGP message; decrypt it first"));
    }
}

#[test]
fn the_public_certificate_is_recognised_inside_without_a_passphrase() {
    let [server, other] = [SERVER, &golden("other.pem")].map(|pem| ServerCertificate::parse(pem).unwrap());
    let ours = write_inner(&token(), &passphrase(), jiff::Timestamp::UNIX_EPOCH, &mut |bytes| bytes.fill(9));
    let inspection = inspect(ours.as_bytes()).unwrap();
    assert!(inspection.shows_certificate(&server));
    assert!(!inspection.shows_certificate(&other));
}

#[test]
fn what_we_write_stays_as_it_is() {
    // Made by this crate, and read by the stock reader: a change here is a change of the format.
    let at = "2026-11-22T12:00:00Z".parse().unwrap();
    let inner = write_inner(&token(), &passphrase(), at, &mut |bytes| bytes.fill(9));
    assert_eq!(inner.as_bytes(), golden("ours.dcor-access"));
    let notes = [("read-me.txt", "Open this with 7-Zip.")];
    let name = "J\u{f6}rg.dcor-access";
    let envelope = access_token::write_zip_envelope(&inner, name, &notes, &passphrase(), at, &mut |bytes| {
        bytes.fill(8);
    });
    assert_eq!(envelope.unwrap(), golden("ours-envelope.zip"));
}
