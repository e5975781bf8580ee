//! What is sealed here and the real GnuPG and Sequoia open, and keys of GnuPG that are refused.
//!
//! They run where the feature `real-tools` asks for them, and fail, never skip, without the programs.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod opening;
mod programs;

use jiff::Timestamp;
use openpgp::{
    NamedKey, Opener, Protection, Recipient, RecipientError, RecipientStatus, SealError, SealOptions, Sealed,
    SealedMessage, Stretching, describe, seal_to, seal_with_passphrase,
};
use programs::{GPG_NOW, Gnupg, LONG_AGO};

/// An hour after the keys were made.
const NOW: Timestamp = Timestamp::constant(1_767_229_200, 0);

const BINARY: SealOptions = SealOptions { armor: false, file_name: None };
const ARMORED: SealOptions = SealOptions { armor: true, file_name: None };

fn sealed(input: &[u8], recipients: &[Recipient], options: &SealOptions) -> (Vec<u8>, Sealed) {
    let mut output = Vec::new();
    let report = seal_to(input, &mut output, recipients, NOW, [7; 32], options).unwrap();
    assert_eq!(report.plaintext_bytes, input.len() as u64);
    assert_eq!(report.sealed_bytes, output.len() as u64);
    (output, report)
}

fn refused(recipients: &[Recipient], now: Timestamp) -> SealError {
    let mut output = Vec::new();
    let refusal = seal_to(&b"x"[..], &mut output, recipients, now, [7; 32], &BINARY).unwrap_err();
    assert!(output.is_empty(), "written before the refusal");
    refusal
}

/// Not compressible, so that no error hides.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// Around the sizes at which lengths change their form, and those that are asked for.
const SIZES: [usize; 9] = [0, 1, 183, 8_370, 65_529, 65_530, 65_536, 70 * 1024, 20 * 1024 * 1024];

fn opened_by_both(gpg: &Gnupg, fingerprint: &str) {
    let recipients = [gpg.recipient(fingerprint)];
    for size in SIZES {
        let text = noise(size);
        for options in [BINARY, ARMORED] {
            let (sealed, _) = sealed(&text, &recipients, &options);
            assert!(gpg.decrypt(&sealed) == text, "gpg, {size} bytes, {options:?}");
            assert!(gpg.sq_decrypt(fingerprint, &sealed) == text, "sq, {size} bytes, {options:?}");
        }
    }
}

#[test]
fn a_key_of_curve_25519_opens_every_length() {
    let gpg = Gnupg::new();
    let key = gpg.make_key("curve", "ed25519", GPG_NOW);
    gpg.add_subkey(&key, "cv25519", "never", GPG_NOW);
    opened_by_both(&gpg, &key);
}

#[test]
fn a_key_of_rsa_3072_opens_every_length() {
    let gpg = Gnupg::new();
    let key = gpg.make_key("rsa", "rsa3072", GPG_NOW);
    gpg.add_subkey(&key, "rsa3072", "never", GPG_NOW);
    opened_by_both(&gpg, &key);
}

#[test]
fn rsa_4096_and_nist_and_a_primary_key_that_encrypts_itself_open() {
    let gpg = Gnupg::new();
    let rsa = gpg.make_key("rsa", "rsa4096", GPG_NOW);
    gpg.add_subkey(&rsa, "rsa4096", "never", GPG_NOW);
    let nist = gpg.make_key("nist", "nistp384", GPG_NOW);
    gpg.add_subkey(&nist, "nistp521", "never", GPG_NOW);
    let itself = gpg.make_key_with(&[], "itself", ["rsa2048", "cert,encr", "never"], GPG_NOW);
    for key in [rsa, nist, itself] {
        let (sealed, _) = sealed(b"secret", &[gpg.recipient(&key)], &BINARY);
        assert_eq!(gpg.decrypt(&sealed), b"secret");
        assert_eq!(gpg.sq_decrypt(&key, &sealed), b"secret");
    }
}

#[test]
fn each_of_several_recipients_opens_alone() {
    let homes = [Gnupg::new(), Gnupg::new(), Gnupg::new()];
    let keys = ["rsa2048", "cv25519", "nistp256"].map(|algorithm| {
        let gpg = &homes[usize::from(algorithm != "rsa2048") + usize::from(algorithm == "nistp256")];
        let key = gpg.make_key("one", "ed25519", GPG_NOW);
        let subkey = gpg.add_subkey(&key, algorithm, "never", GPG_NOW);
        (key, subkey)
    });
    let mut recipients: Vec<_> = homes.iter().zip(&keys).map(|(gpg, (key, _))| gpg.recipient(key)).collect();
    recipients.push(recipients[0].clone());

    let (sealed, report) = sealed(b"secret", &recipients, &BINARY);

    let subkeys: Vec<_> = keys.iter().map(|(_, subkey)| subkey.parse().unwrap()).collect();
    assert_eq!(report.keys, subkeys);
    for gpg in &homes {
        assert_eq!(gpg.decrypt(&sealed), b"secret");
    }
}

