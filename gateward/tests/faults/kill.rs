//! `kill -9` at any instant, under load: nothing acknowledged is lost, nothing is half-made.

use std::collections::{HashMap, HashSet};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::cluster::patience::eventually;
use crate::log::Log as _;
use crate::program::{DEMO_GROUP, GATEWARD, SMALL};
use crate::support::{Installation, Pen};

/// How many times the server is killed.
const ROUNDS: u64 = 20;

/// What clients were told before the server was killed.
#[derive(Default)]
struct Acknowledged {
    logins: Vec<(String, String)>,
    /// Login and path of every download that arrived whole.
    downloads: Vec<(String, String)>,
}

struct Load<'a> {
    client: Client,
    pen: Pen<'a>,
    files: &'a [&'a str],
    killed: &'a AtomicBool,
    acknowledged: &'a Mutex<Acknowledged>,
}

impl Load<'_> {
    /// Exchanges and downloads until the server is gone.
    fn run(&self) {
        let Err(error) = self.once();
        // Nothing but the kill may end a connection.
        assert!(self.killed.load(Ordering::SeqCst), "before the kill: {error}");
    }

    fn once(&self) -> std::io::Result<std::convert::Infallible> {
        loop {
            let login = self.client.exchange(self.pen.sign(DEMO_GROUP).as_bytes())?.login();
            self.acknowledged.lock().unwrap().logins.push(login.clone());
            for path in self.files {
                let answer = self.client.get(path, &login)?;
                assert_eq!(answer.status, 200, "{}", answer.text());
                self.acknowledged.lock().unwrap().downloads.push((login.0.clone(), (*path).to_owned()));
            }
        }
    }
}

#[test]
fn twenty_kills_under_load_lose_nothing_acknowledged_and_leave_nothing_half_made() {
    let installation = Installation::make();
    let large = installation.protect("large.bin", 200 * 1024);
    let endless = installation.protect("endless.bin", 512 * 1024 * 1024);
    let files: [&[&str]; 3] = [&[], &[SMALL], &[&large, SMALL]];
    let log = installation.log();
    let mut all = Acknowledged::default();
    let mut running_when_killed = 0;
    for round in 0..ROUNDS {
        let server = installation.serve();
        let first = installation.login();
        let downloading = installation.client().begin(&endless, &first).unwrap();
        assert_eq!(downloading.1.status, 200);
        let acknowledged = Mutex::new(Acknowledged { logins: vec![first], downloads: Vec::new() });
        let killed = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for files in &files {
                let (client, pen) = (installation.client(), installation.pen());
                let load = Load { client, pen, files, killed: &killed, acknowledged: &acknowledged };
                scope.spawn(move || load.run());
            }
            // At another instant in each round: this is the load's time, nothing is waited for.
            std::thread::sleep(Duration::from_millis(150 + round * 37 % 400));
            killed.store(true, Ordering::SeqCst);
            server.kill();
        });
        running_when_killed += 1;
        let acknowledged = acknowledged.into_inner().unwrap();

        let left = log.length();
        let _server = installation.serve();
        eventually("what the kill left is signed", Duration::from_secs(10), || {
            let newest = &log.rows("SELECT coalesce(max(size), 0) FROM checkpoint")[0][0];
            (newest.parse::<u64>().unwrap() >= left).then_some(())
        });
        let listed: HashSet<String> = installation
            .run_json(&["login", "list"])
            .iter()
            .map(|login| login["login"].as_str().unwrap().to_owned())
            .collect();
        let mut connection = installation.client().connect().unwrap();
        for login in &acknowledged.logins {
            assert!(listed.contains(&login.0), "round {round}: {} was acknowledged and is gone", login.0);
            assert_eq!(connection.get(SMALL, login).unwrap().status, 200, "round {round}");
        }
        all.downloads.extend(acknowledged.downloads);
        all.logins.extend(acknowledged.logins);
    }
    installation.close_what_the_killed_left();
    assert!(all.logins.len() > 40 && all.downloads.len() > 40, "there was hardly any load");

    log.check();
    installation.run_json(&["audit", "verify"]);
    let deliveries = log.check_transactions();
    let unknown = deliveries.values().filter(|delivery| *delivery == "unknown").count();
    assert!(unknown >= running_when_killed, "downloads that a kill cut: {unknown}");
    let mut recorded: HashMap<(String, String), usize> = HashMap::new();
    let mut made = HashSet::new();
    for event in log.events() {
        match event.kind() {
            "released" | "admitted" => {
                let path = format!("/files{}", event.text("path"));
                *recorded.entry((event.text("who").to_owned(), path)).or_default() += 1;
            }
            "exchanged" => _ = made.insert(event.text("who").to_owned()),
            _ => {}
        }
    }
    for download in &all.downloads {
        assert!(recorded.contains_key(download), "{download:?} arrived and is not recorded");
    }
    let listed = installation.run_json(&["login", "list"]);
    let listed: HashSet<String> =
        listed.iter().map(|login| login["login"].as_str().unwrap().to_owned()).collect();
    assert_eq!(listed, made, "each login has its event, and each event its login");
}

#[test]
fn a_kill_while_starting_leaves_what_the_next_start_can_use() {
    let installation = Installation::make();
    let begun = Instant::now();
    installation.serve().kill();
    let whole = begun.elapsed();
    for twentieth in 0..20 {
        installation.store().make_anew();
        let server = installation.start(&mut installation.serving());
        std::thread::sleep(whole * twentieth / 20);
        server.kill();
        let server = installation.serve();
        assert_eq!(installation.client().get(SMALL, &installation.login()).unwrap().status, 200);
        server.kill();
        installation.log().check();
    }
}

#[test]
fn a_killed_command_has_done_all_of_its_change_or_nothing() {
    let installation = Installation::make();
    let _server = installation.serve();
    let client = installation.client();
    let begun = Instant::now();
    installation.run_json(&["login", "revoke", &installation.login().0]);
    let whole = begun.elapsed();
    let (mut done, mut tenth) = (0, 0);
    // Later and later, until some came to their end, however slow the machine is.
    while tenth < 20 || done < 3 {
        let token = installation.pen().sign(DEMO_GROUP);
        let login = client.exchange(token.as_bytes()).unwrap().login();
        let since = installation.log().length();
        let mut command = Command::new(GATEWARD);
        command.args(["login", "revoke", &login.0, "--config"]).arg(installation.config());
        let command = installation.start(&mut command);
        std::thread::sleep(whole * tenth / 10);
        command.kill();

        let events = installation.log().events_from(since);
        let is_revoked = events.iter().any(|event| event.kind() == "login_revoked");
        let (exchanged, got) = if is_revoked { (403, 401) } else { (200, 200) };
        assert_eq!(client.get(SMALL, &login).unwrap().status, got, "after {tenth} tenths");
        assert_eq!(client.exchange(token.as_bytes()).unwrap().status, exchanged, "after {tenth} tenths");
        done += usize::from(is_revoked);
        tenth += 1;
    }
    installation.log().check();
}
