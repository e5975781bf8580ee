//! GnuPG, which knows where the secret key is: in its agent, or on a card. It never comes here.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use openpgp::{Fingerprint, NamedKey};

use crate::flows::backup::opening::{Error, Opening, Tried};
use crate::server::outwards::one_line;

/// Opens by `gpg --decrypt`, whose agent asks for passphrases and PINs in its own way.
#[derive(Debug)]
pub struct Agent {
    environment: Vec<(&'static str, OsString)>,
    /// One that waits for what it is to open.
    waiting: Mutex<Option<Running>>,
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
        Self { environment: environment.collect(), waiting: Mutex::new(None) }
    }

    fn waiting(&self) -> MutexGuard<'_, Option<Running>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
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
#[derive(Debug)]
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Opening for Agent {
    fn prepare(&self) -> Result<(), Error> {
        *self.waiting() = Some(self.start()?);
        Ok(())
    }

    fn open(
        &self,
        sealed: &mut (dyn Read + Send),
        out: &mut dyn Write,
        most: u64,
    ) -> Result<Fingerprint, Error> {
        let waiting = self.waiting().take();
        let mut gpg = waiting.map_or_else(|| self.start(), Ok)?;
        let (stdin, stdout, stderr) = (gpg.0.stdin.take(), gpg.0.stdout.take(), gpg.0.stderr.take());
        let (Some(stdin), Some(mut stdout), Some(stderr)) = (stdin, stdout, stderr) else {
            return Err(unable("its streams are not there".into()));
        };
        thread::scope(|scope| {
            let fed = scope.spawn(move || feed(sealed, stdin));
            let said = scope.spawn(move || Said::read(stderr));
            let taken = take(&mut stdout, out, most);
            if taken.is_err() {
                // It would wait for somebody to take more, and the threads for it. One that was started with more
                // rights than we have now cannot be killed, and ends because nobody takes it.
                drop(stdout);
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
        // Named once the session key is found: from there on all that goes wrong is the content's fault.
        if self.has("DECRYPTION_KEY") {
            return Err(Error::Damaged(self.last_words()));
        }
        match self.told("ERROR").find(|words| words.first() == Some(&"pkdecrypt_failed")) {
            Some(words) if is_checksum(words.get(1)) => return Err(Error::Damaged(self.last_words())),
            // A key is there, and was not to be had: a passphrase, a card, a person who said no.
            Some(_) => return Err(unable(self.last_words())),
            None => {}
        }
        if self.has("NO_SECKEY") {
            let needs = self.told("ENC_TO").filter_map(|words| Some(named(words.first()?))).collect();
            return Err(Error::WrongKey { tried: Tried::Gnupg, needs });
        }
        // It has read something, and that was no message.
        if self.has("NODATA") || self.has("BEGIN_DECRYPTION") {
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

/// Whether an error is that of a session key which is not as it was made: `GPG_ERR_CHECKSUM` of libgpg-error,
/// whose numbers have their code in the last 16 bits.
fn is_checksum(number: Option<&&str>) -> bool {
    number.and_then(|number| number.parse::<u32>().ok()).is_some_and(|number| number & 0xffff == 10)
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

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    /// What GnuPG 2.2.40 says, without the lines that nobody reads here.
    fn judged(status: i32, lines: &str) -> Result<Fingerprint, Error> {
        let said = Said::read(lines.as_bytes()).unwrap();
        said.judge(ExitStatus::from_raw(status << 8))
    }

    const OPENED: &str = "\
[GNUPG:] ENC_TO 5FE1C54C21F9CDF5 18 0
[GNUPG:] DECRYPTION_KEY 47DAA3EF9A11F7A1DE4092895FE1C54C21F9CDF5 205D4045C9BEF1F5CEF097291A4F11C3F6435EE2 u
[GNUPG:] BEGIN_DECRYPTION
[GNUPG:] PLAINTEXT 62 1795347861 
[GNUPG:] DECRYPTION_OKAY
[GNUPG:] GOODMDC
[GNUPG:] END_DECRYPTION
";

    #[test]
    fn the_subkey_that_opened_it_is_named() {
        assert_eq!(judged(0, OPENED).unwrap().to_string(), "47DAA3EF9A11F7A1DE4092895FE1C54C21F9CDF5");
    }

    #[test]
    fn only_a_good_end_with_a_good_word_and_one_content_counts() {
        assert!(judged(2, OPENED).is_err());
        for bad in [
            OPENED.replace("[GNUPG:] DECRYPTION_OKAY\n", ""),
            OPENED.replace("[GNUPG:] DECRYPTION_OKAY", "gpg: [GNUPG:] DECRYPTION_OKAY"),
            OPENED.replace("DECRYPTION_OKAY", "DECRYPTION_FAILED"),
            OPENED.replace("[GNUPG:] PLAINTEXT 62 1795347861 \n", ""),
            format!("[GNUPG:] PLAINTEXT 62 1795347861 \n{OPENED}"),
        ] {
            assert!(matches!(judged(0, &bad), Err(Error::Damaged(_))), "{bad}");
        }
    }

    #[test]
    fn a_message_that_was_cut_before_its_content_is_damaged_though_gpg_ends_well() {
        assert!(matches!(judged(0, "[GNUPG:] NODATA 3\n"), Err(Error::Damaged(_))));
    }

    #[test]
    fn who_did_not_type_the_passphrase_is_told_so_and_the_message_is_not_blamed() {
        let said = "[GNUPG:] ENC_TO FE6A2F51BDA73AD0 1 0\n\
                    gpg: public key decryption failed: No pinentry\n\
                    [GNUPG:] ERROR pkdecrypt_failed 67108949\n[GNUPG:] BEGIN_DECRYPTION\n\
                    [GNUPG:] DECRYPTION_FAILED\ngpg: decryption failed: No secret key\n";
        let Err(Error::Unable { why, .. }) = judged(2, said) else { panic!("{:?}", judged(2, said)) };
        assert!(why.contains("No pinentry"), "{why}");
        let damaged = said.replace("67108949", "16777226");
        assert!(matches!(judged(2, &damaged), Err(Error::Damaged(_))));
    }

    #[test]
    fn every_key_that_would_open_it_is_named_where_none_is_here() {
        let said = "[GNUPG:] ENC_TO 5FE1C54C21F9CDF5 18 0\n[GNUPG:] ENC_TO 0000000000000000 18 0\n\
                    [GNUPG:] NO_SECKEY 5FE1C54C21F9CDF5\n[GNUPG:] BEGIN_DECRYPTION\n";
        let Err(Error::WrongKey { needs, tried: Tried::Gnupg }) = judged(2, said) else {
            panic!("{:?}", judged(2, said))
        };
        assert_eq!(needs, ["5FE1C54C21F9CDF5", "a key that it does not name"]);
    }

    #[test]
    fn what_gpg_says_is_kept_up_to_a_bound() {
        let endless = "x\n".repeat(MOST_WORDS) + OPENED;
        assert!(judged(0, &endless).is_err());
    }
}
