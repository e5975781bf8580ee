//! What requests mean: one by one, and entry by entry.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

use fhir::{Asked, Body, Bundle, NotUnderstood, Request};

fn asked<'a>(method: &'a str, url: &'a str) -> Asked<'a> {
    let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query)));
    Asked { method, path, query, content_type: Some("application/fhir+json"), ..Asked::default() }
}

fn read(method: &str, url: &str, body: &str) -> Result<Request, NotUnderstood> {
    Request::read(&Asked { body: body.as_bytes(), ..asked(method, url) })
}

/// The words of the first part, what it searches, what it gives, whom it names.
fn said(method: &str, url: &str, body: &str) -> (String, String, String, String) {
    let request = read(method, url, body).unwrap_or_else(|why| panic!("{method} {url}: {why}"));
    let part = &request.parts[0];
    let patients: Vec<String> = part.patients.iter().map(ToString::to_string).collect();
    (part.words(), part.searches.to_string(), part.gives.to_string(), patients.join(" "))
}

fn words(method: &str, url: &str, body: &str) -> String {
    said(method, url, body).0
}

const PATIENT: &str =
    r#"{"resourceType":"Patient","id":"1","identifier":[{"system":"urn:ids","value":"7"}]}"#;
const OBSERVATION: &str = r#"{"resourceType":"Observation","subject":{"reference":"Patient/1"}}"#;

#[test]
fn every_interaction_of_r4_is_known() {
    for (method, url, body, expected) in [
        ("GET", "/metadata", "", "capabilities"),
        ("GET", "/Patient/1", "", "read Patient"),
        ("HEAD", "/Patient/1", "", "read Patient"),
        ("GET", "/Patient/1/_history/2", "", "vread Patient"),
        ("GET", "/Patient?name=x", "", "search-type Patient"),
        ("POST", "/Patient", r#"{"resourceType":"Patient"}"#, "create Patient"),
        ("PUT", "/Patient/1", PATIENT, "update Patient"),
        ("PUT", "/Patient?identifier=urn:ids|7", r#"{"resourceType":"Patient"}"#, "update Patient"),
        ("DELETE", "/Patient/1", "", "delete Patient"),
        ("DELETE", "/Patient?identifier=7", "", "delete Patient"),
        ("GET", "/Patient/1/_history", "", "history-instance Patient"),
        ("GET", "/Patient/_history", "", "history-type Patient"),
        ("GET", "/_history", "", "history-system"),
        ("GET", "/?_type=Patient", "", "search-system"),
        ("GET", "/Patient/1/Observation", "", "search-type Patient"),
        ("GET", "/Patient/1/*", "", "search-type Patient"),
        ("GET", "/Patient/1/$everything", "", "operation $everything Patient"),
        ("POST", "/Patient/$match", r#"{"resourceType":"Parameters"}"#, "operation $match Patient"),
        (
            "POST",
            "/$process-message",
            r#"{"resourceType":"Bundle","type":"message"}"#,
            "operation $process-message",
        ),
    ] {
        assert_eq!(words(method, url, body), expected, "{method} {url}");
    }
}

#[test]
fn an_operation_changes_something_unless_r4_says_that_it_does_not() {
    let changes = |method, url| read(method, url, "").unwrap().changes();
    assert!(!changes("GET", "/Patient/1/$everything"));
    assert!(!changes("POST", "/Patient/$validate"));
    for url in ["/$reindex", "/Patient/1/$purge", "/$export", "/Measure/1/$submit-data"] {
        assert!(changes("GET", url), "{url}");
    }
}

#[test]
fn a_change_by_criteria_is_a_search_as_well() {
    let update = said("PUT", "/Observation?patient.name=x", r#"{"resourceType":"Observation"}"#);
    assert_eq!(update.1, "Observation Patient");
    assert_eq!(said("DELETE", "/Patient?identifier=urn:ids|7", "").3, "urn:ids|7");
    assert_eq!(said("DELETE", "/Patient/1", "").1, "");

    let create = Asked {
        if_none_exist: Some("identifier=urn:ids|7"),
        body: br#"{"resourceType":"Patient"}"#,
        ..asked("POST", "/Patient")
    };
    let request = Request::read(&create).unwrap();
    assert_eq!(request.parts[0].searches.to_string(), "Patient");
    assert_eq!(request.parts[0].patients[0].to_string(), "urn:ids|7");
    assert_eq!(request.if_none_exist.as_deref(), Some("identifier=urn:ids%7C7"));
    assert_eq!(request.target, "/Patient", "what is sent on has the criteria in its head");
    assert_eq!(request.parts[0].target, "/Patient?identifier=urn:ids%7C7", "what is recorded says them");
    let entry = r#"{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Patient"},
        "request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=urn:ids|7"}}]}"#;
    assert_eq!(read("POST", "/", entry).unwrap().parts[0].target, "/Patient?identifier=urn:ids%7C7");

    let refers = r#"{"resourceType":"Observation","subject":{"reference":"Patient?identifier=urn:ids|7"}}"#;
    let (_, searches, _, patients) = said("POST", "/Observation", refers);
    assert_eq!((searches.as_str(), patients.as_str()), ("Patient", "urn:ids|7"));
}

