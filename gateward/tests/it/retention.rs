//! What is taken out of the log, what stays, and that it still holds together.

mod sequences;

use gateward::base::address::ClientAddress;
use gateward::base::id::ErasureId;
use gateward::base::store_address::StoreAddress;
use gateward::flows::audit::receive::{keep, look_at};
use gateward::flows::retention::holds::{self, Wanted};
use gateward::flows::retention::{self, Done, Preview};
use gateward::server::system;
use gateward::store::erasure::{Begin, Scope};
use gateward::store::{Change, CommitError, scrub};
use jiff::SignedDuration;
use serde_json::Value;

use crate::cluster::patience::eventually_beside;
use crate::log::Log as _;
use crate::support::{Installation, PATIENCE};

const DAY: SignedDuration = SignedDuration::from_hours(24);
const MAIL: &str = "the.erased@example.org";

/// Whether `name` stands anywhere in the store; a file is cleaned first, as the command does.
fn holds(door: &Installation, name: &str) -> bool {
    if let StoreAddress::Sqlite(path) = door.store() {
        scrub::scrub(&path, &[name], true).unwrap();
    }
    door.database().bytes().windows(name.len()).any(|window| window == name.as_bytes())
}

/// The bodies of what was recorded and is left.
fn left(door: &Installation, kind: &str) -> Vec<Value> {
    let bodies = door.events().into_iter().filter_map(|event| event.body);
    bodies
        .map(|body| serde_json::from_str::<Value>(&body).unwrap())
        .filter(|body| body["kind"] == kind)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_erased_stands_nowhere_and_the_log_holds_together() {
    let door = Installation::open().await;
    let login = door.exchange(&door.token(MAIL, "/epos/demo", DAY)).await;
    door.fetch(&login).await;
    let other = door.exchange(&door.token("b@example.org", "/epos/demo", DAY)).await;
    door.fetch(&other).await;
    assert!(holds(&door, MAIL));
    let before = ["exchanged", "released"].map(|kind| left(&door, kind).len());
    let open = door.door().await;
    let preview = retention::preview(&open, MAIL).await.unwrap();
    assert!(preview.names.contains(&login.0), "{preview:?}");
    let done = retention::erase(&open, MAIL, "os:ann", door.now()).await.unwrap();
    assert_eq!(done, Done { events: preview.whole + preview.personal, held: 0 });
    assert!(!holds(&door, MAIL));
    let after = ["exchanged", "released"].map(|kind| left(&door, kind).len());
    assert_eq!(after, before.map(|count| count - 1), "another person's events stay");
    let erased = &left(&door, "person_erased")[0];
    assert_eq!(erased["person"], retention::pseudonym(&open, MAIL));
    assert_eq!(erased["who"], "os:ann");
    assert_eq!(retention::preview(&open, MAIL).await.unwrap(), Preview::default());
    assert_eq!(retention::erase(&open, MAIL, "os:ann", door.now()).await.unwrap(), Done::default());
    door.database().check();
    // The personal hash and the entry stay, and nothing to make them from.
    let kept =
        "SELECT count(*) FROM event WHERE body IS NULL AND entry IS NOT NULL AND personal_hash IS NOT NULL";
    assert_eq!(door.database().value(kept), done.events.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_old_goes_but_for_what_is_held() {
    let door = Installation::open().await;
    let held = door.exchange(&door.token("held@example.org", "/epos/demo", DAY)).await;
    door.exchange(&door.token(MAIL, "/epos/demo", DAY)).await;
    door.pass(SignedDuration::from_hours(2));
    door.fetch(&held).await;
    let open = door.door().await;
    let wanted =
        Wanted { person: Some("held@example.org".into()), since: None, until: None, reason: "case 7".into() };
    let id = holds::create(&open, wanted, "os:ann", door.now()).await.unwrap();
    door.pass(SignedDuration::from_hours(1));
    let before = door.now();
    let done = retention::expire(&open, before, None, door.now()).await.unwrap();
    assert!(done.events >= 2 && done.held >= 2, "{done:?}");
    assert!(!holds(&door, MAIL));
    let exchanged = left(&door, "exchanged");
    assert_eq!(exchanged.len(), 1, "{exchanged:?}");
    let expired = &left(&door, "log_expired")[0];
    assert_eq!((&expired["events"], &expired["held"]), (&done.events.into(), &done.held.into()));
    assert!(expired["who"].is_null(), "the server did it");
    // What the log says of itself stays, without whom it was about.
    assert_eq!(left(&door, "hold_created").len(), 1);
    door.database().check();

    holds::release(&open, id, "os:ann", door.now()).await.unwrap();
    assert!(holds::release(&open, id, "os:ann", door.now()).await.is_err(), "it is released once");
    retention::expire(&open, before, None, door.now()).await.unwrap();
    assert!(left(&door, "exchanged").is_empty());
    assert!(!holds(&door, "held@example.org"));
    assert_eq!(retention::expire(&open, before, None, door.now()).await.unwrap(), Done::default());
    door.database().check();
}

/// What tells the login of somebody who is held stands thousands of events before what the login did.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_held_is_held_by_names_that_they_got_later_and_however_far_apart_they_stand() {
    let door = Installation::open().await;
    let open = door.door().await;
    let person = Some("held@example.org".into());
    let wanted = Wanted { person, since: None, until: None, reason: "case 8".into() };
    holds::create(&open, wanted, "os:ann", door.now()).await.unwrap();
    let login = door.exchange(&door.token("held@example.org", "/epos/demo", DAY)).await;
    let other = door.exchange(&door.token(MAIL, "/epos/demo", DAY)).await;
    let address = ClientAddress::new([127, 0, 0, 1].into());
    for batch in 0..5 {
        let text = |number| {
            format!(
                r#"{{"resourceType":"AuditEvent","id":"{batch}-{number}","type":{{"system":"urn:x","code":"y"}},
                "recorded":"2026-01-05T10:00:00Z","agent":[{{"requestor":true}}],"source":{{"observer":{{"display":"z"}}}}}}"#
            )
        };
        let received: Vec<_> = (0..500).map(|number| look_at(&text(number)).unwrap()).collect();
        keep(&open, &"lab".parse().unwrap(), &received, address, None, door.now()).await.unwrap();
    }
    door.fetch(&login).await;
    door.fetch(&other).await;
    door.pass(SignedDuration::from_hours(1));
    let done = retention::expire(&open, door.now(), None, door.now()).await.unwrap();
    assert!(done.events > 2500 && done.held >= 2, "{done:?}");
    let released = left(&door, "released");
    assert_eq!(released.len(), 1, "{released:?}");
    assert_eq!(released[0]["who"], login.0.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_lets_what_is_older_than_keep_expire() {
    let mut door = Installation::open().await;
    door.exchange(&door.token(MAIL, "/epos/demo", DAY)).await;
    door.pass(SignedDuration::from_hours(49));
    door.change(|text| format!("{text}\n[audit]\nkeep = \"1d\"\n")).await;
    eventually_beside("the expiry", PATIENCE, || (!left(&door, "log_expired").is_empty()).then_some(()))
        .await;
    assert!(left(&door, "exchanged").is_empty());
    assert!(!left(&door, "started").is_empty(), "what is younger stays");
    door.stop().await;
    assert!(!holds(&door, MAIL));
    door.database().check();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_and_not_finished_is_finished_by_whoever_comes_next() {
    let door = Installation::open().await;
    door.exchange(&door.token(MAIL, "/epos/demo", DAY)).await;
    door.pass(DAY);
    let open = door.door().await;
    let begin = |before| Begin {
        id: ErasureId::new(door.now(), &system::random()),
        scope: Scope::Before(before),
        next: 0,
        end: 2,
        at: door.now(),
        by: Some("os:ann".into()),
    };
    let decided = |erasure| vec![Change::BeginErasure(erasure)];
    // As a crash leaves it right after the decision.
    open.recorder.commit(None, decided(begin(door.now())), &[], door.now()).await.unwrap();
    let second = open.recorder.commit(None, decided(begin(door.now())), &[], door.now()).await;
    assert!(matches!(second, Err(CommitError::Precondition)), "one at a time: {second:?}");
    let done = retention::finish(&open, door.now()).await.unwrap();
    assert_eq!(done, Some(Done { events: 2, held: 0 }));
    assert_eq!(left(&door, "log_expired")[0]["whole"], Value::from(vec!["0-1"]));
    assert_eq!(retention::finish(&open, door.now()).await.unwrap(), None);
    door.database().check();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_taken_out_or_put_back_past_a_recorded_erasure() {
    let door = Installation::open().await;
    door.exchange(&door.token(MAIL, "/epos/demo", DAY)).await;
    door.pass(DAY);
    let open = door.door().await;
    let last = door.events().len();
    for statement in [
        "UPDATE event SET personal = NULL, personal_salt = NULL WHERE position = 1",
        "UPDATE event SET salt = NULL, body = NULL, personal = NULL, personal_salt = NULL WHERE position = 1",
        "UPDATE search SET kind = 'erased' WHERE position = 1",
    ] {
        let refused = door.database().try_execute(statement).unwrap_err();
        assert!(refused.contains("append-only"), "{statement}: {refused}");
    }
    retention::expire(&open, door.now(), None, door.now()).await.unwrap();
    for statement in [
        "UPDATE event SET body = '{}' WHERE position = 1".to_owned(),
        "UPDATE event SET recorded_at = '' WHERE position = 1".to_owned(),
        format!("UPDATE event SET personal = NULL, personal_salt = NULL WHERE position = {last}"),
        "DELETE FROM event WHERE position = 1".to_owned(),
    ] {
        let refused = door.database().try_execute(&statement).unwrap_err();
        assert!(refused.contains("append-only"), "{statement}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_say_what_went_and_show_that_it_is_gone() {
    let door = Installation::open().await;
    door.exchange(&door.token(MAIL, "/epos/demo", DAY)).await;
    let (said, yes) = door.command(&["audit", "erase", "--person", MAIL, "--dry-run"]);
    assert!(yes && said.contains("1 events would lose everything"), "{said}");
    let (id, yes) = door.command(&["audit", "hold", "create", "--person", MAIL, "--reason", "case 7"]);
    assert!(yes, "{id}");
    let (listed, _) = door.command(&["audit", "hold", "list"]);
    assert!(listed.contains(MAIL) && listed.contains("case 7"), "{listed}");
    let (said, _) = door.command(&["audit", "erase", "--person", MAIL]);
    assert!(said.contains("0 events lost"), "{said}");
    assert!(door.command(&["audit", "hold", "release", id.trim()]).1);
    assert!(!door.command(&["audit", "hold", "release", id.trim()]).1);
    let (said, yes) = door.command(&["audit", "erase", "--person", MAIL, "--format", "json"]);
    assert!(yes && said.contains("\"held\":0"), "{said}");
    assert!(!holds(&door, MAIL));
    let (all, yes) = door.command(&["audit", "search"]);
    assert!(yes && all.contains(" erased  "), "{all}");
    assert!(door.command(&["audit", "usage"]).1);
    assert!(!door.command(&["audit", "hold", "create", "--reason", "all"]).1, "a hold holds something");
    assert!(!door.command(&["audit", "erase", "--person", "x"]).1);
}