#[test]
fn gpg_opens_with_the_passphrase_and_with_no_other() {
    let gpg = Gnupg::new();
    let decrypt = |passphrase: &str, sealed: &[u8]| {
        gpg.attempt(GPG_NOW, &["--batch", "--passphrase", passphrase, "--decrypt"], sealed)
    };
    for options in [BINARY, ARMORED] {
        let mut sealed = Vec::new();
        let passphrase = "grün-7f3a-99";
        seal_with_passphrase(&b"secret"[..], &mut sealed, passphrase, [7; 32], &options).unwrap();
        assert_eq!(decrypt(passphrase, &sealed).stdout, b"secret");
        let wrong = decrypt("gruen-7f3a-99", &sealed);
        assert!(!wrong.status.success() && wrong.stdout.is_empty());
    }
}

#[test]
fn a_sealed_message_that_was_changed_or_cut_is_not_taken_for_whole() {
    let gpg = Gnupg::new();
    let key = gpg.make_key("curve", "ed25519", GPG_NOW);
    gpg.add_subkey(&key, "cv25519", "never", GPG_NOW);
    let (sealed, _) = sealed(&noise(200_000), &[gpg.recipient(&key)], &BINARY);
    let decrypts = |message: &[u8]| {
        gpg.attempt(GPG_NOW, &["--batch", "--passphrase", "", "--decrypt"], message).status.success()
    };
    assert!(decrypts(&sealed));
    let mut changed = sealed.clone();
    changed[100_000] ^= 1;
    assert!(!decrypts(&changed));
    assert!(!decrypts(&sealed[..100_000]));
    assert!(!decrypts(&sealed[..sealed.len() - 1]));
}

#[test]
fn list_packets_shows_what_describe_and_the_report_say() {
    let gpg = Gnupg::new();
    let key = gpg.make_key("curve", "ed25519", GPG_NOW);
    let subkey = gpg.add_subkey(&key, "cv25519", "never", GPG_NOW);
    let options = SealOptions { armor: true, file_name: Some("clé.dcor-access".into()) };
    let (message, report) = sealed(b"secret", &[gpg.recipient(&key)], &options);

    let packets = gpg.packets(&message, "");
    let key_id = &subkey[24..];
    assert!(
        packets.contains(&format!(":pubkey enc packet: version 3, algo 18, keyid {key_id}")),
        "{packets}"
    );
    assert!(packets.contains("mdc_method: 2"), "{packets}");
    assert!(packets.contains("mode b (62), created 0, name=\"cl\\xc3\\xa9.dcor-access\""), "{packets}");
    assert!(packets.contains("raw data: 6 bytes"), "{packets}");
    assert!(!packets.contains("compressed"), "{packets}");

    let id = u64::from_str_radix(key_id, 16).unwrap().to_be_bytes();
    let expected = SealedMessage {
        armored: true,
        openers: vec![Opener::Key(NamedKey::KeyId(id))],
        protection: Protection::Mdc,
    };
    assert_eq!(describe(&message).unwrap(), expected);
    assert_eq!(report.protection, Protection::Mdc);
}

#[test]
fn list_packets_shows_the_highest_stretching_of_a_passphrase() {
    let gpg = Gnupg::new();
    let mut message = Vec::new();
    seal_with_passphrase(&b"secret"[..], &mut message, "long", [7; 32], &BINARY).unwrap();
    let packets = gpg.packets(&message, "long");
    assert!(packets.contains("cipher 9, aead 0,s2k 3, hash 8"), "{packets}");
    assert!(packets.contains("count 65011712 (255)"), "{packets}");
    let expected = Opener::Passphrase(Stretching::Iterated { bytes: 65_011_712 });
    assert_eq!(describe(&message).unwrap().openers, [expected]);
}

#[test]
fn what_gpg_seals_is_described() {
    let gpg = Gnupg::new();
    let key = gpg.make_key("curve", "ed25519", GPG_NOW);
    let subkey = gpg.add_subkey(&key, "cv25519", "never", GPG_NOW);
    let id = u64::from_str_radix(&subkey[24..], 16).unwrap().to_be_bytes();
    let encrypt = |more: &[&str]| gpg.gpg(&[more, &["--encrypt", "--recipient", &key]].concat(), b"text");

    let named = describe(&encrypt(&[])).unwrap();
    assert_eq!(named.openers, [Opener::Key(NamedKey::KeyId(id))]);
    assert_eq!((named.armored, named.protection), (false, Protection::Mdc));
    let hidden = describe(&encrypt(&["--armor", "--throw-keyids"])).unwrap();
    assert_eq!(hidden.openers, [Opener::Key(NamedKey::Hidden)]);
    assert!(hidden.armored);
    let symmetric = gpg.run(GPG_NOW, &["--batch", "--passphrase", "x", "--symmetric"], b"text");
    assert!(matches!(
        describe(&symmetric).unwrap().openers[..],
        [Opener::Passphrase(Stretching::Iterated { .. })]
    ));
}

