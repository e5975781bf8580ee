//! GnuPG, which knows where the secret key is: in its agent, or on a card. It never comes here.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;

use openpgp::{Fingerprint, NamedKey};

use crate::flows::backup::opening::{Error, Opening};
use crate::server::outwards::one_line;

/// Opens by `gpg --decrypt`, whose agent asks for passphrases and PINs in its own way.
#[derive(Debug)]
pub struct Agent {
    environment: Vec<(&'static str, OsString)>,
}

/// What `gpg` finds its keys with, and its agent the person.
const NEEDED: [&str; 10] = [
    "PATH",
    "HOME",
    "GNUPGHOME",
    "GPG_TTY",
    "TERM",
    "DISPLAY",
    "XAUTHORITY",
    "WAYLAND_DISPLAY",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
];

/// How much of what `gpg` says is kept, in bytes: its status lines come first.
const MOST_WORDS: usize = 64 * 1024;

impl Agent {
    /// Takes from the environment, by name, what GnuPG needs, and nothing else.
    pub fn new(variable: impl Fn(&OsStr) -> Option<OsString>) -> Self {
        let environment = NEEDED.into_iter().filter_map(|name| Some((name, variable(OsStr::new(name))?)));
        Self { environment: environment.collect() }
    }

    fn start(&self) -> Result<Running, Error> {
        Command::new("gpg")
            // Without extra descriptors: status lines have a beginning that nothing else on standard error has.
            .args(["--batch", "--no-tty", "--status-fd", "2", "--output", "-", "--decrypt"])
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map(Running)
            .map_err(|error| unable(error.to_string()))
    }
}

fn unable(why: String) -> Error {
    Error::Unable { what: "gpg --decrypt".into(), why }
}

/// Ends with us.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Opening for Agent {
    fn open(
        &self,
        sealed: &mut (dyn Read + Send),
        out: &mut dyn Write,
        most: u64,
    ) -> Result<Fingerprint, Error> {
        let mut gpg = self.start()?;
        let (stdin, stdout, stderr) = (gpg.0.stdin.take(), gpg.0.stdout.take(), gpg.0.stderr.take());
        let (Some(stdin), Some(mut stdout), Some(stderr)) = (stdin, stdout, stderr) else {
            return Err(unable("its streams are not there".into()));
        };
        thread::scope(|scope| {
            let fed = scope.spawn(move || feed(sealed, stdin));
            let said = scope.spawn(move || Said::read(stderr));
            let taken = take(&mut stdout, out, most);
            if taken.is_err() {
                // It would wait for somebody to take more, and the threads for it.
                drop(gpg);
                return taken.and(Err(unable("it was ended".into())));
            }
            let status = gpg.0.wait().map_err(|error| unable(error.to_string()))?;
            let said = joined(said)?.map_err(|error| unable(error.to_string()))?;
            // Of a file that could not be read to its end gpg knows only that it is cut.
            joined(fed)?.map_err(Error::Input)?;
            said.judge(status)
        })
    }
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> Result<T, Error> {
    thread.join().map_err(|_| unable("a thread of ours broke off".into()))
}

/// Hands all of it over, as far as it is wanted.
fn feed(sealed: &mut (dyn Read + Send), mut stdin: ChildStdin) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = match sealed.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if stdin.write_all(&buffer[..read]).is_err() {
            // It says itself why it wants no more.
            return Ok(());
        }
    }
}

fn take(stdout: &mut impl Read, out: &mut dyn Write, most: u64) -> Result<(), Error> {
    let mut buffer = vec![0; 64 * 1024];
    let mut left = most;
    loop {
        let read = match stdout.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unable(error.to_string())),
        };
        left = left.checked_sub(read as u64).ok_or(Error::TooLong(most))?;
        out.write_all(&buffer[..read]).map_err(Error::Output)?;
    }
}

/// What `gpg` wrote to its standard error.
#[derive(Debug, Default)]
struct Said {
    /// Lines for programs (GnuPG's doc/DETAILS, "Format of the --status-fd output"), without their beginning.
    status: Vec<String>,
    /// Lines for people.
    words: Vec<String>,
}

impl Said {
    fn read(stderr: impl Read) -> io::Result<Self> {
        let (mut said, mut room) = (Self::default(), MOST_WORDS);
        for line in BufReader::new(stderr).split(b'\n') {
            let line = line?;
            // Read on all the same: it must not wait for us.
            if let Some(left) = room.checked_sub(line.len()) {
                room = left;
                said.take(&String::from_utf8_lossy(&line));
            }
        }
        Ok(said)
    }

    fn take(&mut self, line: &str) {
        match line.strip_prefix("[GNUPG:] ") {
            Some(status) => self.status.push(status.to_owned()),
            None => self.words.push(line.to_owned()),
        }
    }

    /// The arguments of the status lines with this keyword.
    fn told<'a>(&'a self, keyword: &'a str) -> impl Iterator<Item = Vec<&'a str>> {
        self.status.iter().filter_map(move |line| {
            let mut words = line.split(' ');
            (words.next() == Some(keyword)).then(|| words.collect())
        })
    }

    fn has(&self, keyword: &str) -> bool {
        self.told(keyword).next().is_some()
    }

    fn judge(&self, status: ExitStatus) -> Result<Fingerprint, Error> {
        if status.success() && self.has("DECRYPTION_OKAY") && self.told("PLAINTEXT").count() == 1 {
            let key = self.told("DECRYPTION_KEY").find_map(|words| words.first()?.parse().ok());
            return key.ok_or_else(|| unable("it does not say which key opened it".into()));
        }
        // A key is there, and was not to be had: a passphrase, a card, a person who said no.
        let refused = self.told("ERROR").any(|words| words.first() == Some(&"pkdecrypt_failed"));
        if self.has("BEGIN_DECRYPTION") {
            return Err(Error::Damaged(self.last_words()));
        }
        if !refused && self.has("NO_SECKEY") {
            let needs = self.told("ENC_TO").filter_map(|words| Some(named(words.first()?))).collect();
            return Err(Error::WrongKey { needs });
        }
        if self.has("NODATA") {
            return Err(Error::Damaged(self.last_words()));
        }
        Err(unable(self.last_words()))
    }

    fn last_words(&self) -> String {
        let last = self.words.iter().rev().map(|line| line.trim()).filter(|line| !line.is_empty()).take(2);
        let mut last: Vec<&str> = last.collect();
        last.reverse();
        let words = one_line(&last.join("; "));
        if words.is_empty() { "it said nothing".into() } else { words }
    }
}

/// As we name keys elsewhere.
fn named(id: &str) -> String {
    let bytes = data_encoding::HEXUPPER_PERMISSIVE.decode(id.as_bytes()).ok();
    match bytes.and_then(|bytes| <[u8; 8]>::try_from(bytes).ok()) {
        Some([0, 0, 0, 0, 0, 0, 0, 0]) => NamedKey::Hidden.to_string(),
        Some(id) => NamedKey::KeyId(id).to_string(),
        None => one_line(id),
    }
}
