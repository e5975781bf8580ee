//! A PostgreSQL server for one drill: a socket in its own folder, no network, nothing kept.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::inhabitants::end_all;
use super::{Error, Room};
use crate::base::postgres_url::PostgresUrl;
use crate::server::backup::interrupt::Interrupt;
use crate::server::outwards::one_line;

/// A server that runs; it is gone when this is dropped.
#[derive(Debug)]
pub struct Cluster {
    postmaster: Child,
    folder: PathBuf,
}

/// How long it may take to come up.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest path of a socket (unix(7)), without the zero at its end.
const LONGEST_SOCKET: usize = 107;

/// What a drill's server is told: it loses everything when the machine stops, and may.
const SETTINGS: [&str; 12] = [
    "listen_addresses=",
    "port=5432",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=1GB",
    "maintenance_work_mem=128MB",
    "max_locks_per_transaction=1024",
    "lc_messages=C",
    "logging_collector=off",
];

/// The first folder on the way to `place` that `user`, in no group but their own, cannot come into.
fn closed_to(user: &User, place: &Path) -> Option<PathBuf> {
    let is_closed = |folder: &&Path| {
        let Ok(there) = std::fs::metadata(folder) else { return true };
        let asked = match (there.uid() == user.uid.as_raw(), there.gid() == user.gid.as_raw()) {
            (true, _) => 0o100,
            (false, true) => 0o010,
            (false, false) => 0o001,
        };
        there.mode() & asked == 0
    };
    place.ancestors().collect::<Vec<_>>().into_iter().rev().find(is_closed).map(Path::to_owned)
}

impl Cluster {
    /// Makes a server in `room` with the programs in the folder `programs`, and starts it.
    ///
    /// # Errors
    ///
    /// [`Error`]: nothing of it runs any more.
    pub fn start(room: &Room, programs: &Path, interrupt: &Interrupt) -> Result<Self, Error> {
        let folder = room.path();
        let socket = folder.join(".s.PGSQL.5432");
        if socket.as_os_str().len() > LONGEST_SOCKET || folder.to_string_lossy().contains(',') {
            return Err(Error::Path(folder.to_owned()));
        }
        if let Some((user, path)) = room.user().and_then(|user| Some((user, closed_to(user, folder)?))) {
            return Err(Error::Closed { user: user.name.clone(), path });
        }
        let (data, log) = (folder.join("data"), folder.join("log"));
        let said = |source| Error::Folder { path: log.clone(), source };
        let mut initdb = command(&programs.join("initdb"), folder);
        initdb
            // Whoever gets as far as the socket is root, or the user whom the folder belongs to.
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"])
            .args(["--no-sync", "--no-instructions", "--pgdata"])
            .arg(&data)
            .stderr(File::create(&log).map_err(said)?);
        let ended = run(&mut initdb, interrupt).map_err(|why| Error::Server { what: "initdb", why })?;
        if interrupt.is_raised() {
            return Err(Error::Stopped);
        }
        if !ended {
            return Err(Error::Server { what: "initdb", why: last_words(&log) });
        }
        let mut postgres = command(&programs.join("postgres"), folder);
        for setting in SETTINGS {
            postgres.args(["-c", setting]);
        }
        postgres.arg("-k").arg(folder).arg("-D").arg(&data);
        let postmaster = postgres.stderr(File::create(&log).map_err(said)?).spawn();
        let failed = |error: std::io::Error| Error::Server { what: "postgres", why: error.to_string() };
        let postmaster = postmaster.map_err(failed)?;
        let mut cluster = Self { postmaster, folder: folder.to_owned() };
        cluster.wait(&data, &log, interrupt)?;
        Ok(cluster)
    }

    /// Waits until it takes connections.
    fn wait(&mut self, data: &Path, log: &Path, interrupt: &Interrupt) -> Result<(), Error> {
        let begun = Instant::now();
        while !self.is_ready(data) {
            let ended = !matches!(self.postmaster.try_wait(), Ok(None));
            if interrupt.is_raised() {
                return Err(Error::Stopped);
            }
            if ended || begun.elapsed() > PATIENCE {
                return Err(Error::Server { what: "postgres", why: last_words(log) });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// As pg_ctl looks: line 1 of `postmaster.pid` is its process, line 8 its state.
    fn is_ready(&self, data: &Path) -> bool {
        let text = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
        let mut lines = text.lines();
        lines.next() == Some(self.postmaster.id().to_string().as_str())
            && lines.nth(6).is_some_and(|state| state.trim() == "ready")
    }

    /// Its one database, which has nothing of anybody's in it.
    pub fn url(&self) -> PostgresUrl {
        const IN_A_URL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.');
        let folder = self.folder.to_string_lossy();
        let folder = utf8_percent_encode(&folder, IN_A_URL);
        let url = format!("postgres://postgres@/postgres?host={folder}&port=5432");
        url.parse().expect("a folder without commas makes a URL")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // At once: nothing is to be kept.
        let _ = kill(Pid::from_raw(self.postmaster.id().cast_signed()), Signal::SIGQUIT);
        let begun = Instant::now();
        while matches!(self.postmaster.try_wait(), Ok(None)) && begun.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(20));
        }
        end_all(&self.folder);
        // It is waited for even if it has to be killed first.
        let _ = self.postmaster.kill();
        let _ = self.postmaster.wait();
    }
}

/// A program that works in `folder`.
fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .current_dir(folder)
        // An interrupt from the keyboard is ours: we end it, and clear up.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// Runs a program to its end; whether that was a good one.
fn run(command: &mut Command, interrupt: &Interrupt) -> Result<bool, String> {
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let pid = child.id();
    interrupt.add(pid);
    loop {
        let seen = interrupt.look(pid, || {
            let seen = child.try_wait();
            (!matches!(seen, Ok(None)), seen)
        });
        match seen {
            Ok(Some(status)) => return Ok(status.success()),
            Ok(None) => std::thread::sleep(Duration::from_millis(10)),
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn last_words(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let mut last: Vec<&str> = text.lines().rev().filter(|line| !line.trim().is_empty()).take(5).collect();
    last.reverse();
    one_line(&last.join("; "))
}
