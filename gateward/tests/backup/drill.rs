//! `gateward backup drill`: it tells a good backup from another, and leaves nothing but its result.

use std::path::{Path, PathBuf};
use std::time::Duration;

use backup_manifest::{Compression, Drill, Dump, DumpFormat, Manifest, Outcome, Part};
use gateward::base::backup::{FileName, Inside};
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::cluster::Cluster;
use crate::cluster::folder::{inhabitants, signal};
use crate::cluster::patience::eventually;
use crate::workplace::{Given, Tar, Workplace, database, dump_of, dumped, files, heard, in_pieces, said};

fn good(place: &Workplace) -> FileName {
    let cluster = Cluster::shared();
    let source = database(cluster);
    let mut dump = dump_of(cluster, &source, DumpFormat::Custom, true);
    place.make(&mut dump, Inside::CustomDump, Compression::None)
}

/// The results beside the backups.
fn results(place: &Workplace) -> Vec<Drill> {
    let known = [place.signer().parse().unwrap()];
    let files = std::fs::read_dir(place.backups()).unwrap().map(|file| file.unwrap().path());
    let drills = files.filter(|file| file.extension().is_some_and(|end| end == "drill"));
    drills.map(|file| Drill::read(&std::fs::read(file).unwrap(), &known).unwrap()).collect()
}

#[track_caller]
fn is_empty(folder: &Path) {
    let there = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let left: Vec<PathBuf> =
        there.filter(|entry| entry.file_type().unwrap().is_dir()).map(|entry| entry.path()).collect();
    assert_eq!(left, [] as [PathBuf; 0]);
    assert_eq!(inhabitants(folder).len(), 0);
}

#[test]
fn a_good_backup_is_found_good_and_nothing_is_left_but_the_signed_result() {
    let place = Workplace::new();
    let name = good(&place);
    place.drill(&name).is(0).says("\"good\":true").says("\"rows_compared\":5100");
    is_empty(&place.path("state/drill"));
    let results = results(&place);
    assert_eq!(results.len(), 1);
    assert_eq!((&results[0].outcome, results[0].rows_compared), (&Outcome::Good, 5100));
    assert!(place.events().contains("backup_drilled"), "{}", place.events());
}

#[test]
fn rows_that_are_missing_are_differences_of_a_signed_result() {
    let (cluster, place) = (Cluster::shared(), Workplace::new());
    let source = database(cluster);
    let mut dump = dump_of(cluster, &source, DumpFormat::Custom, true);
    let name = place.make_saying(&mut dump, Inside::CustomDump, Compression::None, |mut manifest| {
        if let Part::Database(dump) = &mut manifest.parts[0] {
            dump.rows.insert("public.package".into(), 5001);
        }
        manifest
    });
    place.drill(&name).is(1).says("public.package has 5000 rows, backed up were 5001");
    assert!(matches!(&results(&place)[0].outcome, Outcome::Differs(_)));
    assert!(place.events().contains("backed up were 5001"), "{}", place.events());
}

fn plain(sql: &str, rows: u64) -> Given {
    let dump = Dump {
        database: "made".into(),
        entry: None,
        format: DumpFormat::Plain,
        server_version: "15.1".into(),
        program_version: "15.1".into(),
        rows: [("public.t".to_owned(), rows)].into(),
        not_counted: Vec::new(),
    };
    Given(sql.as_bytes().to_vec(), vec![Part::Database(dump)])
}

#[test]
fn an_extension_that_is_missing_is_a_difference_and_a_role_is_none() {
    let place = Workplace::new();
    let table = "CREATE TABLE public.t (x int);\nALTER TABLE public.t OWNER TO somebody;\n";
    let mut with_role = plain(&format!("{table}GRANT SELECT ON public.t TO somebody;\n"), 0);
    let name = place.make(&mut with_role, Inside::PlainDump, Compression::None);
    place.drill(&name).is(0);
    let place = Workplace::new();
    let mut extension = plain(&format!("CREATE EXTENSION nowhere_to_be_had;\n{table}"), 0);
    let name = place.make(&mut extension, Inside::PlainDump, Compression::None);
    place.drill(&name).is(1).says("nowhere_to_be_had").says("is not available");
}

