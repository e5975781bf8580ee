//! A machine made up for a test: a folder that holds files of this machine's own Debian packages.
//!
//! dpkg installs into it, with the dependencies of the packages that are there; maintainer scripts
//! and programs run in it by chroot. There is no systemd running, no /proc, and no network of its own.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tempfile::TempDir;

use super::tools::{Ran, as_root, run};

/// What maintainer scripts may take for granted, and a shell's usual tools.
const ESSENTIAL: [&str; 9] =
    ["base-passwd", "coreutils", "dash", "dpkg", "grep", "init-system-helpers", "login", "perl-base", "sed"];

/// A folder that is a machine; deleted when it is dropped.
pub struct Machine {
    root: Option<TempDir>,
    /// Deleted with the last of its copies.
    _original: Option<Arc<Machine>>,
}

impl Machine {
    /// One with systemd's programs, as most have.
    pub fn new() -> Self {
        static MADE: Mutex<Weak<Machine>> = Mutex::new(Weak::new());
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        let original = made.upgrade().unwrap_or_else(|| Arc::new(Self::of(&["systemd"])));
        *made = Arc::downgrade(&original);
        drop(made);
        Self::copy(original)
    }

    /// One without, such as a container.
    pub fn without_systemd() -> Self {
        Self::of(&["adduser"])
    }

    fn of(more: &[&str]) -> Self {
        let machine = Self::bare(None);
        let packages = with_dependencies(&[&ESSENTIAL[..], more].concat());
        machine.take_files(&packages);
        machine.take_records(&packages);
        machine
    }

    fn bare(original: Option<Arc<Self>>) -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::set_permissions(root.path(), Permissions::from_mode(0o755)).unwrap();
        Self { root: Some(root), _original: original }
    }

    /// Another one like it: below /usr with the same files, where nobody writes into one in place.
    fn copy(original: Arc<Self>) -> Self {
        let from = original.path("");
        let other = Self::bare(Some(original));
        let copy = "cd \"$1\"; for folder in *; do case $folder in
                usr) cp --archive --link usr \"$2\" ;;
                *) cp --archive \"$folder\" \"$2\" ;;
            esac; done";
        run(Command::new("sh").args(["-e", "-c", copy, "copy"]).arg(from).arg(other.path(""))).good();
        other
    }

    pub fn path(&self, inside: &str) -> PathBuf {
        self.root.as_ref().unwrap().path().join(inside.trim_start_matches('/'))
    }

    /// Copies the packages' files, and makes what their own scripts would.
    fn take_files(&self, packages: &BTreeSet<String>) {
        for folder in ["dev", "etc", "proc", "run", "tmp", "usr/bin", "usr/lib", "usr/lib64", "usr/sbin"] {
            std::fs::create_dir_all(self.path(folder)).unwrap();
        }
        std::fs::set_permissions(self.path("tmp"), Permissions::from_mode(0o1777)).unwrap();
        for merged in ["bin", "lib", "lib64", "sbin"] {
            symlink(format!("usr/{merged}"), self.path(merged)).unwrap();
        }
        let listed = run(Command::new("dpkg-query").arg("--listfiles").args(packages)).good().stdout;
        let mut list = String::new();
        for file in listed.lines().filter(|file| is_needed(file)) {
            writeln!(list, "{}", file.trim_start_matches('/')).unwrap();
        }
        let names = self.path("tmp/files");
        std::fs::write(&names, list).unwrap();
        let copy = "tar --create --directory / --no-recursion --files-from \"$1\" | tar --extract --directory \"$2\"";
        run(Command::new("sh").args(["-e", "-c", copy, "copy"]).arg(&names).arg(self.path(""))).good();
        symlink("dash", self.path("usr/bin/sh"))
            .unwrap_or_else(|_| assert!(self.path("usr/bin/sh").exists()));
        for name in ["passwd", "group"] {
            let master = self.path(&format!("usr/share/base-passwd/{name}.master"));
            std::fs::copy(master, self.path(&format!("etc/{name}"))).unwrap();
        }
        // No device: it only swallows.
        std::fs::write(self.path("dev/null"), "").unwrap();
        std::fs::set_permissions(self.path("dev/null"), Permissions::from_mode(0o666)).unwrap();
    }

    /// Lets dpkg know what is there.
    fn take_records(&self, packages: &BTreeSet<String>) {
        for folder in ["info", "updates", "triggers", "alternatives"] {
            std::fs::create_dir_all(self.path(&format!("var/lib/dpkg/{folder}"))).unwrap();
        }
        let mut status = String::new();
        let mut names = Command::new("dpkg-query");
        names.args(["--show", "--showformat", "${binary:Package}\n"]).args(packages);
        for package in run(&mut names).good().stdout.lines() {
            status += &run(Command::new("dpkg-query").arg("--status").arg(package)).good().stdout;
            status += "\n";
            std::fs::write(self.path(&format!("var/lib/dpkg/info/{package}.list")), "").unwrap();
        }
        std::fs::write(self.path("var/lib/dpkg/status"), status).unwrap();
        std::fs::write(self.path("var/lib/dpkg/info/format"), "1\n").unwrap();
    }

    /// Runs dpkg on it.
    #[track_caller]
    pub fn dpkg(&self, what: &str, package: &Path) -> Ran {
        let mut root = std::ffi::OsString::from("--root=");
        root.push(self.path(""));
        run(as_root("dpkg").arg(root).arg(what).arg(package)).good()
    }

    /// A program in it, run as `user`.
    pub fn program(&self, user: &str, program: &str) -> Command {
        let mut chroot = as_root("chroot");
        chroot.arg(format!("--userspec={user}")).arg(self.path("")).arg("/usr/bin/env");
        chroot.args(["--ignore-environment", "PATH=/usr/sbin:/usr/bin", program]);
        chroot
    }

    /// Runs a line of shell as root.
    pub fn shell(&self, line: &str) -> Ran {
        run(self.program("root", "/bin/sh").args(["-e", "-c", line]))
    }

    /// Owner, group and mode of a file.
    #[track_caller]
    pub fn owner(&self, file: &str) -> String {
        self.shell(&format!("stat --format '%U:%G %a' {file}")).good().stdout.trim().to_owned()
    }

    pub fn has(&self, file: &str) -> bool {
        self.shell(&format!("test -e {file} || test -L {file}")).status == 0
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Files of the machine's own users are in it, which we may not be able to delete.
        let root = self.root.take().unwrap().keep();
        let gone = as_root("rm").args(["--recursive", "--one-file-system"]).arg(&root).status();
        assert!(std::thread::panicking() || gone.is_ok_and(|gone| gone.success()), "{}", root.display());
    }
}

