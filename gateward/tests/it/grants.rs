//! Who may reach what, at each request.

use gateward::store::event;
use jiff::SignedDuration;
use serde_json::Value;

use crate::cluster::patience::eventually_beside;
use crate::support::{Installation, PATIENCE};

const DAY: SignedDuration = SignedDuration::from_hours(24);

#[tokio::test(flavor = "multi_thread")]
async fn however_many_need_the_new_policy_it_is_read_once() {
    let installation = Installation::open().await;
    let door = installation.door().await;
    installation.database().execute("UPDATE revocation SET counter = counter + 1");
    let many = (0..100).map(|_| door.policy.up_to_date());
    let read = futures_util::future::join_all(many).await;
    let first = read[0].as_ref().unwrap();
    for policy in &read {
        assert!(std::sync::Arc::ptr_eq(first, policy.as_ref().unwrap()), "each read its own");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_a_local_group_gets_a_login_that_opens_nothing() {
    let door = Installation::open().await;
    let login = door.exchange(&door.token("a@example.org", "/epos;/", DAY)).await;
    let refused = door.fetch(&login).await;
    assert_eq!(refused.status, 403);
    let problem: Value = serde_json::from_str(&refused.text()).unwrap();
    let reference = problem["reference"].as_str().unwrap();
    let shown = door.command(&["audit", "show", reference]).0;
    assert!(shown.contains("the token lists no group"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_made_or_revoked_by_command_acts_at_the_next_request() {
    let door = Installation::open().await;
    let login = door.exchange(&door.token("Ann@Example.org", "/epos/other", DAY)).await;
    assert_eq!(door.fetch(&login).await.status, 403);
    for whom in [["--group", "/epos/other"], ["--mail-domain", "example.ORG"], ["--mail", "Ann@example.org"]]
    {
        let (made, yes) = door.command(&["grant", "create", whom[0], whom[1], "--service", "files"]);
        assert!(yes, "{made}");
        let id = made.split(' ').next().unwrap();
        assert_eq!(door.fetch(&login).await.status, 200, "{whom:?}");
        assert!(door.command(&["grant", "revoke", id]).1);
        assert_eq!(door.fetch(&login).await.status, 403, "{whom:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_of_the_file_goes_with_the_file() {
    let mut door = Installation::with("[[grant]]\nmail = \"a@example.org\"\nservice = \"files\"\n").await;
    let login = door.exchange(&door.token("a@example.org", "/", DAY)).await;
    assert_eq!(door.fetch(&login).await.status, 200);
    door.stop().await;
    let text = std::fs::read_to_string(door.path("gateward.toml")).unwrap();
    let without = text.replace("[[grant]]\nmail = \"a@example.org\"\nservice = \"files\"\n", "");
    std::fs::write(door.path("gateward.toml"), without).unwrap();
    door.start().await;
    assert_eq!(door.fetch(&login).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_was_taken_out_is_believed_no_more_by_token_or_login() {
    let door = Installation::open().await;
    let token = door.token("a@example.org", "/epos/demo", DAY);
    let login = door.exchange(&token).await;
    let listed = door.command(&["issuer", "list"]).0;
    let fingerprint = listed.split(' ').next().unwrap();
    assert!(door.command(&["issuer", "revoke", fingerprint]).1);
    assert_eq!(door.fetch(&login).await.status, 401);
    let refused = door.connect().await.post("/auth", token).await.unwrap();
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(door.command(&["issuer", "list"]).0.contains("taken out"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_address_tried_in_vain_is_counted_and_found_by_its_reference() {
    let door = Installation::open().await;
    let mut connection = door.connect().await;
    let mut references = Vec::new();
    for number in 1..=31 {
        let refused = connection.post("/auth", "garbage").await.unwrap();
        let expected = if number <= 30 { 400 } else { 429 };
        assert_eq!(refused.status, expected, "attempt {number}: {}", refused.text());
        let text = refused.text();
        let reference = text.split("Reference:\n").nth(1).unwrap().split(' ').next().unwrap();
        references.push(reference.to_owned());
    }
    assert_eq!(door.bodies("exchange_refused").len(), 11, "ten singly, and the first over the limit");
    assert_eq!(references[10..30].iter().collect::<std::collections::HashSet<_>>().len(), 1);
    door.pass(SignedDuration::from_secs(61));
    eventually_beside("the summary", PATIENCE, || !door.bodies("failures_counted").is_empty()).await;
    let shown = event::show(&door.door().await.store.reader, &references[29]).await.unwrap();
    assert!(shown.iter().any(|event| event.body().contains("\"count\":20")), "{shown:?}");
    // The minute is over.
    assert_eq!(connection.post("/auth", "garbage").await.unwrap().status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_token_is_listed_until_it_is_let_in_again() {
    let door = Installation::open().await;
    let token = door.token("a@example.org", "/epos/demo", DAY);
    let (login, _) = door.exchange(&token).await;
    let listed = |arguments: &[&str]| door.command(arguments).0;
    assert_eq!(listed(&["login", "list", "--blocked"]), "");
    let shown: Value = serde_json::from_str(&listed(&["login", "show", &login, "--format", "json"])).unwrap();
    let id = shown["token_ids"][0].as_str().unwrap();
    assert!(door.command(&["login", "revoke", &login]).1);
    let blocked = listed(&["login", "list", "--blocked"]);
    assert!(blocked.contains("identity:") && blocked.contains(&format!("id:{id}")), "{blocked}");
    assert_eq!(door.connect().await.post("/auth", token.clone()).await.unwrap().status, 403);
    assert!(door.command(&["login", "revoke", "--token-id", id, "--allow-again"]).1);
    assert_eq!(listed(&["login", "list", "--blocked"]), "");
    assert_ne!(door.exchange(&token).await.0, login);
}
