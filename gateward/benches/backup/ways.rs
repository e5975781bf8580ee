//! The ways to back up, and what they need.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::cluster::Cluster;
use crate::{Outcome, length_of};

/// What is backed up, and to whom.
pub struct Site<'a> {
    dir: PathBuf,
    cluster: &'a Cluster,
    database: String,
    url: String,
}

/// One way.
pub struct Way {
    pub name: &'static str,
    /// A job of ours, or a line for the shell that writes into `$OUT`.
    kind: Kind,
}

enum Kind {
    Ours(&'static str),
    Shell(&'static str),
}

/// What one took.
pub struct Taken {
    pub seconds: f64,
    /// Most of ours that was resident, in MiB; 0 where nobody looked.
    pub memory: f64,
    pub bytes: u64,
}

/// Ours first, the recipe last.
const DATABASE: &[(&str, Kind)] = &[
    ("gateward, zstd", Kind::Ours("database-zstd")),
    ("gateward, compressed by pg_dump", Kind::Ours("database")),
    (
        "pg_dump | zstd -T2 | age",
        Kind::Shell("pg_dump -Fc -Z0 \"$URL\" | zstd -q -T2 | age -r \"$AGE\" >\"$OUT/it\""),
    ),
    (
        "pg_dump | restic (its own repository)",
        Kind::Shell("pg_dump -Fc -Z0 \"$URL\" | restic --quiet --repo \"$OUT/it\" backup --stdin"),
    ),
    (
        "pg_dump -Fc | gpg -z 0",
        Kind::Shell(
            "pg_dump -Fc \"$URL\" | gpg --batch --quiet -z 0 --trust-model always -e -r b@example.org >\"$OUT/it\"",
        ),
    ),
    (
        "the recipe: pg_dump -Fc | gpg --encrypt",
        Kind::Shell(
            "pg_dump -Fc \"$URL\" | gpg --batch --quiet --trust-model always -e -r b@example.org >\"$OUT/it\"",
        ),
    ),
];

const FILES: &[(&str, Kind)] = &[
    ("gateward", Kind::Ours("files")),
    ("gateward, zstd", Kind::Ours("files-zstd")),
    (
        "tar | zstd -T2 | age",
        Kind::Shell("tar -cC \"$FILES\" . | zstd -q -T2 | age -r \"$AGE\" >\"$OUT/it\""),
    ),
    ("restic (its own repository)", Kind::Shell("restic --quiet --repo \"$OUT/it\" backup \"$FILES\"")),
    (
        "tar | gpg -z 0",
        Kind::Shell(
            "tar -cC \"$FILES\" . | gpg --batch --quiet -z 0 --trust-model always -e -r b@example.org >\"$OUT/it\"",
        ),
    ),
    (
        "the recipe: tar | gpg --encrypt",
        Kind::Shell(
            "tar -cC \"$FILES\" . | gpg --batch --quiet --trust-model always -e -r b@example.org >\"$OUT/it\"",
        ),
    ),
];

fn is_installed(line: &str) -> bool {
    let there = |program: &str| {
        Command::new("sh")
            .args(["-c", &format!("command -v {program}")])
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    ["zstd", "age", "restic"].iter().all(|program| !line.contains(&format!("{program} ")) || there(program))
}

fn ways(all: &'static [(&'static str, Kind)]) -> Vec<Way> {
    let installed = all.iter().filter(|(_, kind)| match kind {
        Kind::Ours(_) => true,
        Kind::Shell(line) => is_installed(line),
    });
    let way = |(name, kind): &'static (&'static str, Kind)| {
        let kind = match kind {
            Kind::Ours(job) => Kind::Ours(job),
            Kind::Shell(line) => Kind::Shell(line),
        };
        Way { name, kind }
    };
    installed.map(way).collect()
}

fn done(command: &mut Command) -> Outcome<String> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into())
}

