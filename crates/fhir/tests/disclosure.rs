//! No byte of an answer leaves of which it is not known whom it names.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

use fhir::{Broken, Disclosed, Disclosure, MAX_ENTRY, NotJson, Patient};
use proptest::prelude::*;

/// What becomes of an answer that comes in pieces of these lengths, again and again.
fn carried(answer: &[u8], pieces: &[usize]) -> (Disclosed, Result<(), Broken>) {
    let (mut disclosure, mut disclosed) = (Disclosure::default(), Disclosed::default());
    let mut lengths = pieces.iter().cycle();
    let mut rest = answer;
    while !rest.is_empty() {
        let length = lengths.next().map_or(rest.len(), |length| (*length).clamp(1, rest.len()));
        let (piece, after) = rest.split_at(length);
        if let Err(broken) = disclosure.push(piece, &mut disclosed) {
            return (disclosed, Err(broken));
        }
        rest = after;
    }
    let end = disclosure.finish(&mut disclosed);
    (disclosed, end)
}

fn named(answer: &str) -> Vec<String> {
    let (disclosed, end) = carried(answer.as_bytes(), &[]);
    assert_eq!(end, Ok(()), "{answer}");
    assert_eq!(disclosed.bytes.concat(), answer.as_bytes());
    disclosed.patients.iter().map(ToString::to_string).collect()
}

fn broken(answer: &[u8]) -> Broken {
    let (disclosed, end) = carried(answer, &[]);
    assert!(disclosed.bytes.is_empty(), "{}", String::from_utf8_lossy(answer));
    end.unwrap_err()
}

