//! The command that is run after a failure.

use std::os::fd::AsFd as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::base::backup::JobName;

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `command`; the job's name and the reason are in its environment, as `GATEWARD_BACKUP_JOB` and
/// `GATEWARD_BACKUP_REASON`. What it writes goes to our standard error: the output is the result's.
///
/// # Errors
///
/// Why nobody may have been told, in words.
pub fn raise(command: &[String], job: &JobName, reason: &str) -> Result<(), String> {
    let Some((program, arguments)) = command.split_first() else { return Ok(()) };
    let failed = |why: String| Err(format!("on_failure of {job}: {program}: {why}"));
    let stderr = match std::io::stderr().as_fd().try_clone_to_owned() {
        Ok(stderr) => stderr,
        Err(error) => return failed(format!("our standard error: {error}")),
    };
    let started = Command::new(program)
        .args(arguments)
        .env("GATEWARD_BACKUP_JOB", job.as_str())
        .env("GATEWARD_BACKUP_REASON", reason)
        .stdin(Stdio::null())
        .stdout(stderr)
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return failed(error.to_string()),
    };
    let begun = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return failed(format!("it ended with {status}")),
            Ok(None) if begun.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(50)),
            Ok(None) => {
                // It is killed or was gone already; what matters is told below.
                let _ = child.kill().and_then(|()| child.wait());
                return failed(format!("not done within {} s", PATIENCE.as_secs()));
            }
            Err(error) => return failed(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_told_of_a_failure_learns_which_job_and_why() {
        let folder = tempfile::tempdir().unwrap();
        let told = folder.path().join("told");
        let script = format!("echo \"$GATEWARD_BACKUP_JOB: $GATEWARD_BACKUP_REASON\" > {}", told.display());
        let command = ["/bin/sh".to_owned(), "-c".to_owned(), script];
        raise(&command, &"database".parse().unwrap(), "no room").unwrap();
        assert_eq!(std::fs::read_to_string(told).unwrap(), "database: no room\n");
    }

    #[test]
    fn that_nobody_was_told_is_told() {
        let job = "database".parse().unwrap();
        let fails = ["/bin/sh".to_owned(), "-c".to_owned(), "exit 3".to_owned()];
        assert!(raise(&fails, &job, "why").unwrap_err().contains("exit status: 3"));
        assert!(raise(&["/not/there".to_owned()], &job, "why").unwrap_err().contains("/not/there"));
        assert_eq!(raise(&[], &job, "why"), Ok(()));
    }
}
