//! Several `gateward serve` on one database are one door.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::client::Client;
use crate::cluster::Cluster;
use crate::cluster::folder::eventually;
use crate::installation::{Download, ENDLESS, Installation, LARGE, Replica, SMALL};
use crate::log::Log;
use crate::tcp_proxy::TcpProxy;

/// Some replicas on a database of their own.
struct Site {
    installation: Installation,
    database: String,
    url: String,
    replicas: Vec<Replica>,
}

impl Site {
    fn with(replicas: usize) -> Self {
        let cluster = Cluster::shared();
        let database = cluster.database("replicas");
        let url = cluster.socket_url(&database);
        let installation = Installation::on(&url);
        let replicas = (0..replicas).map(|_| installation.serve(&url)).collect();
        Self { installation, database, url, replicas }
    }

    fn log(&self) -> Log<'_> {
        Log { server: Cluster::shared(), database: &self.database }
    }

    fn login(&self) -> (String, String) {
        self.replicas[0].login(&self.installation)
    }
}

#[test]
fn a_login_made_on_one_replica_is_good_on_the_others_at_once() {
    let site = Site::with(3);
    let clients: Vec<Client> = site.replicas.iter().map(Replica::client).collect();
    for round in 0..15 {
        let made_on = &site.replicas[round % 3];
        let token = site.installation.token();
        let login = made_on.client().exchange(token.as_bytes()).unwrap().login();
        for client in &clients {
            let fetched = client.get(SMALL, &login).unwrap();
            assert_eq!(fetched.status, 200, "round {round}: {}", fetched.text());
            assert_eq!(client.exchange(token.as_bytes()).unwrap().login(), login, "one token, one login");
        }
    }
    site.log().check();
}

#[test]
fn a_nonce_of_one_replica_is_good_on_another_and_each_takes_an_answer_once() {
    let site = Site::with(2);
    let login = site.login();
    let [mut one, mut other] = [0, 1].map(|at: usize| site.replicas[at].client().connect().unwrap());
    let authorization = one.authorization(SMALL, &login).unwrap();
    // What SECURITY.md says: the memory of what came before is each replica's own.
    for (connection, first) in [(&mut other, 200), (&mut one, 200)] {
        for expected in [first, 401] {
            connection.send("GET", SMALL, &[&authorization], b"").unwrap();
            let answer = connection.answer().unwrap();
            assert_eq!(answer.status, expected, "{}", answer.text());
            let challenge = answer.head.field("www-authenticate").unwrap_or_default();
            assert_eq!(challenge.contains("stale=true"), expected == 401, "{challenge}");
        }
    }
    let released = site.log().events().iter().filter(|event| event.kind() == "released").count();
    assert_eq!(released, 2, "each is recorded");
}

#[test]
fn events_of_all_replicas_and_of_commands_form_one_order() {
    let site = Site::with(3);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for replica in site.replicas.iter().chain(&site.replicas) {
            scope.spawn(|| {
                let client = replica.client();
                while !over.load(Ordering::Relaxed) {
                    let login = replica.login(&site.installation);
                    for path in [SMALL, LARGE] {
                        let fetched = client.get(path, &login).unwrap();
                        assert_eq!(fetched.status, 200, "{}", fetched.text());
                    }
                }
            });
        }
        for _ in 0..5 {
            let login = site.login().0;
            site.installation.run_json(&["login", "revoke", &login]);
        }
        over.store(true, Ordering::Relaxed);
    });
    eventually("all has ended", Duration::from_secs(5), || (site.log().open() == 0).then_some(()));
    let log = site.log();
    log.check();
    log.check_transactions();
    let events = log.events();
    let writers: std::collections::BTreeSet<_> = events.iter().map(|event| &event.instance).collect();
    assert!(writers.len() == 8 && events.len() > 100, "{} writers, {} events", writers.len(), events.len());
}

/// How soon a revocation holds everywhere.
const AT_ONCE: Duration = Duration::from_secs(1);

