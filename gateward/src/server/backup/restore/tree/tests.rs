use std::os::unix::fs::MetadataExt as _;

use tar::{Archive, Builder, Header};

use super::*;

/// An archive of entries that say whatever they like.
struct Made(Builder<Vec<u8>>);

impl Made {
    fn new() -> Self {
        Self(Builder::new(Vec::new()))
    }

    /// The name as it stands: the builder itself would refuse many.
    fn entry(mut self, kind: EntryType, name: &str, link: &str, content: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_gnu_mut().unwrap().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_mode(if kind == EntryType::Directory { 0o555 } else { 0o640 });
        header.set_uid(u64::from(Uid::effective().as_raw()));
        header.set_gid(u64::from(Gid::effective().as_raw()));
        header.set_mtime(1_000_000_000);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.0.append(&header, content).unwrap();
        self
    }

    fn file(self, name: &str, content: &str) -> Self {
        self.entry(EntryType::Regular, name, "", content.as_bytes())
    }

    fn folder(self, name: &str) -> Self {
        self.entry(EntryType::Directory, name, "", b"")
    }

    fn link(self, kind: EntryType, name: &str, to: &str) -> Self {
        self.entry(kind, name, to, b"")
    }

    /// Unpacks it into `in` of a folder that has more in it than that.
    fn unpacked(self) -> (tempfile::TempDir, Result<(), String>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("outside"), "untouched").unwrap();
        let unpack = || {
            let mut tree = Tree::at(&folder.path().join("in")).unwrap();
            let bytes = self.0.into_inner().unwrap();
            for entry in Archive::new(&bytes[..]).entries().unwrap() {
                let mut entry = entry.unwrap();
                let path = EntryPath::of(&entry.path_bytes()).ok_or("it does not lead down")?;
                tree.take(&mut entry, &path).map_err(|error| error.to_string())?;
            }
            tree.finish().map_err(|error| error.to_string())
        };
        let ended = unpack();
        (folder, ended)
    }
}

/// Whatever it says, nothing outside is touched, nothing beside is made.
fn is_refused(made: Made) -> String {
    let (folder, ended) = made.unpacked();
    let mut there: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    there.sort();
    assert_eq!(there, ["in", "outside"]);
    assert_eq!(std::fs::read_to_string(folder.path().join("outside")).unwrap(), "untouched");
    assert_eq!(std::fs::metadata(folder.path().join("outside")).unwrap().nlink(), 1);
    ended.unwrap_err()
}

#[test]
fn files_folders_and_links_come_out_as_they_went_in() {
    let (folder, ended) = Made::new()
        .folder("files/srv/")
        .file("files/srv/a", "one")
        .link(EntryType::Link, "files/srv/b", "files/srv/a")
        .link(EntryType::Symlink, "files/srv/c", "/nowhere/at all")
        .unpacked();
    ended.unwrap();
    let place = |name: &str| folder.path().join("in/files/srv").join(name);
    let srv = std::fs::metadata(place("")).unwrap();
    assert_eq!((srv.mode() & 0o7777, srv.mtime()), (0o555, 1_000_000_000));
    let file = std::fs::metadata(place("a")).unwrap();
    assert_eq!((file.mode() & 0o7777, file.mtime(), file.nlink()), (0o640, 1_000_000_000, 2));
    assert_eq!(std::fs::read_to_string(place("b")).unwrap(), "one");
    assert_eq!(std::fs::read_link(place("c")).unwrap(), Path::new("/nowhere/at all"));
    assert_eq!(std::fs::symlink_metadata(place("c")).unwrap().mtime(), 1_000_000_000);
    // Not in the archive, so nobody else's.
    assert_eq!(std::fs::metadata(folder.path().join("in/files")).unwrap().mode() & 0o7777, 0o700);
}

#[test]
fn no_name_leads_out() {
    for name in ["../outside", "files/../../outside", "/tmp/outside", "./../outside"] {
        is_refused(Made::new().file(name, "evil"));
    }
}

#[test]
fn nothing_is_written_through_a_link_of_the_archive() {
    is_refused(Made::new().link(EntryType::Symlink, "files", "..").file("files/outside", "evil"));
    is_refused(Made::new().link(EntryType::Symlink, "a", "in/b").folder("b").file("a/x", "evil"));
    let (folder, ended) =
        Made::new().link(EntryType::Symlink, "a", "../outside").file("a", "in its place").unpacked();
    ended.unwrap();
    assert_eq!(std::fs::read_to_string(folder.path().join("outside")).unwrap(), "untouched");
    assert_eq!(std::fs::read_to_string(folder.path().join("in/a")).unwrap(), "in its place");
}

#[test]
fn nothing_is_written_through_a_link_that_lay_there() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("in")).unwrap();
    std::fs::create_dir(folder.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink("../elsewhere", folder.path().join("in/files")).unwrap();
    let bytes = Made::new().file("files/x", "evil").0.into_inner().unwrap();
    let mut tree = Tree::at(&folder.path().join("in")).unwrap();
    let mut archive = Archive::new(&bytes[..]);
    let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
    assert!(matches!(tree.take(&mut entry, &EntryPath::of(b"files/x").unwrap()), Err(Error::Strange { .. })));
    assert_eq!(std::fs::read_dir(folder.path().join("elsewhere")).unwrap().count(), 0);
}

#[test]
fn a_hard_link_names_only_a_file_of_the_archive() {
    for target in ["../outside", "/etc/passwd", "nothing", "s"] {
        let made = Made::new().link(EntryType::Symlink, "s", "../outside");
        let said = is_refused(made.link(EntryType::Link, "h", target).file("h", "evil"));
        assert!(said.contains("link to"), "{said}");
    }
    // Written anew, and not through the second name.
    let (folder, ended) =
        Made::new().file("a", "one").link(EntryType::Link, "b", "a").file("b", "two").unpacked();
    ended.unwrap();
    assert_eq!(std::fs::read_to_string(folder.path().join("in/a")).unwrap(), "one");
}

#[test]
fn devices_and_pipes_are_not_made() {
    for kind in [EntryType::Char, EntryType::Block, EntryType::Fifo] {
        is_refused(Made::new().link(kind, "device", ""));
    }
}

#[test]
fn ten_thousand_nested_folders_are_refused_at_once() {
    let mut builder = Builder::new(Vec::new());
    let mut header = Header::new_gnu();
    header.set_size(0);
    header.set_mode(0o644);
    builder.append_data(&mut header, "d/".repeat(10_000) + "x", &b""[..]).unwrap();
    assert!(is_refused(Made(builder)).contains("lead down"));
}

#[test]
fn a_folder_does_not_give_way_to_a_file() {
    is_refused(Made::new().file("a/b", "one").file("a", "evil"));
}

#[test]
fn a_folder_that_is_to_be_new_is_never_one_that_lay_there() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    std::fs::create_dir(place("there")).unwrap();
    std::os::unix::fs::symlink("there", place("link")).unwrap();
    std::os::unix::fs::symlink("nowhere", place("dangling")).unwrap();
    for name in ["there", "link", "dangling"] {
        assert_eq!(Tree::new(&place(name)).unwrap_err().kind(), ErrorKind::AlreadyExists, "{name}");
    }
    Tree::new(&place("new")).unwrap().finish().unwrap();
}
