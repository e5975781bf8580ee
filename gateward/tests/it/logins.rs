//! How long a temporary login lives.

use jiff::SignedDuration;

use crate::cluster::patience::eventually_beside;
use crate::support::{Installation, PATIENCE};

const DAY: SignedDuration = SignedDuration::from_hours(24);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_ends_after_a_day_unless_it_is_used() {
    let door = Installation::open().await;
    let unused = door.exchange(&door.token("a@example.org", "/epos/demo", hours(72))).await;
    let used = door.exchange(&door.token("b@example.org", "/epos/demo", hours(72))).await;
    door.pass(hours(20));
    assert_eq!(door.fetch(&used).await.status, 200);
    door.pass(hours(4));
    let refused = door.fetch(&unused).await;
    assert_eq!(refused.status, 401);
    assert!(refused.text().contains("This login has ended: exchange the token again"), "{}", refused.text());
    assert_eq!(door.fetch(&used).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_login_outlives_its_token_however_it_is_used() {
    let door = Installation::open().await;
    let token = door.token("a@example.org", "/epos/demo", MINUTE);
    let login = door.exchange(&token).await;
    door.pass(SignedDuration::from_secs(59));
    assert_eq!(door.fetch(&login).await.status, 200);
    assert_eq!(door.exchange(&token).await, login);
    door.pass(SignedDuration::from_secs(1));
    assert_eq!(door.fetch(&login).await.status, 401);
    let refused = door.connect().await.post("/auth", token).await.unwrap();
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("expired at"), "{}", refused.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_token_gives_the_same_login_while_it_lives_and_another_one_after() {
    let door = Installation::open().await;
    let token = door.token("a@example.org", "/epos/demo", hours(72));
    let first = door.exchange(&token).await;
    door.pass(hours(23));
    assert_eq!(door.exchange(&token).await, first, "it lives, and is prolonged");
    door.pass(hours(23));
    assert_eq!(door.exchange(&token).await, first);
    door.pass(DAY);
    let second = door.exchange(&token).await;
    assert_ne!(second, first);
    assert_eq!(door.fetch(&first).await.status, 401);
    assert_eq!(door.fetch(&second).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_token_asked_for_by_many_at_once_makes_one_login() {
    let door = Installation::open().await;
    let token = door.token("a@example.org", "/epos/demo", DAY);
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let (mut connection, token) = (door.connect().await, token.clone());
        asking.spawn(async move { connection.post("/auth", token).await.unwrap().text() });
    }
    let mut answers = asking.join_all().await;
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    let made = door.bodies("exchanged").into_iter().filter(|body| body["who"] == answers[0][..14]);
    assert_eq!(made.filter(|body| body["repeated"] == false).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn cleaning_up_takes_exactly_the_logins_that_ended() {
    let door = Installation::open().await;
    let mut ended = Vec::new();
    for number in 0..3 {
        let mail = format!("{number}@example.org");
        ended.push(door.exchange(&door.token(&mail, "/epos/demo", hours(1))).await.0);
    }
    let lives = door.exchange(&door.token("lives@example.org", "/epos/demo", DAY)).await;
    door.pass(hours(1));
    eventually_beside("the sweep", PATIENCE, || !door.bodies("logins_cleaned_up").is_empty()).await;
    ended.sort();
    let mut named: Vec<String> = door
        .bodies("logins_cleaned_up")
        .iter()
        .flat_map(|body| body["logins"].as_array().unwrap().clone())
        .map(|login| login.as_str().unwrap().to_owned())
        .collect();
    named.sort();
    assert_eq!(named, ended);
    assert_eq!(door.fetch(&lives).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_challenge_that_is_answered_right_is_no_failure() {
    use gateward::cli::demo::client::digest;
    let door = Installation::open().await;
    let (login, password) = door.exchange(&door.token("a@example.org", "/epos/demo", DAY)).await;
    let path = "/files/restricted.txt";
    let mut connection = door.connect().await;
    let first = connection.get(path, None).await.unwrap();
    let second = connection.get(path, None).await.unwrap();
    door.pass(SignedDuration::from_secs(299));
    let answer = digest(&first, path, &login, &password).unwrap();
    assert_eq!(connection.get(path, Some(answer)).await.unwrap().status, 200);
    door.pass(SignedDuration::from_secs(2));
    let answer = digest(&second, path, &login, &password).unwrap();
    let stale = connection.get(path, Some(answer)).await.unwrap();
    assert_eq!(stale.status, 401);
    assert!(stale.fields["www-authenticate"].to_str().unwrap().contains("stale=true"));
    let again = digest(&stale, path, &login, &password).unwrap();
    assert_eq!(connection.get(path, Some(again)).await.unwrap().status, 200);
    assert!(door.bodies("authentication_failed").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_made_with_a_rotated_key_goes_on_working_and_the_key_must_stay() {
    let mut door = Installation::open().await;
    let token = door.token("a@example.org", "/epos/demo", DAY);
    let login = door.exchange(&token).await;
    let before = std::fs::read_to_string(door.path("keyring.toml")).unwrap();
    let old = gateward::flows::keyring::Keyring::parse(&gateward::base::secret::Secret::new(before)).unwrap();
    let old = old.active_id().to_owned();
    assert!(door.command(&["key", "rotate"]).1);
    assert!(door.command(&["key", "retire", &old]).1);
    door.stop().await;
    door.start().await;
    assert_eq!(door.fetch(&login).await.status, 200);
    assert_eq!(door.exchange(&token).await, login);
    let listed = door.command(&["key", "list"]).0;
    assert!(listed.lines().any(|line| line.starts_with(&old) && line.contains("logins need it")), "{listed}");

    // Without that key the door stays shut; the logins that need it can be ended all the same.
    door.stop().await;
    let text = std::fs::read_to_string(door.path("keyring.toml")).unwrap();
    let without: Vec<&str> = text.split("[[key]]").filter(|key| !key.contains(&old)).collect();
    std::fs::write(door.path("keyring.toml"), without.join("[[key]]")).unwrap();
    let refused = door.try_start().await.unwrap_err().to_string();
    assert!(refused.contains(&old) && refused.contains("gateward login revoke"), "{refused}");
    assert!(door.command(&["login", "revoke", &login.0]).1);
    let ended = door.command(&["login", "list"]).0;
    for login in ended.lines() {
        assert!(door.command(&["login", "revoke", &login[..14]]).1);
    }
    door.try_start().await.unwrap();
}
