//! What is signed beside a backup: read as it was written, by whoever knows the key, and by nobody else.
#![allow(clippy::unwrap_used, reason = "what a test sets up itself is known to work")]

use std::collections::BTreeMap;

use backup_manifest::{
    Compression, Drill, Dump, DumpFormat, Manifest, ManifestError, Measure, OpenError, Outcome, Part,
    RecipientKey, Signer, VerifierKey,
};
use proptest::prelude::*;

/// A throw-away key: these 32 bytes are public, and nothing but tests is signed with them.
const THROW_AWAY: [u8; 32] = [7; 32];

/// Signed by the PyPI package `cryptography`, over what Python's `json.dumps(..., indent=2)` writes.
const MANIFEST: &str = include_str!("golden/manifest.txt");
const DRILL: &str = include_str!("golden/drill.txt");

fn signer() -> Signer {
    Signer::from_seed("gateward-backup", &THROW_AWAY).unwrap()
}

fn known() -> Vec<VerifierKey> {
    vec!["gateward-backup+a2834fde+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs".parse().unwrap()]
}

fn manifest() -> Manifest {
    Manifest {
        backup: "backup_db_ckan_default_2026-11-22_00-02-00_dcor-control.pgc.gpg".into(),
        job: "ckan".into(),
        host: "dcor.example".into(),
        made_by: "gateward 0.1.0".into(),
        started_at: "2026-11-22T00:02:00Z".parse().unwrap(),
        finished_at: "2026-11-22T00:02:09.5Z".parse().unwrap(),
        file: Measure { bytes: 4711, sha256: "0f".repeat(32) },
        stream: Measure { bytes: 4242, sha256: "a5".repeat(32) },
        compression: Compression::None,
        protection: "AES-256 in CFB with a checksum (SEIPDv1)".into(),
        recipients: vec![RecipientKey { fingerprint: "ab".repeat(20), opens_with: "cd".repeat(20) }],
        parts: vec![
            Part::Database(Dump {
                database: "ckan_default".into(),
                entry: None,
                format: DumpFormat::Custom,
                server_version: "15.14 (Debian 15.14-0+deb12u1)".into(),
                program_version: "pg_dump (PostgreSQL) 15.14".into(),
                rows: BTreeMap::from([("public.\"a\tb\u{1b}\"".into(), u64::MAX), ("public.user".into(), 3)]),
                not_counted: vec!["public.activity".into()],
            }),
            Part::Command { program: "— x\n\n— y".into() },
        ],
    }
}

fn drill() -> Drill {
    Drill {
        backup: manifest().backup,
        at: "2026-11-23T10:00:00Z".parse().unwrap(),
        host: "laptop.example".into(),
        made_by: "gateward 0.1.0".into(),
        who: "os:paul".into(),
        opened_with: "cd".repeat(20),
        outcome: Outcome::Differs(vec!["public.user has 2 rows, not 3".into()]),
        rows_compared: 2,
        duration_ms: 8_250,
    }
}

#[test]
fn a_manifest_of_version_1_is_written_and_read_as_it_stands() {
    assert_eq!(manifest().sign(&signer()).unwrap(), MANIFEST);
    assert_eq!(Manifest::read(MANIFEST.as_bytes(), &known()).unwrap(), manifest());
    assert!(MANIFEST.starts_with("{\n  \"format\": \"gateward backup manifest 1\",\n  \"backup\": "));
}

#[test]
fn a_drill_of_version_1_is_written_and_read_as_it_stands() {
    assert_eq!(drill().sign(&signer()).unwrap(), DRILL);
    assert_eq!(Drill::read(DRILL.as_bytes(), &known()).unwrap(), drill());

    let good = Drill { outcome: Outcome::Good, ..drill() };
    let note = good.sign(&signer()).unwrap();
    assert!(note.contains("\n  \"outcome\": \"good\",\n"), "{note}");
    assert_eq!(Drill::read(note.as_bytes(), &known()).unwrap(), good);
}

