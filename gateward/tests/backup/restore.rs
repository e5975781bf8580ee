//! `gateward backup restore`: what comes out is what went in, or nothing is kept and it is said why.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use backup_manifest::{Compression, DumpFormat, Manifest, Part};
use gateward::base::backup::{FileName, Inside};
use gateward::server::backup::programs::Programs;
use gateward::server::backup::source::Command;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::cluster::folder::{Folder, signal};
use crate::cluster::patience::eventually;
use crate::cluster::{Cluster, PROGRAMS};
use crate::disk::{SmallDisk, run_where_we_may_mount};
use crate::workplace::{
    Given, Gnupg, Tar, Workplace, database, dump_of, dumped, files, heard, in_pieces, keys, said,
};

fn empty(cluster: &Cluster) -> (String, String) {
    let name = cluster.database_of("postgres", "restored");
    let url = cluster.socket_url_of("postgres", &name);
    (name, url)
}

#[track_caller]
fn is_untouched(cluster: &Cluster, database: &str) {
    let tables =
        cluster.psql(database, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace");
    assert_eq!(tables, [["0"]]);
}

/// Names of databases, and what newer minor versions make up for each dump, are not compared.
fn content(cluster: &Cluster, database: &str) -> String {
    let dump = String::from_utf8(cluster.dump(database)).unwrap();
    dump.lines().filter(|line| !line.starts_with('\\')).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_database_comes_back_table_by_table_in_either_format_compressed_or_not() {
    let (cluster, place) = (Cluster::shared(), Workplace::new());
    let source = database(cluster);
    for format in [DumpFormat::Custom, DumpFormat::Plain] {
        for compression in [Compression::None, Compression::Zstd] {
            let inside = if format == DumpFormat::Custom { Inside::CustomDump } else { Inside::PlainDump };
            let compresses = format == DumpFormat::Custom && compression == Compression::None;
            let mut dump = dump_of(cluster, &source, format, compresses);
            let name = place.make(&mut dump, inside, compression);
            let (restored, url) = empty(cluster);
            place.restore(&name, "key", &[&url]).is(0).says("5100 rows counted again");
            assert_eq!(content(cluster, &restored), content(cluster, &source), "{format:?} {compression:?}");
            std::fs::remove_file(place.backups().join(name.as_str())).unwrap();
            std::fs::remove_file(place.backups().join(name.manifest().as_str())).unwrap();
        }
    }
    assert!(place.events().contains("backup_restored"), "{}", place.events());
}

#[test]
fn what_is_cut_in_one_place_is_listed_so_and_taken_from_another() {
    let place = Workplace::new();
    let tar = Tar::new().file("files/srv/files/a", b"four").end();
    let name = place.make(&mut Given(tar, vec![files(1, 4)]), Inside::Archive, Compression::None);
    let (first, second) = (place.backups(), place.path("second"));
    std::fs::create_dir(&second).unwrap();
    for file in [name.clone(), name.manifest()] {
        std::fs::copy(first.join(file.as_str()), second.join(file.as_str())).unwrap();
    }
    let config = place.path("gateward.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let (_, job) = text.split_once("[[backup]]").unwrap();
    let job = job.replace("\"job\"", "\"too\"").replace("/backups\"", "/second\"");
    std::fs::write(&config, format!("{text}[[backup]]{job}")).unwrap();
    let list = || said(place.command().args(["backup", "list", "--format", "json"]));
    list().is(0).says("\"doubts\":[]").says("\"doubt\":null");

    let path = first.join(name.as_str());
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "cut").unwrap();
    let cut = format!("{}: {name}: it has 3 bytes where its manifest says", first.display());
    list().is(0).says("\"doubt\":null").says("\"why\":\"it has 3 bytes where its manifest says");
    let listed = said(place.command().args(["backup", "list"]));
    let (cut_there, good_there) =
        (format!("{} (it has 3 bytes", first.display()), format!("), {}\n", second.display()));
    listed.is(0).says(&cut_there).says(&good_there);
    let into = place.path("restored").display().to_string();
    place.restore(&name, "key", &[&into]).is(0).says(&cut);
    assert_eq!(std::fs::read(place.path("restored/files/srv/files/a")).unwrap(), b"four");
    // Where the user of a drill can come, whom root becomes.
    let open =
        tempfile::Builder::new().permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755)).tempdir();
    let open = open.unwrap();
    let drill = || said(place.drill_command(&name).arg("--in").arg(open.path()));
    drill().is(0).says(&cut);

    std::fs::remove_file(second.join(name.manifest().as_str())).unwrap();
    list().is(0).says("\"doubt\":\"it has 3 bytes").says("it has no manifest");
    drill().is(2).says(&cut).says("second");
}

