//! Whom backups are sealed to: keys as GnuPG exports them, and what is refused.

use std::os::unix::fs::PermissionsExt as _;

use super::installation::Installation;
use super::keys::{Gnupg, Key};
use super::support::gateward;

fn import(installation: &Installation, file: &str, key: &Key) -> (i32, String) {
    let path = installation.path("offered");
    std::fs::write(&path, file).unwrap();
    let ran = installation.run(&["backup", "recipient", "import", &path, "--fingerprint", &key.fingerprint]);
    (ran.status, ran.stderr)
}

fn stored(installation: &Installation) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(installation.file("state/recipients")) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_key_is_imported_listed_with_its_jobs_and_recorded() {
    let (installation, gnupg) = (Installation::new(), Gnupg::new());
    let key = gnupg.key("anne");
    installation.import(&key);
    installation.add_job("data", &[&key], "");

    let listed = installation.json(&["backup", "recipient", "list"]);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["fingerprint"], key.fingerprint);
    assert_eq!(listed[0]["opens_with"], key.opens);
    assert_eq!(listed[0]["user_ids"][0], "anne <anne@example.org>");
    assert_eq!(listed[0]["status"], "usable");
    assert_eq!(listed[0]["needs_care"], false);
    assert_eq!(listed[0]["jobs"][0], "data");
    assert!(installation.good(&["backup", "recipient", "list"]).contains("named by    data"));
    let events = installation.events(&["backup_recipient_imported"]);
    assert_eq!(events[0]["fingerprint"], key.fingerprint, "{events:?}");

    let folder = installation.file("state/recipients");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join(format!("{}.asc", key.fingerprint))), 0o600);
}

#[test]
fn a_key_of_rsa_4096_that_encrypts_by_itself_is_a_recipient() {
    let (installation, gnupg) = (Installation::new(), Gnupg::new());
    let key = gnupg.primary("rsa", "rsa4096", "sign,cert,encr");
    let binary = gnupg.gpg(&["--export", &key.fingerprint], b"");
    let arguments = ["backup", "recipient", "import", "-", "--fingerprint", &key.fingerprint];
    let ran = gateward(&[&arguments[..], &["--config", &installation.config()]].concat(), &[], &binary);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(installation.json(&["backup", "recipient", "list"])[0]["opens_with"], key.fingerprint);

    installation.add_job("data", &[&key], "");
    let backup = installation.back_up("data", b"for RSA");
    assert_eq!(gnupg.gpg(&["--decrypt", backup.to_str().unwrap()], b""), b"for RSA");
}

#[test]
fn another_key_than_the_fingerprint_names_is_refused() {
    let (installation, gnupg) = (Installation::new(), Gnupg::new());
    let (key, other) = (gnupg.key("anne"), gnupg.key("mallory"));
    let (status, said) = import(&installation, &other.public, &key);
    assert_eq!(status, 1, "{said}");
    assert!(said.contains(&format!("the key is {}, not {}", other.fingerprint, key.fingerprint)), "{said}");
    assert!(stored(&installation).is_empty());
    assert!(installation.events(&["backup_recipient_imported"]).is_empty());
}

#[test]
fn a_secret_key_is_refused_with_the_remedy_and_never_lies_there() {
    let (installation, gnupg) = (Installation::new(), Gnupg::new());
    let key = gnupg.key("anne");
    let secret = std::fs::read_to_string(gnupg.secret(&key, "")).unwrap();
    for file in [secret.clone(), format!("{}\n{secret}", key.public)] {
        let (status, said) = import(&installation, &file, &key);
        assert_eq!(status, 1, "{said}");
        assert!(said.contains("gpg --armor --export"), "{said}");
        assert!(stored(&installation).is_empty());
    }
}

#[test]
fn a_file_with_several_keys_is_refused() {
    let (installation, gnupg) = (Installation::new(), Gnupg::new());
    let (key, other) = (gnupg.key("anne"), gnupg.key("bea"));
    let export = ["--armor", "--export", &key.fingerprint, &other.fingerprint];
    let ring = String::from_utf8(gnupg.gpg(&export, b"")).unwrap();
    for file in [ring, format!("{}{}", key.public, other.public)] {
        let (status, said) = import(&installation, &file, &key);
        assert_eq!(status, 1, "{said}");
        assert!(said.contains("more than one key"), "{said}");
    }
    assert!(stored(&installation).is_empty());
}

#[test]
fn a_key_that_nothing_can_be_sealed_to_is_refused_and_the_reason_told() {
    let (installation, gnupg) = (Installation::new(), Gnupg::new());
    let revoked = gnupg.revoke(&gnupg.key("revoked"));
    let expired = gnupg.key_until("expired", "20200401T000000", Some("20200101T000000"));
    for (key, reason) in [
        (gnupg.primary("signs", "ed25519", "sign,cert"), "not made for encryption"),
        (gnupg.primary("short", "rsa1024", "sign,cert,encr"), "too short"),
        (revoked, "revoked by its owner"),
        (expired, "expired at 2020-04-01"),
    ] {
        let (status, said) = import(&installation, &key.public, &key);
        assert_eq!(status, 1, "{said}");
        assert!(said.contains(reason), "{said}");
    }
    let key = gnupg.key("anne");
    let (status, said) = import(&installation, "no key at all", &key);
    assert_eq!((status, said.contains("not an OpenPGP public key")), (1, true), "{said}");
    assert!(stored(&installation).is_empty());
}

