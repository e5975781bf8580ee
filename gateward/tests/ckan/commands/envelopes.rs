//! What is around an inner file opens by other people's programs, and what is in it dclab reads.

use super::gnupg::Somebody;
use super::installation::Installation;
use super::users::{dclab, unzip};
use crate::tools::{python, run};

const KEY: &str = "vN3kQ0mW7xTzR5uYb8LpAe2HcJ4sGd6FiOo1ZqXyUKw";

#[test]
fn a_zip_says_what_to_do_to_whoever_cannot_open_it_and_opens_by_seven_zip() {
    const SCRIPT: &str = "
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as file:
    print(*sorted(file.namelist()))
    print(file.read('LIES-MICH.txt').decode())
";
    let ours = Installation::without_ckan();
    let key = ours.secret_file("key", KEY);
    let made = ours.create(&["ann", "--key-file", key.to_str().unwrap(), "--language", "de"]).good();
    let zip = ours.desk("ann.dcor-access.zip");
    let told = run(python().args(["-c", SCRIPT]).arg(&zip), b"").good();
    assert!(told.text().starts_with("LIES-MICH.txt ann.dcor-access\n"), "{}", told.text());
    assert!(told.text().contains("Dora Demo, +49 30 123"), "{}", told.text());

    let passphrase = made.passphrase("ann").unwrap();
    let inner = unzip(&zip, &passphrase, &ours.path("ann"));
    assert_eq!(dclab(&inner, &passphrase).key, KEY);
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&zip).unwrap().permissions()) & 0o777,
        0o600
    );
}

#[test]
fn who_has_an_openpgp_key_needs_no_zip_program() {
    let (ours, ann) = (Installation::without_ckan(), Somebody::new());
    let key = ours.secret_file("key", KEY);
    let public = ann.public_key().display().to_string();
    let made = ours.create(&["ann", "--key-file", key.to_str().unwrap(), "--pgp", &public]).good();
    let inner = ours.path("ann.dcor-access");
    std::fs::write(&inner, ann.decrypt(&ours.desk("ann.dcor-access.gpg"))).unwrap();
    assert_eq!(dclab(&inner, &made.passphrase("ann").unwrap()).key, KEY);

    let inspected = ours.call(&["access-token", "inspect", "ann.dcor-access.gpg"]).run().good();
    assert!(inspected.out.contains("the OpenPGP key "), "{}", inspected.out);
    assert!(!inspected.out.contains("ann@"), "{}", inspected.out);
}

#[test]
fn the_inner_file_alone_comes_with_what_it_is_worth() {
    let ours = Installation::without_ckan();
    let key = ours.secret_file("key", KEY);
    let made = ours.create(&["ann", "--key-file", key.to_str().unwrap(), "--inner-only"]).good();
    assert!(made.err.contains("protects nothing on its way") && made.err.contains("seconds"), "{}", made.err);
    assert_eq!(dclab(&ours.desk("ann.dcor-access"), &made.passphrase("ann").unwrap()).key, KEY);
    assert_eq!(ours.on_desk(), ["ann.dcor-access", "ann.letter.html", "ann.letter.txt"]);
}

#[test]
fn a_letter_names_the_last_day_that_was_asked_for() {
    let ours = Installation::without_ckan();
    let key = ours.secret_file("key", KEY);
    ours.create(&["ann", "--key-file", key.to_str().unwrap(), "--expires", "2999-03-31"]).good();
    assert_eq!(ours.tokens()[0]["expires_at"], "2999-04-01T00:00:00.000000Z");
    for kind in ["txt", "html"] {
        let letter = std::fs::read_to_string(ours.desk(&format!("ann.letter.{kind}"))).unwrap();
        assert!(letter.contains("31 March 2999") && !letter.contains("April"), "{letter}");
    }
}
