//! The gate: what requests need once the program is ready, or what it waits for until then.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;
use signed_note::VerifierKey;
use tokio::sync::{mpsc, watch};

use super::anchors::Place;
use super::answer::{self, Problem};
use super::handshake::Failing;
use super::htdigest::Htdigest;
use super::services::Protected;
use super::watch::Seen;
use crate::base::name::UrlPath;
use crate::base::time::{Clock, Unbelieved};
use crate::flows::audit::Observer;
use crate::flows::door::Door;

/// Everything that requests need, once it is there.
#[derive(Debug)]
pub struct Opened {
    /// What every decision needs.
    pub door: Arc<Door>,
    /// What is protected.
    pub services: Arc<[Protected]>,
    /// The file that living logins are written to, if any.
    pub htdigest: Option<Htdigest>,
    /// The users of this machine that are believed as proxies.
    pub verify_uids: Vec<u32>,
    /// Proxies say which certificate their clients showed.
    pub verify_certificates: bool,
    /// What this installation is called where events of many are gathered.
    pub observer: Observer,
    /// Where nodes read the log, on the public listener.
    pub audit_path: Option<UrlPath>,
    /// Where checkpoints are kept outside the store.
    pub anchors: Arc<[Place]>,
    /// Whose checkpoints are cosigned here.
    pub witness: Vec<VerifierKey>,
    /// The time.
    pub clock: Clock,
    /// What is known of the revocation counter.
    pub seen: watch::Receiver<Seen>,
    /// One for every answer whose end is not recorded yet.
    pub running: mpsc::Sender<()>,
}

impl Opened {
    /// Says that the clock cannot be believed, and counts what was refused for it.
    pub fn shut_for_clock(&self, unbelieved: &Unbelieved) -> Problem {
        self.door.recorder.note_failure(unbelieved.nearest(), &unbelieved.to_string());
        answer::shut(unbelieved)
    }
}

/// The door, or why it is not open yet.
#[derive(Debug)]
pub struct Gate {
    opened: ArcSwapOption<Opened>,
    waiting_for: ArcSwap<String>,
    clock: Clock,
    /// Who records handshakes that failed.
    pub(super) failing: Failing,
}

impl Gate {
    /// Makes a gate that is shut.
    pub fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            opened: ArcSwapOption::empty(),
            waiting_for: ArcSwap::from_pointee("it is starting".into()),
            clock,
            failing: Failing::default(),
        })
    }

    /// Opens it.
    pub fn open(&self, opened: Arc<Opened>) {
        self.opened.store(Some(opened));
    }

    /// Shuts it for good: the program ends.
    pub fn shut(&self) {
        self.waits_for("it is stopping".into());
        self.opened.store(None);
    }

    /// Says what it waits for.
    pub fn waits_for(&self, reason: String) {
        self.waiting_for.store(Arc::new(reason));
    }

    /// Returns what requests need, or why they cannot be answered.
    ///
    /// # Errors
    ///
    /// What the program waits for.
    pub fn opened(&self) -> Result<Arc<Opened>, String> {
        self.opened.load_full().ok_or_else(|| self.waiting_for.load().to_string())
    }

    /// Tells whether requests can be decided and recorded.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn ready(&self) -> Result<(), String> {
        let opened = self.opened()?;
        if let Some(reason) = opened.door.recorder.shut_for() {
            return Err(reason.to_owned());
        }
        opened.clock.now().map_err(|unbelieved| unbelieved.to_string())?;
        if opened.seen.borrow().unreadable_since.is_some() {
            let trouble = opened.door.policy.trouble();
            return Err(trouble.map_or("the store does not answer".into(), |trouble| trouble.to_string()));
        }
        opened.door.recorder.trouble().map_or(Ok(()), Err)
    }

    /// Says what is doubtful while requests are answered: places outside that do not have the newest checkpoint.
    pub fn doubts(&self) -> Vec<String> {
        self.opened()
            .map_or_else(|_| Vec::new(), |opened| opened.anchors.iter().filter_map(Place::doubt).collect())
    }

    /// Returns the time for an answer, and why it cannot be believed if so.
    pub fn now(&self) -> (Timestamp, Option<String>) {
        let clock = self.opened().map_or_else(|_| self.clock.clone(), |opened| opened.clock.clone());
        match clock.now() {
            Ok(now) => (now, None),
            Err(stepped) => {
                if let Ok(opened) = self.opened() {
                    opened.door.recorder.note_failure(stepped.nearest(), &stepped.to_string());
                }
                (stepped.nearest(), Some(stepped.to_string()))
            }
        }
    }
}
