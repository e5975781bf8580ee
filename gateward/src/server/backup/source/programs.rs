//! Where programs are found, and what they are told by their environment: never a secret.

use std::ffi::OsString;
use std::process::{Command, Stdio};

/// The folders in which programs are looked for: the variable `PATH` of whoever started us.
#[derive(Debug, Clone)]
pub struct Programs(OsString);

impl Programs {
    /// Takes the folders as `PATH` has them, or Debian's.
    pub fn in_folders(path: Option<OsString>) -> Self {
        Self(path.unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into()))
    }

    /// Prepares to start `program`, a path or a name, with nothing to read and nothing of our environment.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", &self.0).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
        command
    }
}
