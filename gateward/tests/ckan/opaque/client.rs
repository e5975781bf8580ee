//! What a client gets that asks as DCOR-Aid does.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::door::{Door, ask, fields_of};
use crate::commands::users::keys_of;
use crate::site::Site;
use crate::tools::run;

#[test]
fn a_key_of_ours_reads_changes_uploads_and_downloads_as_its_user() {
    let door = Door::before(Site::shared(), "refuse");
    let token = door.make_alive(&[]);
    let both = fields_of(&[("Authorization", &token.key), ("X-CKAN-API-Key", &token.key)]);

    let listed = door.ask_with(&token.key, &token.user).good();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    let asked = json!({ "method": "POST", "path": "/api/3/action/user_show", "headers": both,
                        "json": { "id": token.user } });
    assert_eq!(door.ask(&asked).good()["email"], format!("{}@example.org", token.user), "it is their own");

    let bearer = fields_of(&[("Authorization", &format!("Bearer {}", token.key))]);
    let about = json!({ "id": token.user, "about": "changed" });
    let patch =
        json!({ "method": "POST", "path": "/api/3/action/user_patch", "headers": bearer, "json": about });
    assert_eq!(door.ask(&patch).good()["about"], "changed");

    let only_old = fields_of(&[("X-CKAN-API-Key", &token.key)]);
    let length = 1_500_000;
    let upload = json!({ "method": "POST", "path": "/api/3/action/user_patch", "headers": only_old,
                         "data": { "id": token.user }, "upload": length });
    let image = door.ask(&upload).good()["image_display_url"].as_str().unwrap().to_owned();
    let image = &image[image.find("/uploads/").unwrap()..];
    // Open to everybody, as CKAN has it.
    let downloaded = door.ask(&json!({ "path": image }));
    assert_eq!(downloaded.status, 200);
    assert!(downloaded.body.ends_with(&"x".repeat(length)), "{}", downloaded.body.len());

    let kinds: Vec<Value> = door
        .ours
        .store
        .rows("SELECT body FROM event ORDER BY position")
        .iter()
        .map(|row| serde_json::from_str(&row[0]).unwrap())
        .collect();
    let of_token =
        |kind: &str| kinds.iter().filter(|body| body["kind"] == kind && body["by"] == "access-token").count();
    assert_eq!((of_token("released"), of_token("admitted")), (2, 2), "changes are admitted first");
}

