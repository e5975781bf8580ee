//! What a database server, its disk and the way to it do to running replicas: the door is shut with a
//! reason and opens by itself.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};

use crate::cluster::patience::eventually;
use crate::cluster::{Cluster, ROLE, program};
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

/// Sessions of others that take every connection there is; they go when dropped.
struct Others(Vec<Child>);

impl Others {
    fn take_all(cluster: &Cluster, database: &str) -> Self {
        let mut others = Self(Vec::new());
        // Three places are kept for superusers, such as the one who counts.
        let is_room = "SELECT count(*) < current_setting('max_connections')::int - 3 FROM pg_stat_activity \
                       WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        // Whoever is about to be refused has a place for a moment, too.
        while cluster.try_psql("postgres", is_room).is_ok_and(|rows| rows == [["t"]]) {
            let mut psql = Command::new(program("psql"));
            psql.args(["--no-psqlrc", "--quiet", "--username", ROLE, "--dbname", database, "--host"])
                .arg(cluster.socket_folder())
                .args(["--port", &cluster.address().port().to_string()]);
            psql.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
            others.0.push(psql.spawn().unwrap());
            std::thread::sleep(Duration::from_millis(20));
        }
        others
    }
}

impl Others {
    /// As many as `count` who try again and again until they have a place, and then keep it: each time that
    /// one is free they are there first.
    fn wait_for_places(cluster: &Cluster, database: &str, count: usize) -> Self {
        let wait = r#"until psql --no-psqlrc --quiet --username "$0" --dbname "$1" --host "$2" --port "$3"; do :; done"#;
        let one = || {
            let mut shell = Command::new("sh");
            shell.args(["-c", &wait.replace("psql", &program("psql").display().to_string())]);
            shell
                .args([ROLE, database])
                .arg(cluster.socket_folder())
                .arg(cluster.address().port().to_string());
            shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        };
        Self((0..count).map(|_| one()).collect())
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        for other in &mut self.0 {
            // Who waits stops waiting; who has a place reads to the end of what is typed, and leaves.
            other.kill().unwrap();
            drop(other.stdin.take());
            other.wait().unwrap();
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
        let waiting = Others::wait_for_places(&cluster, &database, 20);
        eventually("it says that there are no connections left", PATIENCE, || {
            drop(cluster.try_psql("postgres", ours));
            replica.readiness().map(|(_, why)| why).filter(|why| why.contains("53300"))
        });
        drop((others, waiting));
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
