//! Machines with certificates, and people at them: the events name the node, the user, what was done and to whom.

use std::io::Write as _;
use std::ops::Deref;
use std::process::Command;

use serde_json::{Value, json};

use super::door::outcome;
use super::installation::Installation;
use super::server::{Reply, Server};
use super::stand_in::StandIn;
use super::tools::{python, run};
use super::upstream::Upstream;

const ANN: &str = "ann:a ward with seven windows";

/// A door that wants a registered node and a user, with two nodes and a user.
struct Clinic(Server);

impl Clinic {
    fn before(upstream: &str, grants: &str) -> Self {
        let installation = Installation::new();
        installation.append(&format!(
            "\n[[service]]\nname = \"fhir\"\nkind = \"fhir\"\npath = \"/fhir\"\nupstream = \"{upstream}\"\n\
             require = [\"node\", \"user\"]\nidentify_as = \"X-OpenHIM-ClientID\"\n{grants}",
        ));
        for node in ["lab", "ward", "new"] {
            let file =
                |ending: &str| installation.file(&format!("{node}.{ending}")).to_str().unwrap().to_owned();
            let (key, certificate) = (file("key"), file("pem"));
            let subject = format!("/CN={node}");
            let made = [
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "30",
                "-addext",
                "extendedKeyUsage=clientAuth",
                "-subj",
                &subject,
                "-keyout",
                &key,
                "-out",
                &certificate,
            ];
            run(Command::new("openssl").args(made), b"").good();
            let packed = [
                "pkcs12",
                "-export",
                "-in",
                &certificate,
                "-inkey",
                &key,
                "-out",
                &file("p12"),
                "-passout",
                "pass:x",
            ];
            run(Command::new("openssl").args(packed), b"").good();
            if node != "new" {
                installation.command(&["node", "enroll", node, "--certificate", &certificate]).good();
            }
        }
        let (name, password) = ANN.split_once(':').unwrap();
        installation.command_reading(&["user", "create", name], format!("{password}\n").as_bytes()).good();
        Self(Server::start(installation))
    }

    /// Asks with curl, from a node with its PKCS#12, as a user.
    fn ask(&self, node: &str, method: &str, path: &str, body: &str) -> Reply {
        let packed = format!("{}:x", self.file(&format!("{node}.p12")).display());
        let mut arguments = vec!["--cert-type", "P12", "--cert", &packed, "--user", ANN, "--request", method];
        if !body.is_empty() {
            arguments.extend(["--header", "Content-Type: application/fhir+json", "--data-binary", "@-"]);
        }
        self.curl(&format!("/fhir{path}"), &arguments, body.as_bytes())
    }

    #[track_caller]
    fn good(&self, node: &str, method: &str, path: &str, body: &str) -> Value {
        let reply = self.ask(node, method, path, body);
        assert!((200..300).contains(&reply.status), "{method} {path}: {} {}", reply.status, reply.text());
        serde_json::from_slice(&reply.body).unwrap()
    }

    /// What was admitted, in order: who, from where, what, and whom it names.
    fn admitted(&self) -> Vec<String> {
        let events = self.json(&["audit", "search"]);
        let admitted = events.iter().filter(|event| event["body"]["service"] == "fhir").filter(|event| {
            ["admitted", "released", "entry_admitted"].contains(&event["body"]["kind"].as_str().unwrap())
        });
        admitted
            .map(|event| {
                let (body, personal) = (&event["body"], &event["personal"]);
                let patients: Vec<&str> =
                    personal["patients"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                let text = |name: &str| body[name].as_str().unwrap_or("-").to_owned();
                let [who, node, interaction, resource] = ["who", "node", "interaction", "resource"].map(text);
                format!("{who} at {node}: {interaction} {resource} [{}]", patients.join(" "))
            })
            .collect()
    }
}

impl Deref for Clinic {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

const TO_ANN: &str = "\n[[grant]]\nuser = \"ann\"\nservice = \"fhir\"\n";

#[test]
fn curl_with_a_pkcs_12_does_everything_and_the_events_name_node_user_action_and_patients() {
    let upstream = Upstream::start();
    let clinic = Clinic::before(upstream.url(), TO_ANN);
    let doe = r#"{"resourceType":"Patient","identifier":[{"system":"urn:ids","value":"7"}],"name":[{"family":"Doe"}]}"#;
    let made = clinic.good("lab", "POST", "/Patient", doe);
    let id = made["id"].as_str().unwrap();
    clinic.good("lab", "GET", &format!("/Patient/{id}"), "");
    assert_eq!(clinic.good("lab", "GET", "/Patient?family=doe", "")["entry"][0]["resource"]["id"], id);
    let mut changed = made.clone();
    changed["name"][0]["family"] = "Roe".into();
    clinic.good("ward", "PUT", &format!("/Patient/{id}"), &changed.to_string());
    let transaction = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        { "request": { "method": "POST", "url": "Observation" }, "resource": {
            "resourceType": "Observation", "status": "final", "code": { "text": "x" },
            "subject": { "reference": format!("Patient/{id}") } } },
        { "request": { "method": "GET", "url": format!("Patient/{id}") } } ] });
    clinic.good("lab", "POST", "", &transaction.to_string());
    clinic.good("lab", "DELETE", &format!("/Patient/{id}"), "");
    let expected = [
        "ann at lab: create Patient [urn:ids|7]".to_owned(),
        format!("ann at lab: read Patient [Patient/{id}]"),
        "ann at lab: search-type Patient []".to_owned(),
        format!("ann at ward: update Patient [Patient/{id}]"),
        "ann at lab: transaction - []".to_owned(),
        format!("ann at lab: create Observation [Patient/{id}]"),
        format!("ann at lab: read Patient [Patient/{id}]"),
        format!("ann at lab: delete Patient [Patient/{id}]"),
    ];
    assert_eq!(clinic.admitted(), expected);
}

