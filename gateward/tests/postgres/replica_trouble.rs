//! One replica is killed, stands still, or has a wrong clock: the others go on, and finish what it left.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::cluster::Cluster;
use crate::cluster::folder::inhabitants;
use crate::cluster::patience::eventually;
use crate::download::{Download, ENDLESS};
use crate::faketime::{clock_off_by, set_off};
use crate::installation::{Installation, LARGE, Replica};
use crate::log::{Database, Log as _};
use crate::program::SMALL;
use crate::replicas::Site;

/// How long others wait until they close what a replica left open that is gone: its lease, and until
/// they look.
const CLOSED_WITHIN: Duration = Duration::from_secs(80 + 5 + 5);

#[test]
fn what_a_killed_replica_left_open_the_others_close_once_as_unknown() {
    let mut site = Site::with(3);
    let login = site.login();
    let killed = site.replicas[0].client();
    let downloads: Vec<_> = (0..3).map(|_| Download::begin(&killed, ENDLESS, &login)).collect();
    let _goes_on = Download::begin(&site.replicas[1].client(), ENDLESS, &login);
    let since = site.log().length();
    site.replicas[0].kill();
    for download in downloads {
        assert!(!download.ended(Duration::from_secs(5)));
    }
    let ended = site.log().wait_for_all(3, "ended", since, CLOSED_WITHIN);
    assert!(ended.len() == 3 && ended.iter().all(|event| event.text("delivery") == "unknown"), "{ended:?}");
    assert_eq!(site.log().open(), 1, "what another carries stays open");
    let instances = Cluster::shared().psql(&site.database, "SELECT count(*) FROM instance");
    assert_eq!(instances, [["2"]]);
}

#[test]
fn replicas_that_come_back_together_do_not_end_what_the_others_carry() {
    let cluster = Cluster::start();
    let database = cluster.database("together");
    let url = cluster.socket_url(&database);
    let installation = Installation::on(&url);
    let replicas = [installation.serve(&url), installation.serve(&url)];
    let login = replicas[0].login(&installation);
    let _run = replicas.each_ref().map(|one| Download::begin(&one.client(), ENDLESS, &login));
    let log = Database { server: &cluster, name: &database };
    // As if the server had been away for longer than the leases last.
    let lapsed = "UPDATE instance SET lease_until = '2026-01-01T00:00:00.000000Z'";
    cluster.psql(&database, &format!("BEGIN; SELECT FROM log_head FOR UPDATE; {lapsed}; COMMIT"));
    cluster.stop();
    std::thread::sleep(Duration::from_secs(6));
    cluster.power_on();
    replicas.iter().for_each(Replica::wait_until_ready);
    std::thread::sleep(Duration::from_secs(13));
    let ended = log.events().into_iter().find(|event| event.kind() == "ended");
    assert!(ended.is_none() && log.open() == 2, "{ended:?}");
}

#[test]
fn a_replica_whose_clock_is_an_hour_off_is_not_ready_until_it_is_set_right() {
    let mut site = Site::with(1);
    let offset = site.installation.path("offset");
    let mut off = site.installation.replica(&site.url);
    // Off from the start, and stepping while it runs.
    for begins_with in ["-3600", "+0"] {
        set_off(&offset, begins_with);
        off.start_with(clock_off_by(&offset));
        if begins_with == "+0" {
            off.wait_until_ready();
            set_off(&offset, "+3600");
        }
        let why = eventually("it says why", Duration::from_secs(10), || {
            off.readiness().map(|(_, why)| why).filter(|why| why.contains("clock"))
        });
        let answer = off.client().exchange(site.installation.token().as_bytes()).unwrap();
        assert_eq!(answer.status, 503, "{why}: {}", answer.text());
        assert_eq!(site.replicas[0].client().get(SMALL, &site.login()).unwrap().status, 200);
        set_off(&offset, "+0");
        off.wait_until_ready_within(Duration::from_secs(5));
        assert_eq!(off.client().get(SMALL, &site.login()).unwrap().status, 200);
        // An hour that went by on this machine alone is in nobody's log.
        off.stop();
    }
    site.replicas.push(off);
    site.log().check();
}

/// How much processor time all processes of a server have had, in seconds.
fn processor_time(cluster: &Cluster) -> f64 {
    let nanoseconds = |pid| {
        // Linux, Documentation/scheduler/sched-stats.rst: the time on a processor comes first.
        let statistics = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
        statistics.split(' ').next().and_then(|first| first.parse::<f64>().ok()).unwrap_or_default()
    };
    inhabitants(cluster.data()).into_iter().map(nanoseconds).sum::<f64>() / 1e9
}

#[test]
fn an_idle_replica_asks_the_database_a_few_times_a_second() {
    let cluster = Cluster::start();
    let database = cluster.database("idle");
    let url = cluster.socket_url(&database);
    let installation = Installation::on(&url);
    let _replicas = [installation.serve(&url), installation.serve(&url)];
    let transactions = || -> f64 {
        // The server sums them up every second or so.
        std::thread::sleep(Duration::from_secs(2));
        let sql = format!("SELECT xact_commit FROM pg_stat_database WHERE datname = '{database}'");
        cluster.psql("postgres", &sql)[0][0].parse().unwrap()
    };
    let (before, busy, begun) = (transactions(), processor_time(&cluster), Instant::now());
    std::thread::sleep(Duration::from_secs(4));
    let (after, busy) = (transactions(), processor_time(&cluster) - busy);
    let each = |all: f64| all / begun.elapsed().as_secs_f64() / 2.0;
    let (asked, busy) = (each(after - before), each(busy * 1000.0));
    eprintln!("an idle replica: {asked:.1} transactions and {busy:.1} ms of the server's processor a second");
    assert!((4.0..9.0).contains(&asked), "{asked}");
}

#[test]
fn a_replica_that_stands_still_for_a_while_is_missed_by_nobody_and_goes_on() {
    let site = Site::with(2);
    let login = site.login();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let client = site.replicas[0].client();
            while !over.load(Ordering::Relaxed) {
                // It may stop in the middle of anything, also with the head of the log, and find afterwards
                // that it took too long.
                let answer = client.get(LARGE, &login);
                let status =
                    answer.map_or_else(|error| error.to_string(), |answer| answer.status.to_string());
                assert!(status.contains("200") || status.contains("503"), "{status}");
            }
        });
        let (other, mut longest) = (site.replicas[1].client(), Duration::ZERO);
        for round in 0..4 {
            std::thread::sleep(Duration::from_millis(300 + 70 * round));
            site.replicas[0].signal(Signal::SIGSTOP);
            for _ in 0..3 {
                let begun = Instant::now();
                assert_eq!(other.get(LARGE, &login).unwrap().status, 200);
                longest = longest.max(begun.elapsed());
            }
            std::thread::sleep(Duration::from_secs(2));
            site.replicas[0].signal(Signal::SIGCONT);
        }
        over.store(true, Ordering::Relaxed);
        assert!(longest < Duration::from_secs(5), "held up for {longest:?}");
    });
    site.replicas[0].wait_until_ready();
    assert_eq!(site.replicas[0].client().get(LARGE, &login).unwrap().status, 200);
    eventually("all has ended", Duration::from_secs(5), || site.log().open() == 0);
    site.log().check();
    site.log().check_transactions();
}
