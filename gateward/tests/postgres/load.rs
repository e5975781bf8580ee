//! Clients that exchange tokens and fetch files all the time, keep what they were told, and hold it
//! against the log afterwards.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::client::{Answer, Client};
use crate::cluster::patience::eventually;
use crate::installation::{Installation, LARGE, Login, Replica};
use crate::log::{Database, Log as _};
use crate::program::SMALL;

/// What clients were told.
#[derive(Default)]
pub struct Told {
    /// The login that each token gave.
    logins: Vec<(String, Login)>,
    /// Tokens that were asked for again after a refusal, with the login that they then gave.
    retried: usize,
    /// Login and path of every file that arrived whole; each path is asked for once.
    arrived: Vec<(String, String)>,
    /// Login and path of every file that was refused or broke off.
    refused: Vec<(String, String)>,
    /// How long the longest answer took.
    longest: Duration,
    /// How many answers were 503.
    shut: usize,
}

/// Clients at work.
pub struct Load<'a> {
    installation: &'a Installation,
    told: Mutex<Told>,
    over: AtomicBool,
    /// How many were 200.
    answers: AtomicU32,
    /// The replica that is killed: connections to no other may break.
    killed: Option<SocketAddr>,
}

/// Somebody who asks one replica.
struct Asker {
    client: Client,
    may_break: bool,
}

impl<'a> Load<'a> {
    pub fn on(installation: &'a Installation) -> Self {
        Self {
            installation,
            told: Mutex::default(),
            over: AtomicBool::new(false),
            answers: 0.into(),
            killed: None,
        }
    }

    /// The same where `replica` is killed meanwhile.
    pub fn that_loses(installation: &'a Installation, replica: &Replica) -> Self {
        Self { killed: Some(replica.public), ..Self::on(installation) }
    }

    /// Lets three clients of each replica work while `meanwhile` runs; returns what they were told.
    #[track_caller]
    pub fn run(self, replicas: &[&Replica], meanwhile: impl FnOnce(&Self)) -> Told {
        std::thread::scope(|scope| {
            for replica in replicas {
                for _ in 0..3 {
                    scope.spawn(|| {
                        let may_break = self.killed == Some(replica.public);
                        let asker = Asker { client: replica.client(), may_break };
                        while !self.over.load(Ordering::SeqCst) {
                            self.exchange_and_fetch(&asker);
                        }
                    });
                }
            }
            // They end also when it fails.
            let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| meanwhile(&self)));
            self.over.store(true, Ordering::SeqCst);
            if let Err(failure) = failed {
                std::panic::resume_unwind(failure);
            }
        });
        self.told.into_inner().unwrap()
    }

    /// Waits until that many more requests were answered with 200.
    #[track_caller]
    pub fn wait_for(&self, more: u32, within: Duration) {
        let goal = self.answers.load(Ordering::SeqCst) + more;
        eventually("requests are answered", within, || self.answers.load(Ordering::SeqCst) >= goal);
    }

    /// Waits until that many more requests were refused because the door is shut.
    #[track_caller]
    pub fn wait_until_shut(&self, more: usize, within: Duration) {
        let shut = || self.told.lock().unwrap().shut;
        let goal = shut() + more;
        eventually("the door is shut", within, || shut() >= goal);
    }

    fn exchange_and_fetch(&self, asker: &Asker) {
        let token = self.installation.token();
        let mut attempts = 0;
        let login = loop {
            attempts += 1;
            if let Some(answer) = self.ask(asker, |client| client.exchange(token.as_bytes())) {
                break answer.login();
            }
            if self.over.load(Ordering::SeqCst) {
                return;
            }
        };
        let mut told = self.told.lock().unwrap();
        told.retried += usize::from(attempts > 1);
        told.logins.push((token, login.clone()));
        drop(told);
        for like in [SMALL, LARGE] {
            let path = self.installation.fresh_file(like);
            let arrived = self.ask(asker, |client| client.get(&path, &login)).is_some();
            let mut told = self.told.lock().unwrap();
            let list = if arrived { &mut told.arrived } else { &mut told.refused };
            list.push((login.0.clone(), path));
        }
    }

    /// Asks once; `None` after a 503, which says when to come back, and where it may break off.
    fn ask(&self, asker: &Asker, ask: impl FnOnce(&Client) -> std::io::Result<Answer>) -> Option<Answer> {
        let begun = Instant::now();
        let answer = ask(&asker.client);
        let mut told = self.told.lock().unwrap();
        told.longest = told.longest.max(begun.elapsed());
        let answer = match answer {
            Ok(answer) => answer,
            // The challenge is answered by 503 as well: no challenge is no break.
            Err(error) if error.to_string().contains("no challenge") && error.to_string().contains("503") => {
                told.shut += 1;
                drop(told);
                std::thread::sleep(COMING_BACK);
                return None;
            }
            Err(error) => {
                assert!(asker.may_break, "a connection broke: {error}");
                drop(told);
                std::thread::sleep(COMING_BACK);
                return None;
            }
        };
        match answer.status {
            200 => {
                self.answers.fetch_add(1, Ordering::SeqCst);
                Some(answer)
            }
            503 => {
                assert!(answer.head.field("retry-after").is_some(), "{answer:?}");
                told.shut += 1;
                drop(told);
                std::thread::sleep(COMING_BACK);
                None
            }
            other => panic!("{other}: {}", answer.text()),
        }
    }
}

