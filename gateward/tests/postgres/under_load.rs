//! The primary is killed, a replica is killed, under load: nothing acknowledged is lost or doubled, and
//! it works again as soon as there is somebody to write to.

use std::time::{Duration, Instant};

use crate::cluster::Cluster;
use crate::installation::Installation;
use crate::load::{Load, Told};
use crate::log::Database;
use crate::pair::Pair;
use crate::patroni::Patroni;

/// No answer takes longer, whatever the database does.
const AN_ANSWER: Duration = Duration::from_secs(12);

/// How soon requests are answered once a server takes writes.
const BACK_WITHIN: Duration = Duration::from_secs(2);

/// More than `least` were answered, somebody met the failure, and nobody waited long.
#[track_caller]
fn assert_answered(told: &Told, least: usize) {
    let (good, shut) = told.counts();
    eprintln!("{good} answers, {shut} times 503, the longest took {:?}", told.longest());
    assert!(good > least && shut > 10 && told.longest() < AN_ANSWER, "{good}, {shut}, {:?}", told.longest());
}

#[test]
fn a_primary_that_dies_under_load_takes_nothing_acknowledged_along() {
    let pair = Pair::start();
    let database = pair.primary().database("under_load");
    let url = pair.url(&database);
    let installation = Installation::on(&url);
    let replicas = [installation.serve(&url), installation.serve(&url)];
    let [one, other] = &replicas;
    let told = Load::on(&installation).run(&[one, other], |load| {
        for round in 0..2 {
            load.wait_for(60, Duration::from_secs(30));
            pair.kill_primary();
            load.wait_until_shut(12, Duration::from_secs(10));
            pair.promote();
            let promoted = Instant::now();
            load.wait_for(1, BACK_WITHIN);
            let first = promoted.elapsed();
            for replica in &replicas {
                replica.wait_until_ready_within(BACK_WITHIN);
            }
            eprintln!(
                "round {round}: first answer {first:?} after the promotion, all ready {:?}",
                promoted.elapsed()
            );
            assert!(promoted.elapsed() < BACK_WITHIN, "{:?}", promoted.elapsed());
            load.wait_for(60, Duration::from_secs(30));
            if round == 0 {
                pair.renew_standby();
            }
        }
    });
    assert_answered(&told, 240);
    let log = Database { server: pair.primary(), name: &database };
    told.check(&installation, one, log, Duration::from_secs(10));
}

#[test]
fn when_patroni_promotes_gateward_is_back_with_it() {
    let patroni = Patroni::start();
    let database = patroni.primary().database("under_load");
    let url = patroni.url(&database);
    let installation = Installation::on(&url);
    let replicas = [installation.serve(&url), installation.serve(&url)];
    let [one, other] = &replicas;
    let told = Load::on(&installation).run(&[one, other], |load| {
        load.wait_for(60, Duration::from_secs(30));
        let killed = Instant::now();
        patroni.kill_primary();
        patroni.wait_for_failover();
        let failover = killed.elapsed();
        load.wait_for(1, BACK_WITHIN);
        for replica in &replicas {
            replica.wait_until_ready_within(BACK_WITHIN);
        }
        let back = killed.elapsed();
        eprintln!("failover {failover:?}, all ready {:?} later", back.saturating_sub(failover));
        assert!(back < failover + BACK_WITHIN, "{back:?}, the failover took {failover:?}");
        load.wait_for(60, Duration::from_secs(30));
    });
    assert_answered(&told, 120);
    let log = Database { server: patroni.primary(), name: &database };
    told.check(&installation, one, log, Duration::from_secs(10));
}

#[test]
fn replicas_killed_again_and_again_under_load_lose_nothing_acknowledged() {
    let cluster = Cluster::shared();
    let database = cluster.database("killed");
    let url = cluster.socket_url(&database);
    let installation = Installation::on(&url);
    let stays = installation.serve(&url);
    let mut killed = installation.serve(&url);
    let log = Database { server: cluster, name: &database };
    for round in 0..10 {
        let told = Load::that_loses(&installation, &killed).run(&[&stays, &killed], |load| {
            load.wait_for(20, Duration::from_secs(30));
            // At another instant in each round.
            std::thread::sleep(Duration::from_millis(round * 37 % 100));
            killed.signal(nix::sys::signal::Signal::SIGKILL);
        });
        killed.kill();
        killed.start();
        killed.wait_until_ready();
        // What the killed one carried is open until its lease lapses.
        told.check_acknowledged(&installation, &stays, log);
    }
}
