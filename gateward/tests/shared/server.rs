//! A running server, and clients at its doors.

use std::io::{BufRead as _, BufReader};
use std::ops::Deref;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::gnupg::Issuer;
use super::installation::{Installation, gateward};
use super::tools::{Ran, run, send, start};

/// How long a start or an end may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// `gateward serve`, stopped when it is dropped.
pub struct Server {
    /// `None` once another server has taken it over.
    installation: Option<Installation>,
    process: Child,
    log: Log,
    /// 0 where it listens on a Unix socket.
    pub public: u16,
    pub admin: u16,
}

/// What a program writes to standard error, while it runs.
#[derive(Clone)]
struct Log(Arc<Mutex<String>>);

impl Log {
    fn follow(stderr: ChildStderr) -> Self {
        let log = Self(Arc::default());
        let written = log.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut log = written.0.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        log
    }

    fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}

impl Deref for Server {
    type Target = Installation;

    fn deref(&self) -> &Installation {
        self.installation.as_ref().unwrap()
    }
}

impl Server {
    /// Serves `installation`, and returns once the door is open.
    pub fn start(installation: Installation) -> Self {
        let mut serve = gateward();
        serve.arg("serve").arg("--config").arg(installation.config());
        let mut process = start(serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()));
        let log = Log::follow(process.stderr.take().unwrap());
        let begun = Instant::now();
        while !log.text().contains("the door is open") {
            let ended = process.try_wait().unwrap();
            assert!(ended.is_none() && begun.elapsed() < PATIENCE, "{ended:?}: {}", log.text());
            std::thread::sleep(Duration::from_millis(10));
        }
        let said = log.text();
        let port = |name: &str| {
            let (_, place) = said.split_once(&format!("{name}=")).expect(&said);
            match place.split_whitespace().next().unwrap().strip_prefix("127.0.0.1:") {
                Some(port) => port.parse().expect(&said),
                None if place.starts_with("unix:/") => 0,
                None => panic!("{said}"),
            }
        };
        Self { public: port("public"), admin: port("admin"), installation: Some(installation), process, log }
    }

    /// Serves a fresh installation that believes `issuer`.
    pub fn believing(issuer: &Issuer<'_>) -> Self {
        Self::start(Installation::believing(issuer))
    }

    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Stops it and returns its exit status.
    pub fn stop(&mut self) -> i32 {
        send(Signal::SIGTERM, &self.process);
        wait(&mut self.process)
    }

    /// Gives it no time to leave anything in order.
    pub fn kill(&mut self) {
        send(Signal::SIGKILL, &self.process);
        wait(&mut self.process);
    }

    /// Starts it again after its end.
    pub fn again(mut self) -> Self {
        Self::start(self.installation.take().unwrap())
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.public)
    }

    /// curl to the public listener.
    pub fn curl(&self, path: &str, arguments: &[&str], input: &[u8]) -> Reply {
        curl(&self.url(path), self.file("ca.pem").to_str().unwrap(), arguments, input)
    }

    /// curl to the listener for operators.
    pub fn operators(&self, path: &str, arguments: &[&str]) -> Reply {
        let url = format!("https://localhost:{}{path}", self.admin);
        curl(&url, self.file("ca.pem").to_str().unwrap(), arguments, b"")
    }

    /// Sends a signed token as the body of a POST, as users are told to.
    pub fn post(&self, token: &str, more: &[&str]) -> Reply {
        self.curl("/auth", &[&["--data-binary", "@-"], more].concat(), token.as_bytes())
    }

    /// Exchanges a token that is good.
    #[track_caller]
    pub fn exchange(&self, token: &str) -> Credentials {
        Credentials::of(&self.post(token, &[]))
    }

    /// Fetches with HTTP Digest.
    pub fn get(&self, path: &str, login: &Credentials, more: &[&str]) -> Reply {
        let user = login.to_string();
        self.curl(path, &[&["--digest", "--user", &user], more].concat(), b"")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.process.try_wait().is_ok_and(|ended| ended.is_none()) {
            let status = self.stop();
            if !std::thread::panicking() {
                assert_eq!(status, 0, "{}", self.log());
            }
        }
        if std::thread::panicking() {
            eprintln!("the server's log:\n{}", self.log());
        } else {
            assert!(!self.log().contains("panicked"), "{}", self.log());
        }
    }
}

/// Waits for the end of a process; kills one that does not end.
pub fn wait(process: &mut Child) -> i32 {
    let begun = Instant::now();
    loop {
        if let Some(status) = process.try_wait().unwrap() {
            return status.code().unwrap_or(-1);
        }
        if begun.elapsed() > 2 * PATIENCE {
            process.kill().unwrap();
            process.wait().unwrap();
            panic!("process {} did not end", process.id());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Login and password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    pub login: String,
    pub password: String,
}

impl Credentials {
    /// Reads what the exchange answered.
    #[track_caller]
    pub fn of(reply: &Reply) -> Self {
        assert_eq!(reply.status, 200, "{}", reply.text());
        let text = reply.text();
        let (login, password) = text.split_once(':').unwrap();
        Self { login: login.to_owned(), password: password.to_owned() }
    }
}

impl std::fmt::Display for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.login, self.password)
    }
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// Status line and header fields of the last answer.
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }

    /// The reference that a refusal gives, in either form.
    #[track_caller]
    pub fn reference(&self) -> String {
        let text = self.text();
        if let Ok(problem) = serde_json::from_str::<serde_json::Value>(&text) {
            return problem["reference"].as_str().expect(&text).to_owned();
        }
        let (_, after) = text.split_once("Reference:\n").expect(&text);
        after.split_whitespace().next().unwrap().to_owned()
    }
}

/// Runs curl with a certificate authority of its own.
pub fn curl(url: &str, ca: &str, arguments: &[&str], input: &[u8]) -> Reply {
    let head = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new("curl");
    command.args(["--disable", "--silent", "--show-error", "--max-time", "60", "--cacert", ca]);
    command.arg("--dump-header").arg(head.path()).args(arguments).arg(url);
    let Ran { stdout, .. } = run(&mut command, input).good();
    let head = std::fs::read_to_string(head.path()).unwrap();
    let last = head.trim_end().rsplit("\r\n\r\n").next().unwrap().to_owned();
    let status = last.split(' ').nth(1).and_then(|status| status.parse().ok()).expect(&last);
    Reply { status, head: last, body: stdout }
}
