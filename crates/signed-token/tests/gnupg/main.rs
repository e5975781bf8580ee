//! Tokens and keys that the real GnuPG made, and what becomes of them here.
//!
//! They run where the feature `real-tools` asks for them, and fail, never skip, without GnuPG.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod material;
#[path = "../spelling/mod.rs"]
mod spelling;

use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use material::{GPG_NOW, Gnupg, Key, LONG_AGO, TOKEN};
use openpgp::{
    Allowances, Certificate, CertificateError, KeyStatus, PinError, Refusal, TrustedKey, TrustedKeys,
};
use signed_token::{Error, Group, Token, TokenId, VerifiedToken};

/// An hour after everything was signed.
const NOW: Timestamp = Timestamp::constant(1_767_229_200, 0);

struct Material {
    rsa: Key,
    rsa4096: Key,
    ed25519: Key,
    nist: Key,
    third_party: Key,
    stranger_signed: String,
    /// Self-signatures with SHA-1.
    old: Key,
    old_signed: String,
    short: Key,
    short_signed: String,
    revoked: Key,
    not_yet_revoked: Key,
    revoked_signed: String,
    expired: Key,
    expired_signed: String,
    prolonged: Key,
    cert_only: Key,
    with_subkey: Key,
    subkey_fingerprint: String,
    subkey_signed: String,
    subkey_revoked: Key,
    subkey_expired: Key,
    subkey_expired_signed: String,

