//! Folders in an archive, as Debian's tar takes them out again.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use backup_manifest::Part;
use gateward::flows::backup::source::{Error, Source as _};
use gateward::server::backup::source::{Archive, Folder};
use tempfile::TempDir;

use crate::cluster::{run, spawn};

/// An archive of one folder.
fn archive(folder: &Path, exclude: &[&'static str], apart: &[&Path]) -> Archive {
    let apart = apart.iter().map(|path| path.to_path_buf()).collect();
    let folder = Folder::new(folder, exclude.iter().copied(), apart);
    Archive::new(vec![Box::new(folder)], jiff::Timestamp::UNIX_EPOCH)
}

/// Extracts as Debian's tar does; returns where the folder lies now.
fn extracted(archive: &[u8], folder: &Path) -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let mut tar = Command::new("tar");
    tar.args(["--extract", "--preserve-permissions", "--directory"]).arg(place.path());
    let mut tar = spawn(tar.stdin(Stdio::piped()));
    tar.stdin.take().unwrap().write_all(archive).unwrap();
    assert!(tar.wait().unwrap().success());
    let inner = place.path().join("files").join(folder.strip_prefix("/").unwrap());
    (place, inner)
}

/// Everything beneath a folder, by its name: mode, owner, group, second of the change, content or target.
fn tree(root: &Path) -> BTreeMap<PathBuf, (u32, u32, u32, i64, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut paths = vec![root.to_owned()];
    while let Some(path) = paths.pop() {
        let about = std::fs::symlink_metadata(&path).unwrap();
        let content = if about.is_dir() {
            paths.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            Vec::new()
        } else if about.is_symlink() {
            std::fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec()
        } else {
            std::fs::read(&path).unwrap()
        };
        let beneath = path.strip_prefix(root).unwrap().to_owned();
        found.insert(beneath, (about.mode(), about.uid(), about.gid(), about.mtime(), content));
    }
    found
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A folder with what folders may have.
fn strange(root: &Path) {
    let write = |name: &OsStr, content: &[u8]| {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    };
    for bytes in [0, 1, 511, 512, 513, 1_000_000] {
        write(OsStr::new(&format!("of {bytes} bytes")), &vec![7; bytes]);
    }
    set_mode(&write(OsStr::new("modes/closed"), b"a"), 0o400);
    set_mode(&write(OsStr::new("modes/program"), b"b"), 0o4755);
    set_mode(&root.join("modes"), 0o3770);
    let long = "l".repeat(250);
    write(OsStr::new(&format!("{long}/{long}/{long}")), b"of 752 bytes");
    write(OsStr::new(&"n".repeat(100)), b"as long as the header's field");
    write(OsStr::from_bytes(b"bytes \xff\xfe and\nlines"), b"no text");
    write(OsStr::from_bytes(&[&b"\xff"[..], &[0xe4; 200]].concat()), b"long, and no text");
    write(OsStr::new("ümläut \" ' \\ *"), b"");
    std::fs::create_dir_all(root.join("empty/folder")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    symlink("/etc", root.join("outwards")).unwrap();
    symlink(format!("{long}/{long}"), root.join("far")).unwrap();
    let hole = std::fs::File::create(root.join("hole")).unwrap();
    hole.set_len(3_000_000).unwrap();
    run(Command::new("touch").args(["--date=2001-02-03T04:05:06Z"]).arg(root.join("of 1 bytes")));
    run(Command::new("touch").args(["--date=2002-02-03T04:05:06Z"]).arg(root.join("empty")));
    if nix::unistd::Uid::effective().is_root() {
        std::os::unix::fs::lchown(root.join("dangling"), Some(12_345), Some(3_000_000)).unwrap();
        std::os::unix::fs::chown(root.join("hole"), Some(65_534), Some(65_534)).unwrap();
    }
}

#[test]
fn tar_takes_out_the_tree_that_went_in() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    strange(&root);
    let before = tree(&root);
    let mut out = Vec::new();
    let parts = archive(&root, &[], &[]).pour(&mut out).unwrap();
    let (_place, again) = extracted(&out, &root);
    let after = tree(&again);
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (name, was) in &before {
        assert!(after[name] == *was, "{}: {:?} {:?}", name.display(), &was.0, &after[name].0);
    }
    let regular = before.values().filter(|(mode, ..)| mode & 0o170_000 == 0o100_000);
    let (files, bytes) =
        regular.fold((0, 0), |(files, bytes), file| (files + 1, bytes + file.4.len() as u64));
    let entry = format!("files{}", root.display());
    assert_eq!(parts, [Part::Files { folder: root.display().to_string(), entry, files, bytes }]);
}

#[test]
fn pipes_and_sockets_are_neither_waited_for_nor_kept() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    nix::unistd::mkfifo(&root.join("pipe"), nix::sys::stat::Mode::S_IRUSR).unwrap();
    let _listener = UnixListener::bind(root.join("socket")).unwrap();
    std::fs::write(root.join("file"), "a").unwrap();
    let mut out = Vec::new();
    archive(root, &[], &[]).pour(&mut out).unwrap();
    let (_place, again) = extracted(&out, root);
    assert_eq!(tree(&again).keys().map(|path| path.display().to_string()).collect::<Vec<_>>(), ["", "file"]);
}

