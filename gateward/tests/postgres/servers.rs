//! What a [`Cluster`] promises.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::cluster::folder::inhabitants;
use crate::cluster::{Cluster, PASSWORD, ROLE, program};

/// What `sql` says to the role gateward, connected by `connection`.
fn ask(connection: &str, sql: &str) -> Result<String, String> {
    let mut psql = Command::new(program("psql"));
    psql.args(["--no-psqlrc", "--no-align", "--tuples-only", "--dbname", connection, "--command", sql]);
    let output = psql.env("PGPASSWORD", PASSWORD).output().unwrap();
    let said =
        String::from_utf8(if output.status.success() { output.stdout } else { output.stderr }).unwrap();
    if output.status.success() { Ok(said.trim_end().to_owned()) } else { Err(said) }
}

/// psql takes the password from elsewhere.
fn for_psql(url: &str) -> String {
    match url.split_once("password_file=") {
        Some((url, _)) => url.trim_end_matches(['?', '&']).to_owned(),
        None => url.to_owned(),
    }
}

#[test]
fn gateward_comes_in_by_peer_by_password_and_over_tls() {
    let cluster = Cluster::shared();
    let database = cluster.database("doors");
    let how = "SELECT current_user || ' ' || current_database() || ' ' ||
               (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid())";
    for (url, tls) in [(cluster.socket_url(&database), false), (cluster.tls_url(&database), true)] {
        assert_eq!(ask(&for_psql(&url), how).unwrap(), format!("{ROLE} {database} {tls}"), "{url}");
    }
    let plain = format!("{}?sslmode=disable", for_psql(&cluster.tcp_url(&database)));
    assert_eq!(ask(&plain, how).unwrap(), format!("{ROLE} {database} false"));
    let stranger = plain.replace("gateward@", "postgres:guessed@");
    assert!(ask(&stranger, how).unwrap_err().contains("password authentication failed"));
}

#[test]
fn a_database_is_fresh_and_gatewards_own() {
    let cluster = Cluster::shared();
    let [first, second] = [cluster.database("fresh"), cluster.database("fresh")];
    ask(&cluster.socket_url(&first), "CREATE TABLE mark (text text)").unwrap();
    assert_eq!(
        cluster.psql(&first, "INSERT INTO mark VALUES ('a'), (NULL) RETURNING text, 1"),
        [["a", "1"], ["", "1"]]
    );
    assert!(cluster.try_psql(&second, "SELECT FROM mark").unwrap_err().contains("does not exist"));
    let durable = "SELECT current_setting('fsync'), current_setting('synchronous_commit')";
    assert_eq!(cluster.psql(&second, durable), [["on", "on"]]);
}

#[test]
fn what_was_committed_is_there_after_kill_9_and_after_a_stop() {
    let cluster = Cluster::start();
    cluster.psql("postgres", "CREATE TABLE mark (number int); INSERT INTO mark VALUES (1)");
    cluster.kill();
    assert!(inhabitants(cluster.data()).is_empty());
    assert!(cluster.try_psql("postgres", "SELECT").is_err());
    cluster.power_on();
    assert!(cluster.logs().contains("automatic recovery in progress"), "{}", cluster.logs());
    cluster.psql("postgres", "INSERT INTO mark VALUES (2)");
    cluster.restart();
    assert_eq!(cluster.psql("postgres", "SELECT count(*) FROM mark"), [["2"]]);
}

#[test]
fn a_paused_server_answers_nobody_until_it_is_resumed() {
    let cluster = Cluster::start();
    cluster.pause();
    std::thread::scope(|scope| {
        let asked = Instant::now();
        let answer = scope.spawn(|| cluster.psql("postgres", "SELECT 1"));
        std::thread::sleep(Duration::from_millis(500));
        cluster.resume();
        assert_eq!(answer.join().unwrap(), [["1"]]);
        assert!(asked.elapsed() >= Duration::from_millis(500));
    });
}

#[test]
fn settings_are_the_servers() {
    let cluster = Cluster::with_settings(&[("fsync", "off")]);
    assert_eq!(cluster.psql("postgres", "SHOW fsync"), [["off"]]);
}
