//! Batches and transactions: each entry is decided and recorded on its own.

use super::door::{ALL, Door, outcome};
use super::gnupg::Gnupg;
use super::stand_in::StandIn;
use super::upstream::Upstream;

const TRANSACTION: &str = r#"{"resourceType":"Bundle","type":"transaction","entry":[
    {"fullUrl":"urn:uuid:7e6f0b3e-5e4a-4c55-a1f4-0b8f0f3a2f11",
     "resource":{"resourceType":"Patient","identifier":[{"system":"urn:ids","value":"8"}]},
     "request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=urn:ids|8"}},
    {"resource":{"resourceType":"Observation","status":"final","code":{"text":"x"},
                 "subject":{"reference":"urn:uuid:7e6f0b3e-5e4a-4c55-a1f4-0b8f0f3a2f11"}},
     "request":{"method":"POST","url":"Observation"}}]}"#;

#[test]
fn each_entry_of_a_transaction_is_an_event_and_what_it_made_is_known() {
    let gnupg = Gnupg::new();
    let (issuer, upstream) = (gnupg.issuer(), Upstream::start());
    let door = Door::before(upstream.url(), ALL, &issuer);
    let answer = door.good("POST", "", TRANSACTION);
    assert_eq!(answer["type"], "transaction-response", "{answer}");

    let admitted = door.newest("admitted");
    assert_eq!(
        (&admitted["body"]["interaction"], &admitted["body"]["entries"]),
        (&"transaction".into(), &2.into())
    );
    let shown = door.json(&["audit", "show", admitted["body"]["transaction"].as_str().unwrap()]);
    let entries: Vec<_> = shown.iter().filter(|event| event["body"]["kind"] == "entry_admitted").collect();
    let said = |at: usize, name: &str| entries[at]["body"][name].to_string();
    assert_eq!(
        (said(0, "entry"), said(0, "interaction"), said(0, "resource")),
        ("0".into(), "\"create\"".into(), "\"Patient\"".into())
    );
    assert_eq!((said(1, "entry"), said(1, "path")), ("1".into(), "\"/Observation\"".into()));
    assert_eq!(entries[0]["personal"]["patients"], serde_json::json!(["urn:ids|8"]));

    let begun = std::time::Instant::now();
    while door.events("ended").is_empty() {
        assert!(begun.elapsed() < std::time::Duration::from_secs(10));
    }
    assert!(door.newest("ended")["body"]["patients"].as_u64().is_some_and(|patients| patients > 0));

    let patient = answer["entry"][0]["response"]["location"].as_str().unwrap_or_default();
    let patient = answer["entry"][0]["resource"]["id"]
        .as_str()
        .map_or(patient.to_owned(), |id| format!("Patient/{id}"));
    assert!(door.named_in(&admitted["body"]["transaction"]).contains(&patient), "{patient}");
}

#[test]
fn one_entry_that_nothing_grants_refuses_all_and_nothing_goes_upstream() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let upstream = StandIn::answering(|_, _| unreachable!("nothing of this goes upstream"));
    let door = Door::before(&format!("{}/fhir", upstream.url()), "resources = [\"Patient\"]", &issuer);
    for bundle in [TRANSACTION.to_owned(), TRANSACTION.replace("transaction", "batch")] {
        let said = outcome(&door.ask("POST", "/", &bundle), 403, "forbidden");
        assert!(said.contains("entry 1: nothing grants to create Observation"), "{said}");
        let refused = door.newest("request_refused");
        assert_eq!(refused["personal"]["patients"], serde_json::json!(["urn:ids|8"]));
    }
    let hidden = TRANSACTION.replace("\"url\":\"Observation\"", "\"url\":\"/Observation\"");
    let said = outcome(&door.ask("POST", "/", &hidden), 400, "invalid");
    assert!(said.contains("ntry 1: "), "{said}");
    assert_eq!(upstream.received().len(), 0);
}
