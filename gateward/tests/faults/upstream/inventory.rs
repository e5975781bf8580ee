//! The inventory: missing, appearing, changing, broken, gone.

use std::time::{Duration, Instant};

use super::doors::{OPEN, RESTRICTED_TO_ALL, fdsn, patient};
use super::records::{inventory, records};
use super::stand_in::{StandIn, answer};
use crate::client::Answer;
use crate::cluster::patience::eventually;
use crate::log::{Event, Log as _};
use crate::support::Installation;

/// A refresh and a little: in the installations of these tests a file is looked at every second.
const REFRESHED: Duration = Duration::from_secs(4);

/// For how long a reading is believed there.
const STALE_AFTER: Duration = Duration::from_secs(5);

/// Gives a record of whatever is asked for.
fn upstream() -> StandIn {
    StandIn::doing(|asked| {
        let network = if asked.head.target.contains("network=OP") { "OP" } else { "RE" };
        asked.say(&answer("200 OK", "", &records(network, "STA", 1)))
    })
}

/// Asks without a login.
fn ask(installation: &Installation, path: &str) -> Answer {
    installation.client().ask("GET", path, &[], b"").unwrap()
}

/// Waits until asking is answered with `status`; returns what is said with it.
fn becomes(installation: &Installation, path: &str, status: u16, within: Duration) -> String {
    eventually(&format!("{path} becomes {status}"), within, || {
        Some(ask(installation, path)).filter(|answer| answer.status == status)
    })
    .text()
}

fn loaded(installation: &Installation) -> Vec<Event> {
    let mut events = installation.log().events();
    events.retain(|event| event.kind() == "inventory_loaded");
    events
}

/// The file is replaced as a whole, as who makes inventories does it.
fn replace(installation: &Installation, with: &str) {
    let new = installation.path("inventory.new");
    std::fs::write(&new, with).unwrap();
    std::fs::rename(new, installation.path("inventory.xml")).unwrap();
}

#[test]
fn without_an_inventory_everything_counts_as_restricted_until_there_is_one() {
    let upstream = upstream();
    let installation = fdsn(&patient(&upstream, 10));
    std::fs::rename(installation.path("inventory.xml"), installation.path("kept.xml")).unwrap();
    let server = installation.serve();
    let refused = ask(&installation, OPEN);
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(
        refused.text().contains("which data are restricted is not known at the moment"),
        "{}",
        refused.text()
    );
    assert!(server.said().contains("everything counts as restricted"), "{}", server.said());
    assert!(upstream.heads().is_empty() && loaded(&installation).is_empty());

    std::fs::rename(installation.path("kept.xml"), installation.path("inventory.xml")).unwrap();
    becomes(&installation, OPEN, 200, REFRESHED);
    assert_eq!(ask(&installation, RESTRICTED_TO_ALL).status, 403);
    assert_eq!(loaded(&installation).len(), 1);
    installation.log().check();
}

#[test]
fn a_changed_inventory_takes_effect_without_a_restart_and_each_content_is_an_event() {
    let upstream = upstream();
    let installation = fdsn(&patient(&upstream, 10));
    let _server = installation.serve();
    assert_eq!((ask(&installation, OPEN).status, ask(&installation, RESTRICTED_TO_ALL).status), (200, 403));

    replace(&installation, &inventory(&[("OP", "closed"), ("RE", "open")]));
    becomes(&installation, OPEN, 403, REFRESHED);
    assert_eq!(ask(&installation, RESTRICTED_TO_ALL).status, 200);
    let events = loaded(&installation);
    assert_eq!(events.len(), 2, "{events:?}");
    assert_ne!(events[0].text("sha256"), events[1].text("sha256"));
    assert_eq!((&events[1].body["epochs"], &events[1].body["restricted"]), (&2.into(), &1.into()));

    // The same content again is no news.
    replace(&installation, &inventory(&[("OP", "closed"), ("RE", "open")]));
    std::thread::sleep(REFRESHED);
    assert_eq!(loaded(&installation).len(), 2);
    installation.log().check();
}

/// Does something to the inventory; the last reading is believed for its time and not longer, and a good
/// inventory mends it.
fn is_believed_until_stale(spoil: impl FnOnce(&Installation)) {
    let upstream = upstream();
    let installation = fdsn(&patient(&upstream, 10));
    let server = installation.serve();
    assert_eq!(ask(&installation, OPEN).status, 200);
    let good = std::fs::read_to_string(installation.path("inventory.xml")).unwrap();

    let spoilt = Instant::now();
    spoil(&installation);
    eventually("the log says so", REFRESHED, || {
        server.said().contains("the last reading is believed for now")
    });
    assert_eq!(ask(&installation, OPEN).status, 200, "after {:?}", spoilt.elapsed());
    assert_eq!(ask(&installation, RESTRICTED_TO_ALL).status, 403);
    let said = becomes(&installation, OPEN, 403, STALE_AFTER + REFRESHED);
    assert!(said.contains("not known at the moment"), "{said}");
    // A second for what was read just before.
    assert!(spoilt.elapsed() + Duration::from_secs(2) > STALE_AFTER, "after {:?}", spoilt.elapsed());

    replace(&installation, &good);
    becomes(&installation, OPEN, 200, REFRESHED);
    assert_eq!(loaded(&installation).len(), 1, "its content was loaded before");
}

#[test]
fn a_vanished_inventory_is_believed_until_it_is_stale() {
    is_believed_until_stale(|installation| {
        std::fs::remove_file(installation.path("inventory.xml")).unwrap();
    });
}

#[test]
fn a_broken_inventory_is_believed_until_it_is_stale() {
    is_believed_until_stale(|installation| replace(installation, "<html>Service unavailable</html>"));
}
