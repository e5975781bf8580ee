//! Whatever is done to a token, it never verifies with other contents, and nothing panics.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod spelling;

use std::sync::LazyLock;

use jiff::Timestamp;
use openpgp::{Algorithm, Allowances, Certificate, SigningKey, TrustedKey, TrustedKeys};
use proptest::prelude::*;
use signed_token::{TokenIdentity, cut_out, verify};

const NOW: Timestamp = Timestamp::constant(1_767_229_200, 0);

const TOKEN: &str = r#"{"valid_until": "2026-01-02T00:00:00Z", "cn": "Jo - Doe", "memberof": "/epos/alparray;/epos;/", "issued": "2026-01-01T00:00:00Z", "mail": "jo.doe@example.org"}"#;

struct Good {
    issuers: TrustedKeys,
    form_a: String,
    form_b: String,
    identity: TokenIdentity,
}

static GOOD: LazyLock<Good> = LazyLock::new(|| {
    let key = SigningKey::generate("issuer", Algorithm::Ed25519, NOW, [1; 32]).unwrap();
    let certificate = Certificate::parse(key.public_armored().unwrap().as_bytes()).unwrap();
    let pinned = TrustedKey::pin(certificate, &key.fingerprint(), Allowances::default());
    let issuers = [pinned.unwrap()].into_iter().collect();
    let form_a = key.sign_cleartext(TOKEN, NOW).unwrap();
    let signature = spelling::signature_packet(&form_a);
    let fingerprint = key.fingerprint();
    let packets = [
        spelling::one_pass(&signature, fingerprint.as_bytes(), 1),
        spelling::literal(b'b', spelling::text(&form_a).as_bytes()),
        signature,
    ];
    let form_b = spelling::armored(&spelling::stored(&packets.concat()));
    let identity = verify(form_a.as_bytes(), &issuers, NOW).unwrap().identity();
    Good { issuers, form_a, form_b, identity }
});

#[test]
fn both_forms_are_one_token() {
    let good = &*GOOD;
    let moved = verify(good.form_b.as_bytes(), &good.issuers, NOW).unwrap();
    assert_eq!(moved.identity(), good.identity);
}

/// Form B with its announcement changed.
fn announced_otherwise(change: impl FnOnce(&mut [u8])) -> String {
    let signature = spelling::signature_packet(&GOOD.form_a);
    let issuer = GOOD.issuers.iter().next().unwrap().fingerprint();
    let mut announcement = spelling::one_pass(&signature, issuer.as_bytes(), 1);
    change(&mut announcement);
    let text = spelling::literal(b'b', TOKEN.as_bytes());
    spelling::armored(&[announcement, text, signature].concat())
}

#[test]
fn a_signature_other_than_the_announced_one_is_refused() {
    let verdict = |message: String| verify(message.as_bytes(), &GOOD.issuers, NOW);
    verdict(announced_otherwise(|_| ())).unwrap();
    // After the packet's header of six bytes: version, type, hash, algorithm, key id
    // (a hint; the signature names its issuer itself), "last".
    for at in [7, 8, 9] {
        let changed = announced_otherwise(|announcement| announcement[at] ^= 1);
        assert_eq!(verdict(changed).unwrap_err().reason(), "malformed", "byte {at}");
    }
    let more_to_follow = announced_otherwise(|announcement| announcement[18] = 0);
    assert_eq!(verdict(more_to_follow).unwrap_err().reason(), "malformed");
}

/// One change to a message.
#[derive(Debug, Clone)]
enum Change {
    Replace(prop::sample::Index, u8),
    Flip(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    Cut(prop::sample::Index),
    /// A line stands twice.
    Repeat(prop::sample::Index),
    /// Two lines change places.
    Swap(prop::sample::Index, prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Replace(at, byte)),
        (at(), 0_u8..8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        (at(), prop_oneof![any::<u8>(), Just(b'\r'), Just(b' '), Just(b'\n')])
            .prop_map(|(at, byte)| Change::Insert(at, byte)),
        at().prop_map(Change::Remove),
        at().prop_map(Change::Cut),
        at().prop_map(Change::Repeat),
        (at(), at()).prop_map(|(a, b)| Change::Swap(a, b)),
    ]
}

impl Change {
    fn apply(&self, message: &mut Vec<u8>) {
        if message.is_empty() {
            return;
        }
        let length = message.len();
        let mut lines: Vec<Vec<u8>> = message.split_inclusive(|b| *b == b'\n').map(Vec::from).collect();
        match self {
            Self::Replace(at, byte) => message[at.index(length)] = *byte,
            Self::Flip(at, bit) => message[at.index(length)] ^= 1 << bit,
            Self::Insert(at, byte) => message.insert(at.index(length), *byte),
            Self::Remove(at) => drop(message.remove(at.index(length))),
            Self::Cut(at) => message.truncate(at.index(length)),
            Self::Repeat(at) => {
                let at = at.index(lines.len());
                lines.insert(at, lines[at].clone());
                *message = lines.concat();
            }
            Self::Swap(a, b) => {
                let (a, b) = (a.index(lines.len()), b.index(lines.len()));
                lines.swap(a, b);
                *message = lines.concat();
            }
        }
    }
}

fn check(message: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(token) = verify(message, &GOOD.issuers, NOW) {
        prop_assert_eq!(token.identity(), GOOD.identity);
        prop_assert_eq!(token.mail().as_str(), "jo.doe@example.org");
        prop_assert_eq!(token.groups().len(), 1);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        prop_assert!(cut_out(&bytes).is_err());
        prop_assert!(verify(&bytes, &GOOD.issuers, NOW).is_err());
    }

    #[test]
    fn arbitrary_packets_never_verify(bytes in prop::collection::vec(any::<u8>(), 0..1_000)) {
        let message = spelling::armored(&bytes);
        prop_assert!(verify(message.as_bytes(), &GOOD.issuers, NOW).is_err());
    }

    #[test]
    fn a_changed_form_a_never_says_something_else(changes in prop::collection::vec(change(), 1..4)) {
        let mut message = GOOD.form_a.clone().into_bytes();
        for change in &changes { change.apply(&mut message); }
        check(&message)?;
    }

    #[test]
    fn a_changed_form_b_never_says_something_else(changes in prop::collection::vec(change(), 1..4)) {
        let mut message = GOOD.form_b.clone().into_bytes();
        for change in &changes { change.apply(&mut message); }
        check(&message)?;
    }

    #[test]
    fn changed_packets_never_say_something_else(changes in prop::collection::vec(change(), 1..4)) {
        let mut packets = spelling::dearmored(&GOOD.form_b);
        for change in &changes { change.apply(&mut packets); }
        check(spelling::armored(&packets).as_bytes())?;
    }
}
