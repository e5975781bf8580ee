//! Several `gateward serve` on one database are one door.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::client::Client;
use crate::cluster::Cluster;
use crate::cluster::patience::eventually;
use crate::installation::{Installation, LARGE, Login, Replica};
use crate::log::{Database, Log as _};
use crate::program::SMALL;

/// Some replicas on a database of their own.
pub struct Site {
    pub installation: Installation,
    pub database: String,
    pub url: String,
    pub replicas: Vec<Replica>,
}

impl Site {
    /// So many replicas, all ready.
    pub fn with(replicas: usize) -> Self {
        let cluster = Cluster::shared();
        let database = cluster.database("replicas");
        let url = cluster.socket_url(&database);
        let installation = Installation::on(&url);
        let replicas = (0..replicas).map(|_| installation.serve(&url)).collect();
        Self { installation, database, url, replicas }
    }

    pub fn log(&self) -> Database<'_> {
        Database { server: Cluster::shared(), name: &self.database }
    }

    /// A login from a fresh token.
    pub fn login(&self) -> Login {
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
    eventually("all has ended", Duration::from_secs(5), || site.log().open() == 0);
    let log = site.log();
    log.check();
    log.check_transactions();
    let events = log.events();
    let writers: BTreeSet<_> = events.iter().map(|event| &event.instance).collect();
    assert!(writers.len() == 8 && events.len() > 100, "{} writers, {} events", writers.len(), events.len());
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
    eventually("all has ended", Duration::from_secs(5), || site.log().open() == 0);
    site.log().check();
    site.log().check_transactions();
}