    a: String,
    a_4096: String,
    a_ed25519: String,
    a_nist: String,
    a_sha1: String,
    a_sha512: String,
    a_sha224: String,
    a_ripemd: String,
    a_ed25519_sha1: String,
    a_expired: String,
    a_early: String,
    a_duplicate: String,
    a_blanks: String,
    a_several_lines: String,
    a_signed_tomorrow: String,
    a_short_lived: String,
    a_notation: String,
    a_two: String,
    a_of_a: String,
    b_zip: String,
    b_zlib: String,
    b_plain: String,
    b_text_mode: String,
    b_two: String,
    b_of_b: String,
    b_bomb: String,
    detached: String,
    encrypted: String,
    symmetric: String,
    /// Two public keys, binary.
    ring: Vec<u8>,
    /// A secret key, binary.
    secret: Vec<u8>,
    /// Name of a message, message, and what `gpg --decrypt` prints of it.
    printed: Vec<(&'static str, String, Vec<u8>)>,
}

static MADE: LazyLock<Material> = LazyLock::new(make);

#[allow(clippy::too_many_lines, reason = "a list of what is made, in order")]
fn make() -> Material {
    let gpg = Gnupg::new();
    let rsa = gpg.make_key("rsa", ["rsa2048", "sign,cert", "never"], GPG_NOW);
    let rsa4096 = gpg.make_key("rsa4096", ["rsa4096", "sign,cert", "never"], GPG_NOW);
    let ed25519 = gpg.make_key("ed25519", ["ed25519", "sign,cert", "never"], GPG_NOW);
    let nist = gpg.make_key("nist", ["nistp256", "sign,cert", "never"], GPG_NOW);
    let stranger = gpg.make_key("stranger", ["ed25519", "sign,cert", "never"], GPG_NOW);
    let old =
        gpg.make_key_with(&["--cert-digest-algo", "SHA1"], "old", ["rsa2048", "sign,cert", "never"], GPG_NOW);
    let short = gpg.make_key("short", ["rsa1024", "sign,cert", "never"], GPG_NOW);

    let plain_rsa = gpg.export(&rsa);
    gpg.gpg(&["--local-user", &stranger, "--quick-sign-key", &rsa], b"");
    let third_party = gpg.export(&rsa);

    let revoked = gpg.make_key("revoked", ["ed25519", "sign,cert", "never"], GPG_NOW);
    let revoked_signed = gpg.clearsign(&revoked, TOKEN, &[]);
    let not_yet_revoked = gpg.export(&revoked);
    gpg.revoke(&revoked);

    let expired = gpg.make_key("expired", ["ed25519", "sign,cert", "1y"], LONG_AGO);
    let sign = ["--batch", "--local-user", &expired, "--clearsign"];
    let expired_signed = String::from_utf8(gpg.run(LONG_AGO, &sign, TOKEN.as_bytes())).unwrap();
    let expired_key = gpg.export(&expired);
    gpg.gpg(&["--quick-set-expire", &expired, "2030-01-01"], b"");

    let parent = gpg.make_key("parent", ["ed25519", "cert", "never"], GPG_NOW);
    let cert_only = gpg.export(&parent);
    gpg.gpg(&["--quick-add-key", &parent, "ed25519", "sign", "never"], b"");
    let with_subkey = gpg.export(&parent);
    let subkey = gpg.fingerprints("parent").remove(1);
    let subkey_signed = gpg.clearsign(&format!("{subkey}!"), TOKEN, &[]);
    gpg.edit(&parent, "key 1\nrevkey\ny\n0\n\ny\nsave\n");

    let aged = gpg.make_key("aged", ["ed25519", "cert", "never"], LONG_AGO);
    gpg.run(LONG_AGO, &["--batch", "--quick-add-key", &aged, "ed25519", "sign", "1y"], b"");
    let sign = ["--batch", "--local-user", &aged, "--clearsign"];
    let aged_signed = String::from_utf8(gpg.run(LONG_AGO, &sign, TOKEN.as_bytes())).unwrap();

    let expired_token = TOKEN.replace("2026-01-02", "2025-12-31");
    let early_token = TOKEN.replace("\"2026-01-01T00:00:00Z\"", "\"2026-01-01T01:05:01Z\"");
    let duplicate = TOKEN.replacen('{', "{\"mail\": \"other@example.org\", ", 1);
    let blanks = format!("{} \t\n", TOKEN.replace("\", ", "\",  \t\n  "));
    let sign_later = ["--batch", "--local-user", &rsa, "--clearsign"];
    let tomorrow = gpg.run("20260102T000000!", &sign_later, TOKEN.as_bytes());

    let a = gpg.clearsign(&rsa, TOKEN, &[]);
    let b_zip = gpg.inline(&rsa, TOKEN.as_bytes(), &["--compress-algo", "zip"]);
    let b_binary = gpg.gpg(&["--local-user", &rsa, "--sign"], TOKEN.as_bytes());
    let text_mode = ["--textmode", "--compress-algo", "none"];
    let mut made = Material {
        a_4096: gpg.clearsign(&rsa4096, TOKEN, &[]),
        a_ed25519: gpg.clearsign(&ed25519, TOKEN, &[]),
        a_nist: gpg.clearsign(&nist, TOKEN, &[]),
        a_sha1: gpg.clearsign(&rsa, TOKEN, &["--digest-algo", "SHA1"]),
        a_sha512: gpg.clearsign(&rsa, TOKEN, &["--digest-algo", "SHA512"]),
        a_sha224: gpg.clearsign(&rsa, TOKEN, &["--digest-algo", "SHA224"]),
        a_ripemd: gpg.clearsign(&rsa, TOKEN, &["--digest-algo", "RIPEMD160"]),
        a_ed25519_sha1: gpg.clearsign(&ed25519, TOKEN, &["--digest-algo", "SHA1"]),
        a_expired: gpg.clearsign(&rsa, &expired_token, &[]),
        a_early: gpg.clearsign(&rsa, &early_token, &[]),
        a_duplicate: gpg.clearsign(&rsa, &duplicate, &[]),
        a_blanks: gpg.clearsign(&rsa, &blanks, &[]),
        a_several_lines: gpg.clearsign(&rsa, &TOKEN.replace("\", ", "\",\n"), &[]),
        a_signed_tomorrow: String::from_utf8(tomorrow).unwrap(),
        a_short_lived: gpg.clearsign(&rsa, TOKEN, &["--default-sig-expire", "seconds=1800"]),
        a_notation: gpg.clearsign(&rsa, TOKEN, &["--sig-notation", "!x@example.org=1"]),
        a_two: gpg.clearsign(&rsa, TOKEN, &["--local-user", &ed25519]),
        a_of_a: gpg.clearsign(&rsa, &a, &[]),
        b_zlib: gpg.inline(&rsa, TOKEN.as_bytes(), &["--compress-algo", "zlib"]),
        b_plain: gpg.inline(&rsa, TOKEN.as_bytes(), &["--compress-algo", "none"]),
        b_text_mode: gpg.inline(&rsa, blanks.as_bytes(), &text_mode),
        b_two: gpg.inline(&rsa, TOKEN.as_bytes(), &["--local-user", &ed25519]),
        b_of_b: gpg.inline(&rsa, &b_binary, &[]),
        b_bomb: gpg.inline(&rsa, &vec![0; 35_000_000], &["--compress-algo", "zip", "-z", "9"]),
        detached: gpg.inline(&rsa, TOKEN.as_bytes(), &["--detach-sign"]),
        encrypted: gpg.inline(&rsa, TOKEN.as_bytes(), &["--encrypt", "--recipient", &crypt(&gpg)]),
        symmetric: gpg.text(&["--passphrase", "x", "--armor", "--symmetric"], TOKEN.as_bytes()),
        a,
        b_zip,
        stranger_signed: gpg.clearsign(&stranger, TOKEN, &[]),
        old_signed: gpg.clearsign(&old, TOKEN, &["--digest-algo", "SHA1"]),
        short_signed: gpg.clearsign(&short, TOKEN, &[]),
        rsa: plain_rsa,
        rsa4096: gpg.export(&rsa4096),
        ed25519: gpg.export(&ed25519),
        nist: gpg.export(&nist),
        third_party,
        old: gpg.export(&old),
        short: gpg.export(&short),
        revoked: gpg.export(&revoked),
        not_yet_revoked,
        revoked_signed,
        expired: expired_key,
        expired_signed,
        prolonged: gpg.export(&expired),
        cert_only,
        with_subkey,
        subkey_fingerprint: subkey,
        subkey_signed,
        subkey_revoked: gpg.export(&parent),
        subkey_expired: gpg.export(&aged),
        subkey_expired_signed: aged_signed,
        ring: gpg.gpg(&["--export", &rsa, &ed25519], b""),
        secret: gpg.gpg(&["--export-secret-keys", &rsa], b""),
        printed: Vec::new(),
    };
    made.printed = spellings(&made)
        .into_iter()
        .map(|(name, message)| {
            let payload = gpg.decrypt(&message);
            (name, message, payload)
        })
        .collect();
    made
}

/// A key to encrypt to.
fn crypt(gpg: &Gnupg) -> String {
    gpg.make_key("crypt", ["rsa2048", "encrypt,cert", "never"], GPG_NOW)
}

/// Messages whose payload is compared with what GnuPG prints.
fn spellings(made: &Material) -> Vec<(&'static str, String)> {
    let mut all: Vec<_> = [
        ("form A", &made.a),
        ("form A by RSA-4096", &made.a_4096),
        ("form A by Ed25519", &made.a_ed25519),
        ("form A by NIST P-256", &made.a_nist),
        ("form A with trailing blanks", &made.a_blanks),
        ("form A over several lines", &made.a_several_lines),
        ("form B, ZIP", &made.b_zip),
        ("form B, zlib", &made.b_zlib),
        ("form B, not compressed", &made.b_plain),
        ("form B in text mode", &made.b_text_mode),
    ]
    .map(|(name, message)| (name, message.clone()))
    .into();
    all.extend(respelled(&made.a, &made.rsa.fingerprint));
    all.push(("several lines, CR LF", made.a_several_lines.replace('\n', "\r\n")));
    all
}

/// One signed token in other spellings, all made without its issuer.
fn respelled(a: &str, fingerprint: &str) -> Vec<(&'static str, String)> {
    use spelling::{armored, literal, one_pass, signature_packet, stored, text};
    let signature = signature_packet(a);
    let fingerprint: openpgp::Fingerprint = fingerprint.parse().unwrap();
    let announced = |text: &[u8]| {
        [one_pass(&signature, fingerprint.as_bytes(), 1), literal(b't', text), signature.clone()].concat()
    };
    let text = text(a).as_bytes();
    let crlf = text.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]);
    vec![
        ("moved into form B with CR LF", armored(&announced(&crlf))),
        ("CR LF", a.replace('\n', "\r\n")),
        ("blanks before the line ends", a.replace("\"}\n", "\"} \t \n")),
        ("moved into form B", armored(&announced(text))),
        ("moved into form B, packed", armored(&stored(&announced(text)))),
        ("signature first", armored(&[signature.clone(), literal(b'b', text)].concat())),
    ]
}