/// Whether a packaged file is more than a document, and not a link of the merged /usr.
fn is_needed(file: &str) -> bool {
    let folders =
        ["/usr/share/doc", "/usr/share/man", "/usr/share/locale", "/usr/share/i18n", "/usr/share/info"];
    let merged = ["/.", "/bin", "/lib", "/lib64", "/sbin"];
    // A diverted or pruned file is listed all the same.
    !folders.iter().any(|folder| file.starts_with(folder))
        && !merged.contains(&file)
        && file.starts_with('/')
        && Path::new(file).symlink_metadata().is_ok()
}

/// The packages and everything that they need, as installed here.
fn with_dependencies(packages: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut wanted: Vec<String> = packages.iter().map(ToString::to_string).collect();
    while let Some(package) = wanted.pop() {
        if found.contains(&package) {
            continue;
        }
        let mut query = Command::new("dpkg-query");
        query
            .args(["--show", "--showformat", "${db:Status-Status}\n${Pre-Depends}, ${Depends}"])
            .arg(&package);
        let asked = run(&mut query);
        let Some(needs) = asked.stdout.strip_prefix("installed\n") else {
            // Another alternative is installed, or a virtual package's provider is.
            assert!(!packages.contains(&package.as_str()), "the Debian package {package} is missing");
            continue;
        };
        found.insert(package);
        for alternative in needs.split([',', '|']) {
            let name = alternative.split(['(', ':', '[']).next().unwrap().trim();
            if !name.is_empty() {
                wanted.push(name.to_owned());
            }
        }
    }
    found
}
