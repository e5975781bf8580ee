//! A disk that fills while something is taken out of the log: no half is left, and with room the same command
//! goes on.

use std::process::Command;

use gateward::config::Config;
use gateward::flows::record::{Happened, Personal, What};
use gateward::server::{boot, system};

use super::disk::{SmallDisk, run_where_we_may_mount};
use crate::log::Log as _;
use crate::program::{GATEWARD, finish};
use crate::support::Installation;

const MAIL: &str = "the.erased@example.org";

/// Room that is given at a time: less than one step needs.
const SOME: u64 = 512 * 1024;

/// An installation on a small disk, with some thousand events: of three, one names the person in its body, one in
/// its personal part, one not at all.
fn long() -> (Installation, SmallDisk) {
    let installation = Installation::make_on_sqlite();
    let disk = SmallDisk::mount(&installation.path("disk"), "48m");
    std::fs::copy(installation.path("gateward.db"), installation.path("disk/gateward.db")).unwrap();
    installation.reconfigure("store = \"gateward.db\"", "store = \"disk/gateward.db\"");
    let now = system::wall_clock();
    let what =
        What::Gap { refused: 1, since: now.to_string(), until: now.to_string(), reason: "a test".into() };
    let plain = Happened::done(what);
    let three = [
        Happened { who: Some(MAIL.into()), ..plain.clone() },
        Happened { personal: Personal { mail: Some(MAIL.into()), ..Personal::default() }, ..plain.clone() },
        plain,
    ];
    let batch: Vec<Happened> = three.iter().cycle().take(600).cloned().collect();
    let config = Config::read(&installation.config()).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let (keys, clock) = (boot::keys(&config).unwrap(), system::clock());
        let door = boot::door(&config, keys, &clock, &system::random()).await.unwrap();
        for _ in 0..10 {
            door.recorder.commit(None, Vec::new(), &batch, now).await.unwrap();
        }
    });
    (installation, disk)
}

/// Runs `command` with a little more room each time, until it says that it is done.
fn with_more_and_more_room(installation: &Installation, disk: &SmallDisk, command: &[&str]) {
    let cursor = "SELECT coalesce(sum(next_position), 0) FROM erasure WHERE done_at IS NULL";
    let gateward = |arguments: &[&str]| {
        finish(Command::new(GATEWARD).args(arguments).arg("--config").arg(installation.config()))
    };
    let (mut stopped_at, mut refused) = (Vec::new(), 0);
    for room in 0..60 {
        disk.fill_but_for(room * SOME);
        let said = gateward(command);
        disk.empty();
        if said.status == Some(0) {
            assert!(refused > 0, "there was room from the beginning");
            assert!(stopped_at.iter().any(|at| at != "0"), "it never stopped in the middle: {stopped_at:?}");
            return;
        }
        assert!(said.status == Some(2) && !said.err.is_empty(), "{:?}: {}", said.status, said.err);
        refused += 1;
        let at = installation.store().value(cursor);
        if !stopped_at.contains(&at) {
            stopped_at.push(at);
            installation.log().check();
            let said = gateward(&["audit", "verify"]);
            assert_eq!(said.status, Some(0), "{}{}", said.out, said.err);
        }
    }
    panic!("it is never done");
}

#[test]
fn a_full_disk_stops_an_erasure_and_room_finishes_it() {
    if !run_where_we_may_mount("on_sqlite::taking_out::a_full_disk_stops_an_erasure_and_room_finishes_it") {
        return;
    }
    let (installation, disk) = long();
    with_more_and_more_room(&installation, &disk, &["audit", "erase", "--person", MAIL]);
    let bytes = installation.store().bytes();
    assert!(
        !bytes.windows(MAIL.len()).any(|window| window == MAIL.as_bytes()),
        "the name is still in the file"
    );
    installation.log().check();
}

#[test]
fn a_full_disk_stops_an_expiry_and_room_finishes_it() {
    if !run_where_we_may_mount("on_sqlite::taking_out::a_full_disk_stops_an_expiry_and_room_finishes_it") {
        return;
    }
    let (installation, disk) = long();
    let before = system::wall_clock().to_string();
    with_more_and_more_room(&installation, &disk, &["audit", "expire", "--before", &before]);
    let left = "SELECT count(*) FROM event WHERE body LIKE '%\"kind\":\"gap\"%'";
    assert_eq!(installation.store().value(left), "0");
    installation.log().check();
}
