//! The network between the store and its server fails at the worst moment: nothing is lost that was
//! acknowledged, nothing stands there twice, and no machine holds up the others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gateward::store::CommitError;
use gateward::store::event::Filter;

use crate::cluster::Cluster;
use crate::store::{Replica, address, check_order};
use crate::tcp_proxy::{Fate, TcpProxy};

/// A database, a machine that reaches it directly, and one that does so through a bad network.
struct Site {
    proxy: TcpProxy,
    direct: Replica,
    behind: Arc<Replica>,
}

impl Site {
    async fn make(name: &str) -> Self {
        let cluster = Cluster::shared();
        let database = cluster.database(name);
        let direct = cluster.socket_url(&database);
        gateward::store::migrate(&address(&direct)).await.unwrap();
        let proxy = TcpProxy::before(cluster.address());
        let behind = Replica::on(&cluster.url_through(proxy.address(), &database)).await;
        behind.record("first").await.unwrap();
        Self { proxy, direct: Replica::on(&direct).await, behind: Arc::new(behind) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_was_done_although_its_answer_was_lost_is_acknowledged_and_there_once() {
    let site = Site::make("done").await;
    for round in 0..5 {
        site.proxy.cut_at_commit(1, Fate::Done);
        site.behind.record(&format!("round-{round}")).await.unwrap();
        assert_eq!(site.direct.count(&format!("round-{round}")).await, 1);
    }
    check_order(&site.direct.events(Filter::default()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_never_arrived_is_not_acknowledged_and_not_there() {
    let site = Site::make("undone").await;
    for round in 0..5 {
        site.proxy.cut_at_commit(1, Fate::Undone);
        let ended = site.behind.record(&format!("round-{round}")).await;
        assert!(matches!(ended, Err(CommitError::Unavailable(_))), "{ended:?}");
        assert_eq!(site.direct.count(&format!("round-{round}")).await, 0);
    }
    check_order(&site.direct.events(Filter::default()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_commits_are_cut_all_the_time_what_is_acknowledged_is_there_and_nothing_twice() {
    let site = Site::make("cuts").await;
    let mut writing = Vec::new();
    for writer in 0..20 {
        let behind = Arc::clone(&site.behind);
        writing.push(tokio::spawn(async move {
            let mut ended = Vec::new();
            for event in 0..20 {
                let name = format!("{writer}-{event}");
                ended.push((name.clone(), behind.record(&name).await));
            }
            ended
        }));
    }
    let fates = [Fate::Done, Fate::Undone].into_iter().cycle();
    let mut fates = fates.take(30);
    while writing.iter().any(|writer| !writer.is_finished()) {
        if let Some(fate) = fates.next() {
            site.proxy.cut_at_commit(2, fate);
        }
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    let events = site.direct.events(Filter::default()).await;
    check_order(&events);
    let mut acknowledged = 0;
    for writer in writing {
        for (name, ended) in writer.await.unwrap() {
            let there = site.direct.count(&name).await;
            match ended {
                Ok(()) => assert_eq!(there, 1, "{name} was acknowledged"),
                Err(CommitError::Unavailable(_)) => assert_eq!(there, 0, "{name} was said not to be there"),
                other => panic!("{name}: {other:?}"),
            }
            acknowledged += there;
        }
    }
    assert!(acknowledged > 200, "{acknowledged} of 400 came through");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_nobody_answers_is_found_on_another_connection() {
    let site = Site::make("silence").await;
    site.proxy.cut_at_commit(1, Fate::DoneInSilence);
    let begun = Instant::now();
    let ended = site.behind.record("in silence").await;
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    let there = site.direct.count("in silence").await;
    assert_eq!(there, 1);
    assert!(matches!(ended, Ok(()) | Err(CommitError::Unknown(_))), "{ended:?}");
    site.behind.record("afterwards").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_falls_silent_while_it_holds_the_head_does_not_hold_up_the_others() {
    let site = Site::make("stalled").await;
    let behind = Arc::clone(&site.behind);
    let load = tokio::spawn(async move {
        let mut after = 0;
        // Until its network is gone: then every commit fails.
        while behind.record("load").await.is_ok() {
            after += 1;
        }
        after
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    site.proxy.drop_packets();
    let mut longest = Duration::ZERO;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(8) {
        let asked = Instant::now();
        site.direct.record("other").await.unwrap();
        longest = longest.max(asked.elapsed());
    }
    assert!(longest < Duration::from_secs(6), "{longest:?}");
    let acknowledged = tokio::time::timeout(Duration::from_secs(30), load).await.unwrap().unwrap();
    assert!(site.direct.count("load").await >= acknowledged);
    site.proxy.pass();
    site.proxy.reset();
    site.behind.record("back").await.unwrap();
    check_order(&site.direct.events(Filter::default()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_somebody_holds_is_waited_for_and_no_longer_than_a_caller_waits() {
    let cluster = Cluster::shared();
    let database = cluster.database("held");
    let url = cluster.socket_url(&database);
    gateward::store::migrate(&address(&url)).await.unwrap();
    let replica = Arc::new(Replica::on(&url).await);
    let hold = |seconds: u32| {
        let database = database.clone();
        std::thread::spawn(move || {
            let sql = format!("BEGIN; SELECT 1 FROM log_head FOR UPDATE; SELECT pg_sleep({seconds}); COMMIT");
            Cluster::shared().psql(&database, &sql)
        })
    };
    let holder = hold(4);
    tokio::time::sleep(Duration::from_millis(500)).await;
    replica.record("patient").await.unwrap();
    holder.join().unwrap();
    let holder = hold(14);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let begun = Instant::now();
    let refused = replica.record("in vain").await.unwrap_err();
    assert!(matches!(refused, CommitError::Unavailable(_)), "{refused:?}");
    assert!(begun.elapsed() < Duration::from_secs(13), "{:?}", begun.elapsed());
    holder.join().unwrap();
    assert_eq!((replica.count("patient").await, replica.count("in vain").await), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_nobody_answers_is_given_up() {
    let site = Site::make("reads").await;
    site.proxy.drop_packets();
    let begun = Instant::now();
    let refused = gateward::store::revocation::current(&site.behind.store.reader).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(7), "{:?}", begun.elapsed());
    assert!(refused.to_string().contains("no answer"), "{refused}");
    site.proxy.pass();
    site.proxy.reset();
    gateward::store::revocation::current(&site.behind.store.reader).await.unwrap();
}