fn certificate(key: &Key) -> Certificate {
    Certificate::parse(&key.public).unwrap()
}

fn pinned(key: &Key, allow: Allowances) -> Result<TrustedKey, PinError> {
    TrustedKey::pin(certificate(key), &key.fingerprint.parse().unwrap(), allow)
}

fn trusting(keys: &[&Key]) -> TrustedKeys {
    keys.iter().map(|key| pinned(key, Allowances::default()).unwrap()).collect()
}

const SHA1: Allowances = Allowances { sha1: true, short: false };

fn verify(message: &str, key: &Key) -> Result<VerifiedToken, Error> {
    signed_token::verify(message.as_bytes(), &trusting(&[key]), NOW)
}

fn reason(message: &str, key: &Key) -> &'static str {
    verify(message, key).unwrap_err().reason()
}

/// By the key that signed most of them.
fn refused(message: &str) -> &'static str {
    reason(message, &MADE.rsa)
}

#[test]
fn the_holder_is_read_from_form_a() {
    let token = verify(&MADE.a, &MADE.rsa).unwrap();
    assert_eq!(token.issuer().to_string(), MADE.rsa.fingerprint);
    assert_eq!(token.mail().as_str(), "andre.doe@example.org");
    assert_eq!(token.person().common_name.as_deref(), Some("André Dö, {Dr.}: "));
    let groups: Vec<_> = token.groups().iter().map(Group::as_str).collect();
    assert_eq!(groups, ["/epos/alparray"]);
    assert_eq!(token.valid_until().to_string(), "2026-01-02T00:00:00.123456Z");
    assert_eq!(token.signed_at().to_string(), "2026-01-01T00:00:00Z");
}

