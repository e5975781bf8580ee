//! Where keys come from, and that they end there.

use access_token::ServerCertificate;
use serde_json::json;

use super::installation::{HOST, Installation, deaf, nobody_asked, path_with_ckan};
use super::users::{dclab, keys_of, opens, unzip};
use crate::asking::new_user;
use crate::site::Site;

const UUID: &str = "0b1f1a2c-93d4-4f0e-8f5b-5d1c2a7e9b10";

#[test]
fn a_user_is_made_and_what_they_get_opens_ckan_until_it_is_revoked() {
    let (ckan, ours) = (Site::shared(), Installation::at(Site::shared()));
    let new = new_user("ann");
    let (ann, mail) = (new.name.to_string(), new.mail);
    let made = ours
        .create(&[&ann, "--create-user", "--name", "Änn Example", "--mail", &mail, "--language", "de"])
        .good();
    let passphrase = made.passphrase(&ann).unwrap();

    let inner = unzip(&ours.desk(&format!("{ann}.dcor-access.zip")), &passphrase, &ours.path("ann"));
    let read = dclab(&inner, &passphrase);
    assert_eq!(read.host, HOST);
    assert_eq!(read.certificate, std::fs::read_to_string(ours.path("host.pem")).unwrap());
    assert!(opens(ckan, &read.key, &ann));
    let (_, user) = ckan.post("user_show", &ckan.key, &json!({ "id": ann }));
    assert_eq!(user["result"]["fullname"], "Änn Example");

    let fingerprint = ServerCertificate::parse(&std::fs::read(ours.path("host.pem")).unwrap()).unwrap();
    let fingerprint = fingerprint.fingerprint().to_string();
    assert!(made.terminal.contains(&fingerprint), "{}", made.terminal);
    let letters = ["txt", "html"].map(|kind| ours.desk(&format!("{ann}.letter.{kind}")));
    for letter in letters.map(|path| std::fs::read_to_string(path).unwrap()) {
        assert!(letter.contains("Änn Example") && letter.contains("Dora Demo"), "{letter}");
        assert!(!letter.contains(&passphrase) && !letter.contains(&read.key));
    }

    let [row] = ours.tokens().try_into().unwrap();
    let id = row["access_token"].as_str().unwrap();
    assert_eq!(keys_of(ckan, &ann), [format!("gateward {id}")]);
    let shown = ours.call(&["access-token", "show", id]).run().good().out;
    for word in ["Änn Example", &mail, HOST, "issued", "jwt", "zip", &ckan.url()] {
        assert!(shown.contains(word), "no {word} in {shown}");
    }
    assert_eq!(
        ours.kinds(),
        ["access_token_begun", "ckan_user_created", "access_token_created"],
        "each step is an event"
    );

    let revoked = ours.json(&["access-token", "revoke", id]);
    assert_eq!((&revoked[0]["result"], &revoked[0]["key"]), (&json!("ended"), &json!("revoked")));
    assert!(!opens(ckan, &read.key, &ann), "it is refused at once");
    assert_eq!(ours.kinds()[3..], ["access_token_revoked", "access_token_ended"]);
    assert!(ours.json(&["access-token", "list"]).is_empty());
    assert_eq!(ours.tokens()[0]["state"], "ended");
    let again = ours.call(&["access-token", "revoke", id]).run();
    again.refused(1, "nothing is left to be done");
}

