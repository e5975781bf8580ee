//! What an event commits to: one salted hash, the *entry*.
//!
//! An entry covers the event's id, format version, instance, times and body, and, through a hash
//! of its own, the personal part. The personal part can be blanked later: whoever keeps its hash
//! can still recompute the entry, and because each part is salted, nobody can guess what was
//! blanked by trying likely values.

use sha2::{Digest, Sha256};

/// How many random bytes a salt has: nobody finds what it covers by trying.
pub const SALT_LENGTH: usize = 16;

/// The version of [`Event::canonical`] and of what [`Event::entry`] covers.
pub const FORMAT_VERSION: u32 = 1;

/// The hash that stands for a personal part, kept when the part itself is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PersonalHash(pub [u8; 32]);

impl PersonalHash {
    /// Hashes `salt ‖ personal`; `personal` is the canonical JSON text as it is stored.
    pub fn of(salt: &[u8; SALT_LENGTH], personal: &str) -> Self {
        Self(Sha256::new().chain_update(salt).chain_update(personal).finalize().into())
    }
}

/// The hash that an event commits to; the leaf of the log's tree is made from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry(pub [u8; 32]);

/// The parts of an event that its entry covers, as they are stored.
///
/// `id` and `instance` are UUIDs in lower case; times are RFC 3339 in UTC with six fraction
/// digits; `body` is a canonical JSON object: keys sorted, no white space (RFC 8785 for the
/// objects, strings and integers that occur). None but the body may hold a character that JSON
/// escapes.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// The event's id.
    pub id: &'a str,
    /// [`FORMAT_VERSION`] of the program that wrote it.
    pub format_version: u32,
    /// The run of the program that wrote it.
    pub instance: &'a str,
    /// When it happened, by the clock of whoever reports it.
    pub occurred_at: &'a str,
    /// When it was written; never before its predecessor.
    pub recorded_at: &'a str,
    /// What happened, without personal data.
    pub body: &'a str,
}

impl Event<'_> {
    /// Writes the covered parts as one canonical JSON object, keys in the order of the alphabet.
    pub fn canonical(&self) -> String {
        let Self { id, format_version, instance, occurred_at, recorded_at, body } = self;
        format!(
            r#"{{"body":{body},"format_version":{format_version},"id":"{id}","instance":"{instance}","occurred_at":"{occurred_at}","recorded_at":"{recorded_at}"}}"#
        )
    }

    /// Computes SHA-256(`salt` ‖ `personal` ‖ [`Event::canonical`]).
    ///
    /// It proves nothing alone: who can change the event can compute a new entry. A tree over the
    /// entries, whose head is kept elsewhere, binds them.
    pub fn entry(&self, salt: &[u8; SALT_LENGTH], personal: PersonalHash) -> Entry {
        let hash = Sha256::new().chain_update(salt).chain_update(personal.0).chain_update(self.canonical());
        Entry(hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EVENT: Event<'_> = Event {
        id: "0193507a-0000-7000-8000-000000000001",
        format_version: 1,
        instance: "0193507a-0000-7000-8000-000000000002",
        occurred_at: "2026-11-21T20:30:00.000000Z",
        recorded_at: "2026-11-21T20:30:00.000001Z",
        body: r#"{"kind":"started"}"#,
    };

    /// The expected value was computed by Python's hashlib from the definition above.
    #[test]
    fn the_entry_of_format_1_never_changes() {
        let personal = PersonalHash::of(&[7; 16], r#"{"address":"192.0.2.1"}"#);
        assert_eq!(EVENT.entry(&[9; 16], personal).0, GOLDEN);
    }

    const GOLDEN: [u8; 32] = [
        0xa7, 0xe5, 0xf7, 0x0c, 0xfb, 0x80, 0x6d, 0x02, 0xd5, 0x1f, 0xb1, 0x79, 0x77, 0xac, 0xd3, 0xb6, 0xa9,
        0xdf, 0x9b, 0xd5, 0xd5, 0xc0, 0x3a, 0x3c, 0x36, 0xbc, 0x57, 0xbf, 0x48, 0x3c, 0x93, 0x62,
    ];

    #[test]
    fn an_erased_personal_part_leaves_the_entry_provable_by_its_hash() {
        let kept = PersonalHash::of(&[1; 16], r#"{"mail":"a@example.org"}"#);
        let before = EVENT.entry(&[2; 16], kept);
        assert_eq!(EVENT.entry(&[2; 16], PersonalHash(kept.0)), before);
    }

    proptest! {
        #[test]
        fn any_change_to_what_is_covered_changes_the_entry(
            salt: [u8; 16], other: [u8; 16], personal_salt: [u8; 16], text in "[a-z]{0,9}", changed in "[a-z]{0,9}",
        ) {
            let personal = PersonalHash::of(&personal_salt, &text);
            let entry = EVENT.entry(&salt, personal);
            prop_assert_eq!(salt == other, EVENT.entry(&other, personal) == entry);
            let hash = PersonalHash::of(&personal_salt, &changed);
            prop_assert_eq!(text == changed, EVENT.entry(&salt, hash) == entry);
            let body = format!(r#"{{"kind":"{changed}"}}"#);
            let other_body = Event { body: &body, ..EVENT }.entry(&salt, personal);
            prop_assert_eq!(changed == "started", other_body == entry);
        }
    }
}
