//! Takes away the backups of a job that no rule keeps.

use std::collections::BTreeMap;

use backup_manifest::Manifest;
use jiff::{SignedDuration, Timestamp};

use super::keep::{Dated, surplus};
use super::target::{Error, Found, Target};
use crate::base::backup::{FileName, JobName, Keep};

/// What became of a job's backups in one place.
#[derive(Debug, Default)]
pub struct Pruned {
    /// The backups that are gone, the oldest first. The event names them, also if it stopped in between.
    pub removed: Vec<FileName>,
    /// The backups that count for nothing and are left alone until somebody has looked at them.
    pub doubtful: Vec<(FileName, Doubt)>,
    /// Why it went no further.
    pub stopped: Option<Error>,
}

/// Why nobody can say whose a backup is, or whether it is any good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// The operator's: it may be another installation's, or a key is missing, or somebody changed it.
    #[error("its manifest cannot be read, or no key of ours signed it")]
    Manifest,
    /// The operator's: somebody changed the file, or the target lost a piece of it.
    #[error("it has not the length that its manifest says")]
    Length,
}

/// How long a manifest may lie there without its backup: a large one takes its time to be completed.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);

/// Takes away those backups of `job` in `target` that `keep` does not keep, and what lies beside them.
///
/// `read` gives the manifest in a file if a key of ours signed it. Only what such a manifest names as this
/// job's is ever touched. Whoever calls has the job to themselves, and records what is returned.
///
/// A backup goes before its manifest, which goes last. So a crash leaves a manifest without a backup, never a
/// backup without a manifest; the next call finds it and takes it away with what else it left.
pub fn prune(
    target: &dyn Target,
    job: &JobName,
    keep: Keep,
    now: Timestamp,
    read: &dyn Fn(&FileName) -> Option<Manifest>,
) -> Pruned {
    let mut pruned = Pruned::default();
    pruned.stopped = match target.list() {
        Ok(files) => Pruning { target, job, keep, now, read }.prune(&files, &mut pruned).err(),
        Err(error) => Some(error),
    };
    pruned
}

/// What it is about.
struct Pruning<'a> {
    target: &'a dyn Target,
    job: &'a JobName,
    keep: Keep,
    now: Timestamp,
    read: &'a dyn Fn(&FileName) -> Option<Manifest>,
}

