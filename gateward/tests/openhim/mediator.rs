//! We are one of OpenHIM's mediators, and nothing at the door waits for that.

use serde_json::Value;

use super::him::{OpenHim, PASSWORD, USERNAME, node};
use super::installation::Installation;
use super::server::Server;
use super::tools::run;

/// An installation whose service answers this OpenHIM as a mediator.
fn mediator_of(openhim: &OpenHim, password: &str) -> Installation {
    let installation = Installation::new();
    let file = std::fs::read_to_string(installation.config()).unwrap();
    installation.configure(&file.replacen("kind = \"plain\"", "openhim = true\nkind = \"plain\"", 1));
    installation.append(&openhim.table(installation.path(), password));
    installation
}

fn to(path: &str) -> impl Fn(&Value) -> bool {
    move |request: &Value| request["path"] == path
}

const HEARTBEAT: &str = "/mediators/urn:mediator:gateward/heartbeat";

#[test]
fn openhim_takes_our_registration_and_hears_that_we_live() {
    let openhim = OpenHim::before(1);
    let server = Server::start(mediator_of(&openhim, PASSWORD));
    let seen = openhim
        .await_seen("two heartbeats", |seen| seen.iter().filter(|one| to(HEARTBEAT)(one)).count() == 2);
    assert_eq!(seen.iter().filter(|one| to("/mediators")(one)).count(), 1, "{seen:#?}");

    // As OpenHIM's own code took it, with what its schema leaves out and adds.
    let [mediator] = &openhim.mediators()[..] else { panic!("one mediator") };
    assert_eq!((&mediator["urn"], &mediator["name"]), (&"urn:mediator:gateward".into(), &"gateward".into()));
    let endpoint = &mediator["endpoints"][0];
    assert_eq!((&endpoint["host"], &endpoint["port"]), (&"cr.example.org".into(), &8443.into()));
    assert_eq!(endpoint["secured"], true);
    let channel = &mediator["defaultChannelConfig"][0];
    assert_eq!((&channel["urlPattern"], &channel["authType"]), (&"^/files(/.*)?$".into(), &"private".into()));
    assert_eq!(channel["routes"][0]["forwardAuthHeader"], true, "its people log in here");
    assert_eq!(channel["allow"], Value::Array(Vec::new()), "nobody may use it until somebody there says who");
    assert!(server.log().contains("OpenHIM knows us as one of its mediators"), "{}", server.log());
    assert!(!server.log().contains("opensesame"));
}

#[test]
fn we_ask_as_the_client_of_openhims_own_mediators_does() {
    let openhim = OpenHim::before(1);
    let script = format!(
        "process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
         const utils = require('openhim-mediator-utils')
         const options = {{ apiURL: '{}', username: '{USERNAME}', password: '{PASSWORD}', urn: 'urn:mediator:theirs',
             trustSelfSigned: true }}
         const theirs = {{ urn: 'urn:mediator:theirs', version: '1.0.0', name: 'theirs', defaultChannelConfig: [],
             endpoints: [{{ name: 'theirs', host: 'localhost', port: 80, primary: true, type: 'http' }}], configDefs: [] }}
         utils.registerMediator(options, theirs, error => {{
             if (error) throw error
             utils.activateHeartbeat(options, 100)
             setTimeout(() => process.exit(0), 1000)
         }})",
        openhim.api()
    );
    run(&mut node(&script), b"").good();
    let theirs = openhim.seen();
    let _server = Server::start(mediator_of(&openhim, PASSWORD));
    let all = openhim.await_seen("a heartbeat of ours", |seen| seen.iter().any(to(HEARTBEAT)));
    let ours = &all[theirs.len()..];

    let request = |seen: &[Value], path: &str| seen.iter().find(|one| to(path)(one)).cloned().unwrap();
    let body = |request: &Value| serde_json::from_str::<Value>(request["body"].as_str().unwrap()).unwrap();
    for (path, their_path) in
        [("/mediators", "/mediators"), (HEARTBEAT, "/mediators/urn:mediator:theirs/heartbeat")]
    {
        let (own, their) = (request(ours, path), request(&theirs, their_path));
        assert_eq!(own["method"], their["method"]);
        for field in ["authorization", "content-type"] {
            assert_eq!(own["headers"][field], their["headers"][field], "{path}: {field}");
        }
        for name in body(&their).as_object().unwrap().keys() {
            assert!(body(&own).get(name).is_some(), "{path}: their {name} is not in ours: {}", body(&own));
        }
        assert!(body(&own)["uptime"].is_u64() || path == "/mediators");
    }
}

#[test]
fn an_openhim_that_forgot_us_learns_of_us_again() {
    let openhim = OpenHim::before(1);
    let _server = Server::start(mediator_of(&openhim, PASSWORD));
    openhim.await_seen("a heartbeat", |seen| seen.iter().any(to(HEARTBEAT)));
    openhim.forget();
    openhim.await_seen("another registration", |seen| {
        seen.iter().filter(|one| to("/mediators")(one)).count() == 2
    });
}

#[test]
fn an_openhim_that_fails_or_refuses_us_holds_up_nobody_and_is_told_to_the_operator_once() {
    let openhim = OpenHim::before(1);
    openhim.fail(500);
    let server = Server::start(mediator_of(&openhim, PASSWORD));
    assert_eq!(server.curl("/version", &[], b"").status, 200);
    openhim.await_seen("two tries", |seen| seen.len() >= 2);
    assert_eq!(server.log().matches("OpenHIM does not hear that we live").count(), 1, "{}", server.log());
    assert!(server.log().contains("it answered 500 Internal Server Error: out of order"), "{}", server.log());
    drop(server);

    openhim.fail(0);
    let server = Server::start(mediator_of(&openhim, "another-password"));
    openhim.await_seen("a try", |seen| seen.len() >= 3);
    let checked = server.command(&["config", "check"]);
    assert_eq!(checked.status, 1);
    assert!(
        checked.text().contains("[openhim]: it answered 401 Unauthorized: look at username"),
        "{}",
        checked.text()
    );
    assert!(server.log().contains("look at username and password_file"), "{}", server.log());
}

#[test]
fn a_server_starts_where_no_openhim_is_there_at_all() {
    let mut openhim = OpenHim::before(1);
    let installation = mediator_of(&openhim, PASSWORD);
    installation.command(&["config", "check"]).good();
    openhim.stop();
    let server = Server::start(installation);
    assert_eq!(server.curl("/version", &[], b"").status, 200);
    let checked = server.command(&["config", "check"]);
    assert!(checked.text().contains("[openhim]: it cannot be reached"), "{}", checked.text());
}
