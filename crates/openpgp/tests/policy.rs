//! Keys and signatures that no well-behaved program makes, packet by packet, and the promise that
//! refuses each.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

use jiff::Timestamp;
use openpgp::{
    Algorithm, Allowances, Certificate, CertificateError, ClaimedIssuer, Fingerprint, KeyStatus, Limits,
    PinError, Refusal, SigningError, SigningKey, TrustedKey, TrustedKeys, Verified,
};
use pgp::{
    composed::{
        ArmorOptions, DetachedSignature, KeyType, SignedKeyDetails, SignedPublicKey, SignedPublicSubKey,
    },
    crypto::hash::HashAlgorithm,
    packet::{
        KeyFlags, PubKeyInner, PublicKey, PublicSubkey, SecretKey, SecretSubkey, Signature, SignatureConfig,
        SignatureType, Subpacket, SubpacketData, UserId,
    },
    types::{
        Duration, KeyDetails, KeyVersion, PacketHeaderVersion, Password, SignedUser, Tag,
        Timestamp as PacketTime,
    },
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

/// When keys are made.
const MADE: u32 = 1_767_225_600;
/// When messages are looked at: a day later.
const NOW: u32 = MADE + 86_400;

const TEXT: &str = "to whom it may concern\n- dashes\n\nend";

fn now() -> Timestamp {
    at(NOW)
}

fn at(seconds: u32) -> Timestamp {
    Timestamp::from_second(i64::from(seconds)).unwrap()
}

// ---- keys, from their parts -------------------------------------------------------------------

struct Maker {
    secret: SecretKey,
    user_id: UserId,
    user_signatures: Vec<Signature>,
    direct: Vec<Signature>,
    revocations: Vec<Signature>,
    subkeys: Vec<SignedPublicSubKey>,
}

fn inner(kind: &KeyType, version: KeyVersion, seed: u8) -> (PubKeyInner, pgp::types::SecretParams) {
    let (public, secret) = kind.generate(ChaCha20Rng::from_seed([seed; 32])).unwrap();
    let made = PacketTime::from_secs(MADE);
    let inner = PubKeyInner::new(version, kind.to_alg(), made, None, public).unwrap();
    (inner, secret)
}

fn maker(kind: &KeyType, version: KeyVersion, seed: u8) -> Maker {
    let (inner, secret) = inner(kind, version, seed);
    let public = PublicKey::from_inner(inner).unwrap();
    Maker {
        secret: SecretKey::new(public, secret).unwrap(),
        user_id: UserId::from_str(PacketHeaderVersion::New, "made").unwrap(),
        user_signatures: vec![],
        direct: vec![],
        revocations: vec![],
        subkeys: vec![],
    }
}

fn ed25519(seed: u8) -> Maker {
    maker(&KeyType::Ed25519Legacy, KeyVersion::V4, seed)
}

fn rsa(seed: u8) -> Maker {
    maker(&KeyType::Rsa(2048), KeyVersion::V4, seed)
}

fn subkey(seed: u8) -> SecretSubkey {
    let (inner, secret) = inner(&KeyType::Ed25519Legacy, KeyVersion::V4, seed);
    SecretSubkey::new(PublicSubkey::from_inner(inner).unwrap(), secret).unwrap()
}

fn flags(sign: bool) -> SubpacketData {
    let mut flags = KeyFlags::default();
    flags.set_certify(true);
    flags.set_sign(sign);
    SubpacketData::KeyFlags(flags)
}

fn expires(after: u32) -> SubpacketData {
    SubpacketData::KeyExpirationTime(Duration::from_secs(after))
}

/// Dated, with its issuer, and with whatever else.
fn config(
    signer: &impl pgp::types::SigningKey,
    kind: SignatureType,
    made: u32,
    more: Vec<SubpacketData>,
) -> SignatureConfig {
    let rng = ChaCha20Rng::from_seed([9; 32]);
    let mut config = SignatureConfig::from_key(rng, signer, kind).unwrap();
    config.hashed_subpackets = [
        SubpacketData::SignatureCreationTime(PacketTime::from_secs(made)),
        SubpacketData::IssuerFingerprint(signer.fingerprint()),
    ]
    .into_iter()
    .chain(more)
    .map(|data| Subpacket::regular(data).unwrap())
    .collect();
    config
}

impl Maker {
    fn public(&self) -> &PublicKey {
        self.secret.public_key()
    }

    fn certify(mut self, config: SignatureConfig) -> Self {
        let signature = config
            .sign_certification(&self.secret, self.public(), &Password::empty(), Tag::UserId, &self.user_id)
            .unwrap();
        self.user_signatures.push(signature);
        self
    }

    fn certified(self, made: u32, more: Vec<SubpacketData>) -> Self {
        let config = config(&self.secret, SignatureType::CertPositive, made, more);
        self.certify(config)
    }

    fn signing(self) -> Self {
        self.certified(MADE, vec![flags(true)])
    }

    fn direct(mut self, made: u32, more: Vec<SubpacketData>) -> Self {
        let signature = config(&self.secret, SignatureType::Key, made, more)
            .sign_key(&self.secret, &Password::empty(), self.public())
            .unwrap();
        self.direct.push(signature);
        self
    }

    /// `answer` is what the subkey says about its primary key.
    fn with_subkey(mut self, subkey: &SecretSubkey, answer: Option<Signature>) -> Self {
        let mut config = config(&self.secret, SignatureType::SubkeyBinding, MADE, vec![flags(true)]);
        if let Some(answer) = answer {
            let answer = SubpacketData::EmbeddedSignature(Box::new(answer));
            config.hashed_subpackets.push(Subpacket::regular(answer).unwrap());
        }
        let binding = config
            .sign_subkey_binding(&self.secret, self.public(), &Password::empty(), subkey.public_key())
            .unwrap();
        self.subkeys.push(SignedPublicSubKey::new(subkey.public_key().clone(), vec![binding]));
        self
    }

    fn answer(&self, subkey: &SecretSubkey) -> Signature {
        config(subkey, SignatureType::KeyBinding, MADE, vec![])
            .sign_primary_key_binding(subkey, subkey.public_key(), &Password::empty(), self.public())
            .unwrap()
    }

    fn certificate(&self) -> Certificate {
        let user = SignedUser::new(self.user_id.clone(), self.user_signatures.clone());
        let details =
            SignedKeyDetails::new(self.revocations.clone(), self.direct.clone(), vec![user], vec![]);
        let key = SignedPublicKey::new(self.public().clone(), details, self.subkeys.clone());
        Certificate::parse(key.to_armored_string(ArmorOptions::default()).unwrap().as_bytes()).unwrap()
    }

    fn pin(&self) -> Result<TrustedKey, PinError> {
        self.pin_allowing(Allowances::default())
    }

    fn pin_allowing(&self, allow: Allowances) -> Result<TrustedKey, PinError> {
        let certificate = self.certificate();
        let fingerprint = certificate.fingerprint();
        TrustedKey::pin(certificate, &fingerprint, allow)
    }

    fn status(&self) -> KeyStatus {
        self.pin().unwrap().status(now())
    }

    fn fingerprint(&self) -> Fingerprint {
        self.certificate().fingerprint()
    }

    fn trusted(&self) -> TrustedKeys {
        [self.pin().unwrap()].into_iter().collect()
    }

    fn verify(&self, message: &str) -> Result<Verified, Refusal> {
        verify(message, &self.trusted())
    }
}

fn verify(message: &str, trusted: &TrustedKeys) -> Result<Verified, Refusal> {
    openpgp::verify(message.as_bytes(), trusted, Limits::default(), now())
}

// ---- messages, from their parts ---------------------------------------------------------------

fn sign(signer: &impl pgp::types::SigningKey, config: SignatureConfig) -> String {
    let network_text = TEXT.replace('\n', "\r\n");
    let signature = config.sign(signer, &Password::empty(), network_text.as_bytes()).unwrap();
    cleartext(signature)
}

fn cleartext(signature: Signature) -> String {
    let armored = DetachedSignature::new(signature).to_armored_string(ArmorOptions::default());
    let escaped = TEXT.replace("\n-", "\n- -");
    format!("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{escaped}\n{}", armored.unwrap())
}

fn text_by(signer: &impl pgp::types::SigningKey, more: Vec<SubpacketData>) -> String {
    sign(signer, config(signer, SignatureType::Text, NOW, more))
}

fn changed(signer: &SecretKey, change: impl FnOnce(&mut SignatureConfig)) -> String {
    let mut config = config(signer, SignatureType::Text, NOW, vec![]);
    change(&mut config);
    sign(signer, config)
}

// ---- promises ---------------------------------------------------------------------------------

#[test]
fn a_made_key_signs_what_its_public_half_verifies() {
    for algorithm in [Algorithm::Ed25519, Algorithm::Rsa2048] {
        let key = SigningKey::generate("demo", algorithm, at(MADE), [1; 32]).unwrap();
        let key = SigningKey::parse(key.secret_armored().unwrap().as_bytes()).unwrap();
        let certificate = Certificate::parse(key.public_armored().unwrap().as_bytes()).unwrap();
        assert_eq!(certificate.user_ids(), ["demo"]);
        let pinned = TrustedKey::pin(certificate, &key.fingerprint(), Allowances::default());
        let message = key.sign_cleartext("-a  \n b\t\n\n--\n", now()).unwrap();
        let verified = verify(&message, &[pinned.unwrap()].into_iter().collect()).unwrap();
        assert_eq!(verified.payload(), b"-a\n b\n\n--\n");
        assert_eq!(verified.canonical_text(), b"-a\n b\n\n--");
        assert_eq!(verified.signed_at(), now());
        assert_eq!(verified.issuer(), key.fingerprint());
    }
}

#[test]
fn one_seed_makes_one_key() {
    let make = |seed| SigningKey::generate("demo", Algorithm::Ed25519, at(MADE), [seed; 32]).unwrap();
    assert_eq!(make(1).fingerprint(), make(1).fingerprint());
    assert_ne!(make(1).fingerprint(), make(2).fingerprint());
}

#[test]
fn a_key_is_not_made_before_1970() {
    let early = Timestamp::from_second(-1).unwrap();
    let refusal = SigningKey::generate("demo", Algorithm::Ed25519, early, [1; 32]).unwrap_err();
    assert!(matches!(refusal, SigningError::Time(_)));
}

#[test]
fn debug_shows_neither_secret_nor_payload() {
    let key = SigningKey::generate("demo", Algorithm::Ed25519, at(MADE), [1; 32]).unwrap();
    assert_eq!(format!("{key:?}"), format!("SigningKey({})", key.fingerprint()));
    let maker = ed25519(1).signing();
    let shown = format!("{:?}", maker.verify(&text_by(&maker.secret, vec![])).unwrap());
    assert!(!shown.contains("concern") && !shown.contains("payload"), "{shown}");
}

#[test]
fn a_secret_key_is_refused_as_a_certificate() {
    let key = SigningKey::generate("demo", Algorithm::Ed25519, at(MADE), [1; 32]).unwrap();
    let secret = key.secret_armored().unwrap();
    let public = key.public_armored().unwrap();
    let refused = |text: &str| Certificate::parse(text.as_bytes()).unwrap_err();
    assert_eq!(refused(&secret), CertificateError::SecretKey);
    assert_eq!(refused(&format!("{public}{secret}")), CertificateError::SecretKey);
    assert_eq!(refused(&format!("{public}{public}")), CertificateError::SeveralKeys);
    assert!(matches!(refused(""), CertificateError::NotAKey(_)));
    assert!(matches!(refused("hello"), CertificateError::NotAKey(_)));
    assert!(matches!(SigningKey::parse(public.as_bytes()), Err(SigningError::NotASecretKey)));
}

#[test]
fn the_new_form_of_ed25519_and_version_6_keys_verify() {
    let new = maker(&KeyType::Ed25519, KeyVersion::V4, 1).signing();
    new.verify(&text_by(&new.secret, vec![])).unwrap();

    let six = maker(&KeyType::Ed25519, KeyVersion::V6, 1).direct(MADE, vec![flags(true)]);
    let verified = six.verify(&text_by(&six.secret, vec![])).unwrap();
    assert_eq!(verified.issuer().as_bytes().len(), 32);
}

#[test]
fn a_version_6_key_is_not_spoken_for_by_its_user_ids() {
    let six = maker(&KeyType::Ed25519, KeyVersion::V6, 1).signing();
    assert_eq!(six.pin().unwrap_err(), PinError::NoSelfSignature);
}

#[test]
fn a_signature_older_than_its_key_is_refused() {
    let key = ed25519(1).signing();
    let message = sign(&key.secret, config(&key.secret, SignatureType::Text, MADE - 1, vec![]));
    assert_eq!(key.verify(&message), Err(Refusal::SignedBeforeKey(key.fingerprint())));
}

#[test]
fn a_signature_without_a_date_is_refused() {
    let key = ed25519(1).signing();
    let message = changed(&key.secret, |config| {
        // Unhashed, anybody could have put the date there.
        let date = config.hashed_subpackets.remove(0);
        config.unhashed_subpackets.push(date);
    });
    assert_eq!(key.verify(&message), Err(Refusal::Undated));
}

#[test]
fn a_signature_that_is_not_over_text_is_refused() {
    let key = ed25519(1).signing();
    let binary = sign(&key.secret, config(&key.secret, SignatureType::Binary, NOW, vec![]));
    assert_eq!(key.verify(&binary), Err(Refusal::SignatureType(0)));

    let direct = config(&key.secret, SignatureType::Key, MADE, vec![flags(true)])
        .sign_key(&key.secret, &Password::empty(), key.public())
        .unwrap();
    assert_eq!(key.verify(&cleartext(direct)), Err(Refusal::SignatureType(0x1f)));
}

#[test]
fn md5_and_ripemd_are_refused_before_anything_is_computed() {
    let key = rsa(1).signing();
    for weak in [HashAlgorithm::Md5, HashAlgorithm::Ripemd160] {
        let message = changed(&key.secret, |config| config.hash_alg = weak);
        assert_eq!(key.verify(&message), Err(Refusal::WeakHash));
    }
}

#[test]
fn what_is_critical_and_unknown_is_refused() {
    let key = ed25519(1).signing();
    let unknown = || SubpacketData::Other(99, vec![1].into());
    let critical = changed(&key.secret, |config| {
        config
            .hashed_subpackets
            .push(Subpacket::critical(SubpacketData::Experimental(101, vec![1].into())).unwrap());
    });
    assert_eq!(key.verify(&critical), Err(Refusal::UnknownCritical));
    let unhashed = changed(&key.secret, |config| {
        config.unhashed_subpackets.push(Subpacket::critical(unknown()).unwrap());
    });
    assert_eq!(key.verify(&unhashed), Err(Refusal::UnknownCritical));
    key.verify(&text_by(&key.secret, vec![unknown()])).unwrap();
}

#[test]
fn the_issuer_is_found_by_key_id_where_no_fingerprint_is_given() {
    let key = ed25519(1).signing();
    let id = || Subpacket::regular(SubpacketData::IssuerKeyId(key.secret.legacy_key_id())).unwrap();
    let by_id = changed(&key.secret, |config| {
        config.hashed_subpackets.truncate(1);
        config.unhashed_subpackets = vec![id()];
    });
    key.verify(&by_id).unwrap();

    let stranger = ed25519(2);
    let contradiction = changed(&key.secret, |config| {
        config.hashed_subpackets.truncate(1);
        let other = SubpacketData::IssuerFingerprint(stranger.secret.fingerprint());
        config.hashed_subpackets.push(Subpacket::regular(other).unwrap());
        config.unhashed_subpackets = vec![id()];
    });
    let claimed = ClaimedIssuer::Fingerprint(stranger.signing().fingerprint());
    assert_eq!(key.verify(&contradiction), Err(Refusal::UnknownIssuer(claimed)));
}

#[test]
fn a_signature_that_names_nobody_is_refused() {
    let key = ed25519(1).signing();
    let message = changed(&key.secret, |config| config.hashed_subpackets.truncate(1));
    assert_eq!(key.verify(&message), Err(Refusal::UnknownIssuer(ClaimedIssuer::Nobody)));
}

#[test]
fn a_signature_in_anothers_name_is_refused() {
    let (key, stranger) = (ed25519(1).signing(), ed25519(2));
    let message = changed(&stranger.secret, |config| {
        config.hashed_subpackets.truncate(1);
        let name = SubpacketData::IssuerFingerprint(key.secret.fingerprint());
        config.hashed_subpackets.push(Subpacket::regular(name).unwrap());
    });
    assert_eq!(key.verify(&message), Err(Refusal::BadSignature));
}

#[test]
fn a_subkey_signs_only_if_it_answers() {
    let subkey = subkey(2);
    let other = ed25519(3);
    let message = text_by(&subkey, vec![]);

    let key = ed25519(1).signing();
    let answer = key.answer(&subkey);
    key.with_subkey(&subkey, Some(answer)).verify(&message).unwrap();

    let fingerprint = |key: &Maker| match key.verify(&message) {
        Err(Refusal::MayNotSign(fingerprint)) => fingerprint.to_string().to_lowercase(),
        other => panic!("{other:?}"),
    };
    let silent = ed25519(1).signing().with_subkey(&subkey, None);
    assert_eq!(fingerprint(&silent), subkey.fingerprint().to_string());

    // An answer to somebody else's primary key: a subkey that was taken over.
    let stolen = ed25519(1).signing().with_subkey(&subkey, Some(other.answer(&subkey)));
    assert_eq!(fingerprint(&stolen), subkey.fingerprint().to_string());
}

#[test]
fn a_subkey_without_an_answer_does_not_make_a_key_a_signing_key() {
    let subkey = subkey(2);
    let key = ed25519(1).certified(MADE, vec![flags(false)]).with_subkey(&subkey, None);
    assert_eq!(key.pin().unwrap_err(), PinError::CannotSign);
}

#[test]
fn a_binding_by_somebody_else_does_not_count() {
    let subkey = subkey(2);
    let other = ed25519(3);
    let answer = other.answer(&subkey);
    let bound_elsewhere = other.with_subkey(&subkey, Some(answer));
    let mut key = ed25519(1).signing();
    key.subkeys = bound_elsewhere.subkeys;
    let refusal = key.verify(&text_by(&subkey, vec![])).unwrap_err();
    assert!(matches!(refusal, Refusal::MayNotSign(_)), "{refusal}");
}

#[test]
fn a_binding_that_the_primary_key_did_not_make_does_not_count() {
    let (subkey, other) = (subkey(2), ed25519(3));
    let mut key = ed25519(1).signing();
    // The subkey agrees; the primary key was never asked.
    let answer = SubpacketData::EmbeddedSignature(Box::new(key.answer(&subkey)));
    let binding = config(&other.secret, SignatureType::SubkeyBinding, MADE, vec![flags(true), answer])
        .sign_subkey_binding(&other.secret, key.public(), &Password::empty(), subkey.public_key())
        .unwrap();
    key.subkeys = vec![SignedPublicSubKey::new(subkey.public_key().clone(), vec![binding])];
    let refusal = key.verify(&text_by(&subkey, vec![])).unwrap_err();
    assert!(matches!(refusal, Refusal::MayNotSign(_)), "{refusal}");
}

#[test]
fn an_answer_with_sha1_needs_the_allowance_too() {
    let (inner, secret) = inner(&KeyType::Rsa(2048), KeyVersion::V4, 2);
    let subkey = SecretSubkey::new(PublicSubkey::from_inner(inner).unwrap(), secret).unwrap();
    let key = ed25519(1).signing();
    let mut weak = config(&subkey, SignatureType::KeyBinding, MADE, vec![]);
    weak.hash_alg = HashAlgorithm::Sha1;
    let answer = weak
        .sign_primary_key_binding(&subkey, subkey.public_key(), &Password::empty(), key.public())
        .unwrap();
    let key = key.with_subkey(&subkey, Some(answer));
    let message = text_by(&subkey, vec![]);
    let refusal = key.verify(&message).unwrap_err();
    assert!(matches!(refusal, Refusal::MayNotSign(_)), "{refusal}");
    let allow = Allowances { sha1: true, short: false };
    let trusted = [key.pin_allowing(allow).unwrap()].into_iter().collect();
    verify(&message, &trusted).unwrap();
}

#[test]
fn a_direct_signature_by_somebody_else_changes_nothing() {
    let other = ed25519(2);
    let mut key = ed25519(1).certified(MADE, vec![flags(true), expires(3_600)]);
    let longer = config(&other.secret, SignatureType::Key, MADE + 60, vec![flags(true)])
        .sign_key(&other.secret, &Password::empty(), key.public())
        .unwrap();
    key.direct.push(longer);
    assert_eq!(key.status(), KeyStatus::Expired(at(MADE + 3_600)));
}

#[test]
fn a_primary_key_that_may_not_sign_does_not() {
    let subkey = subkey(2);
    let key = ed25519(1).certified(MADE, vec![flags(false)]);
    let answer = key.answer(&subkey);
    let key = key.with_subkey(&subkey, Some(answer));
    assert_eq!(key.verify(&text_by(&key.secret, vec![])), Err(Refusal::MayNotSign(key.fingerprint())));
}

/// A signing subkey whose own papers are in order, under `key`.
fn with_good_subkey(key: Maker, subkey: &SecretSubkey) -> Maker {
    let answer = key.answer(subkey);
    key.with_subkey(subkey, Some(answer))
}

#[test]
fn a_good_subkey_does_not_outlive_its_primary_key() {
    let subkey = subkey(2);
    let message = text_by(&subkey, vec![]);
    let expired = ed25519(1).certified(MADE, vec![flags(false), expires(3_600)]);
    let expired = with_good_subkey(expired, &subkey);
    assert_eq!(expired.verify(&message), Err(Refusal::Expired(expired.fingerprint(), at(MADE + 3_600))));

    let mut revoked = with_good_subkey(ed25519(1).signing(), &subkey);
    let revocation = config(&revoked.secret, SignatureType::KeyRevocation, MADE, vec![])
        .sign_key(&revoked.secret, &Password::empty(), revoked.public())
        .unwrap();
    revoked.revocations.push(revocation);
    assert_eq!(revoked.verify(&message), Err(Refusal::Revoked(revoked.fingerprint())));
}

#[test]
fn the_status_of_a_key_is_that_of_the_best_key_that_signs() {
    let subkey = subkey(2);
    let certifies = ed25519(1).certified(MADE, vec![flags(false)]);
    let key = with_good_subkey(certifies, &subkey);
    assert_eq!(key.status(), KeyStatus::Usable { expires: None });

    let ends = ed25519(1).certified(MADE, vec![flags(false), expires(864_000)]);
    let key = with_good_subkey(ends, &subkey);
    let expires = Some(at(MADE + 864_000));
    assert_eq!(key.status(), KeyStatus::Usable { expires });
}

#[test]
fn a_short_subkey_is_not_made_good_by_a_long_primary_key() {
    let (inner, secret) = inner(&KeyType::Rsa(1024), KeyVersion::V4, 2);
    let short = SecretSubkey::new(PublicSubkey::from_inner(inner).unwrap(), secret).unwrap();
    let key = with_good_subkey(ed25519(1).certified(MADE, vec![flags(false)]), &short);
    assert!(matches!(key.pin().unwrap_err(), PinError::Short(_)));

    let key = with_good_subkey(ed25519(1).signing(), &short);
    let refusal = key.verify(&text_by(&short, vec![])).unwrap_err();
    assert!(matches!(refusal, Refusal::UnknownIssuer(_)), "{refusal}");

    let allow = Allowances { sha1: false, short: true };
    let trusted = [key.pin_allowing(allow).unwrap()].into_iter().collect();
    verify(&text_by(&short, vec![]), &trusted).unwrap();
}

#[test]
fn text_after_the_message_is_refused() {
    let key = ed25519(1).signing();
    let message = text_by(&key.secret, vec![]);
    key.verify(&format!("\n{message} \r\n\n")).unwrap();
    let refusal = key.verify(&format!("{message}x")).unwrap_err();
    assert_eq!(refusal, Refusal::Malformed("text after the message"));
}

#[test]
fn a_self_signature_with_a_critical_unknown_part_does_not_count() {
    let key = ed25519(1);
    let mut unknown = config(&key.secret, SignatureType::CertPositive, MADE, vec![flags(true)]);
    let data = SubpacketData::Experimental(101, vec![1].into());
    unknown.hashed_subpackets.push(Subpacket::critical(data).unwrap());
    assert_eq!(key.certify(unknown).pin().unwrap_err(), PinError::NoSelfSignature);
}

#[test]
fn md5_in_a_self_signature_does_not_count() {
    let key = rsa(1);
    let mut weak = config(&key.secret, SignatureType::CertPositive, MADE, vec![flags(true)]);
    weak.hash_alg = HashAlgorithm::Md5;
    let allow = Allowances { sha1: true, short: true };
    let refusal = key.certify(weak).pin_allowing(allow).unwrap_err();
    assert_eq!(refusal, PinError::NoSelfSignature);
}

#[test]
fn a_binding_ends_when_the_subkeys_answer_ends() {
    let subkey = subkey(2);
    let brief = SubpacketData::SignatureExpirationTime(Duration::from_secs(3_600));
    let key = ed25519(1).signing();
    let answer = config(&subkey, SignatureType::KeyBinding, MADE, vec![brief])
        .sign_primary_key_binding(&subkey, subkey.public_key(), &Password::empty(), key.public())
        .unwrap();
    let key = key.with_subkey(&subkey, Some(answer));
    let refusal = key.verify(&text_by(&subkey, vec![])).unwrap_err();
    assert!(matches!(refusal, Refusal::Expired(_, ends) if ends == at(MADE + 3_600)), "{refusal}");
}

#[test]
fn a_key_without_flags_may_sign() {
    let key = ed25519(1).certified(MADE, vec![]);
    key.verify(&text_by(&key.secret, vec![])).unwrap();
}

#[test]
fn the_newest_self_signature_decides_when_a_key_ends() {
    let longer = ed25519(1)
        .certified(MADE, vec![flags(true), expires(3_600)])
        .direct(MADE + 60, vec![flags(true), expires(864_000)]);
    let end = at(MADE + 864_000);
    assert_eq!(longer.status(), KeyStatus::Usable { expires: Some(end) });

    let shorter =
        ed25519(1).direct(MADE + 60, vec![flags(true), expires(3_600)]).certified(MADE, vec![flags(true)]);
    assert_eq!(shorter.status(), KeyStatus::Expired(at(MADE + 3_600)));
    let message = text_by(&shorter.secret, vec![]);
    assert_eq!(shorter.verify(&message), Err(Refusal::Expired(shorter.fingerprint(), at(MADE + 3_600))));
}

#[test]
fn a_key_ends_at_the_very_second() {
    let key = ed25519(1).certified(MADE, vec![flags(true), expires(NOW - MADE)]);
    assert_eq!(key.status(), KeyStatus::Expired(now()));
    let later = ed25519(1).certified(MADE, vec![flags(true), expires(NOW - MADE + 1)]);
    assert_eq!(later.status(), KeyStatus::Usable { expires: Some(at(NOW + 1)) });
}

#[test]
fn an_expiry_of_zero_means_never() {
    let key = ed25519(1).certified(MADE, vec![flags(true), expires(0)]);
    assert_eq!(key.status(), KeyStatus::Usable { expires: None });
}

#[test]
fn a_self_signature_from_the_future_does_not_count_yet() {
    let key = ed25519(1).certified(NOW + 301, vec![flags(true)]);
    assert_eq!(key.status(), KeyStatus::CannotSign);
    let message = text_by(&key.secret, vec![]);
    assert_eq!(key.verify(&message), Err(Refusal::MayNotSign(key.fingerprint())));
    let soon = ed25519(1).certified(NOW + 300, vec![flags(true)]);
    assert_eq!(soon.status(), KeyStatus::Usable { expires: None });
}

#[test]
fn a_self_signature_that_expired_does_not_count_any_more() {
    let brief = SubpacketData::SignatureExpirationTime(Duration::from_secs(3_600));
    let key = ed25519(1).certified(MADE, vec![flags(true), brief]);
    assert_eq!(key.status(), KeyStatus::Expired(at(MADE + 3_600)));
}

#[test]
fn a_revoked_user_id_no_longer_speaks_for_the_key() {
    let key = ed25519(1).certified(MADE, vec![flags(true)]);
    let revocation = config(&key.secret, SignatureType::CertRevocation, MADE + 60, vec![]);
    let revoked = key.certify(revocation);
    assert_eq!(revoked.pin().unwrap_err(), PinError::NoSelfSignature);

    let renewed = revoked.certified(MADE + 120, vec![flags(true)]);
    assert_eq!(renewed.status(), KeyStatus::Usable { expires: None });
}

#[test]
fn a_revocation_by_somebody_else_changes_nothing() {
    let other = ed25519(2);
    let mut key = ed25519(1).signing();
    let by_other = config(&other.secret, SignatureType::KeyRevocation, MADE, vec![])
        .sign_key(&other.secret, &Password::empty(), key.public())
        .unwrap();
    key.revocations.push(by_other);
    assert_eq!(key.status(), KeyStatus::Usable { expires: None });

    let own = config(&key.secret, SignatureType::KeyRevocation, MADE, vec![])
        .sign_key(&key.secret, &Password::empty(), key.public())
        .unwrap();
    key.revocations.push(own);
    assert_eq!(key.status(), KeyStatus::Revoked);
    let message = text_by(&key.secret, vec![]);
    assert_eq!(key.verify(&message), Err(Refusal::Revoked(key.fingerprint())));
}

#[test]
fn a_self_signature_by_somebody_else_is_none() {
    let other = ed25519(2).signing();
    let mut key = ed25519(1);
    key.user_signatures = other.user_signatures;
    assert_eq!(key.pin().unwrap_err(), PinError::NoSelfSignature);
}

#[test]
fn sha1_in_a_subkeys_binding_needs_the_allowance_too() {
    let subkey = subkey(2);
    let mut key = rsa(1).certified(MADE, vec![flags(false)]);
    let answer = key.answer(&subkey);
    key = key.with_subkey(&subkey, Some(answer.clone()));
    let mut weak = config(&key.secret, SignatureType::SubkeyBinding, MADE, vec![flags(true)]);
    weak.hash_alg = HashAlgorithm::Sha1;
    let embedded = SubpacketData::EmbeddedSignature(Box::new(answer));
    weak.hashed_subpackets.push(Subpacket::regular(embedded).unwrap());
    let weak =
        weak.sign_subkey_binding(&key.secret, key.public(), &Password::empty(), subkey.public_key()).unwrap();
    key.subkeys[0].signatures = vec![weak];
    assert_eq!(key.pin().unwrap_err(), PinError::Sha1);
    let allow = Allowances { sha1: true, short: false };
    let trusted = [key.pin_allowing(allow).unwrap()].into_iter().collect();
    verify(&text_by(&subkey, vec![]), &trusted).unwrap();
}

#[test]
fn the_sha1_allowance_is_for_one_key_only() {
    let (allowed, other) = (rsa(1).signing(), rsa(2).signing());
    let trusted: TrustedKeys =
        [allowed.pin_allowing(Allowances { sha1: true, short: false }).unwrap(), other.pin().unwrap()]
            .into_iter()
            .collect();
    let weak = |key: &Maker| changed(&key.secret, |config| config.hash_alg = HashAlgorithm::Sha1);
    verify(&weak(&allowed), &trusted).unwrap();
    assert_eq!(verify(&weak(&other), &trusted), Err(Refusal::Sha1NotAllowed(other.fingerprint())));
}

#[test]
fn a_version_3_signature_is_refused() {
    let key = ed25519(1).signing();
    let three = Signature::v3(
        pgp::packet::PacketHeader::new_fixed(Tag::Signature, 0),
        SignatureType::Text,
        key.secret.algorithm(),
        HashAlgorithm::Sha256,
        PacketTime::from_secs(NOW),
        key.secret.legacy_key_id(),
        [0, 0],
        pgp::types::SignatureBytes::Mpis(vec![pgp::types::Mpi::from_slice(&[1; 32]); 2]),
    );
    let config = three.config().unwrap().clone();
    let made = Signature::from_config(config, [0, 0], three.signature().unwrap().clone()).unwrap();
    assert_eq!(key.verify(&cleartext(made)), Err(Refusal::SignatureVersion));
}

#[test]
fn a_key_is_replaced_by_another_pin_of_the_same_fingerprint() {
    let key = ed25519(1).signing();
    let mut trusted = TrustedKeys::new();
    assert!(trusted.is_empty());
    assert!(trusted.insert(key.pin().unwrap()).is_none());
    let allow = Allowances { sha1: true, short: false };
    assert!(trusted.insert(key.pin_allowing(allow).unwrap()).is_some());
    assert_eq!(trusted.len(), 1);
    assert_eq!(trusted.get(&key.fingerprint()).unwrap().allowances(), allow);
}