#[test]
fn a_login_that_a_command_revokes_is_refused_and_cut_on_every_replica_within_a_second() {
    let site = Site::with(3);
    let login = site.login();
    let downloads: Vec<_> =
        site.replicas.iter().map(|one| Download::begin(&one.client(), ENDLESS, &login)).collect();
    let since = site.log().length();
    site.installation.run_json(&["login", "revoke", &login.0]);
    for replica in &site.replicas {
        let refused = replica.client().get(SMALL, &login).unwrap();
        assert_eq!(refused.status, 401, "{}", refused.text());
    }
    for download in downloads {
        assert!(!download.ended(Duration::from_secs(5)));
    }
    let revoked = site.log().wait_for(1, "login_revoked", since, Duration::ZERO).remove(0);
    let ended = site.log().wait_for(3, "ended", since, Duration::from_secs(5));
    for event in ended {
        assert_eq!(event.text("delivery"), "revoked");
        let after = event.recorded_at.duration_since(revoked.recorded_at);
        assert!(after.as_millis() <= AT_ONCE.as_millis().try_into().unwrap(), "cut {after:#} after");
    }
    site.log().check_transactions();
}

#[test]
fn a_replica_that_hears_nothing_from_the_database_sends_nothing_a_second_later() {
    let mut site = Site::with(1);
    let cluster = Cluster::shared();
    let proxy = TcpProxy::before(cluster.address());
    let deaf = site.installation.serve(&cluster.url_through(proxy.address(), &site.database));
    let login = site.login();
    let download = Download::begin(&deaf.client(), ENDLESS, &login);
    let since = site.log().length();
    std::thread::sleep(Duration::from_millis(500));
    proxy.drop_packets();
    site.installation.run_json(&["login", "revoke", &login.0]);
    let revoked = Instant::now();
    std::thread::sleep(Duration::from_secs(3));
    let went_on = download.newest().saturating_duration_since(revoked);
    assert!(went_on <= AT_ONCE, "pieces left {went_on:?} after the revocation");
    proxy.pass();
    proxy.reset();
    assert!(!download.ended(Duration::from_secs(10)));
    let ended = site.log().wait_for(1, "ended", since, Duration::from_secs(10)).remove(0);
    assert_eq!(ended.text("delivery"), "revoked");
    deaf.wait_until_ready();
    site.replicas.push(deaf);
    site.log().check_transactions();
}

#[test]
fn an_answer_goes_on_when_the_database_is_heard_again() {
    let site = Site::with(0);
    let cluster = Cluster::shared();
    let proxy = TcpProxy::before(cluster.address());
    let deaf = site.installation.serve(&cluster.url_through(proxy.address(), &site.database));
    let login = deaf.login(&site.installation);
    let download = Download::begin(&deaf.client(), ENDLESS, &login);
    proxy.drop_packets();
    std::thread::sleep(Duration::from_secs(8));
    proxy.pass();
    let heard = Instant::now();
    eventually("it goes on", Duration::from_secs(10), || (download.newest() > heard).then_some(()));
    std::thread::sleep(Duration::from_secs(1));
    assert!(download.newest().elapsed() < AT_ONCE, "it stopped again");
}

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
    let ended = site.log().wait_for(3, "ended", since, CLOSED_WITHIN);
    assert!(ended.len() == 3 && ended.iter().all(|event| event.text("delivery") == "unknown"), "{ended:?}");
    assert_eq!(site.log().open(), 1, "what another carries stays open");
    let instances = Cluster::shared().psql(&site.database, "SELECT count(*) FROM instance");
    assert_eq!(instances, [["2"]]);
}

#[test]
fn a_replica_with_another_policy_is_not_ready_until_it_has_the_same() {
    let mut site = Site::with(2);
    let login = site.login();
    site.replicas[1].stop();
    site.replicas[1].reconfigure(
        "group = \"/epos/demo\"\nservice = \"files\"",
        "group = \"/epos/other\"\nservice = \"files\"",
    );
    site.replicas[1].start();
    site.replicas[1].wait_until_ready();
    // The one that started last has the word.
    let why = site.replicas[0].wait_until_not_ready();
    assert!(why.contains("other issuers, grants or services") && why.contains("restart"), "{why}");
    let token = site.installation.token();
    let old = site.replicas[0].client();
    for answer in [old.exchange(token.as_bytes()), old.get(SMALL, &login)] {
        let answer = answer.unwrap();
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(answer.head.field("retry-after").is_some());
    }
    let new = site.replicas[1].client();
    assert_eq!(new.get(SMALL, &login).unwrap().status, 403, "the newer file grants it no more");

    site.replicas[0].stop();
    site.replicas[0].reconfigure(
        "group = \"/epos/demo\"\nservice = \"files\"",
        "group = \"/epos/other\"\nservice = \"files\"",
    );
    site.replicas[0].start();
    site.replicas[0].wait_until_ready();
    site.replicas[1].wait_until_ready();
    assert_eq!(site.replicas[0].client().get(SMALL, &login).unwrap().status, 403);
    site.log().check();
}

