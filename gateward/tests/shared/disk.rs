//! A small disk for a server's data, to be filled: a file system in memory of our own.
//!
//! A server is hit in one of two ways. Where only its tables are on the disk
//! ([`SmallDisk::database`]), it refuses what needs room (SQLSTATE 53100) and goes on as soon as
//! there is room. Where its write-ahead log is there too ([`SmallDisk::cluster`]), it ends itself
//! once the log needs room, cannot recover while there is none, and is to be started by hand.
#![allow(dead_code, reason = "shared: no test target uses all of it")]

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::unistd::Uid;

use super::cluster::folder::Folder;
use super::cluster::{Cluster, ROLE, run};

/// A small file system in memory, of the servers' user; it goes with the folder that it is in.
#[derive(Debug)]
pub struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Mounts one in `folder`. Needs [`run_where_we_may_mount`].
    pub fn mount(folder: &Folder, megabytes: u32) -> Self {
        let path = folder.make_inside("disk");
        let owner = folder.owner();
        let size = format!("size={megabytes}m,mode=700,uid={},gid={}", owner.uid, owner.gid);
        let mounted =
            mount(Some("gateward-tests"), &path, Some("tmpfs"), MsFlags::empty(), Some(size.as_str()));
        assert_eq!(mounted, Ok(()), "mounting a small disk needs root, or user namespaces that may mount");
        Self { path }
    }

    /// Starts a server with all that it has on a small disk of its own.
    pub fn cluster(megabytes: u32) -> (Cluster, Self) {
        let folder = Folder::make("postgres");
        let disk = Self::mount(&folder, megabytes);
        let data = folder.make_inside("disk/data");
        (Cluster::on(folder, data, &[("max_wal_size", "32MB"), ("min_wal_size", "32MB")]), disk)
    }

    /// Makes a database of `cluster`'s whose tables are on this disk; returns its name.
    pub fn database(&self, cluster: &Cluster, name: &str) -> String {
        let place = self.path.join("tables");
        std::fs::create_dir(&place).unwrap();
        cluster.folder().give(&place);
        cluster.psql("postgres", &format!("CREATE TABLESPACE small LOCATION '{}'", place.display()));
        cluster.psql("postgres", &format!("CREATE DATABASE {name} OWNER {ROLE} TABLESPACE small"));
        name.to_owned()
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes all the room there is.
    pub fn fill(&self) {
        let mut filler = File::options().append(true).create(true).open(self.filler()).unwrap();
        while filler.write_all(&[0; 4096]).is_ok() {}
    }

    /// Gives the room back.
    pub fn empty(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.path.join("filler")
    }
}

/// Whether we may mount. A user who may not gets a namespace of their own where they may, and this
/// one test runs there once more.
pub fn run_where_we_may_mount(test: &str) -> bool {
    let this = std::env::current_exe().unwrap();
    let inside = std::env::args().any(|argument| argument == MAY_MOUNT);
    if Uid::effective().is_root() || inside {
        return true;
    }
    let mut again = Command::new("unshare");
    again.args(["--user", "--map-current-user", "--keep-caps", "--mount"]).arg(this);
    // PostgreSQL refuses root, so nobody becomes root there. A test's name is a filter: one more
    // that no test has changes nothing, and says where we are.
    run(again.args(["--nocapture", test, MAY_MOUNT]));
    false
}

/// The filter that says so.
const MAY_MOUNT: &str = "in-a-namespace-where-we-may-mount";