#[test]
fn an_archive_is_unpacked_counted_and_taken_away() {
    let (cluster, place) = (Cluster::shared(), Workplace::new());
    let source = database(cluster);
    let (stream, dump) = dumped(cluster, &source, DumpFormat::Custom);
    let tar = |content: &[u8]| {
        Tar::new()
            .file(
                "globals.sql",
                b"CREATE ROLE postgres;\nCREATE ROLE gateward;\nCREATE ROLE owner_of_tables;\n",
            )
            .pieces(&stream, 20_000, |_| ())
            .file("files/srv/files/a", content)
            .end()
    };
    let globals = Part::Globals { entry: Some("globals.sql".into()), server_version: "15.1".into() };
    let parts = vec![globals, in_pieces(dump), files(1, 4)];
    let name = place.make(&mut Given(tar(b"four"), parts.clone()), Inside::Archive, Compression::Zstd);
    place.drill(&name).is(0);
    is_empty(&place.path("state/drill"));
    let place = Workplace::new();
    let name = place.make(&mut Given(tar(b"fourteen"), parts), Inside::Archive, Compression::Zstd);
    place.drill(&name).is(1).says("/srv/files: 1 files with 8 bytes, backed up were 1 with 4");
}

#[test]
fn a_file_that_changed_while_it_was_read_counts_as_it_was_at_last() {
    let place = Workplace::new();
    let tar = Tar::new()
        .file("files/srv/files/a", b"longer")
        .file("files/srv/files/a", b"long")
        .file("files/srv/files/a", b"four")
        .file("files/srv/files/b", b"four");
    let name = place.make(&mut Given(tar.end(), vec![files(2, 8)]), Inside::Archive, Compression::None);
    place.drill(&name).is(0).says("\"good\":true");
    let into = place.path("in").display().to_string();
    place.restore(&name, "key", &[&into]).is(0);
    assert_eq!(std::fs::read(place.path("in/files/srv/files/a")).unwrap(), b"four");
}

#[test]
fn a_sqlite_database_is_checked_and_counted() {
    let make = |spoil: bool| {
        let place = Workplace::new();
        let path = place.path("made.db");
        let sqlite = rusqlite::Connection::open(&path).unwrap();
        sqlite.execute_batch("CREATE TABLE event (x TEXT); CREATE INDEX i ON event (x)").unwrap();
        for number in 0..1000 {
            sqlite.execute("INSERT INTO event VALUES (?1)", [format!("{number:0100}")]).unwrap();
        }
        drop(sqlite);
        let mut bytes = std::fs::read(path).unwrap();
        if spoil {
            let middle = bytes.len() / 2;
            bytes[middle..middle + 6000].fill(0xff);
        }
        let part = Part::Sqlite {
            entry: "gateward/store.db".into(),
            bytes: bytes.len() as u64,
            rows: [("event".to_owned(), 1000)].into(),
        };
        let tar = Tar::new().file("gateward/store.db", &bytes).end();
        let name = place.make(&mut Given(tar, vec![part]), Inside::Archive, Compression::None);
        place.drill(&name)
    };
    make(false).is(0).says("\"rows_compared\":1000");
    make(true).is(1).says("store.db");
}

#[test]
fn a_machine_without_an_installation_needs_the_makers_key_and_a_folder() {
    let place = Workplace::new();
    let name = good(&place);
    let elsewhere = tempfile::tempdir().unwrap();
    let drill = || {
        let mut drill = std::process::Command::new(env!("CARGO_BIN_EXE_gateward"));
        drill.env_clear().env("PATH", "/usr/bin:/bin").args(["backup", "drill"]);
        drill.arg(place.backups().join(name.as_str())).arg("--key").arg(place.path("key"));
        drill.arg("--in").arg(elsewhere.path());
        drill
    };
    said(drill().args(["--signer", &place.signer()])).is(0).says("no result was left: `gateward init");
    assert_eq!(results(&place).len(), 0);
    said(&mut drill()).is(2).says("--signer");
    is_empty(elsewhere.path());
    let other = Workplace::new().signer();
    said(drill().args(["--signer", &other])).is(2).says("is not believed");
}