#[test]
fn nobody_vouches_for_a_key_where_nobody_can_be_asked() {
    let (installation, gnupg) = (Installation::new(), Gnupg::new());
    let file = installation.path("anne.asc");
    std::fs::write(&file, gnupg.key("anne").public).unwrap();
    let ran = std::process::Command::new("setsid")
        .args(["--wait", env!("CARGO_BIN_EXE_gateward"), "backup", "recipient", "import", &file])
        .args(["--config", &installation.config()])
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("give --fingerprint"), "{ran:?}");
    assert!(stored(&installation).is_empty());
}

#[test]
fn a_key_is_removed_by_its_id_unless_a_job_names_it() {
    let (installation, gnupg) = (Installation::new(), Gnupg::new());
    let (key, other) = (gnupg.key("anne"), gnupg.key("bea"));
    installation.import(&key);
    installation.import(&other);
    installation.add_job("data", &[&key], "");
    let remove = |key: &str| ["backup", "recipient", "remove", key].map(str::to_owned);
    let refused = |key: &str| {
        let arguments = remove(key);
        installation.refused(&arguments.each_ref().map(String::as_str))
    };
    assert!(refused(&key.fingerprint).contains("is named by data"));
    assert!(refused(&other.fingerprint[32..]).contains("short key id"));
    assert!(refused("0123456789ABCDEF").contains("no key that was imported"));
    assert!(refused("anne").contains("names no key"));
    assert_eq!(stored(&installation).len(), 2);

    // The subkey's id, as `gpg --list-packets` shows it, means the whole key.
    let id = format!("0x{}", other.opens[24..].to_lowercase());
    let arguments = remove(&id);
    installation.good(&arguments.each_ref().map(String::as_str));
    assert_eq!(stored(&installation), [format!("{}.asc", key.fingerprint)]);
    assert_eq!(installation.events(&["backup_recipient_removed"])[0]["fingerprint"], other.fingerprint);
}

#[test]
fn a_job_with_one_key_that_is_missing_makes_no_backup_and_names_it() {
    let (installation, gnupg) = (Installation::new(), Gnupg::new());
    let (key, missing) = (gnupg.key("anne"), gnupg.key("bea"));
    installation.import(&key);
    installation.add_job("data", &[&key, &missing], "");
    std::fs::write(installation.file("data"), "data").unwrap();
    let said = installation.refused(&["backup", "run", "data"]);
    assert!(said.contains(&missing.fingerprint) && said.contains("was not imported"), "{said}");
    assert!(!said.contains(&key.fingerprint), "{said}");
    assert!(
        !installation.file("backups").exists()
            || std::fs::read_dir(installation.file("backups")).unwrap().all(|entry| entry
                .unwrap()
                .path()
                .extension()
                .is_none_or(|it| it != "gpg"))
    );
    let listed = installation.json(&["backup", "recipient", "list"]);
    assert_eq!(listed.iter().filter(|key| key["needs_care"] == true).count(), 1, "{listed:?}");
    assert!(installation.refused(&["backup", "recipient", "list"]).contains("no backup by data"));
}

#[test]
fn a_key_that_ends_within_sixty_days_is_warned_of() {
    let (installation, gnupg) = (Installation::new(), Gnupg::new());
    let (soon, later) = (gnupg.key_until("soon", "59d", None), gnupg.key_until("later", "62d", None));
    installation.import(&soon);
    installation.import(&later);
    let said = installation.refused(&["backup", "recipient", "list"]);
    assert!(said.contains(&soon.fingerprint) && said.contains("have its owner prolong it"), "{said}");
    assert!(!said.contains(&later.fingerprint), "{said}");
}

#[test]
fn a_revoked_copy_takes_the_place_of_the_good_one_and_never_the_other_way_round() {
    let (installation, gnupg) = (Installation::new(), Gnupg::new());
    let key = gnupg.key("anne");
    installation.import(&key);
    installation.add_job("data", &[&key], "");
    installation.back_up("data", b"data");

    let revoked = gnupg.revoke(&key);
    let (status, said) = import(&installation, &revoked.public, &key);
    assert_eq!((status, said.contains("revoked by its owner")), (0, true), "{said}");
    let said = installation.refused(&["backup", "run", "data"]);
    assert!(said.contains("its owner revoked it"), "{said}");

    let (status, said) = import(&installation, &key.public, &key);
    assert_eq!((status, said.contains("that stays so")), (1, true), "{said}");
}

#[test]
fn a_file_that_was_written_over_is_no_recipient_any_more() {
    let (installation, gnupg) = (Installation::new(), Gnupg::new());
    let (key, mallory) = (gnupg.key("anne"), gnupg.key("mallory"));
    installation.import(&key);
    installation.add_job("data", &[&key], "");
    std::fs::write(installation.file("data"), "data").unwrap();
    let file = installation.file("state/recipients").join(format!("{}.asc", key.fingerprint));
    std::fs::write(file, mallory.public).unwrap();
    let said = installation.refused(&["backup", "run", "data"]);
    assert!(said.contains(&key.fingerprint) && said.contains("import it again"), "{said}");
}