/// Sooner than they are asked to, to see when it works again.
const COMING_BACK: Duration = Duration::from_millis(50);

impl Told {
    /// How many answers were 200, and how many 503.
    pub fn counts(&self) -> (usize, usize) {
        (self.logins.len() + self.arrived.len(), self.shut)
    }

    /// How long the longest answer took.
    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// Checks that the log has everything that was acknowledged, once, and nothing half-made; and that
    /// each token gives the same login again on `replica`.
    #[track_caller]
    pub fn check(&self, installation: &Installation, replica: &Replica, log: Database<'_>, within: Duration) {
        eventually("all has ended", within, || log.open() == 0);
        log.check_transactions();
        self.check_acknowledged(installation, replica, log);
    }

    /// The same while some of it may not have ended.
    #[track_caller]
    pub fn check_acknowledged(&self, installation: &Installation, replica: &Replica, log: Database<'_>) {
        log.check();
        let mut recorded: HashMap<(String, String), usize> = HashMap::new();
        let mut made: HashMap<String, usize> = HashMap::new();
        for event in log.events() {
            let who = event.text("who").to_owned();
            match event.kind() {
                "released" | "admitted" => {
                    let path = format!("/files{}", event.text("path"));
                    *recorded.entry((who, path)).or_default() += 1;
                }
                "exchanged" => *made.entry(who).or_default() += usize::from(event.body["repeated"] == false),
                _ => {}
            }
        }
        for file in &self.arrived {
            assert_eq!(recorded.get(file), Some(&1), "{file:?} arrived and should be recorded once");
        }
        for file in &self.refused {
            assert!(recorded.get(file).is_none_or(|times| *times == 1), "{file:?} is recorded twice");
        }
        let listed = installation.run_json(&["login", "list"]);
        let listed: HashSet<&str> = listed.iter().map(|login| login["login"].as_str().unwrap()).collect();
        assert_eq!(listed.len(), made.len(), "each login has its event, and each event its login");
        let client = replica.client();
        let by_login: BTreeMap<&Login, &String> =
            self.logins.iter().map(|(token, login)| (login, token)).collect();
        assert_eq!(by_login.len(), self.logins.len(), "two tokens gave one login");
        for (at, (login, token)) in by_login.into_iter().enumerate() {
            assert!(listed.contains(login.0.as_str()), "{} was handed out and is gone", login.0);
            assert_eq!(made.get(&login.0), Some(&1), "{} was made once", login.0);
            // Each costs an exchange; some will do.
            if at % 8 == 0 {
                assert_eq!(&client.exchange(token.as_bytes()).unwrap().login(), login);
            }
        }
    }
}
