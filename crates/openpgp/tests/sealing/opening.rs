//! What the real GnuPG and Sequoia seal, walked over and opened here with keys that GnuPG exported.

use openpgp::{NamedKey, OpenError, OpeningKey, OpeningKeyError, open_to, walk};

use crate::{
    noise,
    programs::{GPG_NOW, Gnupg},
};

const MOST: u64 = 1 << 30;

fn opened(message: &[u8], key: &OpeningKey) -> Result<Vec<u8>, OpenError> {
    let mut output = Vec::new();
    let report = open_to(message, &mut output, key, MOST)?;
    assert_eq!(report.sealed_bytes, message.len() as u64);
    assert_eq!(walk(message).unwrap().file_bytes, message.len() as u64);
    assert!(key.fingerprints().contains(&report.key));
    Ok(output)
}

/// A key with one subkey that takes secrets.
fn key(gpg: &Gnupg, algorithm: &str) -> String {
    let key = gpg.make_key(algorithm, "ed25519", GPG_NOW);
    gpg.add_subkey(&key, algorithm, "never", GPG_NOW);
    key
}

fn opening(gpg: &Gnupg, key: &str) -> OpeningKey {
    OpeningKey::parse(&gpg.gpg(&["--export-secret-keys", key], b""), None).unwrap()
}

fn encrypted(gpg: &Gnupg, key: &str, options: &[&str], content: &[u8]) -> Vec<u8> {
    gpg.gpg(&[options, &["--encrypt", "--recipient", key]].concat(), content)
}