impl Pruning<'_> {
    fn prune(&self, files: &[Found], pruned: &mut Pruned) -> Result<(), Error> {
        let lengths: BTreeMap<&FileName, u64> = files.iter().map(|file| (&file.name, file.bytes)).collect();
        let mut complete = Vec::new();
        let mut left_by_a_crash = Vec::new();
        for name in files.iter().filter_map(|file| file.name.of_manifest()) {
            let Some(manifest) = (self.read)(&name.manifest()).filter(|said| said.backup == name.as_str())
            else {
                pruned.doubtful.push((name, Doubt::Manifest));
                continue;
            };
            if manifest.job != self.job.as_str() {
                continue;
            }
            match lengths.get(&name) {
                Some(bytes) if *bytes == manifest.file.bytes => complete.push(Dated {
                    is_held: lengths.contains_key(&name.hold()),
                    started_at: manifest.started_at,
                    name,
                }),
                Some(_) => pruned.doubtful.push((name, Doubt::Length)),
                None if self.now.duration_since(manifest.finished_at) > PATIENCE => {
                    left_by_a_crash.push(name);
                }
                None => {}
            }
        }
        for name in left_by_a_crash {
            self.clear(&name, files)?;
        }
        for name in surplus(&complete, self.keep, self.now) {
            if self.is_held_by_now(&name)? {
                continue;
            }
            self.target.remove(&name)?;
            pruned.removed.push(name.clone());
            self.clear(&name, files)?;
        }
        Ok(())
    }

    /// Somebody may have laid a hold since all files were listed.
    fn is_held_by_now(&self, name: &FileName) -> Result<bool, Error> {
        match self.target.read(&name.hold()) {
            Ok(_) => Ok(true),
            Err(Error::Missing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes away what lies beside a backup that is gone; its manifest last, by which the rest is found.
    fn clear(&self, name: &FileName, files: &[Found]) -> Result<(), Error> {
        let drills = files.iter().filter(|file| file.name.of_drill().as_ref() == Some(name));
        for drill in drills {
            self.target.remove(&drill.name)?;
        }
        self.target.remove(&name.manifest())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::{Cursor, Read};
    use std::sync::Mutex;

    use backup_manifest::{Compression, Measure};

    use super::*;
    use crate::flows::backup::target::Upload;

    /// A target in memory, which stops at the `patience`th removal.
    struct Memory {
        files: Mutex<BTreeMap<FileName, Vec<u8>>>,
        patience: Mutex<usize>,
        /// What somebody lays there when a hold is looked for.
        hold_meanwhile: Option<FileName>,
    }

    impl Target for Memory {
        fn place(&self) -> String {
            "memory".into()
        }

        fn begin(&self, _: &FileName) -> Result<Box<dyn Upload>, Error> {
            unreachable!("nothing is written")
        }

        fn put(&self, _: &FileName, _: &[u8]) -> Result<(), Error> {
            unreachable!("nothing is written")
        }

        fn list(&self) -> Result<Vec<Found>, Error> {
            let files = self.files.lock().unwrap();
            let found = |(name, bytes): (&FileName, &Vec<u8>)| Found {
                name: name.clone(),
                bytes: bytes.len() as u64,
            };
            Ok(files.iter().map(found).collect())
        }

        fn read(&self, name: &FileName) -> Result<Box<dyn Read + Send>, Error> {
            let there = self.files.lock().unwrap().get(name).cloned();
            let there = there.or((self.hold_meanwhile.as_ref() == Some(name)).then(Vec::new));
            let missing = || Error::Missing { place: self.place(), name: name.clone() };
            Ok(Box::new(Cursor::new(there.ok_or_else(missing)?)))
        }

        fn remove(&self, name: &FileName) -> Result<(), Error> {
            let mut patience = self.patience.lock().unwrap();
            if *patience == 0 {
                return Err(Error::Failed { place: self.place(), why: "gone".into() });
            }
            *patience -= 1;
            self.files.lock().unwrap().remove(name);
            Ok(())
        }
    }

    impl Memory {
        fn new() -> Self {
            Self { files: Mutex::default(), patience: Mutex::new(usize::MAX), hold_meanwhile: None }
        }

        fn lay(&self, name: &str, content: &[u8]) {
            self.files.lock().unwrap().insert(file(name), content.to_vec());
        }

        /// Lays a backup of 3 bytes, with its manifest as plain JSON.
        fn lay_backup(&self, name: &str, job: &str, day: i8) {
            self.lay(name, b"abc");
            self.lay_manifest(name, job, day);
        }

        fn lay_manifest(&self, name: &str, job: &str, day: i8) {
            let begun = at(day);
            let measure = Measure { bytes: 3, sha256: String::new() };
            let manifest = Manifest {
                backup: name.into(),
                job: job.into(),
                host: "h".into(),
                made_by: "gateward".into(),
                started_at: begun,
                finished_at: begun,
                file: measure.clone(),
                stream: measure,
                compression: Compression::None,
                protection: String::new(),
                recipients: Vec::new(),
                parts: Vec::new(),
            };
            self.lay(&format!("{name}.manifest"), &serde_json::to_vec(&manifest).unwrap());
        }

        fn manifest(&self, name: &FileName) -> Option<Manifest> {
            serde_json::from_slice(self.files.lock().unwrap().get(name)?).ok()
        }

        fn prune(&self, last: u32) -> Pruned {
            let keep = Keep { last, ..Keep::default() };
            prune(self, &"ours".parse().unwrap(), keep, at(28), &|name| self.manifest(name))
        }

        fn names(&self) -> Vec<String> {
            self.files.lock().unwrap().keys().map(ToString::to_string).collect()
        }
    }

    fn file(name: &str) -> FileName {
        name.parse().unwrap()
    }

    fn at(day: i8) -> Timestamp {
        format!("2026-11-{day:02}T00:02:00Z").parse().unwrap()
    }

    /// Three of ours, the oldest with a drill.
    fn three() -> Memory {
        let there = Memory::new();
        for (name, day) in [("a", 1), ("b", 2), ("c", 3)] {
            there.lay_backup(name, "ours", day);
        }
        there.lay("a.2026-11-02_00-00-00.drill", b"");
        there
    }

    #[test]
    fn the_oldest_go_with_all_that_lies_beside_them() {
        let there = three();
        let pruned = there.prune(2);
        assert_eq!(pruned.removed, [file("a")]);
        assert!(pruned.doubtful.is_empty() && pruned.stopped.is_none(), "{pruned:?}");
        assert_eq!(there.names(), ["b", "b.manifest", "c", "c.manifest"]);
        assert_eq!(there.prune(2).removed, []);
    }

    #[test]
    fn what_is_held_or_the_newest_stays() {
        let there = three();
        there.lay("a.hold", b"");
        assert_eq!(there.prune(0).removed, [file("b")]);
        assert!(there.names().contains(&"a".to_owned()) && there.names().contains(&"c".to_owned()));
    }

    #[test]
    fn a_hold_that_is_laid_meanwhile_still_holds() {
        let mut there = three();
        there.hold_meanwhile = Some(file("a.hold"));
        assert_eq!(there.prune(1).removed, [file("b")]);
        assert!(there.names().contains(&"a.2026-11-02_00-00-00.drill".to_owned()));
    }

    #[test]
    fn what_others_laid_there_is_never_touched() {
        let there = three();
        there.lay_backup("another-job", "theirs", 1);
        there.lay("older-script", b"abc");
        there.lay("README", b"abc");
        let before = there.names();
        there.prune(1);
        for name in ["another-job", "another-job.manifest", "older-script", "README"] {
            assert!(before.contains(&name.to_owned()) && there.names().contains(&name.to_owned()), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_believed_is_left_and_said_and_counts_for_nothing() {
        let there = three();
        there.lay("c", b"cut");
        there.lay("c.manifest", b"changed");
        there.lay("b", b"ab");
        there.lay_manifest("d", "ours", 4);
        there.lay("d", b"abc");
        // A manifest of another backup, under this one's name.
        let other = there.files.lock().unwrap()[&file("a.manifest")].clone();
        there.lay("d.manifest", &other);
        let pruned = there.prune(1);
        assert_eq!(pruned.removed, [], "a is the newest good one");
        assert_eq!(
            pruned.doubtful,
            [(file("b"), Doubt::Length), (file("c"), Doubt::Manifest), (file("d"), Doubt::Manifest)]
        );
    }

    #[test]
    fn stopped_anywhere_no_backup_is_without_its_manifest_and_the_next_time_clears_up() {
        for patience in 0..6 {
            let there = three();
            *there.patience.lock().unwrap() = patience;
            let pruned = there.prune(1);
            assert_eq!(pruned.stopped.is_some(), patience < 5, "{patience}");
            let names = there.names();
            for name in ["a", "b", "c"] {
                let is_there = |name: &str| names.iter().any(|other| other == name);
                assert!(!is_there(name) || is_there(&format!("{name}.manifest")), "{patience}: {names:?}");
                assert_eq!(pruned.removed.contains(&file(name)), !is_there(name), "{patience}");
            }
            *there.patience.lock().unwrap() = usize::MAX;
            there.prune(1);
            assert_eq!(there.names(), ["c", "c.manifest"], "{patience}");
        }
    }

    #[test]
    fn a_manifest_whose_backup_may_still_be_completed_stays() {
        let there = three();
        there.lay_manifest("late", "ours", 28);
        there.lay_manifest("lost", "ours", 20);
        let pruned = there.prune(3);
        assert_eq!((pruned.removed, pruned.stopped.is_none()), (Vec::new(), true));
        assert!(there.names().contains(&"late.manifest".to_owned()));
        assert!(!there.names().contains(&"lost.manifest".to_owned()));
    }
}
