//! What is recorded, and that it holds together.

use audit_log::{Entry, Event, PersonalHash};
use gateward::base::time::{later, stored};
use jiff::SignedDuration;
use serde_json::Value;

use crate::cluster::patience::eventually_beside;
use crate::store_under_test::bytes;
use crate::support::{Installation, PATIENCE};

const DAY: SignedDuration = SignedDuration::from_hours(24);

#[tokio::test(flavor = "multi_thread")]
async fn every_event_has_a_place_without_gaps_and_an_entry_that_can_be_computed_again() {
    let door = Installation::open().await;
    let login = door.exchange(&door.token("a@example.org", "/epos/demo", DAY)).await;
    door.fetch(&login).await;
    door.connect().await.post("/auth", "garbage").await.unwrap();
    let columns = "position, id, format_version, instance, occurred_at, recorded_at, body, salt, personal_salt, \
                   personal, personal_hash, entry";
    let rows = door.database().rows(&format!("SELECT {columns} FROM event ORDER BY position"));
    let mut last = "";
    for (expected, row) in rows.iter().enumerate() {
        let event = Event {
            id: &row[1],
            format_version: row[2].parse().unwrap(),
            instance: &row[3],
            occurred_at: &row[4],
            recorded_at: &row[5],
            body: &row[6],
        };
        let personal = PersonalHash::of(&bytes(&row[8]), &row[9]);
        assert_eq!(personal, PersonalHash(bytes(&row[10])));
        assert_eq!(event.entry(&bytes(&row[7]), personal), Entry(bytes(&row[11])));
        assert_eq!(serde_json::from_str::<Value>(event.body).unwrap().to_string(), event.body, "canonical");
        assert_eq!(row[0], expected.to_string());
        assert!(event.recorded_at >= last, "time runs back");
        last = event.recorded_at;
    }
    assert!(rows.len() > 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_refuses_to_be_changed_by_mistake() {
    let door = Installation::open().await;
    for statement in ["UPDATE event SET body = '{}'", "DELETE FROM event"] {
        let refused = door.database().try_execute(statement).unwrap_err();
        assert!(refused.contains("append-only"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_token_nor_password_nor_its_hash_is_in_the_database() {
    let door = Installation::open().await;
    let token = door.token("secret.person@example.org", "/epos/demo", DAY);
    let (login, password) = door.exchange(&token).await;
    door.fetch(&(login.clone(), password.clone())).await;
    let realm = "FDSN".parse().unwrap();
    let hash = http_digest::Ha1::of(http_digest::Algorithm::Md5, &login, &realm, &password);
    let signature = token.lines().filter(|line| line.len() == 64).nth(1).unwrap().to_owned();
    let all = door.database().bytes();
    let holds = |secret: &[u8]| all.windows(secret.len()).any(|window| window == secret);
    assert!(holds(login.as_bytes()));
    for secret in
        [password.as_bytes(), hash.expose_hex().as_bytes(), hash.expose_bytes(), signature.as_bytes()]
    {
        assert!(!holds(secret), "the store holds a secret");
    }
    let sealed = format!("SELECT sealed_mail FROM temporary_login WHERE login = '{login}'");
    let sealed = door.database().value(&sealed);
    let secret = b"secret".iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    assert!(sealed.len() > 40 && !sealed.contains(&secret), "the login's mail address is sealed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_challenge_is_not_recorded_and_a_wrong_answer_is() {
    let door = Installation::open().await;
    let login = door.exchange(&door.token("a@example.org", "/epos/demo", DAY)).await;
    let before = door.events().len();
    assert_eq!(door.connect().await.get("/files/restricted.txt", None).await.unwrap().status, 401);
    assert_eq!(door.events().len(), before);
    assert_eq!(door.fetch(&(login.0.clone(), "WRONG".into())).await.status, 401);
    assert_eq!(door.fetch(&("NOSUCHLOGIN123".into(), "WRONG".into())).await.status, 401);
    let reasons: Vec<_> =
        door.bodies("authentication_failed").iter().map(|body| body["reason"].clone()).collect();
    assert_eq!(reasons, ["wrong-password", "unknown-login"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn start_and_stop_stand_in_the_log_and_nothing_stays_open() {
    let mut door = Installation::open().await;
    std::fs::write(door.path("files/large.bin"), vec![7; 1 << 20]).unwrap();
    let (login, password) = door.exchange(&door.token("a@example.org", "/epos/demo", DAY)).await;
    let large = door.connect().await.get_with_digest("/files/large.bin", &login, &password).await.unwrap();
    assert_eq!(large.body.len(), 1 << 20);
    door.stop().await;
    let kinds: Vec<String> = door
        .events()
        .iter()
        .map(|event| {
            serde_json::from_str::<Value>(event.body()).unwrap()["kind"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(kinds.last().unwrap(), "stopped");
    let (admitted, ended) = (door.bodies("admitted"), door.bodies("ended"));
    assert_eq!((admitted.len(), ended.len()), (1, 1));
    assert_eq!(admitted[0]["transaction"], ended[0]["transaction"]);
    assert_eq!(
        (&ended[0]["bytes"], &ended[0]["delivery"]),
        (&Value::from(1 << 20), &Value::from("complete"))
    );
}

/// Notes a program that is not this one, whose lease ends `ahead` from now.
fn run_elsewhere(door: &Installation, id: &str, ahead: SignedDuration) {
    let (now, until) = (stored(door.now()), stored(later(door.now(), ahead)));
    door.database().execute(&format!("INSERT INTO instance VALUES ('{id}', '{now}', '{until}')"));
}

fn runs(door: &Installation, id: &str) -> bool {
    door.database().value(&format!("SELECT count(*) FROM instance WHERE id = '{id}'")) == "1"
}

/// Lets a minute pass, and returns once the sweep that is due then has been at it: it goes from the
/// oldest program to the newest, and the newest has nothing open.
async fn sweep(door: &Installation) {
    run_elsewhere(door, "the newest", SignedDuration::ZERO);
    door.pass(SignedDuration::from_mins(1));
    eventually_beside("the sweep", PATIENCE, || !runs(door, "the newest")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_that_is_gone_left_open_ends_once_as_unknown_when_its_lease_lapsed() {
    let door = Installation::open().await;
    let gone = "019a0000-0000-7000-8000-000000000000";
    let open = ["019a0000-0000-7000-8000-000000000001", "019a0000-0000-7000-8000-000000000002"];
    run_elsewhere(&door, gone, SignedDuration::from_secs(90));
    for id in open {
        let row = format!("'{id}', '{gone}', 'files', 'SOMEBODY123456', '{}'", stored(door.now()));
        door.database().execute(&format!("INSERT INTO open_transaction VALUES ({row})"));
    }
    door.pass(SignedDuration::from_secs(1));

    // A minute later it may still run.
    sweep(&door).await;
    assert_eq!(door.bodies("ended"), [Value::Null; 0]);
    assert!(runs(&door, gone));

    // Two minutes later it is gone; what is closed then stays closed.
    for _ in 0..2 {
        sweep(&door).await;
        let ended = door.bodies("ended");
        let transactions: Vec<_> = ended.iter().map(|body| body["transaction"].as_str().unwrap()).collect();
        assert_eq!(transactions, open);
        for body in &ended {
            assert_eq!((&body["delivery"], &body["outcome"]), (&"unknown".into(), &"failed".into()));
            assert_eq!((&body["service"], &body["who"]), (&"files".into(), &"SOMEBODY123456".into()));
        }
        assert!(!runs(&door, gone));
    }
    assert_eq!(door.database().value("SELECT count(*) FROM open_transaction"), "0");
}
