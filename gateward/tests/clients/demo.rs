//! `gateward demo`: what it leaves, prints and keeps.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;

use super::installation::{RESTRICTED, gateward};
use super::server::{PATIENCE, wait};
use super::tools::{run, send, start};

const FREE: [&str; 4] = ["--public", "127.0.0.1:0", "--admin", "127.0.0.1:0"];

/// A demo that serves until it is told to stop.
struct Demo {
    process: Child,
    /// Everything that it printed before it began to wait.
    said: String,
}

impl Demo {
    fn start(folder: &Path) -> Self {
        let mut demo = gateward();
        demo.arg("demo").args(FREE).arg("--dir").arg(folder);
        let mut process = start(demo.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()));
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut said = String::new();
        while !said.contains("audit search") && stdout.read_line(&mut said).unwrap() > 0 {}
        Self { process, said }
    }

    /// The commands that it says to try.
    fn commands(&self) -> Vec<&str> {
        let (_, after) = self.said.split_once("in another terminal:").expect(&self.said);
        after.lines().filter(|line| !line.is_empty()).collect()
    }

    fn stop(mut self) -> i32 {
        send(Signal::SIGINT, &self.process);
        wait(&mut self.process)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if self.process.try_wait().is_ok_and(|ended| ended.is_none()) {
            drop(self.process.kill());
            drop(self.process.wait());
        }
    }
}

#[test]
fn the_folder_holds_what_the_contract_names() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path());
    for name in ["ca.pem", "issuer.asc", "token.asc", "operator.txt", "gateward.toml", "gateward.db"] {
        assert!(folder.path().join(name).is_file(), "{name}");
    }
    let mode = std::fs::metadata(folder.path().join("operator.txt")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let token = std::fs::read_to_string(folder.path().join("token.asc")).unwrap();
    assert!(token.starts_with("-----BEGIN PGP SIGNED MESSAGE-----"), "{token}");
    assert_eq!(demo.stop(), 0);
    assert!(folder.path().join("gateward.toml").is_file(), "the folder stays");
    let databases = std::fs::read_dir(folder.path()).unwrap().filter(|file| {
        let bytes = std::fs::read(file.as_ref().unwrap().path()).unwrap_or_default();
        bytes.starts_with(b"SQLite format 3")
    });
    assert_eq!(databases.count(), 1);
}

/// Starts a demo, and returns at the very moment at which its token is there.
fn until_there_is_a_token(folder: &Path) -> Child {
    let mut demo = gateward();
    demo.arg("demo").args(FREE).arg("--dir").arg(folder);
    let process = start(demo.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));
    let begun = std::time::Instant::now();
    while !folder.join("token.asc").exists() {
        assert!(begun.elapsed() < PATIENCE, "no token");
        std::thread::yield_now();
    }
    process
}

/// Counted from the start of the process, with a fresh folder, so with every key still to be made.
/// The debug build took 0.11 to 0.16 s here on two processors.
#[test]
fn it_says_where_everything_is_within_two_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = gateward();
    demo.arg("demo").args(FREE).arg("--dir").arg(folder.path());
    demo.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let begun = std::time::Instant::now();
    let mut demo = Demo { process: start(&mut demo), said: String::new() };
    let mut stdout = BufReader::new(demo.process.stdout.take().unwrap());
    while !demo.said.contains("admin listener") {
        assert!(stdout.read_line(&mut demo.said).unwrap() > 0, "{}", demo.said);
    }
    let taken = begun.elapsed();
    assert!(taken < std::time::Duration::from_secs(2), "{taken:?}");
    for place in [&*folder.path().to_string_lossy(), "public listener", "operator.txt"] {
        assert!(demo.said.contains(place), "{place}: {}", demo.said);
    }
    assert_eq!(demo.stop(), 0);
}

#[test]
fn whoever_sees_the_token_finds_the_door_open() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = until_there_is_a_token(folder.path());
    let file = std::fs::read_to_string(folder.path().join("gateward.toml")).unwrap();
    let (_, port) = file.split_once("listen = \"127.0.0.1:").unwrap();
    let url = format!("https://localhost:{}/auth", port.split('"').next().unwrap());
    let data = format!("@{}", folder.path().join("token.asc").display());
    let ca = folder.path().join("ca.pem");
    let reply = super::server::curl(&url, ca.to_str().unwrap(), &["--data-binary", &data], b"");
    send(Signal::SIGINT, &process);
    wait(&mut process);
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[test]
fn every_command_that_it_prints_works_as_printed() {
    let outer = tempfile::tempdir().unwrap();
    // A name that a shell would fall over, were it not quoted.
    let demo = Demo::start(&outer.path().join("it's a $demo"));
    let commands = demo.commands();
    assert!(commands.len() >= 6, "{commands:?}");
    let said: Vec<String> = commands
        .iter()
        .map(|command| {
            let mut bash = Command::new("bash");
            bash.env_remove("GATEWARD_CONFIG").args(["-c", command]);
            let ran = run(&mut bash, b"");
            assert_eq!(ran.status, 0, "{command}: {}{}", ran.text(), ran.stderr);
            ran.text().to_owned()
        })
        .collect();
    assert_eq!(said[0].trim_end().split(':').count(), 2, "{}", said[0]);
    assert!(demo.said.contains(said[0].trim_end()), "{}", said[0]);
    assert_eq!(said[1], RESTRICTED);
    assert!(said[2].contains("who-are-you"), "{}", said[2]);
    assert!(said[3].contains("accepted"), "{}", said[3]);
    assert!(said[5].contains("released"), "{}", said[5]);
    assert_eq!(demo.stop(), 0);
}

