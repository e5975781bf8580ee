//! One run of a job on this machine: alone, seen through to its end, and never silent about it.

use std::path::PathBuf;
use std::time::Duration;

use backup_manifest::{Compression, Manifest};
use jiff::Timestamp;
use openpgp::Recipient;

use super::readme;
use super::spool::Spool;
use super::state::{Begun, Failure, Standing, State, Success};
use crate::base::backup::{FileName, FileTemplate, Inside, JobName, Keep};
use crate::base::random::Random;
use crate::base::time::Clock;
use crate::flows::backup::make::{Made, Order, Progress, make};
use crate::flows::backup::prune::{Pruned, prune};
use crate::flows::backup::shelf;
use crate::flows::backup::source::Source;
use crate::flows::backup::target::{self, Target};
use crate::flows::keyring::Keyring;
use crate::flows::record::{BackupWhat, MadeBackup};

/// What every run on this machine uses.
#[derive(Debug)]
pub struct Workshop {
    /// What is kept between runs.
    pub state: State,
    /// What is to be recorded.
    pub spool: Spool,
    /// The keys that manifests are signed with.
    pub keyring: Keyring,
    /// The clock.
    pub clock: Clock,
    /// The random source.
    pub random: Random,
    /// This machine's name.
    pub host: String,
}

/// A job that is ready to be run.
pub struct Ready {
    /// Where the stream comes from.
    pub source: Box<dyn Source>,
    /// What the stream is.
    pub inside: Inside,
    /// How the stream is compressed before it is sealed.
    pub compression: Compression,
    /// How the file is called.
    pub template: FileTemplate,
    /// Whom it is sealed to.
    pub recipients: Vec<Recipient>,
    /// Where it goes.
    pub targets: Vec<Box<dyn Target>>,
    /// The folder among them, which gets a text on how to restore.
    pub folder: Option<PathBuf>,
    /// How long it stays.
    pub keep: Keep,
}

impl std::fmt::Debug for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ready({})", self.template)
    }
}

/// How a run came out.
#[derive(Debug, Default)]
pub struct Ran {
    /// The backup, if there is one, in some place at least.
    pub made: Option<Made>,
    /// What went wrong, in words.
    pub failures: Vec<String>,
    /// What was taken away in each place.
    pub pruned: Vec<(String, Pruned)>,
    /// A run before this one that was killed: the file that it was to make.
    pub found_killed: Option<FileName>,
}