#[test]
fn a_python_client_does_everything() {
    let upstream = Upstream::start();
    let clinic = Clinic::before(upstream.url(), TO_ANN);
    let mut program = python();
    program.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fhir/with_fhirpy.py")).arg(clinic.url("/fhir"));
    program.args(["ca.pem", "lab.pem", "lab.key"].map(|name| clinic.file(name)));
    let said = run(&mut program, ANN.as_bytes()).good().json().remove(0);
    assert_eq!(said["read"], "Roe");
    assert_eq!(said["found"], json!([said["id"]]));
    assert_eq!(said["of_patient"], json!(["Observation"]));
    assert_eq!(said["transaction"].as_array().unwrap().len(), 2);
    assert!(said["gone"].is_string(), "{said}");
    let admitted = clinic.admitted();
    assert!(admitted.iter().all(|line| line.starts_with("ann at ")), "{admitted:#?}");
    let patient = format!("[Patient/{}]", said["id"].as_str().unwrap());
    for what in ["update Patient", "create Observation", "delete Patient", "search-type Observation"] {
        assert!(admitted.contains(&format!("ann at lab: {what} {patient}")), "{what}: {admitted:#?}");
    }
}

#[test]
fn a_node_that_may_do_with_its_own_alone_sees_nothing_of_others() {
    let upstream = Upstream::start();
    let own = "\n[[grant]]\nnode = \"lab\"\nservice = \"fhir\"\nown = true\n\
               \n[[grant]]\nnode = \"ward\"\nservice = \"fhir\"\n";
    let clinic = Clinic::before(upstream.url(), own);
    let id = |made: &Value| made["id"].as_str().unwrap().to_owned();
    let (labs, wards) = {
        let patient = r#"{"resourceType":"Patient"}"#;
        (clinic.good("lab", "POST", "/Patient", patient), clinic.good("ward", "POST", "/Patient", patient))
    };
    let mine = format!("/Patient/{}", id(&labs));
    clinic.good("lab", "GET", &mine, "");
    clinic.good("lab", "GET", &format!("{mine}/_history"), "");
    clinic.good("lab", "PUT", &mine, &labs.to_string());
    let theirs = format!("/Patient/{}", id(&wards));
    let made = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        { "request": { "method": "POST", "url": "Patient" }, "resource": { "resourceType": "Patient" } } ] });
    let made = clinic.good("lab", "POST", "", &made.to_string());
    let location = made["entry"][0]["response"]["location"].as_str().unwrap();
    clinic.good("lab", "GET", &format!("/{}", location.split("/_history").next().unwrap()), "");
    for (method, path, body) in [
        ("GET", theirs.clone(), String::new()),
        ("PUT", theirs.clone(), wards.to_string()),
        ("DELETE", theirs, String::new()),
        ("GET", "/Patient".into(), String::new()),
        ("GET", format!("/Patient?_id={}", id(&labs)), String::new()),
        ("GET", format!("{mine}?_revinclude=Observation:subject"), String::new()),
        ("GET", format!("{mine}/Observation"), String::new()),
        ("GET", format!("{mine}/$everything"), String::new()),
        ("GET", "/Patient/_history".into(), String::new()),
        ("DELETE", format!("/Patient?_id={}", id(&labs)), String::new()),
    ] {
        outcome(&clinic.ask("lab", method, &path, &body), 403, "forbidden");
    }
    clinic.good("ward", "GET", &mine, "");
    clinic.good("lab", "DELETE", &mine, "");
}

