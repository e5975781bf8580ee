//! A log is verified as it is; whatever is changed in it is found, and named where it can be.
#![allow(clippy::unwrap_used, reason = "what a test sets up itself is known to work")]

mod shared;

use audit_log::{Checkpoint, Edge, ExportError, Fault, Hash, Verification, Verified, Wrong, verify_export};
use proptest::prelude::*;
use shared::{INSTANCE, ORIGIN, Stored, Tree, export, keys, rows};

/// Verifies without anything that was kept elsewhere.
fn alone(rows: &[Stored]) -> Result<Verified, Wrong> {
    against(rows, &[])
}

fn against(rows: &[Stored], checkpoints: &[Checkpoint]) -> Result<Verified, Wrong> {
    let mut verification = Verification::new();
    for checkpoint in checkpoints {
        verification.expect(checkpoint)?;
    }
    rows.iter().try_for_each(|row| verification.take(&row.row()))?;
    verification.finish()
}

/// Verifies beside the nodes of the tree that a store keeps: those over 256 events.
fn beside(rows: &[Stored], kept: &Tree, from_level: u8) -> Result<Verified, Wrong> {
    let mut verification = Verification::new();
    for row in rows {
        verification.take_beside(&row.row(), |node| {
            let stored = kept.nodes.get(&(node.level, node.index));
            node.level < from_level || stored.is_none_or(|stored| *stored == node.hash)
        })?;
    }
    verification.finish()
}

fn checkpoint(rows: &[Stored]) -> Checkpoint {
    Tree::over(rows).checkpoint()
}

fn one(position: u64, fault: Fault) -> Wrong {
    Wrong { first: position, last: position, id: Some(Stored::new(position).id), fault }
}

fn stretch(first: u64, last: u64, fault: Fault) -> Wrong {
    Wrong { first, last, id: None, fault }
}

#[test]
fn a_log_as_it_was_written_verifies() {
    let log = rows(300);
    let kept = [checkpoint(&log[..1]), checkpoint(&log[..256]), checkpoint(&log)];
    let verified = against(&log, &kept).unwrap();
    assert_eq!((verified.edge.size(), verified.confirmed), (300, Some(300)));
    assert_eq!(against(&log, &kept[..2]).unwrap().confirmed, Some(256));
    assert_eq!(alone(&log).unwrap().confirmed, None);
    assert_eq!(alone(&[]).unwrap().edge.root(), Hash::EMPTY);
    beside(&log, &Tree::over(&log), 0).unwrap();
}

