//! Keys of users for programs: what they open, and how they end.

use std::os::unix::fs::PermissionsExt as _;

use gateward::cli::demo::client::Answer;
use jiff::SignedDuration;
use serde_json::Value;

use crate::support::Installation;

/// The user that the demo makes.
const USER: &str = "operator";

struct Made {
    id: String,
    token: String,
}

fn make(door: &Installation, more: &[&str]) -> Made {
    make_for(door, USER, more)
}

fn make_for(door: &Installation, user: &str, more: &[&str]) -> Made {
    let create = ["api-token", "create", "--user", user, "--label", "a test", "--format", "json"];
    let (said, yes) = door.command(&[&create, more].concat());
    assert!(yes, "{said}");
    let made: Value = serde_json::from_str(&said).unwrap();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    Made { id: text("api_token"), token: text("token") }
}

async fn fetch(door: &Installation, token: &str) -> Answer {
    door.connect().await.get("/files/restricted.txt", Some(format!("Bearer {token}"))).await.unwrap()
}

async fn granted(more: &str) -> Installation {
    Installation::with(&format!("[[grant]]\nuser = \"{USER}\"\nservice = \"files\"\n{more}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_token_opens_what_its_user_is_granted() {
    let door = Installation::open().await;
    let made = make(&door, &[]);
    assert_eq!(fetch(&door, &made.token).await.status, 403);
    let listed = door.command(&["api-token", "list"]).0;
    assert!(listed.contains("last used never"), "what was refused is no use: {listed}");
    assert!(door.command(&["grant", "create", "--user", USER, "--service", "files"]).1);
    assert_eq!(fetch(&door, &made.token).await.status, 200);
    let released = door.bodies("released");
    let event = released.iter().find(|body| body["by"] == "api-token").unwrap();
    assert_eq!(event["who"], USER);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_token_is_kept_as_a_hash_and_shown_once() {
    let door = granted("").await;
    let made = make(&door, &[]);
    assert_eq!(fetch(&door, &made.token).await.status, 200);
    let listed = door.command(&["api-token", "list"]).0;
    assert!(listed.contains(&made.id) && listed.contains("a test") && !listed.contains("gw_"), "{listed}");
    assert!(!listed.contains("last used never"), "{listed}");
    let whole = door.database().bytes();
    let random = &made.token.as_bytes()[3..40];
    assert!(!whole.windows(random.len()).any(|bytes| bytes == random), "the token is in the store");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_ended_or_foreign_api_token_gets_the_same_answer_and_its_own_reason() {
    let door = granted("").await;
    let revoked = make(&door, &[]);
    assert!(door.command(&["api-token", "revoke", &revoked.id]).1);
    let ended = make(&door, &["--lifetime", "10m"]);
    door.pass(SignedDuration::from_mins(11));
    let mut slip = revoked.token.clone();
    slip.replace_range(10..11, if &slip[10..11] == "a" { "b" } else { "a" });
    let mut answers = Vec::new();
    for (token, reason) in [
        (revoked.token.as_str(), "unknown-api-token"),
        (ended.token.as_str(), "api-token-ended"),
        (slip.as_str(), "malformed-api-token"),
        ("gw_", "malformed-api-token"),
    ] {
        let refused = fetch(&door, token).await;
        assert_eq!(refused.status, 401, "{reason}");
        let problem: Value = serde_json::from_str(&refused.text()).unwrap();
        let reference = problem["reference"].as_str().unwrap();
        let failed = door.bodies("authentication_failed");
        let event = failed.iter().find(|body| body["reference"] == reference).unwrap();
        assert_eq!(event["reason"], reason);
        assert!(!event.to_string().contains(&token[3..]) || token == "gw_");
        answers.push(refused.text().replace(reference, ""));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_opened_a_moment_ago_opens_nothing_once_its_end_is_told() {
    let door = granted("").await;
    let kept = make(&door, &[]);
    let grant = ["grant", "create", "--user", "ann", "--service", "files"];
    for command in [&["user", "create", "ann", "--no-password"][..], &grant] {
        assert!(door.command(command).1, "{command:?}");
    }
    for (reason, ending) in [
        ("unknown-api-token", ["api-token", "revoke", "ITS ID"]),
        ("unknown-api-token", ["user", "end", "ann"]),
        ("user-disabled", ["user", "disable", "ann"]),
        ("unknown-api-token", ["user", "delete", "ann"]),
    ] {
        let made = make_for(&door, "ann", &[]);
        // The second request finds its use noted, the third finds the token remembered.
        for _ in 0..3 {
            assert_eq!(fetch(&door, &made.token).await.status, 200);
        }
        let command = ending.map(|word| if word == "ITS ID" { made.id.as_str() } else { word });
        assert!(door.command(&command).1);
        let refused = fetch(&door, &made.token).await;
        assert_eq!(refused.status, 401, "{ending:?}: {}", refused.text());
        let problem: Value = serde_json::from_str(&refused.text()).unwrap();
        let failed = door.bodies("authentication_failed");
        let event = failed.iter().find(|body| body["reference"] == problem["reference"]).unwrap();
        assert_eq!(event["reason"], reason);
        door.command(&["user", "enable", "ann"]);
        assert_eq!(fetch(&door, &kept.token).await.status, 200, "nobody else's is touched");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_remembered_ends_at_its_time_and_has_its_use_noted() {
    let door = granted("").await;
    let made = make(&door, &["--lifetime", "10m"]);
    let last_used = || {
        let listed = door.command(&["api-token", "list", "--format", "json"]).0;
        let row = listed.lines().find(|line| line.contains(&made.id)).unwrap();
        serde_json::from_str::<Value>(row).unwrap()["last_used_at"].clone()
    };
    let mut noted = Vec::new();
    for pass in [0, 0, 30, 31, 0] {
        door.pass(SignedDuration::from_secs(pass));
        assert_eq!(fetch(&door, &made.token).await.status, 200);
        noted.push(last_used());
    }
    assert!(noted[0].is_string(), "{noted:?}");
    assert!(noted[0] == noted[1] && noted[1] == noted[2], "not at every request: {noted:?}");
    assert!(noted[2] != noted[3] && noted[3] == noted[4], "but every minute: {noted:?}");
    // The token was made for 600 s, of which 61 are over; it is noted once more, then remembered.
    for (pass, status) in [(530, 200), (0, 200), (20, 401)] {
        door.pass(SignedDuration::from_secs(pass));
        assert_eq!(fetch(&door, &made.token).await.status, status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_token_for_one_service_opens_no_other() {
    let service = "[[service]]\nkind = \"plain\"\npath = \"/other\"\nupstream = \"dir:files\"\nrequire = [\"user\"]\n\
                   [[grant]]\nuser = \"operator\"\nservice = \"other\"\n";
    let door = granted(service).await;
    let other = make(&door, &["--service", "other"]);
    let refused = fetch(&door, &other.token).await;
    assert_eq!(refused.status, 403);
    let problem: Value = serde_json::from_str(&refused.text()).unwrap();
    let shown = door.command(&["audit", "show", problem["reference"].as_str().unwrap()]).0;
    assert!(shown.contains("for other"), "{shown}");
    let answer = door
        .connect()
        .await
        .get("/other/restricted.txt", Some(format!("Bearer {}", other.token)))
        .await
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_token_is_made_for_nobody_else_and_for_no_longer_than_a_year() {
    let door = Installation::open().await;
    for (user, lifetime) in [("nobody", "1d"), (USER, "367d"), (USER, "1s")] {
        let made =
            door.command(&["api-token", "create", "--user", user, "--label", "x", "--lifetime", lifetime]);
        assert!(!made.1, "{user} {lifetime}");
        assert!(made.0.is_empty());
    }
    let file = door.path("token.txt");
    let named = file.to_str().unwrap();
    let (said, yes) = door.command(&["api-token", "create", "--user", USER, "--label", "x", "--out", named]);
    assert!(yes && !said.contains("gw_"), "{said}");
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("gw_"));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!door.command(&["api-token", "create", "--user", USER, "--label", "x", "--out", named]).1);
}