/// Why a run came to nothing before it began.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else runs it.
    #[error("{0} is being run already: it is never run twice at a time")]
    Busy(JobName),
    /// The operator's: nothing can be kept of the run, so that nobody would learn how it ended.
    #[error("{path}: {source}", path = .path.display())]
    State {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Workshop {
    /// Runs `job`, made ready by `ready`, which is asked once the job is ours alone.
    ///
    /// However it ends is laid into the spool and kept as the job's standing; a run that was killed before is
    /// found here and said to have failed.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`]: nothing was done. [`Error::State`]: the backup may be there all the same.
    pub fn run(
        &self,
        job: &JobName,
        ready: impl FnOnce(Timestamp) -> Result<Ready, Unready>,
        progress: &Progress,
    ) -> Result<Ran, Error> {
        let ran = self.run_alone(job, ready, progress);
        if let Err(error @ Error::State { .. }) = &ran {
            // What cannot be kept can perhaps still be laid down; if not, it is said all the same.
            let _ = self.note(failed(job, None, "state", error.to_string()));
        }
        ran
    }

    fn run_alone(
        &self,
        job: &JobName,
        ready: impl FnOnce(Timestamp) -> Result<Ready, Unready>,
        progress: &Progress,
    ) -> Result<Ran, Error> {
        let kept = |source| Error::State { path: self.state.folder().to_owned(), source };
        let Some(_lock) = self.state.lock(job).map_err(kept)? else {
            self.note(failed(job, None, "running", "it was being run already".into())).map_err(kept)?;
            return Err(Error::Busy(job.clone()));
        };
        let standing = self.state.read(job).map_err(kept)?;
        let mut run = Run { workshop: self, job, standing, ran: Ran::default() };
        run.go(ready, progress).map_err(kept)?;
        Ok(run.ran)
    }

    /// Takes away those backups of `job` in `target` that `keep` does not keep. Whoever calls holds its lock.
    ///
    /// # Errors
    ///
    /// What the system said when the event was laid into the spool.
    pub fn prune(&self, job: &JobName, target: &dyn Target, keep: Keep) -> std::io::Result<Pruned> {
        let pruned = prune(target, job, keep, self.now(), &|name| self.manifest(target, name).ok());
        if !pruned.removed.is_empty() {
            let removed = pruned.removed.iter().map(ToString::to_string).collect();
            self.note(BackupWhat::BackupsPruned { job: job.to_string(), place: target.place(), removed })?;
        }
        Ok(pruned)
    }

    /// Reads the manifest in the file `name`, if a key of ours signed it.
    ///
    /// # Errors
    ///
    /// Why it cannot be believed, in words.
    pub fn manifest(&self, target: &dyn Target, name: &FileName) -> Result<Manifest, String> {
        let note = target::read_note(target, name).map_err(|error| error.to_string())?;
        Manifest::read(&note, &self.keyring.manifest_verifiers()).map_err(|error| error.to_string())
    }

    /// Lays down what happened now, to be recorded.
    ///
    /// # Errors
    ///
    /// What the system said.
    pub fn note(&self, what: BackupWhat) -> std::io::Result<()> {
        self.spool.add(what, self.now(), &self.random)
    }

    /// A clock that is not believed still names the time of a backup: that it is made matters more.
    pub fn now(&self) -> Timestamp {
        self.clock.now().unwrap_or_else(|unbelieved| unbelieved.nearest())
    }
}

/// One run, by whoever holds the job's lock.
struct Run<'a> {
    workshop: &'a Workshop,
    job: &'a JobName,
    standing: Standing,
    ran: Ran,
}

