//! What CKAN does for us, whichever way it is asked: by its API, and by its own command.

use gateward::flows::access_token::ckan::{Ckan, Error, Listed};
use serde_json::json;

use super::asking::{api, api_with, new_user, program, user, wait};
use super::site::{ADMINISTRATOR, Site, USER};

/// Asks CKAN with an API token what only its owner may ask.
fn opens(ckan: &Site, key: &str, owner: &str) -> bool {
    // As DCOR-Aid sends it.
    let fields = [format!("Authorization: {key}"), format!("X-CKAN-API-Key: {key}")];
    let (status, answer) = ckan.post_with("api_token_list", &fields, &json!({ "user_id": owner }));
    match status {
        200 => true,
        403 => false,
        _ => panic!("{status} {answer}"),
    }
}

fn a_key_opens_until_it_is_revoked(site: &Site, ckan: &impl Ckan) {
    let new = new_user("ann");
    wait(api(site).create_user(&new)).unwrap();
    let key = wait(ckan.create_key(&new.name, "gateward, made - for \"Ann\"")).unwrap();
    assert!(opens(site, key.expose(), new.name.as_str()));

    let keys = wait(ckan.keys(&new.name)).unwrap();
    let [Listed { jti, name }] = keys.as_slice() else { panic!("{keys:?}") };
    assert_eq!(name, "gateward, made - for \"Ann\"");

    assert!(wait(ckan.revoke(&new.name, jti)).unwrap());
    assert!(!opens(site, key.expose(), new.name.as_str()), "it is refused at once");
    assert_eq!(wait(ckan.keys(&new.name)).unwrap(), []);
    assert!(!wait(ckan.revoke(&new.name, jti)).unwrap(), "there is none of it any more");
}

#[test]
fn a_key_made_by_the_api_opens_until_it_is_revoked() {
    let ckan = Site::shared();
    a_key_opens_until_it_is_revoked(ckan, &api(ckan));
}

#[test]
fn a_key_made_by_the_command_opens_until_it_is_revoked() {
    let ckan = Site::shared();
    a_key_opens_until_it_is_revoked(ckan, &program(ckan));
}

#[test]
fn a_user_is_there_when_made_and_not_when_deleted_whichever_way_is_asked() {
    let site = Site::shared();
    let new = new_user("bob");
    let there = || {
        let found = [wait(api(site).has_user(&new.name)), wait(program(site).has_user(&new.name))];
        found.map(Result::unwrap)
    };
    assert_eq!(there(), [false, false]);

    wait(api(site).create_user(&new)).unwrap();
    assert_eq!(there(), [true, true]);
    let (_, made) = site.post("user_show", &site.key, &json!({ "id": new.name }));
    assert_eq!(
        [&made["result"]["fullname"], &made["result"]["email"], &made["result"]["sysadmin"]],
        [&json!("Änn \"Example\""), &json!(new.mail), &json!(false)]
    );

    site.post("user_delete", &site.key, &json!({ "id": new.name }));
    assert_eq!(there(), [false, false]);
}

#[test]
fn a_user_who_is_there_already_is_refused_in_ckans_words() {
    let ckan = Site::shared();
    let mut new = new_user("eve");
    new.name = user(USER);
    let refused = wait(api(ckan).create_user(&new)).unwrap_err();
    let Error::Refused(words) = &refused else { panic!("{refused}") };
    assert_eq!(words, "name: That login name is not available.");
}

#[test]
fn the_command_makes_no_user_and_says_how_to() {
    let ckan = Site::shared();
    let new = new_user("joe");
    let refused = wait(program(ckan).create_user(&new)).unwrap_err();
    assert!(matches!(&refused, Error::Refused(words) if words.contains(&format!("user add {}", new.name))));
    assert!(!wait(api(ckan).has_user(&new.name)).unwrap());
}

#[test]
fn who_is_unknown_gets_no_key_whichever_way_is_asked() {
    let ckan = Site::shared();
    let nobody = user("nobody-at-all");
    for refused in [
        wait(api(ckan).create_key(&nobody, "x")).unwrap_err(),
        wait(program(ckan).create_key(&nobody, "x")).unwrap_err(),
        wait(api(ckan).keys(&nobody)).unwrap_err(),
        wait(program(ckan).keys(&nobody)).unwrap_err(),
    ] {
        assert!(matches!(&refused, Error::NoSuchUser(who) if *who == nobody), "{refused}");
    }
    assert!(!wait(api(ckan).revoke(&nobody, "x")).unwrap());
    assert!(!wait(program(ckan).revoke(&nobody, "x")).unwrap());
}

#[test]
fn a_key_that_is_no_administrators_makes_and_revokes_nothing_for_others() {
    let site = Site::shared();
    let admin = user(ADMINISTRATOR);
    let before = wait(api(site).keys(&admin)).unwrap();
    for key in [&site.ordinary_key, "eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiJ4In0.of-nobody"] {
        let ckan = api_with(site, key);
        for refused in [
            wait(ckan.create_key(&admin, "x")).unwrap_err(),
            wait(ckan.keys(&admin)).unwrap_err(),
            wait(ckan.revoke(&admin, &before[0].jti)).unwrap_err(),
        ] {
            assert!(matches!(&refused, Error::NotPermitted(_)), "{refused}");
            assert!(!refused.to_string().contains(key), "{refused}");
        }
    }
    assert_eq!(wait(api(site).keys(&admin)).unwrap(), before);
}
