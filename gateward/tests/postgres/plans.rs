//! A log of 100 000 events on PostgreSQL: in order, and found again without running through it,
//! whatever the server has counted in the tables or not yet.
//!
//! The server itself says what it did for each statement that the store sends (`auto_explain`).

use std::time::Duration;

use gateward::base::id::{Reference, TransactionId};
use gateward::base::name::ServiceName;
use gateward::flows::record::{Happened, Outcome, What};
use gateward::server::system;
use gateward::store::event::{Filter, Recorded, Search, show};
use gateward::store::temporary_login;
use jiff::SignedDuration;

use crate::cluster::Cluster;
use crate::cluster::patience::eventually;
use crate::store::{Replica, address, check_order};

/// How many events the log has.
const EVENTS: usize = 100_500;

/// How many events a page of a search has at most.
const PAGE: u64 = 500;

/// A server that writes into its log how it answers each statement.
fn explaining() -> Cluster {
    Cluster::with_settings(&[
        ("session_preload_libraries", "auto_explain"),
        ("auto_explain.log_min_duration", "0"),
        ("auto_explain.log_analyze", "on"),
        ("auto_explain.log_timing", "off"),
        ("autovacuum", "off"),
    ])
}

/// How the server answered a statement.
#[derive(Debug)]
struct Plan(String);

impl Plan {
    /// The most rows that one step of it looked at, those that it left out again included.
    fn most_rows(&self) -> u64 {
        let number =
            |text: &str| text.split(|c: char| !c.is_ascii_digit()).next().unwrap_or("0").parse::<u64>();
        let behind = |line: &str, word: &str| {
            line.split_once(word).map_or(0, |(_, rest)| number(rest).expect("the server writes numbers"))
        };
        let steps = self.0.lines().map(|line| {
            let returned = behind(line, "(actual rows=") * behind(line, "loops=");
            returned.max(behind(line, "Rows Removed by Filter: "))
        });
        steps.max().expect("a plan has steps")
    }
}

/// The plans of all statements whose text has `part`, that the server made after `before` bytes of
/// its log; a restart is not needed for it to write.
fn plans(cluster: &Cluster, before: usize, part: &str) -> Vec<Plan> {
    let logs = cluster.logs();
    let entries = logs[before..].split(" LOG:  duration: ").filter(|entry| entry.contains("plan:\n"));
    entries.filter(|entry| entry.contains(part)).map(|entry| Plan(entry.to_owned())).collect()
}

/// Asserts that what is asked between `before` and now looked at no more than `most` rows in one step.
#[track_caller]
fn looked_at_few(cluster: &Cluster, before: usize, part: &str, most: u64) {
    let made = eventually("the server says how it answered", Duration::from_secs(10), || {
        Some(plans(cluster, before, part)).filter(|plans| !plans.is_empty())
    });
    for plan in made {
        assert!(plan.most_rows() <= most, "{part}: {} rows\n{}", plan.most_rows(), plan.0);
    }
}

/// Event `number`: one login has every tenth, one the last hundredth, the others a hundred each.
fn event(number: usize, transaction: TransactionId, reference: Reference) -> Happened {
    let who = match number {
        number if number >= EVENTS / 100 * 99 => "late".to_owned(),
        number if number.is_multiple_of(10) => "busy".to_owned(),
        number => format!("login{:06}", number / 100),
    };
    Happened {
        outcome: if number.is_multiple_of(1000) { Outcome::Refused } else { Outcome::Done },
        service: Some("files".parse::<ServiceName>().unwrap()),
        who: Some(who),
        transaction: Some(transaction),
        reference: Some(reference),
        ..Happened::done(What::Stopped { reason: "test" })
    }
}