#[test]
fn a_drill_on_another_machine_counts_where_the_backup_was_made_once_its_key_is_named() {
    let (maker, holder) = (Workplace::new(), Workplace::new());
    let name = good(&maker);
    let list = || said(maker.command().args(["backup", "list"]));
    let mut drill = holder.command();
    drill.args(["backup", "drill"]).arg(maker.backups().join(name.as_str()));
    drill.arg("--key").arg(maker.path("key")).args(["--signer", &maker.signer()]);
    said(&mut drill).is(0);
    let unknown = list();
    unknown.is(0).says("a drill by an unknown key: gateward-backup+");
    assert!(!unknown.out.contains("drill good"), "{unknown:?}");

    let config = maker.path("gateward.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("drill_signers = [{:?}]\n{text}", holder.signer())).unwrap();
    let known = list();
    known.is(0).says("  drill good at 20");
    assert!(!known.out.contains("unknown key"), "{known:?}");
    // The same key vouches for no backup.
    let path = maker.backups().join(name.manifest().as_str());
    let known = [maker.signer().parse().unwrap()];
    let manifest = Manifest::read(&std::fs::read(&path).unwrap(), &known).unwrap();
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, holder.sign(&manifest)).unwrap();
    list().says("its manifest is not believed");
}

#[test]
fn without_a_server_nothing_is_known_about_the_backup() {
    let place = Workplace::new();
    let name = good(&place);
    let nothing = place.path("nothing");
    std::fs::create_dir(&nothing).unwrap();
    let mut drill = place.drill_command(&name);
    let said = said(drill.arg("--pg-bin").arg(&nothing));
    said.is(2).says(&format!("--pg-bin {}: initdb and postgres are not there", nothing.display()));
    assert_eq!(results(&place).len(), 0);
    is_empty(&place.path("state/drill"));
}

#[test]
fn a_folder_that_the_servers_user_cannot_come_into_is_named() {
    let place = Workplace::new();
    let name = good(&place);
    let closed = place.path("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let drilled = said(place.drill_command(&name).arg("--in").arg(closed.join("drill")));
    if nix::unistd::Uid::effective().is_root() {
        drilled.is(2).says("cannot come into").says("/closed:");
        is_empty(&closed.join("drill"));
    } else {
        drilled.is(0);
    }
}

/// A dump that takes its time.
fn slow(place: &Workplace) -> FileName {
    let sql = "CREATE TABLE public.t (x int);\nSELECT pg_sleep(60);\n";
    place.make(&mut plain(sql, 0), Inside::PlainDump, Compression::None)
}

fn is_under_way(folder: &Path) {
    eventually("the drill restores", Duration::from_secs(60), || {
        inhabitants(folder).iter().any(|pid| {
            std::fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| String::from_utf8_lossy(&line).contains("postgres postgres [local] SELECT"))
        })
    });
}

/// The real, effective, saved and file system's user of a process (proc_pid_status(5)).
fn users(pid: u32) -> Vec<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
    line.split_whitespace().map(|uid| uid.parse().unwrap()).collect()
}

/// A folder of somebody who is not root.
fn anybodys(place: &Workplace) -> (PathBuf, u32) {
    use std::os::unix::fs::MetadataExt as _;
    let folder = place.path("anybodys");
    std::fs::create_dir(&folder).unwrap();
    if nix::unistd::Uid::effective().is_root() {
        let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
        nix::unistd::chown(&folder, Some(nobody.uid), Some(nobody.gid)).unwrap();
    }
    let owner = std::fs::metadata(&folder).unwrap().uid();
    (folder, owner)
}

