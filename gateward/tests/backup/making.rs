//! What a run makes, as others open it: GnuPG, Sequoia, PostgreSQL's programs, a shell.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::cluster::{Cluster, PROGRAMS, run};
use crate::shared_keys::Keys;
use crate::site::{Site, manifest};

/// Several types, long texts, bytes of all values, an empty table, a sequence, a foreign key, a name to quote.
const TABLES: &str = r#"
    CREATE TABLE dataset (
        id bigserial PRIMARY KEY, name text NOT NULL UNIQUE, made timestamptz, size numeric(20, 3),
        is_open boolean, tags text[], about jsonb, "Größe" double precision
    );
    INSERT INTO dataset (name, made, size, is_open, tags, about, "Größe")
        SELECT 'dataset ' || n, timestamptz '2020-01-01 00:00:00.123456+00' + n * interval '1 hour 7 us', n / 7.0,
            n % 3 = 0, ARRAY['a', 'b"c', NULL], jsonb_build_object('n', n, 'text', E'line\nline\t\\'), sqrt(n)
        FROM generate_series(1, 2000) AS n;
    CREATE TABLE resource (
        id uuid PRIMARY KEY, dataset bigint NOT NULL REFERENCES dataset ON DELETE CASCADE, content bytea, note text
    );
    INSERT INTO resource
        SELECT md5('r' || n)::uuid, 1 + n % 2000, decode(repeat(lpad(to_hex(n % 256), 2, '0'), n % 1000), 'hex'),
            CASE WHEN n % 5 = 0 THEN NULL ELSE 'Käse & 雪 ' || n END
        FROM generate_series(1, 3000) AS n;
    CREATE TABLE long (text text);
    INSERT INTO long SELECT string_agg(md5(n::text), ' ') FROM generate_series(1, 60000) AS n;
    CREATE TABLE nothing (id int);
    CREATE SEQUENCE numbers START 7;
    SELECT nextval('numbers'), nextval('numbers');
"#;

/// A database with [`TABLES`]; they are only read.
fn database() -> &'static str {
    static NAME: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    NAME.get_or_init(|| {
        let name = Cluster::shared().database_of("postgres", "source");
        Cluster::shared().psql(&name, TABLES);
        name
    })
}

fn url() -> String {
    Cluster::shared().socket_url_of("postgres", database())
}

/// Compares the tables one by one, then everything that is not in a row.
#[track_caller]
fn compare(restored: &str) {
    let (cluster, source) = (Cluster::shared(), database());
    let tables = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1";
    let names = cluster.psql(source, tables);
    assert_eq!(names.concat(), ["dataset", "long", "nothing", "resource"]);
    assert_eq!(cluster.psql(restored, tables), names);
    for name in names.concat() {
        let rows = format!("SELECT t.* FROM {name} AS t ORDER BY 1");
        assert!(cluster.psql(source, &rows) == cluster.psql(restored, &rows), "{name} differs");
    }
    for sequence in ["numbers", "dataset_id_seq"] {
        let state = format!("SELECT last_value, is_called FROM {sequence}");
        assert_eq!(cluster.psql(source, &state), cluster.psql(restored, &state), "{sequence}");
    }
    let keys = "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1";
    assert_eq!(cluster.psql(source, keys).len(), 4);
    assert_eq!(cluster.psql(source, keys), cluster.psql(restored, keys));
    let refused =
        cluster.try_psql(restored, "INSERT INTO resource VALUES (gen_random_uuid(), 0)").unwrap_err();
    assert!(refused.contains("resource_dataset_fkey"), "{refused}");
}

/// The commands that README.txt has for a file of this kind, as one would type them.
fn commands_of(readme: &str, kind: &str, is_zstd: bool) -> String {
    let mut paragraphs = readme.split("\n\n");
    let found = paragraphs.find(|text| text.trim_start().starts_with(&format!("NAME{kind}.gpg "))).unwrap();
    let commands: Vec<&str> = found.lines().filter_map(|line| line.strip_prefix("      ")).collect();
    let commands = commands.join("\n");
    if !is_zstd {
        return commands;
    }
    // As README.txt says: behind gpg.
    let said = "Where .zst stands before .gpg, put `| zstd --decompress` behind gpg:";
    assert!(readme.contains(said), "{readme}");
    commands.replace("gpg --decrypt FILE", "gpg --decrypt FILE | zstd --decompress")
}

/// Pastes commands into a shell that works beside `file` and knows where PostgreSQL and the keys are; `FILE` and
/// `NAME` are replaced.
#[track_caller]
fn paste(commands: &str, file: &Path, name: &str) {
    let commands =
        commands.replace("FILE", file.file_name().unwrap().to_str().unwrap()).replace("NAME", name);
    let cluster = Cluster::shared();
    let mut shell = Command::new("bash");
    shell
        .env_clear()
        .env("PATH", format!("{PROGRAMS}:/usr/bin:/bin"))
        .env("GNUPGHOME", Keys::shared().home());
    shell.env("PGHOST", cluster.socket_folder()).env("PGPORT", cluster.address().port().to_string());
    shell
        .current_dir(file.parent().unwrap())
        .env("PGUSER", "postgres")
        .args(["-e", "-o", "pipefail", "-c", &commands])
        .stdin(Stdio::null());
    run(&mut shell);
}