#[test]
fn the_bare_line_of_eas_is_harmless() {
    let with_line = format!("BEGIN PGP MESSAGE\n{}", MADE.a);
    let token = verify(&with_line, &MADE.rsa).unwrap();
    assert_eq!(token.identity(), verify(&MADE.a, &MADE.rsa).unwrap().identity());
}

#[test]
fn every_kind_of_issuer_key_verifies() {
    for (key, message) in [
        (&MADE.rsa, &MADE.a),
        (&MADE.rsa4096, &MADE.a_4096),
        (&MADE.ed25519, &MADE.a_ed25519),
        (&MADE.nist, &MADE.a_nist),
    ] {
        verify(message, key).unwrap();
    }
}

#[test]
fn every_compression_of_form_b_verifies() {
    for message in [&MADE.b_zip, &MADE.b_zlib, &MADE.b_plain] {
        verify(message, &MADE.rsa).unwrap();
    }
}

#[test]
fn the_payload_is_what_gpg_decrypt_prints() {
    let trusted = trusting(&[&MADE.rsa, &MADE.rsa4096, &MADE.ed25519, &MADE.nist]);
    for (name, message, payload) in &MADE.printed {
        let token = signed_token::verify(message.as_bytes(), &trusted, NOW).unwrap();
        assert_eq!(token.id(), TokenId::of_payload(payload), "{name}");
        assert!(token.aliases().contains(&token.id()), "{name}");
    }
}

#[test]
fn every_spelling_of_one_token_has_one_identity_and_the_same_four_aliases() {
    let original = verify(&MADE.a, &MADE.rsa).unwrap();
    let canonical: Vec<TokenId> =
        ["", "\n", "\r\n"].map(|end| TokenId::of_payload(format!("{TOKEN}{end}").as_bytes())).into();
    for (name, message) in respelled(&MADE.a, &MADE.rsa.fingerprint) {
        let token = verify(&message, &MADE.rsa).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(token.identity(), original.identity(), "{name}");
        for alias in &canonical {
            assert!(token.aliases().contains(alias), "{name}");
        }
    }
}

