//! `kill -9` while something is taken out of the log: each event lost all that an event says it lost, or nothing.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gateward::flows::record::{Happened, Personal, What};

use crate::log::Log as _;
use crate::support::Installation;

const MAIL: &str = "the.erased@example.org";

/// An installation that stands still, with some thousand events: of three, one names the person in its body, one in
/// its personal part, one not at all.
async fn long() -> Installation {
    let mut door = Installation::open().await;
    door.stop().await;
    let opened = door.door().await;
    let time = door.now().to_string();
    let what = What::Gap { refused: 1, since: time.clone(), until: time, reason: "a test".into() };
    let plain = Happened::done(what);
    let three = [
        Happened { who: Some(MAIL.into()), ..plain.clone() },
        Happened { personal: Personal { mail: Some(MAIL.into()), ..Personal::default() }, ..plain.clone() },
        plain,
    ];
    let batch: Vec<Happened> = three.iter().cycle().take(600).cloned().collect();
    for _ in 0..20 {
        opened.recorder.commit(None, Vec::new(), &batch, door.now()).await.unwrap();
    }
    door
}

/// Kills `command` later and later, and whenever it has come to where it was not killed before, until it ends by itself.
fn kill_until_it_is_done(door: &Installation, command: &[&str]) {
    let config = door.path("gateward.toml");
    let cursor = "SELECT coalesce(sum(next_position + 1), 0) FROM erasure WHERE done_at IS NULL";
    let (mut seen, mut patience) = (vec!["0".to_owned()], Duration::from_millis(20));
    loop {
        // Sets the database's clock right.
        door.command(&["--version"]);
        let mut gateward = Command::new(env!("CARGO_BIN_EXE_gateward"));
        gateward.args(command).arg("--config").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
        let mut running = gateward.spawn().unwrap();
        let until = Instant::now() + patience;
        while Instant::now() < until {
            if let Some(ended) = running.try_wait().unwrap() {
                assert!(ended.success(), "{command:?}");
                assert_eq!(door.database().value(cursor), "0", "all of it is done");
                assert!(seen.len() > 1, "no kill struck in the middle");
                return;
            }
            // A look takes a moment: it goes on meanwhile, and is struck anywhere in what comes next.
            if !seen.contains(&door.database().value(cursor)) {
                break;
            }
        }
        running.kill().unwrap();
        running.wait().unwrap();
        patience += patience / 4;
        let at = door.database().value(cursor);
        if !seen.contains(&at) {
            seen.push(at);
            holds_together(door);
        }
    }
}

fn holds_together(door: &Installation) {
    door.database().check();
    let (said, good) = door.command(&["audit", "verify"]);
    assert!(good, "{said}");
}

fn left(door: &Installation) -> String {
    door.database()
        .value(&format!("SELECT count(*) FROM event WHERE body LIKE '%{MAIL}%' OR personal LIKE '%{MAIL}%'"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_erasure_is_finished_by_the_next_and_leaves_no_half() {
    let door = long().await;
    assert_eq!(left(&door), "8000");
    kill_until_it_is_done(&door, &["audit", "erase", "--person", MAIL]);
    assert_eq!(left(&door), "0");
    holds_together(&door);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_expiry_is_finished_by_the_next_and_leaves_no_half() {
    let door = long().await;
    // No event is recorded before its predecessor, and the first ones of a database by the clock of the machine.
    let newest: jiff::Timestamp =
        door.database().value("SELECT max(recorded_at) FROM event").parse().unwrap();
    let before = newest.checked_add(jiff::SignedDuration::from_secs(1)).unwrap().to_string();
    kill_until_it_is_done(&door, &["audit", "expire", "--before", &before]);
    let whole = "SELECT count(*) FROM event WHERE body LIKE '%\"kind\":\"gap\"%'";
    assert_eq!(door.database().value(whole), "0");
    holds_together(&door);
}
