//! What a [`TcpProxy`] promises.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::cluster::patience::eventually;
use crate::cluster::{Cluster, PASSWORD, ROLE, program};
use crate::tcp_proxy::{Fate, TcpProxy};

/// A table with one column, and a proxy before its server.
struct Site {
    database: String,
    proxy: TcpProxy,
}

impl Site {
    fn make() -> Self {
        let cluster = Cluster::shared();
        let database = cluster.database("network");
        let owned = format!("CREATE TABLE mark (number int); ALTER TABLE mark OWNER TO {ROLE}");
        cluster.psql(&database, &owned);
        Self { database, proxy: TcpProxy::before(cluster.address()) }
    }

    /// A psql through the proxy that reads its standard input.
    fn client(&self) -> Child {
        let (address, database) = (self.proxy.address(), &self.database);
        Command::new(program("psql"))
            .args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"])
            .arg(format!("--dbname=postgres://{ROLE}@{address}/{database}"))
            .env("PGPASSWORD", PASSWORD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// What a client says to `sql`, and whether it is content.
    fn run(&self, sql: &str) -> (bool, String) {
        let mut client = self.client();
        client.stdin.take().unwrap().write_all(sql.as_bytes()).unwrap();
        let output = client.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    }

    fn marks(&self) -> Vec<String> {
        Cluster::shared().psql(&self.database, "SELECT number FROM mark ORDER BY number").concat()
    }
}

#[test]
fn a_commit_that_is_cut_off_undone_is_undone() {
    let site = Site::make();
    site.proxy.cut_at_commit(2, Fate::Undone);
    let (content, said) =
        site.run("BEGIN; INSERT INTO mark VALUES (1); COMMIT; BEGIN; INSERT INTO mark VALUES (2); commit;");
    assert!(!content && said.contains("closed the connection"), "{said}");
    assert_eq!(site.marks(), ["1"]);
    assert_eq!(site.run("BEGIN; INSERT INTO mark VALUES (3); COMMIT;"), (true, String::new()));
    assert_eq!((site.marks(), site.proxy.commits()), (vec!["1".to_owned(), "3".to_owned()], 3));
}

#[test]
fn a_commit_whose_answer_is_thrown_away_is_done() {
    let site = Site::make();
    site.proxy.cut_at_commit(1, Fate::Done);
    let (content, said) =
        site.run("BEGIN; INSERT INTO mark VALUES (1); COMMIT; INSERT INTO mark VALUES (2);");
    assert!(!content && said.contains("closed the connection"), "{said}");
    assert_eq!(site.marks(), ["1"]);
}

#[test]
fn a_commit_done_in_silence_keeps_the_client_waiting() {
    let site = Site::make();
    site.proxy.cut_at_commit(1, Fate::DoneInSilence);
    let mut client = site.client();
    let mut stdin = client.stdin.take().unwrap();
    stdin.write_all(b"BEGIN; INSERT INTO mark VALUES (1); COMMIT;\n").unwrap();
    drop(stdin);
    site.proxy.wait_for_cut(Duration::from_secs(10));
    eventually("the server did it", Duration::from_secs(10), || site.marks() == ["1"]);
    assert!(client.try_wait().unwrap().is_none());
    site.proxy.reset();
    assert!(!client.wait().unwrap().success());
}

#[test]
fn a_commit_that_was_prepared_is_seen() {
    let site = Site::make();
    site.proxy.cut_at_commit(1, Fate::Undone);
    let script =
        Cluster::shared().folder().write("prepared.sql", "BEGIN; INSERT INTO mark VALUES (1);\nCOMMIT;");
    let (address, database) = (site.proxy.address(), &site.database);
    let mut pgbench = Command::new(program("pgbench"));
    pgbench.args(["--no-vacuum", "--transactions=1", "--protocol=prepared", "--file"]).arg(script);
    let output = pgbench
        .args([format!("postgres://{ROLE}@{address}/{database}")])
        .env("PGPASSWORD", PASSWORD)
        .output()
        .unwrap();
    assert!(!output.status.success());
    site.proxy.wait_for_cut(Duration::ZERO);
    assert_eq!(site.marks(), [""; 0]);
}

#[test]
fn what_is_lost_arrives_when_packets_pass_again() {
    let site = Site::make();
    site.proxy.drop_packets();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| site.run("SELECT 1"));
        std::thread::sleep(Duration::from_millis(500));
        assert!(!answer.is_finished());
        site.proxy.pass();
        assert_eq!(answer.join().unwrap(), (true, "1\n".to_owned()));
    });
    assert!(begun.elapsed() >= Duration::from_millis(500));
}

#[test]
fn a_reset_ends_what_is_connected_and_lets_others_in() {
    let site = Site::make();
    let mut connected = TcpStream::connect(site.proxy.address()).unwrap();
    eventually("it is let in", Duration::from_secs(10), || site.proxy.connections() == 1);
    site.proxy.reset();
    assert_eq!(connected.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(site.run("SELECT 1"), (true, "1\n".to_owned()));
}
