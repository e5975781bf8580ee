//! Answers that come twice, and answers by SHA-256.

use gateward::cli::demo::client::{Answer, Connection};
use http_digest::client::{Challenge, answer};
use http_digest::{Algorithm, Request};
use jiff::SignedDuration;

use crate::support::Installation;

const DAY: SignedDuration = SignedDuration::from_hours(24);
const PATH: &str = "/files/restricted.txt";

/// A client that keeps its login, and one challenge that it answers as often as it is told to.
struct Caller {
    login: (String, String),
    challenge: Challenge,
    connection: Connection,
}

impl Caller {
    async fn of(door: &Installation) -> Self {
        let login = door.exchange(&door.token("a@example.org", "/epos/demo", DAY)).await;
        let mut connection = door.connect().await;
        let challenge = challenge(&connection.get(PATH, None).await.unwrap());
        Self { login, challenge, connection }
    }

    fn answer(&self, nc: u32) -> String {
        let (login, password) = &self.login;
        let request = Request { method: "GET", target: PATH };
        answer(&self.challenge, login, password, request, nc, "0a4f113b").unwrap()
    }

    async fn ask(&mut self, nc: u32) -> Answer {
        let answer = self.answer(nc);
        self.connection.get(PATH, Some(answer)).await.unwrap()
    }
}

/// The strongest that an answer asks for.
fn challenge(challenged: &Answer) -> Challenge {
    let fields = challenged.fields.get_all("www-authenticate").into_iter();
    Challenge::choose(fields.map(|field| field.to_str().unwrap())).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_twice_is_stale_and_no_failure() {
    let door = Installation::open().await;
    let mut caller = Caller::of(&door).await;
    assert_eq!(caller.ask(1).await.status, 200);
    let repeated = caller.ask(1).await;
    assert_eq!(repeated.status, 401);
    caller.challenge = challenge(&repeated);
    assert!(caller.challenge.stale());
    assert_eq!(caller.ask(1).await.status, 200);
    assert!(door.bodies("authentication_failed").is_empty());
    assert_eq!(
        door.bodies("released").iter().filter(|body| body["who"] == caller.login.0.as_str()).count(),
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_with_one_challenge_may_overtake_each_other() {
    let door = Installation::open().await;
    let caller = Caller::of(&door).await;
    let mut asking = tokio::task::JoinSet::new();
    for nc in (1..=32).rev() {
        let (mut connection, answer) = (door.connect().await, caller.answer(nc));
        asking.spawn(async move { connection.get(PATH, Some(answer)).await.unwrap().status });
    }
    assert!(asking.join_all().await.iter().all(|status| *status == 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_that_send_the_same_answer_at_once_is_let_in() {
    let door = Installation::open().await;
    let caller = Caller::of(&door).await;
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (mut connection, answer) = (door.connect().await, caller.answer(1));
        asking.spawn(async move { connection.get(PATH, Some(answer)).await.unwrap().status });
    }
    let statuses = asking.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
}

/// The counter moves while the server still holds the policy before: its first decision is refused
/// by the writer, and the request is decided once more.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_decided_again_is_no_repeat() {
    let door = Installation::open().await;
    let mut caller = Caller::of(&door).await;
    for nc in 1..=20 {
        door.database().execute("UPDATE revocation SET counter = counter + 1");
        assert_eq!(caller.ask(nc).await.status, 200, "{nc}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_go_on_counting_after_a_restart() {
    let mut door = Installation::open().await;
    let mut caller = Caller::of(&door).await;
    assert_eq!(caller.ask(1).await.status, 200);
    door.stop().await;
    door.start().await;
    caller.connection = door.connect().await;
    assert_eq!(caller.ask(2).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn sha256_is_offered_second_and_taken_only_where_the_file_says_so() {
    let mut door = Installation::open().await;
    let mut caller = Caller::of(&door).await;
    assert_eq!(caller.challenge.algorithm(), Algorithm::Md5);
    door.stop().await;
    let text = std::fs::read_to_string(door.path("gateward.toml")).unwrap();
    std::fs::write(door.path("gateward.toml"), format!("digest_sha256 = true\n{text}")).unwrap();
    door.start().await;
    caller.connection = door.connect().await;
    let challenged = caller.connection.get(PATH, None).await.unwrap();
    let fields: Vec<_> = challenged.fields.get_all("www-authenticate").into_iter().collect();
    assert_eq!(fields.len(), 2);
    let by = |field: usize| Challenge::parse(fields[field].to_str().unwrap()).unwrap();
    assert_eq!((by(0).algorithm(), by(1).algorithm()), (Algorithm::Md5, Algorithm::Sha256));
    for (nc, field) in [(1, 0), (2, 1)] {
        caller.challenge = by(field);
        assert_eq!(caller.ask(nc).await.status, 200);
    }
    assert_eq!(caller.ask(2).await.status, 401, "a repeat is one by either algorithm");

    door.stop().await;
    std::fs::write(door.path("gateward.toml"), text).unwrap();
    door.start().await;
    caller.connection = door.connect().await;
    let refused = caller.ask(3).await;
    assert_eq!(refused.status, 401);
    assert!(!challenge(&refused).stale());
    let failed = door.bodies("authentication_failed");
    assert_eq!(failed.last().unwrap()["reason"], "unsupported");
}