#[test]
fn what_gpg_seals_opens_in_every_algorithm_and_length() {
    let gpg = Gnupg::new();
    for algorithm in ["cv25519", "rsa3072", "nistp256", "nistp521"] {
        let key = key(&gpg, algorithm);
        let opener = opening(&gpg, &key);
        for length in [0, 1, 8_000, 300_000] {
            for options in [&["-z0"][..], &[], &["--armor"]] {
                // A log compresses; noise does not.
                for content in [noise(length), b"2026-01-01 done\n".repeat(length / 16)] {
                    let message = encrypted(&gpg, &key, options, &content);
                    assert!(
                        opened(&message, &opener).unwrap() == content,
                        "{algorithm} {length} {options:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_long_stream_of_gpgs_opens() {
    let gpg = Gnupg::new();
    let key = key(&gpg, "cv25519");
    let content = noise(20 * 1024 * 1024);
    for options in [&["-z0"][..], &[]] {
        let message = encrypted(&gpg, &key, options, &content);
        assert!(opened(&message, &opening(&gpg, &key)).unwrap() == content, "{options:?}");
    }
}

#[test]
fn gpgs_other_ciphers_and_compressions_open_but_bzip2() {
    let gpg = Gnupg::new();
    let key = key(&gpg, "cv25519");
    let opener = opening(&gpg, &key);
    let content = b"2026-01-01 done\n".repeat(10_000);
    for cipher in ["AES", "AES192", "AES256", "TWOFISH", "CAMELLIA256", "3DES", "CAST5"] {
        let message = encrypted(&gpg, &key, &["--cipher-algo", cipher], &content);
        assert!(opened(&message, &opener).unwrap() == content, "{cipher}");
    }
    for compression in ["zip", "zlib", "uncompressed"] {
        let message = encrypted(&gpg, &key, &["--compress-algo", compression], &content);
        assert!(opened(&message, &opener).unwrap() == content, "{compression}");
    }
    let bzip2 = encrypted(&gpg, &key, &["--compress-algo", "bzip2"], &content);
    assert!(matches!(opened(&bzip2, &opener), Err(OpenError::Unsupported(_))));
}

#[test]
fn a_signed_message_opens_and_a_hidden_recipient_too() {
    let gpg = Gnupg::new();
    let key = key(&gpg, "cv25519");
    let opener = opening(&gpg, &key);
    let signed = encrypted(&gpg, &key, &["--sign", "--local-user", &key], b"secret");
    assert_eq!(opened(&signed, &opener).unwrap(), b"secret");
    let hidden = encrypted(&gpg, &key, &["--throw-keyids"], b"secret");
    assert_eq!(opened(&hidden, &opener).unwrap(), b"secret");

    let other = Gnupg::new();
    let stranger = opening(&other, &self::key(&other, "cv25519"));
    let refusal = opened(&hidden, &stranger).unwrap_err();
    assert!(matches!(refusal, OpenError::WrongKey { needs } if needs == [NamedKey::Hidden]));
}

#[test]
fn each_of_several_recipients_of_gpgs_opens_and_the_wrong_key_is_told_which() {
    let (one, two, stranger) = (Gnupg::new(), Gnupg::new(), Gnupg::new());
    let keys = [(&one, "rsa2048"), (&two, "cv25519"), (&stranger, "cv25519")]
        .map(|(gpg, algorithm)| (gpg, key(gpg, algorithm)));
    one.gpg(&["--import"], &two.gpg(&["--export", &keys[1].1], b""));
    let message = encrypted(&one, &keys[0].1, &["--recipient", &keys[1].1], b"secret");
    for (gpg, key) in &keys[..2] {
        assert_eq!(opened(&message, &opening(gpg, key)).unwrap(), b"secret");
    }
    let refusal = opened(&message, &opening(&stranger, &keys[2].1)).unwrap_err().to_string();
    for (gpg, key) in &keys[..2] {
        let id = opening(gpg, key).fingerprints()[0].to_string()[24..].to_owned();
        assert!(refusal.contains(&id), "{refusal}");
    }
}

#[test]
fn what_sq_seals_opens() {
    let gpg = Gnupg::new();
    let key = key(&gpg, "cv25519");
    let opener = opening(&gpg, &key);
    for length in [0, 1, 300_000] {
        let content = noise(length);
        assert!(opened(&gpg.sq_encrypt(&key, &content), &opener).unwrap() == content, "{length}");
    }
}

#[test]
fn a_message_of_gpgs_that_was_changed_or_cut_is_refused() {
    let gpg = Gnupg::new();
    let key = key(&gpg, "cv25519");
    let opener = opening(&gpg, &key);
    for options in [&["-z0"][..], &[]] {
        let message = encrypted(&gpg, &key, options, &noise(100_000));
        let mut changed = message.clone();
        changed[50_000] ^= 1;
        assert!(matches!(opened(&changed, &opener), Err(OpenError::Damaged)));
        for cut in [1, 50_000, message.len() - 1] {
            assert!(matches!(opened(&message[..cut], &opener), Err(OpenError::Flaw(_))), "{cut}");
            assert!(walk(&message[..cut]).is_err(), "{cut}");
        }
    }
}

#[test]
fn a_key_locked_by_gpg_opens_with_its_passphrase_only() {
    let gpg = Gnupg::new();
    let locked = ["--batch", "--passphrase", "grün 7"];
    let make = ["--quick-gen-key", "locked", "rsa2048", "cert,encr", "never"];
    gpg.run(GPG_NOW, &[&locked[..], &make].concat(), b"");
    let message = encrypted(&gpg, "locked", &[], b"secret");
    let export = [&locked[..], &["--armor", "--export-secret-keys", "locked"]].concat();
    let file = gpg.run(GPG_NOW, &export, b"");

    let opener = OpeningKey::parse(&file, Some("grün 7")).unwrap();
    assert_eq!(opened(&message, &opener).unwrap(), b"secret");
    assert_eq!(OpeningKey::parse(&file, None).unwrap_err(), OpeningKeyError::Locked);
    assert_eq!(OpeningKey::parse(&file, Some("grün 8")).unwrap_err(), OpeningKeyError::WrongPassphrase);
}

#[test]
fn subkeys_exported_without_their_primary_key_open() {
    let gpg = Gnupg::new();
    let primary = gpg.make_key_with(&[], "itself", ["rsa2048", "cert,encr", "never"], GPG_NOW);
    gpg.add_subkey(&primary, "cv25519", "never", GPG_NOW);
    let message = encrypted(&gpg, &primary, &[], b"secret");
    let file = gpg.gpg(&["--export-secret-subkeys", &primary], b"");
    let opener = OpeningKey::parse(&file, None).unwrap();
    assert_eq!(opener.fingerprints().len(), 1);
    assert_eq!(opened(&message, &opener).unwrap(), b"secret");
}