impl Run<'_> {
    /// Says how the run before ended if it was killed before it could: it may just have been done.
    fn settle_killed(&mut self, targets: &[Box<dyn Target>]) -> std::io::Result<()> {
        let Some(Begun { at, file }) = self.standing.begun.take() else { return Ok(()) };
        let (manifests, places): (Vec<_>, Vec<_>) = targets
            .iter()
            .filter_map(|target| Some((self.complete(target.as_ref(), &file)?, target.place())))
            .unzip();
        match manifests.into_iter().next() {
            Some(manifest) if places.len() == targets.len() => {
                self.standing.last_success = Some(success(&manifest, file));
                self.workshop.note(BackupWhat::BackupMade(Box::new(said(&manifest, &places))))
            }
            _ => {
                let why = format!("the run that was begun at {at:.0} was killed");
                self.standing.last_failure = Some(Failure { at: self.workshop.now(), why: why.clone() });
                self.workshop.note(failed(self.job, Some(&file), "killed", why))?;
                self.ran.found_killed = Some(file);
                Ok(())
            }
        }
    }

    /// The manifest of `file`, if that lies complete in `target`.
    fn complete(&self, target: &dyn Target, file: &FileName) -> Option<Manifest> {
        let there = target.list().ok()?.into_iter().find(|there| there.name == *file)?;
        shelf::manifest(target, file, there.bytes, &self.workshop.keyring.manifest_verifiers()).ok()
    }

    fn go(
        &mut self,
        ready: impl FnOnce(Timestamp) -> Result<Ready, Unready>,
        progress: &Progress,
    ) -> std::io::Result<()> {
        let now = self.workshop.now();
        let ready = ready(now);
        self.settle_killed(ready.as_ref().map_or(&[][..], |ready| &ready.targets))?;
        match ready {
            Ok(mut ready) => {
                let (now, file) = self.free_name(&ready, now);
                self.standing.begun = Some(Begun { at: now, file: file.clone() });
                self.workshop.state.write(self.job, &self.standing)?;
                self.make(&mut ready, &file, now, progress)?;
            }
            Err(Unready { reason, why }) => self.fail(None, reason, why)?,
        }
        // A crash before: the next run finds out what became of this one.
        self.standing.begun = None;
        self.workshop.state.write(self.job, &self.standing)
    }

    /// Names the file that is begun now, or in the next second where the last run began in this one.
    fn free_name(&self, ready: &Ready, mut now: Timestamp) -> (Timestamp, FileName) {
        let is_zstd = ready.compression == Compression::Zstd;
        let last = self.standing.last_success.as_ref().map(|success| &success.file);
        for _ in 0..15 {
            let file = ready.template.at(now, ready.inside, is_zstd);
            if last != Some(&file) {
                return (now, file);
            }
            std::thread::sleep(Duration::from_millis(100));
            now = self.workshop.now();
        }
        // A clock that stands still: the place refuses the name, and says so.
        (now, ready.template.at(now, ready.inside, is_zstd))
    }

    fn make(
        &mut self,
        ready: &mut Ready,
        file: &FileName,
        now: Timestamp,
        progress: &Progress,
    ) -> std::io::Result<()> {
        let workshop = self.workshop;
        let order = Order {
            job: self.job,
            name: file.clone(),
            host: workshop.host.clone(),
            compression: ready.compression,
            recipients: &ready.recipients,
            started_at: now,
        };
        let last = self.standing.last_success.as_ref().map(|success| success.stream_bytes);
        if let Some(likely) = last.or_else(|| ready.source.likely_bytes()) {
            progress.expect(likely);
        }
        let (signer, seed) = (workshop.keyring.manifest_signer(), workshop.random.bytes());
        let source = ready.source.as_mut();
        let made = match make(&order, source, &ready.targets, signer, &|| workshop.now(), seed, progress) {
            Ok(made) => made,
            Err(error) => return self.fail(Some(file), error.reason(), error.to_string()),
        };
        workshop.note(BackupWhat::BackupMade(Box::new(said(&made.manifest, &made.places))))?;
        if made.failed.is_empty() {
            self.standing.last_success = Some(success(&made.manifest, file.clone()));
        } else {
            let why = made.failed.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            self.fail(Some(file), "target", why)?;
        }
        self.ran.made = Some(made);
        self.tidy(ready)
    }

    /// Leaves each place as it should be once there is a new backup: older ones pruned, the text beside them.
    fn tidy(&mut self, ready: &Ready) -> std::io::Result<()> {
        if let Some(folder) = &ready.folder
            && let Err(error) = readme::lay(folder)
        {
            self.ran.failures.push(format!("{}: the text on how to restore: {error}", folder.display()));
        }
        for target in &ready.targets {
            let pruned = self.workshop.prune(self.job, target.as_ref(), ready.keep)?;
            self.ran.pruned.push((target.place(), pruned));
        }
        Ok(())
    }

    fn fail(&mut self, file: Option<&FileName>, reason: &str, why: String) -> std::io::Result<()> {
        self.standing.last_failure = Some(Failure { at: self.workshop.now(), why: why.clone() });
        self.ran.failures.push(why.clone());
        self.workshop.note(failed(self.job, file, reason, why))
    }
}

/// Why a job cannot be run: the operator's.
#[derive(Debug)]
pub struct Unready {
    /// In one word.
    pub reason: &'static str,
    /// In many.
    pub why: String,
}

fn failed(job: &JobName, file: Option<&FileName>, reason: &str, detail: String) -> BackupWhat {
    let (job, file, reason) = (job.to_string(), file.map(ToString::to_string), reason.to_owned());
    BackupWhat::BackupFailed { job, file, reason, detail }
}

fn success(manifest: &Manifest, file: FileName) -> Success {
    let (bytes, stream_bytes) = (manifest.file.bytes, manifest.stream.bytes);
    Success { at: manifest.finished_at, file, bytes, stream_bytes }
}

fn said(manifest: &Manifest, places: &[String]) -> MadeBackup {
    let took = manifest.finished_at.duration_since(manifest.started_at).as_millis();
    MadeBackup {
        job: manifest.job.clone(),
        file: manifest.backup.clone(),
        places: places.to_vec(),
        bytes: manifest.file.bytes,
        sha256: manifest.file.sha256.clone(),
        recipients: manifest.recipients.iter().map(|key| key.fingerprint.to_uppercase()).collect(),
        duration_ms: u64::try_from(took).unwrap_or(0),
    }
}
