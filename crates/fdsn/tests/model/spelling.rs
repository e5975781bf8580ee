//! Requests as text: however it is spelled or mangled, nothing forbidden is reached.

use super::random::{Asked, PATTERNS, asked, body, selection, world};
use super::world::{PLACES, Selection, text_of};
use super::{asks, rights, rules, sent};
use fdsn::{Request, Service, Wildcards, permit, write};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const NAMES: [(&str, &str); 6] = [
    ("network", "net"),
    ("station", "sta"),
    ("location", "loc"),
    ("channel", "cha"),
    ("starttime", "start"),
    ("endtime", "end"),
];

/// What mangled requests still mean something with: each of it changes what is asked for.
const LETTERS: &[&str] =
    &["*", "?", "1", "2", "0", "A", "B", "S", "H", "N", "Z", "-", ",*", ",A2", "A?,", "%2A", "%3f", "*,"];

/// What stands in mangled requests that two programs could read differently.
const SCRAPS: &[&str] = &[
    "&",
    "=",
    ",",
    "%",
    "%2C",
    "%26",
    "%3D",
    "%25",
    "%2541",
    "%00",
    "%0a",
    "+",
    ";",
    "--",
    " ",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "net=",
    "&net=A1",
    "&network=*",
    "&NET=A2",
    "&sta=S1",
    "&loc=--",
    "!",
    "[",
    "a1",
    "2015-01-01",
    "Z",
    ".5",
    "&start=2015-01-01",
    "&end=2015-01-02T00:00:00",
    "\u{e9}",
    "#",
    "/",
    "quality=D\n",
    "&nodata=404",
    "&format=text",
    "A1 S1 -- HHZ * *\n",
    "\n* * * *\n",
    "\nA? * *,-- HH?,B* 2015-01-01 2015-01-02\n",
    "&&",
    "==",
];

/// Chooses spellings, one bit after the other.
struct Choices<'a>(std::iter::Cycle<std::slice::Iter<'a, u8>>);

impl Choices<'_> {
    fn next(&mut self, ways: u8) -> u8 {
        self.0.next().map_or(0, |choice| choice % ways)
    }

    fn spell(&mut self, text: &str) -> String {
        text.chars().map(|letter| self.letter(letter)).collect()
    }

    /// Percent-encoded, in the other case, or as it is.
    fn letter(&mut self, letter: char) -> String {
        match self.next(8) {
            0 => format!("%{:02X}", u32::from(letter)),
            1 => format!("%{:02x}", u32::from(letter)),
            2 if letter != 'T' => letter.to_ascii_lowercase().to_string(),
            _ => letter.to_string(),
        }
    }
}

/// A GET request that asks for this in one of its many spellings.
fn query((lists, (start, end)): &Asked, choices: &[u8]) -> String {
    let mut choices = Choices(choices.iter().cycle());
    let mut pieces: Vec<(usize, String)> = Vec::new();
    for (at, list) in lists.iter().enumerate().filter(|(_, list)| !list.is_empty()) {
        let blank = ["--", "%20%20", " ", "%2d-"][usize::from(choices.next(4))];
        let spelled: Vec<String> = list
            .iter()
            .map(|code| if *code == "--" { blank.to_owned() } else { choices.spell(code) })
            .collect();
        pieces.push((at, spelled.join(["%2C", ","][usize::from(choices.next(2))])));
    }
    for (at, tick) in [(4, start), (5, end)] {
        let Some(tick) = tick else { continue };
        let end = ["", "Z"][usize::from(choices.next(2))];
        pieces.push((at, choices.spell(&text_of(*tick)) + end));
    }
    let turn = usize::from(choices.next(6)) % pieces.len().max(1);
    pieces.rotate_left(turn);
    let spelled = pieces.into_iter().map(|(at, value)| {
        let name = if choices.next(2) == 0 { NAMES[at].0 } else { NAMES[at].1 };
        let name = if choices.next(3) == 0 { name.to_ascii_uppercase() } else { choices.spell(name) };
        format!("{name}={value}")
    });
    spelled.collect::<Vec<_>>().join(["&", "&&"][usize::from(choices.next(2))])
}

/// Puts a scrap somewhere, instead of a few bytes that stood there.
fn mangle(text: &str, cuts: &[(u16, usize, &'static str)]) -> String {
    let mut text = text.to_owned();
    for (place, len, scrap) in cuts {
        let mut from = usize::from(*place) % (text.len() + 1);
        let mut to = (from + len).min(text.len());
        while !text.is_char_boundary(from) {
            from -= 1;
        }
        while !text.is_char_boundary(to) {
            to += 1;
        }
        text.replace_range(from..to, scrap);
    }
    text
}

fn cuts() -> impl Strategy<Value = Vec<(u16, usize, &'static str)>> {
    let scrap = prop_oneof![2 => select(LETTERS), 1 => select(SCRAPS)];
    vec((any::<u16>(), 0..2_usize, scrap), 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn every_spelling_asks_for_the_same(
        asked in asked(), choices in vec(any::<u8>(), 1..64), service in select(&[Service::Dataselect, Service::Station][..]),
    ) {
        let request = Request::from_query(service, &query(&asked[0], &choices)).expect("a spelling");
        let written = super::world::read_query(&write::query(&request.options, &request.lines[0]));
        for place in 0..PLACES {
            prop_assert_eq!(written.asks(place), selection(&asked[0]).asks(place));
        }
    }

    #[test]
    fn no_mangled_request_reaches_what_is_forbidden(
        world in world(), asked in asked(), choices in vec(any::<u8>(), 1..64), cuts in cuts(),
        by_post in any::<bool>(), expand in any::<bool>(),
    ) {
        // Times may be missing in a line, as in what is mangled here.
        let service = Service::AvailabilityQuery;
        let request = if by_post {
            Request::from_post(service, mangle(&body(&asked), &cuts).as_bytes())
        } else {
            Request::from_query(service, &mangle(&query(&asked[0], &choices), &cuts))
        };
        let wildcards = if expand { Wildcards::Expand } else { Wildcards::Stay };
        let permitted = request.map(|request| permit(&request.lines, &rules(&world), &rights(&world), wildcards));
        if let Ok(Ok(permitted)) = permitted {
            let sent: Vec<Selection> = sent(&permitted);
            for place in 0..PLACES {
                let forbidden = world.forbidden(place);
                let forbidden = if expand { forbidden.all } else { forbidden.restricted };
                prop_assert_eq!(asks(&sent, place) & forbidden, 0);
            }
        }
    }
}

/// The model and the crate share the texts of patterns, so each must be one that the crate reads.
#[test]
fn every_pattern_of_the_model_is_one() {
    for text in PATTERNS.concat() {
        assert!(fdsn::Pattern::location(text).is_ok(), "{text}");
    }
}
