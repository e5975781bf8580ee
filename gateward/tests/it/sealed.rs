//! Parameters of requests that an auditor alone can read.

use gateward::flows::record::{Happened, LogReading, Personal, What};
use serde_json::Value;

use crate::log::Log as _;
use crate::support::Installation;

const PUBLIC: &str = include_str!("../shared/auditor/public.asc");
const FINGERPRINT: &str = "389F9E173BD7A072079E4F6E4AF077B5A8A910EA";
const ASKED: &str = "/Patient?family=Sealedname";

async fn seal(door: &mut Installation, fingerprint: &str) {
    door.stop().await;
    std::fs::write(door.path("auditor.asc"), PUBLIC).unwrap();
    let file = door.path("gateward.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let seal = format!("\n[audit]\nseal = {{ key = \"auditor.asc\", fingerprint = \"{fingerprint}\" }}\n");
    std::fs::write(&file, text + &seal).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_parameters_stand_nowhere_and_every_reader_says_that_they_are_sealed() {
    let mut door = Installation::open().await;
    seal(&mut door, FINGERPRINT).await;
    door.start().await;
    let personal = Personal { target: Some(ASKED.into()), ..Personal::default() };
    let happened =
        Happened { personal, ..Happened::done(What::LogRead { how: LogReading::Search, events: 0 }) };
    let open = door.door().await;
    open.recorder.commit(None, Vec::new(), &[happened], door.now()).await.unwrap();
    drop(open);
    let event = door.events().into_iter().find(|event| event.body().contains("sealed_to")).unwrap();
    let body: Value = serde_json::from_str(event.body()).unwrap();
    assert_eq!(body["sealed_to"], FINGERPRINT);
    let stored = door.database().bytes();
    assert!(!stored.windows(10).any(|window| window == b"Sealedname"), "it stands in the database");
    let (shown, _) = door.command(&["audit", "show", &event.id]);
    assert!(shown.contains("found by no search") && !shown.contains("BEGIN PGP"), "{shown}");
    let (listed, _) = door.command(&["audit", "search"]);
    assert!(listed.contains("target=(sealed)"), "{listed}");
    let (told, _) = door.command(&["audit", "export", "--format", "fhir-bundle"]);
    assert!(told.contains("sealed to the OpenPGP key") && !told.contains("BEGIN PGP"), "{told}");
    door.database().check();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seal_with_another_key_stops_the_start_and_the_check_says_why() {
    let mut door = Installation::open().await;
    seal(&mut door, "4C1E7A90D35B62F81A7790E48FD98B2183B2C228").await;
    let refused = door.try_start().await.unwrap_err().to_string();
    assert!(refused.contains("[audit] seal") && refused.contains("correct fingerprint"), "{refused}");
    let (findings, good) = door.command(&["config", "check"]);
    assert!(!good && findings.contains("correct fingerprint"), "{findings}");
}