#[test]
fn a_compartment_names_its_patient_and_gives_what_is_asked_of_it() {
    let (_, searches, gives, patients) = said("GET", "/Patient/1/Observation?code=x", "");
    assert_eq!(
        (searches.as_str(), gives.as_str(), patients.as_str()),
        ("Observation", "Observation", "Patient/1")
    );
    assert_eq!(said("GET", "/Patient/1/*", "").2, "*");
    assert_eq!(said("GET", "/Patient/1/*?_type=Condition,Observation", "").2, "Condition Observation");
    assert_eq!(said("GET", "/Encounter/1/Observation", "").3, "");
}

#[test]
fn a_body_names_whoever_it_is_about() {
    assert_eq!(said("POST", "/Observation", OBSERVATION).3, "Patient/1");
    assert_eq!(said("PUT", "/Patient/1", PATIENT).3, "Patient/1");
    let unborn = PATIENT.replace(r#""id":"1","#, "");
    assert_eq!(said("POST", "/Patient", &unborn).3, "urn:ids|7");
    let patch = r#"[{"op":"replace","path":"/subject/reference","value":"Patient/2"}]"#;
    let patch = Asked {
        content_type: Some("application/json-patch+json"),
        body: patch.as_bytes(),
        ..asked("PATCH", "/Observation/5")
    };
    assert_eq!(Request::read(&patch).unwrap().parts[0].patients[0].to_string(), "Patient/2");
}

#[test]
fn the_upstream_is_asked_in_one_spelling_and_for_json() {
    let request = read("GET", "/Pat%69ent/?name=a;b%2Cc+d&_format=json", "").unwrap();
    assert_eq!(request.target, "/Patient?name=a%3Bb,c%20d");
    assert_eq!(read("GET", "", "").unwrap().target, "/");

    let form = Asked {
        content_type: Some("application/x-www-form-urlencoded"),
        body: b"identifier=urn:ids|7&_format=json",
        ..asked("POST", "/Patient/_search?_count=2")
    };
    let request = Request::read(&form).unwrap();
    assert_eq!(request.target, "/Patient/_search?_count=2");
    assert_eq!(request.body, Body::Form("identifier=urn:ids%7C7".into()));
    assert_eq!(request.parts[0].patients[0].to_string(), "urn:ids|7");
    assert_eq!(request.parts[0].target, "/Patient/_search?_count=2&identifier=urn:ids%7C7");
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    for (method, url, body) in [
        ("POST", "/Patient", OBSERVATION),
        ("PUT", "/Patient/2", PATIENT),
        ("POST", "/Patient", r#"{"resourceType":"Patient","resourceType":"Observation"}"#),
        ("POST", "/Patient", r#"{"resourceType":"Patient","resourceTyp\u0065":"Observation"}"#),
        ("POST", "/Patient", "{}"),
        ("POST", "/Patient", "[]"),
        ("POST", "/Patient", ""),
        ("POST", "/Patient", "\u{feff}{\"resourceType\":\"Patient\"}"),
        ("POST", "/Patient", r#"{"resourceType":"Patient"} {}"#),
        ("PUT", "/Patient", PATIENT),
        ("DELETE", "/Patient", ""),
        ("DELETE", "/Patient/1", "{}"),
        ("GET", "/Patient", "{}"),
        ("PATCH", "/Patient/1", PATIENT),
        ("POST", "/", r#"{"resourceType":"Bundle","type":"searchset","entry":[]}"#),
        ("POST", "/?x=1", r#"{"resourceType":"Bundle","type":"batch"}"#),
    ] {
        let read = read(method, url, body);
        assert!(
            matches!(read, Err(NotUnderstood::Body(_) | NotUnderstood::Parameter(_))),
            "{method} {url} {body}: {read:?}"
        );
    }
    for url in ["/$graphql?query={PatientList{id}}", "/Patient/7/$graphql"] {
        let why = read("GET", url, "").unwrap_err();
        assert!(why.to_string().contains("$graphql is not taken"), "{why}");
    }
    let later = Asked { prefer: Some("respond-async"), ..asked("GET", "/Patient") };
    assert!(matches!(Request::read(&later), Err(NotUnderstood::Parameter(_))));
    let misplaced = Asked { if_none_exist: Some("identifier=7"), ..asked("GET", "/Patient") };
    assert!(matches!(Request::read(&misplaced), Err(NotUnderstood::Parameter(_))));
}

#[test]
fn xml_is_refused_in_both_directions() {
    let xml = Asked { accept: Some("application/fhir+xml"), ..asked("GET", "/Patient/1") };
    assert!(matches!(Request::read(&xml), Err(NotUnderstood::NotAcceptable(_))));
    assert!(matches!(read("GET", "/Patient/1?_format=xml", ""), Err(NotUnderstood::NotAcceptable(_))));
    let xml = Asked {
        content_type: Some("application/fhir+xml"),
        body: b"<Patient/>",
        ..asked("POST", "/Patient")
    };
    assert!(matches!(Request::read(&xml), Err(NotUnderstood::MediaType(_))));
}

#[test]
fn a_method_that_means_nothing_is_told_which_ones_do() {
    for (method, url, meant) in [
        ("PUT", "/metadata", "GET, HEAD"),
        ("GET", "/Patient/_search", "POST"),
        ("DELETE", "/Patient/1/_history", "GET, HEAD"),
        ("OPTIONS", "/Patient/1", "GET, HEAD, PUT, PATCH, DELETE"),
    ] {
        let body = if method == "PUT" { r#"{"resourceType":"Patient"}"# } else { "" };
        let read = read(method, url, body);
        assert!(
            matches!(&read, Err(NotUnderstood::Method { allowed, .. }) if *allowed == meant),
            "{method} {url}: {read:?}"
        );
    }
}

fn bundle(kind: &str, entries: &[&str]) -> String {
    format!(r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{}]}}"#, entries.join(","))
}

#[test]
fn each_entry_of_a_bundle_is_a_part_of_its_own() {
    let body = bundle(
        "transaction",
        &[
            &format!(r#"{{"resource":{OBSERVATION},"request":{{"method":"POST","url":"Observation"}}}}"#),
            &format!(r#"{{"request":{{"method":"PUT","url":"Patient/1"}},"resource":{PATIENT}}}"#),
            r#"{"request":{"method":"GET","url":"Observation?patient=2"}}"#,
            r#"{"request":{"method":"DELETE","url":"Patient?identifier=urn:ids|9"}}"#,
            r#"{"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=8"}}"#,
        ],
    );
    let request = read("POST", "", &body).unwrap();
    assert_eq!(request.bundle, Some(Bundle::Transaction));
    assert!(request.changes());
    let said: Vec<String> = request
        .parts
        .iter()
        .map(|part| {
            let patients: Vec<String> = part.patients.iter().map(ToString::to_string).collect();
            format!("{}: {}", part.words(), patients.join(" "))
        })
        .collect();
    assert_eq!(
        said,
        [
            "create Observation: Patient/1",
            "update Patient: Patient/1",
            "search-type Observation: Patient/2",
            "delete Patient: urn:ids|9",
            "create Patient: |8",
        ]
    );
}

#[test]
fn a_bundle_with_an_entry_that_means_nothing_is_refused_and_says_which() {
    for entry in [
        r#"{"request":{"method":"GET","url":"/Patient/1"}}"#,
        r#"{"request":{"method":"GET","url":"http://elsewhere.example/Patient/1"}}"#,
        r#"{"request":{"method":"GET","url":"../Patient/1"}}"#,
        r#"{"request":{"method":"GET","url":"Patient/1#x"}}"#,
        r#"{"request":{"method":"GET","url":"Patient?_format=xml"}}"#,
        r#"{"request":{"method":"POST","url":""}}"#,
        r#"{"request":{"method":"POST","url":"Patient/_search"}}"#,
        r#"{"request":{"method":"POST","url":"Patient"}}"#,
        r#"{"request":{"method":"post","url":"Patient"}}"#,
        r#"{"request":{"url":"Patient"}}"#,
        r#"{"request":{"method":"GET","method":"DELETE","url":"Patient/1"}}"#,
        r#"{"resource":{"resourceType":"Patient"},"request":{"method":"DELETE","url":"Patient/1"}}"#,
        r#"{"resource":{"resourceType":"Group"},"request":{"method":"PUT","url":"Patient/1"}}"#,
        r#"{"resource":{"resourceType":"Patient"}}"#,
        r#"{"request":"GET Patient/1"}"#,
        "7",
    ] {
        let good = r#"{"request":{"method":"GET","url":"Patient/1"}}"#;
        let why = read("POST", "/", &bundle("batch", &[good, entry])).unwrap_err();
        assert!(
            why.to_string().contains("entry 1: ")
                || entry == "7"
                || entry.contains(r#""method":"DELETE","url""#),
            "{entry}: {why}"
        );
    }
    let many = vec![r#"{"request":{"method":"GET","url":"Patient/1"}}"#; fhir::MAX_ENTRIES + 1];
    assert!(matches!(read("POST", "/", &bundle("batch", &many)), Err(NotUnderstood::TooMuch(_))));
}

#[test]
fn a_request_names_no_more_patients_than_are_recorded_with_it() {
    let ids = |count: usize| (0..count).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
    let search = |count| read("GET", &format!("/Patient?_id={}", ids(count)), "");
    assert_eq!(search(fhir::MAX_PATIENTS).unwrap().parts[0].patients.len(), fhir::MAX_PATIENTS);
    assert!(matches!(search(fhir::MAX_PATIENTS + 1), Err(NotUnderstood::TooMuch(_))));
}

#[test]
fn an_answer_may_hold_what_was_asked_for_and_what_went_wrong() {
    let request = read("GET", "/Observation?_include=Observation:patient", "").unwrap();
    for kind in ["Observation", "Patient", "Bundle", "OperationOutcome"] {
        assert!(request.may_give(kind), "{kind}");
    }
    assert!(!request.may_give("Condition"));
    assert!(!request.may_give("NotOfR4"));
    assert!(read("GET", "/metadata", "").unwrap().may_give("CapabilityStatement"));
}

/// Who sends that stops a thread for as long as it is read.
#[test]
fn a_text_that_names_a_patient_a_million_times_is_read_at_once() {
    let begun = std::time::Instant::now();
    let text = "/Patient/1".repeat(600_000);
    let (_, _, _, patients) =
        said("POST", "/Basic", &format!(r#"{{"resourceType":"Basic","id":"{text}","x":["{text}"]}}"#));
    assert_eq!(patients, "Patient/1");
    let body = bundle(
        "batch",
        &[&format!(r#"{{"fullUrl":"{text}","request":{{"method":"GET","url":"metadata"}}}}"#)],
    );
    assert_eq!(read("POST", "", &body).unwrap().parts[0].patients.len(), 1);
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
    let many: Vec<_> = (0..100_000).map(|id| format!("/Patient/{id}")).collect();
    let many = many.concat();
    let many = read("POST", "/Basic", &format!(r#"{{"resourceType":"Basic","x":"{many}"}}"#));
    assert!(matches!(many, Err(NotUnderstood::TooMuch(_))), "{many:?}");
}

#[test]
fn a_bundle_whose_entries_are_no_list_asks_for_nothing_that_is_decided() {
    let creates = r#"{"request":{"method":"POST","url":"Patient"},"resource":{"resourceType":"Patient"}}"#;
    for entry in [
        format!(r#","entry":{{"a":{creates}}}"#),
        format!(r#","entry":{creates}"#),
        format!(r#","Entry":[{creates}]"#),
        r#","entry":null"#.into(),
        r#","entry":[]"#.into(),
        String::new(),
    ] {
        let body = format!(r#"{{"resourceType":"Bundle","type":"batch"{entry}}}"#);
        assert!(matches!(read("POST", "", &body), Err(NotUnderstood::Body(_))), "{entry}");
    }
}

/// Several libraries read names in any case, and take the last one.
#[test]
fn a_name_in_another_case_is_refused() {
    for body in [
        r#"{"resourceType":"Patient","ResourceType":"Observation"}"#.to_owned(),
        r#"{"resourceType":"Patient","a":{"system":"x","SYSTEM":"y"}}"#.into(),
        r#"{"resourceType":"Patient","link":[{"other":{"Reference":"Patient?name=x"}}]}"#.into(),
        r#"{"resourceType":"Patient","re\u017fource":{}}"#.into(),
    ] {
        assert!(matches!(read("POST", "/Patient", &body), Err(NotUnderstood::Body(_))), "{body}");
    }
    for entry in [
        r#"{"request":{"method":"GET","url":"Patient/1","URL":"Patient/2"}}"#,
        r#"{"request":{"method":"GET","url":"Patient/1"},"Request":{"method":"DELETE","url":"Patient/1"}}"#,
        r#"{"request":{"method":"POST","url":"Patient","IfNoneExist":"name=x"},"resource":{"resourceType":"Patient"}}"#,
    ] {
        assert!(
            matches!(read("POST", "", &bundle("batch", &[entry])), Err(NotUnderstood::Body(_))),
            "{entry}"
        );
    }
}

#[test]
fn a_reference_by_criteria_is_a_search_in_whatever_way_it_is_written() {
    for reference in [
        "/Patient?name=X&birthdate=Y",
        "Patient/?name=X",
        "/Patient/?name=X",
        " Patient?name=X",
        "patient?name=X",
        "https://x.example/fhir/Patient?name=X",
        "https://x.example/?a/Patient?name=X",
        "Patient?_filter=name",
    ] {
        let body = format!(r#"{{"resourceType":"Observation","subject":{{"reference":"{reference}"}}}}"#);
        let why = read("POST", "/Observation", &body).unwrap_err();
        assert!(matches!(why, NotUnderstood::Body(_) | NotUnderstood::Parameter(_)), "{reference}: {why}");
    }
    let elsewhere = r#"{"resourceType":"Basic","x":{"reference":"https://x.example/a?b=c"},"criteria":"/Patient?name=x"}"#;
    assert_eq!(said("POST", "/Basic", elsewhere).1, "");
}

#[test]
fn a_patch_searches_for_whatever_it_could_make_refer() {
    let patch = |kind, body: &str| {
        let asked =
            Asked { content_type: Some(kind), body: body.as_bytes(), ..asked("PATCH", "/Observation/5") };
        Request::read(&asked).map(|request| request.parts[0].searches.to_string())
    };
    for value in [r#""Patient?name=x""#, r#"["Patient?name=x"]"#, r#"{"reference":"Patient?name=x"}"#] {
        let body = format!(r#"[{{"op":"add","path":"/subject/reference","value":{value}}}]"#);
        assert_eq!(patch("application/json-patch+json", &body).unwrap(), "Patient", "{value}");
    }
    let parameters = r#"{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"value","valueString":"Patient?name=x"}]}]}"#;
    assert_eq!(patch("application/fhir+json", parameters).unwrap(), "Patient");
    let body = r#"[{"op":"add","path":"/subject/reference","value":"/Patient?name=x"}]"#;
    assert!(patch("application/json-patch+json", body).is_err());
}

/// A Bundle goes on as it came: what parts a query for other readers could hide a parameter.
#[test]
fn criteria_in_a_body_are_spelled_so_that_all_read_them_alike() {
    let patient = r#"{"resourceType":"Patient"}"#;
    for query in [
        "name=x;_filter=y",
        "name=x;_include=*",
        "name=x%26_has:Observation:patient:code=y",
        "name=x%3B_include=*",
        "name%3dx=y",
        "name=x%23y",
        "name=x%2526y",
    ] {
        let read = |entry: String| read("POST", "", &bundle("batch", &[&entry]));
        let searched = read(format!(r#"{{"request":{{"method":"GET","url":"Patient?{query}"}}}}"#));
        assert!(matches!(searched, Err(NotUnderstood::Body(_))), "{query}: {searched:?}");
        let made = read(format!(
            r#"{{"request":{{"method":"POST","url":"Patient","ifNoneExist":"{query}"}},"resource":{patient}}}"#
        ));
        assert!(matches!(made, Err(NotUnderstood::Body(_))), "{query}: {made:?}");
        let refers =
            format!(r#"{{"resourceType":"Patient","link":[{{"other":{{"reference":"Patient?{query}"}}}}]}}"#);
        let refers = self::read("POST", "/Patient", &refers);
        assert!(matches!(refers, Err(NotUnderstood::Parameter(_))), "{query}: {refers:?}");
        // Outside it is written anew.
        assert!(self::read("GET", "/Patient?name=x;y", "").is_ok());
    }
}

#[test]
fn a_change_of_an_instance_takes_no_criteria() {
    for (method, body) in [("DELETE", ""), ("PUT", PATIENT), ("PATCH", r#"{"resourceType":"Parameters"}"#)] {
        let by_both = read(method, "/Patient/1?identifier=theirs", body);
        assert!(matches!(by_both, Err(NotUnderstood::Parameter(_))), "{method}: {by_both:?}");
        assert!(read(method, "/Patient/1?_pretty=true", body).is_ok(), "{method}");
    }
    let entry = r#"{"request":{"method":"DELETE","url":"Patient/mine?identifier=theirs"}}"#;
    assert!(read("POST", "", &bundle("batch", &[entry])).is_err());
}

#[test]
fn a_patch_that_cannot_be_read_is_refused() {
    let binary = r#"{"resourceType":"Binary","contentType":"application/json-patch+json","data":"W10="}"#;
    assert!(matches!(read("PATCH", "/Patient/1", binary), Err(NotUnderstood::Body(_))));
    let entry = format!(r#"{{"request":{{"method":"PATCH","url":"Patient/1"}},"resource":{binary}}}"#);
    let why = read("POST", "", &bundle("transaction", &[&entry])).unwrap_err();
    assert!(why.to_string().contains("in a Bundle Parameters"), "{why}");
    assert!(read("POST", "", &bundle("batch", &[&entry.replace("Binary", "Parameters")])).is_ok());
}

#[test]
fn a_stored_bundle_is_given_with_what_is_in_it() {
    let document = r#"{"resourceType":"Bundle","type":"document"}"#;
    for (method, url, body) in [
        ("GET", "/Bundle/1", ""),
        ("GET", "/Bundle", ""),
        ("GET", "/Bundle/_history", ""),
        ("POST", "/Bundle", document),
        ("GET", "/?_type=Bundle,Patient", ""),
    ] {
        let request = read(method, url, body).unwrap();
        assert!(request.may_give("Composition") && request.may_give("Patient"), "{method} {url}");
    }
    assert!(!read("GET", "/Observation", "").unwrap().may_give("Composition"));
}

#[test]
fn a_bundle_names_no_more_patients_than_are_recorded_at_once() {
    let ids = (0..1000).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
    let entry = format!(r#"{{"request":{{"method":"GET","url":"Patient?_id={ids}"}}}}"#);
    let most = fhir::MAX_PATIENTS_IN_BUNDLE / 1000;
    assert!(read("POST", "", &bundle("batch", &vec![entry.as_str(); most])).is_ok());
    let more = read("POST", "", &bundle("batch", &vec![entry.as_str(); most + 1]));
    assert!(matches!(more, Err(NotUnderstood::TooMuch(_))), "{more:?}");
}
