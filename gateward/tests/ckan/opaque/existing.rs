//! CKAN's own keys, which were in the field before.

use super::door::Door;
use crate::site::{Site, USER};

#[test]
fn keys_in_the_field_pass_and_are_listed_until_they_are_refused() {
    let ckan = Site::shared();
    let mut door = Door::before(ckan, "pass");
    door.ask_with(&ckan.ordinary_key, USER).good();
    let listed = door.ours.json(&["access-token", "existing"]);
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["service"], "dcor");

    door.stop();
    let config = door.ours.path("gateward.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("existing_keys = \"pass\"", "existing_keys = \"refuse\"")).unwrap();
    door.serve();
    door.ask_with(&ckan.ordinary_key, USER).refused();
    assert_eq!(door.reasons(), ["existing-key"]);
    assert!(crate::commands::users::opens(ckan, &ckan.ordinary_key, USER), "CKAN itself takes it still");
}
