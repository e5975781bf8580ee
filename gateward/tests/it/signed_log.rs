//! The log as a tree: grown in the commit of its events, signed, and shown to whoever watches it.

use audit_log::{Edge, Entry, Hash, Tile};
use gateward::cli::demo::client::{Answer, Client};
use gateward::flows::checkpoint;
use gateward::store::{event, tree};
use signed_note::VerifierKey;

use crate::store_under_test::{StoreUnderTest, bytes};
use crate::support::{Installation, PATIENCE};

/// Grows a tree over all entries that stand in the store, without the store's own.
pub fn tree_of(door: &Installation) -> Edge {
    let mut edge = Edge::default();
    for row in door.database().rows("SELECT entry FROM event ORDER BY position") {
        edge.append(Hash::of_leaf(&Entry(bytes(&row[0]))), |_| {});
    }
    edge
}

/// Records many events.
async fn record(door: &Installation, events: usize) {
    let token = door.token("a@example.org", "/epos/demo", jiff::SignedDuration::from_hours(1));
    let login = door.exchange(&token).await;
    for _ in 0..events.div_ceil(4) {
        let (opened, now) = (door.door().await, door.now());
        checkpoint::sign(&opened, now).await.unwrap();
        door.fetch(&login).await;
    }
}

async fn ask(door: &Installation, path: &str, authorization: Option<String>) -> Answer {
    let ca = std::fs::read_to_string(door.path("ca.pem")).unwrap();
    let admin = door.bound().admin;
    let mut connection = Client::trusting(&ca).unwrap().connect(admin).await.unwrap();
    connection.get(path, authorization).await.unwrap()
}

fn operator(door: &Installation) -> String {
    use base64::Engine as _;
    let text = std::fs::read_to_string(door.path("operator.txt")).unwrap();
    format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(text.trim()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tree_has_every_event_as_soon_as_it_is_recorded() {
    let door = Installation::open().await;
    record(&door, 20).await;
    let reader = door.door().await.store.reader;
    let (stored, made) = (tree::edge(&reader).await.unwrap(), tree_of(&door));
    assert_eq!(event::length(&reader).await.unwrap().unwrap().events, stored.size());
    assert_eq!(stored, made);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_is_signed_at_the_start_and_anybody_may_read_it() {
    let door = Installation::open().await;
    let begun = std::time::Instant::now();
    let answer = loop {
        let answer = ask(&door, "/checkpoint", None).await;
        if answer.status == 200 || begun.elapsed() > PATIENCE {
            break answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert_eq!(answer.status, 200, "{}", answer.text());
    let (key, good) = door.command(&["audit", "key"]);
    assert!(good, "{key}");
    let key: VerifierKey = key.trim().parse().unwrap();
    let note = answer.text();
    let known = [key];
    let note = signed_note::open(note.as_bytes(), &known).unwrap();
    let lines: Vec<&str> = note.text.lines().collect();
    assert!(lines[0].starts_with("gateward/") && lines[0] == known[0].id().name, "{lines:?}");
    let size: u64 = lines[1].parse().unwrap();
    let mut edge = Edge::default();
    let rows = door.database().rows("SELECT entry FROM event ORDER BY position");
    for row in rows.iter().take(usize::try_from(size).unwrap()) {
        edge.append(Hash::of_leaf(&Entry(bytes(&row[0]))), |_| {});
    }
    assert_eq!(lines[2], edge.root().to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn tiles_are_for_operators_and_cover_what_was_signed() {
    let door = Installation::open().await;
    let (note, good) = door.command(&["audit", "checkpoint"]);
    assert!(good, "{note}");
    let size: usize = note.lines().nth(1).unwrap().parse().unwrap();
    let path = format!("/tile/0/000.p/{size}");
    assert_eq!(ask(&door, &path, None).await.status, 401);
    let answer = ask(&door, &path, Some(operator(&door))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let tile = Tile::from_bytes(&answer.body).unwrap();
    let mut edge = Edge::default();
    tile.hashes().iter().for_each(|hash| edge.append(*hash, |_| {}));
    assert_eq!(note.lines().nth(2).unwrap(), edge.root().to_string());
    let entries = ask(&door, &format!("/tile/entries/000.p/{size}"), Some(operator(&door))).await;
    let entries = audit_log::read_bundle(&entries.body).unwrap();
    assert!(entries.iter().map(Hash::of_leaf).eq(tile.hashes().iter().copied()));
    for beyond in
        ["/tile/0/000.p/255", "/tile/0/000", "/tile/1/000.p/1", "/tile/0/0", "/tile/0/000.p/0", "/tile/9/000"]
    {
        assert_eq!(ask(&door, beyond, Some(operator(&door))).await.status, 404, "{beyond}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_signed_of_a_log_that_is_not_what_was_signed_before() {
    let mut door = Installation::open().await;
    door.stop().await;
    let (note, good) = door.command(&["audit", "checkpoint"]);
    assert!(good, "{note}");
    let size: i64 = note.lines().nth(1).unwrap().parse().unwrap();
    // Whoever owns the database can.
    let edge = door.database().value("SELECT edge FROM log_head");
    let (kept, last) = edge.split_at(edge.len() - 2);
    let other = format!("{kept}{}", if last == "00" { "01" } else { "00" });
    let other = match door.database() {
        StoreUnderTest::Sqlite(_) => format!("X'{}'", other.trim_start_matches("\\x")),
        StoreUnderTest::Postgres(_) => format!("'{other}'"),
    };
    door.database().execute(&format!("UPDATE log_head SET edge = {other}"));
    let refused = checkpoint::sign(&door.door().await, door.now()).await.unwrap_err();
    assert!(matches!(refused, checkpoint::Error::Disagrees { size: signed } if signed == size), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_the_log_is_not_changed_by_mistake() {
    let door = Installation::open().await;
    let (note, good) = door.command(&["audit", "checkpoint"]);
    assert!(good, "{note}");
    for statement in [
        "UPDATE checkpoint SET size = size + 1",
        "DELETE FROM checkpoint",
        "UPDATE log SET origin = 'another'",
        "DELETE FROM log",
    ] {
        let refused = door.database().try_execute(statement).unwrap_err();
        assert!(refused.contains("never changed"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_cut_takes_nothing_more() {
    let mut door = Installation::open().await;
    door.stop().await;
    let open = match door.database() {
        StoreUnderTest::Sqlite(_) => "DROP TRIGGER event_is_never_deleted",
        StoreUnderTest::Postgres(_) => "ALTER TABLE event DISABLE TRIGGER ALL",
    };
    door.database().execute(open);
    door.database().execute("DELETE FROM event WHERE position = (SELECT max(position) FROM event)");
    let (opened, now) = (door.door().await, door.now());
    opened.recorder.note_failure(now, "a test");
    let refused = opened.recorder.close_gap(now).await.unwrap_err().to_string();
    assert!(refused.contains("somebody changed the store"), "{refused}");
}
