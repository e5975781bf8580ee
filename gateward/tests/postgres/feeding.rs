//! Several servers on one database send events to one place: one of them at a time.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::cluster::patience::eventually;
use crate::installation::{Installation, Replica};
use crate::replicas::Site;
use crate::stand_in::StandIn;

/// How long it may take until another server takes over: a lease, and a look.
const TAKEN_OVER: Duration = Duration::from_secs(180);

/// The ids of the events that a place was sent, in order; one batch at a time.
#[derive(Default)]
struct Sent {
    ids: Mutex<Vec<String>>,
    at_once: AtomicUsize,
}

fn place(sent: &Arc<Sent>) -> StandIn {
    let sent = Arc::clone(sent);
    StandIn::answering(move |asked, stream| {
        assert_eq!(sent.at_once.fetch_add(1, Ordering::SeqCst), 0, "two send at once");
        let bundle: Value = serde_json::from_str(&asked.body).unwrap();
        let entries = bundle["entry"].as_array().unwrap();
        let ids = entries.iter().map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned());
        sent.ids.lock().unwrap().extend(ids);
        std::thread::sleep(Duration::from_millis(50));
        let each = vec![json!({ "response": { "status": "201" } }); entries.len()];
        let said = json!({ "resourceType": "Bundle", "type": "batch-response", "entry": each }).to_string();
        sent.at_once.fetch_sub(1, Ordering::SeqCst);
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{said}", said.len())
    })
}

#[test]
fn one_replica_sends_at_a_time_and_another_takes_over_from_one_that_died() {
    let sent = Arc::<Sent>::default();
    let place = place(&sent);
    let cluster = Cluster::shared();
    let database = cluster.database("feeding");
    let url = cluster.socket_url(&database);
    let installation = Installation::on(&url);
    let replicas: Vec<Replica> = (0..2)
        .map(|_| {
            let mut replica = installation.replica(&url);
            let line = "store = ";
            replica.reconfigure(line, &format!("audit = {{ feed = [\"fhir+{}\"] }}\n{line}", place.url()));
            replica.start();
            replica.wait_until_ready();
            replica
        })
        .collect();
    let mut site = Site { installation, database, url, replicas };
    let position = || site_position(cluster, &site.database);
    eventually("it begins", Duration::from_secs(30), || position().is_some());
    let first = position().unwrap();
    for _ in 0..40 {
        site.login();
    }
    let end = || cluster.psql(&site.database, "SELECT max(position) + 1 FROM event")[0][0].clone();
    eventually("all are there", Duration::from_secs(60), || position() == Some(end()));
    let holder = &cluster.psql(&site.database, "SELECT holder FROM feed")[0][0];
    let oldest = &cluster.psql(&site.database, "SELECT id FROM instance ORDER BY started_at LIMIT 1")[0][0];
    let sender = usize::from(holder != oldest);
    site.replicas[sender].kill();
    let living = &site.replicas[1 - sender];
    for _ in 0..10 {
        living.login(&site.installation);
    }
    let position = || site_position(cluster, &site.database);
    let end = || cluster.psql(&site.database, "SELECT max(position) + 1 FROM event")[0][0].clone();
    eventually("another takes over", TAKEN_OVER, || position() == Some(end()));
    assert_ne!(&cluster.psql(&site.database, "SELECT holder FROM feed")[0][0], holder);
    let sql = format!("SELECT id FROM event WHERE position >= {first} ORDER BY position");
    let recorded: Vec<String> =
        cluster.psql(&site.database, &sql).into_iter().map(|mut row| row.remove(0)).collect();
    assert_eq!(*sent.ids.lock().unwrap(), recorded, "each once, in order");
}

fn site_position(cluster: &Cluster, database: &str) -> Option<String> {
    cluster.psql(database, "SELECT position FROM feed").into_iter().next().map(|mut row| row.remove(0))
}