/// Asks one replica after the other until one is ready, as a balancer does that asks `/readyz` or
/// tries the next where nobody listens.
fn ask_some(clients: &[Client], first: usize, ask: impl Fn(&Client) -> std::io::Result<u16>) -> u16 {
    let mut said = Vec::new();
    for at in 0..2 * clients.len() {
        match ask(&clients[(first + at) % clients.len()]) {
            Ok(status) if status != 503 => return status,
            answer => said.push(answer),
        }
    }
    panic!("nobody answered: {said:?}");
}

#[test]
fn replicas_are_restarted_one_by_one_under_load_and_no_request_is_lost() {
    let mut site = Site::with(3);
    let clients: Vec<Client> = site.replicas.iter().map(Replica::client).collect();
    let over = AtomicBool::new(false);
    let installation = &site.installation;
    let requests: u32 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|first| {
                let (clients, over) = (&clients, &over);
                scope.spawn(move || {
                    let mut requests = 0;
                    while !over.load(Ordering::Relaxed) {
                        let token = installation.token();
                        let exchanged =
                            ask_some(clients, first, |client| Ok(client.exchange(token.as_bytes())?.status));
                        assert_eq!(exchanged, 200);
                        let answer = clients.iter().find_map(|one| {
                            one.exchange(token.as_bytes()).ok().filter(|answer| answer.status == 200)
                        });
                        let login = answer.expect("somebody answers").login();
                        for path in [SMALL, LARGE] {
                            let fetched =
                                ask_some(clients, first, |client| Ok(client.get(path, &login)?.status));
                            assert_eq!(fetched, 200);
                        }
                        requests += 3;
                    }
                    requests
                })
            })
            .collect();
        for replica in &mut site.replicas {
            replica.stop();
            replica.start();
            replica.wait_until_ready();
        }
        over.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert!(requests > 50, "{requests} requests are no load");
    eventually("all has ended", Duration::from_secs(5), || (site.log().open() == 0).then_some(()));
    site.log().check();
    site.log().check_transactions();
}

fn libfaketime() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().filter_map(Result::ok);
    folders
        .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.exists())
        .unwrap_or_else(|| panic!("no libfaketimeMT.so.1 under /usr/lib; install Debian's package faketime"))
}

/// Sets a replica's clock off by this; whole or not at all.
fn set_off(file: &Path, by: &str) {
    let partial = file.with_extension("partial");
    std::fs::write(&partial, by).unwrap();
    std::fs::rename(&partial, file).unwrap();
}

/// Starts a replica whose wall clock, and nothing else, is off by what `offset` says.
fn start_with_clock(replica: &mut Replica, offset: &Path) {
    let yes = Path::new("1");
    replica.start_with(&[
        ("LD_PRELOAD", &libfaketime()),
        ("FAKETIME_TIMESTAMP_FILE", offset),
        ("FAKETIME_NO_CACHE", yes),
        ("NO_FAKE_STAT", yes),
        ("FAKETIME_DONT_FAKE_MONOTONIC", yes),
        ("DONT_FAKE_MONOTONIC", yes),
    ]);
}

#[test]
fn a_replica_whose_clock_is_an_hour_off_is_not_ready_until_it_is_set_right() {
    let mut site = Site::with(1);
    let offset = site.installation.path("offset");
    let mut off = site.installation.replica(&site.url);
    // Off from the start, and stepping while it runs.
    for begins_with in ["-3600", "+0"] {
        set_off(&offset, begins_with);
        start_with_clock(&mut off, &offset);
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
    let (before, begun) = (transactions(), Instant::now());
    std::thread::sleep(Duration::from_secs(6));
    let each = (transactions() - before) / begun.elapsed().as_secs_f64() / 2.0;
    eprintln!("an idle replica: {each:.1} transactions a second");
    assert!((4.0..9.0).contains(&each), "{each}");
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
                // It may stop in the middle of anything, also with the head of the log.
                assert_eq!(client.get(LARGE, &login).unwrap().status, 200);
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
    eventually("all has ended", Duration::from_secs(5), || (site.log().open() == 0).then_some(()));
    site.log().check();
    site.log().check_transactions();
}
