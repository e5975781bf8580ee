//! A folder that servers live in, and nothing of either after the test.
//!
//! A server is found by where it works: every process of a folder has its working directory in it.
//! So those that a server starts itself are known too, which have process groups of their own, and
//! no other process of the machine is ever taken for one of ours.
//!
//! A test may be killed, and what is shared by a whole test program is never dropped. Therefore a
//! guard watches the program through a pipe: when the program is gone, however it ended, the guard
//! kills who lives in the folder and removes it. (Linux's `PR_SET_PDEATHSIG` would not do: it
//! follows the thread that started a process, and every test has its own.)

use std::collections::BTreeSet;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, User};
use tempfile::TempDir;

use super::patience::eventually;

/// A temporary folder of the servers' user; its servers end and it goes when it is dropped.
#[derive(Debug)]
pub struct Folder {
    dir: TempDir,
    owner: User,
    guard: Child,
}

/// Ends with the pipe of standard input, and everything in the folder `$1` with it.
const GUARD: &str = r#"
cat >/dev/null
# Processes come and go while find looks, so its status says nothing.
while homes=$(find /proc/[0-9]*/cwd -maxdepth 0 -lname "$1*" 2>/dev/null); [ "$homes" ]; do
    for home in $homes; do
        process=${home#/proc/}
        kill -9 "${process%/cwd}"
    done
    sleep 0.02
done
while read -r _ place _; do
    case $place in "$1"/*) umount --lazy "$place" ;; esac
done </proc/mounts
rm -rf "$1"
"#;

impl Folder {
    /// Makes a folder for servers that run as us, or as `postgres` or `nobody` when we are root,
    /// whom PostgreSQL refuses.
    pub fn make(name: &str) -> Self {
        let dir = TempDir::with_prefix(format!("gateward-{name}-")).unwrap();
        let owner = unprivileged();
        chown(dir.path(), Some(owner.uid.as_raw()), Some(owner.gid.as_raw())).unwrap();
        let guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(dir.path())
            .current_dir("/")
            // Not reached by an interrupt from the keyboard, which ends the test.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { dir, owner, guard }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn owner(&self) -> &User {
        &self.owner
    }

    /// Writes a file that only the servers' user reads; returns its path.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, content).unwrap();
        self.give(&path);
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        path
    }

    /// Makes a folder in it, of the servers' user; returns its path.
    pub fn make_inside(&self, name: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir(&path).unwrap();
        self.give(&path);
        path
    }

    /// Gives a file to the servers' user.
    pub fn give(&self, path: &Path) {
        chown(path, Some(self.owner.uid.as_raw()), Some(self.owner.gid.as_raw())).unwrap();
    }

    /// A command that runs in it, as the servers' user, with nothing of our environment.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .current_dir(self.path())
            .process_group(0)
            .stdin(Stdio::null());
        if Uid::effective().is_root() {
            command.uid(self.owner.uid.as_raw()).gid(self.owner.gid.as_raw());
        }
        command
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        kill_inhabitants(self.path(), None);
        for place in mounted_below(self.path()) {
            let _ = umount2(&place, MntFlags::MNT_DETACH);
        }
        // The guard reads the end of its standard input, and removes the folder.
        drop(self.guard.stdin.take());
        drop(self.guard.wait());
    }
}

fn unprivileged() -> User {
    let us = User::from_uid(Uid::effective()).unwrap().expect("the user who tests has a name");
    if !us.uid.is_root() {
        return us;
    }
    let named = |name| User::from_name(name).unwrap();
    named("postgres").or_else(|| named("nobody")).expect("Debian has a user nobody")
}

/// The processes that work in `folder` or below.
pub fn inhabitants(folder: &Path) -> BTreeSet<Pid> {
    let lives_there = |pid: &Pid| {
        // A process that just ended has none.
        std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|home| home.starts_with(folder))
    };
    let processes = std::fs::read_dir("/proc").unwrap();
    let numbers = processes.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    numbers.map(Pid::from_raw).filter(lives_there).collect()
}

/// Where file systems are mounted in `folder`. A detached one would hide who lives there.
fn mounted_below(folder: &Path) -> Vec<PathBuf> {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(1)).map(PathBuf::from);
    places.filter(|place| place.starts_with(folder)).collect()
}

/// Kills all who work in `folder`, `first` before the others: as if power were lost, save that
/// what was written and not yet synced is not.
pub fn kill_inhabitants(folder: &Path, first: Option<Pid>) {
    signal(first, Signal::SIGKILL);
    eventually("the killed are gone", Duration::from_secs(30), || {
        let living = inhabitants(folder).into_iter().filter(|pid| !is_dead(*pid)).collect::<Vec<_>>();
        for pid in &living {
            signal(Some(*pid), Signal::SIGKILL);
        }
        living.is_empty()
    });
}

/// Whether it ended and only its parent has not yet taken notice.
fn is_dead(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // proc(5): the state stands behind the name, which is in parentheses.
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}

/// Signals a process, if it is still there.
pub fn signal(to: Option<Pid>, signal: Signal) {
    if let Some(pid) = to {
        let _ = kill(pid, signal);
    }
}
