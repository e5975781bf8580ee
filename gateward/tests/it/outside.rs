//! A verifier in Python that knows nothing of our code looks at a running server.

use std::path::Path;
use std::process::Command;

use crate::support::Installation;
use crate::tampering::checkpoint;

/// Asks the verifier; says what it found wrong, if anything.
fn python(arguments: &[&str]) -> Result<(), String> {
    let verifier = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/audit-log/tests/verify.py");
    let done = Command::new("python3").arg("-B").arg(verifier).args(arguments).output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    match done.status.code() {
        Some(0) => Ok(()),
        Some(1) if said.starts_with("wrong: ") => Err(said),
        other => panic!("{other:?}: {said}"),
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn flip(path: &Path, at: usize) {
    let mut content = std::fs::read(path).unwrap();
    content[at] ^= 1;
    std::fs::write(path, content).unwrap();
}

/// An installation with more events than a tile has, all of them signed.
async fn signed() -> (Installation, String) {
    let door = Installation::open().await;
    let opened = door.door().await;
    for _ in 0..300 {
        opened.recorder.note_failure(door.now(), "a test");
        opened.recorder.close_gap(door.now()).await.unwrap();
    }
    checkpoint(&door);
    let key = door.command(&["audit", "key"]).0.trim().to_owned();
    (door, key)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outside_verifier_believes_what_a_running_server_shows_and_nothing_that_was_changed() {
    let (door, key) = signed().await;
    let (url, tiles) = (format!("https://localhost:{}", door.bound().admin.port()), door.path("tiles"));
    let (ca, login) = (door.path("ca.pem"), door.path("operator.txt"));
    tokio::task::block_in_place(|| python(&["fetch", &url, text(&ca), text(&login), text(&tiles)])).unwrap();
    python(&["tiles", text(&tiles), &key]).unwrap();
    // A full tile, partial ones, and one over a full one.
    for part in ["checkpoint", "tile/0/000", "tile/1/000.p/1", "tile/entries/000"] {
        let part = tiles.join(part);
        let content = std::fs::read(&part).unwrap();
        for at in [0, content.len() / 2, content.len() - 2] {
            flip(&part, at);
            python(&["tiles", text(&tiles), &key]).unwrap_err();
            std::fs::write(&part, &content).unwrap();
        }
        std::fs::write(&part, &content[..content.len() - 1]).unwrap();
        python(&["tiles", text(&tiles), &key]).unwrap_err();
        std::fs::write(&part, &content).unwrap();
    }
    python(&["tiles", text(&tiles), &key]).unwrap();
    let (_other, stranger) = signed().await;
    python(&["tiles", text(&tiles), &stranger]).unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outside_verifier_believes_the_proof_of_an_event_and_of_no_other() {
    let (door, key) = signed().await;
    let entry = |position: u64| {
        let entry = door.database().value(&format!("SELECT entry FROM event WHERE position = {position}"));
        entry.trim_start_matches("\\x").to_owned()
    };
    let proof = door.path("proof");
    for position in [0, 255, 256, 290] {
        let id = door.database().value(&format!("SELECT id FROM event WHERE position = {position}"));
        let (said, good) = door.command(&["audit", "prove", &id]);
        assert!(good, "{said}");
        std::fs::write(&proof, &said).unwrap();
        python(&["proof", text(&proof), &entry(position), &key]).unwrap();
        python(&["proof", text(&proof), &entry(position + 1), &key]).unwrap_err();
        for at in (0..said.len()).step_by(said.len() / 12) {
            flip(&proof, at);
            python(&["proof", text(&proof), &entry(position), &key]).unwrap_err();
            std::fs::write(&proof, &said).unwrap();
        }
    }
}
