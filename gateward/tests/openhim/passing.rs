//! OpenHIM in front: its own router asks at our door with its certificate, and reads what we answer.

use serde_json::Value;

use super::echo::Echo;
use super::him::{OpenHim, PASSWORD, self_signed};
use super::installation::Installation;
use super::server::{Reply, Server};

/// A door for machines before an upstream that tells what it was asked.
struct Site {
    server: Server,
    openhim: OpenHim,
}

/// What stands in the file about the service, and about who may reach it.
fn service(echo: &Echo, more: &str) -> String {
    format!(
        "[[service]]\nname = \"registry\"\nkind = \"plain\"\npath = \"/registry\"\nupstream = \"{}\"\n\
         require = [\"node\"]\nidentify_as = \"X-OpenHIM-ClientID\"\n{more}\n\
         [[grant]]\nnode = \"openhim\"\nservice = \"registry\"\n\
         [[grant]]\nnode = \"lab-1\"\nservice = \"registry\"\n",
        echo.url()
    )
}

impl Site {
    /// One whose OpenHIM has the role, and whose service answers it as a mediator.
    fn new(echo: &Echo) -> Self {
        Self::with(echo, "openhim = true", &["--role", "openhim"])
    }

    fn with(echo: &Echo, more: &str, role: &[&str]) -> Self {
        // Its route needs our port, and our registration its certificate.
        let installation = Installation::new();
        let port = super::cluster::ports::free_port();
        let file = std::fs::read_to_string(installation.config()).unwrap();
        installation.configure(&file.replacen("127.0.0.1:0", &format!("127.0.0.1:{port}"), 1));
        let openhim = OpenHim::before(port);
        std::fs::copy(installation.file("ca.pem"), openhim.file("gateward-ca.pem")).unwrap();
        let openhim = openhim.again();
        installation.append(&service(echo, more));
        installation.append(&openhim.table(installation.path(), PASSWORD));
        let lab = [installation.file("lab-1.pem"), installation.file("lab-1.key")];
        self_signed(lab[0].to_str().unwrap(), lab[1].to_str().unwrap(), "lab-1");
        let certificate = openhim.file("him.pem");
        let enroll = ["node", "enroll", "openhim", "--certificate", certificate.to_str().unwrap()];
        installation.command(&[&enroll, role].concat()).good();
        installation.command(&["node", "enroll", "lab-1", "--certificate", lab[0].to_str().unwrap()]).good();
        Self { server: Server::start(installation), openhim }
    }

    /// What is recorded of the only request.
    #[track_caller]
    fn only_event(&self) -> Value {
        let events = self.server.json(&["audit", "search"]);
        let bodies = events.into_iter().map(|mut event| event["body"].take());
        let mut found: Vec<Value> =
            bodies.filter(|body| body["service"] == "registry" && body["kind"] != "grant_created").collect();
        assert_eq!(found.len(), 1, "{found:#?}");
        found.remove(0)
    }

    /// Asks at the door as the machine whose certificate and key these are.
    fn ask_as(&self, [certificate, key]: [&std::path::Path; 2], path: &str, fields: &[&str]) -> Reply {
        let shown = ["--cert", certificate.to_str().unwrap(), "--key", key.to_str().unwrap()];
        let fields: Vec<&str> = fields.iter().flat_map(|field| ["--header", field]).collect();
        self.server.curl(path, &[&shown[..], &fields].concat(), b"")
    }

    fn ask_as_openhim(&self, path: &str, fields: &[&str]) -> Reply {
        self.ask_as([&self.openhim.file("him.pem"), &self.openhim.file("him.key")], path, fields)
    }

    fn ask_as_lab(&self, path: &str, fields: &[&str]) -> Reply {
        self.ask_as([&self.server.file("lab-1.pem"), &self.server.file("lab-1.key")], path, fields)
    }
}

/// What the upstream was told in a header field.
fn told<'a>(echoed: &'a Value, name: &str) -> Vec<&'a str> {
    echoed["fields"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|field| field[0] == name)
        .map(|field| field[1].as_str().unwrap())
        .collect()
}

#[test]
fn what_openhim_says_of_its_client_is_recorded_and_told_to_an_upstream_that_asks_for_it() {
    let echo = Echo::start();
    let site = Site::new(&echo);
    let reply = site.openhim.ask("/registry/Patient/1?a=b", Some("lab 7"), &[]);
    assert_eq!(reply.status, 200, "{} {:?}", reply.text(), site.openhim.transactions());
    let echoed: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(told(&echoed, "x-openhim-clientid"), ["lab 7"]);
    let transaction = told(&echoed, "x-openhim-transactionid");
    assert_eq!(transaction, ["000000000000000000000001"]);

    let event = site.only_event();
    assert_eq!((&event["node"], &event["who"]), (&"openhim".into(), &"node:openhim".into()));
    assert_eq!(event["openhim_client"], "lab 7");
    assert_eq!(event["openhim_transaction"], transaction[0]);
}

