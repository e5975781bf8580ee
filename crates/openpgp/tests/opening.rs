//! What opens, and what is said of everything that does not: keys and messages from their parts.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

use std::io::{self, Read, Write};

use jiff::Timestamp;
use openpgp::{
    AeadMode, Certificate, Cipher, Flaw, NamedKey, OpenError, Opened, OpeningKey, OpeningKeyError,
    Protection, Recipient, SealOptions, open_to, seal_to, seal_with_passphrase,
};
use pgp::{
    composed::{
        ArmorOptions, EncryptionCaps, KeyType, RawSessionKey, SecretKeyParamsBuilder, SignedSecretKey,
        SubkeyParamsBuilder,
    },
    crypto::{aead::AeadAlgorithm, ecc_curve::ECCCurve, sym::SymmetricKeyAlgorithm},
    packet::{PacketTrait, PublicKeyEncryptedSessionKey, SymEncryptedProtectedData},
    ser::Serialize,
    types::{CompressionAlgorithm, KeyDetails, Password},
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

const MADE: u32 = 1_767_225_600;
/// Behind the moment at which the library dates what a key says of itself.
const NOW: Timestamp = Timestamp::constant(2_000_000_000, 0);

fn random(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

fn key(seed: u8, aead: Option<AeadAlgorithm>) -> SignedSecretKey {
    let made = pgp::types::Timestamp::from_secs(MADE);
    let subkey = SubkeyParamsBuilder::default()
        .key_type(KeyType::ECDH(ECCCurve::Curve25519Legacy))
        .created_at(made)
        .can_encrypt(EncryptionCaps::All)
        .build()
        .unwrap();
    let mut key = SecretKeyParamsBuilder::default();
    key.key_type(KeyType::Ed25519Legacy)
        .can_certify(true)
        .can_sign(true)
        .created_at(made)
        .primary_user_id("test".into())
        .subkey(subkey);
    if let Some(mode) = aead {
        let suites = vec![(SymmetricKeyAlgorithm::AES256, mode)];
        key.feature_seipd_v2(true).preferred_aead_algorithms(suites.into());
    }
    key.build().unwrap().generate(random(seed)).unwrap()
}

fn opening(key: &SignedSecretKey) -> OpeningKey {
    OpeningKey::parse(&key.to_bytes().unwrap(), None).unwrap()
}

fn recipient(key: &SignedSecretKey) -> Recipient {
    let public = key.to_public_key().to_armored_string(ArmorOptions::default()).unwrap();
    let certificate = Certificate::parse(public.as_bytes()).unwrap();
    let fingerprint = certificate.fingerprint();
    Recipient::pin(certificate, &fingerprint).unwrap()
}

fn sealed(content: &[u8], keys: &[&SignedSecretKey], armor: bool) -> Vec<u8> {
    let recipients: Vec<_> = keys.iter().map(|key| recipient(key)).collect();
    let options = SealOptions { armor, file_name: Some("name".into()) };
    let mut message = Vec::new();
    seal_to(content, &mut message, &recipients, NOW, [4; 32], &options).unwrap();
    message
}

fn opened(message: &[u8], key: &OpeningKey) -> Result<(Vec<u8>, Opened), OpenError> {
    let mut output = Vec::new();
    open_to(message, &mut output, key, 1 << 30).map(|report| (output, report))
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 % 251).to_be_bytes()[7]).collect()
}

const FORMS: [Option<AeadAlgorithm>; 3] = [None, Some(AeadAlgorithm::Gcm), Some(AeadAlgorithm::Ocb)];

#[test]
fn what_was_sealed_opens_in_every_form_and_length() {
    for aead in FORMS {
        let key = key(1, aead);
        let opener = opening(&key);
        for length in [0, 1, 200, 8_000, 65_536, 131_000, 131_072, 1_000_000] {
            for armor in [false, true] {
                let content = content(length);
                let message = sealed(&content, &[&key], armor);
                let (output, report) = opened(&message, &opener).unwrap();
                assert!(output == content, "{aead:?}, {length} bytes");
                let protection = aead.map_or(Protection::Mdc, |mode| Protection::Aead {
                    cipher: Cipher::Aes256,
                    mode: if mode == AeadAlgorithm::Gcm { AeadMode::Gcm } else { AeadMode::Ocb },
                });
                let expected = Opened {
                    key: opener.fingerprints()[0],
                    protection,
                    sealed_bytes: message.len() as u64,
                    plaintext_bytes: length as u64,
                };
                assert_eq!(report, expected);
            }
        }
    }
}

