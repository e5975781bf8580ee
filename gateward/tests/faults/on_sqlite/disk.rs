//! A disk without room, on a file system of our own.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::unistd::Uid;

use crate::cluster::patience::eventually;
use crate::log::Log as _;
use crate::program::{DEMO_GROUP, SMALL, finish};
use crate::support::{Installation, spawn};

/// A small file system in memory; unmounted when dropped.
pub(super) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one of `size`, as `mount` takes it.
    pub(super) fn mount(at: &Path, size: &str) -> Self {
        std::fs::create_dir(at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "gateward-faults"]).arg(at);
        let status = spawn(&mut mount, "mount").wait().unwrap();
        assert!(status.success(), "mounting a small disk needs root, or user namespaces that may mount");
        Self(at.to_owned())
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    fn fill(&self) {
        self.fill_but_for(0);
    }

    /// Takes all the room there is but for so many bytes.
    pub(super) fn fill_but_for(&self, room: u64) {
        let mut filler = File::options().append(true).create(true).open(self.filler()).unwrap();
        while filler.write_all(&[0; 4096]).is_ok() {}
        let full = filler.metadata().unwrap().len();
        filler.set_len(full.saturating_sub(room)).unwrap();
    }

    pub(super) fn empty(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: whoever has a file open there is ended after us.
        drop(Command::new("umount").arg("--lazy").arg(&self.0).status());
    }
}

/// Whether we may mount. A user who may not becomes root in a namespace of their own, where this
/// one test runs once more.
pub(super) fn run_where_we_may_mount(test: &str) -> bool {
    if Uid::effective().is_root() {
        return true;
    }
    let this = std::env::current_exe().unwrap();
    let mut again = Command::new("unshare");
    again.args(["--user", "--map-root-user", "--mount"]).arg(this).args(["--exact", test, "--nocapture"]);
    let said = finish(&mut again);
    assert_eq!(said.status, Some(0), "run as root, or allow user namespaces: {}{}", said.out, said.err);
    false
}

#[test]
fn a_full_disk_shuts_the_door_and_room_opens_it_without_a_hand() {
    if !run_where_we_may_mount("on_sqlite::disk::a_full_disk_shuts_the_door_and_room_opens_it_without_a_hand")
    {
        return;
    }
    let installation = Installation::make_on_sqlite();
    let disk = SmallDisk::mount(&installation.path("disk"), "3m");
    std::fs::copy(installation.path("gateward.db"), installation.path("disk/gateward.db")).unwrap();
    installation.reconfigure("store = \"gateward.db\"", "store = \"disk/gateward.db\"");
    let log = installation.log();
    let large = installation.protect("large.bin", 300 * 1024);
    let server = installation.serve();
    let client = installation.client();
    let pen = installation.pen();
    let login = installation.login();

    disk.fill();
    // What the write-ahead log has room for from earlier is still good; then nothing is.
    let mut acknowledged = vec![login];
    let refused = loop {
        let answer = client.exchange(pen.sign(DEMO_GROUP).as_bytes()).unwrap();
        if answer.status == 503 {
            break answer;
        }
        acknowledged.push(answer.login());
        assert!(acknowledged.len() < 2_000, "the disk is not full");
    };
    assert!(refused.text().contains("nothing can be recorded"), "{}", refused.text());
    assert!(refused.head.field("retry-after").is_some());
    let reason = installation.wait_until_not_ready();
    assert!(reason.contains("full"), "{reason}");
    for path in [SMALL, &large] {
        let answer = client.get(path, &acknowledged[0]).unwrap();
        assert_eq!(answer.status, 503, "{}", answer.text());
    }
    let full = log.length();

    disk.empty();
    let gap = log.wait_for("gap", full, Duration::from_secs(15));
    assert!(gap.text("reason").contains("full"), "{gap:?}");
    installation.wait_until_ready();
    acknowledged.push(client.exchange(pen.sign(DEMO_GROUP).as_bytes()).unwrap().login());
    for login in &acknowledged {
        assert_eq!(client.get(SMALL, login).unwrap().status, 200);
    }
    assert_eq!(client.get(&large, &acknowledged[0]).unwrap().status, 200);
    server.stop();

    // A start without room waits for it.
    disk.fill();
    let server = installation.start(&mut installation.serving());
    eventually("the server says what it waits for", Duration::from_secs(20), || {
        server.said().contains("not ready")
    });
    installation.wait_until_not_ready();
    disk.empty();
    installation.wait_until_ready();
    assert_eq!(client.get(SMALL, &acknowledged[0]).unwrap().status, 200);
    server.stop();
    log.check();
    log.check_transactions();
}
