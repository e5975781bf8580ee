//! What a database server, its disk and the way to it do to running replicas: the door is shut with a
//! reason and opens by itself.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};

use crate::cluster::patience::eventually;
use crate::cluster::{Cluster, ROLE};
use crate::disk::{SmallDisk, run_where_we_may_mount};
use crate::download::{Download, ENDLESS};
use crate::installation::{Installation, LARGE, Replica};
use crate::load::Load;
use crate::log::{Database, Log as _};
use crate::program::SMALL;
use crate::tcp_proxy::{Fate, TcpProxy};

/// No answer takes longer, whatever the server does.
const AN_ANSWER: Duration = Duration::from_secs(12);

/// How soon requests are answered once the server is there again.
const BACK_WITHIN: Duration = Duration::from_secs(2);

/// How long things may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sessions of others; they end when dropped.
struct Others(Vec<UnixStream>);

impl Others {
    fn take_all(cluster: &Cluster, database: &str) -> Self {
        Self(std::iter::from_fn(|| a_session(cluster, database)).collect())
    }

    /// Takes each place that is free, until `over` (or nobody is going to say so): nothing lies between two tries.
    fn take_what_is_free(cluster: &Cluster, database: &str, over: &AtomicBool) -> Self {
        let (mut others, begun) = (Self(Vec::new()), Instant::now());
        while !over.load(Relaxed) && begun.elapsed() < 2 * PATIENCE {
            others.0.extend(a_session(cluster, database));
        }
        others
    }
}

/// A session that asks nothing, or nothing where the server has no place for it (PostgreSQL manual, section
/// 55.2.1).
fn a_session(cluster: &Cluster, database: &str) -> Option<UnixStream> {
    let socket = format!(".s.PGSQL.{}", cluster.address().port());
    let mut session = UnixStream::connect(cluster.socket_folder().join(socket)).ok()?;
    let protocol = (3_u32 << 16).to_be_bytes();
    let names = format!("user\0{ROLE}\0database\0{database}\0\0");
    let length = u32::try_from(4 + protocol.len() + names.len()).unwrap().to_be_bytes();
    session.write_all(&[&length, &protocol, names.as_bytes()].concat()).ok()?;
    loop {
        let mut head = [0; 5];
        session.read_exact(&mut head).ok()?;
        let length = u64::from(u32::from_be_bytes([head[1], head[2], head[3], head[4]]));
        std::io::copy(&mut (&session).take(length - 4), &mut std::io::sink()).ok()?;
        match head[0] {
            b'Z' => return Some(session),
            b'E' => return None,
            _ => {}
        }
    }
}

/// Puts a replica on a database of `cluster` under load while `trouble` goes on: somebody meets it, nobody
/// waits long, and nothing that was acknowledged is lost.
#[track_caller]
fn under_load(cluster: &Cluster, database: &str, trouble: impl FnOnce(&Load<'_>, &Replica)) {
    let url = cluster.socket_url(database);
    let installation = Installation::on(&url);
    let replica = installation.serve(&url);
    let told = Load::on(&installation).run(&[&replica], |load| {
        load.wait_for(20, PATIENCE);
        trouble(load, &replica);
    });
    assert!(told.counts().1 > 0 && told.longest() < AN_ANSWER, "{:?} {:?}", told.counts(), told.longest());
    told.check(&installation, &replica, Database { server: cluster, name: database }, PATIENCE);
}

/// The server is there again: so is the replica, at once. Returns how long that took.
#[track_caller]
fn is_back(load: &Load<'_>, replica: &Replica) -> Duration {
    let begun = Instant::now();
    load.wait_for(1, BACK_WITHIN);
    replica.wait_until_ready_within(BACK_WITHIN);
    let took = begun.elapsed();
    load.wait_for(20, PATIENCE);
    took
}

#[test]
fn while_others_take_all_connections_the_door_is_shut_or_goes_on_with_those_it_has() {
    let cluster = Cluster::with_settings(&[("max_connections", "20")]);
    let database = cluster.database("crowded");
    under_load(&cluster, &database, |load, replica| {
        let others = Others::take_all(&cluster, &database);
        load.wait_for(20, PATIENCE);
        // What it had, others have now.
        let ours =
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gateward'";
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let more = scope.spawn(|| Others::take_what_is_free(&cluster, &database, &over));
            eventually("it says that there are no connections left", PATIENCE, || {
                drop(cluster.try_psql("postgres", ours));
                replica.readiness().map(|(_, why)| why).filter(|why| why.contains("53300"))
            });
            over.store(true, Relaxed);
            drop((others, more.join().unwrap()));
        });
        is_back(load, replica);
    });
}

#[test]
fn a_server_that_is_restarted_under_load_is_missed_for_a_moment() {
    let cluster = Cluster::start();
    let database = cluster.database("restarted");
    under_load(&cluster, &database, |load, replica| {
        // Smart: who is in may stay, nobody comes in (PostgreSQL manual, section 19.5).
        kill(cluster.pid().unwrap(), Signal::SIGTERM).unwrap();
        load.wait_for(20, PATIENCE);
        for _ in 0..3 {
            // Fast.
            cluster.stop();
            std::thread::sleep(Duration::from_millis(500));
            let why = replica.wait_until_not_ready();
            assert!(why.contains("store") || why.contains("connect"), "{why}");
            cluster.power_on();
            let took = is_back(load, replica);
            assert!(took < BACK_WITHIN, "{took:?}");
        }
    });
}

