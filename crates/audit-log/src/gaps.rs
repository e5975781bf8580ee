//! What events have lost, until an event says that an erasure took it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;

/// How many stretches wait at most for the event that says what took them: some 50 MB.
const MAX_STRETCHES: usize = 1 << 20;

/// More stretches have lost something than are remembered.
#[derive(Debug)]
pub(crate) struct TooMany;

/// Events that lost something, and of which no event has said so yet.
///
/// An erasure is recorded in the commit that carries it out, and so behind everything that it took. How much waits grows
/// with the number of stretches, not of events.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gaps {
    whole: Stretches,
    personal: Stretches,
    erasures: BTreeSet<Arc<str>>,
}

impl Gaps {
    /// Notes that the event at `position`, behind all before, has lost its body as well, or its personal part alone.
    pub fn add(&mut self, position: u64, is_whole: bool, erasure: &str) -> Result<(), TooMany> {
        if self.whole.0.len() + self.personal.0.len() >= MAX_STRETCHES {
            return Err(TooMany);
        }
        let known = self.erasures.get(erasure).cloned();
        let erasure = known.unwrap_or_else(|| {
            let new: Arc<str> = erasure.into();
            self.erasures.insert(Arc::clone(&new));
            new
        });
        let stretches = if is_whole { &mut self.whole } else { &mut self.personal };
        stretches.add(position, erasure);
        Ok(())
    }

    /// Takes what the body of an event says that an erasure took; most say nothing of it.
    pub fn take_announced(&mut self, body: &str) {
        if !body.contains(r#""erasure""#) {
            return;
        }
        let Ok(said) = serde_json::from_str::<Announcement<'_>>(body) else { return };
        if !matches!(&*said.kind, "log_expired" | "person_erased") {
            return;
        }
        for (words, stretches) in [(&said.whole, &mut self.whole), (&said.personal, &mut self.personal)] {
            for (first, last) in words.iter().filter_map(|word| stretch(word)) {
                stretches.take(first, last, &said.erasure);
            }
        }
    }

    /// The first stretch of which nothing was said.
    pub fn first(&self) -> Option<(u64, u64)> {
        let first =
            |stretches: &Stretches| stretches.0.first_key_value().map(|(first, (last, _))| (*first, *last));
        first(&self.whole).into_iter().chain(first(&self.personal)).min()
    }
}

/// What an event says that announces an erasure.
#[derive(Deserialize)]
struct Announcement<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    erasure: Cow<'a, str>,
    #[serde(borrow, default)]
    whole: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    personal: Vec<Cow<'a, str>>,
}

/// `7` or `7-12`.
fn stretch(word: &str) -> Option<(u64, u64)> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    Some((first.parse().ok()?, last.parse().ok()?)).filter(|(first, last)| first <= last)
}

/// Stretches by their first position, with the last one and the erasure that is said to have taken them; no two overlap.
#[derive(Debug, Clone, Default)]
struct Stretches(BTreeMap<u64, (u64, Arc<str>)>);

impl Stretches {
    fn add(&mut self, position: u64, erasure: Arc<str>) {
        if let Some(mut newest) = self.0.last_entry() {
            let (last, by) = newest.get_mut();
            if *last + 1 == position && *by == erasure {
                *last = position;
                return;
            }
        }
        self.0.insert(position, (position, erasure));
    }

    /// Takes out what `erasure` took between `first` and `last`.
    fn take(&mut self, first: u64, last: u64, erasure: &str) {
        let before = self.0.range(..first).next_back().filter(|(_, (end, _))| *end >= first);
        let within = self.0.range(first..=last);
        let touched: Vec<u64> = before
            .into_iter()
            .chain(within)
            .filter(|(_, (_, by))| **by == *erasure)
            .map(|(begin, _)| *begin)
            .collect();
        for begin in touched {
            let Some((end, by)) = self.0.remove(&begin) else { continue };
            if begin < first {
                self.0.insert(begin, (first - 1, Arc::clone(&by)));
            }
            if end > last {
                self.0.insert(last + 1, (end, by));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaps(whole: impl IntoIterator<Item = u64>) -> Gaps {
        let mut gaps = Gaps::default();
        whole.into_iter().for_each(|position| gaps.add(position, true, "e-1").unwrap());
        gaps
    }

    #[test]
    fn what_an_erasure_says_it_took_is_all_that_is_covered() {
        let mut gaps = gaps(3..=9);
        let say = |erasure: &str, whole: &str| {
            format!(r#"{{"erasure":"{erasure}","kind":"log_expired","personal":[],"whole":["{whole}"]}}"#)
        };
        for nothing in [say("e-2", "0-99"), say("e-1", "9-3"), say("e-1", "x"), "{}".into()] {
            gaps.take_announced(&nothing);
            assert_eq!(gaps.first(), Some((3, 9)), "{nothing}");
        }
        gaps.take_announced(&say("e-1", "5-6"));
        assert_eq!(gaps.first(), Some((3, 4)));
        gaps.take_announced(&say("e-1", "0-4"));
        assert_eq!(gaps.first(), Some((7, 9)));
        gaps.take_announced(&say("e-1", "8"));
        gaps.take_announced(&say("e-1", "7"));
        assert_eq!(gaps.first(), Some((9, 9)));
        gaps.take_announced(&say("e-1", "9"));
        assert_eq!(gaps.first(), None);
    }

    #[test]
    fn who_said_that_the_personal_part_went_did_not_say_that_the_body_did() {
        let mut gaps = gaps([3]);
        gaps.add(4, false, "e-1").unwrap();
        gaps.take_announced(r#"{"erasure":"e-1","kind":"person_erased","personal":["3-4"],"whole":[]}"#);
        assert_eq!(gaps.first(), Some((3, 3)));
    }

    #[test]
    fn a_million_holes_are_too_many() {
        let mut gaps = Gaps::default();
        let holes = (0..).step_by(2).take(MAX_STRETCHES);
        holes.for_each(|position| gaps.add(position, false, "e-1").unwrap());
        assert!(gaps.add(u64::MAX, false, "e-1").is_err());
    }
}