#[test]
fn each_recipient_opens_and_nobody_else_is_told_who_could() {
    let (one, two, other) = (key(1, None), key(2, None), key(3, None));
    let message = sealed(b"secret", &[&one, &two], false);
    for key in [&one, &two] {
        assert_eq!(opened(&message, &opening(key)).unwrap().0, b"secret");
    }
    let id = |key: &SignedSecretKey| {
        NamedKey::KeyId(key.secret_subkeys[0].legacy_key_id().as_ref().try_into().unwrap())
    };
    let mut output = Vec::new();
    let refusal = open_to(&message[..], &mut output, &opening(&other), 100).unwrap_err();
    let OpenError::WrongKey { needs } = &refusal else { panic!("{refusal}") };
    assert_eq!(needs[..], [id(&one), id(&two)]);
    assert!(refusal.to_string().ends_with(&format!("it needs {} or {}", id(&one), id(&two))));
    assert!(output.is_empty());
}

#[test]
fn a_message_for_a_passphrase_says_so() {
    let mut message = Vec::new();
    seal_with_passphrase(&b"x"[..], &mut message, "long", [3; 32], &SealOptions::default()).unwrap();
    assert!(matches!(opened(&message, &opening(&key(1, None))), Err(OpenError::NeedsPassphrase)));
}

/// Where the encrypted packet of a short message begins.
fn content_at(message: &[u8]) -> usize {
    message.iter().position(|byte| *byte == 0xd2).unwrap()
}

#[test]
fn with_any_byte_changed_nothing_else_is_taken_for_what_was_sealed() {
    for aead in FORMS {
        let key = key(1, aead);
        let opener = opening(&key);
        let message = sealed(b"secret", &[&key], false);
        for at in 0..message.len() {
            for bit in 0..8 {
                let mut changed = message.clone();
                changed[at] ^= 1 << bit;
                let result = opened(&changed, &opener);
                // In the session key a length may be off by a bit and mean the same.
                if let Ok((output, _)) = &result {
                    assert!(
                        at < content_at(&message) && output == b"secret",
                        "{aead:?}: byte {at}, bit {bit}"
                    );
                }
                if at > content_at(&message) + 42 {
                    assert!(matches!(result, Err(OpenError::Damaged)), "{aead:?}: {at}: {result:?}");
                }
            }
        }
    }
}

#[test]
fn a_message_cut_anywhere_is_cut_off_there() {
    for aead in FORMS {
        let key = key(1, aead);
        let opener = opening(&key);
        for (length, step) in [(6, 1), (200_000, 1_009)] {
            let message = sealed(&content(length), &[&key], false);
            for cut in (1..message.len()).step_by(step) {
                let error = opened(&message[..cut], &opener).unwrap_err();
                let expected = matches!(error, OpenError::Flaw(Flaw::CutOff { at }) if at == cut as u64);
                assert!(expected, "{aead:?}: {cut}: {error}");
            }
        }
    }
}

#[test]
fn what_follows_the_message_is_noticed() {
    let key = key(1, None);
    let message = [sealed(b"secret", &[&key], false), vec![0]].concat();
    assert!(matches!(opened(&message, &opening(&key)), Err(OpenError::Flaw(Flaw::Trailing { .. }))));
}

// ---- messages with other things inside ----------------------------------------------------------

/// `inside` as it is, encrypted as GnuPG does.
fn sealed_around(inside: &[u8], key: &SignedSecretKey) -> Vec<u8> {
    let cipher = SymmetricKeyAlgorithm::AES256;
    let session_key = RawSessionKey::from(vec![8; 32]);
    let subkey = key.secret_subkeys[0].public_key();
    let opener =
        PublicKeyEncryptedSessionKey::from_session_key_v3(random(5), &session_key, cipher, &subkey).unwrap();
    let content =
        SymEncryptedProtectedData::encrypt_seipdv1(random(6), cipher, session_key.as_ref(), inside).unwrap();
    let mut message = Vec::new();
    opener.to_writer_with_header(&mut message).unwrap();
    content.to_writer_with_header(&mut message).unwrap();
    message
}

