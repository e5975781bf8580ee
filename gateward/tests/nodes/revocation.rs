//! Whoever is revoked, by command or by a list, is out within a second: idle, running or resumed.

use std::process::Command;
use std::time::Duration;

use super::authority::{Authority, params};
use super::connection::{Connection, shows};
use super::door::{Door, FILE, Knock, LONG, installation};
use super::tools::run;

/// A revocation acts within one second; with what a busy machine takes to start a command.
const SOON: Duration = Duration::from_secs(1);

#[test]
fn an_idle_connection_of_a_revoked_node_is_closed_within_a_second() {
    let door = Door::open();
    let lab = door.lab();
    let mut connection = Connection::new(&door.server, Some(shows(&lab, &lab)));
    assert_eq!(connection.get(FILE).unwrap().0, 200);
    let mut stranger = Connection::new(&door.server, None);
    assert_eq!(stranger.get(FILE).unwrap().0, 403);

    door.server.command(&["node", "revoke", "lab"]).good();
    let (took, bytes) = connection.until_closed();
    assert!(took < SOON && bytes == 0, "{took:?} {bytes}");
    // Whoever was nobody stays connected: there is nothing to take away.
    assert_eq!(stranger.get(FILE).unwrap().0, 403);
    assert!(matches!(door.knock(&lab, &[]), Knock::Answered(reply) if reply.status == 403));
    door.last_turned_away_for("revoked");
}

#[test]
fn a_download_of_a_revoked_node_is_cut_and_recorded_as_revoked() {
    let door = Door::open();
    let whole = 256 << 20;
    let file = std::fs::File::create(door.server.file("files/large")).unwrap();
    file.set_len(whole as u64).unwrap();
    let lab = door.lab();
    let mut connection = Connection::new(&door.server, Some(shows(&lab, &lab)));
    connection.ask("/files/large").unwrap();
    door.until(|| !door.server.events("admitted").is_empty());
    door.server.command(&["node", "revoke", "lab"]).good();
    std::thread::sleep(SOON);
    let (_, bytes) = connection.until_closed();
    assert!(bytes < whole, "{bytes}");
    door.until(|| !door.server.events("ended").is_empty());
    let ended = door.server.events("ended").remove(0);
    assert_eq!(ended["delivery"], "revoked", "{ended}");
}

#[test]
fn a_node_that_a_newer_list_revokes_is_out_once_the_file_has_changed() {
    let (door, _) = Door::with_list(LONG, "", |_| Vec::new());
    let (lab, other) = (door.lab(), door.lab());
    let mut connection = Connection::new(&door.server, Some(shows(&lab, &lab)));
    assert_eq!(connection.get(FILE).unwrap().0, 200);
    std::fs::write(door.server.file("node.crl"), door.authority.list(&[&lab], LONG)).unwrap();
    let (took, _) = connection.until_closed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    let Knock::TurnedAway(said) = door.knock(&lab, &["--tls-max", "1.2"]) else { panic!("let in") };
    assert!(said.contains("alert certificate revoked"), "{said}");
    door.last_turned_away_for("revoked");
    door.knock(&other, &[]).is_let_in();
}

fn resumed_after_revocation(version: &str) {
    let (door, _) = Door::with_list(LONG, "", |_| Vec::new());
    let lab = door.lab();
    let (certificate, key) = lab.files(door.server.path());
    let session = door.server.file("session");
    let request = format!("GET {FILE} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let openssl = |resumes: bool| {
        let mut openssl = Command::new("openssl");
        openssl.args([
            "s_client",
            version,
            "-ign_eof",
            "-connect",
            &format!("localhost:{}", door.server.public),
        ]);
        openssl.arg("-cert").arg(&certificate).arg("-key").arg(&key).arg("-sess_out").arg(&session);
        if resumes {
            openssl.arg("-sess_in").arg(&session);
        }
        run(&mut openssl, request.as_bytes())
    };
    assert!(openssl(false).text().contains("HTTP/1.1 200"));
    let again = openssl(true);
    assert!(again.text().contains("Reused, ") && again.text().contains("HTTP/1.1 200"), "{}", again.text());

    std::fs::write(door.server.file("node.crl"), door.authority.list(&[&lab], LONG)).unwrap();
    door.until(|| door.server.log().contains("authorities and their lists changed and was loaded"));
    let said = openssl(true);
    assert!(said.text().contains("Reused, "), "{}", said.text());
    assert!(said.text().contains("HTTP/1.1 403"), "{}", said.text());
    let event = door.server.events("node_authentication_failed").pop().unwrap();
    assert_eq!(
        (event["reason"].as_str(), event["request"].as_str()),
        (Some("revoked"), Some("GET /restricted.txt"))
    );
}

#[test]
fn a_session_that_is_resumed_after_its_node_was_revoked_opens_nothing_over_tls_1_2() {
    resumed_after_revocation("-tls1_2");
}

#[test]
fn a_session_that_is_resumed_after_its_node_was_revoked_opens_nothing_over_tls_1_3() {
    resumed_after_revocation("-tls1_3");
}

#[test]
fn when_a_list_ends_and_no_newer_one_came_its_authority_s_nodes_are_out() {
    let (door, _) = Door::with_list(20, "", |_| Vec::new());
    let lab = door.lab();
    let mut connection = Connection::new(&door.server, Some(shows(&lab, &lab)));
    assert_eq!(connection.get(FILE).unwrap().0, 200);
    // One that idles would be closed after 30 s.
    assert!(connection.until_closed().0 < Duration::from_secs(22));
    assert!(matches!(door.knock(&lab, &[]), Knock::TurnedAway(_)));
    door.last_turned_away_for("crl-outdated");
}

#[test]
fn where_lists_are_optional_a_missing_one_refuses_nobody_and_is_warned_of() {
    let (door, revoked) = Door::with_list(1, "crl = \"optional\"", |ca| vec![ca.issue(params("lab"))]);
    std::thread::sleep(Duration::from_secs(1));
    door.knock(&door.lab(), &[]).is_let_in();
    assert!(door.server.log().contains("crl = \"optional\""), "{}", door.server.log());
    // What it revoked stays revoked.
    assert!(matches!(door.knock(&revoked[0], &[]), Knock::TurnedAway(_)));
    door.last_turned_away_for("revoked");
}

#[test]
fn config_check_says_whose_machines_would_be_refused_for_want_of_a_list() {
    let authority = Authority::new("Node CA");
    let installation = installation(&authority, "node_crl = [\"node.crl\"]");
    let list = |of: &Authority, seconds| {
        std::fs::write(installation.file("node.crl"), of.list(&[], seconds)).unwrap();
        installation.command(&["config", "check"])
    };
    list(&authority, LONG).good();
    for (of, seconds, what) in [
        (&authority, 0, "the list of revoked certificates of CN=Node CA,O=Ministry of Health ended at "),
        (
            &Authority::new("Another CA"),
            LONG,
            "there is no list of revoked certificates of CN=Node CA,O=Ministry of Health",
        ),
    ] {
        let found = list(of, seconds);
        assert_eq!(found.status, 1, "{}", found.text());
        assert!(found.text().contains(what), "{}", found.text());
    }
    // Where that was said on purpose, nobody is refused.
    let file = std::fs::read_to_string(installation.config()).unwrap();
    installation.configure(&file.replace("node_crl = ", "crl = \"optional\"\nnode_crl = "));
    list(&authority, 0).good();
}
