//! Which keys may be sealed to, and in which form: keys from their parts, as no program makes them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

use std::io::{self, Read, Write};

use jiff::Timestamp;
use openpgp::{
    AeadMode, Certificate, Cipher, NamedKey, Opener, Protection, Recipient, RecipientError, RecipientStatus,
    SealError, SealOptions, Sealed, describe, seal_to, seal_with_passphrase,
};
use pgp::{
    composed::{KeyType, Message, SignedKeyDetails, SignedSecretKey, SignedSecretSubKey},
    crypto::{aead::AeadAlgorithm, ecc_curve::ECCCurve, hash::HashAlgorithm, sym::SymmetricKeyAlgorithm},
    packet::{
        Features, KeyFlags, PubKeyInner, PublicKey, PublicSubkey, SecretKey, SecretSubkey, Signature,
        SignatureConfig, SignatureType, Subpacket, SubpacketData, UserId,
    },
    ser::Serialize,
    types::{
        Duration, EcdhPublicParams, KeyDetails, KeyVersion, PacketHeaderVersion, Password, PublicParams,
        SecretParams, SignedUser, SigningKey, Timestamp as PacketTime,
    },
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

/// When keys are made.
const MADE: u32 = 1_767_225_600;
/// When something is sealed: a day later.
const NOW: u32 = MADE + 86_400;

const BINARY: SealOptions = SealOptions { armor: false, file_name: None };

fn at(seconds: u32) -> Timestamp {
    Timestamp::from_second(i64::from(seconds)).unwrap()
}

// ---- keys, from their parts -------------------------------------------------------------------

fn generated(kind: &KeyType, seed: u8) -> (PublicParams, SecretParams) {
    kind.generate(ChaCha20Rng::from_seed([seed; 32])).unwrap()
}

fn config(
    signer: &impl SigningKey,
    kind: SignatureType,
    made: u32,
    more: Vec<SubpacketData>,
) -> SignatureConfig {
    let mut config = SignatureConfig::from_key(ChaCha20Rng::from_seed([9; 32]), signer, kind).unwrap();
    let dated = [
        SubpacketData::SignatureCreationTime(PacketTime::from_secs(made)),
        SubpacketData::IssuerFingerprint(signer.fingerprint()),
    ];
    config.hashed_subpackets =
        dated.into_iter().chain(more).map(|data| Subpacket::regular(data).unwrap()).collect();
    config
}

/// A key that certifies and signs, which says `more` of itself and takes no secrets by itself.
fn primary(kind: &KeyType, version: KeyVersion, seed: u8, more: Vec<SubpacketData>) -> SignedSecretKey {
    let (public, secret) = generated(kind, seed);
    let inner = PubKeyInner::new(version, kind.to_alg(), PacketTime::from_secs(MADE), None, public).unwrap();
    let secret = SecretKey::new(PublicKey::from_inner(inner).unwrap(), secret).unwrap();
    let mut flags = KeyFlags::default();
    flags.set_certify(true);
    flags.set_sign(true);
    let said = [vec![SubpacketData::KeyFlags(flags)], more].concat();
    let direct = config(&secret, SignatureType::Key, MADE, said)
        .sign_key(&secret, &Password::empty(), secret.public_key())
        .unwrap();
    let user = SignedUser::new(UserId::from_str(PacketHeaderVersion::New, "made").unwrap(), vec![]);
    let details = SignedKeyDetails::new(vec![], vec![direct], vec![user], vec![]);
    SignedSecretKey::new(secret, details, vec![], vec![])
}

fn ed25519(more: Vec<SubpacketData>) -> SignedSecretKey {
    primary(&KeyType::Ed25519Legacy, KeyVersion::V4, 1, more)
}

/// Binds another key for `flags`, and returns its fingerprint.
fn add(
    key: &mut SignedSecretKey,
    (public, secret): (PublicParams, SecretParams),
    kind: &KeyType,
    made: u32,
    said: Vec<SubpacketData>,
) -> String {
    let version = key.primary_key.version();
    let inner = PubKeyInner::new(version, kind.to_alg(), PacketTime::from_secs(made), None, public).unwrap();
    let subkey = SecretSubkey::new(PublicSubkey::from_inner(inner).unwrap(), secret).unwrap();
    let binding = bind(key, subkey.public_key(), SignatureType::SubkeyBinding, made, said);
    let fingerprint = format!("{:X}", subkey.fingerprint());
    key.secret_subkeys.push(SignedSecretSubKey::new(subkey, vec![binding]));
    fingerprint
}

/// What the primary key says about a subkey.
fn bind(
    key: &SignedSecretKey,
    subkey: &PublicSubkey,
    kind: SignatureType,
    made: u32,
    said: Vec<SubpacketData>,
) -> Signature {
    signed(key, subkey, config(&key.primary_key, kind, made, said))
}

fn signed(key: &SignedSecretKey, subkey: &PublicSubkey, config: SignatureConfig) -> Signature {
    let primary = &key.primary_key;
    config.sign_subkey_binding(primary, primary.public_key(), &Password::empty(), subkey).unwrap()
}

fn add_curve(key: &mut SignedSecretKey, seed: u8, made: u32, said: Vec<SubpacketData>) -> String {
    let kind = KeyType::ECDH(ECCCurve::Curve25519Legacy);
    add(key, generated(&kind, seed), &kind, made, said)
}

fn encrypts(set: fn(&mut KeyFlags)) -> SubpacketData {
    let mut flags = KeyFlags::default();
    set(&mut flags);
    SubpacketData::KeyFlags(flags)
}

fn for_storage() -> SubpacketData {
    encrypts(|flags| flags.set_encrypt_storage(true))
}

fn with_curve(more: Vec<SubpacketData>) -> SignedSecretKey {
    let mut key = ed25519(more);
    add_curve(&mut key, 2, MADE, vec![for_storage()]);
    key
}

/// What it says to be able to read.
fn reads(gcm: bool) -> Vec<SubpacketData> {
    let mut features = Features::new();
    features.set_seipd_v1(true);
    features.set_seipd_v2(true);
    let mode = if gcm { AeadAlgorithm::Gcm } else { AeadAlgorithm::Ocb };
    let suites = [(SymmetricKeyAlgorithm::AES256, mode)].into_iter().collect();
    vec![SubpacketData::Features(features), SubpacketData::PreferredAeadAlgorithms(suites)]
}

fn certificate(key: &SignedSecretKey) -> Certificate {
    Certificate::parse(&key.to_public_key().to_bytes().unwrap()).unwrap()
}

fn pin(key: &SignedSecretKey) -> Result<Recipient, RecipientError> {
    let certificate = certificate(key);
    let fingerprint = certificate.fingerprint();
    Recipient::pin(certificate, &fingerprint)
}

fn used(key: &SignedSecretKey) -> String {
    pin(key).unwrap().key_at(at(NOW)).unwrap().fingerprint().to_string()
}

// ---- messages ---------------------------------------------------------------------------------

fn sealed(text: &[u8], keys: &[&SignedSecretKey]) -> (Vec<u8>, Sealed) {
    let recipients: Vec<_> = keys.iter().map(|key| pin(key).unwrap()).collect();
    let mut output = Vec::new();
    let report = seal_to(text, &mut output, &recipients, at(NOW), [3; 32], &BINARY).unwrap();
    (output, report)
}

fn opened(message: &[u8], key: &SignedSecretKey) -> Vec<u8> {
    let message = Message::from_bytes(message).unwrap();
    message.decrypt(&Password::empty(), key).unwrap().as_data_vec().unwrap()
}

// ---- promises ---------------------------------------------------------------------------------

#[test]
fn either_flag_for_encryption_will_do_and_none_is_as_good() {
    for said in [
        vec![for_storage()],
        vec![encrypts(|flags| flags.set_encrypt_comms(true))],
        // As before flags existed.
        vec![],
    ] {
        let mut key = ed25519(vec![]);
        let subkey = add_curve(&mut key, 2, MADE, said);
        assert_eq!(used(&key), subkey);
        let (message, _) = sealed(b"secret", &[&key]);
        assert_eq!(opened(&message, &key), b"secret");
    }
}

#[test]
fn a_subkey_that_could_encrypt_and_was_made_for_something_else_is_not_used() {
    let mut key = ed25519(vec![]);
    add_curve(&mut key, 2, MADE, vec![encrypts(|flags| flags.set_authentication(true))]);
    assert_eq!(pin(&key).unwrap_err(), RecipientError::CannotEncrypt);
}

#[test]
fn a_subkey_whose_purpose_was_changed_is_not_used_any_more() {
    let mut key = with_curve(vec![]);
    let remaining = used(&key);
    add_curve(&mut key, 3, MADE + 60, vec![for_storage()]);
    let subkey = key.secret_subkeys[1].key.public_key().clone();
    let authenticates = encrypts(|flags| flags.set_authentication(true));
    let rebound = bind(&key, &subkey, SignatureType::SubkeyBinding, MADE + 120, vec![authenticates]);
    key.secret_subkeys[1].signatures.push(rebound);
    assert_eq!(used(&key), remaining);
    key.secret_subkeys.remove(0);
    assert_eq!(pin(&key).unwrap().status(at(NOW)), RecipientStatus::CannotEncrypt);
    assert!(pin(&key).unwrap().key_at(at(NOW)).is_none());
}

#[test]
fn sha1_in_a_binding_counts_only_where_it_is_allowed() {
    let mut key = with_curve(vec![]);
    let subkey = key.secret_subkeys[0].key.public_key().clone();
    let signer = primary(&KeyType::Rsa(2048), KeyVersion::V4, 4, vec![]);
    key.primary_key = signer.primary_key;
    key.details = signer.details;
    let mut weak = config(&key.primary_key, SignatureType::SubkeyBinding, MADE, vec![for_storage()]);
    weak.hash_alg = HashAlgorithm::Sha1;
    key.secret_subkeys[0].signatures = vec![signed(&key, &subkey, weak)];
    assert_eq!(pin(&key).unwrap_err(), RecipientError::Sha1);
    let certificate = certificate(&key);
    let fingerprint = certificate.fingerprint();
    let allowed = Recipient::pin_allowing_sha1(certificate, &fingerprint).unwrap();
    assert!(allowed.key_at(at(NOW)).is_some());
}

#[test]
fn a_revoked_subkey_that_never_encrypted_makes_no_recipient() {
    let mut key = ed25519(vec![]);
    add_curve(&mut key, 2, MADE, vec![encrypts(|flags| flags.set_authentication(true))]);
    let subkey = key.secret_subkeys[0].key.public_key().clone();
    let revocation = bind(&key, &subkey, SignatureType::SubkeyRevocation, MADE, vec![]);
    key.secret_subkeys[0].signatures.push(revocation);
    assert_eq!(pin(&key).unwrap_err(), RecipientError::CannotEncrypt);
}

#[test]
fn the_newest_subkey_is_used_wherever_it_stands() {
    let mut key = ed25519(vec![]);
    let newest = add_curve(&mut key, 2, MADE + 60, vec![for_storage()]);
    add_curve(&mut key, 3, MADE, vec![for_storage()]);
    assert_eq!(used(&key), newest);
}

#[test]
fn a_subkey_of_tomorrow_is_not_used_today() {
    let mut key = with_curve(vec![]);
    let today = used(&key);
    let tomorrow = add_curve(&mut key, 3, NOW + 86_400, vec![for_storage()]);
    assert_eq!(used(&key), today);
    let later = pin(&key).unwrap();
    assert_eq!(later.key_at(at(NOW + 86_400)).unwrap().fingerprint().to_string(), tomorrow);
}

#[test]
fn the_older_subkey_serves_once_the_newer_has_expired() {
    let mut key = with_curve(vec![]);
    let older = used(&key);
    let brief = SubpacketData::KeyExpirationTime(Duration::from_secs(3_600));
    let newer = add_curve(&mut key, 3, MADE + 60, vec![for_storage(), brief]);
    let recipient = pin(&key).unwrap();
    let used_at = |time| recipient.key_at(at(time)).unwrap().fingerprint().to_string();
    assert_eq!(used_at(MADE + 60 + 3_599), newer);
    assert_eq!(used_at(MADE + 60 + 3_600), older);
    assert_eq!(recipient.status(at(NOW)), RecipientStatus::Usable { expires: None });
}

#[test]
fn a_binding_that_runs_out_ends_the_key_with_it() {
    let mut key = ed25519(vec![]);
    let brief = SubpacketData::SignatureExpirationTime(Duration::from_secs(100_000));
    add_curve(&mut key, 2, MADE, vec![for_storage(), brief]);
    let recipient = pin(&key).unwrap();
    let end = at(MADE + 100_000);
    assert_eq!(recipient.status(at(NOW)), RecipientStatus::Usable { expires: Some(end) });
    assert_eq!(recipient.status(end), RecipientStatus::Expired(end));
}

#[test]
fn a_curve_that_wraps_with_a_weak_hash_or_cipher_is_refused() {
    let kind = KeyType::ECDH(ECCCurve::Curve25519Legacy);
    let weaken: [fn(&mut HashAlgorithm, &mut SymmetricKeyAlgorithm); 2] =
        [|hash, _| *hash = HashAlgorithm::Sha1, |_, cipher| *cipher = SymmetricKeyAlgorithm::TripleDES];
    for weaken in weaken {
        let (mut public, secret) = generated(&kind, 2);
        let PublicParams::ECDH(EcdhPublicParams::Curve25519Legacy { hash, alg_sym, .. }) = &mut public else {
            panic!("another curve")
        };
        weaken(hash, alg_sym);
        let mut key = ed25519(vec![]);
        add(&mut key, (public, secret), &kind, MADE, vec![for_storage()]);
        assert_eq!(pin(&key).unwrap_err(), RecipientError::Algorithm);
    }
}

#[test]
fn a_subkey_that_another_key_bound_is_not_used() {
    let mut key = primary(&KeyType::Ed25519Legacy, KeyVersion::V4, 7, vec![]);
    key.secret_subkeys = with_curve(vec![]).secret_subkeys;
    assert_eq!(pin(&key).unwrap_err(), RecipientError::CannotEncrypt);
}

#[test]
fn a_key_that_vouches_for_nothing_is_no_recipient() {
    let mut key = with_curve(vec![]);
    key.details.direct_signatures.clear();
    assert_eq!(pin(&key).unwrap_err(), RecipientError::NoSelfSignature);
}

#[test]
fn aead_is_used_only_where_every_recipient_reads_it() {
    let aead = |mode| Protection::Aead { cipher: Cipher::Aes256, mode };
    let (old, ocb, gcm) = (with_curve(vec![]), with_curve(reads(false)), with_curve(reads(true)));
    let rows: [(&[&SignedSecretKey], Protection); 6] = [
        (&[&old], Protection::Mdc),
        (&[&ocb], aead(AeadMode::Ocb)),
        (&[&gcm], aead(AeadMode::Gcm)),
        (&[&gcm, &ocb], aead(AeadMode::Ocb)),
        (&[&gcm, &old], Protection::Mdc),
        (&[&old, &gcm], Protection::Mdc),
    ];
    for (keys, expected) in rows {
        // More than one piece, more than one chunk.
        let text = vec![5; 200_000];
        let (message, report) = sealed(&text, keys);
        assert_eq!(report.protection, expected);
        assert_eq!(describe(&message).unwrap().protection, expected);
        for key in keys {
            assert!(opened(&message, key) == text, "{expected}");
        }
    }
}

#[test]
fn version_6_keys_of_the_new_curves_open_and_are_named_in_full() {
    for (curve, kind) in [(KeyType::X25519, KeyType::Ed25519), (KeyType::X448, KeyType::Ed448)] {
        let mut key = primary(&kind, KeyVersion::V6, 1, reads(false));
        let subkey = add(&mut key, generated(&curve, 2), &curve, MADE, vec![for_storage()]);
        let (message, report) = sealed(b"secret", &[&key]);
        assert_eq!(opened(&message, &key), b"secret");
        assert_eq!(report.keys[0].to_string(), subkey);
        let named = NamedKey::Fingerprint(subkey.parse().unwrap());
        assert_eq!(describe(&message).unwrap().openers, [Opener::Key(named)]);
    }
}

#[test]
fn armor_around_aead_has_no_checksum_and_around_the_old_form_it_has() {
    let armored = |key: &SignedSecretKey| {
        let mut output = Vec::new();
        let options = SealOptions { armor: true, file_name: None };
        seal_to(&b"x"[..], &mut output, &[pin(key).unwrap()], at(NOW), [3; 32], &options).unwrap();
        String::from_utf8(output).unwrap()
    };
    let has_checksum = |text: &str| text.lines().any(|line| line.len() == 5 && line.starts_with('='));
    assert!(has_checksum(&armored(&with_curve(vec![]))));
    assert!(!has_checksum(&armored(&with_curve(reads(false)))));
}

#[test]
fn the_passphrase_opens() {
    let mut message = Vec::new();
    let report = seal_with_passphrase(&b"secret"[..], &mut message, "a b", [3; 32], &BINARY).unwrap();
    assert!(report.keys.is_empty());
    let open = |passphrase: &str| {
        let message = Message::from_bytes(&message[..]).unwrap();
        message.decrypt_with_password(&passphrase.into()).and_then(|mut it| Ok(it.as_data_vec()?))
    };
    assert_eq!(open("a b").unwrap(), b"secret");
    assert!(open("a c").is_err());
}

#[test]
fn one_seed_seals_one_way_and_another_another() {
    let key = pin(&with_curve(vec![])).unwrap();
    let seal = |seed| {
        let mut output = Vec::new();
        seal_to(&b"x"[..], &mut output, std::slice::from_ref(&key), at(NOW), [seed; 32], &BINARY).unwrap();
        output
    };
    assert_eq!(seal(1), seal(1));
    assert_ne!(seal(1), seal(2));
}

#[test]
fn what_cannot_be_sealed_is_refused_before_anything_is_written() {
    let key = pin(&with_curve(vec![])).unwrap();
    let named = |name: &str| {
        let mut output = Vec::new();
        let options = SealOptions { armor: true, file_name: Some(name.into()) };
        let sealed = seal_to(&b"x"[..], &mut output, std::slice::from_ref(&key), at(NOW), [3; 32], &options);
        assert_eq!(sealed.is_err(), output.is_empty());
        sealed
    };
    named(&"n".repeat(255)).unwrap();
    assert!(matches!(named(&"n".repeat(256)), Err(SealError::FileName)));
    assert!(matches!(named("_CONSOLE"), Err(SealError::FileName)));

    let mut output = Vec::new();
    let nobody = seal_to(&b"x"[..], &mut output, &[], at(NOW), [3; 32], &BINARY);
    assert!(matches!(nobody, Err(SealError::NoRecipients)));
    for passphrase in ["", "two\nlines"] {
        let refused = seal_with_passphrase(&b"x"[..], &mut output, passphrase, [3; 32], &BINARY);
        assert!(matches!(refused, Err(SealError::Passphrase)));
    }
    assert!(output.is_empty());
}

/// Breaks after so many bytes.
struct Breaks(usize);

impl Read for Breaks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(self.0);
        self.0 -= length;
        if length == 0 { Err(io::Error::other("broken")) } else { Ok(length) }
    }
}

impl Write for Breaks {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let length = buffer.len().min(self.0);
        self.0 -= length;
        if length == 0 { Err(io::Error::other("full")) } else { Ok(length) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_error_says_which_side_broke_wherever_it_breaks() {
    for more in [vec![], reads(false)] {
        let key = [pin(&with_curve(more)).unwrap()];
        for armor in [false, true] {
            let options = SealOptions { armor, file_name: None };
            for length in [0, 1, 8_192, 65_529, 65_530, 100_000, 300_000, 1_500_000] {
                let mut output = Vec::new();
                let input = seal_to(Breaks(length), &mut output, &key, at(NOW), [3; 32], &options);
                assert!(matches!(input, Err(SealError::Input(_))), "{input:?}");
                let text = vec![0; 2_000_000];
                let output = seal_to(&text[..], Breaks(length), &key, at(NOW), [3; 32], &options);
                assert!(matches!(output, Err(SealError::Output(_))), "{output:?}");
            }
        }
    }
}
