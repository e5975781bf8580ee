//! What is recorded, and that it holds together.

use audit_log::{Entry, Event, PersonalHash};
use gateward::base::time::{later, stored};
use jiff::SignedDuration;
use serde_json::Value;

use crate::support::{Installation, eventually};

const DAY: SignedDuration = SignedDuration::from_hours(24);

#[tokio::test(flavor = "multi_thread")]
async fn every_event_has_a_place_without_gaps_and_an_entry_that_can_be_computed_again() {
    let door = Installation::open().await;
    let login = door.exchange(&door.token("a@example.org", "/epos/demo", DAY)).await;
    door.fetch(&login).await;
    door.connect().await.post("/auth", "garbage").await.unwrap();
    let database = rusqlite::Connection::open(door.path("gateward.db")).unwrap();
    let mut rows = database
        .prepare("SELECT position, id, format_version, instance, occurred_at, recorded_at, body, salt, personal_salt, personal, personal_hash, entry FROM event ORDER BY position")
        .unwrap();
    let mut rows = rows.query([]).unwrap();
    let mut expected = 0;
    let mut last = String::new();
    while let Some(row) = rows.next().unwrap() {
        let text = |column: usize| row.get::<_, String>(column).unwrap();
        let (id, instance, occurred_at, recorded_at, body) = (text(1), text(3), text(4), text(5), text(6));
        let event = Event {
            id: &id,
            format_version: row.get(2).unwrap(),
            instance: &instance,
            occurred_at: &occurred_at,
            recorded_at: &recorded_at,
            body: &body,
        };
        let personal = PersonalHash::of(&row.get(8).unwrap(), &text(9));
        assert_eq!(personal, PersonalHash(row.get(10).unwrap()));
        assert_eq!(event.entry(&row.get(7).unwrap(), personal), Entry(row.get(11).unwrap()));
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap().to_string(), body, "canonical");
        assert_eq!(row.get::<_, i64>(0).unwrap(), expected);
        assert!(recorded_at >= last, "time runs back");
        (expected, last) = (expected + 1, recorded_at);
    }
    assert!(expected > 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_refuses_to_be_changed_by_mistake() {
    let door = Installation::open().await;
    let database = rusqlite::Connection::open(door.path("gateward.db")).unwrap();
    for statement in ["UPDATE event SET body = '{}'", "DELETE FROM event"] {
        let refused = database.execute(statement, []).unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{refused}");
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
    let mut files = 0;
    for name in ["gateward.db", "gateward.db-wal"] {
        let Ok(bytes) = std::fs::read(door.path(name)) else { continue };
        files += 1;
        for secret in
            [password.as_bytes(), hash.expose_hex().as_bytes(), hash.expose_bytes(), signature.as_bytes()]
        {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{name} holds a secret");
        }
    }
    assert!(files > 0);
    let rows: Vec<u8> = rusqlite::Connection::open(door.path("gateward.db"))
        .unwrap()
        .query_row("SELECT sealed_mail FROM temporary_login WHERE login = ?1", [&login], |row| row.get(0))
        .unwrap();
    assert!(!rows.windows(6).any(|window| window == b"secret"), "the login's mail address is sealed");
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
        .map(|event| serde_json::from_str::<Value>(&event.body).unwrap()["kind"].as_str().unwrap().to_owned())
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
    let database = rusqlite::Connection::open(door.path("gateward.db")).unwrap();
    let row = [id, &stored(door.now()), &stored(later(door.now(), ahead))];
    database.execute("INSERT INTO instance VALUES (?1, ?2, ?3)", row).unwrap();
}

fn runs(door: &Installation, id: &str) -> bool {
    let database = rusqlite::Connection::open(door.path("gateward.db")).unwrap();
    let found = database.query_row("SELECT count(*) FROM instance WHERE id = ?1", [id], |row| row.get(0));
    found == Ok(1)
}

/// Lets a minute pass, and returns once the sweep that is due then has been at it: it goes from the
/// oldest program to the newest, and the newest has nothing open.
async fn sweep(door: &Installation) {
    run_elsewhere(door, "the newest", SignedDuration::ZERO);
    door.pass(SignedDuration::from_mins(1));
    eventually("the sweep", || !runs(door, "the newest")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_that_is_gone_left_open_ends_once_as_unknown_when_its_lease_lapsed() {
    let door = Installation::open().await;
    let gone = "019a0000-0000-7000-8000-000000000000";
    let open = ["019a0000-0000-7000-8000-000000000001", "019a0000-0000-7000-8000-000000000002"];
    run_elsewhere(&door, gone, SignedDuration::from_secs(90));
    let database = rusqlite::Connection::open(door.path("gateward.db")).unwrap();
    let statement = "INSERT INTO open_transaction VALUES (?1, ?2, 'files', 'SOMEBODY123456', ?3)";
    for id in open {
        database.execute(statement, [id, gone, &stored(door.now())]).unwrap();
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
    let left = database.query_row("SELECT count(*) FROM open_transaction", [], |row| row.get(0));
    assert_eq!(left, Ok(0));
}
