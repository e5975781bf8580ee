//! nginx in front of CKAN, which asks at `/verify`, as docs/dcor.md has it.

use serde_json::json;

use super::browser::log_in;
use super::door::{Door, fields_of};
use crate::site::{Site, USER};

#[test]
fn a_key_of_ours_opens_ckan_behind_nginx_while_it_lives_and_where_it_belongs() {
    let ckan = Site::start();
    let door = Door::behind_nginx(&ckan, "refuse");
    let token = door.make(&["--bind"]);
    assert_eq!(door.ask_with(&token.key, &token.user).status, 403);
    door.run(&["access-token", "activate", &token.id]);
    door.ask_with(&token.key, &token.user).good();
    let bearer = fields_of(&[("Authorization", &format!("Bearer {}", token.key))]);
    let change = json!({ "method": "POST", "path": "/api/3/action/user_patch", "headers": bearer,
                         "json": { "id": token.user, "about": "changed" } });
    assert_eq!(door.ask(&change).good()["about"], "changed");

    let path = "/api/3/action/api_token_list";
    for misplaced in [
        json!({ "path": path, "params": { "user_id": token.user, "apikey": token.key } }),
        json!({ "path": path, "params": { "user_id": token.user }, "cookies": { "auth_tkt": token.key } }),
    ] {
        assert_eq!(door.ask(&misplaced).status, 403);
    }
    // What nginx is told is nobody else's to tell, or to hear.
    let forged = fields_of(&[("X-Gateward-Authorization", &ckan.ordinary_key)]);
    let forged = json!({ "path": path, "params": { "user_id": USER }, "headers": forged });
    assert_eq!(door.ask(&forged).status, 403);
    assert_eq!(door.ask(&json!({ "path": "/gateward-verify" })).status, 404);

    door.run(&["access-token", "revoke", &token.id]);
    assert_eq!(door.ask_with(&token.key, &token.user).status, 403);
    assert_eq!(door.ask_with(&ckan.ordinary_key, USER).status, 403, "existing keys are refused");
    let reasons = ["key-not-activated", "key-misplaced", "key-misplaced", "key-revoked", "existing-key"];
    assert_eq!(door.reasons(), reasons);
    assert!(!ckan.logs().contains(&token.key));
    let access = std::fs::read_to_string(door.ours.path("nginx").join("access")).unwrap();
    assert!(access.contains("/api/3/action/api_token_list"), "{access}");
}

#[test]
fn existing_keys_and_nobody_pass_through_nginx() {
    let door = Door::behind_nginx(Site::shared(), "pass");
    let key = &Site::shared().ordinary_key;
    door.ask_with(key, USER).good();
    assert_eq!(door.ask(&json!({ "path": "/api/3/action/status_show" })).status, 200);
    assert_eq!(door.ours.json(&["access-token", "existing"]).len(), 1);
}

#[test]
fn a_session_of_somebody_else_beside_a_key_of_ours_stays_behind_at_nginx() {
    let door = Door::behind_nginx(Site::shared(), "refuse");
    let (seen, cookies) = log_in(&door.url());
    assert_eq!(seen[4], 200, "{seen}");
    let tokens_of = |owner: &str, headers: serde_json::Value| {
        door.ask(&json!({ "path": "/api/3/action/api_token_list", "params": { "user_id": owner },
                          "headers": headers, "cookies": cookies }))
    };
    assert_eq!(tokens_of(USER, json!({})).status, 200, "a browser's own session passes");
    let token = door.make_alive(&[]);
    let shown = fields_of(&[("Authorization", &token.key)]);
    assert_eq!(tokens_of(&token.user, shown.clone()).status, 200, "CKAN sees the owner of the key");
    assert_eq!(tokens_of(USER, shown).status, 403, "and nobody else");
}
