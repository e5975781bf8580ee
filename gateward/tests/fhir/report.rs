//! What a patient may ask for: who was told of them, and by what request.

use std::io::Write as _;

use super::door::{ALL, Door};
use super::gnupg::Gnupg;
use super::stand_in::StandIn;

/// Another's number stands in other places, too: of an observation, within another number.
#[test]
fn a_report_on_a_patient_has_every_answer_that_named_them_and_no_other() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let upstream = StandIn::answering(|request, stream| {
        let said = match (request.method.as_str(), request.target.as_str()) {
            ("POST", target) => {
                let fields = format!("Location: {target}/4711/_history/1\r\nContent-Length: 0\r\n\r\n");
                return write!(stream, "HTTP/1.1 201 Created\r\n{fields}");
            }
            (_, "/fhir/Patient") => {
                let patient = |id| format!(r#"{{"resource":{{"resourceType":"Patient","id":"{id}"}}}}"#);
                let entries = [patient("1"), patient("4711"), patient("14711")].join(",");
                format!(r#"{{"resourceType":"Bundle","type":"searchset","entry":[{entries}]}}"#)
            }
            (_, target) => {
                let id = target.rsplit('/').next().unwrap();
                format!(r#"{{"resourceType":"Patient","id":"{id}"}}"#)
            }
        };
        let fields = format!("Content-Type: application/fhir+json\r\nContent-Length: {}", said.len());
        write!(stream, "HTTP/1.1 200 OK\r\n{fields}\r\n\r\n{said}")
    });
    let door = Door::before(&format!("{}/fhir", upstream.url()), ALL, &issuer);
    for (method, path, body, status) in [
        ("POST", "/Patient", r#"{"resourceType":"Patient"}"#, 201),
        ("GET", "/Patient", "", 200),
        ("GET", "/Patient/14711", "", 200),
        ("POST", "/Observation", r#"{"resourceType":"Observation"}"#, 201),
        ("GET", "/Patient/4711", "", 200),
    ] {
        let reply = door.ask(method, path, body);
        assert_eq!(reply.status, status, "{method} {path}: {}", reply.text());
    }
    for patient in ["4711", "Patient/4711"] {
        let lines = door.json(&["audit", "report", "--patient", patient]);
        let what: Vec<_> = lines.iter().map(|line| line["what"].as_str().unwrap()).collect();
        assert_eq!(what, ["POST /Patient", "GET /Patient", "GET /Patient/4711"], "{patient}");
        assert!(lines.iter().all(|line| line["named_in_answer"] == true && line["service"] == "fhir"));
        assert!(lines.iter().all(|line| line["who"] == door.login().login), "{lines:?}");
    }
    assert!(door.json(&["audit", "report", "--patient", "471"]).is_empty());
}