/// What is changed, how, and what is found.
type Change = (&'static str, fn(&mut Stored), Fault);

#[test]
fn a_changed_byte_names_its_event() {
    let log = rows(20);
    let all: [Change; 7] = [
        ("body", |row| row.body.as_mut().unwrap().push(' '), Fault::Entry),
        ("id", |row| row.id.replace_range(0..1, "1"), Fault::Entry),
        ("salt", |row| row.salt.as_mut().unwrap()[3] ^= 1, Fault::Entry),
        ("entry", |row| row.entry.0[31] ^= 128, Fault::Entry),
        ("personal", |row| row.personal.as_mut().unwrap().push(' '), Fault::Personal),
        ("personal salt", |row| row.personal_salt.as_mut().unwrap()[0] ^= 1, Fault::Personal),
        ("personal hash", |row| row.personal_hash.0[0] ^= 1, Fault::Personal),
    ];
    for (what, change, fault) in all {
        let mut changed = log.clone();
        change(&mut changed[13]);
        let id = changed[13].id.clone();
        let wrong = Wrong { first: 13, last: 13, id: Some(id), fault };
        assert_eq!(alone(&changed).unwrap_err(), wrong, "{what}");
    }
    let text = alone(&{
        let mut changed = log;
        changed[13].entry.0[0] ^= 1;
        changed
    });
    let said = "event 13 (0193507a-0000-7000-8000-00000000000d): changed: its parts do not make its entry";
    assert_eq!(text.unwrap_err().to_string(), said);
}

#[test]
fn a_time_that_runs_back_names_its_event() {
    let mut log = rows(20);
    log[13].recorded_at = log[11].recorded_at.clone();
    log[13].enter();
    assert_eq!(alone(&log).unwrap_err(), one(13, Fault::TimeRunsBack));
}

#[test]
fn deleted_inserted_and_swapped_events_are_named() {
    let log = rows(20);
    let mut deleted = log.clone();
    deleted.drain(5..8);
    assert_eq!(alone(&deleted).unwrap_err(), stretch(5, 7, Fault::Missing));

    let mut inserted = log.clone();
    inserted.insert(5, Stored::new(4));
    let repeated = Wrong { first: 5, last: 5, ..one(4, Fault::OutOfPlace(4)) };
    assert_eq!(alone(&inserted).unwrap_err(), repeated);

    let mut swapped = log.clone();
    swapped.swap(5, 6);
    assert_eq!(alone(&swapped).unwrap_err(), stretch(5, 5, Fault::Missing));

    // With the positions put right and the times alike, the tree alone tells.
    (swapped[5].position, swapped[6].position) = (5, 6);
    for row in &mut swapped[5..7] {
        row.recorded_at.clone_from(&log[5].recorded_at);
        row.enter();
    }
    alone(&swapped).unwrap();
    assert_eq!(beside(&swapped, &Tree::over(&log), 0).unwrap_err().first, 5);
    assert_eq!(beside(&swapped, &Tree::over(&log), 4).unwrap_err(), stretch(0, 15, Fault::Tree));
    let wrong = against(&swapped, &[checkpoint(&log[..4]), checkpoint(&log)]).unwrap_err();
    assert_eq!(wrong, stretch(4, 19, Fault::Checkpoint(20)));
}

#[test]
fn a_log_that_was_rewritten_or_rolled_back_is_found_by_a_checkpoint_kept_elsewhere() {
    let log = rows(300);
    let (half, whole) = (checkpoint(&log[..150]), checkpoint(&log));
    let mut rewritten = log.clone();
    rewritten[200] = Stored::with_body(200, r#"{"kind":"nothing_happened"}"#.to_owned());
    alone(&rewritten).unwrap();
    let wrong = against(&rewritten, &[half.clone(), whole.clone()]).unwrap_err();
    assert_eq!(wrong, stretch(150, 299, Fault::Checkpoint(300)));
    assert_eq!(beside(&rewritten, &Tree::over(&log), 0).unwrap_err(), one(200, Fault::Tree));

    let truncated = against(&log[..280], &[half.clone(), whole.clone()]).unwrap_err();
    assert_eq!(truncated, stretch(280, 299, Fault::Truncated(300)));

    let forked = against(&log, &[whole, checkpoint(&rewritten)]).unwrap_err();
    assert_eq!(forked.fault, Fault::Forked(300));
    let mut late = Verification::new();
    log.iter().try_for_each(|row| late.take(&row.row())).unwrap();
    assert_eq!(late.expect(&half).unwrap_err().fault, Fault::TooOld(150));
}

#[test]
fn a_verification_goes_on_from_a_checkpoint_kept_elsewhere() {
    let log = rows(300);
    let (kept, whole) = (checkpoint(&log[..150]), checkpoint(&log));
    let edge = Tree::over(&log[..150]).edge;
    let go_on = |edge: Edge, log: &[Stored]| {
        let mut verification = Verification::since(edge, Some(&kept))?;
        verification.expect(&whole)?;
        log[150..].iter().try_for_each(|row| verification.take(&row.row()))?;
        verification.finish()
    };
    assert_eq!(go_on(edge.clone(), &log).unwrap(), against(&log, std::slice::from_ref(&whole)).unwrap());

    let mut rewritten = log.clone();
    rewritten[20] = Stored::with_body(20, r#"{"kind":"nothing_happened"}"#.to_owned());
    let forged = Tree::over(&rewritten[..150]).edge;
    assert_eq!(go_on(forged, &rewritten).unwrap_err(), stretch(149, 149, Fault::Checkpoint(150)));
    let mut rewritten = log;
    rewritten[200] = Stored::with_body(200, r#"{"kind":"nothing_happened"}"#.to_owned());
    assert_eq!(go_on(edge, &rewritten).unwrap_err(), stretch(150, 299, Fault::Checkpoint(300)));
}

#[test]
fn what_is_erased_leaves_the_log_verifying_and_an_event_must_say_so() {
    let mut log = rows(10);
    let body = r#"{"erasure":"e-1","kind":"log_expired","outcome":"done","personal":["6"],"whole":["0-3"]}"#;
    log.push(Stored::with_body(10, body.to_owned()));
    let kept = checkpoint(&log);
    (0..4).for_each(|at| log[at].erase("e-1"));
    log[6].erase_personal("e-1");
    let verified = against(&log, &[kept]).unwrap();
    assert_eq!((verified.erased, verified.without_personal), (4, 1));
    verified.all_announced().unwrap();

    // Another event, another part, another erasure: nobody says so.
    let unsaid: [fn(&mut Vec<Stored>) -> u64; 4] = [
        |log| {
            log[5].erase_personal("e-1");
            5
        },
        |log| {
            log[6].erase("e-1");
            6
        },
        |log| {
            log[2].erasure = Some("e-2");
            2
        },
        // What was said before it went says nothing.
        |log| {
            let mut late = Stored::new(11);
            late.erase("e-1");
            log.push(late);
            11
        },
    ];
    for change in unsaid {
        let mut other = log.clone();
        let at = change(&mut other);
        let verified = alone(&other).unwrap();
        assert_eq!(verified.unannounced, Some((at, at)));
        assert_eq!(verified.all_announced().unwrap_err(), stretch(at, at, Fault::PartMissing));
    }

    // An event that is erased whole is held by the tree alone.
    let mut other = log.clone();
    other[2].entry.0[0] ^= 1;
    alone(&other).unwrap();
    assert_eq!(beside(&other, &Tree::over(&rows(10)), 0).unwrap_err(), one(2, Fault::Tree));
    log[6].erasure = None;
    assert_eq!(alone(&log).unwrap_err(), one(6, Fault::PartMissing));
}

#[test]
fn an_export_verifies_by_itself_and_with_one_byte_changed_never() {
    let mut log = rows(12);
    log[3].erase_personal("e-1");
    log[4].erase("e-1");
    for (first, end) in [(0, 12), (0, 9), (5, 12), (2, 7), (0, 0), (12, 12)] {
        let text = export(&log, first, &log[first..end]);
        let exported = verify_export(text.as_bytes(), &[], &keys()).unwrap();
        assert_eq!((exported.first, exported.verified.edge.size()), (first as u64, end as u64));
        assert_eq!(exported.checkpoint.unwrap(), checkpoint(&log));
        assert_eq!(verify_export(text.as_bytes(), &[], &[]).unwrap().checkpoint, None);
    }

    // Of an event that is erased whole its entry alone is bound, and nothing binds the name of an erasure.
    log[4] = Stored::new(4);
    let text = export(&log, 2, &log[2..7]);
    let unbound = text.find("e-1").unwrap();
    for at in (0..text.len()).filter(|at| !(unbound..unbound + 3).contains(at)) {
        let mut changed = text.clone().into_bytes();
        changed[at] ^= 1;
        assert!(verify_export(&changed[..], &[], &keys()).is_err(), "byte {at}");
        assert!(verify_export(&text.as_bytes()[..at], &[], &keys()).is_err(), "cut at {at}");
    }
}

#[test]
fn an_export_is_held_against_checkpoints_kept_elsewhere() {
    let log = rows(12);
    let text = export(&log, 0, &log);
    let kept = [checkpoint(&log[..5]), checkpoint(&log)];
    assert_eq!(verify_export(text.as_bytes(), &kept, &[]).unwrap().verified.confirmed, Some(12));

    let mut rewritten = log.clone();
    rewritten[7] = Stored::with_body(7, r#"{"kind":"nothing_happened"}"#.to_owned());
    // Whoever has the key of the log signs what they want.
    let text = export(&rewritten, 0, &rewritten);
    verify_export(text.as_bytes(), &kept[..1], &keys()).unwrap();
    match verify_export(text.as_bytes(), &kept, &keys()).unwrap_err() {
        ExportError::Wrong(wrong) => assert_eq!(wrong, stretch(5, 11, Fault::Checkpoint(12))),
        other => unreachable!("{other}"),
    }
    let elsewhere = Checkpoint::new("other.example/log", 12, Hash::EMPTY).unwrap();
    let refused = verify_export(text.as_bytes(), &[elsewhere], &[]).unwrap_err();
    assert!(matches!(&refused, ExportError::AnotherLog { .. }) && refused.is_a_finding());
}

#[test]
fn a_file_that_is_no_export_is_no_finding_about_the_log() {
    let log = rows(3);
    let text = export(&log, 0, &log);
    let endless = format!("{}\n", " ".repeat(audit_log::MAX_LINE));
    let second = text.find('\n').unwrap() + 1;
    for other in [
        String::new(),
        "\n".to_owned(),
        "{}\n".to_owned(),
        text.replacen(r#""audit_export":1"#, r#""audit_export":2"#, 1),
        text.replacen(r#""first":0"#, r#""first":1"#, 1),
        text.replacen(r#""id""#, r#""unknown":1,"id""#, 1),
        text.replacen(INSTANCE, "\\u0030193507a", 1),
        text.replacen(r#""events":3"#, r#""events":2"#, 1),
        text.replacen(r#""salt":""#, r#""salt":"A"#, 1),
        text.clone() + &text,
        text.clone() + "\n",
        format!("{}{endless}", &text[..second]),
        text[..text.len() - 1].to_owned(),
    ] {
        let refused = verify_export(other.as_bytes(), &[], &keys()).unwrap_err();
        assert!(!refused.is_a_finding(), "{refused}: {other:.200}");
    }
    assert!(verify_export(&b"\xff\n"[..], &[], &[]).is_err());
    assert!(verify_export(text.as_bytes(), &[], &keys()).unwrap().origin == ORIGIN);
}

#[test]
fn what_no_line_can_hold_is_not_exported() {
    let mut export = audit_log::ExportWriter::begin(Vec::new(), ORIGIN, &Edge::default()).unwrap();
    for body in ["{\"kind\":", "{} ", " {}", "{\n}", "{}{}", ""] {
        let row = Stored::with_body(0, body.to_owned());
        assert!(export.write(&row.row()).is_err(), "{body:?}");
    }
    let bare = export.finish(None).unwrap();
    assert_eq!(verify_export(&bare[..], &[], &[]).unwrap().verified.edge.size(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is done to a log that a checkpoint covers, it is found, and not named too late.
    #[test]
    fn no_change_stays_unseen(
        size in 1..60_u64, at: prop::sample::Index, how in 0..6_u8, from_other: prop::sample::Index, bit in 0..256_usize,
    ) {
        let log = rows(size);
        let (kept, at) = (checkpoint(&log), at.index(log.len()));
        let mut changed = log.clone();
        match how {
            0 => changed[at].entry.0[bit / 8] ^= 1 << (bit % 8),
            1 => drop(changed.remove(at)),
            2 => changed.insert(at, log[from_other.index(log.len())].clone()),
            3 => changed.truncate(at),
            4 => {
                changed[at].body = Some(r#"{"kind":"nothing_happened"}"#.to_owned());
                changed[at].enter();
            }
            _ => {
                changed[at].entry.0[bit / 8] ^= 1 << (bit % 8);
                changed[at].erase("e-1");
            }
        }
        let wrong = against(&changed, &[kept]).unwrap_err();
        prop_assert!(wrong.first <= at as u64 + 1, "{}", wrong);
    }
}