#[test]
fn another_text_or_another_issuer_is_another_token() {
    let one = verify(&MADE.a, &MADE.rsa).unwrap().identity();
    assert_ne!(one, verify(&MADE.a_several_lines, &MADE.rsa).unwrap().identity());
    assert_ne!(one, verify(&MADE.a_ed25519, &MADE.ed25519).unwrap().identity());
}

#[test]
fn sha1_is_accepted_only_where_it_is_allowed() {
    assert_eq!(refused(&MADE.a_sha1), "sha1-not-allowed");
    let trusted = [pinned(&MADE.rsa, SHA1).unwrap()].into_iter().collect();
    let token = signed_token::verify(MADE.a_sha1.as_bytes(), &trusted, NOW).unwrap();
    assert_eq!(token.hash_algorithm(), openpgp::HashAlgorithm::Sha1);
}

#[test]
fn a_key_that_vouches_for_itself_with_sha1_is_trusted_only_where_allowed() {
    assert_eq!(pinned(&MADE.old, Allowances::default()).unwrap_err(), PinError::Sha1);
    let key = pinned(&MADE.old, SHA1).unwrap();
    assert_eq!(key.status(NOW), KeyStatus::Usable { expires: None });
    let trusted = [key].into_iter().collect();
    signed_token::verify(MADE.old_signed.as_bytes(), &trusted, NOW).unwrap();
}

#[test]
fn stronger_hashes_are_accepted() {
    verify(&MADE.a_sha512, &MADE.rsa).unwrap();
    verify(&MADE.a_sha224, &MADE.rsa).unwrap();
}

#[test]
fn weak_hashes_are_never_accepted() {
    let trusted = [pinned(&MADE.rsa, SHA1).unwrap()].into_iter().collect();
    let refusal = signed_token::verify(MADE.a_ripemd.as_bytes(), &trusted, NOW).unwrap_err();
    assert_eq!(refusal, Error::Signature(Refusal::WeakHash));
}

#[test]
fn ed25519_takes_no_short_hash_even_where_sha1_is_allowed() {
    let trusted = [pinned(&MADE.ed25519, SHA1).unwrap()].into_iter().collect();
    let message = MADE.a_ed25519_sha1.as_bytes();
    let refusal = signed_token::verify(message, &trusted, NOW).unwrap_err();
    assert_eq!(refusal, Error::Signature(Refusal::WeakHash));
}

#[test]
fn a_short_key_is_trusted_only_for_development() {
    assert!(certificate(&MADE.short).is_short());
    let refusal = pinned(&MADE.short, Allowances::default()).unwrap_err();
    assert!(matches!(refusal, PinError::Short(_)), "{refusal}");

    let allow = Allowances { short: true, ..Allowances::default() };
    let trusted = [pinned(&MADE.short, allow).unwrap()].into_iter().collect();
    signed_token::verify(MADE.short_signed.as_bytes(), &trusted, NOW).unwrap();
}

#[test]
fn expired_token_is_refused_at_the_very_instant() {
    let until: Timestamp = "2026-01-02T00:00:00.123456Z".parse().unwrap();
    let trusted = trusting(&[&MADE.rsa]);
    let at = |now| signed_token::verify(MADE.a.as_bytes(), &trusted, now);
    at(until - SignedDuration::from_nanos(1)).unwrap();
    assert_eq!(at(until).unwrap_err(), Error::Expired(until));
    assert_eq!(refused(&MADE.a_expired), "expired");
}

#[test]
fn an_operator_can_look_into_an_expired_token() {
    let token: Token =
        signed_token::inspect(MADE.a_expired.as_bytes(), &trusting(&[&MADE.rsa]), NOW).unwrap();
    assert_eq!(token.groups().len(), 1);
    assert_eq!(token.check_dates(NOW).unwrap_err().reason(), "expired");
}

#[test]
fn a_token_may_be_issued_300_seconds_ahead_and_no_more() {
    assert_eq!(refused(&MADE.a_early), "issued-in-future");
    let trusted = trusting(&[&MADE.rsa]);
    let a_second_later = NOW + SignedDuration::from_secs(1);
    signed_token::verify(MADE.a_early.as_bytes(), &trusted, a_second_later).unwrap();
}

