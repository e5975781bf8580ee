//! One run of the program, on a terminal of its own or on none.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::Pid;
use serde_json::Value;

use crate::tools::start;

/// A run that is prepared.
pub struct Call {
    command: Command,
    on_terminal: bool,
    tells_all_there: bool,
    answers: VecDeque<(String, String)>,
}

/// A run that goes on.
pub struct Running {
    child: Ended,
    out: JoinHandle<String>,
    err: JoinHandle<String>,
    terminal: Option<(File, JoinHandle<String>)>,
}

/// Ends with the test, whatever became of that.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What a run said, and where.
#[derive(Debug)]
pub struct Said {
    /// `None` where a signal ended it.
    pub status: Option<i32>,
    pub signal: Option<i32>,
    pub out: String,
    pub err: String,
    /// What stood on the terminal, what was typed there included where it is shown.
    pub terminal: String,
}

/// Gives standard input away, and goes on as the program: the process stays the same one.
const WITH_INPUT: &str = r#"input=$1; shift; exec "$@" <"$input""#;

impl Call {
    /// The program, working in `desk`; its temporary files go to `desk/../tmp`.
    pub fn new(desk: &Path, arguments: &[&str], input: Option<&Path>, on_terminal: bool) -> Self {
        // A session of its own: no terminal is there but the one that it is given; and signals as at a login,
        // whatever whoever runs the tests ignores.
        let mut command = Command::new("env");
        command.args(["--default-signal", "setsid"]);
        if on_terminal {
            command.arg("--ctty");
        }
        command.args(["sh", "-c", WITH_INPUT, "sh"]).arg(input.unwrap_or(Path::new("/dev/null")));
        command.arg(env!("CARGO_BIN_EXE_gateward")).args(arguments);
        for variable in ["CONFIG", "KEYRING", "LOG", "STORE"] {
            command.env_remove(format!("GATEWARD_{variable}"));
        }
        command.current_dir(desk).env("TMPDIR", desk.with_file_name("tmp")).env("PYTHONWARNINGS", "ignore");
        Self { command, on_terminal, tells_all_there: false, answers: VecDeque::new() }
    }

    pub fn path(self, path: &str) -> Self {
        self.variable("PATH", path)
    }

    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Types `answer` once `question` stands on the terminal.
    pub fn answering(mut self, question: &str, answer: &str) -> Self {
        self.answers.push_back((question.to_owned(), format!("{answer}\n")));
        self
    }

    /// Standard output and error go to its terminal, too.
    pub fn telling_all_there(mut self) -> Self {
        self.tells_all_there = true;
        self
    }

    pub fn start(self) -> Running {
        let Self { mut command, on_terminal, tells_all_there, answers } = self;
        let terminal = on_terminal.then(|| {
            let (master, slave) = terminal();
            command.stdin(slave.try_clone().unwrap());
            // Somebody has it open all the while, or it would hang up.
            (slave, std::thread::spawn(|| converse(master, answers)))
        });
        if !on_terminal {
            command.stdin(Stdio::null());
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if let (true, Some((slave, _))) = (tells_all_there, &terminal) {
            command.stdout(slave.try_clone().unwrap()).stderr(slave.try_clone().unwrap());
        }
        let mut child = start(&mut command);
        let (out, err) = (reading(child.stdout.take()), reading(child.stderr.take()));
        // It has the terminal open, too.
        drop(command);
        Running { child: Ended(child), out, err, terminal }
    }

    pub fn run(self) -> Said {
        self.start().finish()
    }
}

impl Running {
    /// Its process, which is its session, too.
    pub fn pid(&self) -> i32 {
        self.child.0.id().cast_signed()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.0.try_wait().unwrap().is_some()
    }

    /// Whether what is typed on its terminal is shown there.
    pub fn shows_what_is_typed(&self) -> bool {
        let (terminal, _) = self.terminal.as_ref().unwrap();
        tcgetattr(terminal).unwrap().local_flags.contains(LocalFlags::ECHO)
    }

    pub fn finish(mut self) -> Said {
        let status = self.child.0.wait().unwrap();
        Said {
            status: status.code(),
            signal: status.signal(),
            out: self.out.join().unwrap(),
            err: self.err.join().unwrap(),
            terminal: self.terminal.map(hang_up).unwrap_or_default(),
        }
    }
}

impl Said {
    /// Stops the test unless all was done.
    #[track_caller]
    pub fn good(self) -> Self {
        assert_eq!(self.status, Some(0), "{}{}", self.out, self.err);
        self
    }

    /// Stops the test unless it ended with `status` and these words on standard error or output.
    #[track_caller]
    pub fn refused(&self, status: i32, words: &str) {
        assert_eq!(self.status, Some(status), "{self:?}");
        assert!(self.err.contains(words) || self.out.contains(words), "no {words:?} in {self:?}");
    }

    /// What was printed as JSON, one object a line.
    #[track_caller]
    pub fn json(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.out.lines().map(parse).collect()
    }

    /// The passphrase of `user`, as the terminal showed it; of several, the last.
    pub fn passphrase(&self, user: &str) -> Option<String> {
        let (_, told) = self.terminal.rsplit_once(&format!("For {user}, "))?;
        let line = told.lines().find_map(|line| line.trim().strip_prefix("passphrase "))?;
        Some(line.trim().to_owned())
    }
}

/// Ends a conversation; returns what was shown.
fn hang_up((terminal, shown): (File, JoinHandle<String>)) -> String {
    drop(terminal);
    shown.join().unwrap()
}

/// A terminal whose ends no other process inherits by chance.
fn terminal() -> (PtyMaster, File) {
    let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let path = PathBuf::from(ptsname_r(&master).unwrap());
    let slave = {
        use std::os::unix::fs::OpenOptionsExt as _;
        File::options().read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits()).open(path).unwrap()
    };
    (master, slave)
}

/// Reads what the terminal shows until nobody has it any more, and types the answers.
fn converse(mut master: PtyMaster, mut answers: VecDeque<(String, String)>) -> String {
    let (mut shown, mut seen) = (Vec::new(), 0);
    let mut piece = [0; 4096];
    // At its end the system says EIO.
    while let Ok(length @ 1..) = master.read(&mut piece) {
        shown.extend_from_slice(&piece[..length]);
        let text = String::from_utf8_lossy(&shown[seen..]).into_owned();
        if let Some((question, answer)) = answers.front()
            && text.contains(question.as_str())
        {
            seen = shown.len();
            master.write_all(answer.as_bytes()).unwrap();
            answers.pop_front();
        }
    }
    String::from_utf8_lossy(&shown).replace("\r\n", "\n")
}

fn reading(from: Option<impl std::io::Read + Send + 'static>) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut from) = from {
            from.read_to_end(&mut bytes).unwrap();
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