/// Whatever is said of a file is true of it.
#[track_caller]
fn check_manifest(file: &Path, job: &str, stream: &[u8]) -> Value {
    let said = manifest(file);
    let sum = |bytes: &Path| run(Command::new("sha256sum").arg(bytes)).split(' ').next().unwrap().to_owned();
    assert_eq!(said["backup"], file.file_name().unwrap().to_str().unwrap());
    assert_eq!(said["job"], job);
    assert_eq!(said["file"]["bytes"], std::fs::metadata(file).unwrap().len());
    assert_eq!(said["file"]["sha256"], sum(file));
    let plain = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(plain.path(), stream).unwrap();
    assert_eq!(said["stream"]["bytes"], stream.len());
    assert_eq!(said["stream"]["sha256"], sum(plain.path()));
    let time = |name: &str| said[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(time("started_at") <= time("finished_at"), "{said}");
    said
}

fn unpacked(stream: &[u8]) -> Vec<u8> {
    zstd::decode_all(stream).unwrap()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// One of each way to dump and to compress.
const WAYS: [(&str, &str, &str); 4] = [
    ("custom", "none", ".pgc"),
    ("custom", "zstd", ".pgc.zst"),
    ("plain", "none", ".sql"),
    ("plain", "zstd", ".sql.zst"),
];

#[test]
fn a_database_comes_back_table_by_table_by_the_commands_beside_it_whatever_the_key_and_the_way() {
    let (site, keys) = (Site::make(), Keys::shared());
    site.import(&keys.rsa);
    for key in [&keys.curve, &keys.rsa] {
        for (format, compress, suffix) in WAYS {
            let kind = &suffix[..4];
            let (job, is_zstd) =
                (format!("{}_{format}_{compress}", &key.fingerprint[..4]), compress == "zstd");
            site.job_as(&format!(
                "name = \"{job}\"\ndatabase = \"{}\"\nformat = \"{format}\"\ncompress = \"{compress}\"\n\
                 recipients = [\"{}\"]\nfolder = \"{job}\"",
                url(),
                key.fingerprint
            ));
            site.good(&["backup", "run", &job]);
            let folder = site.path(&job);
            let names = crate::site::names(&folder);
            let [readme, name, manifest] = names.as_slice() else { panic!("{names:?}") };
            assert!(name.starts_with(&format!("backup_db_{}_20", database())), "{name}");
            assert!(name.ends_with(&format!("{suffix}.gpg")), "{name}");
            assert_eq!([readme.as_str(), manifest], ["README.txt", &format!("{name}.manifest")]);
            let file = folder.join(name);
            assert_eq!((mode(&folder), mode(&file), mode(&folder.join(manifest))), (0o700, 0o400, 0o400));

            let sealed = keys.decrypt(&file);
            assert!(sealed == keys.decrypt_with_sq(key, &file), "gpg and sq disagree");
            let stream = if is_zstd { unpacked(&sealed) } else { sealed };
            let said = check_manifest(&file, &job, &stream);
            assert_eq!(said["compression"], compress);
            assert_eq!(said["recipients"][0]["fingerprint"], key.fingerprint.to_lowercase());
            let part = &said["parts"][0];
            assert_eq!((&part["kind"], &part["database"]), (&"database".into(), &database().into()));
            let rows = serde_json::json!({
                "public.dataset": 2000, "public.long": 1, "public.nothing": 0, "public.resource": 3000
            });
            assert_eq!(part["rows"], rows);

            let restored = format!("restored_{}", job.to_lowercase());
            let readme = std::fs::read_to_string(folder.join(readme)).unwrap();
            paste(&commands_of(&readme, kind, is_zstd), &file, &restored);
            compare(&restored);
        }
    }
}

#[test]
fn the_one_line_of_a_cron_table_needs_no_job_and_takes_the_id_that_operators_know() {
    let (site, keys) = (Site::make(), Keys::shared());
    let to = site.path("by hand").display().to_string();
    let said =
        site.good(&["backup", "run", "--database", &url(), "--key-id", keys.curve.long_id(), "--to", &to]);
    let names = crate::site::names(Path::new(&to));
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(said.out.contains(&names[1]), "{}", said.out);
    let file = Path::new(&to).join(&names[1]);
    let job = format!("db_{}", database());
    check_manifest(&file, &job, &keys.decrypt(&file));
    let restored = "restored_by_hand";
    let readme = std::fs::read_to_string(Path::new(&to).join("README.txt")).unwrap();
    paste(&commands_of(&readme, ".pgc", false), &file, restored);
    compare(restored);
    let made = site.events("backup_made");
    assert_eq!(made.len(), 1, "{made:?}");
    assert_eq!((&made[0]["job"], &made[0]["file"]), (&job.into(), &names[1].clone().into()));
    assert_eq!(made[0]["sha256"], manifest(&file)["file"]["sha256"]);
}

#[test]
fn nothing_and_one_byte_are_backed_up_and_come_back() {
    let keys = Keys::shared();
    for compress in ["none", "zstd"] {
        for (name, command, content) in [("nothing", "[\"true\"]", ""), ("one", "[\"printf\", \"x\"]", "x")] {
            let site = Site::make();
            site.import(&keys.rsa);
            let both = format!("\"{}\", \"{}\"", keys.curve.fingerprint, keys.rsa.fingerprint);
            site.job_as(&format!(
                "name = \"{name}\"\ncommand = {command}\ncompress = \"{compress}\"\nrecipients = [{both}]\n\
                 folder = \"backups\""
            ));
            site.good(&["backup", "run"]);
            let file = site.the_backup();
            let opened = keys.decrypt(&file);
            for key in [&keys.curve, &keys.rsa] {
                assert_eq!(keys.decrypt_with_sq(key, &file), opened);
            }
            let stream = if compress == "zstd" { unpacked(&opened) } else { opened };
            assert_eq!(stream, content.as_bytes());
            let said = check_manifest(&file, name, &stream);
            assert_eq!(said["recipients"].as_array().unwrap().len(), 2);
        }
    }
}

/// How many bytes a large backup has: 64 MiB, or what `GATEWARD_LARGE` says (CONTRIBUTING.md).
#[expect(clippy::disallowed_methods, reason = "whoever starts the tests may say how much")]
fn large() -> u64 {
    match std::env::var("GATEWARD_LARGE") {
        Ok(bytes) => bytes.parse().expect("GATEWARD_LARGE is a number of bytes"),
        Err(_) => 64 << 20,
    }
}

/// A command that gives so many bytes of AES in counter mode, and the SHA-256 of them as coreutils count it.
fn many(bytes: u64) -> (String, String) {
    let zeros = "-in /dev/zero -K 00000000000000000000000000000007 -iv 00000000000000000000000000000000";
    // What it says once head reads no more is of no interest.
    let script = format!("openssl enc -aes-128-ctr {zeros} 2>/dev/null | head -c {bytes}");
    let sum = run(Command::new("sh").args(["-c", &format!("{script} | sha256sum")]));
    (format!("[\"sh\", \"-c\", \"{script}\"]"), sum.split(' ').next().unwrap().to_owned())
}

/// The most memory that a program had, in KiB, while it runs (proc(5)).
fn peak_kib(program: nix::unistd::Pid) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{program}/status")).ok()?;
    // None once it has ended and was not yet waited for.
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[test]
fn a_large_backup_takes_no_more_memory_than_a_small_one_and_comes_back_whole() {
    let (bytes, site) = (large(), Site::make());
    let (command, sum) = many(bytes);
    site.job("many", &format!("command = {command}"));
    let running = site.start(&["backup", "run"]);
    let mut peak = 0;
    while let Some(now) = peak_kib(running.pid()) {
        peak = now;
        std::thread::sleep(Duration::from_millis(20));
    }
    let said = running.finish();
    assert_eq!(said.status, Some(0), "{}", said.err);
    assert!((1..64 << 10).contains(&peak), "{peak} KiB for {bytes} bytes");

    let file = site.the_backup();
    let said = manifest(&file);
    assert_eq!((&said["stream"]["bytes"], &said["stream"]["sha256"]), (&bytes.into(), &sum.as_str().into()));
    assert_eq!(said["file"]["bytes"], std::fs::metadata(&file).unwrap().len());
    // Read as it comes: 4 GiB fit into no test.
    let mut gpg = Keys::shared().gpg();
    let mut gpg =
        gpg.arg("--decrypt").arg(&file).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let opened = run(Command::new("sha256sum").stdin(gpg.stdout.take().unwrap()));
    assert!(gpg.wait().unwrap().success());
    assert_eq!(opened.split(' ').next(), Some(sum.as_str()));
}

#[test]
fn nothing_readable_stays_in_a_temporary_folder() {
    let site = Site::with_words();
    site.good(&["backup", "run"]);
    assert_eq!(crate::site::names(&site.path("tmp")), Vec::<String>::new());
    let all: BTreeSet<_> =
        site.files().into_keys().map(|name| name.rsplit('.').next().unwrap().to_owned()).collect();
    assert_eq!(all.into_iter().collect::<Vec<_>>(), ["gpg", "manifest", "txt"]);
}