#[test]
fn a_signature_may_be_made_300_seconds_ahead_and_no_more() {
    let trusted = trusting(&[&MADE.rsa]);
    let signed: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
    let early = |seconds| {
        let now = signed - SignedDuration::from_secs(seconds);
        signed_token::verify(MADE.a_signed_tomorrow.as_bytes(), &trusted, now)
    };
    early(300).unwrap();
    assert_eq!(early(301).unwrap_err().reason(), "signed-in-future");
}

#[test]
fn a_signature_that_expired_is_refused() {
    assert_eq!(refused(&MADE.a_short_lived), "signature-expired");
    let in_time = NOW - SignedDuration::from_mins(31);
    let trusted = trusting(&[&MADE.rsa]);
    signed_token::verify(MADE.a_short_lived.as_bytes(), &trusted, in_time).unwrap();
}

#[test]
fn a_critical_notation_is_refused() {
    assert_eq!(refused(&MADE.a_notation), "unknown-critical");
}

#[test]
fn another_issuer_is_refused() {
    assert_eq!(refused(&MADE.stranger_signed), "wrong-issuer");
    assert_eq!(reason(&MADE.a, &MADE.ed25519), "wrong-issuer");
}

#[test]
fn nobody_is_trusted_by_default() {
    let refusal = signed_token::verify(MADE.a.as_bytes(), &TrustedKeys::new(), NOW);
    assert_eq!(refusal.unwrap_err().reason(), "wrong-issuer");
}

#[test]
fn a_key_is_pinned_only_under_its_own_fingerprint() {
    let other = MADE.ed25519.fingerprint.parse().unwrap();
    let refusal = TrustedKey::pin(certificate(&MADE.rsa), &other, Allowances::default());
    assert!(matches!(refusal.unwrap_err(), PinError::WrongKey { expected, .. } if expected == other));
}

#[test]
fn a_revoked_issuer_vouches_for_nothing() {
    verify(&MADE.revoked_signed, &MADE.not_yet_revoked).unwrap();
    assert_eq!(reason(&MADE.revoked_signed, &MADE.revoked), "revoked-issuer");
    let key = pinned(&MADE.revoked, Allowances::default()).unwrap();
    assert_eq!(key.status(NOW), KeyStatus::Revoked);
}

#[test]
fn an_expired_issuer_vouches_for_nothing() {
    assert_eq!(reason(&MADE.expired_signed, &MADE.expired), "expired-issuer");
    let key = pinned(&MADE.expired, Allowances::default()).unwrap();
    assert!(matches!(key.status(NOW), KeyStatus::Expired(_)));
}

#[test]
fn a_prolonged_issuer_is_believed_by_its_newest_self_signature() {
    verify(&MADE.expired_signed, &MADE.prolonged).unwrap();
    let key = pinned(&MADE.prolonged, Allowances::default()).unwrap();
    assert!(matches!(key.status(NOW), KeyStatus::Usable { expires: Some(_) }));
}

#[test]
fn certifications_by_others_change_nothing() {
    assert!(MADE.third_party.public.len() > MADE.rsa.public.len());
    verify(&MADE.a, &MADE.third_party).unwrap();
}

#[test]
fn a_signing_subkey_signs_for_its_primary_key() {
    let token = verify(&MADE.subkey_signed, &MADE.with_subkey).unwrap();
    assert_eq!(token.issuer().to_string(), MADE.with_subkey.fingerprint);
    assert_eq!(token.signing_key().to_string(), MADE.subkey_fingerprint);
}

#[test]
fn a_revoked_subkey_vouches_for_nothing() {
    assert_eq!(reason(&MADE.subkey_signed, &MADE.subkey_revoked), "revoked-issuer");
    let key = pinned(&MADE.subkey_revoked, Allowances::default()).unwrap();
    assert_eq!(key.status(NOW), KeyStatus::Revoked);
}

#[test]
fn an_expired_subkey_vouches_for_nothing() {
    assert_eq!(reason(&MADE.subkey_expired_signed, &MADE.subkey_expired), "expired-issuer");
    let key = pinned(&MADE.subkey_expired, Allowances::default()).unwrap();
    assert!(matches!(key.status(NOW), KeyStatus::Expired(_)));
}

