//! The store on a real PostgreSQL server, from as many machines as the tests need: each replica
//! here has its own connections and its own writing thread, as a machine has.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gateward::base::id::InstanceId;
use gateward::base::random::Random;
use gateward::base::store_address::StoreAddress;
use gateward::base::time::Clock;
use gateward::flows::record::{Happened, Recorder, What};
use gateward::server::system;
use gateward::store::event::{Filter, Recorded};
use gateward::store::grant::{self, GrantRow, Origin};
use gateward::store::{Change, CommitError, Error, Store, revocation};
use jiff::SignedDuration;

use crate::cluster::{Cluster, ROLE};
use crate::store_under_test::recorded;

/// One machine.
pub struct Replica {
    pub store: Store,
    pub recorder: Arc<Recorder>,
}

/// The machine's clock, `seconds` off.
fn clock_off_by(seconds: i64) -> Clock {
    Clock::new(move || Ok(system::wall_clock() + SignedDuration::from_secs(seconds)))
}

impl Replica {
    /// A machine on the database at `url`, whose clock is right.
    pub async fn on(url: &str) -> Self {
        Self::with(url, clock_off_by(0)).await
    }

    async fn with(url: &str, clock: Clock) -> Self {
        let store = Store::open(&address(url), clock).await.unwrap();
        let random: Random = system::random();
        let instance = InstanceId::new(system::wall_clock(), &random);
        let recorder = Arc::new(Recorder::new(store.writer.clone(), random, instance));
        Self { store, recorder }
    }

    /// Records one event; `reason` finds it again.
    pub async fn record(&self, reason: &str) -> Result<(), CommitError> {
        self.propose(None, Vec::new(), reason).await
    }

    async fn propose(
        &self,
        decided_under: Option<revocation::Revision>,
        changes: Vec<Change>,
        who: &str,
    ) -> Result<(), CommitError> {
        let happened =
            Happened { who: Some(who.to_owned()), ..Happened::done(What::Stopped { reason: "test" }) };
        self.recorder.commit(decided_under, changes, &[happened], system::wall_clock()).await
    }

    pub async fn events(&self, filter: Filter) -> Vec<Recorded> {
        recorded(&self.store, filter).await
    }

    /// How often `who` stands in the log.
    pub async fn count(&self, who: &str) -> usize {
        self.events(Filter { who: Some(who.to_owned()), ..Filter::default() }).await.len()
    }
}

pub fn address(url: &str) -> StoreAddress {
    url.parse().unwrap()
}

/// A database of its own with the tables in it.
pub async fn migrated(name: &str) -> String {
    let cluster = Cluster::shared();
    let url = cluster.socket_url(&cluster.database(name));
    gateward::store::migrate(&address(&url)).await.unwrap();
    url
}

/// One order: no gap, time never runs back.
pub fn check_order(events: &[Recorded]) {
    for (at, event) in events.iter().enumerate() {
        assert_eq!(event.position, at as u64);
    }
    assert!(events.windows(2).all(|pair| pair[0].recorded_at <= pair[1].recorded_at), "time runs back");
}

