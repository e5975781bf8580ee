//! Gathers what many ask at once into one statement, on a connection that is kept.
//!
//! Whoever asks first starts the work; what comes meanwhile waits for the next turn and shares its
//! commit. An asker who leaves takes nothing along: the work is a task of its own.
//!
//! Nobody waits for ever, and nothing is begun late: what was not begun within [`TURN`] never is.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Database, Error};

/// How many askers share a turn.
const MOST: usize = 256;

/// How many askers wait at once; one more is refused.
const MOST_WAITING: usize = 16 * MOST;

/// How long one turn may take, with its connecting and its repetitions; and how long one may wait for
/// its turn.
pub(in crate::store) const TURN: Duration = Duration::from_secs(15);

/// Gives up after [`TURN`]: a server that is frozen tells nobody that it is.
pub(super) async fn in_time<T, E: From<Error>>(
    database: Database,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let done = tokio::time::timeout(TURN, work).await;
    done.unwrap_or_else(|_| Err(unanswered(database).into()))
}

fn unanswered(database: Database) -> Error {
    let reason = format!("nothing answered in {} s", TURN.as_secs());
    Error::Unreachable { database, reason }
}

/// What connections are opened to.
pub(super) trait Connects: fmt::Debug + Send + Sync {
    /// A connection and what was learned on it.
    type Session: Send + 'static;
    /// Which of the two.
    const DATABASE: Database;

    fn open(&self) -> impl Future<Output = Result<Self::Session, Error>> + Send;
    fn is_closed(session: &Self::Session) -> bool;
}

/// What is done for those who ask. Doing it twice is as good as once.
pub(super) trait Job: fmt::Debug + Send + Sync + 'static {
    /// Where.
    type Place: Connects;
    /// What is asked.
    type Item: Send + Sync + 'static;
    /// What is answered.
    type Answer: Send + 'static;

    fn place(&self) -> &Self::Place;
    /// Answers each of `items`, in their order.
    fn run(
        &self,
        session: &mut Session<Self>,
        items: &[Self::Item],
    ) -> impl Future<Output = Result<Vec<Self::Answer>, Error>> + Send;
}

type Session<J> = <<J as Job>::Place as Connects>::Session;

struct Asked<J: Job> {
    item: J::Item,
    /// When it is too late to begin.
    until: Instant,
    answer: oneshot::Sender<Result<J::Answer, Error>>,
}

struct State<J: Job> {
    waiting: Vec<Asked<J>>,
    running: bool,
    session: Option<Session<J>>,
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
        let unreachable =
            |reason: &str| Error::Unreachable { database: J::Place::DATABASE, reason: reason.into() };
        let starts = {
            let mut state = self.0.state();
            if state.waiting.len() >= MOST_WAITING {
                return Err(unreachable("too many wait for it"));
            }
            state.waiting.push(Asked { item, until: Instant::now() + TURN, answer });
            !std::mem::replace(&mut state.running, true)
        };
        if starts {
            tokio::spawn(take_turns(Turns { shared: Arc::clone(&self.0), over: false }));
        }
        answered.await.map_err(|_| unreachable("the program ends"))?
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
        let now = Instant::now();
        let (batch, late): (Vec<_>, Vec<_>) = batch.into_iter().partition(|asked| asked.until > now);
        refuse(late, &unanswered(J::Place::DATABASE));
        let (items, answers): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|asked| (asked.item, asked.answer)).unzip();
        if items.is_empty() {
            continue;
        }
        let told = one_turn(&shared.job, &mut session, &items).await;
        let unreachable = told.iter().find_map(|told| told.as_ref().err().filter(|error| error.may_pass()));
        if let Some(error) = unreachable {
            // Whoever waited behind it would wait as long, for the same.
            let behind = std::mem::take(&mut shared.state().waiting);
            refuse(behind, error);
        }
        for (answer, told) in answers.into_iter().zip(told) {
            // Whoever left does not listen.
            drop(answer.send(told));
        }
    }
}

/// Tells all of `asked` why it was not begun.
fn refuse<J: Job>(asked: Vec<Asked<J>>, why: &Error) {
    for asked in asked {
        // Whoever left does not listen.
        drop(asked.answer.send(Err(why.clone())));
    }
}