#[test]
fn a_patient_is_named_by_id_reference_and_identifier() {
    for (answer, patients) in [
        (r#"{"resourceType":"Patient","id":"1"}"#, &["Patient/1"][..]),
        (r#"{"id":"1","resourceType":"Patient"}"#, &["Patient/1"]),
        (
            r#"{"resourceType":"Patient","identifier":[{"system":"s","value":"7"},{"value":"8"}]}"#,
            &["s|7", "|8"],
        ),
        (r#"{"resourceType":"Observation","subject":{"reference":"Patient/1/_history/3"}}"#, &["Patient/1"]),
        (r#"{"resourceType":"Observation","subject":{"\u0072eference":"Pat\u0069ent/1"}}"#, &["Patient/1"]),
        (r#"{"resourceType":"Observation","subject":{"identifier":{"system":"s","value":"7"}}}"#, &["s|7"]),
        (r#"{"resourceType":"Observation","performer":[{"identifier":{"value":"7"}}]}"#, &[]),
        (
            r#"{"resourceType":"Observation","performer":[{"type":"Patient","identifier":{"value":"7"}}]}"#,
            &["|7"],
        ),
        (r#"{"resourceType":"Observation","subject":{"type":"Group","identifier":{"value":"7"}}}"#, &[]),
        (r#"{"resourceType":"ResearchSubject","individual":{"identifier":{"value":"7"}}}"#, &["|7"]),
        (r#"{"resourceType":"Encounter","participant":[{"individual":{"identifier":{"value":"7"}}}]}"#, &[]),
        (
            r#"{"resourceType":"Patient","id":"1","link":[{"other":{"reference":"Patient/2"}}]}"#,
            &["Patient/2", "Patient/1"],
        ),
        (
            r##"{"resourceType":"Observation","contained":[{"resourceType":"Patient","id":"p","identifier":[{"value":"7"}]}],"subject":{"reference":"#p"}}"##,
            &["|7"],
        ),
        (
            r#"{"resourceType":"Basic","extension":[{"url":"x","valueReference":{"reference":"https://a.example/Patient/1"}}]}"#,
            &["https://a.example/Patient/1"],
        ),
        (
            r#"{"resourceType":"Parameters","parameter":[{"name":"x","valueUri":"Patient/1"}]}"#,
            &["Patient/1"],
        ),
        (r#"{"resourceType":"Practitioner","id":"1","identifier":[{"value":"7"}]}"#, &[]),
    ] {
        assert_eq!(named(answer), patients, "{answer}");
    }
}

#[test]
fn an_entry_names_patients_by_its_addresses_too() {
    let bundle = |entry: &str| format!(r#"{{"resourceType":"Bundle","entry":[{entry}]}}"#);
    let same = r#"{"fullUrl":"http://a.example/Patient/1","resource":{"resourceType":"Patient","id":"1"}}"#;
    assert_eq!(named(&bundle(same)), ["Patient/1"]);
    let gone = r#"{"fullUrl":"http://a.example/Patient/1","request":{"method":"DELETE","url":"Patient/1"}}"#;
    assert_eq!(named(&bundle(gone)), ["Patient/1", "http://a.example/Patient/1"]);
    let made = r#"{"response":{"status":"201 Created","location":"Patient/1/_history/1"}}"#;
    assert_eq!(named(&bundle(made)), ["Patient/1"]);
    let (disclosed, _) = carried(bundle(made).as_bytes(), &[]);
    assert_eq!((disclosed.answers.len(), disclosed.answers[0].entry), (1, 0));
    let nested = bundle(
        r#"{"resource":{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"1"}}]}}"#,
    );
    assert_eq!(named(&nested), ["Patient/1"]);
    let (disclosed, _) = carried(nested.as_bytes(), &[]);
    assert_eq!(disclosed.kinds.into_iter().collect::<Vec<_>>(), ["Bundle", "Patient"]);
}

#[test]
fn a_patient_is_told_once() {
    let entry = r#"{"resource":{"resourceType":"Observation","subject":{"reference":"Patient/1"}}}"#;
    assert_eq!(named(&format!(r#"{{"resourceType":"Bundle","entry":[{entry},{entry}]}}"#)), ["Patient/1"]);
}

#[test]
fn entries_leave_one_by_one_only_where_the_resource_said_before_that_it_is_a_bundle() {
    let (mut disclosure, mut disclosed) = (Disclosure::default(), Disclosed::default());
    disclosure.push(br#"{"entry":[{"resource":{}}],"resourceType":"Patient","#, &mut disclosed).unwrap();
    assert!(disclosed.bytes.is_empty());
    disclosure.push(br#""id":"1"}"#, &mut disclosed).unwrap();
    disclosure.finish(&mut disclosed).unwrap();
    assert_eq!(disclosed.patients, [Patient::Id("1".into())]);
}

#[test]
fn what_cannot_be_read_in_one_way_does_not_leave() {
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(1000), "]".repeat(1000));
    for (answer, why) in [
        (&b"[]"[..], NotJson::NotAnObject),
        (b"\"x\"", NotJson::NotAnObject),
        (b"<Patient/>", NotJson::Malformed),
        (b"\xef\xbb\xbf{}", NotJson::Malformed),
        (b"\xff\xfe{\0}\0", NotJson::Malformed),
        (b"{} {}", NotJson::Trailing),
        (b"{}x", NotJson::Trailing),
        (b"{", NotJson::Truncated),
        (b" ", NotJson::Truncated),
        (b"{\"a\":1", NotJson::Truncated),
        (b"{\"a\":\"\\", NotJson::Truncated),
        (b"{\"a\":[}]}", NotJson::Malformed),
        (b"{\"a\":1,}", NotJson::Malformed),
        (b"{\"a\" 1}", NotJson::Malformed),
        (b"{\"a\":}", NotJson::Malformed),
        (b"{\"a\":1 2}", NotJson::Malformed),
        (b"{\"a\":01}", NotJson::Malformed),
        (b"{\"a\":nul}", NotJson::Malformed),
        (b"{'a':1}", NotJson::Malformed),
        (b"{a:1}", NotJson::Malformed),
        (b"{\"a\":\"\xff\"}", NotJson::Malformed),
        (b"{\"a\":\"\n\"}", NotJson::Malformed),
        (b"{\"a\":\"\\ud800\"}", NotJson::Malformed),
        (b"{\"a\":/**/1}", NotJson::Malformed),
        (b"{\"a\":1,\"a\":1}", NotJson::NameTwice),
        (b"{\"a\":{\"b\":1,\"\\u0062\":1}}", NotJson::NameTwice),
        (b"{\"resourceType\":\"Bundle\",\"entry\":[7]}", NotJson::Malformed),
        (b"{\"resourceType\":\"Bundle\",\"entry\":[,]}", NotJson::Malformed),
        (b"{\"resourceType\":\"Bundle\",\"entry\":[]]}", NotJson::Malformed),
        (deep.as_bytes(), NotJson::TooDeep),
    ] {
        assert_eq!(broken(answer), Broken::NotJson(why), "{}", String::from_utf8_lossy(answer));
    }
}

/// GraphQL's answers name patients in a form of their own.
#[test]
fn an_answer_that_is_no_resource_does_not_leave() {
    for answer in [r#"{"data":{"PatientList":[{"id":"7"}]}}"#, "{}", r#"{"entry":[{"resource":{"id":"7"}}]}"#]
    {
        assert_eq!(broken(answer.as_bytes()), Broken::NoResource, "{answer}");
    }
}

#[test]
fn an_answer_of_nothing_is_nothing() {
    assert_eq!(carried(b"", &[]), (Disclosed::default(), Ok(())));
}

#[test]
fn an_entry_has_room_in_the_window_or_does_not_leave() {
    let long = |length: usize| {
        format!(r#"{{"resource":{{"resourceType":"Binary","data":"{}"}}}}"#, "a".repeat(length))
    };
    let small = long(10);
    let bundle =
        |length| format!(r#"{{"resourceType":"Bundle","entry":[{small},{},{small}]}}"#, long(length));
    for pieces in [&[][..], &[1000], &[100_000]] {
        let (disclosed, end) = carried(bundle(MAX_ENTRY - 200).as_bytes(), pieces);
        assert_eq!((disclosed.bytes.concat().len() > MAX_ENTRY, end), (true, Ok(())));

        let (disclosed, end) = carried(bundle(MAX_ENTRY).as_bytes(), pieces);
        assert_eq!(end, Err(Broken::TooLarge));
        assert!(disclosed.bytes.concat().ends_with(small.as_bytes()));
    }
    let whole = format!(r#"{{"resourceType":"Binary","data":"{}"}}"#, "a".repeat(MAX_ENTRY));
    assert_eq!(broken(whole.as_bytes()), Broken::TooLarge);
    assert_eq!(broken(format!("{{{}", " ".repeat(MAX_ENTRY)).as_bytes()), Broken::TooLarge);
}

/// JSON as somebody could send it, some of it FHIR.
fn json() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        Just(r#""Patient/1""#.to_owned()),
        Just(r#""Pat\u0069ent/2""#.to_owned()),
        Just(r#""a\\\"]}{[,:""#.to_owned()),
        Just(r#""Patient""#.to_owned()),
        Just(r#""\u00e9\ud83d\ude00 é""#.to_owned()),
    ];
    let leaf =
        prop_oneof![text, Just("-1.5e3".to_owned()), Just("null".to_owned()), Just(" true ".to_owned())];
    leaf.prop_recursive(5, 64, 6, |inner| {
        let name = prop_oneof![
            Just("reference"),
            Just("subject"),
            Just("id"),
            Just("resourceType"),
            Just("resource"),
            Just("entry"),
            Just("identifier"),
            Just("value"),
            Just("fullUrl"),
            Just("contained"),
            Just("type"),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(" ,"))),
            prop::collection::vec((name, inner), 0..6).prop_map(|members| {
                let members: Vec<String> =
                    members.iter().map(|(name, value)| format!("\"{name}\" :{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

fn bundle() -> impl Strategy<Value = String> {
    (prop::collection::vec(json(), 0..6), json(), any::<bool>()).prop_map(|(entries, last, first)| {
        let entries = format!("\"entry\":[{}]", entries.join(", "));
        let (kind, link) = ("\"resourceType\":\"Bundle\"", format!("\"link\":{last}"));
        let members = if first { [kind, &entries, &link] } else { [&link, &entries, kind] };
        format!(" {{{}}}\n", members.join(","))
    })
}

proptest! {
    #[test]
    fn in_whatever_pieces_an_answer_comes_it_says_the_same(
        answer in prop_oneof![json(), bundle()],
        pieces in prop::collection::vec(1usize..40, 1..5),
        cut in 0usize..400,
    ) {
        let answer = &answer.as_bytes()[..answer.len().saturating_sub(cut / 8)];
        let whole = carried(answer, &[]);
        let parts = carried(answer, &pieces);
        prop_assert_eq!(whole.0.bytes.concat(), parts.0.bytes.concat());
        prop_assert_eq!(whole.0.patients, parts.0.patients);
        prop_assert_eq!(whole.0.kinds, parts.0.kinds);
        prop_assert_eq!(whole.1, parts.1);
    }

    /// What has left so far names nobody who is not told: a reader of that part alone finds no other.
    #[test]
    fn what_has_left_was_told_before(answer in bundle(), pieces in prop::collection::vec(1usize..60, 1..5)) {
        let (mut disclosure, mut disclosed) = (Disclosure::default(), Disclosed::default());
        let (mut rest, mut lengths) = (answer.as_bytes(), pieces.iter().cycle());
        while let Some(length) = lengths.next().filter(|_| !rest.is_empty()) {
            let (piece, after) = rest.split_at((*length).min(rest.len()));
            let went = disclosure.push(piece, &mut disclosed);
            let left = String::from_utf8(disclosed.bytes.concat()).unwrap();
            for (patient, spellings) in [("1", ["Patient/1", "Patient/1"]), ("2", ["Patient/2", r"Pat\u0069ent/2"])] {
                let is_there = spellings.iter().any(|spelled| left.contains(&format!("\"{spelled}\"")));
                let is_told = disclosed.patients.contains(&Patient::Id(patient.into()));
                prop_assert!(is_told || !is_there, "{left}");
            }
            if went.is_err() {
                break;
            }
            rest = after;
        }
    }
}
