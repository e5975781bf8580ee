//! A primary and a synchronous standby: no commit is acknowledged before both have it on disk.
//!
//! ```ignore
//! let pair = Pair::start();
//! let url = pair.url(&pair.primary().database("failover"));
//! pair.kill_primary();
//! pair.promote();
//! ```
#![allow(dead_code, reason = "shared: no test target uses all of it")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::cluster::patience::eventually;
use super::cluster::{Cluster, PASSWORD_FILE, ROLE, program, run};

/// Two servers with the same data.
#[derive(Debug)]
pub struct Pair {
    servers: [Cluster; 2],
    primary: AtomicUsize,
}

impl Pair {
    /// Starts both and waits until the standby has what the primary has.
    pub fn start() -> Self {
        Self::with_settings(&[])
    }

    /// Starts both with these settings.
    pub fn with_settings(settings: &[(&str, &str)]) -> Self {
        let primary = Cluster::with_settings(settings);
        let standby = Cluster::standby_of(&primary);
        let pair = Self { servers: [primary, standby], primary: 0.into() };
        pair.wait_for_the_standby();
        pair
    }

    /// The server that takes writes, or took them until it was killed.
    pub fn primary(&self) -> &Cluster {
        &self.servers[self.primary.load(Ordering::Relaxed)]
    }

    /// The server that follows, or is to follow.
    pub fn standby(&self) -> &Cluster {
        &self.servers[1 - self.primary.load(Ordering::Relaxed)]
    }

    /// As gateward's configuration takes it: whichever of both takes writes, over loopback, by
    /// password.
    pub fn url(&self, database: &str) -> String {
        let [first, second] = &self.servers;
        let (addresses, password) = ([first.address(), second.address()], first.password_file());
        let ([first, second], password) = (addresses, password.display());
        format!(
            "postgres://{ROLE}@{first},{second}/{database}?target_session_attrs=read-write&{PASSWORD_FILE}={password}"
        )
    }

    /// `kill -9` for every process of the primary.
    pub fn kill_primary(&self) {
        self.primary().kill();
    }

    /// Makes the standby of a dead primary the primary, which waits for no standby; returns when it
    /// takes writes.
    pub fn promote(&self) {
        assert!(self.primary().pid().is_none(), "two servers that take writes are no pair");
        let standby = self.standby();
        run(standby
            .folder()
            .command(program("pg_ctl"))
            .args(["promote", "--wait", "-D"])
            .arg(standby.data()));
        self.primary.fetch_xor(1, Ordering::Relaxed);
    }

    /// Makes a dead server the standby of the other, from a copy of all its data.
    pub fn renew_standby(&self) {
        self.standby().follow(self.primary());
        self.wait_for_the_standby();
    }

    /// Has every commit from now on wait for the standby, once the standby has everything.
    fn wait_for_the_standby(&self) {
        let primary = self.primary();
        // Not in the copy that the standby began with: once promoted, it waits for nobody.
        primary.psql("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'");
        primary.psql("postgres", "SELECT pg_reload_conf()");
        eventually("the standby is synchronous", Duration::from_secs(30), || {
            let state = primary.psql("postgres", "SELECT sync_state FROM pg_stat_replication");
            state == [["sync"]]
        });
    }
}