/// Answers all of `items`; where the database refuses them together, each alone, as far as there is
/// time.
async fn one_turn<J: Job>(
    job: &J,
    session: &mut Option<Session<J>>,
    items: &[J::Item],
) -> Vec<Result<J::Answer, Error>> {
    let until = Instant::now() + TURN;
    match attempt(job, session, items, until).await {
        Ok(answers) => answers.into_iter().map(Ok).collect(),
        Err(Error::Refused { .. }) if items.len() > 1 => {
            let mut told = Vec::with_capacity(items.len());
            for item in items {
                let answers = attempt(job, session, std::slice::from_ref(item), until).await;
                told.push(answers.and_then(|mut answers| answers.pop().ok_or_else(nothing::<J>)));
            }
            told
        }
        Err(error) => items.iter().map(|_| Err(error.clone())).collect(),
    }
}

fn nothing<J: Job>() -> Error {
    Error::Refused { database: J::Place::DATABASE, reason: "it answered nothing".into() }
}

/// Does it on the kept connection; where that breaks, once more on a new one; not after `until`.
async fn attempt<J: Job>(
    job: &J,
    session: &mut Option<Session<J>>,
    items: &[J::Item],
    until: Instant,
) -> Result<Vec<J::Answer>, Error> {
    if until <= Instant::now() {
        return Err(unanswered(J::Place::DATABASE));
    }
    let work = async {
        if session.as_ref().is_none_or(J::Place::is_closed) {
            *session = None;
        }
        let mut may_repeat = true;
        loop {
            let open = match session.take() {
                Some(kept) => session.insert(kept),
                None => session.insert(job.place().open().await?),
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
    let done = tokio::time::timeout_at(until, work).await;
    let done = done.unwrap_or_else(|_| Err(unanswered(J::Place::DATABASE)));
    if matches!(done, Err(Error::Unreachable { .. })) {
        *session = None;
    }
    done
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    /// Answers as often as it is let.
    #[derive(Debug)]
    struct Held {
        let_go: Semaphore,
        begun: AtomicUsize,
        with: Result<(), Error>,
    }

    impl Held {
        fn with(with: Result<(), Error>) -> Gather<Self> {
            Gather::new(Self { let_go: Semaphore::new(0), begun: AtomicUsize::new(0), with })
        }
    }

    impl Connects for Held {
        type Session = ();
        const DATABASE: Database = Database::Auth;

        async fn open(&self) -> Result<(), Error> {
            Ok(())
        }

        fn is_closed((): &()) -> bool {
            false
        }
    }

    impl Job for Held {
        type Place = Self;
        type Item = ();
        type Answer = ();

        fn place(&self) -> &Self {
            self
        }

        async fn run(&self, (): &mut (), items: &[()]) -> Result<Vec<()>, Error> {
            self.begun.fetch_add(items.len(), Ordering::SeqCst);
            self.let_go.acquire().await.expect("nobody closes it").forget();
            self.with.clone().map(|()| vec![(); items.len()])
        }
    }

    type Asker = tokio::task::JoinHandle<Result<(), Error>>;

    /// Asks, and lets what follows from it happen.
    async fn ask(gather: &Gather<Held>) -> Asker {
        let gather = Gather(Arc::clone(&gather.0));
        let asker = tokio::spawn(async move { gather.ask(()).await });
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        asker
    }

    fn is_unreachable(answer: &Result<(), Error>) -> bool {
        matches!(answer, Err(Error::Unreachable { .. }))
    }

    #[tokio::test]
    async fn whoever_waits_behind_a_database_that_cannot_be_reached_is_told_so_at_once() {
        let with = Error::Unreachable { database: Database::Auth, reason: "gone".into() };
        let gather = Held::with(Err(with));
        let (first, behind) = (ask(&gather).await, ask(&gather).await);
        // Once, and repeated once.
        gather.0.job.let_go.add_permits(2);
        assert!(is_unreachable(&first.await.unwrap()));
        assert!(is_unreachable(&behind.await.unwrap()));
        assert_eq!(gather.0.job.begun.load(Ordering::SeqCst), 2, "the one behind was never begun");
    }

    #[tokio::test]
    async fn what_was_not_begun_in_time_never_is() {
        let gather = Held::with(Ok(()));
        let (first, late) = (ask(&gather).await, ask(&gather).await);
        gather.0.state().waiting[0].until = Instant::now();
        gather.0.job.let_go.add_permits(2);
        assert!(first.await.unwrap().is_ok());
        assert!(is_unreachable(&late.await.unwrap()));
        assert_eq!(gather.0.job.begun.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn one_more_than_may_wait_is_refused() {
        let gather = Held::with(Ok(()));
        drop(ask(&gather).await);
        for _ in 0..MOST_WAITING {
            let (answer, _) = oneshot::channel();
            gather.0.state().waiting.push(Asked { item: (), until: Instant::now() + TURN, answer });
        }
        assert!(is_unreachable(&ask(&gather).await.await.unwrap()));
    }
}