#[test]
fn root_lays_down_its_rights_before_it_touches_a_folder_of_somebody_elses() {
    use std::os::unix::fs::MetadataExt as _;
    let place = Workplace::new();
    let name = slow(&place);
    let (folder, owner) = anybodys(&place);
    let mut drill = place.drill_command(&name);
    drill.arg("--in").arg(&folder);
    let child =
        drill.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    is_under_way(&folder);
    let saved = nix::unistd::Uid::effective().as_raw();
    assert_eq!(users(child.id()), [owner, owner, saved, owner]);
    for pid in inhabitants(&folder) {
        assert_eq!(users(pid.as_raw().cast_unsigned()), [owner; 4]);
    }
    for entry in std::fs::read_dir(&folder).unwrap() {
        assert_eq!(entry.unwrap().metadata().unwrap().uid(), owner);
    }
    signal(Some(Pid::from_raw(child.id().cast_signed())), Signal::SIGTERM);
    heard(child.wait_with_output().unwrap()).is(2).says("was stopped");
    is_empty(&folder);
    let name = {
        std::fs::remove_file(place.backups().join(name.as_str())).unwrap();
        std::fs::remove_file(place.backups().join(name.manifest().as_str())).unwrap();
        good(&place)
    };
    // The result lies where only root may write, and nobody could.
    said(place.drill_command(&name).arg("--in").arg(&folder)).is(0);
    assert_eq!(results(&place).len(), 1);
    assert!(place.events().contains("backup_drilled"), "{}", place.events());
}

#[test]
fn nothing_is_unpacked_through_a_link_that_somebody_laid_into_a_drills_folder() {
    let (cluster, place) = (Cluster::shared(), Workplace::new());
    let source = database(cluster);
    let (stream, dump) = dumped(cluster, &source, DumpFormat::Custom);
    let tar = Tar::new().file("files/srv/files/a", b"four").pieces(&stream, 20_000, |_| ()).end();
    let parts = vec![files(1, 4), in_pieces(dump)];
    let name = place.make(&mut Given(tar, parts), Inside::Archive, Compression::None);
    let (folder, _) = anybodys(&place);
    let outside = place.path("outside");
    std::fs::create_dir(&outside).unwrap();
    let mut drill = place.drill_command(&name);
    drill.arg("--in").arg(&folder);
    let child =
        drill.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    // Its server takes longer to be made than a link.
    eventually("the drill has its folder", Duration::from_secs(60), || {
        let mut rooms = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let room = rooms.find(|path| path.is_dir());
        room.is_some_and(|room| std::os::unix::fs::symlink(&outside, room.join("files")).is_ok())
    });
    heard(child.wait_with_output().unwrap()).is(2).says("File exists");
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
    assert_eq!(results(&place).len(), 0);
    is_empty(&folder);
}

#[test]
fn an_interrupted_drill_clears_up_and_says_nothing_about_the_backup() {
    let place = Workplace::new();
    let name = slow(&place);
    let mut drill = place.drill_command(&name);
    let child =
        drill.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    is_under_way(&place.path("state/drill"));
    signal(Some(Pid::from_raw(child.id().cast_signed())), Signal::SIGTERM);
    heard(child.wait_with_output().unwrap()).is(2).says("was stopped");
    assert_eq!(results(&place).len(), 0);
    is_empty(&place.path("state/drill"));
}

#[test]
fn what_a_killed_drill_left_goes_with_the_next_one() {
    let place = Workplace::new();
    let name = slow(&place);
    let mut child = place.drill_command(&name).spawn().unwrap();
    is_under_way(&place.path("state/drill"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_ne!(inhabitants(&place.path("state/drill")).len(), 0);
    std::fs::remove_file(place.backups().join(name.as_str())).unwrap();
    std::fs::remove_file(place.backups().join(name.manifest().as_str())).unwrap();
    let name = good(&place);
    place.drill(&name).is(0);
    is_empty(&place.path("state/drill"));
}
