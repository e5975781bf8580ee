//! Reading the log: recorded first, and a report on one person.

use jiff::SignedDuration;
use serde_json::Value;

use crate::support::Installation;

const DAY: SignedDuration = SignedDuration::from_hours(24);

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_the_log_is_recorded_with_what_they_asked_for_and_how_much_they_saw() {
    let door = Installation::open().await;
    let login = door.exchange(&door.token("a@example.org", "/epos/demo", DAY)).await;
    assert_eq!(door.fetch(&login).await.status, 200);
    let (listed, yes) = door.command(&["audit", "search", "--who", &login.0]);
    assert!(yes);
    let (_, found) = door.command(&["audit", "show", "no-such"]);
    assert!(!found);
    let read: Vec<_> =
        door.events().into_iter().filter(|event| event.body().contains("\"log_read\"")).collect();
    let said = |at: usize| -> (Value, Value) {
        let personal = read[at].personal.as_deref().unwrap();
        (serde_json::from_str(read[at].body()).unwrap(), serde_json::from_str(personal).unwrap())
    };
    let (searched, asked) = said(0);
    assert_eq!(searched["how"], "search");
    assert_eq!(searched["events"], listed.lines().count());
    assert!(searched["who"].as_str().unwrap().starts_with("os:"));
    assert_eq!(asked["target"], format!("--who {}", login.0));
    let (shown, asked) = said(1);
    assert_eq!(
        (&shown["how"], &shown["events"], &asked["target"]),
        (&"show".into(), &0.into(), &"no-such".into())
    );
    assert_eq!(read.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_on_a_person_has_a_line_for_each_request_in_every_form() {
    let door = Installation::open().await;
    let login = door.exchange(&door.token("a@example.org", "/epos/demo", DAY)).await;
    assert_eq!(door.fetch(&login).await.status, 200);
    let other = door.exchange(&door.token("b@example.org", "/epos/other", DAY)).await;
    assert_eq!(door.fetch(&other).await.status, 403);
    let report = |person: &str, format: &str| {
        let (text, yes) = door.command(&["audit", "report", "--person", person, "--format", format]);
        assert!(yes);
        text
    };
    let lines: Vec<Value> =
        report(&login.0, "json").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!((&lines[0]["kind"], &lines[1]["kind"]), (&"exchanged".into(), &"released".into()));
    assert!(lines[1]["what"].as_str().unwrap().starts_with("GET "), "{lines:?}");
    // Only the exchange knows the mail address: what the login did is found by the login that it gave.
    let by_mail = report("a@example.org", "json");
    assert_eq!(by_mail.lines().collect::<Vec<_>>(), report(&login.0, "json").lines().collect::<Vec<_>>());
    let refused = report(&other.0, "csv");
    assert_eq!(refused.lines().count(), 3, "{refused}");
    assert!(refused.starts_with("at,outcome,service,who,") && refused.contains("refused"), "{refused}");
    let page = report(&other.0, "html");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("refused"), "{page}");
    assert!(report("nobody", "html").contains("Nothing is recorded."));
    let reads = door.bodies("log_read");
    assert!(reads.iter().all(|read| read["how"] == "report"), "{reads:?}");
    // A form that another command has is refused before anything is opened.
    assert!(!door.command(&["login", "list", "--format", "csv"]).1);
    assert!(!door.command(&["audit", "search", "--format", "html"]).1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_with_proof_is_verified_with_the_key_alone_and_not_once_it_was_changed() {
    let door = Installation::open().await;
    let login = door.exchange(&door.token("a@example.org", "/epos/demo", DAY)).await;
    assert_eq!(door.fetch(&login).await.status, 200);
    let key = door.command(&["audit", "key"]).0;
    let written = door.command(&["audit", "checkpoint"]).0;
    let kept = door.path("kept");
    std::fs::write(&kept, written).unwrap();
    let verify = |file: &std::path::Path| {
        let file = file.to_str().unwrap();
        let (said, good) = door.command(&["audit", "verify", "--export", file, "--key", key.trim()]);
        let kept = ["--checkpoint", kept.to_str().unwrap()];
        let by_kept =
            door.command(&[&["audit", "verify", "--export", file, "--key", key.trim()], &kept[..]].concat());
        assert_eq!(by_kept.1, good, "{said} {}", by_kept.0);
        (said, good)
    };
    let whole = door.path("whole.ndjson");
    let before = door.events().len();
    let (_, made) =
        door.command(&["audit", "export", "--format", "ndjson", "--out", whole.to_str().unwrap()]);
    assert!(made);
    let (said, good) = verify(&whole);
    assert!(good && said.starts_with(&format!("good: {before} events")), "{said}");
    let read = door.bodies("log_read");
    assert_eq!((&read[0]["how"], &read[0]["events"]), (&"export".into(), &before.into()));

    let text = std::fs::read_to_string(&whole).unwrap();
    let changed = door.path("changed.ndjson");
    std::fs::write(&changed, text.replacen("\"exchanged\"", "\"exchangen\"", 1)).unwrap();
    let (said, good) = verify(&changed);
    assert!(!good && said.contains("WRONG"), "{said}");

    // A stretch, of which a checkpoint that is older says nothing.
    let middle = &door.events()[3].recorded_at;
    let (part, made) = door.command(&["audit", "export", "--format", "ndjson", "--since", middle]);
    assert!(made && part.starts_with("{\"audit_export\":1,"), "{part}");
    let file = door.path("part.ndjson");
    std::fs::write(&file, part).unwrap();
    let file = file.to_str().unwrap();
    let (said, good) = door.command(&["audit", "verify", "--export", file, "--key", key.trim()]);
    assert!(good, "{said}");
    let (none, made) = door.command(&["audit", "export", "--format", "ndjson", "--until", "2020-01-01"]);
    assert!(made && none.lines().count() == 2, "{none}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_is_recorded_first_and_whole_in_each_form() {
    let door = Installation::open().await;
    let login = door.exchange(&door.token("a@example.org", "/epos/demo", DAY)).await;
    assert_eq!(door.fetch(&login).await.status, 200);
    let before = door.events().len();
    let file = door.path("log.csv");
    let out = file.to_str().unwrap();
    assert!(door.command(&["audit", "export", "--format", "csv", "--out", out]).1);
    let csv = std::fs::read_to_string(&file).unwrap();
    assert_eq!(csv.lines().count(), before + 1);
    assert!(!door.command(&["audit", "export", "--format", "csv", "--out", out]).1, "what is there stays");
    let (bundle, _) = door.command(&["audit", "export", "--format", "fhir-bundle"]);
    let bundle: Value = serde_json::from_str(&bundle).unwrap();
    let read = door.bodies("log_read");
    assert_eq!(read.len(), 2, "what was not made was not recorded either");
    assert!(read.iter().all(|read| read["how"] == "export"));
    assert_eq!(read[0]["events"], before);
    assert_eq!(bundle["entry"].as_array().unwrap().len(), before + 1);
    let (none, _) = door.command(&["audit", "export", "--format", "fhir-bundle", "--until", "2020-01-01"]);
    assert!(serde_json::from_str::<Value>(&none).unwrap()["entry"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_ahead_of_the_clock_is_not_shown_and_why_is_said_on_sqlite() {
    let mut door = Installation::open().await;
    door.pass(SignedDuration::from_hours(2));
    door.exchange(&door.token("a@example.org", "/epos/demo", DAY)).await;
    door.stop().await;
    for arguments in [&["audit", "search"][..], &["audit", "report", "--person", "a@example.org"]] {
        let ran = door.run(arguments);
        let said = String::from_utf8(ran.stderr).unwrap();
        assert_eq!((ran.status.code(), ran.stdout.as_slice()), (Some(2), &b""[..]), "{said}");
        assert!(said.contains("recorded first, and cannot be"), "{said}");
        assert!(
            said.contains("is behind the newest event") && said.contains("set it right, or wait"),
            "{said}"
        );
    }
    let verified = door.run(&["audit", "verify"]);
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success(), "it shows nobody anything: {said}");
}