#[test]
fn the_newest_subkey_is_sealed_to_and_when_it_is_revoked_the_one_before() {
    let gpg = Gnupg::new();
    let key = gpg.make_key("two", "ed25519", LONG_AGO);
    let old = gpg.add_subkey(&key, "cv25519", "never", LONG_AGO);
    let new = gpg.add_subkey(&key, "rsa2048", "never", GPG_NOW);
    let used = || sealed(b"x", &[gpg.recipient(&key)], &BINARY).1.keys[0].to_string();

    assert_eq!(used(), new);
    gpg.edit(&key, "key 2\nrevkey\ny\n0\n\ny\nsave\n");
    assert_eq!(used(), old);
    gpg.edit(&key, "key 1\nrevkey\ny\n0\n\ny\nsave\n");
    let recipient = gpg.recipient(&key);
    assert_eq!(recipient.status(NOW), RecipientStatus::Revoked);
    assert!(matches!(refused(&[recipient], NOW), SealError::Revoked(_)));
}

#[test]
fn an_expired_key_or_subkey_is_refused_at_the_very_second() {
    let gpg = Gnupg::new();
    let whole = gpg.make_key_with(&[], "whole", ["ed25519", "sign,cert", "2026-02-01"], GPG_NOW);
    gpg.add_subkey(&whole, "cv25519", "never", GPG_NOW);
    let part = gpg.make_key("part", "ed25519", GPG_NOW);
    gpg.add_subkey(&part, "cv25519", "2026-02-01", GPG_NOW);
    for key in [whole, part] {
        let recipient = gpg.recipient(&key);
        let RecipientStatus::Usable { expires: Some(end) } = recipient.status(NOW) else {
            panic!("{}", recipient.status(NOW))
        };
        let second = jiff::SignedDuration::from_secs(1);
        assert!(recipient.key_at(end - second).is_some());
        assert!(recipient.key_at(end).is_none());
        assert_eq!(recipient.status(end), RecipientStatus::Expired(end));
        let other = gpg.recipient(&key);
        assert!(matches!(refused(&[other], end), SealError::Expired(_, at) if at == end));
    }
}

#[test]
fn one_unusable_recipient_stops_it_all() {
    let gpg = Gnupg::new();
    let good = gpg.make_key("good", "ed25519", GPG_NOW);
    gpg.add_subkey(&good, "cv25519", "never", GPG_NOW);
    let revoked = gpg.make_key("revoked", "ed25519", GPG_NOW);
    gpg.add_subkey(&revoked, "cv25519", "never", GPG_NOW);
    gpg.revoke(&revoked);
    let recipients = [gpg.recipient(&good), gpg.recipient(&revoked)];
    assert!(matches!(refused(&recipients, NOW), SealError::Revoked(key) if key.to_string() == revoked));
}

#[test]
fn a_key_that_cannot_take_secrets_is_no_recipient() {
    let gpg = Gnupg::new();
    let sign_only = gpg.make_key("sign", "rsa2048", GPG_NOW);
    assert_eq!(gpg.pin(&sign_only).unwrap_err(), RecipientError::CannotEncrypt);

    let short = gpg.make_key("short", "rsa1024", GPG_NOW);
    gpg.add_subkey(&short, "rsa3072", "never", GPG_NOW);
    assert!(matches!(gpg.pin(&short).unwrap_err(), RecipientError::Short(_)));

    let short_subkey = gpg.make_key("shortsubkey", "ed25519", GPG_NOW);
    gpg.add_subkey(&short_subkey, "rsa1024", "never", GPG_NOW);
    assert!(matches!(gpg.pin(&short_subkey).unwrap_err(), RecipientError::Short(_)));

    let elgamal = gpg.make_key("elgamal", "ed25519", GPG_NOW);
    gpg.add_subkey(&elgamal, "elg2048", "never", GPG_NOW);
    assert_eq!(gpg.pin(&elgamal).unwrap_err(), RecipientError::Algorithm);

    let brainpool = gpg.make_key("brainpool", "ed25519", GPG_NOW);
    gpg.add_subkey(&brainpool, "brainpoolP256r1", "never", GPG_NOW);
    assert_eq!(gpg.pin(&brainpool).unwrap_err(), RecipientError::Algorithm);

    let other = gpg.make_key("other", "ed25519", GPG_NOW);
    let certificate = gpg.certificate(&other);
    let wrong = Recipient::pin(certificate, &sign_only.parse().unwrap()).unwrap_err();
    assert!(matches!(wrong, RecipientError::WrongKey { .. }));
}

#[test]
fn a_key_that_vouches_for_itself_with_sha1_is_a_recipient_only_where_allowed() {
    let gpg = Gnupg::new();
    let sha1 = ["--cert-digest-algo", "SHA1"];
    let old = gpg.make_key_with(&sha1, "old", ["rsa2048", "cert,encr", "never"], GPG_NOW);
    assert_eq!(gpg.pin(&old).unwrap_err(), RecipientError::Sha1);

    let certificate = gpg.certificate(&old);
    let recipient = Recipient::pin_allowing_sha1(certificate, &old.parse().unwrap()).unwrap();
    let (sealed, _) = sealed(b"secret", &[recipient], &BINARY);
    assert_eq!(gpg.decrypt(&sealed), b"secret");
}