/// Of old form, without a length: what GnuPG writes compressed content in.
fn compressed(algorithm: CompressionAlgorithm, inside: &[u8]) -> Vec<u8> {
    let deflated = match algorithm {
        CompressionAlgorithm::ZIP => deflate(flate2::write::DeflateEncoder::new, inside),
        CompressionAlgorithm::ZLIB => deflate(flate2::write::ZlibEncoder::new, inside),
        _ => inside.to_vec(),
    };
    [&[0xa3, algorithm.into()], &deflated[..]].concat()
}

fn deflate<W: Write + Finish>(make: fn(Vec<u8>, flate2::Compression) -> W, inside: &[u8]) -> Vec<u8> {
    let mut encoder = make(Vec::new(), flate2::Compression::fast());
    encoder.write_all(inside).unwrap();
    encoder.done()
}

trait Finish {
    fn done(self) -> Vec<u8>;
}

impl Finish for flate2::write::DeflateEncoder<Vec<u8>> {
    fn done(self) -> Vec<u8> {
        self.finish().unwrap()
    }
}

impl Finish for flate2::write::ZlibEncoder<Vec<u8>> {
    fn done(self) -> Vec<u8> {
        self.finish().unwrap()
    }
}

fn literal(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 6).unwrap();
    [&[0xcb, 255], &length.to_be_bytes()[..], b"b\0\0\0\0\0", content].concat()
}

#[test]
fn compressed_content_opens() {
    let key = key(1, None);
    let opener = opening(&key);
    let content = content(300_000);
    for algorithm in
        [CompressionAlgorithm::ZIP, CompressionAlgorithm::ZLIB, CompressionAlgorithm::Uncompressed]
    {
        let message = sealed_around(&compressed(algorithm, &literal(&content)), &key);
        assert!(opened(&message, &opener).unwrap().0 == content, "{algorithm:?}");
    }
    let padded = [compressed(CompressionAlgorithm::ZIP, &literal(b"x")), vec![1; 100]].concat();
    assert_eq!(opened(&sealed_around(&padded, &key), &opener).unwrap().0, b"x");
    let bzip2 = sealed_around(&compressed(CompressionAlgorithm::BZip2, b"BZh9"), &key);
    assert!(matches!(opened(&bzip2, &opener), Err(OpenError::Unsupported(_))));
}

#[test]
fn a_bomb_is_stopped_at_the_bound() {
    let key = key(1, None);
    let bomb = compressed(CompressionAlgorithm::ZIP, &literal(&vec![0; 50_000_000]));
    let message = sealed_around(&bomb, &key);
    assert!(message.len() < 500_000);
    let mut output = Vec::new();
    let error = open_to(&message[..], &mut output, &opening(&key), 1_000_000).unwrap_err();
    assert!(matches!(error, OpenError::TooLong(1_000_000)));
    assert!(output.len() <= 1_000_000);
    assert!(open_to(&message[..], io::sink(), &opening(&key), 50_000_000).is_ok());
}

#[test]
fn what_is_no_message_inside_was_sealed_broken() {
    let key = key(1, None);
    let opener = opening(&key);
    let twice = literal(b"x").repeat(2);
    let nested = (0..4).fold(literal(b"x"), |inside, _| compressed(CompressionAlgorithm::ZIP, &inside));
    let cut = compressed(CompressionAlgorithm::ZLIB, &literal(b"x"));
    let cases: [&[u8]; 7] = [
        b"",
        b"text",
        &twice,
        &nested,
        &cut[..cut.len() - 1],
        &literal(b"x")[..8],
        &[&literal(b"x")[..], b"\xc6\0"].concat(),
    ];
    for inside in cases {
        let error = opened(&sealed_around(inside, &key), &opener).unwrap_err();
        assert!(matches!(error, OpenError::Content(_)), "{inside:?}: {error}");
    }
}

#[test]
fn what_was_changed_on_the_way_is_not_blamed_on_whoever_sealed_it() {
    let key = key(1, None);
    for inside in
        [b"text".to_vec(), vec![b'x'; 100_000], compressed(CompressionAlgorithm::BZip2, &vec![0; 99_999])]
    {
        let mut message = sealed_around(&inside, &key);
        *message.last_mut().unwrap() ^= 1;
        assert!(matches!(opened(&message, &opening(&key)), Err(OpenError::Damaged)));
    }
}

