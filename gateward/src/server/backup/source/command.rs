//! A command's standard output.

use std::io::Write;

use backup_manifest::Part;

use crate::flows::backup::source::{Error, Source};
use crate::server::backup::child::Pouring;
use crate::server::backup::programs::Programs;

/// A program with its arguments, started by itself and not by a shell.
#[derive(Debug)]
pub struct Command {
    words: Vec<String>,
    programs: Programs,
}

impl Command {
    /// Prepares to run `words`: a program, by its path or its name, and its arguments.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`]: there are no words.
    pub fn new(words: &[String], programs: &Programs) -> Result<Self, Error> {
        if words.is_empty() {
            return Err(Error::Failed { what: "command".into(), why: "it names no program".into() });
        }
        Ok(Self { words: words.to_vec(), programs: programs.clone() })
    }
}

impl Source for Command {
    fn pour(&mut self, out: &mut dyn Write) -> Result<Vec<Part>, Error> {
        let (program, arguments) = self.words.split_first().expect("it was made with a program");
        let what = format!("the command {program}");
        Pouring::start(&what, self.programs.command(program).args(arguments))?.pour(out, || ())?;
        Ok(vec![Part::Command { program: program.clone() }])
    }

    fn likely_bytes(&self) -> Option<u64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poured(words: &[&str]) -> (Vec<u8>, Result<Vec<Part>, Error>) {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let programs = Programs::find(None, |name| (name == "PATH").then(|| "/usr/bin:/bin".into()));
        let mut out = Vec::new();
        let ended = Command::new(&words, &programs).unwrap().pour(&mut out);
        (out, ended)
    }

    fn why(ended: Result<Vec<Part>, Error>) -> String {
        ended.unwrap_err().to_string()
    }

    #[test]
    fn what_a_command_writes_is_poured_whole() {
        let (out, ended) = poured(&["head", "-c", "1000000", "/dev/zero"]);
        assert_eq!(out.len(), 1_000_000);
        // Its arguments may be secret.
        assert_eq!(ended.unwrap(), [Part::Command { program: "head".into() }]);
    }

    #[test]
    fn a_command_that_fails_after_all_its_output_fails() {
        let (out, ended) =
            poured(&["sh", "-c", "echo all of it; exec >&-; sleep 0.1; echo disk full >&2; exit 3"]);
        assert_eq!(out, b"all of it\n");
        assert_eq!(why(ended), "the command sh: exit status: 3: disk full");
    }

    #[test]
    fn a_command_that_is_killed_fails() {
        let (_, ended) = poured(&["sh", "-c", "echo begun; kill -9 $$"]);
        assert_eq!(why(ended), "the command sh: signal: 9 (SIGKILL): without a word");
    }

    #[test]
    fn a_command_that_cannot_be_started_is_named() {
        let (_, ended) = poured(&["/nowhere/at-all"]);
        assert!(why(ended).contains("/nowhere/at-all cannot be started: No such file"));
    }

    #[test]
    fn of_a_flood_of_words_the_last_are_told() {
        let (_, ended) = poured(&["sh", "-c", "seq 1000000 >&2; echo so it ended >&2; exit 1"]);
        let why = why(ended);
        assert!(why.ends_with("999999; 1000000; so it ended"), "{why}");
        assert!(why.len() < 1000, "{why}");
    }

    #[test]
    fn a_command_finds_nothing_of_our_environment() {
        let (out, ended) = poured(&["env"]);
        ended.unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "LC_ALL=C.UTF-8\nPATH=/usr/bin:/bin\n");
    }

    /// Takes a first piece and no more.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::Error::from(std::io::ErrorKind::StorageFull))
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn when_nobody_takes_the_stream_the_command_and_its_children_are_killed() {
        let folder = tempfile::tempdir().unwrap();
        let pids = folder.path().join("pids");
        let script = format!("sleep 1000 & echo $$ $! >{}; cat /dev/zero", pids.display());
        let words = ["sh", "-c", &script].map(str::to_owned);
        let programs = Programs::find(None, |name| (name == "PATH").then(|| "/usr/bin:/bin".into()));
        let ended = Command::new(&words, &programs).unwrap().pour(&mut Full);
        assert!(matches!(ended, Err(Error::Output(_))), "{ended:?}");
        let pids = std::fs::read_to_string(&pids).unwrap();
        for pid in pids.split_whitespace() {
            let gone = || match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
                Ok(stat) => stat.contains(") Z "),
                Err(_) => true,
            };
            // The grandchild is killed with the group, and reaped by whoever inherits it.
            assert!(
                (0..200).any(|_| gone() || {
                    std::thread::sleep(PAUSE);
                    false
                }),
                "{pid} is alive"
            );
        }
    }

    const PAUSE: std::time::Duration = std::time::Duration::from_millis(10);
}