#[test]
fn gnupg_opens_with_the_key_that_it_keeps() {
    let (cluster, place, gnupg) = (Cluster::shared(), Workplace::new(), Gnupg::new());
    gnupg.gpg(&["--import"], &keys()[0].secret);
    let source = database(cluster);
    let mut dump = dump_of(cluster, &source, DumpFormat::Custom, true);
    let name = place.make(&mut dump, Inside::CustomDump, Compression::None);
    let (restored, url) = empty(cluster);
    let mut restore = place.command();
    restore.args(["backup", "restore", "--job", "job", "--gpg", "--into", &url]);
    said(restore.env("GNUPGHOME", gnupg.path())).is(0).says(name.as_str());
    assert_eq!(content(cluster, &restored), content(cluster, &source));
}

#[test]
fn a_wrong_key_is_named_with_the_one_that_is_needed_and_nothing_is_touched() {
    let (cluster, place) = (Cluster::shared(), Workplace::new());
    let source = database(cluster);
    let mut dump = dump_of(cluster, &source, DumpFormat::Custom, true);
    let name = place.make(&mut dump, Inside::CustomDump, Compression::None);
    let (restored, url) = empty(cluster);
    let refused = place.restore(&name, "other-key", &[&url]);
    let needed = format!("this key does not open it; it needs {} (subkey ", keys()[0].fingerprint);
    refused.is(2).says("nothing was touched").says(&needed);
    let gnupg = Gnupg::new();
    let mut restore = place.command();
    restore.args(["backup", "restore", name.as_str(), "--gpg", "--into", &url]);
    let needed =
        format!("GnuPG here has no secret key that opens it; it needs {} (sub", keys()[0].fingerprint);
    said(restore.env("GNUPGHOME", gnupg.path())).is(2).says("nothing was touched").says(&needed);
    is_untouched(cluster, &restored);
}

#[test]
fn a_file_that_was_changed_is_refused_before_anything_is_opened() {
    let (cluster, place) = (Cluster::shared(), Workplace::new());
    let source = database(cluster);
    let mut dump = dump_of(cluster, &source, DumpFormat::Plain, false);
    let name = place.make(&mut dump, Inside::PlainDump, Compression::None);
    let path = place.backups().join(name.as_str());
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let (restored, url) = empty(cluster);
    let path = path.display().to_string();
    let mut restore = place.command();
    restore.args(["backup", "restore", &path, "--key"]).arg(place.path("key")).args(["--into", &url]);
    said(&mut restore)
        .is(1)
        .says("nothing was restored: the file is not the one that its manifest describes");
    is_untouched(cluster, &restored);
}

/// Makes a backup whose manifest says another SHA-256 of what is inside.
fn with_another_stream(place: &Workplace, cluster: &Cluster, format: DumpFormat) -> FileName {
    let source = database(cluster);
    let mut dump = dump_of(cluster, &source, format, false);
    let inside = if format == DumpFormat::Custom { Inside::CustomDump } else { Inside::PlainDump };
    place.make_saying(&mut dump, inside, Compression::None, |mut manifest: Manifest| {
        manifest.stream.sha256 = "00".repeat(32);
        manifest
    })
}

#[test]
fn content_of_another_hash_never_becomes_part_of_a_database() {
    let cluster = Cluster::shared();
    for format in [DumpFormat::Custom, DumpFormat::Plain] {
        let place = Workplace::new();
        let name = with_another_stream(&place, cluster, format);
        let (restored, url) = empty(cluster);
        let said = place.restore(&name, "key", &[&url]);
        said.is(1).says("the content is not the one").says("is as it was before");
        is_untouched(cluster, &restored);
        assert!(place.events().contains("the content is not the one"), "{}", place.events());
    }
}