#[test]
fn what_is_excluded_and_where_backups_go_stays_out() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    for name in ["resources/ab/c", "resources/ab/c~", "tmp/x", "resources/tmp/x", "backups/old", "b/c/d/e"] {
        std::fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        std::fs::write(root.join(name), name).unwrap();
    }
    // Reached by another name than it is known by.
    let known = folder.path().join("known");
    symlink(root.join("backups"), &known).unwrap();
    let mut out = Vec::new();
    archive(&root, &["*~", "/tmp", "b/*/d"], &[&known]).pour(&mut out).unwrap();
    let (_place, again) = extracted(&out, &root);
    let files: Vec<_> = tree(&again).into_keys().filter(|path| again.join(path).is_file()).collect();
    assert_eq!(files, [Path::new("resources/ab/c"), Path::new("resources/tmp/x")]);
    let refused = archive(&root.join("backups"), &[], &[&known]).pour(&mut Vec::new()).unwrap_err();
    assert!(refused.to_string().contains("backups go there"), "{refused}");
}

/// Keeps what it is given, and does something each time that it has got so many bytes more.
struct Acting<'a> {
    out: Vec<u8>,
    each: usize,
    next: usize,
    act: Box<dyn FnMut() + 'a>,
}

impl<'a> Acting<'a> {
    fn each(each: usize, act: impl FnMut() + 'a) -> Self {
        Self { out: Vec::new(), each, next: each, act: Box::new(act) }
    }

    fn once(after: usize, act: impl FnOnce() + 'a) -> Self {
        let mut act = Some(act);
        Self::each(after, move || act.take().map_or((), |act| act()))
    }
}

impl Write for Acting<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.out.extend_from_slice(bytes);
        if self.out.len() >= self.next {
            self.next += self.each;
            (self.act)();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

const MB: usize = 1_000_000;

/// A folder with a file of 2 MB and one that comes after it.
fn with_large() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large");
    std::fs::write(&large, vec![1; 2 * MB]).unwrap();
    std::fs::write(folder.path().join("next"), "next").unwrap();
    (folder, large)
}

#[test]
fn a_file_that_changes_while_it_is_read_is_there_as_it_is_afterwards() {
    let appended = |large: &Path| {
        std::fs::File::options().append(true).open(large).unwrap().write_all(b"more").unwrap();
    };
    let cut = |large: &Path| std::fs::File::options().write(true).open(large).unwrap().set_len(7).unwrap();
    let overwritten = |large: &Path| {
        use std::os::unix::fs::FileExt as _;
        std::fs::File::options().write(true).open(large).unwrap().write_at(&vec![2; 2 * MB], 0).unwrap();
    };
    let replaced = |large: &Path| {
        let other = large.with_file_name("zzz");
        std::fs::write(&other, vec![3; 2 * MB]).unwrap();
        std::fs::rename(other, large).unwrap();
    };
    for change in [&appended as &dyn Fn(&Path), &cut, &overwritten, &replaced] {
        let (folder, large) = with_large();
        let mut out = Acting::once(MB, || change(&large));
        let parts = archive(folder.path(), &[], &[]).pour(&mut out).unwrap();
        let (_place, again) = extracted(&out.out, folder.path());
        assert!(tree(&again) == tree(folder.path()));
        let bytes = std::fs::metadata(&large).unwrap().len() + 4;
        assert!(
            matches!(parts[..], [Part::Files { files: 2, bytes: told, .. }] if told == bytes),
            "{parts:?}"
        );
    }
}

#[test]
fn a_file_that_never_stops_changing_fails_the_backup_and_is_named() {
    let (folder, large) = with_large();
    let mut appends = std::fs::File::options().append(true).open(&large).unwrap();
    let mut out = Acting::each(MB, || appends.write_all(b"more").unwrap());
    match archive(folder.path(), &[], &[]).pour(&mut out) {
        Err(Error::Changing(path)) => assert_eq!(Path::new(&path), large),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_vanishes_before_it_is_read_is_not_there() {
    let (folder, large) = with_large();
    std::fs::create_dir(folder.path().join("other")).unwrap();
    let mut out = Acting::once(MB, || {
        std::fs::remove_file(folder.path().join("next")).unwrap();
        std::fs::remove_dir(folder.path().join("other")).unwrap();
        std::fs::remove_file(&large).unwrap();
    });
    archive(folder.path(), &[], &[]).pour(&mut out).unwrap();
    let (_place, again) = extracted(&out.out, folder.path());
    assert_eq!(tree(&again).keys().collect::<Vec<_>>(), [Path::new(""), Path::new("large")]);
}

#[test]
fn a_folder_that_becomes_a_link_is_not_followed() {
    let (folder, _) = with_large();
    let inner = folder.path().join("other");
    std::fs::create_dir(&inner).unwrap();
    let mut out = Acting::once(MB, || {
        std::fs::remove_dir(&inner).unwrap();
        symlink("/etc", &inner).unwrap();
    });
    archive(folder.path(), &[], &[]).pour(&mut out).unwrap();
    let (_place, again) = extracted(&out.out, folder.path());
    assert!(again.join("other").is_symlink());
}

#[test]
fn a_folder_that_is_not_there_fails_the_backup_and_is_named() {
    let refused = archive(Path::new("/srv/nowhere"), &[], &[]).pour(&mut Vec::new()).unwrap_err();
    assert_eq!(refused.to_string(), "/srv/nowhere: it cannot be read: No such file or directory");
}