#[test]
fn a_drill_is_no_manifest_and_a_manifest_no_drill() {
    let refused = Manifest::read(DRILL.as_bytes(), &known()).unwrap_err().to_string();
    assert_eq!(refused, "it says that it is \"gateward backup drill 1\", not \"gateward backup manifest 1\"");
    assert!(matches!(Drill::read(MANIFEST.as_bytes(), &known()), Err(ManifestError::Format { .. })));
    let other = signer().sign("{}\n").unwrap();
    assert!(matches!(
        Manifest::read(other.as_bytes(), &known()),
        Err(ManifestError::Format { found, .. }) if found.is_empty()
    ));
}

#[test]
fn a_strangers_manifest_is_refused_and_the_stranger_named() {
    let stranger = Signer::from_seed("gateward-backup", &[8; 32]).unwrap();
    let note = manifest().sign(&stranger).unwrap();
    let refused = Manifest::read(note.as_bytes(), &known()).unwrap_err();
    assert!(
        matches!(&refused, ManifestError::Note(OpenError::Unknown(by)) if by == &[stranger.verifier_key().id().clone()]),
        "{refused}"
    );
}

#[test]
fn a_manifest_without_a_signature_is_refused() {
    let text = MANIFEST.split_once("\n\n— ").unwrap().0.to_owned() + "\n";
    assert!(matches!(
        Manifest::read(text.as_bytes(), &known()),
        Err(ManifestError::Note(OpenError::NotANote(_)))
    ));
}

#[test]
fn signed_nonsense_is_refused() {
    let text = MANIFEST.rsplit_once("\n\n— ").unwrap().0.to_owned() + "\n";
    assert!(Manifest::read(signer().sign(&text).unwrap().as_bytes(), &known()).is_ok());
    for (from, to) in [
        ("\"bytes\": 4711", "\"bytes\": -1"),
        ("\"bytes\": 4711", "\"bytes\": 1, \"bytes\": 4711"),
        ("0f0f", "0F0F"),
        ("0f0f", "0f"),
        ("abab", "xyxy"),
        ("abab", "ab"),
        ("\"backup\": \"", "\"backup\": \"../"),
        ("\"finished_at\"", "\"ended_at\""),
        ("\n}\n", "\n}}\n"),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text, "{from}");
        let refused = Manifest::read(signer().sign(&changed).unwrap().as_bytes(), &known());
        assert!(matches!(refused, Err(ManifestError::Content(_))), "{to}: {refused:?}");
    }
    let silent = Drill { outcome: Outcome::Differs(vec![]), ..drill() }.sign(&signer()).unwrap();
    assert!(matches!(Drill::read(silent.as_bytes(), &known()), Err(ManifestError::Content(_))));
}

#[test]
fn a_manifest_that_nobody_could_read_back_is_not_written() {
    let mut endless = manifest();
    endless.parts = vec![Part::Command { program: "a".repeat(backup_manifest::MAX_BYTES) }];
    assert!(endless.sign(&signer()).is_err());
    let note = " ".repeat(backup_manifest::MAX_BYTES) + "\n";
    assert!(matches!(
        Manifest::read(note.as_bytes(), &known()),
        Err(ManifestError::Note(OpenError::TooLarge))
    ));
}

#[test]
fn no_byte_of_a_manifest_can_be_changed_or_lost() {
    let good = MANIFEST.as_bytes();
    for at in 0..good.len() {
        let mut bad = good.to_vec();
        bad[at] ^= 1;
        assert!(Manifest::read(&bad, &known()).is_err(), "byte {at} changed");
        bad.remove(at);
        assert!(Manifest::read(&bad, &known()).is_err(), "byte {at} lost");
        assert!(Manifest::read(&good[..at], &known()).is_err(), "cut at {at}");
    }
}

proptest! {
    #[test]
    fn any_other_byte_anywhere_is_refused(at in 0..MANIFEST.len(), byte: u8) {
        let mut bad = MANIFEST.as_bytes().to_vec();
        prop_assume!(bad[at] != byte);
        bad[at] = byte;
        prop_assert!(Manifest::read(&bad, &known()).is_err());
    }

    #[test]
    fn whatever_is_said_is_read_as_it_was(job: String, rows: BTreeMap<String, u64>, bytes: u64) {
        let mut manifest = manifest();
        manifest.job = job;
        manifest.parts = vec![Part::Sqlite { entry: "gateward/store.db".into(), bytes, rows }];
        let note = manifest.sign(&signer()).unwrap();
        prop_assert_eq!(Manifest::read(note.as_bytes(), &known()).unwrap(), manifest);
    }
}