impl<'a> Site<'a> {
    /// A key, a keyring, four jobs.
    pub fn make(dir: &Path, cluster: &'a Cluster) -> Outcome<Self> {
        let database = cluster.database("backed_up");
        let url = cluster.socket_url_of("postgres", &database);
        let site = Self { dir: dir.to_owned(), cluster, database, url };
        std::fs::create_dir(dir.join("gpg"))?;
        let generate = ["--batch", "--pinentry-mode", "loopback", "--passphrase", "", "--quick-generate-key"];
        done(site.command("gpg").args(generate).args([
            "b@example.org",
            "future-default",
            "default",
            "never",
        ]))?;
        let key = done(site.command("gpg").args(["--armor", "--export", "b@example.org"]))?;
        std::fs::write(dir.join("key.asc"), key)?;
        let listed = done(site.command("gpg").args(["--list-keys", "--with-colons"]))?;
        let fingerprint = listed.lines().find_map(|line| line.strip_prefix("fpr:")).ok_or("no key")?;
        let fingerprint = fingerprint.trim_matches(':');
        let addresses = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        done(site.gateward().args(["init", "--dir"]).arg(dir.join("full")).args(addresses))?;
        let job = |name: &str, source: String, compress: &str| {
            format!(
                "[[backup]]\nname = \"{name}\"\n{source}\ncompress = \"{compress}\"\nrecipients = [\"{fingerprint}\"]\n\
                 folder = \"out\"\nkeep.last = 1\n"
            )
        };
        let database = || format!("database = {:?}", site.url);
        let files = || "directories = [\"files\"]".to_owned();
        // Without a compress of its own a dump is compressed by pg_dump.
        let compressed_by_pg_dump = job("database", database(), "none").replace("compress = \"none\"\n", "");
        let jobs = [
            job("database-zstd", database(), "zstd"),
            compressed_by_pg_dump,
            job("files", files(), "none"),
            job("files-zstd", files(), "zstd"),
        ];
        let common = "mode = \"test\"\nstore = \"full/gateward.db\"\nkeyring = \"full/keyring.toml\"\nbackup_state = \"state\"\n";
        std::fs::write(dir.join("gateward.toml"), format!("{common}{}", jobs.concat()))?;
        let import = ["backup", "recipient", "import", "key.asc", "--fingerprint", fingerprint];
        done(site.gateward().args(import))?;
        Ok(site)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.dir).env("GNUPGHOME", self.dir.join("gpg"));
        command
    }

    fn gateward(&self) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_gateward"));
        command.env("GATEWARD_CONFIG", self.dir.join("gateward.toml"));
        command
    }

    /// Fills the database with what a data repository has: many small rows of text, JSON and numbers.
    pub fn fill_database(&self, megabytes: usize) {
        // Some 1000 bytes a row, as pg_dump writes it.
        let rows = megabytes * 1000;
        let sql = format!(
            "CREATE TABLE activity (id uuid PRIMARY KEY, at timestamptz, user_id uuid, kind text, data jsonb);
             INSERT INTO activity SELECT gen_random_uuid(), now() - i * interval '1 second', gen_random_uuid(),
                 (ARRAY['new package', 'changed package', 'new user', 'follow dataset'])[1 + i % 4],
                 jsonb_build_object('package', jsonb_build_object('id', gen_random_uuid(), 'state', 'active',
                     'title', 'Measurement ' || i || ' of cells in a channel of 20 um at ' || (i % 97) || ' ul/s',
                     'notes', repeat('deformability cytometry of ' || md5((i / 7)::text) || ' ', 8),
                     'license_id', 'CC-BY-4.0', 'metadata_created', now(), 'resources',
                     jsonb_build_array(jsonb_build_object('sha256', md5(i::text) || md5((-i)::text),
                         'size', (random() * 1e9)::bigint, 'format', 'RT-DC', 'url', 'https://example.org/' || i))))
             FROM generate_series(1, {rows}) AS i;
             CREATE TABLE sample (id bigint PRIMARY KEY, deform real, area real, bright smallint);
             INSERT INTO sample SELECT i, random(), random() * 100, i % 250 FROM generate_series(1, {}) AS i;
             ANALYZE;",
            rows / 2
        );
        self.cluster.psql(&self.database, &sql);
    }

    /// A folder of files that nothing compresses.
    pub fn fill_files(&self, dir: &Path, megabytes: usize) -> Outcome<()> {
        let folder = dir.join("files");
        std::fs::create_dir(&folder)?;
        for at in 0..megabytes.div_ceil(50) {
            let length = 50.min(megabytes - at * 50) as u64 * 1_000_000;
            let mut random = File::open("/dev/urandom")?.take(length);
            std::io::copy(&mut random, &mut File::create(folder.join(format!("{at}.rtdc")))?)?;
        }
        Ok(())
    }

    /// How long what goes in is.
    pub fn bytes(&self, program: &[&str]) -> Outcome<u64> {
        if program == ["tar"] {
            return length_of(&self.dir.join("files"));
        }
        let line = format!("{} \"{}\" | wc --bytes", program.join(" "), self.url);
        Ok(done(self.command("sh").args(["-c", &line]))?.trim().parse()?)
    }

    pub fn ways_of_database(&self) -> Vec<Way> {
        ways(DATABASE)
    }

    pub fn ways_of_files(&self) -> Vec<Way> {
        ways(FILES)
    }

    /// Takes one way, into a fresh folder, and waits until what it wrote is on the disk.
    pub fn take(&self, way: &Way) -> Outcome<Taken> {
        let out = self.dir.join("out");
        if out.exists() {
            std::fs::remove_dir_all(&out)?;
        }
        let mut child = match way.kind {
            Kind::Ours(job) => {
                let mut command = self.gateward();
                command.args(["backup", "run", job]);
                command
            }
            Kind::Shell(line) => {
                use std::os::unix::fs::DirBuilderExt as _;
                std::fs::DirBuilder::new().mode(0o700).create(&out)?;
                if line.contains("restic") {
                    let init = ["--quiet", "--repo", "out/it", "init"];
                    done(self.command("restic").env("RESTIC_PASSWORD", "bench").args(init))?;
                }
                let mut command = self.command("bash");
                command.args(["-o", "pipefail", "-c", &format!("{line}; sync -f \"$OUT\"")]);
                command.env("AGE", self.age_recipient()?);
                command
            }
        };
        child
            .env("URL", &self.url)
            .env("OUT", &out)
            .env("FILES", self.dir.join("files"))
            .env("RESTIC_PASSWORD", "bench")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let begun = Instant::now();
        let mut child = child.spawn()?;
        let mut memory = 0.0f64;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if matches!(way.kind, Kind::Ours(_)) {
                memory = memory.max(resident(child.id()).unwrap_or(0.0));
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let seconds = begun.elapsed().as_secs_f64();
        if !status.success() {
            return Err(format!("{}: {status}", way.name).into());
        }
        Ok(Taken { seconds, memory, bytes: length_of(&out)? })
    }

    /// A throw-away key of age's, made once.
    fn age_recipient(&self) -> Outcome<String> {
        let file = self.dir.join("age.key");
        if !file.exists() && done(self.command("age-keygen").arg("-o").arg(&file)).is_err() {
            return Ok(String::new());
        }
        Ok(done(self.command("age-keygen").arg("-y").arg(&file))?.trim().to_owned())
    }
}

/// The most that was ever resident, in MiB.
fn resident(pid: u32) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1024.0)
}