#[test]
fn what_is_huge_goes_up_and_comes_down_whole_in_flat_memory() {
    const LENGTH: usize = 256 * 1024 * 1024;
    let door = Door::before(Site::shared(), "refuse");
    let token = door.make_alive(&[]);
    let file = door.ours.path("huge.png");
    // What CKAN takes for a picture: it looks at the beginning.
    let image = data_encoding::BASE64.decode(b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1Pe").unwrap();
    std::fs::write(&file, [image, vec![b'x'; LENGTH]].concat()).unwrap();
    let before = door.peak();
    let mut curl = Command::new("curl");
    curl.args(["--disable", "--silent", "--show-error", "--fail", "--max-time", "120", "--config", "-"]);
    curl.args([
        "--form",
        &format!("id={}", token.user),
        "--form",
        &format!("image_upload=@{}", file.display()),
    ]);
    curl.arg(format!("{}/api/3/action/user_patch", door.url()));
    // The key in no argument, as with a real one.
    let up = run(&mut curl, format!("header = \"Authorization: {}\"\n", token.key).as_bytes()).good();
    let said: Value = serde_json::from_slice(&up.stdout).unwrap();
    let url = said["result"]["image_display_url"].as_str().unwrap();
    let path = &url[url.find("/uploads/").unwrap()..];

    let back = door.ours.path("back.png");
    let mut curl = Command::new("curl");
    curl.args(["--disable", "--silent", "--show-error", "--fail", "--max-time", "120", "--output"]);
    run(curl.arg(&back).arg(format!("{}{path}", door.url())), b"").good();
    let same = Command::new("cmp").args([&file, &back]).status().unwrap();
    assert!(same.success());
    let more = door.peak() - before;
    assert!(more < 16 * 1024 * 1024, "{more} bytes more");
}

#[test]
fn a_key_opens_nothing_while_it_is_dead_misplaced_over_or_at_ckan_itself() {
    let ckan = Site::shared();
    let door = Door::before(ckan, "refuse");
    let token = door.make(&[]);
    door.ask_with(&token.key, &token.user).refused();
    door.run(&["access-token", "activate", &token.id]);
    door.ask_with(&token.key, &token.user).good();

    let headers = fields_of(&[("Authorization", &token.key), ("X-CKAN-API-Key", &token.key)]);
    let there = json!({ "path": "/api/3/action/api_token_list", "params": { "user_id": token.user }, "headers": headers });
    assert_eq!(ask(&ckan.url(), &there).status, 403, "CKAN knows nothing of it");

    let path = "/api/3/action/api_token_list";
    for misplaced in [
        json!({ "path": path, "params": { "user_id": token.user, "apikey": token.key } }),
        json!({ "path": path, "params": { "user_id": token.user }, "cookies": { "auth_tkt": token.key } }),
        json!({ "path": path, "params": { "user_id": token.user }, "headers": { "apikey": token.key } }),
    ] {
        door.ask(&misplaced).refused();
    }

    door.ours.expire(&token.id);
    door.ask_with(&token.key, &token.user).refused();
    assert_eq!(
        door.reasons(),
        ["key-not-activated", "key-misplaced", "key-misplaced", "key-misplaced", "key-expired"]
    );
    door.run(&["cleanup"]);
    assert!(keys_of(ckan, &token.user).is_empty(), "CKAN's own is gone, too");
}

#[test]
fn a_revoked_key_opens_nothing_within_a_second_also_where_ckan_is_away() {
    let ckan = Site::start();
    let door = Door::before(&ckan, "refuse");
    let (one, other) = (door.make_alive(&[]), door.make_alive(&["--bind"]));
    for token in [&one, &other] {
        door.ask_with(&token.key, &token.user).good();
    }
    door.run(&["access-token", "revoke", &one.id]);
    let revoked = Instant::now();
    door.ask_with(&one.key, &one.user).refused();
    assert!(revoked.elapsed() < Duration::from_secs(5), "it says so at once");
    assert!(keys_of(&ckan, &one.user).is_empty());
    door.ask_with(&other.key, &other.user).good();

    ckan.kill();
    door.ours.call(&["access-token", "revoke", &other.id]).run().refused(1, "cannot be reached");
    door.ask_with(&other.key, &other.user).refused();
    assert_eq!(door.reasons(), ["key-revoked", "key-revoked"]);
    assert_eq!(keys_of(&ckan, &other.user).len(), 1, "CKAN's own waits for the sweep");
    ckan.power_on();
    door.run(&["cleanup"]);
    assert!(keys_of(&ckan, &other.user).is_empty());
}

#[test]
fn a_renewed_access_token_has_another_key_of_ours_which_is_dead_at_first() {
    let ckan = Site::shared();
    let door = Door::before(ckan, "refuse");
    let old = door.make_alive(&["--bind"]);
    let renewed = door.ours.on_terminal(&["access-token", "renew", &old.id, "--to", "../tmp"]).run().good();
    let id = door.ours.tokens().last().unwrap()["access_token"].as_str().unwrap().to_owned();
    let passphrase = renewed.passphrase(&old.user).unwrap();
    let envelope = door.ours.path("tmp").join(format!("{}.dcor-access.zip", old.user));
    let inner = crate::commands::users::unzip(&envelope, &passphrase, &door.ours.path("renewed"));
    let key = crate::commands::users::dclab(&inner, &passphrase).key;
    door.ask_with(&key, &old.user).refused();
    door.ask_with(&old.key, &old.user).good();
    door.run(&["access-token", "activate", &id]);
    door.ask_with(&key, &old.user).good();
    let shown = door.run(&["access-token", "show", &id]).out;
    assert!(shown.contains("bound to    127.0.0.0/24"), "{shown}");
}
