//! What a [`Pair`] promises.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use crate::cluster::patience::eventually;
use crate::cluster::{Cluster, PASSWORD, PASSWORD_FILE, program};
use crate::pair::Pair;

/// Writers that count upwards into a table, each number in a commit of its own, and keep what was
/// acknowledged. They connect again whenever they are cut.
pub struct Writers {
    next: AtomicU32,
    acknowledged: AtomicU32,
    over: AtomicBool,
}

impl Writers {
    /// Lets `writers` write into `database` by `url` while `meanwhile` runs; returns what was
    /// acknowledged.
    pub fn write(
        cluster: &Cluster,
        url: &str,
        database: &str,
        meanwhile: impl FnOnce(&Self),
    ) -> BTreeSet<u32> {
        cluster.psql(database, "CREATE TABLE mark (number int PRIMARY KEY); GRANT ALL ON mark TO gateward");
        let writers = Self { next: 0.into(), acknowledged: 0.into(), over: false.into() };
        std::thread::scope(|scope| {
            let threads = [(); 4].map(|()| scope.spawn(|| writers.write_until_over(url)));
            // They end also when it fails.
            let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| meanwhile(&writers)));
            writers.over.store(true, Ordering::Relaxed);
            let acknowledged = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
            failed.map_or_else(|failure| std::panic::resume_unwind(failure), |()| acknowledged)
        })
    }

    /// Waits until that many more writes are acknowledged.
    pub fn wait_for(&self, more: u32, within: Duration) {
        let goal = self.acknowledged.load(Ordering::Relaxed) + more;
        eventually("writes are acknowledged", within, || self.acknowledged.load(Ordering::Relaxed) >= goal);
    }

    fn write_until_over(&self, url: &str) -> Vec<u32> {
        let mut acknowledged = Vec::new();
        while !self.over.load(Ordering::Relaxed) {
            self.write_until_cut(url, &mut acknowledged);
        }
        acknowledged
    }

    fn write_until_cut(&self, url: &str, acknowledged: &mut Vec<u32>) {
        // psql takes the password from elsewhere.
        let url = url.split_once(PASSWORD_FILE).map_or(url, |(url, _)| url).trim_end_matches(['?', '&']);
        let mut psql = Command::new(program("psql"))
            .args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"])
            .args(["--dbname", url])
            .envs([("PGPASSWORD", PASSWORD), ("PGCONNECT_TIMEOUT", "2")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = psql.stdin.take().unwrap();
        let mut answers = BufReader::new(psql.stdout.take().unwrap()).lines();
        while !self.over.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let asked = writeln!(stdin, "INSERT INTO mark VALUES ({number}) RETURNING number;");
            match (asked, answers.next()) {
                (Ok(()), Some(Ok(answer))) if answer == number.to_string() => acknowledged.push(number),
                _ => break,
            }
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        drop(stdin);
        psql.wait().unwrap();
    }
}

/// The numbers that `cluster` has.
pub fn kept(cluster: &Cluster, database: &str) -> BTreeSet<u32> {
    cluster
        .psql(database, "SELECT number FROM mark")
        .concat()
        .iter()
        .map(|number| number.parse().unwrap())
        .collect()
}

#[test]
fn nothing_acknowledged_is_lost_when_the_primary_is_killed() {
    let pair = Pair::start();
    let database = pair.primary().database("failover");
    let acknowledged = Writers::write(pair.primary(), &pair.url(&database), &database, |writers| {
        let patience = Duration::from_secs(30);
        writers.wait_for(200, patience);
        pair.kill_primary();
        pair.promote();
        writers.wait_for(200, patience);
        // And once more, the other way round.
        pair.renew_standby();
        writers.wait_for(200, patience);
        pair.kill_primary();
        pair.promote();
        writers.wait_for(200, patience);
    });
    assert!(acknowledged.is_subset(&kept(pair.primary(), &database)));
}

#[test]
fn nothing_is_acknowledged_that_the_standby_does_not_have() {
    let pair = Pair::start();
    let database = pair.primary().database("acknowledged");
    pair.standby().pause();
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| pair.primary().psql(&database, "CREATE TABLE mark ()"));
        std::thread::sleep(Duration::from_secs(1));
        assert!(!asked.is_finished());
        pair.standby().resume();
        asked.join().unwrap();
    });
    // It is on the standby's disk; reading it there takes a moment more.
    eventually("the standby shows it", Duration::from_secs(10), || {
        let said = pair.standby().try_psql(&database, "INSERT INTO mark DEFAULT VALUES").unwrap_err();
        said.contains("read-only")
    });
}
