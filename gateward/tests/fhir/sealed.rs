//! What was searched for, sealed to an auditor who has GnuPG.

use super::door::Door;
use super::gnupg::Gnupg;
use super::upstream::Upstream;

#[test]
fn gpg_opens_what_was_searched_for_and_nobody_else_reads_it() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let issuer = gnupg.issuer();
    let auditor = gnupg.issuer_with("auditor", "rsa3072", "sign,cert,encrypt");
    let door = Door::sealing(upstream.url(), &issuer, &auditor);
    door.good("GET", "/Patient?family=Sealedname&birthdate=1970-01-01", "");
    let form = ["--data", "family=Sealedname", "--header", "Accept: application/fhir+json"];
    assert_eq!(door.ask_with("POST", "/Patient/_search", "", &form).status, 200);
    // What a conditional create looks for first is a question, too.
    let create = ["--header", "If-None-Exist: family=Sealedname&birthdate=1971-01-01"];
    let patient = r#"{"resourceType":"Patient"}"#;
    let made = door.ask_with("POST", "/Patient", patient, &create);
    assert!((200..300).contains(&made.status), "{}", made.text());
    let events = door.json(&["audit", "search"]);
    let sealed = events.iter().filter(|event| event["body"]["sealed_to"] == auditor.fingerprint.as_str());
    let texts: Vec<_> = sealed.map(|event| event["personal"]["target"].as_str().unwrap()).collect();
    let opened: Vec<_> = texts.iter().map(|text| gnupg.text(&["--decrypt"], text.as_bytes())).collect();
    for wanted in [
        "/Patient?family=Sealedname&birthdate=1970-01-01",
        "/Patient/_search?family=Sealedname",
        "/Patient?family=Sealedname&birthdate=1971-01-01",
    ] {
        assert!(opened.iter().any(|asked| asked == wanted), "{wanted}: {opened:?}");
    }
    assert!(!serde_json::to_string(&events).unwrap().contains("Sealedname"));
}
