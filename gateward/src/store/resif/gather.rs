//! Gathers what many ask at once into one statement, on a connection that is kept.
//!
//! Whoever asks first starts the work; what comes meanwhile waits for the next turn and shares its
//! commit. An asker who leaves takes nothing along: the work is a task of its own.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Database, Error};

/// How many askers share a turn.
const MOST: usize = 256;

/// How long one turn may take, with its connecting and one repetition.
pub(in crate::store) const TURN: Duration = Duration::from_secs(15);

/// What is done for those who ask. Doing it twice is as good as once.
pub(super) trait Job: fmt::Debug + Send + Sync + 'static {
    /// A connection and what was learned on it.
    type Session: Send + 'static;
    /// What is asked.
    type Item: Send + Sync + 'static;
    /// What is answered.
    type Answer: Send + 'static;
    /// Where.
    const DATABASE: Database;

    fn open(&self) -> impl Future<Output = Result<Self::Session, Error>> + Send;
    fn is_closed(session: &Self::Session) -> bool;
    /// Answers each of `items`, in their order.
    fn run(
        &self,
        session: &mut Self::Session,
        items: &[Self::Item],
    ) -> impl Future<Output = Result<Vec<Self::Answer>, Error>> + Send;
}

struct Asked<J: Job> {
    item: J::Item,
    answer: oneshot::Sender<Result<J::Answer, Error>>,
}

struct State<J: Job> {
    waiting: Vec<Asked<J>>,
    running: bool,
    session: Option<J::Session>,
}

struct Shared<J: Job> {
    job: J,
    state: Mutex<State<J>>,
}

/// Askers of one kind.
pub(super) struct Gather<J: Job>(Arc<Shared<J>>);

impl<J: Job> fmt::Debug for Gather<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gather({:?})", self.0.job)
    }
}

impl<J: Job> Shared<J> {
    fn state(&self) -> std::sync::MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets the next asker start the work again, however this one ended; who waited learns by a closed
/// channel.
struct Turns<J: Job> {
    shared: Arc<Shared<J>>,
    over: bool,
}

impl<J: Job> Drop for Turns<J> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let mut state = self.shared.state();
        state.running = false;
        state.waiting.clear();
    }
}

impl<J: Job> Gather<J> {
    pub fn new(job: J) -> Self {
        let state = State { waiting: Vec::new(), running: false, session: None };
        Self(Arc::new(Shared { job, state: Mutex::new(state) }))
    }

    /// Asks, and waits for the answer.
    pub async fn ask(&self, item: J::Item) -> Result<J::Answer, Error> {
        let (answer, answered) = oneshot::channel();
        let starts = {
            let mut state = self.0.state();
            state.waiting.push(Asked { item, answer });
            !std::mem::replace(&mut state.running, true)
        };
        if starts {
            tokio::spawn(take_turns(Turns { shared: Arc::clone(&self.0), over: false }));
        }
        let ended = || Error::Unreachable { database: J::DATABASE, reason: "the program ends".into() };
        answered.await.map_err(|_| ended())?
    }
}

async fn take_turns<J: Job>(mut turns: Turns<J>) {
    let shared = Arc::clone(&turns.shared);
    let mut session = shared.state().session.take();
    loop {
        let batch: Vec<Asked<J>> = {
            let mut state = shared.state();
            if state.waiting.is_empty() {
                // In the same breath: whoever asks next finds it, or starts anew.
                state.session = session;
                state.running = false;
                turns.over = true;
                return;
            }
            let count = state.waiting.len().min(MOST);
            state.waiting.drain(..count).collect()
        };
        let (items, answers): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|asked| (asked.item, asked.answer)).unzip();
        let told = one_turn(&shared.job, &mut session, &items).await;
        for (answer, told) in answers.into_iter().zip(told) {
            // Whoever left does not listen.
            drop(answer.send(told));
        }
    }
}

/// Answers all of `items`; where the database refuses them together, each alone.
async fn one_turn<J: Job>(
    job: &J,
    session: &mut Option<J::Session>,
    items: &[J::Item],
) -> Vec<Result<J::Answer, Error>> {
    match attempt(job, session, items).await {
        Ok(answers) => answers.into_iter().map(Ok).collect(),
        Err(Error::Refused { .. }) if items.len() > 1 => {
            let mut told = Vec::with_capacity(items.len());
            for item in items {
                let answers = attempt(job, session, std::slice::from_ref(item)).await;
                told.push(answers.and_then(|mut answers| answers.pop().ok_or_else(nothing::<J>)));
            }
            told
        }
        Err(error) => items.iter().map(|_| Err(error.clone())).collect(),
    }
}

fn nothing<J: Job>() -> Error {
    Error::Refused { database: J::DATABASE, reason: "it answered nothing".into() }
}

/// Does it on the kept connection; where that breaks, once more on a new one.
async fn attempt<J: Job>(
    job: &J,
    session: &mut Option<J::Session>,
    items: &[J::Item],
) -> Result<Vec<J::Answer>, Error> {
    let work = async {
        if session.as_ref().is_none_or(J::is_closed) {
            *session = None;
        }
        let mut may_repeat = true;
        loop {
            let open = match session.take() {
                Some(kept) => session.insert(kept),
                None => session.insert(job.open().await?),
            };
            match job.run(open, items).await {
                Err(Error::Unreachable { .. }) if may_repeat => {
                    *session = None;
                    may_repeat = false;
                }
                done => return done,
            }
        }
    };
    let done = tokio::time::timeout(TURN, work).await;
    let done = done.unwrap_or_else(|_| {
        let reason = format!("nothing answered in {} s", TURN.as_secs());
        Err(Error::Unreachable { database: J::DATABASE, reason })
    });
    if matches!(done, Err(Error::Unreachable { .. })) {
        *session = None;
    }
    done
}
