//! Takes out of the log what may not stay: whatever is too old, and whatever names a person.
//!
//! What goes, goes with its salt; position, id, times and hashes stay, so that the log still verifies. A
//! decision is noted first and carried out in steps, each of which commits what it emptied together with an
//! event that says which positions these were. A crash leaves the decision with its cursor: the next command
//! or the server goes on behind it.

pub mod holds;
pub mod names;

use jiff::Timestamp;

use self::holds::Hold;
use self::names::{Found, Names, NotAName, Parts};
use super::door::Door;
use super::keyring::{CannotOpen, Place};
use super::record::{Gone, Happened, What};
use crate::base::id::ErasureId;
use crate::base::time::stored;
use crate::store::erasure::{self, Begin, Finish, Open, Scope, Step, Stretch};
use crate::store::event::{self, Recorded};
use crate::store::{self, Change, CommitError, audit_hold};

/// How many events are read at once.
const PAGE: u32 = 500;

/// How many events one step looks at, while nobody else can write for a moment.
const STEP: usize = 2000;

/// How many stretches one step empties: its event lists them.
const STRETCHES: usize = 500;

/// Why something stayed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator's.
    #[error(transparent)]
    Name(#[from] NotAName),
    /// The operator's: one goes on, and is finished first.
    #[error("another erasure goes on: run the command again when it is done")]
    Another,
    /// The operator's: the keyring is another one, or the row was changed.
    #[error(transparent)]
    Sealed(#[from] CannotOpen),
    /// The operator's; what was not done is done later.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The operator's; what was not done is done later.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl From<holds::Error> for Error {
    fn from(error: holds::Error) -> Self {
        match error {
            holds::Error::Store(error) => Self::Store(error),
            holds::Error::Commit(error) => Self::Commit(error),
            holds::Error::Sealed(error) => Self::Sealed(error),
            holds::Error::Name(error) => Self::Name(error),
            // What only making or releasing one says.
            holds::Error::HoldsEverything | holds::Error::Reason | holds::Error::NoSuchHold(_) => {
                Self::Another
            }
        }
    }
}

/// What went, and what did not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// How many events lost something.
    pub events: u64,
    /// How many stayed because they are held.
    pub held: u64,
}

/// Empties every event that was recorded before `before`, unless it is held.
///
/// `by` is `os:NAME` for a command, `None` for the server.
///
/// # Errors
///
/// [`Error`]; what was done before is recorded, and the rest is done later.
pub async fn expire(door: &Door, before: Timestamp, by: Option<&str>, now: Timestamp) -> Result<Done, Error> {
    finish(door, now).await?;
    let end = event::first_at(&door.store.reader, before).await?;
    let next = behind_what_went(door, 0).await?.min(end);
    if event::left_between(&door.store.reader, next, end, 1).await?.is_empty() {
        return Ok(Done::default());
    }
    let begin = Begin {
        id: ErasureId::new(now, &door.random),
        scope: Scope::Before(before),
        next,
        end,
        at: now,
        by: by.map(str::to_owned),
    };
    carry_out(door, begin, now).await
}

/// Takes what names a person out of every event, unless it is held.
///
/// # Errors
///
/// [`Error`]; what was done before is recorded, and the rest is done later.
pub async fn erase(door: &Door, name: &str, by: &str, now: Timestamp) -> Result<Done, Error> {
    let names = Names::new(name)?;
    finish(door, now).await?;
    let names = holds::all_names(&door.store.reader, names).await?;
    let end = event::length(&door.store.reader).await?.map_or(0, |length| length.events);
    let id = ErasureId::new(now, &door.random);
    let row = id.to_string();
    let sealed_names = door.keyring.seal(sealed_at(&row), &names.to_text(), &door.random);
    let pseudonym = pseudonym(door, name);
    let scope = Scope::Person { pseudonym, sealed_names };
    let begin = Begin { id, scope, next: 0, end, at: now, by: Some(by.to_owned()) };
    carry_out(door, begin, now).await
}

/// What would go if the person were erased now, by events that are whole and those that keep what happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preview {
    /// How many events would lose everything.
    pub whole: u64,
    /// How many would lose their personal part.
    pub personal: u64,
    /// How many would stay because they are held.
    pub held: u64,
    /// By what else the log calls the person.
    pub names: Vec<String>,
}