#[test]
fn a_dump_that_was_cut_in_the_middle_leaves_the_database_as_it_was() {
    let cluster = Cluster::shared();
    let source = database(cluster);
    for (format, inside) in [(DumpFormat::Custom, Inside::CustomDump), (DumpFormat::Plain, Inside::PlainDump)]
    {
        let place = Workplace::new();
        let (mut stream, dump) = dumped(cluster, &source, format);
        stream.truncate(stream.len() / 2);
        let name = place.make(&mut Given(stream, vec![Part::Database(dump)]), inside, Compression::None);
        let (restored, url) = empty(cluster);
        let said = place.restore(&name, "key", &[&url]);
        said.is(2).says("is as it was before");
        is_untouched(cluster, &restored);
    }
}

#[test]
fn an_archive_goes_into_a_database_and_a_folder_or_into_one_of_them_and_says_so() {
    let (cluster, place) = (Cluster::shared(), Workplace::new());
    let source = database(cluster);
    let (stream, dump) = dumped(cluster, &source, DumpFormat::Custom);
    let tar = Tar::new().pieces(&stream, 20_000, |_| ()).file("files/srv/files/a", b"four");
    let parts = vec![in_pieces(dump), files(1, 4)];
    let name = place.make(&mut Given(tar.end(), parts), Inside::Archive, Compression::Zstd);
    let (restored, url) = empty(cluster);
    let both = place.path("both").display().to_string();
    place.restore(&name, "key", &[&url, &both]).is(0);
    assert_eq!(content(cluster, &restored), content(cluster, &source));
    assert_eq!(std::fs::read(place.path("both/files/srv/files/a")).unwrap(), b"four");

    let only = place.path("only").display().to_string();
    place.restore(&name, "key", &[&only]).is(0).says("the database source_").says("was left out");
    assert!(place.path("only/files/srv/files/a").exists());
    let (_, url) = empty(cluster);
    let restored = place.restore(&name, "key", &[&url]);
    restored.is(0).says(&format!("is restored into {url}, ")).says("; the folder /srv/files was left out\n");
    place.restore(&name, "key", &[&url, &url]).is(2).says("one database and one folder");
}

/// Does something to the numbered pieces of a dump.
type Spoil = fn(&mut Vec<(usize, &[u8])>);

#[test]
fn pieces_of_a_dump_that_are_missing_or_swapped_leave_the_database_as_it_was() {
    let cluster = Cluster::shared();
    let source = database(cluster);
    let (stream, dump) = dumped(cluster, &source, DumpFormat::Custom);
    let spoilers: [(&str, Spoil); 3] = [
        ("where piece 1 of the dump should be", |pieces| _ = pieces.remove(1)),
        ("where piece 2 of the dump should be", |pieces| pieces.swap(2, 3)),
        ("the archive has no database/source.pgc.000000", |pieces| pieces.clear()),
    ];
    for (why, spoil) in spoilers {
        let place = Workplace::new();
        let tar = Tar::new().pieces(&stream, 10_000, spoil).file("files/srv/files/a", b"four");
        let parts = vec![in_pieces(dump.clone()), files(1, 4)];
        let name = place.make(&mut Given(tar.end(), parts), Inside::Archive, Compression::None);
        let (restored, url) = empty(cluster);
        place.restore(&name, "key", &[&url]).is(1).says(why).says("is as it was before");
        is_untouched(cluster, &restored);
    }
}

