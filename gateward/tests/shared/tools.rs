//! Starts other programs, and says what to install when one is missing.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What a program said, whole.
#[derive(Debug)]
pub struct Ran {
    pub status: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Ran {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    /// Stops the test unless the program ended with 0.
    #[track_caller]
    pub fn good(self) -> Self {
        assert_eq!(self.status, 0, "{}{}", String::from_utf8_lossy(&self.stdout), self.stderr);
        self
    }

    /// What each line of standard output says as JSON.
    #[track_caller]
    pub fn json(&self) -> Vec<serde_json::Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.text().lines().map(parse).collect()
    }
}

/// The Debian package that has a program.
fn package(program: &str) -> &str {
    match program {
        "gpg" | "gpgconf" => "gnupg",
        "nginx" => "nginx-light",
        "apache2" => "apache2-bin",
        "htdigest" => "apache2-utils",
        same => same,
    }
}

/// Starts a program, or stops the test with the package to install.
pub fn start(command: &mut Command) -> Child {
    match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let program = command.get_program().to_string_lossy();
            panic!(
                "{program} is missing: install the Debian package {}, or run ./test --install",
                package(&program)
            );
        }
        Err(error) => panic!("{command:?}: {error}"),
    }
}

/// Runs a program to its end.
pub fn run(command: &mut Command, input: &[u8]) -> Ran {
    let mut child = start(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // It may stop reading early; what it says about that is what matters.
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    Ran {
        status: output.status.code().unwrap_or(-1),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A Python that has `requests`.
pub fn python() -> Command {
    static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/venv/bin/python3");
        let found = [here, "python3".into()].into_iter().find(|python| {
            let asked = Command::new(python).args(["-c", "import requests"]).stderr(Stdio::null()).status();
            asked.is_ok_and(|status| status.success())
        });
        found.expect("the PyPI package requests is missing in target/venv: run ./test --install")
    });
    Command::new(PYTHON.as_path())
}

/// Sends a signal to a process that we started.
pub fn send(signal: Signal, process: &Child) {
    kill(Pid::from_raw(process.id().cast_signed()), signal).unwrap();
}
