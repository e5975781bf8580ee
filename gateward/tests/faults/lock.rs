//! The head of the log, for which whoever writes waits, in other hands.

use std::time::Duration;

use crate::log::Log as _;
use crate::program::{DEMO_GROUP, SMALL};
use crate::support::Installation;

#[test]
fn not_one_byte_leaves_before_it_is_recorded_and_the_answer_comes_once_it_is() {
    let installation = Installation::make();
    let large = installation.protect("large.bin", 300 * 1024);
    let _server = installation.serve();
    let login = installation.login();
    let mut connections = [SMALL, &large].map(|path| {
        let mut connection = installation.client().connect().unwrap();
        let authorization = connection.authorization(path, &login).unwrap();
        (connection, path.to_owned(), authorization)
    });
    let before = installation.log().length();

    let held = installation.store().hold();
    for (connection, path, authorization) in &mut connections {
        connection.send("GET", path, &[authorization], b"").unwrap();
    }
    for (connection, path, _) in &connections {
        assert!(connection.is_silent_for(Duration::from_secs(1)), "something of {path} left unrecorded");
    }
    assert_eq!(installation.log().length(), before);
    held.release();

    for (connection, path, _) in &mut connections {
        let answer = connection.answer().unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        let file = installation.path(path.trim_start_matches('/'));
        assert_eq!(answer.body, std::fs::read(file).unwrap());
    }
    installation.log().wait_for("released", before, Duration::from_secs(1));
    installation.log().wait_for("ended", before, Duration::from_secs(2));
    installation.log().check();
}

#[test]
fn a_lock_held_too_long_shuts_the_door_and_the_gap_is_recorded_afterwards() {
    let installation = Installation::make();
    let large = installation.protect("large.bin", 300 * 1024);
    let _server = installation.serve();
    let login = installation.login();
    let token = installation.pen().sign(DEMO_GROUP);
    let before = installation.log().length();

    let held = installation.store().hold();
    let client = installation.client();
    std::thread::scope(|scope| {
        let asked = [SMALL, &large].map(|path| scope.spawn(|| client.get(path, &login).unwrap()));
        let exchanged = scope.spawn(|| client.exchange(token.as_bytes()).unwrap());
        for answer in asked.into_iter().chain([exchanged]).map(|asked| asked.join().unwrap()) {
            assert_eq!(answer.status, 503, "{}", answer.text());
            assert!(answer.head.field("retry-after").is_some());
            assert!(answer.text().contains("The door is shut"), "{}", answer.text());
        }
    });
    let reason = installation.wait_until_not_ready();
    assert!(reason.contains("write lock"), "{reason}");
    held.release();

    let gap = installation.log().wait_for("gap", before, Duration::from_secs(15));
    assert!(gap.body["refused"].as_u64().unwrap() >= 3, "{gap:?}");
    assert!(gap.text("reason").contains("write lock"), "{gap:?}");
    installation.wait_until_ready();
    client.exchange(token.as_bytes()).unwrap().login();
    assert_eq!(client.get(&large, &login).unwrap().status, 200);
    installation.log().check();
}

#[test]
fn whoever_leaves_before_their_answer_is_recorded_leaves_no_transaction_open() {
    let installation = Installation::make();
    let large = installation.protect("large.bin", 300 * 1024);
    let _server = installation.serve();
    let login = installation.login();
    let mut connection = installation.client().connect().unwrap();
    let authorization = connection.authorization(&large, &login).unwrap();
    let before = installation.log().length();

    let held = installation.store().hold();
    connection.send("GET", &large, &[&authorization], b"").unwrap();
    assert!(connection.is_silent_for(Duration::from_millis(500)));
    drop(connection);
    // What the server does when it notices is over before the lock is.
    std::thread::sleep(Duration::from_millis(500));
    held.release();

    installation.log().wait_for("admitted", before, Duration::from_secs(5));
    let ended = installation.log().wait_for("ended", before, Duration::from_secs(2));
    assert_eq!(ended.text("delivery"), "cut");
    installation.log().check_transactions();
}