#[test]
fn openhim_reads_our_answer_as_that_of_a_mediator_and_its_client_gets_what_was_in_it() {
    let echo = Echo::start();
    let site = Site::new(&echo);
    let reply = site.openhim.ask("/registry/missing", Some("lab-7"), &[]);
    assert_eq!(
        (reply.status, reply.field("content-type")),
        (404, Some("application/json")),
        "{}",
        reply.head
    );
    assert!(reply.text().contains("\"path\":\"/registry/missing\""), "{}", reply.text());

    let transactions = site.openhim.transactions();
    let answer = &transactions[0]["mediatorResponse"];
    assert_eq!(
        (&answer["x-mediator-urn"], &answer["status"]),
        (&"urn:mediator:gateward".into(), &"Completed".into())
    );
    assert_eq!(answer["orchestrations"][0]["request"]["path"], "/missing");
    let event = site.only_event();
    assert_eq!(answer["properties"]["gateward-transaction"], event["transaction"]);
    let shown = site.server.command(&["audit", "show", event["transaction"].as_str().unwrap()]).good();
    assert!(shown.text().contains("lab-7"), "{}", shown.text());
}

#[test]
fn where_an_answer_leads_is_recorded_though_openhim_gets_it_in_another() {
    let echo = Echo::start();
    let site = Site::new(&echo);
    let fields = ["X-OpenHIM-ClientID: lab-7", "X-OpenHIM-TransactionID: 000000000000000000000001"];
    let reply = site.ask_as_openhim("/registry/elsewhere", &fields);
    assert_eq!(reply.field("content-type"), Some("application/json+openhim"), "{}", reply.head);
    let detail = site.only_event()["detail"].to_string();
    assert!(detail.contains("s3.example.org"), "{detail}");
}

#[test]
fn what_does_not_fit_into_an_answer_of_a_mediator_passes_as_it_is() {
    let echo = Echo::start();
    let site = Site::new(&echo);
    for (path, size) in [("/registry/large", 1_000_000), ("/registry/binary", 256)] {
        let reply = site.openhim.ask(path, Some("lab-7"), &[]);
        assert_eq!((reply.status, reply.body.len()), (200, size), "{path}: {}", reply.head);
    }
    assert!(site.openhim.transactions().iter().all(|one| one["mediatorResponse"].is_null()));
}

#[test]
fn from_anybody_else_what_it_says_is_dropped_unread() {
    let echo = Echo::start();
    let site = Site::new(&echo);
    let forged = ["X-OpenHIM-ClientID: lab-7", "X-OpenHIM-TransactionID: 1", "X-OpenHIM-ClientID: lab-8"];
    let reply = site.ask_as_lab("/registry/Patient/1", &forged);
    assert_eq!((reply.status, reply.field("content-type")), (200, Some("application/json")));
    let echoed: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(told(&echoed, "x-openhim-clientid"), ["lab-1"], "its own name");
    assert_eq!(told(&echoed, "x-openhim-transactionid"), [""; 0]);
    let event = site.only_event();
    assert_eq!(event["node"], "lab-1");
    assert!(event.get("openhim_client").is_none() && event.get("openhim_transaction").is_none(), "{event}");

    let nobody = site.server.curl("/registry/Patient/1", &["--header", forged[0]], b"");
    assert_eq!(nobody.status, 403, "{}", nobody.text());
}

#[test]
fn a_node_without_the_role_is_no_openhim_whatever_it_is_called() {
    let echo = Echo::start();
    let site = Site::with(&echo, "openhim = true", &[]);
    let reply = site.openhim.ask("/registry/Patient/1", Some("lab-7"), &[]);
    let echoed: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(told(&echoed, "x-openhim-clientid"), ["openhim"]);
    assert!(site.openhim.transactions()[0]["mediatorResponse"].is_null());
    assert!(site.only_event().get("openhim_client").is_none());
}

#[test]
fn a_service_that_is_no_mediator_records_the_client_and_answers_as_it_is() {
    let echo = Echo::start();
    let site = Site::with(&echo, "", &["--role", "openhim"]);
    assert_eq!(site.openhim.ask("/registry/Patient/1", Some("lab-7"), &[]).status, 200);
    assert!(site.openhim.transactions()[0]["mediatorResponse"].is_null());
    assert_eq!(site.only_event()["openhim_client"], "lab-7");
}

#[test]
fn openhim_is_refused_where_nobody_could_tell_later_whose_request_it_was() {
    let echo = Echo::start();
    let site = Site::new(&echo);
    let long = format!("X-OpenHIM-ClientID: {}", "a".repeat(129));
    for fields in [
        &["X-OpenHIM-ClientID: lab-7", "x-openhim-clientid: lab-8"][..],
        &[&long],
        &["X-OpenHIM-ClientID;"],
        &["X-OpenHIM-ClientID: l\u{e4}b"],
        &["X-OpenHIM-TransactionID: 1", "X-OpenHIM-TransactionID: 1"],
    ] {
        let reply = site.ask_as_openhim("/registry/Patient/1", fields);
        assert_eq!(reply.status, 400, "{fields:?}: {}", reply.text());
        let shown = site.server.command(&["audit", "show", &reply.reference()]).good();
        assert!(shown.text().contains("X-OpenHIM-ClientID"), "{}", shown.text());
    }
    assert_eq!(echo.count(), 0, "nothing of it went upstream");
    assert_eq!(
        site.ask_as_openhim("/registry/Patient/1", &[]).status,
        200,
        "a request of its own names no client"
    );
}