#[test]
fn no_archive_writes_outside_of_its_folder() {
    use tar::EntryType::{Block, Link, Symlink};
    let hostile: [(&str, Tar); 7] = [
        ("..", Tar::new().file("files/srv/files/../../../../outside", b"evil")),
        ("absolute", Tar::new().file("/tmp/gateward-outside", b"evil")),
        ("not ours", Tar::new().file("bin/sh", b"evil")),
        (
            "through a link",
            Tar::new()
                .entry(Symlink, "files/srv/files/l", "../../../..", b"")
                .file("files/srv/files/l/outside", b"evil"),
        ),
        ("hard link", Tar::new().entry(Link, "files/srv/files/h", "../outside", b"")),
        ("device", Tar::new().entry(Block, "files/srv/files/d", "", b"")),
        ("nested", {
            let mut builder = tar::Builder::new(Vec::new());
            let mut header = tar::Header::new_gnu();
            header.set_size(0);
            header.set_mode(0o644);
            let name = format!("files/srv/files/{}x", "d/".repeat(10_000));
            builder.append_data(&mut header, name, &b""[..]).unwrap();
            let mut tar = Tar::new();
            std::mem::swap(tar.builder(), &mut builder);
            tar
        }),
    ];
    for (what, tar) in hostile {
        let place = Workplace::new();
        std::fs::create_dir(place.path("room")).unwrap();
        std::fs::write(place.path("room/outside"), "untouched").unwrap();
        let name = place.make(&mut Given(tar.end(), vec![files(1, 4)]), Inside::Archive, Compression::None);
        let into = place.path("room/in").display().to_string();
        place.restore(&name, "key", &[&into]).is(1).says("is not to be used");
        let mut there: Vec<_> =
            std::fs::read_dir(place.path("room")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        there.sort();
        assert_eq!(there, ["in", "outside"], "{what}");
        assert_eq!(std::fs::read(place.path("room/outside")).unwrap(), b"untouched", "{what}");
    }
    assert!(!std::path::Path::new("/tmp/gateward-outside").exists());
}

#[test]
fn what_a_command_wrote_becomes_a_file_once_it_is_whole() {
    let place = Workplace::new();
    let programs = Programs::find(None, |_| None);
    let mut command = Command::new(&["echo".to_owned(), "written".to_owned()], &programs).unwrap();
    let name = place.make(&mut command, Inside::Output, Compression::Zstd);
    let into = place.path("in").display().to_string();
    place.restore(&name, "key", &[&into]).is(0);
    let file = name.as_str().strip_suffix(".zst.gpg").unwrap();
    assert_eq!(std::fs::read(place.path("in").join(file)).unwrap(), b"written\n");
    assert_eq!(std::fs::read_dir(place.path("in")).unwrap().count(), 1);
}

#[test]
fn a_bare_word_is_neither_a_database_nor_a_folder() {
    let place = Workplace::new();
    let tar = Tar::new().file("files/srv/files/a", b"four").end();
    let name = place.make(&mut Given(tar, vec![files(1, 4)]), Inside::Archive, Compression::None);
    let refused = place.restore(&name, "key", &["n2"]);
    refused.is(2).says("--into n2: a database is postgres:///n2, a folder ./n2");
    let mut restore = place.command();
    restore.current_dir(place.dir.path()).args([
        "backup",
        "restore",
        name.as_str(),
        "--key",
        "key",
        "--into",
        "./n2",
    ]);
    said(&mut restore).is(0).says(" is restored into ./n2");
    assert!(place.path("n2/files").exists());
}

#[test]
fn nothing_is_asked_of_somebody_who_names_no_key() {
    let place = Workplace::new();
    let tar = Tar::new().file("files/srv/files/a", b"four").end();
    let name = place.make(&mut Given(tar, vec![files(1, 4)]), Inside::Archive, Compression::None);
    let mut restore = place.command();
    restore.args(["backup", "restore", name.as_str(), "--into"]).arg(place.path(""));
    let refused = said(&mut restore);
    refused.is(2).says("name its private key with --key FILE, or --gpg");
    assert!(!refused.error.contains("Overwrite"), "{refused:?}");
}

#[test]
fn nothing_is_overwritten_without_a_yes() {
    let (cluster, place) = (Cluster::shared(), Workplace::new());
    let source = database(cluster);
    let mut dump = dump_of(cluster, &source, DumpFormat::Custom, true);
    let name = place.make(&mut dump, Inside::CustomDump, Compression::None);
    let (restored, url) = empty(cluster);
    cluster.psql(&restored, "CREATE TABLE package (old int); CREATE TABLE theirs (x int)");
    let refused =
        said(std::process::Command::new("setsid").arg("--wait").args(arguments(&place, &name, &url)));
    refused.is(2).says("Replace those that the backup has?").says("--yes");
    assert_eq!(cluster.psql(&restored, "SELECT count(*) FROM package"), [["0"]]);

    let mut yes = place.command();
    yes.args(["backup", "restore", name.as_str(), "--yes", "--into", &url, "--key"]).arg(place.path("key"));
    said(&mut yes).is(0);
    assert_eq!(cluster.psql(&restored, "SELECT count(*) FROM package"), [["5000"]]);
    assert_eq!(cluster.psql(&restored, "SELECT count(*) FROM theirs"), [["0"]]);
}

/// The whole command line, for a program that starts ours without a terminal.
fn arguments(place: &Workplace, name: &FileName, url: &str) -> Vec<String> {
    let text = |path: std::path::PathBuf| path.display().to_string();
    let config = text(place.path("gateward.toml"));
    let key = text(place.path("key"));
    [
        env!("CARGO_BIN_EXE_gateward"),
        "--config",
        &config,
        "backup",
        "restore",
        name.as_str(),
        "--key",
        &key,
        "--into",
        url,
    ]
    .map(str::to_owned)
    .to_vec()
}

#[test]
fn a_database_that_is_not_there_is_to_be_made_first() {
    let (cluster, place) = (Cluster::shared(), Workplace::new());
    let source = database(cluster);
    let mut dump = dump_of(cluster, &source, DumpFormat::Custom, true);
    let name = place.make(&mut dump, Inside::CustomDump, Compression::None);
    let url = cluster.socket_url_of("postgres", "nowhere");
    place.restore(&name, "key", &[&url]).is(2).says("createdb nowhere");
}

/// A plain dump of which most is on its way for as long as somebody holds a lock on what it writes to.
#[test]
fn a_restore_that_is_killed_leaves_the_database_as_it_was() {
    let (cluster, place) = (Cluster::shared(), Workplace::new());
    let name = place.make(&mut slow(), Inside::PlainDump, Compression::None);
    let (restored, url) = empty(cluster);
    let mut child = place.restoring(&name, &[&url]);
    sleeping(cluster, &restored);
    child.kill().unwrap();
    child.wait().unwrap();
    eventually("the session ended", Duration::from_secs(60), || sessions(cluster, &restored) == 0);
    is_untouched(cluster, &restored);
}

#[test]
fn a_restore_that_is_interrupted_says_what_is_left() {
    let (cluster, place) = (Cluster::shared(), Workplace::new());
    let name = place.make(&mut slow(), Inside::PlainDump, Compression::None);
    let (restored, url) = empty(cluster);
    let child = place.restoring(&name, &[&url]);
    sleeping(cluster, &restored);
    signal(Some(Pid::from_raw(child.id().cast_signed())), Signal::SIGINT);
    let said = heard(child.wait_with_output().unwrap());
    said.is(2).says("was stopped").says("is as it was before");
    is_untouched(cluster, &restored);
}

#[test]
fn a_server_that_stops_in_the_middle_is_named_and_what_to_look_for() {
    let (cluster, place) = (Cluster::start(), Workplace::new());
    let name = place.make(&mut slow(), Inside::PlainDump, Compression::None);
    let (restored, url) = empty(&cluster);
    let child = place.restoring(&name, &[&url]);
    sleeping(&cluster, &restored);
    cluster.stop();
    let said = heard(child.wait_with_output().unwrap());
    said.is(2).says("psql ended with").says("cannot be looked at").says("which the server takes back");
    cluster.power_on();
    is_untouched(&cluster, &restored);
}

/// A dump that a server takes its time for, after it has made a table.
fn slow() -> Given {
    let mut sql = b"CREATE TABLE public.first (x int);\nSELECT pg_sleep(5);\n".to_vec();
    for number in 0..20_000 {
        writeln!(sql, "INSERT INTO public.first VALUES ({number});").unwrap();
    }
    let dump = backup_manifest::Dump {
        database: "slow".into(),
        entry: None,
        format: DumpFormat::Plain,
        server_version: "15.1".into(),
        program_version: "15.1".into(),
        rows: [("public.first".to_owned(), 20_000)].into(),
        not_counted: Vec::new(),
    };
    Given(sql, vec![Part::Database(dump)])
}

fn sessions(cluster: &Cluster, database: &str) -> usize {
    let sql =
        format!("SELECT pid FROM pg_stat_activity WHERE datname = '{database}' AND pid <> pg_backend_pid()");
    cluster.psql("postgres", &sql).len()
}

fn sleeping(cluster: &Cluster, database: &str) {
    let sql = format!(
        "SELECT pid FROM pg_stat_activity WHERE datname = '{database}' AND query LIKE '%pg_sleep(5)%' AND state = 'active'"
    );
    eventually("the restore is under way", Duration::from_secs(60), || {
        cluster.psql("postgres", &sql).len() == 1
    });
}

#[test]
fn a_full_disk_is_said_and_what_is_there_is_not_to_be_used() {
    if !run_where_we_may_mount("restore::a_full_disk_is_said_and_what_is_there_is_not_to_be_used") {
        return;
    }
    let (folder, place) = (Folder::make("restore"), Workplace::new());
    let disk = SmallDisk::mount(&folder, 2);
    let mut noise = Vec::new();
    std::fs::File::open("/dev/urandom").unwrap().take(8 << 20).read_to_end(&mut noise).unwrap();
    let tar = Tar::new().file("files/srv/files/a", &noise).end();
    let name = place.make(&mut Given(tar, vec![files(1, 8 << 20)]), Inside::Archive, Compression::None);
    let into = disk.path().join("in").display().to_string();
    place.restore(&name, "key", &[&into]).is(2).says("No space left on device").says("is not to be used");
}

#[test]
fn what_pg_dump_left_uncounted_and_what_is_missing_is_told_apart() {
    let (cluster, place) = (Cluster::shared(), Workplace::new());
    let source = database(cluster);
    let mut dump = dump_of(cluster, &source, DumpFormat::Custom, true);
    let name = place.make_saying(&mut dump, Inside::CustomDump, Compression::None, |mut manifest| {
        if let Part::Database(dump) = &mut manifest.parts[0] {
            dump.rows.insert("public.package".into(), 5001);
            dump.rows.insert("public.gone".into(), 7);
        }
        manifest
    });
    let (_, url) = empty(cluster);
    let said = place.restore(&name, "key", &[&url]);
    said.is(1).says("public.package has 5000 rows, backed up were 5001").says("public.gone is missing");
}

#[test]
fn what_the_program_made_goes_into_a_new_server_with_its_roles_and_its_files() {
    let (cluster, place) = (Cluster::start(), Workplace::new());
    cluster.psql("postgres", "CREATE ROLE curator; CREATE ROLE reader");
    let source = database(&cluster);
    cluster.psql(&source, "ALTER TABLE package OWNER TO curator; GRANT SELECT ON package TO reader");
    let kept = place.path("kept");
    std::fs::create_dir_all(kept.join("deep")).unwrap();
    std::fs::write(kept.join("deep/file"), "kept").unwrap();
    let url = cluster.socket_url_of("postgres", &source);
    let config = std::fs::read_to_string(place.path("gateward.toml")).unwrap();
    let job = format!(
        "database = \"{url}\"\nglobals = true\ndirectories = [\"{}\"]\ncompress = \"zstd\"",
        kept.display()
    );
    std::fs::write(place.path("gateward.toml"), config.replace("database = \"any\"", &job)).unwrap();
    std::fs::write(place.path("public"), &keys()[0].public).unwrap();
    let mut import = place.command();
    import.args(["backup", "recipient", "import"]).arg(place.path("public"));
    said(import.args(["--fingerprint", &keys()[0].fingerprint])).is(0);
    said(place.command().env("PATH", format!("{PROGRAMS}:/usr/bin:/bin")).args(["backup", "run", "job"]))
        .is(0);

    let mut drill = place.command();
    drill.args(["backup", "drill", "--job", "job", "--key"]).arg(place.path("key"));
    // Where the server's user can come, as whom it runs if we are root: not into the state folder.
    said(drill.arg("--in").arg(place.path("elsewhere"))).is(0).says("can be restored");

    let fresh = Cluster::start();
    fresh.psql("postgres", "CREATE DATABASE restored");
    let into = place.path("into");
    let mut restore = place.command();
    restore.args(["backup", "restore", "--job", "job", "--globals", "--key"]).arg(place.path("key"));
    restore.arg("--into").arg(&into).args(["--into", &fresh.socket_url_of("postgres", "restored")]);
    said(&mut restore).is(0);
    assert_eq!(content(&fresh, "restored"), content(&cluster, &source));
    let file = into.join("files").join(kept.strip_prefix("/").unwrap()).join("deep/file");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "kept");
}