#[test]
fn a_key_that_only_certifies_is_not_trusted_to_sign() {
    let refusal = pinned(&MADE.cert_only, Allowances::default()).unwrap_err();
    assert_eq!(refusal, PinError::CannotSign);
}

#[test]
fn a_tampered_token_is_refused() {
    assert_eq!(refused(&MADE.a.replace("alparray", "switzerland")), "bad-signature");
    let moved = MADE.a_ed25519.replace("alparray", "alparrax");
    assert_eq!(reason(&moved, &MADE.ed25519), "bad-signature");
}

#[test]
fn a_truncated_token_is_refused() {
    let message = &MADE.a;
    for length in (0..message.len() - 1).step_by(17) {
        verify(&message[..length], &MADE.rsa).unwrap_err();
    }
    assert_eq!(refused(&message[..message.len() - 20]), "malformed");
}

#[test]
fn text_around_the_token_is_refused() {
    assert_eq!(refused(&format!("{}{TOKEN}", MADE.a)), "text-outside");
    assert_eq!(refused(&format!("{TOKEN}\n{}", MADE.a)), "text-outside");
    assert_eq!(refused(&format!("{}\n{}", MADE.a, MADE.b_zip)), "two-tokens");
}

#[test]
fn two_signatures_are_refused() {
    let trusted = trusting(&[&MADE.rsa, &MADE.ed25519]);
    for message in [&MADE.a_two, &MADE.b_two] {
        let refusal = signed_token::verify(message.as_bytes(), &trusted, NOW).unwrap_err();
        assert_eq!(refusal.reason(), "two-signatures");
    }
}

#[test]
fn a_message_in_a_message_is_refused() {
    assert_eq!(refused(&MADE.a_of_a), "nested");
    // Packets in packets are no JSON.
    assert_eq!(refused(&MADE.b_of_b), "not-json");
    let packed = spelling::stored(&spelling::dearmored(&MADE.b_zip));
    assert_eq!(refused(&spelling::armored(&packed)), "nested");
}

#[test]
fn an_encrypted_message_is_refused() {
    assert_eq!(refused(&MADE.encrypted), "encrypted");
    assert_eq!(refused(&MADE.symmetric), "encrypted");
}

#[test]
fn a_detached_signature_is_refused() {
    assert_eq!(refused(&MADE.detached), "detached");
}

#[test]
fn an_unsigned_message_is_refused() {
    let message = spelling::armored(&spelling::literal(b'b', TOKEN.as_bytes()));
    assert_eq!(refused(&message), "unsigned");
}

#[test]
fn a_decompression_bomb_is_refused() {
    assert!(MADE.b_bomb.len() < signed_token::MAX_BODY, "{}", MADE.b_bomb.len());
    let refusal = verify(&MADE.b_bomb, &MADE.rsa).unwrap_err();
    assert!(matches!(refusal, Error::Signature(Refusal::UnfoldsTooFar(_))), "{refusal}");
}

#[test]
fn garbage_is_refused() {
    let garbage = "garbage\n".repeat(131_072);
    assert_eq!(refused(&garbage), "too-long");
    assert_eq!(refused(&garbage[..60_000]), "no-token");
}

#[test]
fn a_key_that_occurs_twice_is_refused() {
    assert_eq!(refused(&MADE.a_duplicate), "duplicate-key");
}

#[test]
fn a_key_ring_or_a_secret_key_is_not_a_certificate() {
    let armored = [MADE.rsa.public.as_slice(), &MADE.ed25519.public].concat();
    for ring in [&armored, &MADE.ring] {
        assert_eq!(Certificate::parse(ring).unwrap_err(), CertificateError::SeveralKeys);
    }
    assert_eq!(Certificate::parse(&MADE.secret).unwrap_err(), CertificateError::SecretKey);
}

#[test]
fn several_lines_moved_into_form_b_are_the_same_token() {
    let original = verify(&MADE.a_several_lines, &MADE.rsa).unwrap();
    for (name, message) in respelled(&MADE.a_several_lines, &MADE.rsa.fingerprint) {
        let token = verify(&message, &MADE.rsa).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(token.identity(), original.identity(), "{name}");
    }
}