#[test]
fn once_ends_after_the_round_trip_with_0() {
    let folder = tempfile::tempdir().unwrap();
    let demo = run(gateward().args(["demo", "--once"]).args(FREE).arg("--dir").arg(folder.path()), b"");
    let said = demo.good();
    assert!(said.text().contains("is served"), "{}", said.text());
    assert!(folder.path().join("gateward.toml").exists());
}

#[test]
fn a_folder_is_used_again_with_the_services_that_were_added() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Demo::start(folder.path()).stop(), 0);
    std::fs::create_dir(folder.path().join("more")).unwrap();
    std::fs::write(folder.path().join("more/hello.txt"), "hello").unwrap();
    let config = folder.path().join("gateward.toml");
    let file = std::fs::read_to_string(&config).unwrap();
    let service = "\n[[service]]\nkind = \"plain\"\npath = \"/more\"\nupstream = \"dir:more\"\nrequire = [\"login\"]\n\
        [[grant]]\ngroup = \"/epos/demo\"\nservice = \"more\"\n";
    std::fs::write(&config, [&file, service].concat()).unwrap();
    let demo = Demo::start(folder.path());
    let fetch = demo.commands()[1].replace("/files/restricted.txt", "/more/hello.txt");
    assert_eq!(run(Command::new("bash").args(["-c", &fetch]), b"").good().text(), "hello");
    assert_eq!(demo.stop(), 0);
}

#[test]
fn a_folder_is_used_again_at_other_addresses_where_they_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Demo::start(folder.path()).stop(), 0);
    let listeners = || {
        let file = std::fs::read_to_string(folder.path().join("gateward.toml")).unwrap();
        file.lines().filter(|line| line.starts_with("listen")).map(str::to_owned).collect::<Vec<_>>()
    };
    let before = listeners();
    // A free port is the one from before.
    assert_eq!(Demo::start(folder.path()).stop(), 0);
    assert_eq!(listeners(), before);
    // Unless somebody has taken it.
    let port: u16 = before[0].trim_end_matches('"').rsplit(':').next().unwrap().parse().unwrap();
    let _taken = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let once = ["demo", "--once", "--public"];
    let ran = run(gateward().args(once).args(["127.0.0.1:0", "--dir"]).arg(folder.path()), b"");
    ran.good();
    assert_ne!(listeners()[0], before[0]);
    assert_eq!(listeners()[1], before[1]);
    // Another one is another one, also for `serve` afterwards.
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    run(gateward().args(once).args([&other, "--dir"]).arg(folder.path()), b"").good();
    assert_eq!(listeners()[0], format!("listen = \"{other}\""));
}

#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("keyring.toml"), "mine").unwrap();
    let demo = run(gateward().args(["demo", "--once"]).args(FREE).arg("--dir").arg(folder.path()), b"");
    assert_eq!(demo.status, 2);
    assert!(demo.stderr.contains("name another folder"), "{}", demo.stderr);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn it_listens_on_loopback_only() {
    let folder = tempfile::tempdir().unwrap();
    for flag in ["--public", "--admin"] {
        let demo = run(gateward().args(["demo", flag, "0.0.0.0:0", "--dir"]).arg(folder.path()), b"");
        assert_eq!(demo.status, 2);
        assert!(demo.stderr.contains("loopback only"), "{}", demo.stderr);
    }
    assert!(!folder.path().join("gateward.toml").exists());
}

#[test]
fn without_a_folder_nothing_is_left() {
    let outer = tempfile::tempdir().unwrap();
    run(gateward().env("TMPDIR", outer.path()).args(["demo", "--once"]).args(FREE), b"").good();
    assert_eq!(std::fs::read_dir(outer.path()).unwrap().count(), 0);
}

#[test]
fn whoever_stops_it_early_stops_it_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = until_there_is_a_token(folder.path());
    send(Signal::SIGINT, &process);
    assert_eq!(wait(&mut process), 0);
    let config = folder.path().join("gateward.toml");
    let mut search = gateward();
    search.args(["audit", "search", "--config"]).arg(config);
    let events = run(&mut search, b"").good();
    assert!(events.text().lines().last().unwrap().contains("reason=SIGINT"), "{}", events.text());
}
