//! Random worlds and requests.

use super::world::{PLACES, POINTS, Restricted, Rights, Selection, Ticks, World, holds, text_of};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

pub const NETWORK_PATTERNS: &[&str] = &["A1", "A2", "B1", "A?", "*", "?1", "*1", "B*", "C?", "A1"];
pub const STATION_PATTERNS: &[&str] = &["S1", "T1", "S?", "*", "?1", "??", "S1*"];
pub const LOCATION_PATTERNS: &[&str] = &["--", "00", "*", "??", "0?", "?", "-*", "?-"];
pub const CHANNEL_PATTERNS: &[&str] = &["HHZ", "BHN", "HH?", "*", "?HN", "*N*", "B??", "?H?"];
pub const PATTERNS: [&[&str]; 4] = [NETWORK_PATTERNS, STATION_PATTERNS, LOCATION_PATTERNS, CHANNEL_PATTERNS];

const LAST_TICK: u32 = (POINTS - 1) / 2;

/// One selection before it is written down: lists, and first and last tick.
pub type Asked = ([Vec<&'static str>; 4], Ticks);

pub fn world() -> impl Strategy<Value = World> {
    let epochs = vec((0..PLACES, 0..=LAST_TICK, 0..=LAST_TICK, any::<bool>()), 0..10);
    let inventory = prop_oneof![9 => epochs.prop_map(Some), 1 => Just(None)];
    (inventory, vec(restricted(), 0..3), rights(), any::<bool>()).prop_map(
        |(inventory, restrictions, rights, refuses_unlisted)| World {
            inventory: inventory.map(|epochs| {
                // Epochs end after they begin, as those of every inventory.
                epochs.into_iter().map(|(place, a, b, closed)| (place, a.min(b), a.max(b), closed)).collect()
            }),
            restrictions,
            rights,
            refuses_unlisted,
        },
    )
}

fn restricted() -> impl Strategy<Value = Restricted> {
    let codes = (
        select(NETWORK_PATTERNS),
        select(STATION_PATTERNS),
        select(LOCATION_PATTERNS),
        select(CHANNEL_PATTERNS),
        0..16_u8,
    );
    (codes, ticks(), ticks()).prop_map(|((network, station, location, channel, whole), years, when)| {
        let mut codes = [network, station, location, channel];
        // Most restrictions concern whole networks or stations.
        for (at, code) in codes.iter_mut().enumerate() {
            if whole & (1 << at) != 0 && at > 0 {
                *code = "*";
            }
        }
        Restricted { codes, years, when }
    })
}

fn rights() -> impl Strategy<Value = Rights> {
    let granted = (select(&super::world::NETWORKS[..]), ticks());
    prop_oneof![
        3 => Just(Rights::Nothing),
        1 => Just(Rights::Everything),
        6 => vec(granted, 0..3).prop_map(Rights::Networks),
    ]
}

/// In order, so that they hold something.
fn ticks() -> impl Strategy<Value = Ticks> {
    (option::weighted(0.6, 0..=LAST_TICK), option::weighted(0.6, 0..=LAST_TICK)).prop_map(|ticks| match ticks
    {
        (Some(first), Some(last)) => (Some(first.min(last)), Some(first.max(last))),
        open => open,
    })
}

pub fn asked() -> impl Strategy<Value = Vec<Asked>> {
    prop_oneof![3 => vec(one_asked(), 1..2), 2 => vec(one_asked(), 2..4)]
}

fn one_asked() -> impl Strategy<Value = Asked> {
    let list = |patterns: &'static [&'static str]| vec(select(patterns), 0..3);
    let lists =
        (list(NETWORK_PATTERNS), list(STATION_PATTERNS), list(LOCATION_PATTERNS), list(CHANNEL_PATTERNS));
    (lists, ticks()).prop_map(|((networks, stations, locations, channels), ticks)| {
        ([networks, stations, locations, channels], ticks)
    })
}

/// A place, a first point and a last one.
pub fn records() -> impl Strategy<Value = Vec<(usize, u32, u32)>> {
    let record = (0..PLACES, 0..POINTS, 0..6_u32);
    vec(record.prop_map(|(place, from, len)| (place, from, (from + len).min(POINTS - 1))), 30..60)
}

/// What was asked for, as the model takes it.
pub fn selection((lists, ticks): &Asked) -> Selection {
    let points =
        (0..POINTS).filter(|point| holds(*ticks, *point)).fold(0, |points, point| points | 1 << point);
    Selection { lists: lists.clone().map(|list| list.into_iter().map(ToOwned::to_owned).collect()), points }
}

/// What was asked for, as a bulk request.
pub fn body(asked: &[Asked]) -> String {
    let time = |tick: Option<u32>| tick.map_or("*".to_owned(), text_of);
    let list = |list: &Vec<&str>| if list.is_empty() { "*".to_owned() } else { list.join(",") };
    let line = |(lists, (start, end)): &Asked| {
        let codes = lists.each_ref().map(list).join(" ");
        format!("{codes} {} {}\n", time(*start), time(*end))
    };
    asked.iter().map(line).collect()
}