/// Says what [`erase`] would do; changes nothing.
///
/// # Errors
///
/// [`Error::Name`], [`Error::Sealed`], [`Error::Store`].
pub async fn preview(door: &Door, name: &str) -> Result<Preview, Error> {
    let mut names = holds::all_names(&door.store.reader, Names::new(name)?).await?;
    let mut holds = holds_with_all_names(door).await?;
    let end = event::length(&door.store.reader).await?.map_or(0, |length| length.events);
    let (mut preview, mut next) = (Preview::default(), 0);
    loop {
        let page = event::left_between(&door.store.reader, next, end, PAGE).await?;
        let Some(last) = page.last() else { break };
        next = last.position + 1;
        for event in &page {
            match judge(event, Some(&mut names), &mut holds) {
                Fate::Whole => preview.whole += 1,
                Fate::Personal => preview.personal += 1,
                Fate::Held => preview.held += 1,
                Fate::Stays => {}
            }
        }
    }
    preview.names = names.all()[1..].to_vec();
    Ok(preview)
}

/// Finishes what somebody began and did not finish, if there is such a thing.
///
/// # Errors
///
/// [`Error`]; it is tried again.
pub async fn finish(door: &Door, now: Timestamp) -> Result<Option<Done>, Error> {
    match erasure::open(&door.store.reader).await? {
        Some(open) => steps(door, open.id, now).await.map(Some),
        None => Ok(None),
    }
}

/// The pseudonym that an erased person stands under in the log: nobody finds the name by it, and whoever has
/// keyring and name finds it.
pub fn pseudonym(door: &Door, name: &str) -> String {
    door.keyring.pseudonym("erased", name)
}

fn sealed_at(row: &str) -> Place<'_> {
    Place { table: "erasure", row, column: "sealed_names" }
}

/// Returns the first position from `position` on of which something is left.
async fn behind_what_went(door: &Door, mut position: u64) -> Result<u64, store::Error> {
    while let Some((_, last)) = erasure::whole_around(&door.store.reader, position).await? {
        position = last + 1;
    }
    Ok(position)
}

async fn carry_out(door: &Door, begin: Begin, now: Timestamp) -> Result<Done, Error> {
    let id = begin.id;
    match door.recorder.commit(None, vec![Change::BeginErasure(begin)], &[], now).await {
        Err(CommitError::Precondition) => Err(Error::Another),
        Err(error) => Err(error.into()),
        // A crash from here on leaves the decision to whoever comes next.
        Ok(()) => steps(door, id, now).await,
    }
}