#[test]
fn a_hidden_session_key_of_others_is_not_called_damaged() {
    let mut message = sealed(b"secret", &[&key(1, None)], false);
    // Behind the packet's type, length and version stands the key's id.
    message[3..11].fill(0);
    assert_eq!(opened(&message, &opening(&key(1, None))).unwrap().0, b"secret");
    let refusal = opened(&message, &opening(&key(2, None))).unwrap_err();
    assert!(matches!(refusal, OpenError::WrongKey { needs } if needs == [NamedKey::Hidden]));
}

#[test]
fn the_error_says_which_side_broke() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("a bad disk"))
        }
    }
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("full"))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for aead in FORMS {
        let key = key(1, aead);
        let opener = opening(&key);
        let message = sealed(&content(100_000), &[&key], false);
        for length in [0, 1, 300, 90_000, message.len()] {
            let error = open_to(message[..length].chain(Broken), io::sink(), &opener, 1 << 20).unwrap_err();
            assert!(matches!(error, OpenError::Flaw(Flaw::Input(_))), "{length}: {error}");
        }
        let error = open_to(&message[..], Broken, &opener, 1 << 20).unwrap_err();
        assert!(matches!(error, OpenError::Output(_)), "{error}");
    }
}

// ---- keys ---------------------------------------------------------------------------------------

#[test]
fn a_locked_key_opens_with_its_passphrase_only() {
    let mut key = key(1, None);
    let message = sealed(b"secret", &[&key], false);
    let passphrase = Password::from("grün");
    key.primary_key.set_password(random(7), &passphrase).unwrap();
    key.secret_subkeys[0].key.set_password(random(7), &passphrase).unwrap();
    let binary = key.to_bytes().unwrap();
    let armored = key.to_armored_bytes(ArmorOptions::default()).unwrap();
    for file in [&binary, &armored] {
        let opener = OpeningKey::parse(file, Some("grün")).unwrap();
        assert_eq!(opened(&message, &opener).unwrap().0, b"secret");
        assert_eq!(OpeningKey::parse(file, None).unwrap_err(), OpeningKeyError::Locked);
        assert_eq!(OpeningKey::parse(file, Some("x")).unwrap_err(), OpeningKeyError::WrongPassphrase);
    }
}

#[test]
fn the_wrong_file_is_named_for_what_it_is() {
    let key = key(1, None);
    let public = key.to_public_key();
    let refused = |file: &[u8]| OpeningKey::parse(file, None).unwrap_err();
    assert_eq!(refused(&public.to_bytes().unwrap()), OpeningKeyError::PublicKey);
    let armored = public.to_armored_bytes(ArmorOptions::default()).unwrap();
    assert_eq!(refused(&armored), OpeningKeyError::PublicKey);
    for other in [b"".as_slice(), b"hello", b"\xff\xfe", &sealed(b"x", &[&key], false)] {
        assert!(matches!(refused(other), OpeningKeyError::NotAKey(_)), "{other:?}");
    }
    let mut signing = key.clone();
    signing.secret_subkeys.clear();
    assert_eq!(refused(&signing.to_bytes().unwrap()), OpeningKeyError::CannotOpen);
}

#[test]
fn a_damaged_key_file_is_refused_or_opens_nothing_else() {
    let key = key(1, None);
    let message = sealed(b"secret", &[&key], false);
    let file = key.to_bytes().unwrap();
    let mut refused = 0;
    for at in 0..file.len() {
        let mut changed = file.clone();
        changed[at] ^= 4;
        for damaged in [&changed[..], &file[..at]] {
            match OpeningKey::parse(damaged, None).map(|opener| opened(&message, &opener)) {
                Ok(Ok((output, _))) => assert_eq!(output, b"secret"),
                Ok(Err(_)) | Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > file.len(), "{refused} of {}", 2 * file.len());
}

#[test]
fn a_key_shows_no_secret_when_it_is_printed() {
    let opener = opening(&key(1, None));
    assert_eq!(format!("{opener:?}"), format!("OpeningKey([{}])", opener.fingerprints()[0]));
}
