//! Whatever is appended, expires, is erased, held and released, in whatever order: the log verifies, what is held is
//! whole, and of whoever was erased nothing is left.

use std::sync::atomic::{AtomicU32, Ordering};

use gateward::base::id::HoldId;
use gateward::flows::checkpoint;
use gateward::flows::door::Door;
use gateward::flows::record::{Happened, Personal, What};
use gateward::flows::retention;
use gateward::flows::retention::holds::{self, Wanted};
use gateward::flows::verify_log::verify_log;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::signed_log::tree_of;
use crate::store_under_test::is_postgres;
use crate::support::Installation;

/// What lies between two acts.
const PAUSE: SignedDuration = SignedDuration::from_secs(10);

/// How many sequences are tried: seconds of them.
const CASES: u32 = 20;

/// One thing that is done; persons by number, times by how many acts ago.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// Three events that name a person: in the body, in the personal part, not at all.
    Append(usize),
    Expire(i32),
    Erase(usize),
    Hold(Option<usize>, Option<i32>),
    Release(usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let (person, ago) = (0..2_usize, 0..6_i32);
    let hold = prop_oneof![
        person.clone().prop_map(|person| Act::Hold(Some(person), None)),
        ago.clone().prop_map(|ago| Act::Hold(None, Some(ago))),
        (person.clone(), ago.clone()).prop_map(|(person, ago)| Act::Hold(Some(person), Some(ago))),
    ];
    let act = prop_oneof![
        4 => person.clone().prop_map(Act::Append),
        2 => ago.prop_map(Act::Expire),
        2 => person.prop_map(Act::Erase),
        2 => hold,
        1 => (0..3_usize).prop_map(Act::Release),
    ];
    proptest::collection::vec(act, 3..10)
}

/// An event of ours, and what is left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Left {
    position: String,
    recorded_at: Timestamp,
    person: Option<usize>,
    in_body: bool,
    body: bool,
    personal: bool,
}

/// The log as it should be, by the simplest reading of what the commands promise.
#[derive(Debug, Default)]
struct Model {
    events: Vec<Left>,
    holds: Vec<(HoldId, Option<usize>, Option<Timestamp>)>,
}

impl Model {
    fn take(&mut self, goes: impl Fn(&Left) -> bool, whole: impl Fn(&Left) -> bool) {
        for event in &mut self.events {
            let names = |person: usize| {
                event.person == Some(person) && (event.body && event.in_body || event.personal)
            };
            let is_held = self.holds.iter().any(|(_, person, until)| {
                person.is_none_or(names) && until.is_none_or(|until| event.recorded_at < until)
            });
            if goes(event) && !is_held {
                event.body &= !whole(event);
                event.personal = false;
            }
        }
    }
}

/// One sequence: a door to the log, and persons whom no other sequence names.
struct Sequence<'a> {
    installation: &'a Installation,
    door: Door,
    names: [String; 2],
    model: Model,
}

impl Sequence<'_> {
    async fn append(&mut self, person: usize) {
        let (name, now) = (Some(self.names[person].clone()), self.installation.now());
        let what =
            What::Gap { refused: 1, since: now.to_string(), until: now.to_string(), reason: "a test".into() };
        let plain = Happened::done(what);
        let three = [
            Happened { who: name.clone(), ..plain.clone() },
            Happened { personal: Personal { mail: name, ..Personal::default() }, ..plain.clone() },
            plain,
        ];
        self.door.recorder.commit(None, Vec::new(), &three, now).await.unwrap();
        let newest = "SELECT position, recorded_at FROM event ORDER BY position DESC LIMIT 3";
        let rows = self.installation.database().rows(newest);
        for (row, number) in rows.iter().rev().zip(0..) {
            self.model.events.push(Left {
                position: row[0].clone(),
                recorded_at: row[1].parse().unwrap(),
                person: (number < 2).then_some(person),
                in_body: number == 0,
                body: true,
                personal: true,
            });
        }
    }

    async fn act(&mut self, act: Act) {
        self.installation.pass(PAUSE);
        let now = self.installation.now();
        let ago = |acts: i32| now.checked_sub(PAUSE * acts).unwrap();
        match act {
            Act::Append(person) => self.append(person).await,
            Act::Expire(acts) => {
                let before = ago(acts);
                retention::expire(&self.door, before, None, now).await.unwrap();
                self.model.take(|event| event.recorded_at < before, |_| true);
            }
            Act::Erase(person) => {
                let done = retention::erase(&self.door, &self.names[person], "os:ann", now).await.unwrap();
                self.model.take(|event| event.person == Some(person), |event| event.in_body);
                if done.held == 0 {
                    assert!(!super::holds(self.installation, &self.names[person]), "it still stands there");
                }
            }
            Act::Hold(person, acts) => {
                let (name, until) = (person.map(|person| self.names[person].clone()), acts.map(ago));
                let wanted = Wanted { person: name, since: None, until, reason: "case 7".into() };
                let id = holds::create(&self.door, wanted, "os:ann", now).await.unwrap();
                self.model.holds.push((id, person, until));
            }
            Act::Release(number) if number < self.model.holds.len() => {
                let (id, ..) = self.model.holds.remove(number);
                holds::release(&self.door, id, "os:ann", now).await.unwrap();
            }
            Act::Release(_) => {}
        }
    }

    /// What is left is what the model has, and all of it verifies.
    async fn check(&self) {
        let left = "SELECT position, CASE WHEN body IS NULL THEN 0 ELSE 1 END, \
                    CASE WHEN personal IS NULL THEN 0 ELSE 1 END FROM event ORDER BY position";
        let rows = self.installation.database().rows(left);
        for event in &self.model.events {
            let found = rows.iter().find(|row| row[0] == event.position).unwrap();
            assert_eq!(
                [&*found[1], &*found[2]],
                [event.body, event.personal].map(|is| if is { "1" } else { "0" }),
                "{event:?}"
            );
        }
        checkpoint::sign(&self.door, self.installation.now()).await.unwrap();
        let (reader, keyring) = (&self.door.store.reader, &self.door.keyring);
        let found = verify_log(reader, keyring, None, &[], |_, _| {}).await.unwrap();
        assert_eq!(found.verified.edge, tree_of(self.installation));
        assert_eq!(found.verified.confirmed, Some(found.verified.edge.size()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_done_to_the_log_in_whatever_order_it_verifies_and_keeps_what_is_held() {
    let mut installation = Installation::open().await;
    installation.stop().await;
    let begin = installation.database().keep();
    let number = AtomicU32::new(0);
    let run = async |acts: &[Act]| {
        installation.database().put_back(&begin);
        let number = number.fetch_add(1, Ordering::Relaxed);
        let names = ["ann", "bob"].map(|name| format!("{name}.{number}@example.org"));
        let door = installation.door().await;
        let mut sequence = Sequence { installation: &installation, door, names, model: Model::default() };
        for act in acts {
            sequence.act(*act).await;
        }
        sequence.check().await;
    };
    // There each takes ten times as long.
    let cases = if is_postgres() { CASES / 5 } else { CASES };
    let config = Config { cases, max_shrink_iters: 50, failure_persistence: None, ..Config::default() };
    let runtime = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        TestRunner::new(config).run(&acts(), |acts| {
            runtime.block_on(run(&acts));
            Ok(())
        })
    })
    .unwrap();
}