#[test]
fn ckans_own_command_makes_a_key_and_ends_it() {
    let (ckan, ours) = (Site::shared(), Installation::that_runs(Site::shared()));
    let joe = new_user("joe").name.to_string();
    let ini = ckan.ini().display().to_string();
    let by_command = |arguments: &[&str]| {
        let call = ours.on_terminal(&[&["access-token"], arguments, &["--ckan-ini", &ini]].concat());
        call.path(&path_with_ckan()).run()
    };
    by_command(&["create", &joe]).refused(2, &format!("CKAN has no user {joe}"));
    let refused = by_command(&["create", &joe, "--create-user", "--mail", "joe@example.org"]);
    refused.refused(2, &format!("user add {joe}"));
    assert_eq!(ours.on_desk(), Vec::<String>::new(), "what was refused leaves nothing");

    ckan.post(
        "user_create",
        &ckan.key,
        &json!({ "name": joe, "email": format!("{joe}@example.org"), "password": "of tests only" }),
    );
    let passphrase = by_command(&["create", &joe]).good().passphrase(&joe).unwrap();
    let inner = unzip(&ours.desk(&format!("{joe}.dcor-access.zip")), &passphrase, &ours.path("joe"));
    let key = dclab(&inner, &passphrase).key;
    assert!(opens(ckan, &key, &joe));

    let id = ours.id(&joe, "issued");
    let config = std::fs::read_to_string(ours.path("gateward.toml")).unwrap();
    let (without_ckan, _) = config.split_once("\n[ckan]").unwrap();
    std::fs::write(ours.path("gateward.toml"), without_ckan).unwrap();
    let without = ours.call(&["access-token", "revoke", &id]).run();
    without.refused(1, "no CKAN is named");
    assert!(opens(ckan, &key, &joe));
    by_command(&["revoke", &id]).good();
    assert!(!opens(ckan, &key, &joe));
}

#[test]
fn no_key_is_made_that_the_sweep_could_not_end() {
    let ckan = deaf();
    for ours in [Installation::without_ckan(), Installation::that_asks(&ckan)] {
        let ini = Site::shared().ini().display().to_string();
        let create = ours.on_terminal(&["access-token", "create", "joe", "--ckan-ini", &ini]);
        let refused = create.path(&path_with_ckan()).run();
        refused.refused(2, &format!("put `ini = \"{ini}\"` into [ckan]"));
        assert!(ours.on_desk().is_empty() && ours.tokens().is_empty());
    }
    nobody_asked(&ckan);
}

#[test]
fn a_key_that_there_is_comes_from_a_file_and_is_revoked_in_its_ckan() {
    let (ckan, ours) = (Site::shared(), Installation::at(Site::shared()));
    let new = new_user("eve");
    let eve = new.name.to_string();
    let asked = json!({ "name": eve, "email": new.mail, "password": "of tests only", "with_apitoken": true });
    let (_, answer) = ckan.post("user_create", &ckan.key, &asked);
    let key = answer["result"]["token"].as_str().unwrap();
    let file = ours.secret_file("eve.key", key);

    let made = ours.create(&[&eve, "--key-file", file.to_str().unwrap()]).good();
    let passphrase = made.passphrase(&eve).unwrap();
    let inner = unzip(&ours.desk(&format!("{eve}.dcor-access.zip")), &passphrase, &ours.path("eve"));
    assert_eq!(dclab(&inner, &passphrase).key, key);
    let id = ours.id(&eve, "issued");
    ours.call(&["access-token", "revoke", &id]).run().good();
    assert!(!opens(ckan, key, &eve));
}

#[test]
fn an_old_key_comes_from_standard_input_and_its_end_is_its_makers() {
    let ours = Installation::without_ckan();
    let input = ours.secret_file("key", UUID);
    let create = ["access-token", "create", "bob", "--key-file", "-", "--inner-only"];
    let made = ours.on_terminal_with_input(&create, &input).run().good();
    let passphrase = made.passphrase("bob").unwrap();
    assert_eq!(dclab(&ours.desk("bob.dcor-access"), &passphrase).key, UUID);

    let [row] = ours.tokens().try_into().unwrap();
    assert_eq!((&row["key_kind"], &row["ckan"]), (&json!("uuid"), &json!(null)));
    let revoked = ours.call(&["access-token", "revoke", row["access_token"].as_str().unwrap()]).run().good();
    assert!(revoked.out.contains("revoke it where it was made"), "{}", revoked.out);
}

#[test]
fn what_is_no_key_is_refused_before_anything_is_made() {
    let ours = Installation::without_ckan();
    for (name, text) in [("two", "one\ntwo"), ("empty", ""), ("words", "login:password")] {
        let file = ours.secret_file(name, text);
        let refused = ours.create(&["bob", "--key-file", file.to_str().unwrap()]);
        assert_eq!(refused.status, Some(2), "{refused:?}");
        assert!(refused.err.contains(file.to_str().unwrap()), "{}", refused.err);
    }
    assert!(ours.on_desk().is_empty() && ours.tokens().is_empty());
}