fn a_grant(id: &str) -> GrantRow {
    GrantRow {
        id: id.into(),
        origin: Origin::Command,
        subject_kind: "group".into(),
        subject: "/epos/demo".into(),
        service: "files".into(),
        networks: "[]".into(),
        actions: "[]".into(),
        resources: "[]".into(),
        own: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_all_replicas_form_one_order_without_gaps_in_which_time_never_runs_back() {
    let url = migrated("order").await;
    let mut writing = Vec::new();
    for replica in 0..4 {
        let replica_on = Arc::new(Replica::with(&url, clock_off_by(replica - 2)).await);
        for writer in 0..25 {
            let replica_on = Arc::clone(&replica_on);
            writing.push(tokio::spawn(async move {
                for event in 0..10 {
                    replica_on.record(&format!("{replica}-{writer}-{event}")).await.unwrap();
                }
            }));
        }
    }
    for writer in writing {
        writer.await.unwrap();
    }
    let events = Replica::on(&url).await.events(Filter::default()).await;
    assert_eq!(events.len(), 1000);
    check_order(&events);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_replica_decided_before_another_revoked_is_refused() {
    let url = migrated("stale").await;
    let (one, other) = (Replica::on(&url).await, Replica::on(&url).await);
    let before = revocation::current(&one.store.reader).await.unwrap();
    one.propose(Some(before), Vec::new(), "in time").await.unwrap();
    let advance = vec![Change::AdvanceRevocation(revocation::Advance)];
    other.propose(None, advance, "revoked").await.unwrap();
    let refused = one.propose(Some(before), Vec::new(), "too late").await;
    assert!(matches!(refused, Err(CommitError::Stale(_))), "{refused:?}");
    let now = revocation::current(&one.store.reader).await.unwrap();
    one.propose(Some(now), Vec::new(), "once more").await.unwrap();
    assert_eq!((one.count("too late").await, one.count("once more").await), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_one_batch_a_revocation_comes_before_what_follows_it() {
    let url = migrated("batch").await;
    let replica = Arc::new(Replica::on(&url).await);
    let before = revocation::current(&replica.store.reader).await.unwrap();
    let advance = replica.propose(None, vec![Change::AdvanceRevocation(revocation::Advance)], "revoked");
    let after = replica.propose(Some(before), Vec::new(), "too late");
    let (advanced, refused) = futures_util::future::join(advance, after).await;
    advanced.unwrap();
    assert!(matches!(refused, Err(CommitError::Stale(_))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_proposal_takes_back_all_of_itself_and_nothing_of_others() {
    let url = migrated("refused").await;
    let replica = Arc::new(Replica::on(&url).await);
    let mut proposals = Vec::new();
    for at in 0..40 {
        let replica = Arc::clone(&replica);
        proposals.push(tokio::spawn(async move {
            let create = Change::CreateGrant(grant::Create {
                grant: a_grant(&format!("g-{at:02}")),
                at: system::wall_clock(),
            });
            // Every third one deletes what there is not, after it has made something.
            let changes = if at % 3 == 0 {
                vec![create, Change::DeleteGrant(grant::Delete { id: "no such".into() })]
            } else {
                vec![create]
            };
            replica.propose(None, changes, &format!("grant-{at}")).await
        }));
    }
    for (at, proposal) in proposals.into_iter().enumerate() {
        let ended = proposal.await.unwrap();
        if at % 3 == 0 {
            assert!(matches!(ended, Err(CommitError::Precondition)), "{at}: {ended:?}");
        } else {
            ended.unwrap();
        }
        assert_eq!(replica.count(&format!("grant-{at}")).await, usize::from(at % 3 != 0));
    }
    let grants = grant::all(&replica.store.reader).await.unwrap();
    assert_eq!(grants.len(), 26);
    assert!(grants.iter().all(|grant| grant.id[2..].parse::<usize>().unwrap() % 3 != 0));
    check_order(&replica.events(Filter::default()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_cannot_store_fails_alone() {
    let url = migrated("alone").await;
    let replica = Arc::new(Replica::on(&url).await);
    let mut proposals = Vec::new();
    for at in 0..20 {
        let replica = Arc::clone(&replica);
        proposals.push(tokio::spawn(async move {
            let who = if at == 7 { "a\0b".to_owned() } else { format!("who-{at}") };
            replica.record(&who).await
        }));
    }
    for (at, proposal) in proposals.into_iter().enumerate() {
        let ended = proposal.await.unwrap();
        assert_eq!(ended.is_err(), at == 7, "{at}: {ended:?}");
    }
    assert_eq!(replica.count("a\0b").await, 0, "a query for a NUL finds nothing and is no error");
    assert_eq!(replica.events(Filter::default()).await.len(), 19);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_gives_every_event_once_page_after_page() {
    let url = migrated("pages").await;
    let replica = Replica::on(&url).await;
    let all = (0..1203).map(|at| replica.propose(None, Vec::new(), if at % 2 == 0 { "even" } else { "odd" }));
    assert!(futures_util::future::join_all(all).await.iter().all(Result::is_ok));
    check_order(&replica.events(Filter::default()).await);
    assert_eq!(replica.count("even").await, 602);
    let events = replica.events(Filter::default()).await;
    let middle = events[600].recorded_at.parse().unwrap();
    let before = replica.events(Filter { until: Some(middle), ..Filter::default() }).await;
    let after = replica.events(Filter { since: Some(middle), ..Filter::default() }).await;
    assert_eq!(before.len() + after.len(), 1203);
    assert!(before.iter().all(|event| event.recorded_at < events[600].recorded_at));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_may_lose_what_it_committed_is_refused_at_start_and_later() {
    let cluster = Cluster::shared();
    let database = cluster.database("durable");
    let url = cluster.socket_url(&database);
    gateward::store::migrate(&address(&url)).await.unwrap();
    let replica = Replica::on(&url).await;
    replica.record("good").await.unwrap();
    cluster
        .psql(&database, &format!("ALTER ROLE {ROLE} IN DATABASE {database} SET synchronous_commit = off"));
    let refused = Store::open(&address(&url), clock_off_by(0)).await.unwrap_err();
    assert!(matches!(refused, Error::NotDurable { setting: "synchronous_commit", .. }), "{refused}");
    // Sessions that are there keep their settings until they end.
    cluster.psql(&database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'gateward' AND datname = current_database()");
    let refused = replica.record("bad").await.unwrap_err();
    assert!(refused.to_string().contains("synchronous_commit is off"), "{refused}");
    cluster.psql(&database, &format!("ALTER ROLE {ROLE} IN DATABASE {database} RESET synchronous_commit"));
    replica.record("good again").await.unwrap();

    let careless = Cluster::with_settings(&[("fsync", "off")]);
    let url = careless.socket_url(&careless.database("careless"));
    gateward::store::migrate(&address(&url)).await.unwrap();
    let refused = Store::open(&address(&url), clock_off_by(0)).await.unwrap_err();
    assert!(matches!(refused, Error::NotDurable { setting: "fsync", .. }), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_whose_clock_is_far_off_records_nothing_and_the_others_go_on() {
    let url = migrated("clocks").await;
    let right = Replica::on(&url).await;
    for off in [-3600, 3600, 7] {
        let wrong = Replica::with(&url, clock_off_by(off)).await;
        assert!(wrong.store.clock.now().is_err(), "{off}");
        let refused = wrong.record("wrong").await.unwrap_err();
        assert!(refused.to_string().contains("apart"), "{refused}");
        right.record("right").await.unwrap();
    }
    assert_eq!((right.count("wrong").await, right.count("right").await), (0, 3));
    let slow = Replica::with(&url, clock_off_by(-3)).await;
    let apart = slow.store.clock.now().unwrap().duration_since(system::wall_clock());
    assert!(apart.abs() < SignedDuration::from_secs(1), "it decides by the database's clock: {apart:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_our_tables_is_named_with_the_command_that_makes_them() {
    let cluster = Cluster::shared();
    let database = cluster.database("bare");
    let url = cluster.socket_url(&database);
    let refused = Store::open(&address(&url), clock_off_by(0)).await.unwrap_err();
    assert!(refused.to_string().contains("gateward store migrate"), "{refused}");
    assert!(refused.may_pass());
    let before = gateward::store::migrate(&address(&url)).await.unwrap();
    assert_eq!(before.version, 0);
    let before = gateward::store::migrate(&address(&url)).await.unwrap();
    assert_eq!(before.version, before.known, "migrating twice is harmless");
    cluster.psql(&database, "UPDATE schema_state SET version = 99, oldest_binary = 98");
    let refused = Store::open(&address(&url), clock_off_by(0)).await.unwrap_err();
    assert!(matches!(refused, Error::TooNew { version: 99, .. }), "{refused}");
    cluster.psql(&database, "UPDATE schema_state SET oldest_binary = 1");
    Store::open(&address(&url), clock_off_by(0)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_server_between_two_commits_is_not_noticed() {
    let cluster = Cluster::start();
    let url = cluster.socket_url(&cluster.database("restart"));
    gateward::store::migrate(&address(&url)).await.unwrap();
    let replica = Replica::on(&url).await;
    replica.record("before").await.unwrap();
    cluster.restart();
    replica.record("after").await.unwrap();
    assert_eq!(replica.count("before").await + replica.count("after").await, 2);

    cluster.stop();
    let begun = Instant::now();
    let refused = replica.record("while it is away").await.unwrap_err();
    assert!(matches!(refused, CommitError::Unavailable(_)), "{refused:?}");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    cluster.power_on();
    replica.record("back").await.unwrap();
    assert_eq!(replica.count("while it is away").await, 0);
    check_order(&replica.events(Filter::default()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_on_postgresql_refuses_to_be_changed_by_mistake() {
    let cluster = Cluster::shared();
    let database = cluster.database("append_only");
    let url = cluster.socket_url(&database);
    gateward::store::migrate(&address(&url)).await.unwrap();
    Replica::on(&url).await.record("kept").await.unwrap();
    for statement in ["UPDATE event SET body = '{}'", "DELETE FROM event", "TRUNCATE event"] {
        let refused = cluster.try_psql(&database, statement).unwrap_err();
        assert!(refused.contains("append-only"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tcp_the_server_is_verified_and_the_password_comes_from_its_file() {
    let cluster = Cluster::shared();
    let database = cluster.database("tls");
    let url = cluster.tls_url(&database);
    assert!(url.contains("sslmode=verify-full") && url.contains("password_file="), "{url}");
    gateward::store::migrate(&address(&url)).await.unwrap();
    Replica::on(&url).await.record("over TLS").await.unwrap();
    let elsewhere = url.replace("localhost", "127.0.0.1");
    let refused = Store::open(&address(&elsewhere), clock_off_by(0)).await.unwrap_err();
    assert!(refused.to_string().contains("certificate"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_asked_for_because_it_takes_writes_is_read_from() {
    let cluster = Cluster::shared();
    let url = cluster.tcp_url(&cluster.database("read_write")) + "&target_session_attrs=read-write";
    gateward::store::migrate(&address(&url)).await.unwrap();
    let replica = Replica::on(&url).await;
    replica.record("written").await.unwrap();
    assert_eq!(replica.count("written").await, 1);
}
