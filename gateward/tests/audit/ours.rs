//! The log of an installation that many things were done to, as others read it.

use std::collections::BTreeSet;

use audit_event::fhir;
use serde_json::Value;

use crate::installation::Installation;
use crate::server::Server;
use crate::validators::all_valid;

/// Kinds that come about here; whatever else does is read as well.
const KINDS: [&str; 21] = [
    "api_token_created",
    "api_token_revoked",
    "authentication_failed",
    "exchange_refused",
    "exchanged",
    "grant_created",
    "grant_revoked",
    "hold_created",
    "hold_released",
    "key_rotated",
    "log_read",
    "operator_request",
    "person_erased",
    "policy_loaded",
    "released",
    "started",
    "stopped",
    "user_created",
    "user_deleted",
    "user_disabled",
    "user_ended",
];

#[test]
fn everything_an_installation_records_is_valid_as_others_read_it() {
    let mut server = Server::start(Installation::new());
    happen(&server);
    server.stop();
    let export = server.file("export.json");
    let export = export.to_str().unwrap();
    server.command(&["audit", "export", "--format", "fhir-bundle", "--out", export]).good();
    let bundle: Value = serde_json::from_slice(&std::fs::read(export).unwrap()).unwrap();
    let resources = bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
    let events: Vec<_> = resources
        .map(|resource| {
            let read = fhir::read(resource.to_string().as_bytes()).unwrap();
            assert_eq!(fhir::write(&read.event), *resource, "what was read is what was written");
            (kind(resource), read.event)
        })
        .collect();
    let there: BTreeSet<&str> = events.iter().map(|(kind, _)| kind.as_str()).collect();
    let missing: Vec<_> = KINDS.iter().filter(|kind| !there.contains(*kind)).collect();
    assert!(missing.is_empty(), "{missing:?} of {there:?}");
    all_valid(&events);
}

/// The word of ours, which is the last subtype.
fn kind(resource: &Value) -> String {
    let last = resource["subtype"].as_array().and_then(|all| all.last());
    last.and_then(|last| last["code"].as_str()).unwrap_or_default().to_owned()
}

fn happen(server: &Server) {
    let created = |what: &str, arguments: &[&str]| {
        let created = server.json(arguments).remove(0);
        created[what].as_str().unwrap_or_else(|| panic!("{created}")).to_owned()
    };
    let password = server.file("password");
    std::fs::write(&password, "correct horse battery staple 7").unwrap();
    server.command(&["user", "create", "ann", "--password-file", password.to_str().unwrap()]).good();
    let grant = created("grant", &["grant", "create", "--user", "ann", "--service", "files"]);
    let token = created("api_token", &["api-token", "create", "--user", "ann", "--label", "Läbel <&>"]);
    server.command(&["api-token", "revoke", &token]).good();
    server.command(&["grant", "revoke", &grant]).good();
    server.command(&["user", "disable", "ann"]).good();
    server.command(&["user", "delete", "ann"]).good();
    server.command(&["key", "rotate"]).good();
    let hold =
        created("hold", &["audit", "hold", "create", "--person", "b@example.org", "--reason", "a court"]);
    server.command(&["audit", "hold", "release", &hold]).good();
    server.post("not a token", &[]);
    server.curl("/files/restricted.txt", &["--digest", "--user", "nobody:nothing"], b"");
    let operator = std::fs::read_to_string(server.file("operator.txt")).unwrap();
    server.operators("/metrics", &["--user", operator.trim()]);
    server.operators("/metrics", &["--user", "operator:wrong"]);
    server.command(&["audit", "search"]).good();
    server.command(&["audit", "erase", "--person", "b@example.org"]).good();
}