#[test]
fn what_was_deleted_and_what_a_revoked_node_had_is_nobodys_own() {
    let upstream = StandIn::answering(|asked, stream| {
        let body = r#"{"resourceType":"Patient","id":"1"}"#;
        let head = match asked.method.as_str() {
            "POST" => "201 Created\r\nLocation: /fhir/Patient/1/_history/1",
            "DELETE" => return stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n"),
            _ => "200 OK",
        };
        write!(stream, "HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    });
    let own = "\n[[grant]]\nnode = \"lab\"\nservice = \"fhir\"\nown = true\n\
               \n[[grant]]\nnode = \"ward\"\nservice = \"fhir\"\n";
    let clinic = Clinic::before(&format!("{}/fhir", upstream.url()), own);
    let patient = r#"{"resourceType":"Patient","id":"1"}"#;
    clinic.good("lab", "POST", "/Patient", patient);
    clinic.good("lab", "GET", "/Patient/1", "");
    assert_eq!(clinic.ask("lab", "DELETE", "/Patient/1", "").status, 204);
    // The server says 200 of one that was not there.
    clinic.good("ward", "PUT", "/Patient/1", patient);
    outcome(&clinic.ask("lab", "GET", "/Patient/1", ""), 403, "forbidden");

    clinic.good("lab", "POST", "/Patient", patient);
    clinic.good("lab", "GET", "/Patient/1", "");
    clinic.command(&["node", "revoke", "lab"]).good();
    let certificate = clinic.file("new.pem").to_str().unwrap().to_owned();
    clinic.command(&["node", "enroll", "lab", "--certificate", &certificate]).good();
    // It acts within a second.
    std::thread::sleep(std::time::Duration::from_millis(1200));
    let another = r#"{"resourceType":"Patient"}"#;
    outcome(&clinic.ask("new", "GET", "/Patient/1", ""), 403, "forbidden");
    clinic.good("new", "POST", "/Patient", another);
    clinic.good("new", "GET", "/Patient/1", "");
}

#[test]
fn who_comes_without_one_of_the_two_is_told_so_in_fhirs_words() {
    let upstream = Upstream::start();
    let clinic = Clinic::before(upstream.url(), TO_ANN);
    let packed = format!("{}:x", clinic.file("lab.p12").display());
    let reply = clinic.curl("/fhir/Patient", &["--cert-type", "P12", "--cert", &packed], b"");
    outcome(&reply, 401, "login");
    assert!(reply.field("www-authenticate").is_some());
    outcome(&clinic.curl("/fhir/Patient", &["--user", ANN], b""), 403, "forbidden");
    assert_eq!(clinic.events("node_authentication_failed")[0]["reason"], "no-certificate");
}

/// An upstream that has nothing.
fn empty() -> (StandIn, String) {
    let upstream = StandIn::answering(|_, stream| {
        let body = r#"{"resourceType":"OperationOutcome"}"#;
        let length = body.len();
        std::io::Write::write_all(
            stream,
            format!("HTTP/1.1 404 Not Found\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes(),
        )
    });
    let url = format!("{}/fhir", upstream.url());
    (upstream, url)
}

#[test]
fn the_body_of_whoever_cannot_come_in_is_not_asked_for() {
    let (upstream, url) = empty();
    let clinic = Clinic::before(&url, TO_ANN);
    let put = |certificate: &[&str]| {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--verbose", "--http1.1", "--user", ANN, "--cacert"])
            .arg(clinic.file("ca.pem"));
        curl.args(["--header", "Expect: 100-continue", "--header", "Content-Type: application/fhir+json"]);
        curl.args(["--request", "PUT", "--data-binary", "@-"]).args(certificate);
        run(curl.arg(clinic.url("/fhir/Patient/12345")), br#"{"resourceType":"Patient","id":"12345"}"#).stderr
    };
    let packed = format!("{}:x", clinic.file("lab.p12").display());
    let known = put(&["--cert-type", "P12", "--cert", &packed]);
    assert!(known.contains("< HTTP/1.1 100 Continue") && known.contains("< HTTP/1.1 404"), "{known}");
    let stranger = put(&[]);
    assert!(!stranger.contains("100 Continue") && stranger.contains("< HTTP/1.1 403"), "{stranger}");
    assert_eq!(clinic.events("node_authentication_failed")[0]["request"], "PUT /Patient/{id}");
    assert_eq!(upstream.received().len(), 1);
}

#[test]
fn what_is_refused_at_the_door_names_nobody_for_good() {
    let (_upstream, url) = empty();
    let clinic = Clinic::before(&url, "from = [\"192.0.2.0/24\"]\n");
    assert_eq!(clinic.ask("lab", "GET", "/Patient/12345", "").status, 403);
    let refused = clinic.events("request_refused");
    assert_eq!((&refused[0]["reason"], &refused[0]["path"]), (&"from".into(), &"/Patient/{id}".into()));

    let address = clinic.url("");
    let address = address.trim_start_matches("https://").trim_end_matches('/');
    let request = b"GET /fhir/Patient/12345?a=b HTTP/1.1\r\nHost: h\r\nX-A: a\r\n b\r\n\r\n";
    run(Command::new("openssl").args(["s_client", "-quiet", "-connect", address]), request);
    let events = clinic.json(&["audit", "search"]);
    let refused = events.iter().rfind(|event| event["body"]["kind"] == "request_refused").unwrap();
    assert_eq!(refused["body"]["path"], "/fhir/Patient/{id}", "{refused}");
    assert_eq!(refused["personal"]["target"], "/fhir/Patient/12345?a=b");
}
