//! One place outside: asked on a thread of its own, and never waited for longer than a moment.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use audit_log::Checkpoint;
use tokio::sync::oneshot;

use super::{file, witness};
use crate::config::{Anchor, Config};
use crate::flows::anchor;
use crate::flows::audit::Observer;
use crate::flows::door::Door;
use crate::server::tls::{Strictness, strictness};
use crate::server::{feed, system};
use crate::store::checkpoint::StoredCheckpoint;
use crate::store::{self, log};

/// How long a place may take to answer: a disk of another machine may not do so for hours.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a place says nothing, or keeps nothing. It is the operator's to mend, and keeps nobody out.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// A disk that is away, most likely.
    #[error("it has not answered for {} s", PATIENCE.as_secs())]
    Hangs,
    /// What the file is, or what the system says of it.
    #[error(transparent)]
    File(#[from] file::Error),
    /// What a witness says, or why it says nothing.
    #[error(transparent)]
    Witness(#[from] witness::Error),
    /// Why a receiver of syslog is not sent anything.
    #[error("{0}")]
    Syslog(String),
    /// Here nothing can be read.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// How far a place is.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// How many events its newest checkpoint of the log that is written covers.
    pub has: u64,
    /// How many the newest checkpoint covers.
    pub wants: u64,
    /// Why it does not get it.
    pub trouble: Option<String>,
    /// The lines that a witness gave for the checkpoint of this size.
    pub cosigned: Option<(i64, String)>,
}

/// A place outside the store.
#[derive(Debug)]
pub struct Place {
    anchor: Anchor,
    observer: Observer,
    strictness: Strictness,
    patience: Duration,
    /// What it was asked and has not answered yet: nobody asks it more meanwhile.
    asked: tokio::sync::Mutex<Option<oneshot::Receiver<Answer>>>,
    standing: Mutex<Standing>,
}

type Answer = Result<String, file::Error>;

impl Place {
    /// Takes all places from the configuration; nobody asks them yet.
    pub fn all(config: &Config) -> Vec<Self> {
        let place =
            |anchor: &Anchor| Self::new(anchor.clone(), system::observer(config), strictness(config.mode));
        config.audit.anchor.iter().map(place).collect()
    }

    fn new(anchor: Anchor, observer: Observer, strictness: Strictness) -> Self {
        let (asked, standing) = (tokio::sync::Mutex::default(), Mutex::default());
        Self { anchor, observer, strictness, patience: PATIENCE, asked, standing }
    }

    /// As the configuration names it.
    pub fn anchor(&self) -> &Anchor {
        &self.anchor
    }

    /// Returns the newest checkpoints of ours that it has, of each log; none of a receiver of syslog, which tells nobody.
    ///
    /// # Errors
    ///
    /// [`Trouble`].
    pub async fn seen(&self, door: &Door) -> Result<Vec<Checkpoint>, Trouble> {
        let text = match &self.anchor {
            Anchor::File(path) => {
                let path = path.clone();
                self.ask(move || file::tail(&path)).await?
            }
            Anchor::Witness(witness) => match log::all(&door.store.reader).await?.pop() {
                Some(log) => witness::last(witness, &log.origin).await?.unwrap_or_default(),
                None => String::new(),
            },
            Anchor::Syslog(_) => String::new(),
        };
        Ok(anchor::newest(&text, &door.keyring))
    }

    /// Has it keep `newest`, of whose log it has `has` events; once this returns, it does.
    ///
    /// # Errors
    ///
    /// [`Trouble`]: it may keep it all the same.
    pub async fn keep(&self, door: &Door, newest: &StoredCheckpoint, has: u64) -> Result<(), Trouble> {
        match &self.anchor {
            Anchor::File(path) => {
                let (path, note) = (path.clone(), newest.note.clone());
                self.ask(move || file::append(&path, &note).map(|()| String::new())).await.map(drop)
            }
            Anchor::Witness(witness) => {
                let lines = witness::cosigned(witness, &door.store.reader, newest, has).await?;
                self.standing().cosigned = Some((newest.size, lines));
                Ok(())
            }
            Anchor::Syslog(receiver) => {
                let message = anchor::message(newest, &self.observer);
                let sent = feed::send_one(receiver, self.strictness, &message).await;
                sent.map_err(|error| Trouble::Syslog(error.to_string()))
            }
        }
    }

    /// Whether it tells what it has.
    pub fn tells(&self) -> bool {
        !matches!(self.anchor, Anchor::Syslog(_))
    }

    /// Whether there is nothing more to have of it for the checkpoint of `size`: a witness's lines are known since the start.
    pub fn is_done_with(&self, size: i64) -> bool {
        match self.anchor {
            Anchor::File(_) | Anchor::Syslog(_) => true,
            Anchor::Witness(_) => self.cosigned(size).is_some(),
        }
    }

    /// The lines under the checkpoint of `size`, of a witness that has cosigned it.
    pub fn cosigned(&self, size: i64) -> Option<String> {
        let standing = self.standing();
        standing.cosigned.as_ref().filter(|(of, _)| *of == size).map(|(_, lines)| lines.clone())
    }

    /// Has `work` done on a thread that nothing waits for at the end of the program; what was asked before comes first.
    async fn ask(&self, work: impl FnOnce() -> Answer + Send + 'static) -> Result<String, Trouble> {
        let mut asked = self.asked.lock().await;
        if let Some(before) = asked.as_mut() {
            // What it answers late is read anew.
            drop(tokio::time::timeout(self.patience, before).await.map_err(|_| Trouble::Hangs)?);
        }
        let (sender, mut answer) = oneshot::channel();
        *asked = None;
        std::thread::Builder::new()
            .name("anchor".into())
            .spawn(move || drop(sender.send(work())))
            .map_err(file::Error::from)?;
        if let Ok(answered) = tokio::time::timeout(self.patience, &mut answer).await {
            return Ok(answered.map_err(|_| file::Error::from(std::io::Error::other("its thread ended")))??);
        }
        *asked = Some(answer);
        Err(Trouble::Hangs)
    }

    /// How far it is.
    pub fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how many events the newest checkpoint covers.
    pub fn wants(&self, size: u64) {
        self.standing().wants = size;
    }

    /// Notes how many events its own newest covers.
    pub fn has(&self, size: u64) {
        self.standing().has = size;
    }

    /// Notes why it keeps nothing; `None` where it does.
    pub fn note(&self, trouble: Option<String>) {
        self.standing().trouble = trouble;
    }

    /// Tells how far it lags while it keeps nothing.
    pub fn doubt(&self) -> Option<String> {
        let Standing { has, wants, trouble, .. } = self.standing().clone();
        trouble.map(|trouble| format!("anchor {}: has {has} of {wants} events: {trouble}", self.anchor))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.anchor.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_place_that_does_not_answer_is_asked_once_and_again_when_it_did() {
        static ASKED: AtomicU32 = AtomicU32::new(0);
        let anchor = Anchor::File("/nowhere".into());
        let place = Place::new(anchor, Observer::new("here".to_owned()), Strictness::Production);
        let place = Place { patience: Duration::from_millis(50), ..place };
        let (release, waits) = std::sync::mpsc::channel::<()>();
        let hang = move || {
            ASKED.fetch_add(1, Ordering::SeqCst);
            waits.recv().unwrap_err();
            Ok("late".into())
        };
        let ask = || {
            ASKED.fetch_add(1, Ordering::SeqCst);
            Ok("here".into())
        };
        assert!(matches!(place.ask(hang).await, Err(Trouble::Hangs)));
        for _ in 0..3 {
            assert!(matches!(place.ask(ask).await, Err(Trouble::Hangs)));
        }
        assert_eq!(ASKED.load(Ordering::SeqCst), 1, "no thread more hangs there");
        drop(release);
        assert_eq!(place.ask(ask).await.unwrap(), "here");
        assert_eq!(ASKED.load(Ordering::SeqCst), 2);
    }
}
