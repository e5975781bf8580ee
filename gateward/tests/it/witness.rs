//! A second installation that cosigns the checkpoints of the first, and only one history of them.

use std::time::{Duration, Instant};

use audit_log::{AddCheckpoint, Checkpoint};
use gateward::config::Listen;
use gateward::flows::witness;
use jiff::SignedDuration;
use signed_note::{CosignerKey, VerifierKey, cosignatures};

use crate::cluster::patience::eventually;
use crate::support::{Installation, PATIENCE};

fn printed(door: &Installation, arguments: &[&str]) -> String {
    let (text, good) = door.command(arguments);
    assert!(good, "{text}");
    text.trim().to_owned()
}

/// An installation that knows the log of `log` as witness, and `log`, which has it for an anchor from now on.
async fn witnessed() -> (Installation, Installation) {
    let (mut log, mut other) = (Installation::open().await, Installation::open().await);
    let key = printed(&log, &["audit", "key"]);
    other
        .change(|text| format!("{text}\n[audit]\nname = \"witness.example.org\"\nwitness = [\"{key}\"]\n"))
        .await;
    let key = printed(&other, &["audit", "key", "--witness"]);
    let Listen::Address(at) = other.bound().public else { unreachable!() };
    let (port, ca) = (at.port(), other.path("ca.pem"));
    let anchor = format!(
        "[audit]\ncheckpoint = \"1s\"\n\
         anchor = {{ witness = \"https://localhost:{port}/witness\", key = \"{key}\", ca = \"{}\" }}\n",
        ca.display()
    );
    log.change(|text| format!("{text}\n{anchor}")).await;
    (log, other)
}

fn seen(witness: &Installation) -> u64 {
    let seen = witness.database().value("SELECT coalesce(max(size), 0) FROM witnessed");
    seen.parse().unwrap()
}