async fn fill(replica: &Replica) {
    let random = system::random();
    let mut waiting = Vec::new();
    for first in (0..EVENTS).step_by(100) {
        let recorder = replica.recorder.clone();
        let now = system::wall_clock();
        let transaction = TransactionId::new(now, &random);
        let happened: Vec<_> = (first..EVENTS.min(first + 100))
            .map(|number| event(number, transaction, Reference::new(&random)))
            .collect();
        let commit = async move { recorder.commit(None, Vec::new(), &happened, now).await };
        waiting.push(tokio::spawn(commit));
        // As many as a machine has waiting, and not all.
        if waiting.len() == 50 {
            for commit in waiting.drain(..) {
                commit.await.unwrap().unwrap();
            }
        }
    }
    for commit in waiting {
        commit.await.unwrap().unwrap();
    }
}

async fn first_page(replica: &Replica, filter: Filter) -> Vec<Recorded> {
    Search::begin(&replica.store.reader, filter).await.unwrap().page().await.unwrap()
}

/// Looks for everything that there is an index for.
async fn look_around(cluster: &Cluster, replica: &Replica, middle: &Recorded) {
    let since = Some(middle.recorded_at.parse().unwrap());
    let before = cluster.logs().len();
    assert_eq!(first_page(replica, Filter { since, ..Filter::default() }).await.len(), 500);
    for who in ["busy", "late", "login000510", "nobody"] {
        for since in [None, since] {
            let page =
                first_page(replica, Filter { since, who: Some(who.into()), ..Filter::default() }).await;
            assert_eq!(page.is_empty(), who == "nobody", "{who}");
        }
    }
    looked_at_few(cluster, before, "FROM search", PAGE);

    let before = cluster.logs().len();
    let body: serde_json::Value = serde_json::from_str(middle.body()).unwrap();
    for name in [&middle.id, body["transaction"].as_str().unwrap(), body["reference"].as_str().unwrap()] {
        assert_eq!(show(&replica.store.reader, name).await.unwrap().len(), 100, "{name}");
    }
    assert!(show(&replica.store.reader, "ABCDE-FGHIJ").await.unwrap().is_empty());
    looked_at_few(cluster, before, "WITH named", PAGE);

    let before = cluster.logs().len();
    let now = system::wall_clock();
    assert_eq!(temporary_login::expired(&replica.store.reader, now, 100).await.unwrap().len(), 20);
    looked_at_few(cluster, before, "FROM temporary_login WHERE expires_at", PAGE);
}

/// 20 that have ended among 10 000 that have not.
fn logins(cluster: &Cluster, database: &str) {
    let now = system::wall_clock();
    let (past, future) = (now - SignedDuration::from_hours(1), now + SignedDuration::from_hours(1));
    cluster.psql(
        database,
        &format!(
            "INSERT INTO temporary_login SELECT lpad(n::text, 14, 'L'), sha256(n::text::bytea), 'issuer', 'id', 'key', \
             decode(repeat('00', 16), 'hex'), 'mail', 'subject', '[]', '{future:.6}', '{past:.6}', \
             CASE WHEN n % 500 = 0 THEN '{past:.6}' ELSE '{future:.6}' END FROM generate_series(1, 10000) n"
        ),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_long_log_everything_stands_in_order_and_is_found_by_an_index() {
    let cluster = explaining();
    let database = cluster.database("plans");
    let url = cluster.socket_url(&database);
    gateward::store::migrate(&address(&url)).await.unwrap();
    let replica = Replica::on(&url).await;
    fill(&replica).await;
    logins(&cluster, &database);
    let events = replica.events(Filter::default()).await;
    assert_eq!(events.len(), EVENTS);
    check_order(&events);
    let middle = &events[EVENTS / 2];

    look_around(&cluster, &replica, middle).await;
    cluster.psql(&database, "ANALYZE");
    look_around(&cluster, &replica, middle).await;
    cluster.psql(&database, "VACUUM ANALYZE");
    look_around(&cluster, &replica, middle).await;

    // No index serves this, and still no query of it runs through the whole log.
    let before = cluster.logs().len();
    let failed = Filter { outcome: Some("failed".into()), ..Filter::default() };
    assert!(first_page(&replica, failed).await.is_empty());
    looked_at_few(&cluster, before, "search.outcome", 100_000);
    assert_eq!(plans(&cluster, before, "search.outcome").len(), 2);
}
