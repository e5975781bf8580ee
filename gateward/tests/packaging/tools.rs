//! Starts other programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::Uid;

/// What a program said, whole.
#[derive(Debug)]
pub struct Ran {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Stops the test unless the program ended with 0.
    #[track_caller]
    pub fn good(self) -> Self {
        assert_eq!(self.status, 0, "{}{}", self.stdout, self.stderr);
        self
    }
}

/// Runs a program to its end, without the environment that would change what ours do.
#[track_caller]
pub fn run(command: &mut Command) -> Ran {
    for name in ["GATEWARD_CONFIG", "GATEWARD_KEYRING", "GATEWARD_LOG"] {
        command.env_remove(name);
    }
    let output = match command.stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(error) => panic!("{command:?}: {error}: ./test --install installs what the tests need"),
    };
    Ran {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A program that root runs; somebody else needs sudo.
pub fn as_root(program: &str) -> Command {
    if Uid::effective().is_root() {
        return Command::new(program);
    }
    let mut sudo = Command::new("sudo");
    sudo.args(["--non-interactive", program]);
    sudo
}

/// The top of the repository.
pub fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Runs a script of packaging/ on the program under test; returns the path that it says.
pub fn pack(script: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_gateward")).parent().unwrap();
    let profile = match folder.file_name().unwrap().to_str().unwrap() {
        "debug" => "dev",
        other => other,
    };
    let mut command = Command::new(top().join("packaging").join(script));
    command.args(["--no-build", "--profile", profile]).current_dir(top());
    // The same target folder as cargo's, however it was chosen.
    command.env("CARGO_TARGET_DIR", folder.parent().unwrap());
    // No git, which may not trust a tree that is somebody else's.
    command.env("SOURCE_DATE_EPOCH", "1800000000");
    let said = run(&mut command).good().stdout;
    top().join(said.trim())
}