/// Carries out the decision `id` from where it is, until it is done.
async fn steps(door: &Door, id: ErasureId, now: Timestamp) -> Result<Done, Error> {
    let mut done = Done::default();
    let mut known = None;
    loop {
        let open = erasure::open(&door.store.reader).await?.filter(|open| open.id == id);
        // Somebody else finished it.
        let Some(open) = open else { return Ok(done) };
        done = Done { events: open.events, held: open.held };
        let now = door.store.clock.now().unwrap_or(now);
        let committed = if open.next >= open.end {
            let finish = vec![Change::FinishErasure(Finish { id, at: now })];
            door.recorder.commit(None, finish, &[], now).await
        } else {
            let (step, gone) = step(door, &open, &mut known).await?;
            let happened = event_of(&open, gone);
            let happened: Vec<Happened> = happened.into_iter().collect();
            // A crash here leaves the events of this step as they were, with the cursor before them; after it,
            // they are empty, and an event says so.
            door.recorder.commit(None, vec![Change::EraseSome(Box::new(step))], &happened, now).await
        };
        match committed {
            // Somebody else made the step, or a hold: look anew.
            Ok(()) | Err(CommitError::Precondition) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    Held,
    Personal,
    Whole,
}

/// Decides what becomes of an event of which something is left; without `names`, because its time is over.
fn judge(event: &Recorded, names: Option<&mut Names>, holds: &mut [Hold]) -> Fate {
    let parts = Parts::of(event);
    // Every hold looks at every event, since it may learn from it.
    let mut is_held = false;
    for hold in holds {
        is_held |= hold.holds(event, &parts);
    }
    let found = names.map_or(Found { in_personal: true, in_body: true }, |names| names.find(&parts));
    let fate = match (found.in_body && !parts.body_stays(), found.in_personal || found.in_body) {
        (true, _) => Fate::Whole,
        (false, true) if event.personal.is_some() => Fate::Personal,
        (false, _) => Fate::Stays,
    };
    if is_held && fate != Fate::Stays { Fate::Held } else { fate }
}

/// Whom a decision is about and who is held, by all names that the log has for them; read when it begins, because what
/// one step learns concerns the events of another.
struct Known {
    /// How many holds were ever made when these were read.
    count: u64,
    holds: Vec<Hold>,
    names: Option<Names>,
}

impl Known {
    async fn read(door: &Door, open: &Open, count: u64) -> Result<Self, Error> {
        // Those of whom is erased were all learned before it was decided; those of a hold when the hold was made.
        Ok(Self { count, holds: holds_with_all_names(door).await?, names: names_of(door, open)? })
    }
}

async fn holds_with_all_names(door: &Door) -> Result<Vec<Hold>, Error> {
    let mut holds = holds::list(door).await?;
    let mut people: Vec<&mut Names> = holds.iter_mut().filter_map(|hold| hold.names.as_mut()).collect();
    holds::learn(&door.store.reader, &mut people).await?;
    Ok(holds)
}

/// Decides the next step of `open`.
async fn step(door: &Door, open: &Open, known: &mut Option<Known>) -> Result<(Step, Gone), Error> {
    // Before the holds are read: one that is made meanwhile refuses the step.
    let count = audit_hold::count(&door.store.reader).await?;
    let known = match known {
        Some(known) if known.count == count => known,
        known => known.insert(Known::read(door, open, count).await?),
    };
    let Known { holds, names, .. } = known;
    let (mut whole, mut personal) = (Stretches::default(), Stretches::default());
    let (mut to, mut seen, mut held) = (open.next, 0, 0);
    while seen < STEP && whole.0.len() + personal.0.len() < STRETCHES {
        let page = event::left_between(&door.store.reader, to, open.end, PAGE).await?;
        if page.is_empty() {
            to = open.end;
            break;
        }
        for event in &page {
            match judge(event, names.as_mut(), holds) {
                Fate::Whole => whole.add(event.position),
                Fate::Personal => personal.add(event.position),
                Fate::Held => held += 1,
                Fate::Stays => {}
            }
            to = event.position + 1;
        }
        seen += page.len();
    }
    let events = whole.events() + personal.events();
    let gone = Gone { whole: whole.in_words(), personal: personal.in_words(), events, held };
    let step = Step {
        id: open.id,
        from: open.next,
        to,
        whole: whole.0,
        personal: personal.0,
        events,
        held,
        holds: count,
    };
    Ok((step, gone))
}

fn names_of(door: &Door, open: &Open) -> Result<Option<Names>, CannotOpen> {
    let Scope::Person { sealed_names, .. } = &open.scope else { return Ok(None) };
    let row = open.id.to_string();
    let text = door.keyring.open(sealed_at(&row), sealed_names)?;
    Names::parse(text.expose()).map(Some).ok_or_else(|| sealed_at(&row).cannot_open())
}

/// Says what went; nothing where nothing did.
fn event_of(open: &Open, gone: Gone) -> Option<Happened> {
    if gone.events == 0 {
        return None;
    }
    let what = match &open.scope {
        Scope::Before(before) => What::LogExpired { erasure: open.id, before: stored(*before), gone },
        Scope::Person { pseudonym, .. } => {
            What::PersonErased { erasure: open.id, person: pseudonym.clone(), gone }
        }
    };
    Some(Happened { who: open.began_by.clone(), ..Happened::done(what) })
}

/// Positions in their order, as stretches.
#[derive(Debug, Default)]
struct Stretches(Vec<Stretch>);

impl Stretches {
    fn add(&mut self, position: u64) {
        match self.0.last_mut() {
            Some((_, last)) if *last + 1 == position => *last = position,
            _ => self.0.push((position, position)),
        }
    }

    fn events(&self) -> u64 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    fn in_words(&self) -> Vec<String> {
        let word = |(first, last): &Stretch| {
            if first == last { first.to_string() } else { format!("{first}-{last}") }
        };
        self.0.iter().map(word).collect()
    }
}
