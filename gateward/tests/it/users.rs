//! People with an account: who is let in by what, who is kept out, and who never is.

use std::time::{Duration, Instant};

use data_encoding::BASE64;
use gateward::base::address::ClientAddress;
use gateward::base::secret::Secret;
use gateward::cli::demo::client::{Answer, digest};
use gateward::flows::door::Door;
use gateward::flows::failures::Entrance;
use gateward::flows::passwords::{Claimed, Error, prove_password};
use gateward::flows::users::{self, KnownUser, LastAdmin, TokenNames};
use gateward::store::CommitError;
use http::header::{AUTHORIZATION, HOST, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::store_under_test::is_postgres;
use crate::support::Installation;

/// A service for people with an account, beside the demo's own; and ann, who may reach both.
const PAPERS: &str = "[[service]]\nname = \"papers\"\nkind = \"plain\"\npath = \"/papers\"\nupstream = \"dir:files\"\n\
     require = [\"user\"]\n[[grant]]\nuser = \"ann\"\nservice = \"papers\"\n[[grant]]\nuser = \"ann\"\nservice = \"files\"\n";

const PATH: &str = "/papers/restricted.txt";

const PASSWORD: &str = "correct horse battery staple";

async fn with_ann() -> Installation {
    let door = Installation::with(PAPERS).await;
    door.create("ann", &[]);
    door
}

impl Installation {
    /// Makes a user with [`PASSWORD`].
    fn create(&self, name: &str, more: &[&str]) {
        let file = self.path("password");
        std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
        let create = ["user", "create", name, "--password-file", file.to_str().unwrap()];
        let (said, yes) = self.command(&[&create, more].concat());
        assert!(yes, "{said}");
    }

    /// Makes a user who has HTTP Digest, and returns the password that was made.
    fn create_with_digest(&self, name: &str) -> String {
        let file = self.path(&format!("{name}.password"));
        let create = ["user", "create", name, "--digest", "--out", file.to_str().unwrap()];
        assert!(self.command(&create).1);
        let text = std::fs::read_to_string(&file).unwrap();
        text.trim_end().strip_prefix(&format!("{name}:")).unwrap().to_owned()
    }

    async fn get(&self, path: &str, name: &str, password: &str) -> Answer {
        self.connect().await.get(path, Some(basic(name, password))).await.unwrap()
    }

    fn refusals(&self) -> Vec<String> {
        let refused = self.bodies("authentication_failed");
        refused.iter().map(|body| body["reason"].as_str().unwrap().to_owned()).collect()
    }
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{name}:{password}").as_bytes()))
}

async fn prove(
    door: &Door,
    name: &str,
    password: &str,
    from: &str,
    now: Timestamp,
) -> Result<KnownUser, Error> {
    let address = ClientAddress::new(from.parse().unwrap());
    let password = Secret::new(password.to_owned());
    let claimed = Claimed { name, password: &password, address, at: Entrance::Public, service: None };
    prove_password(door, claimed, now).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_shows_other_credentials_than_a_service_takes_is_told_where_that_is_said() {
    let door = with_ann().await;
    for shown in ["Negotiate YTpi", "Bearer"] {
        let refused = door.connect().await.get(PATH, Some(shown.to_owned())).await.unwrap();
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
        let said = refused.text();
        assert!(said.contains("WWW-Authenticate says which") && !said.contains("Digest"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_opens_what_its_owner_was_granted_and_the_record_says_whose_it_was() {
    let door = with_ann().await;
    let challenged = door.connect().await.get(PATH, None).await.unwrap();
    assert_eq!(challenged.status, StatusCode::UNAUTHORIZED);
    let offered: Vec<_> =
        challenged.fields.get_all(WWW_AUTHENTICATE).iter().map(|one| one.to_str().unwrap()).collect();
    assert!(
        offered[0].starts_with("Basic realm=") && offered[0].contains("charset=\"UTF-8\""),
        "{offered:?}"
    );
    assert!(offered[1].starts_with("Bearer "), "{offered:?}");
    assert_eq!(door.get(PATH, "ann", PASSWORD).await.status, StatusCode::OK);
    // What proves a person counts wherever a person is asked for.
    assert_eq!(door.get("/files/restricted.txt", "ann", PASSWORD).await.status, StatusCode::OK);
    let released = door.bodies("released").pop().unwrap();
    assert_eq!((&released["who"], &released["by"]), (&"ann".into(), &"password".into()));
    assert_eq!(released["subject"].as_str().unwrap().len(), 32);
    door.create("bob", &[]);
    let refused = door.get(PATH, "bob", PASSWORD).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "nothing was granted to bob");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_an_unknown_name_and_a_disabled_account_look_the_same_and_take_a_second() {
    let door = with_ann().await;
    door.create("gone", &[]);
    assert!(door.command(&["user", "disable", "gone"]).1);
    assert!(door.command(&["user", "create", "key-only", "--no-password"]).1);
    let mut answers = Vec::new();
    for (name, password) in [
        ("ann", "wrong horse battery"),
        ("nobody", PASSWORD),
        ("gone", PASSWORD),
        ("key-only", PASSWORD),
        ("ann", "\u{1}"),
    ] {
        let begun = Instant::now();
        let refused = door.get(PATH, name, password).await;
        assert!(begun.elapsed() >= Duration::from_secs(1), "{name}");
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{name}");
        let mut problem: Value = serde_json::from_str(&refused.text()).unwrap();
        assert_eq!(problem["reference"].as_str().unwrap().len(), 11, "{problem}");
        problem["reference"].take();
        answers.push((problem, refused.fields.get(WWW_AUTHENTICATE).cloned()));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    // The record tells them apart.
    assert_eq!(
        door.refusals(),
        ["wrong-password", "unknown-user", "disabled", "without-password", "wrong-password"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_can_lock_a_victim_out_by_guessing_from_elsewhere() {
    let mut installation = with_ann().await;
    installation.stop().await;
    let file = installation.path("gateward.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("trusted_proxies = [\"127.0.0.1\"]\n{text}")).unwrap();
    installation.start().await;
    let ask = async |from: &str, password: &str| {
        let request = Request::get(PATH).header(HOST, "localhost").header("X-Forwarded-For", from);
        let request =
            request.header(AUTHORIZATION, basic("ann", password)).body(http_body_util::Full::default());
        installation.connect().await.send(request.unwrap()).await.unwrap()
    };
    // Many at once, and more than either limit.
    for round in 0..6 {
        let wrong: Vec<String> = (0..6).map(|number| format!("wrong password {round}{number}")).collect();
        futures_util::future::join_all(wrong.iter().map(|password| ask("192.0.2.66", password))).await;
    }
    let refused = ask("192.0.2.66", PASSWORD).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    let wait: i64 = refused.fields[RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=300).contains(&wait), "{wait}");
    assert_eq!(ask("198.51.100.7", PASSWORD).await.status, StatusCode::OK, "the victim comes from elsewhere");
    assert_eq!(ask("192.0.2.67", PASSWORD).await.status, StatusCode::OK, "and from next door");
    installation.pass(SignedDuration::from_secs(wait));
    assert_eq!(ask("192.0.2.66", PASSWORD).await.status, StatusCode::OK, "and the limit ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_tries_every_account_is_stopped_and_its_neighbours_are_not() {
    let installation = with_ann().await;
    let door = installation.door().await;
    let now = installation.now();
    let names: Vec<String> = (0..30).map(|number| format!("user{number}")).collect();
    for some in names.chunks(6) {
        let tries = some.iter().map(|name| prove(&door, name, "password 123", "192.0.2.1", now));
        for tried in futures_util::future::join_all(tries).await {
            assert!(matches!(tried, Err(Error::Wrong { .. })), "{tried:?}");
        }
    }
    let stopped = prove(&door, "ann", PASSWORD, "192.0.2.1", now).await;
    assert!(matches!(stopped, Err(Error::TooMany { wait_seconds: 1..=60, .. })), "{stopped:?}");
    assert_eq!(prove(&door, "ann", PASSWORD, "192.0.2.2", now).await.unwrap().name().as_str(), "ann");
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_beyond_what_is_hashed_at_once_are_told_to_come_back_and_cost_nobody_anything() {
    let installation = with_ann().await;
    let door = installation.door().await;
    let now = installation.now();
    // One address has at most eight looked at at once.
    let wrong: Vec<String> = (0..12).map(|number| format!("user{number}")).collect();
    let tries = wrong.iter().map(|name| prove(&door, name, "password 123", "192.0.2.1", now));
    let outcomes = futures_util::future::join_all(tries).await;
    let busy = outcomes.iter().filter(|tried| matches!(tried, Err(Error::Busy))).count();
    // Where accounts are read from afar, some come when others are done.
    assert!((1..=4).contains(&busy), "{outcomes:?}");
    assert!(prove(&door, "ann", PASSWORD, "192.0.2.1", now).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_was_right_is_not_hashed_again_for_a_minute_and_ends_with_the_counter() {
    let installation = with_ann().await;
    let door = installation.door().await;
    let now = installation.now();
    let took = async |now| {
        let begun = Instant::now();
        let known = prove(&door, "ann", PASSWORD, "192.0.2.1", now).await;
        (begun.elapsed(), known)
    };
    let (hashed, known) = took(now).await;
    assert!(known.is_ok());
    let (again, known) = took(now + SignedDuration::from_secs(59)).await;
    assert!(known.is_ok() && again * 5 < hashed, "{again:?}, {hashed:?}");
    let (later, known) = took(now + SignedDuration::from_secs(60)).await;
    assert!(known.is_ok() && again * 5 < later, "{again:?}, {later:?}");
    // Twelve at once cost one hash: none is busy.
    let late = now + SignedDuration::from_secs(200);
    let many = (0..12).map(|_| prove(&door, "ann", PASSWORD, "192.0.2.1", late));
    assert!(futures_util::future::join_all(many).await.iter().all(Result::is_ok));
    // Whatever moves the counter makes it look again.
    assert!(installation.command(&["grant", "create", "--mail", "x@example.org", "--service", "files"]).1);
    door.policy.refresh().await.unwrap();
    let (moved, known) = took(late).await;
    assert!(known.is_ok() && again * 5 < moved, "{again:?}, {moved:?}");
    assert!(installation.command(&["user", "disable", "ann"]).1);
    door.policy.refresh().await.unwrap();
    assert!(matches!(took(late).await.1, Err(Error::Wrong { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_password_takes_the_place_of_the_old_one_at_once() {
    let door = with_ann().await;
    assert_eq!(door.get(PATH, "ann", PASSWORD).await.status, StatusCode::OK);
    let file = door.path("password");
    std::fs::write(&file, "Zu\u{308}rich und Genf\n").unwrap();
    assert!(door.command(&["user", "password", "ann", "--password-file", file.to_str().unwrap()]).1);
    assert_eq!(door.get(PATH, "ann", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
    // The same letters, typed on another keyboard.
    assert_eq!(door.get(PATH, "ann", "Z\u{fc}rich\u{a0}und Genf").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_that_cost_less_than_today_s_is_made_anew_when_its_owner_logs_in() {
    let mut door = with_ann().await;
    door.stop().await;
    let file = door.path("gateward.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text + "[passwords]\nmemory_mib = 24\npasses = 2\n").unwrap();
    door.start().await;
    assert_eq!(door.get(PATH, "ann", PASSWORD).await.status, StatusCode::OK);
    assert_eq!(door.bodies("user_hash_raised")[0]["user"], "ann");
    assert_eq!(door.get(PATH, "ann", PASSWORD).await.status, StatusCode::OK);
    assert_eq!(door.bodies("user_hash_raised").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_digest_answers_the_challenge_of_a_service_for_logins() {
    let door = with_ann().await;
    assert!(door.command(&["user", "delete", "ann"]).1);
    let password = door.create_with_digest("ann");
    let get = async |name: &str, password: &str| {
        door.connect().await.get_with_digest("/files/restricted.txt", name, password).await.unwrap().status
    };
    assert_eq!(get("ann", &password).await, StatusCode::OK);
    let released = door.bodies("released").pop().unwrap();
    assert_eq!((&released["who"], &released["by"]), (&"ann".into(), &"digest".into()));
    // The same password, the other way.
    assert_eq!(door.get(PATH, "ann", &password).await.status, StatusCode::OK);
    assert_eq!(get("ann", "wrong").await, StatusCode::UNAUTHORIZED);
    assert_eq!(get("nobody", &password).await, StatusCode::UNAUTHORIZED);
    assert_eq!(door.refusals(), ["wrong-password", "unknown-user"]);
    // A password that somebody chose has no verifier.
    let file = door.path("password");
    std::fs::write(&file, PASSWORD).unwrap();
    assert!(door.command(&["user", "password", "ann", "--password-file", file.to_str().unwrap()]).1);
    assert_eq!(get("ann", &password).await, StatusCode::UNAUTHORIZED);
    assert_eq!(get("ann", PASSWORD).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn digest_answers_of_a_user_are_counted_as_guesses_at_a_password_are() {
    let door = with_ann().await;
    let password = door.create_with_digest("bob");
    let tries = (0..10).map(async |_| {
        let mut connection = door.connect().await;
        connection.get_with_digest("/files/restricted.txt", "bob", "wrong").await.unwrap().status
    });
    let outcomes = futures_util::future::join_all(tries).await;
    assert!(outcomes.iter().all(|status| *status == StatusCode::UNAUTHORIZED), "{outcomes:?}");
    let mut connection = door.connect().await;
    let stopped = connection.get_with_digest("/files/restricted.txt", "bob", &password).await.unwrap();
    assert_eq!(stopped.status, StatusCode::TOO_MANY_REQUESTS);
    // The database's clock has run on since the command, so that the failures can be a little later than `now`.
    door.pass(SignedDuration::from_mins(6));
    let granted = connection.get_with_digest("/files/restricted.txt", "bob", &password).await.unwrap();
    assert_eq!(granted.status, StatusCode::FORBIDDEN, "known again, and nothing is granted to bob");
}

#[tokio::test(flavor = "multi_thread")]
async fn digest_answers_are_no_way_around_the_count_while_passwords_are_looked_at() {
    let door = with_ann().await;
    door.create_with_digest("bob");
    // Answers come while hashes are made for the same account and address: none is judged for nothing.
    let passwords: Vec<String> = (0..8).map(|number| format!("wrong password {number}")).collect();
    let hashed = passwords.iter().map(|password| door.get(PATH, "bob", password));
    let answered = (0..8).map(async |_| {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let mut connection = door.connect().await;
        connection.get_with_digest("/files/restricted.txt", "bob", "wrong").await.unwrap()
    });
    futures_util::future::join(
        futures_util::future::join_all(hashed),
        futures_util::future::join_all(answered),
    )
    .await;
    let judged = door.refusals().iter().filter(|reason| *reason == "wrong-password").count();
    assert!(judged <= 10, "{judged} guesses were judged: {:?}", door.refusals());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_tells_nobody_that_the_password_of_a_disabled_account_is_right() {
    let door = with_ann().await;
    let password = door.create_with_digest("bob");
    assert!(door.command(&["user", "disable", "bob"]).1);
    // Its challenge is too old: a right answer would be told so.
    let mut connection = door.connect().await;
    let challenged = connection.get("/files/restricted.txt", None).await.unwrap();
    door.pass(SignedDuration::from_hours(2));
    let mut answers = Vec::new();
    for password in [password.as_str(), "wrong"] {
        let answer = digest(&challenged, "/files/restricted.txt", "bob", password).unwrap();
        let refused = connection.get("/files/restricted.txt", Some(answer)).await.unwrap();
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
        let said = refused.fields[WWW_AUTHENTICATE].to_str().unwrap();
        answers.push(said.contains("stale=true"));
    }
    assert_eq!(answers, [false, false]);
    assert_eq!(door.refusals(), ["disabled", "disabled"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_in_stays_in_whoever_guesses_beside_it() {
    let installation = with_ann().await;
    let door = installation.door().await;
    let now = installation.now();
    let from = "192.0.2.1";
    assert!(prove(&door, "ann", PASSWORD, from, now).await.is_ok());
    for round in 0..2 {
        let wrong: Vec<String> = (0..5).map(|number| format!("wrong password {round}{number}")).collect();
        let tries = wrong.iter().map(|password| prove(&door, "ann", password, from, now));
        futures_util::future::join_all(tries).await;
    }
    let stopped = prove(&door, "ann", "wrong password", from, now).await;
    assert!(matches!(stopped, Err(Error::TooMany { .. })), "{stopped:?}");
    assert!(prove(&door, "ann", PASSWORD, from, now).await.is_ok(), "the hash is known");
    let later = now + SignedDuration::from_secs(61);
    assert!(prove(&door, "ann", PASSWORD, from, later).await.is_ok(), "it is made again");
}

#[tokio::test(flavor = "multi_thread")]
async fn digest_of_users_and_sha_256_are_not_had_together() {
    let mut door = with_ann().await;
    let set = |door: &Installation, on: bool| {
        let file = door.path("gateward.toml");
        let text = std::fs::read_to_string(&file).unwrap().replace("digest_sha256 = true\n", "");
        let head = if on { "digest_sha256 = true\n" } else { "" };
        std::fs::write(&file, format!("{head}{text}")).unwrap();
    };
    set(&door, true);
    let file = door.path("out");
    assert!(!door.command(&["user", "create", "bob", "--digest", "--out", file.to_str().unwrap()]).1);
    assert!(!file.exists(), "no password lies about that opens nothing");
    set(&door, false);
    door.create_with_digest("bob");
    door.stop().await;
    set(&door, true);
    let refused = door.try_start().await.unwrap_err().to_string();
    assert!(refused.contains("digest_sha256") && refused.contains("gateward user password"), "{refused}");
    set(&door, false);
    door.try_start().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_of_a_person_ends_at_once() {
    let door = with_ann().await;
    let grant = door.command(&["grant", "create", "--mail", "ann@example.org", "--service", "files"]).0;
    assert!(grant.contains("made"));
    let token = door.token("ann@example.org", "/epos/demo", SignedDuration::from_hours(24));
    let login = door.exchange(&token).await;
    assert_eq!(door.fetch(&login).await.status, StatusCode::OK);
    let (said, yes) = door.command(&["user", "end", "ann", "--mail", "Ann@Example.org"]);
    assert!(yes && said.contains(&login.0), "{said}");
    assert_eq!(door.fetch(&login).await.status, StatusCode::UNAUTHORIZED);
    let again = door.connect().await.post("/auth", token).await.unwrap();
    assert_eq!(again.status, StatusCode::FORBIDDEN, "the token is blocked");
    assert_eq!(door.get(PATH, "ann", PASSWORD).await.status, StatusCode::OK, "the account stays");
    let ended = &door.bodies("user_ended")[0];
    assert_eq!((&ended["user"], &ended["sessions"]), (&"ann".into(), &0.into()));
    assert_eq!(door.bodies("login_revoked").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_deleted_leaves_no_grant_behind_for_the_next_of_that_name() {
    let door = with_ann().await;
    door.create("bob", &[]);
    assert!(door.command(&["grant", "create", "--user", "bob", "--service", "papers"]).1);
    assert_eq!(door.get(PATH, "bob", PASSWORD).await.status, StatusCode::OK);
    let (said, yes) = door.command(&["user", "delete", "bob"]);
    assert!(yes && said.contains("revoked"), "{said}");
    assert_eq!(door.get(PATH, "bob", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
    door.create("bob", &[]);
    assert_eq!(door.get(PATH, "bob", PASSWORD).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_administrator_stays_unless_it_is_forced() {
    let door = with_ann().await;
    for refused in ["disable", "delete"] {
        assert!(!door.command(&["user", refused, "operator"]).1, "{refused}");
    }
    // Neither of these could take their place.
    door.create("of-one-service", &["--role", "admin", "--role-service", "papers"]);
    door.create("looks-on", &["--role", "auditor"]);
    assert!(!door.command(&["user", "disable", "operator"]).1);
    door.create("second", &["--role", "admin"]);
    assert!(door.command(&["user", "disable", "operator"]).1);
    assert!(!door.command(&["user", "delete", "second"]).1);
    assert!(door.command(&["user", "delete", "second", "--force"]).1);
    assert!(door.command(&["user", "enable", "operator"]).1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_stays_for_another_reason_is_not_called_the_last_administrator_s() {
    let installation = with_ann().await;
    let stays = if is_postgres() {
        "CREATE RULE stays AS ON DELETE TO users DO INSTEAD NOTHING"
    } else {
        "CREATE TRIGGER stays BEFORE DELETE ON users BEGIN SELECT RAISE(IGNORE); END"
    };
    installation.database().execute(stays);
    let door = installation.door().await;
    let delete = async |name: &str| {
        let name = name.parse().unwrap();
        let tokens = TokenNames::default();
        users::delete(&door, &name, tokens, LastAdmin::Stays, "os:test", installation.now())
            .await
            .unwrap_err()
    };
    let ann = delete("ann").await;
    assert!(matches!(ann, users::Error::Commit(CommitError::Precondition)), "{ann}");
    let operator = delete("operator").await;
    assert!(matches!(operator, users::Error::LastAdmin(_)), "{operator}");
}