async fn record(door: &Installation, logins: usize) -> u64 {
    for number in 0..logins {
        let token = door.token(&format!("{number}@example.org"), "/epos/demo", SignedDuration::from_hours(1));
        let login = door.exchange(&token).await;
        door.fetch(&login).await;
    }
    door.database().value("SELECT next_position FROM log_head").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_second_gateward_has_cosigned_is_shown_and_a_store_behind_it_serves_nothing() {
    let (mut log, witness) = witnessed().await;
    let older = log.database().keep();
    let size = record(&log, 2).await;
    eventually("it is cosigned", PATIENCE, || seen(&witness) >= size);
    let key: CosignerKey = printed(&witness, &["audit", "key", "--witness"]).parse().unwrap();
    let begun = Instant::now();
    loop {
        let note = log.operators("/checkpoint").await.text();
        if cosignatures(note.as_bytes(), std::slice::from_ref(&key)).unwrap().len() == 1 {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{note}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (said, good) = log.command(&["audit", "anchors"]);
    assert!(good && said.contains("witness:https://localhost"), "{said}");

    // Under the running server, and at the next start.
    log.database().put_back(&older);
    let begun = Instant::now();
    let said = loop {
        let answer = log.operators("/readyz").await;
        if answer.status == 503 || begun.elapsed() > PATIENCE {
            break answer.text();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(said.contains("witness:https://localhost") && said.contains("the store has"), "{said}");
    log.stop().await;
    let refused = log.try_start().await.unwrap_err().to_string();
    assert!(refused.contains("witness:https://localhost") && refused.contains("audit recover"), "{refused}");
    let recovered = log.command(&["audit", "recover"]);
    assert!(recovered.1, "{}", recovered.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_cosigns_one_history_however_many_ask_at_once() {
    let (log, other) = (Installation::open().await, Installation::open().await);
    let key: VerifierKey = printed(&log, &["audit", "key"]).parse().unwrap();
    let origin = key.id().name.clone();
    let (opened, now) = (log.door().await, other.now());
    let signer = opened.keyring.log_signer(&origin).unwrap().unwrap();
    let ask = |old, size, root: u8| {
        let checkpoint = Checkpoint::new(&origin, size, audit_log::Hash([root; 32])).unwrap();
        AddCheckpoint { old, proof: Vec::new(), checkpoint: checkpoint.sign(&signer).unwrap() }.to_string()
    };
    let door = std::sync::Arc::new(other.door().await);
    let asking: Vec<_> = (1..=8)
        .map(|root| {
            let (door, body, key) = (std::sync::Arc::clone(&door), ask(0, 7, root), key.clone());
            let logs = [key];
            tokio::spawn(async move {
                witness::cosign(&door, ("w.example.org", &logs), body.as_bytes(), now).await
            })
        })
        .collect();
    let mut cosigned = 0;
    for asked in asking {
        match asked.await.unwrap() {
            Ok(_) => cosigned += 1,
            Err(witness::Error::Refused(refusal)) => assert_eq!(refusal.status(), 409, "{refusal}"),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(cosigned, 1, "eight histories, and one of them is cosigned");
    let status = async |body: String| {
        let logs = [key.clone()];
        match witness::cosign(&door, ("w.example.org", &logs), body.as_bytes(), now).await {
            Err(witness::Error::Refused(refusal)) => refusal.status(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(status(ask(7, 9, 1)).await, 422, "nothing proves that it continues");
    assert_eq!(status(ask(3, 9, 1)).await, 409);
    assert_eq!(status(ask(9, 7, 1)).await, 400);
    assert_eq!(status(ask(7, 9, 1).replace(&origin, "gateward/other")).await, 404);
    assert_eq!(status(ask(7, 9, 1).replace("\n9\n", "\n8\n")).await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_answers_as_the_specification_says_and_nobody_else_does() {
    let (log, witness) = witnessed().await;
    eventually("it is cosigned", PATIENCE, || seen(&witness) >= 1);
    let post = async |door: &Installation, body: &str| {
        door.connect().await.post("/witness/add-checkpoint", body.to_owned()).await.unwrap()
    };
    assert_eq!(post(&witness, "old one\n\n").await.status, 400);
    assert_eq!(post(&witness, "old 0\n\ngateward/x\n1\n\n").await.status, 404);
    assert_eq!(post(&witness, &"x".repeat(100_000)).await.status, 400);
    // A checkpoint of the log itself, with an old size of which nothing is known.
    let (note, good) = log.command(&["audit", "checkpoint"]);
    assert!(good);
    let answer = post(&witness, &format!("old 1\n\n{note}")).await;
    assert_eq!(answer.status, 409);
    assert_eq!(answer.text().trim().parse::<u64>().unwrap(), seen(&witness));
    // The first is nobody's witness.
    assert_eq!(post(&log, "old 0\n\ngateward/x\n1\n\n").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_records_a_second_history_with_the_proof_of_it_and_a_flood_of_them_as_a_count() {
    let (mut log, witness) = witnessed().await;
    eventually("it is cosigned", PATIENCE, || seen(&witness) >= 1);
    log.stop().await;
    let size = seen(&witness);
    let origin = printed(&log, &["audit", "key"]).parse::<VerifierKey>().unwrap().id().name.clone();
    let signer = log.door().await.keyring.log_signer(&origin).unwrap().unwrap();
    let other =
        |size| Checkpoint::new(&origin, size, audit_log::Hash([7; 32])).unwrap().sign(&signer).unwrap();
    let ask = async |note: &str| {
        let body = format!("old {size}\n\n{note}");
        witness.connect().await.post("/witness/add-checkpoint", body).await.unwrap().status
    };
    assert_eq!(ask(&other(size)).await, 409);
    assert_eq!(ask(&other(size + 1)).await, 422);
    let forks = witness.bodies("log_forked");
    assert_eq!(forks.len(), 2, "{forks:?}");
    for (fork, shown) in forks.iter().zip([other(size), other(size + 1)]) {
        assert_eq!((&fork["log"], &fork["shown"]), (&origin.as_str().into(), &shown.into()), "{fork}");
        let cosigned = fork["cosigned"].as_str().unwrap();
        assert!(cosigned.starts_with(&format!("{origin}\n{size}\n")), "{fork}");
        assert_eq!(fork["outcome"], "refused");
    }
    let (listed, _) = witness.command(&["audit", "search", "--outcome", "refused"]);
    assert!(listed.contains("log_forked"), "{listed}");
    for _ in 0..30 {
        assert_eq!(ask(&other(size)).await, 409);
    }
    assert_eq!(witness.bodies("log_forked").len(), 10);
    assert_eq!(witness.bodies("failures_summarised").len(), 1);
    // What is merely late is no fork.
    assert_eq!(ask(&other(size - 1)).await, 400);
    assert_eq!(witness.bodies("log_forked").len(), 10);
}
