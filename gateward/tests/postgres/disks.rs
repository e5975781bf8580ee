//! What a [`SmallDisk`] promises.

use std::time::Duration;

use crate::cluster::Cluster;
use crate::cluster::patience::eventually;
use crate::disk::{SmallDisk, run_where_we_may_mount};

/// Inserts until the server refuses; returns how many rows went in, and what it said.
fn insert_until_refused(cluster: &Cluster, database: &str) -> (usize, String) {
    let row = "INSERT INTO mark SELECT repeat('x', 1000) FROM generate_series(1, 1000)";
    for number in 0..1_000 {
        if let Err(error) = cluster.try_psql(database, row) {
            return (number * 1_000, error);
        }
    }
    panic!("the disk is not full");
}

#[test]
fn where_tables_have_no_room_the_server_refuses_until_they_have() {
    if !run_where_we_may_mount("disks::where_tables_have_no_room_the_server_refuses_until_they_have") {
        return;
    }
    let cluster = Cluster::start();
    let disk = SmallDisk::mount(cluster.folder(), 32);
    let database = disk.database(&cluster, "small");
    cluster.psql(&database, "CREATE TABLE mark (text text)");
    let before = cluster.pid();
    disk.fill();
    let (rows, error) = insert_until_refused(&cluster, &database);
    assert!(error.contains("No space left on device"), "{error}");
    disk.empty();
    cluster.psql(&database, "INSERT INTO mark VALUES ('room')");
    assert_eq!(cluster.psql(&database, "SELECT count(*) FROM mark"), [[(rows + 1).to_string()]]);
    assert_eq!(cluster.pid(), before);
}

#[test]
fn where_the_log_has_no_room_the_server_ends_and_loses_nothing() {
    if !run_where_we_may_mount("disks::where_the_log_has_no_room_the_server_ends_and_loses_nothing") {
        return;
    }
    let (cluster, disk) = SmallDisk::cluster(128);
    let database = cluster.database("small");
    cluster.psql(&database, "CREATE TABLE mark (text text)");
    disk.fill();
    let (rows, _) = insert_until_refused(&cluster, &database);
    // What needs no room in a table still needs some in the log.
    eventually("the log has no room", Duration::from_secs(60), || {
        cluster.try_psql(&database, "SELECT pg_logical_emit_message(false, '', repeat('x', 1000000))").err()
    });
    eventually("the server ends", Duration::from_secs(60), || !cluster.is_running());
    assert!(cluster.logs().contains("PANIC"), "{}", cluster.logs());
    disk.empty();
    cluster.restart();
    let kept: usize = cluster.psql(&database, "SELECT count(*) FROM mark")[0][0].parse().unwrap();
    // It may have ended before it could say that the last ones went in.
    assert!(kept == rows || kept == rows + 1_000, "{rows} were acknowledged, {kept} are there");
}
