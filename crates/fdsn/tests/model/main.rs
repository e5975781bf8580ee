//! What passes is what a naive model permits, for random inventories, restrictions, rights and requests.

mod random;
mod spelling;
mod world;

use fdsn::{
    Codes, CodesRef, Epoch, Granted, Inventory, Judge, Judgement, Pattern, Permitted, Request, Restriction,
    Rules, Service, Span, Time, Unlisted, Why, Wildcards, permit, write,
};
use proptest::prelude::*;
use random::{Asked, asked, body, records, selection, world};
use std::sync::Arc;
use world::{Forbidden, PLACES, Points, Selection, Ticks, World, codes};

fn span((first, last): Ticks) -> Span {
    let instant = |tick: u32| Time::from_micros(world::instant(tick * 2));
    Span { start: first.map(instant), end: last.map(instant) }
}

/// The world as the crate takes it.
fn rules(world: &World) -> Rules {
    let inventory = world.inventory.as_ref().map(|epochs| {
        Arc::new(Inventory::new(epochs.iter().map(|(place, first, last, restricted)| {
            let [network, station, location, channel] = codes(*place).map(ToOwned::to_owned);
            Epoch {
                codes: Codes { network, station, location, channel },
                span: span((Some(*first), Some(*last))),
                restricted: *restricted,
            }
        })))
    });
    let restrictions = world.restrictions.iter().map(|restricted| {
        let [network, station, location, channel] = restricted.codes;
        Restriction {
            years: span(restricted.years),
            station: Pattern::code(station).expect("a pattern"),
            location: Pattern::location(location).expect("a pattern"),
            channel: Pattern::code(channel).expect("a pattern"),
            span: span(restricted.when),
            ..Restriction::of(Pattern::code(network).expect("a pattern"))
        }
    });
    let unlisted = if world.refuses_unlisted { Unlisted::Refuse } else { Unlisted::Open };
    Rules { inventory, restrictions: restrictions.collect(), unlisted }
}

fn rights(world: &World) -> fdsn::Rights {
    match &world.rights {
        world::Rights::Nothing => fdsn::Rights::Nothing,
        world::Rights::Everything => fdsn::Rights::Everything,
        world::Rights::Networks(granted) => fdsn::Rights::Networks(
            granted
                .iter()
                .map(|(code, ticks)| Granted { network: (*code).to_owned(), span: span(*ticks) })
                .collect(),
        ),
    }
}

/// What an upstream reads in what was written for it; in both ways, if it fits GET.
fn sent(permitted: &Permitted) -> Vec<Selection> {
    let options = fdsn::Options::default();
    let by_post = world::read_body(&write::post(&options, permitted.lines()));
    if write::fits_get(&options, permitted.lines()) {
        let by_get = vec![world::read_query(&write::query(&options, &permitted.lines()[0]))];
        for place in 0..PLACES {
            assert_eq!(asks(&by_get, place), asks(&by_post, place));
        }
    }
    by_post
}

fn asks(selections: &[Selection], place: usize) -> Points {
    selections.iter().fold(0, |points, selection| points | selection.asks(place))
}

fn permitted(world: &World, asked: &[Asked], wildcards: Wildcards) -> Permitted {
    let request =
        Request::from_post(Service::AvailabilityQuery, body(asked).as_bytes()).expect("a good request");
    permit(&request.lines, &rules(world), &rights(world), wildcards).expect("few lines")
}

/// What the judge has to say, by the definition of each judgement.
fn expected(record: Points, sent: Points, forbidden: Forbidden) -> Judgement {
    let got = record & sent;
    match () {
        () if got == 0 => Judgement::Outside,
        () if record & forbidden.all == 0 => Judgement::Pass,
        () if got & !forbidden.all != 0 => Judgement::LeftOut(Why::Straddles),
        () if got & forbidden.restricted == 0 => Judgement::LeftOut(Why::Unlisted),
        () => Judgement::Outside,
    }
}

/// Whether what is permitted must get through: under `Unlisted::Open` a wildcard cannot name what is not listed.
fn must_pass(world: &World, asked: &[Selection], place: usize, forbidden: Forbidden) -> Points {
    if world.refuses_unlisted || forbidden.is_known || world.inventory.is_none() {
        return Points::MAX;
    }
    let literal: Vec<_> = asked.iter().filter(|selection| selection.is_literal()).cloned().collect();
    asks(&literal, place)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100_000))]

    /// With the second lock: permit, an honest upstream, judge.
    #[test]
    fn what_passes_is_exactly_what_the_model_permits(
        world in world(), asked in asked(), records in records(),
    ) {
        let permitted = permitted(&world, &asked, Wildcards::Stay);
        let mut judge = Judge::new(&permitted, rules(&world), rights(&world));
        let sent = sent(&permitted);
        let asked: Vec<Selection> = asked.iter().map(selection).collect();
        let places: Vec<_> = (0..PLACES).map(|place| (world.forbidden(place), asks(&sent, place), asks(&asked, place))).collect();
        for (place, from, to) in records {
            let (forbidden, sent, asked_here) = places[place];
            let record: Points = (from..=to).fold(0, |points, point| points | 1 << point);
            let [network, station, location, channel] = codes(place);
            let codes = CodesRef { network, station, location, channel };
            let instants = [from, to].map(|point| Time::from_micros(world::instant(point)));
            let judgement = judge.judge(codes, instants[0], instants[1]);

            let sent = sent & record;
            // Nearness is not of the model: its instants are far apart, and its records long.
            let judgement =
                if judgement == Judgement::LeftOut(Why::Beside) { Judgement::Outside } else { judgement };
            prop_assert_eq!(judgement, expected(record, sent, forbidden), "{}", codes);
            prop_assert!(sent == 0 || judgement != Judgement::Outside, "honest, and cut: {}", codes);
            let asked_here = asked_here & record;
            let may_pass = asked_here != 0 && record & forbidden.all == 0;
            let passes = judgement == Judgement::Pass;
            prop_assert!(may_pass || !passes, "forbidden, and passes: {}", codes);
            let must_pass = may_pass && asked_here & must_pass(&world, &asked, place, forbidden) != 0;
            prop_assert!(passes || !must_pass, "permitted, and does not pass: {}", codes);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30_000))]

    /// Without the second lock: what is sent on is all there is.
    #[test]
    fn without_a_second_lock_nothing_forbidden_is_asked_for(world in world(), asked in asked()) {
        let sent = sent(&permitted(&world, &asked, Wildcards::Expand));
        let asked: Vec<Selection> = asked.iter().map(selection).collect();
        for place in 0..PLACES {
            let forbidden = world.forbidden(place);
            let permitted = asks(&asked, place) & !forbidden.all;
            let sent = asks(&sent, place);
            prop_assert_eq!(sent & !permitted, 0, "forbidden, and asked for: {:?}", codes(place));
            let required = permitted & must_pass(&world, &asked, place, forbidden);
            prop_assert_eq!(required & !sent, 0, "permitted, and not asked for: {:?}", codes(place));
        }
    }
}
