//! Certificates are renewed without anybody noticing: the machines', the server's, the authority's.

use std::time::Duration;

use rcgen::{ExtendedKeyUsagePurpose, SanType};

use super::authority::{Authority, itself, params};
use super::connection::{Connection, shows};
use super::door::{Door, FILE, Knock};

/// Files are looked at every two seconds; one that idles would be closed after 30 s.
const SOON: Duration = Duration::from_secs(10);

fn write(door: &Door, name: &str, text: &str) -> String {
    let path = door.server.file(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn during_a_renewal_both_certificates_are_good_and_then_the_new_one_alone() {
    let door = Door::open();
    let (old, new, newest) = (itself(params("pinned")), itself(params("pinned")), itself(params("pinned")));
    door.server.append("[[grant]]\nnode = \"pinned\"\nservice = \"files\"\n");
    let Door { authority, mut server } = door;
    server.stop();
    let door = Door { server: server.again(), authority };
    let file = write(&door, "old.pem", &old.certificate);
    door.server.command(&["node", "enroll", "pinned", "--certificate", &file]).good();
    door.until(|| matches!(door.knock(&old, &[]), Knock::Answered(reply) if reply.status == 200));
    assert!(matches!(door.knock(&new, &[]), Knock::TurnedAway(_)));

    let file = write(&door, "new.pem", &new.certificate);
    door.server.command(&["node", "replace", "pinned", "--certificate", &file, "--overlap", "30d"]).good();
    door.until(|| matches!(door.knock(&new, &[]), Knock::Answered(reply) if reply.status == 200));
    door.knock(&old, &[]).is_let_in();

    let mut kept = Connection::new(&door.server, Some(shows(&new, &new)));
    assert_eq!(kept.get(FILE).unwrap().0, 200);
    let file = write(&door, "newest.pem", &newest.certificate);
    door.server.command(&["node", "replace", "pinned", "--certificate", &file, "--overlap", "0d"]).good();
    door.until(|| matches!(door.knock(&newest, &[]), Knock::Answered(reply) if reply.status == 200));
    assert!(kept.until_closed().0 < SOON);
    for taken_out in [&old, &new] {
        assert!(matches!(door.knock(taken_out, &[]), Knock::TurnedAway(_)));
        door.last_turned_away_for("revoked");
    }
    let show = door.server.command(&["node", "show", "pinned"]).good();
    assert_eq!(show.text().matches("known by").count(), 3, "{}", show.text());
}

#[test]
fn the_server_shows_a_renewed_certificate_as_soon_as_its_files_have_changed() {
    let door = Door::open();
    let lab = door.lab();
    let mut connection = Connection::new(&door.server, Some(shows(&lab, &lab)));
    assert_eq!(connection.get(FILE).unwrap().0, 200);

    let ours = Authority::new("Server CA");
    let mut renewed = params("localhost");
    renewed.subject_alt_names = vec![SanType::DnsName("localhost".try_into().unwrap())];
    renewed.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let renewed = ours.issue(renewed);
    std::fs::write(door.server.file("server.pem"), &renewed.certificate).unwrap();
    // The certificate alone belongs to no key: the old pair stays.
    door.until(|| door.server.log().contains("cannot be used: the old stays"));
    door.knock(&lab, &[]).is_let_in();
    std::fs::write(door.server.file("server.key"), renewed.key.serialize_pem()).unwrap();
    std::fs::write(door.server.file("ca.pem"), &ours.certificate).unwrap();
    door.until(|| matches!(door.knock(&lab, &[]), Knock::Answered(reply) if reply.status == 200));
    assert_eq!(connection.get(FILE).unwrap().0, 200, "who was connected stays so");
}

#[test]
fn an_authority_that_is_taken_out_of_its_file_vouches_for_nobody_any_more() {
    let door = Door::open();
    let lab = door.lab();
    let mut connection = Connection::new(&door.server, Some(shows(&lab, &lab)));
    assert_eq!(connection.get(FILE).unwrap().0, 200);
    write(&door, "node-ca.pem", "not a certificate");
    door.until(|| door.server.log().contains("cannot be used: the old stays"));
    door.knock(&lab, &[]).is_let_in();
    write(&door, "node-ca.pem", &Authority::new("Node CA").certificate);
    assert!(connection.until_closed().0 < SOON);
    assert!(matches!(door.knock(&lab, &[]), Knock::TurnedAway(_)));
}
