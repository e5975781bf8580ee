//! `gateward node`: what it takes, refuses and says.

use super::authority::{Authority, DAY, from_now, itself, params};
use super::installation::Installation;

fn write(installation: &Installation, name: &str, text: &str) -> String {
    let path = installation.file(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn names(installation: &Installation) -> Vec<String> {
    let nodes = installation.json(&["node", "list"]);
    nodes.iter().map(|node| node["node"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_folder_is_enrolled_whole_or_not_at_all_with_a_line_for_each_failure() {
    let installation = Installation::new();
    for name in ["one", "two"] {
        write(&installation, &format!("many/{name}.pem"), &itself(params(name)).certificate);
    }
    let mut ended = params("ended");
    ended.not_after = from_now(-1);
    write(&installation, "many/ended.crt", &itself(ended).certificate);
    write(&installation, "many/broken.pem", "nothing");
    let folder = installation.file("many");
    let enroll = ["node", "enroll", "--folder", folder.to_str().unwrap(), "--role", "proxy"];
    let ran = installation.command(&enroll);
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("broken.pem: ") && ran.stderr.contains("ended.crt: "), "{}", ran.stderr);
    assert!(names(&installation).is_empty());

    std::fs::remove_file(installation.file("many/ended.crt")).unwrap();
    std::fs::remove_file(installation.file("many/broken.pem")).unwrap();
    installation.command(&enroll).good();
    assert_eq!(names(&installation), ["one", "two"]);
    assert_eq!(installation.json(&["node", "list"])[0]["roles"], serde_json::json!(["proxy"]));
    let again = installation.command(&enroll);
    assert_eq!((again.status, again.stderr.lines().filter(|line| line.contains("already")).count()), (1, 4));
}

#[test]
fn a_table_names_machines_by_certificate_fingerprint_or_authority() {
    let installation = Installation::new();
    let ca = Authority::new("Node CA");
    write(&installation, "tables/ca.pem", &ca.certificate);
    write(&installation, "tables/one.pem", &itself(params("one")).certificate);
    let fingerprint = "AB:".repeat(31) + "AB";
    let table = format!(
        "name,certificate,fingerprint,issuer,subject,san,roles\none,one.pem,,,,,\ntwo,,{fingerprint},,,,openhim\n\
         three,,,ca.pem,\"CN=three,O=Ministry of Health\",,\nfour,,,ca.pem,,DNS:four.example.org,proxy openhim\n"
    );
    let path = write(&installation, "tables/nodes.csv", &table);
    let ran = installation.command(&["node", "enroll", "--csv", &path]).good();
    assert!(ran.stderr.contains("once node_ca in its configuration names it"), "{}", ran.stderr);
    assert_eq!(names(&installation), ["four", "one", "three", "two"]);
    let show = installation.json(&["node", "show", "four"]).remove(0);
    assert_eq!(show["known_by"][0]["san"], "DNS:four.example.org");
    assert_eq!(show["roles"], serde_json::json!(["proxy", "openhim"]));

    let twice = format!("name,fingerprint\nfive,{fingerprint}\nsix,zz\n");
    let path = write(&installation, "tables/twice.csv", &twice);
    let ran = installation.command(&["node", "enroll", "--csv", &path]);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("twice.csv, line 3: a SHA-256 fingerprint has 64"), "{}", ran.stderr);
    assert_eq!(names(&installation).len(), 4);
}

#[test]
fn what_could_never_be_let_in_is_refused_at_once() {
    let installation = Installation::new();
    let mut server = params("server");
    server.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let server = write(&installation, "server-only.pem", &itself(server).certificate);
    let key = write(&installation, "machine.key", &itself(params("a")).key.serialize_pem());
    let own = write(&installation, "own.pem", &itself(params("own")).certificate);
    for (arguments, reason) in [
        (&["--certificate", &server][..], "clientAuth"),
        (&["--certificate", &key], "private key"),
        (&["--issuer", &own, "--subject", "CN=a"], "no authority's certificate"),
        (&["--issuer", &own], "name --subject or --san"),
        (&[], "name a certificate, a fingerprint, or an authority"),
    ] {
        let ran = installation.command(&[&["node", "enroll", "a"], arguments].concat());
        assert_eq!(ran.status, 2, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(reason), "{arguments:?}: {}", ran.stderr);
    }
    assert!(names(&installation).is_empty());
}

#[test]
fn a_certificate_that_was_taken_out_stays_out_and_its_name_may_come_again() {
    let installation = Installation::new();
    let first = write(&installation, "first.pem", &itself(params("lab")).certificate);
    let second = write(&installation, "second.pem", &itself(params("lab")).certificate);
    let enroll = |file: &str| installation.command(&["node", "enroll", "lab", "--certificate", file]);
    enroll(&first).good();
    assert!(enroll(&second).stderr.contains("there is a node lab already"));
    installation.command(&["node", "revoke", "lab"]).good();
    assert!(names(&installation).is_empty());
    assert_eq!(installation.command(&["node", "revoke", "lab"]).status, 1);
    assert_eq!(installation.command(&["node", "replace", "lab", "--certificate", &second]).status, 1);
    let again = enroll(&first);
    assert_eq!(again.status, 1);
    assert!(again.stderr.contains("stays out"), "{}", again.stderr);
    enroll(&second).good();
    assert_eq!(names(&installation), ["lab"]);
    let kinds: Vec<_> = ["node_enrolled", "node_revoked"].map(|kind| installation.events(kind).len()).into();
    assert_eq!(kinds, [2, 1]);
}

#[test]
fn a_certificate_that_ends_soon_is_warned_of() {
    let installation = Installation::new();
    let mut soon = params("soon");
    soon.not_after = from_now(10 * DAY + 60);
    let soon = write(&installation, "soon.pem", &itself(soon).certificate);
    let later = write(&installation, "later.pem", &itself(params("later")).certificate);
    installation.command(&["node", "enroll", "soon", "--certificate", &soon]).good();
    installation.command(&["node", "enroll", "later", "--certificate", &later]).good();
    let ran = installation.command(&["node", "list"]).good();
    assert!(ran.stderr.contains("the certificate of soon ends in 10 days"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("later"), "{}", ran.stderr);
}