#[test]
fn a_replica_whose_packets_are_dropped_refuses_in_time_and_holds_nobody_up() {
    let cluster = Cluster::shared();
    let database = cluster.database("dropped");
    let url = cluster.socket_url(&database);
    let installation = Installation::on(&url);
    let near = installation.serve(&url);
    let proxy = TcpProxy::before(cluster.address());
    let far = installation.serve(&cluster.url_through(proxy.address(), &database));
    let log = Database { server: cluster, name: &database };
    let mut others = None;
    let told = Load::on(&installation).run(&[&far], |load| {
        load.wait_for(20, PATIENCE);
        proxy.drop_packets();
        others = Some(Load::on(&installation).run(&[&near], |load| {
            std::thread::sleep(Duration::from_secs(12));
            load.wait_for(1, BACK_WITHIN);
        }));
        let why = far.wait_until_not_ready();
        assert!(
            why.contains("no answer") || why.contains("no server") || why.contains("cannot be read"),
            "{why}"
        );
        proxy.pass();
        let begun = Instant::now();
        load.wait_for(1, 2 * BACK_WITHIN);
        far.wait_until_ready_within(2 * BACK_WITHIN);
        eprintln!("back {:?} after the packets", begun.elapsed());
        load.wait_for(20, PATIENCE);
    });
    let others = others.unwrap();
    eprintln!("dropped: the longest took {:?}, elsewhere {:?}", told.longest(), others.longest());
    assert!(told.counts().1 > 0 && told.longest() < AN_ANSWER, "{:?} {:?}", told.counts(), told.longest());
    assert!(others.counts().1 == 0 && others.longest() < Duration::from_secs(6), "{:?}", others.longest());
    told.check(&installation, &near, log, PATIENCE);
}

#[test]
fn where_the_servers_tables_have_no_room_the_door_is_shut_until_they_have() {
    if !run_where_we_may_mount(
        "server_trouble::where_the_servers_tables_have_no_room_the_door_is_shut_until_they_have",
    ) {
        return;
    }
    let cluster = Cluster::start();
    let disk = SmallDisk::mount(cluster.folder(), 32);
    let database = disk.database(&cluster, "small");
    under_load(&cluster, &database, |load, replica| {
        disk.fill();
        let why = eventually("it says why", PATIENCE, || {
            replica.readiness().map(|(_, why)| why).filter(|why| why.contains("No space left"))
        });
        assert!(why.contains("53100"), "{why}");
        load.wait_until_shut(10, PATIENCE);
        disk.empty();
        is_back(load, replica);
    });
}

#[test]
fn where_the_servers_log_has_no_room_the_door_is_shut_until_somebody_starts_it_again() {
    if !run_where_we_may_mount(
        "server_trouble::where_the_servers_log_has_no_room_the_door_is_shut_until_somebody_starts_it_again",
    ) {
        return;
    }
    let (cluster, disk) = SmallDisk::cluster(128);
    let database = cluster.database("small");
    under_load(&cluster, &database, |load, replica| {
        disk.fill();
        let fill = "SELECT pg_logical_emit_message(false, '', repeat('x', 1000000))";
        eventually("the server ends", PATIENCE, || {
            drop(cluster.try_psql("postgres", fill));
            !cluster.is_running()
        });
        replica.wait_until_not_ready();
        disk.empty();
        cluster.restart();
        is_back(load, replica);
    });
}

#[test]
fn what_was_admitted_by_a_commit_that_nobody_answered_is_ended_as_soon_as_the_store_is_back() {
    let cluster = Cluster::shared();
    let database = cluster.database("doubtful");
    let installation = Installation::on(&cluster.socket_url(&database));
    let proxy = TcpProxy::before(cluster.address());
    let replica = installation.serve(&cluster.url_through(proxy.address(), &database));
    let log = Database { server: cluster, name: &database };
    let login = replica.login(&installation);
    // What runs goes on, and is not ended with it.
    let runs = Download::begin(&replica.client(), ENDLESS, &login);
    // The commit that is cut may be the one that renews the lease.
    let admitted = (0..3).any(|_| {
        replica.wait_until_ready();
        proxy.cut_at_commit(1, Fate::DoneInSilence);
        let answer = std::thread::scope(|scope| {
            let asked = scope.spawn(|| {
                let begun = Instant::now();
                (replica.client().get(LARGE, &login).unwrap(), begun.elapsed())
            });
            proxy.wait_for_cut(PATIENCE);
            proxy.drop_packets();
            asked.join().unwrap()
        });
        let (answer, took) = answer;
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(took < AN_ANSWER, "{took:?}");
        let admitted = log.open() == 2;
        proxy.pass();
        proxy.reset();
        admitted
    });
    assert!(admitted, "no admission was cut off");
    let ended = log.wait_for("ended", 0, 2 * BACK_WITHIN);
    assert_eq!((ended.body["status"].clone(), ended.text("delivery")), (503.into(), "cut"), "{ended:?}");
    assert_eq!(log.open(), 1);
    replica.wait_until_ready();
    assert_eq!(replica.client().get(SMALL, &login).unwrap().status, 200);
    let now = Instant::now();
    eventually("what runs goes on", Duration::from_secs(5), || runs.newest() > now);
    log.check();
}
