//! What of a request a caller may have, case by case.

use fdsn::{
    Codes, CodesRef, Epoch, Granted, Inventory, Judge, Judgement, Line, Pattern, Patterns, Permitted, Reason,
    Request, Restriction, Rights, Rules, Service, Span, Time, TooMany, Unlisted, Why, Wildcards, permit,
    write,
};
use std::sync::Arc;

/// `NET.STA.LOC.CHA start end`, and an exclamation mark if it is restricted.
fn inventory(epochs: &[&str]) -> Inventory {
    Inventory::new(epochs.iter().map(|text| {
        let fields: Vec<&str> = text.split(' ').collect();
        let codes: Vec<&str> = fields[0].split('.').collect();
        let [network, station, location, channel] = [0, 1, 2, 3].map(|at| codes[at].to_owned());
        Epoch {
            codes: Codes { network, station, location, channel },
            span: Span::new(time(fields[1]), time(fields[2])),
            restricted: fields.get(3) == Some(&"!"),
        }
    }))
}

fn time(text: &str) -> Time {
    text.parse().expect("a time")
}

/// Two open networks and one restricted station of the second; a network that is restricted until 2015.
const LISTED: &[&str] = &[
    "GE.APE..BHZ 2000-01-01 2030-01-01",
    "GE.APE..BHN 2000-01-01 2030-01-01",
    "FR.ONE.00.HHZ 2000-01-01 2030-01-01",
    "FR.TWO.00.HHZ 2000-01-01 2030-01-01 !",
    "FR.TWO.10.HHZ 2000-01-01 2030-01-01",
    "ZZ.TMP.00.HHZ 2010-01-01 2014-12-31T23:59:59 !",
    "ZZ.TMP.00.HHZ 2015-01-01 2030-01-01",
];

fn rules(unlisted: Unlisted) -> Rules {
    Rules { inventory: Some(Arc::new(inventory(LISTED))), restrictions: Arc::new([]), unlisted }
}

fn granted(network: &str, first: i16, last: i16) -> Rights {
    Rights::Networks(vec![Granted { network: network.into(), span: Span::years(first, Some(last)) }])
}

fn permitted(query: &str, rules: &Rules, rights: &Rights, wildcards: Wildcards) -> Permitted {
    let request = Request::from_query(Service::Dataselect, query).expect("a good request");
    permit(&request.lines, rules, rights, wildcards).expect("few lines")
}

/// The lines that are sent on, as GET queries.
fn sent(query: &str, rules: &Rules, rights: &Rights, wildcards: Wildcards) -> Vec<String> {
    let permitted = permitted(query, rules, rights, wildcards);
    permitted.lines().iter().map(|line| write::query(&fdsn::Options::default(), line)).collect()
}

#[test]
fn a_wholly_open_wildcard_stays_one() {
    for query in
        ["network=GE", "network=GE&channel=BH?", "network=*&station=APE", "location=--,00&channel=BH?"]
    {
        for unlisted in [Unlisted::Refuse, Unlisted::Open] {
            assert_eq!(
                sent(query, &rules(unlisted), &Rights::Nothing, Wildcards::Stay),
                [query],
                "{unlisted:?}"
            );
        }
    }
}

#[test]
fn only_what_holds_something_restricted_is_taken_apart() {
    assert_eq!(
        sent(
            "net=FR,GE&start=2015-01-01&end=2015-01-02",
            &rules(Unlisted::Refuse),
            &Rights::Nothing,
            Wildcards::Stay
        ),
        [
            "network=FR&station=ONE&starttime=2015-01-01T00:00:00&endtime=2015-01-02T00:00:00",
            "network=FR&station=TWO&location=10&starttime=2015-01-01T00:00:00&endtime=2015-01-02T00:00:00",
            "network=GE&starttime=2015-01-01T00:00:00&endtime=2015-01-02T00:00:00",
        ]
    );
}

#[test]
fn an_interval_across_a_restriction_is_cut_where_it_ends() {
    let cut = sent(
        "net=ZZ&start=2014-12-31&end=2015-01-02",
        &rules(Unlisted::Refuse),
        &Rights::Nothing,
        Wildcards::Stay,
    );
    assert_eq!(
        cut,
        [
            "network=ZZ&station=TMP&location=00&channel=HHZ&starttime=2015-01-01T00:00:00&endtime=2015-01-02T00:00:00"
        ]
    );
}

#[test]
fn who_was_granted_the_years_of_a_network_has_them_as_asked() {
    let all = "network=ZZ&starttime=2011-01-01T00:00:00&endtime=2020-01-01T00:00:00";
    let rules = rules(Unlisted::Refuse);
    assert_eq!(sent(all, &rules, &granted("ZZ", 2010, 2014), Wildcards::Stay), [all]);
    assert_eq!(sent(all, &rules, &Rights::Everything, Wildcards::Expand), [all]);
    assert_eq!(
        sent(all, &rules, &granted("ZZ", 2012, 2012), Wildcards::Stay),
        [
            "network=ZZ&starttime=2012-01-01T00:00:00&endtime=2012-12-31T23:59:59.999999",
            "network=ZZ&station=TMP&location=00&channel=HHZ&starttime=2015-01-01T00:00:00&endtime=2020-01-01T00:00:00",
        ]
    );
}

#[test]
fn a_restriction_of_the_configuration_holds_whatever_the_inventory_says() {
    let mut rules = rules(Unlisted::Open);
    let years = Span::years(2012, Some(2013));
    let network = Pattern::code("G?").expect("a pattern");
    let channel = Pattern::code("*N").expect("a pattern");
    rules.restrictions = Arc::new([Restriction { years, channel, ..Restriction::of(network) }]);
    assert_eq!(
        sent("net=GE&start=2013-12-31&end=2014-01-02", &rules, &Rights::Nothing, Wildcards::Stay),
        [
            "network=GE&station=APE&location=--&channel=BHN&starttime=2014-01-01T00:00:00&endtime=2014-01-02T00:00:00",
            "network=GE&station=APE&location=--&channel=BHZ&starttime=2013-12-31T00:00:00&endtime=2014-01-02T00:00:00",
        ]
    );
    let restricted = permitted(
        "net=GX&cha=BHN&start=2012-01-01&end=2012-01-02",
        &rules,
        &Rights::Nothing,
        Wildcards::Stay,
    );
    assert!(restricted.lines().is_empty());
    assert_eq!(restricted.left_out()[0].reason, Reason::Configured);
}

#[test]
fn what_is_not_listed_is_refused_or_open_as_the_rules_say() {
    let query = "network=XX&station=NEW&location=00&channel=HHZ";
    assert_eq!(sent(query, &rules(Unlisted::Open), &Rights::Nothing, Wildcards::Expand), [query]);
    let refused = permitted(query, &rules(Unlisted::Refuse), &Rights::Nothing, Wildcards::Stay);
    assert!(refused.lines().is_empty());
    assert_eq!(refused.left_out()[0].reason, Reason::Unlisted);
    assert_eq!(sent(query, &rules(Unlisted::Refuse), &granted("XX", 1, 9999), Wildcards::Expand), [query]);
}

#[test]
fn a_wildcard_that_means_nothing_listed_is_refused_where_unlisted_is() {
    let refused = permitted("net=X?", &rules(Unlisted::Refuse), &Rights::Nothing, Wildcards::Stay);
    assert!(refused.lines().is_empty());
    assert_eq!(refused.left_out()[0].reason, Reason::Unlisted);
    let before = "net=GE&end=1999-12-31";
    assert!(
        permitted(before, &rules(Unlisted::Refuse), &Rights::Nothing, Wildcards::Stay).lines().is_empty()
    );
    assert_eq!(sent("net=X?", &rules(Unlisted::Open), &Rights::Nothing, Wildcards::Stay), ["network=X?"]);
}

#[test]
fn a_wildcard_whose_restricted_channels_are_granted_stays_one() {
    let query = "network=Z?&starttime=2011-01-01T00:00:00&endtime=2012-01-01T00:00:00";
    assert_eq!(sent(query, &rules(Unlisted::Refuse), &granted("ZZ", 2010, 2014), Wildcards::Stay), [query]);
}

#[test]
fn without_a_second_lock_only_listed_channels_are_named() {
    let lines = sent(
        "net=GE&start=2015-01-01&end=2031-01-01",
        &rules(Unlisted::Refuse),
        &Rights::Nothing,
        Wildcards::Expand,
    );
    assert_eq!(
        lines,
        ["BHN", "BHZ"].map(|channel| format!(
            "network=GE&station=APE&location=--&channel={channel}&starttime=2015-01-01T00:00:00&endtime=2030-01-01T00:00:00"
        ))
    );
}

#[test]
fn without_an_inventory_only_what_is_granted_is_left() {
    let rules = Rules { inventory: None, ..rules(Unlisted::Open) };
    let nothing = permitted("net=GE", &rules, &Rights::Nothing, Wildcards::Stay);
    assert!(nothing.lines().is_empty() && !nothing.is_whole());
    assert_eq!(nothing.left_out()[0].reason, Reason::InventoryUnknown);
    assert_eq!(
        sent("sta=A*&start=2000-01-01", &rules, &granted("ZZ", 2012, 2013), Wildcards::Expand),
        ["network=ZZ&station=A*&starttime=2012-01-01T00:00:00&endtime=2013-12-31T23:59:59.999999"]
    );
}

#[test]
fn what_was_left_out_is_named_with_its_reason() {
    let partly = permitted("net=*", &rules(Unlisted::Refuse), &Rights::Nothing, Wildcards::Stay);
    let named: Vec<_> = partly.left_out().iter().map(|left| (left.network.as_str(), left.reason)).collect();
    assert!(
        named.contains(&("FR", Reason::Inventory)) && named.contains(&("ZZ", Reason::Inventory)),
        "{named:?}"
    );
    assert!(!named.iter().any(|(network, _)| *network == "GE"), "{named:?}");
    assert!(permitted("net=GE", &rules(Unlisted::Refuse), &Rights::Nothing, Wildcards::Stay).is_whole());
}

#[test]
fn a_code_that_is_repeated_or_matched_twice_is_asked_for_once() {
    let lines = sent(
        "net=FR,F?,*R&sta=O*,ONE,TWO&cha=HHZ,hhz,HH?",
        &rules(Unlisted::Refuse),
        &Rights::Nothing,
        Wildcards::Stay,
    );
    assert_eq!(
        lines,
        ["network=FR&station=ONE&channel=HHZ,HH?", "network=FR&station=TWO&location=10&channel=HHZ,HH?"]
    );
}

#[test]
fn lines_and_work_are_bounded() {
    let epochs = (0..300).flat_map(|station| {
        (0..200).map(move |location| Epoch {
            codes: Codes {
                network: "XX".into(),
                station: format!("S{station}"),
                location: format!("{location}"),
                channel: "HHZ".into(),
            },
            span: Span::ALWAYS,
            restricted: location == 0,
        })
    });
    let rules = Rules { inventory: Some(Arc::new(Inventory::new(epochs))), ..rules(Unlisted::Refuse) };
    let refused = |body: String| {
        let request = Request::from_post(Service::Dataselect, body.as_bytes()).expect("a good request");
        permit(&request.lines, &rules, &Rights::Nothing, Wildcards::Stay)
    };
    assert_eq!(refused("XX * * * 2015-01-01 2016-01-01".into()), Err(TooMany), "59 700 lines");
    assert!(refused("XX S1* * * 2015-01-01 2016-01-01".into()).is_ok());
    assert_eq!(refused("?X S* 0 * 2015-01-01 2016-01-01\n".repeat(10_000)), Err(TooMany), "the work");
}

/// An inventory of 20 000 stations in one network, of which the last has something restricted if that is asked.
fn many_stations(restricted: bool, unlisted: Unlisted) -> Rules {
    let epochs = (0..20_000).map(|station| Epoch {
        codes: Codes {
            network: "XX".into(),
            station: format!("S{station:05}"),
            location: String::new(),
            channel: "HHZ".into(),
        },
        span: Span::ALWAYS,
        restricted: restricted && station == 19_999,
    });
    Rules { inventory: Some(Arc::new(Inventory::new(epochs))), ..rules(unlisted) }
}

/// Patterns for stations that none of them has, so that all of them are looked through.
fn patterns_for_nothing(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("*Q{number}")).collect()
}

#[test]
fn looking_for_what_is_not_there_is_work_too() {
    let patterns = patterns_for_nothing(39_999);
    let stations = Patterns::parse(&patterns.join(","), Pattern::code).expect("patterns");
    let in_one_line = vec![Line { stations, ..Line::default() }];
    let read = |body: String| {
        Request::from_post(Service::Dataselect, body.as_bytes()).expect("a good request").lines
    };
    let line = |stations: &str| format!("* {stations} * * 2015-01-01 2016-01-01\n");
    let in_many_lines = read(patterns.iter().map(|pattern| line(pattern)).collect());
    let in_long_lines = read(patterns.chunks(1_000).map(|patterns| line(&patterns.join(","))).collect());
    // With a wildcard that is found behind a thousand that are not, for each station.
    let in_channels =
        read(format!("XX * * {},* 2015-01-01 2016-01-01\n", patterns_for_nothing(999).join(",")));
    let permitted = |lines: &[Line], rules, wildcards| permit(lines, rules, &Rights::Nothing, wildcards);
    let unrestricted = many_stations(false, Unlisted::Refuse);
    assert_eq!(permitted(&in_one_line, &unrestricted, Wildcards::Stay), Err(TooMany));
    assert_eq!(permitted(&in_many_lines, &unrestricted, Wildcards::Stay), Err(TooMany));
    let open = many_stations(true, Unlisted::Open);
    assert_eq!(permitted(&in_long_lines, &open, Wildcards::Expand), Err(TooMany));
    assert_eq!(permitted(&in_many_lines, &open, Wildcards::Expand), Err(TooMany));
    let restricted = many_stations(true, Unlisted::Refuse);
    assert_eq!(permitted(&in_channels, &restricted, Wildcards::Expand), Err(TooMany));
}

#[test]
fn a_large_request_that_names_what_it_wants_is_not_too_much() {
    let epochs = (0..10_000).flat_map(|station| {
        ["HHE", "HHN", "HHZ"].map(|channel| Epoch {
            codes: Codes {
                network: format!("N{}", station / 100),
                station: format!("S{station:04}"),
                location: String::new(),
                channel: channel.into(),
            },
            span: Span::ALWAYS,
            restricted: station == 5_050,
        })
    });
    let inventory = Some(Arc::new(Inventory::new(epochs)));
    let rules = Rules { inventory, ..rules(Unlisted::Refuse) };
    let lines = |request: Request, wildcards| {
        permit(&request.lines, &rules, &Rights::Nothing, wildcards).map(|permitted| permitted.lines().len())
    };
    let everything = Request::from_query(Service::Dataselect, "net=*&sta=*").expect("a good request");
    assert_eq!(lines(everything.clone(), Wildcards::Stay), Ok(99 + 99));
    assert_eq!(lines(everything, Wildcards::Expand), Ok(29_997));
    let bulk = |channels: &str| {
        let line = |at: usize| {
            let (network, station, day) = (at / 400, at / 4, at % 4 + 1);
            format!("N{network} S{station:04} {channels} 2015-01-0{day} 2015-01-0{day}T12:00:00")
        };
        let body = (0..40_000).map(line).collect::<Vec<_>>().join("\n");
        Request::from_post(Service::Dataselect, body.as_bytes()).expect("a good request")
    };
    assert_eq!(lines(bulk("-- HHZ"), Wildcards::Stay), Ok(39_996));
    assert_eq!(lines(bulk("* HH?"), Wildcards::Stay), Ok(39_996));
}

#[test]
fn what_is_said_twice_is_asked_for_once_and_in_the_order_it_was_said() {
    let body = "GE APE * BH? 2015-01-01 2015-01-02\nFR * * * 2015-01-01 2015-01-02\n\
                GE APE * BH? 2015-01-01 2015-01-03\n";
    let twice = format!("{body}{body}");
    let lines = |body: &str| {
        let request = Request::from_post(Service::Dataselect, body.as_bytes()).expect("a good request");
        permit(&request.lines, &rules(Unlisted::Refuse), &Rights::Nothing, Wildcards::Stay)
            .expect("few lines")
    };
    assert_eq!(lines(body).lines().len(), 4, "two of GE, and the network FR in two parts");
    assert_eq!(lines(&twice), lines(body));
}

#[test]
fn a_record_is_found_by_any_line_that_asks_for_its_channel() {
    let rules = rules(Unlisted::Refuse);
    let passes = |selection: &str| {
        let body = format!("GE NONE -- BHZ 2015-01-01 2016-01-01\n{selection} 2015-01-01 2016-01-01\n");
        let request = Request::from_post(Service::Dataselect, body.as_bytes()).expect("a good request");
        let permitted = permit(&request.lines, &rules, &Rights::Nothing, Wildcards::Stay).expect("few lines");
        let codes = CodesRef { network: "GE", station: "APE", location: "", channel: "BHZ" };
        let mut judge = Judge::new(&permitted, rules.clone(), Rights::Nothing);
        judge.judge(codes, time("2015-01-02"), time("2015-01-03")) == Judgement::Pass
    };
    for selection in
        ["GE APE -- BHZ", "GE A* * *", "G? APE * *", "?E *E * *", "GE,FR APE,ONE * *", "FR,GE * * BH?"]
    {
        assert!(passes(selection), "{selection}");
    }
    for selection in ["FR A* * *", "?E O* * *", "GE,FR ONE,TWO * *"] {
        assert!(!passes(selection), "{selection}");
    }
}

#[test]
fn records_are_judged_by_what_was_asked_and_what_is_forbidden() {
    let rules = rules(Unlisted::Refuse);
    let query = "net=ZZ,GE&start=2014-12-31&end=2015-01-02";
    let permitted = permitted(query, &rules, &Rights::Nothing, Wildcards::Stay);
    let mut judge = Judge::new(&permitted, rules, Rights::Nothing);
    let mut judged = |codes: [&str; 4], start: &str, end: &str| {
        let [network, station, location, channel] = codes;
        judge.judge(CodesRef { network, station, location, channel }, time(start), time(end))
    };
    let zz = ["ZZ", "TMP", "00", "HHZ"];
    assert_eq!(judged(zz, "2015-01-01", "2015-01-01T00:01"), Judgement::Pass);
    assert_eq!(judged(zz, "2014-12-31T23:59", "2015-01-01T00:01"), Judgement::LeftOut(Why::Straddles));
    assert_eq!(judged(zz, "2014-12-31T23:57", "2014-12-31T23:58"), Judgement::Outside);
    // Servers that let a record last until the next one begins send its neighbour along.
    assert_eq!(judged(zz, "2014-12-31T23:58", "2014-12-31T23:59:59.99"), Judgement::LeftOut(Why::Beside));
    assert_eq!(judged(zz, "2014-12-31T23:59:59.5", "2014-12-31T23:59:59.5"), Judgement::LeftOut(Why::Beside));
    assert_eq!(judged(["ge", "APE  ", "  ", "BHZ"], "2015-01-01", "2015-01-01T00:01"), Judgement::Pass);
    assert_eq!(
        judged(["GE", "NEW", "", "BHZ"], "2015-01-01", "2015-01-01T00:01"),
        Judgement::LeftOut(Why::Unlisted)
    );
    assert_eq!(judged(["FR", "ONE", "00", "HHZ"], "2015-01-01", "2015-01-01T00:01"), Judgement::Outside);
    assert_eq!(judged(zz, "2015-01-01T00:01", "2015-01-01"), Judgement::Outside);
}

#[test]
fn codes_that_run_together_are_not_taken_for_each_other() {
    let rules = rules(Unlisted::Refuse);
    let permitted = permitted("net=GE", &rules, &Rights::Nothing, Wildcards::Stay);
    let mut judge = Judge::new(&permitted, rules, Rights::Nothing);
    let mut judged = |network, station| {
        let codes = CodesRef { network, station, location: "", channel: "BHZ" };
        judge.judge(codes, time("2015-01-01"), time("2015-01-02"))
    };
    assert_eq!(judged("GE", "APE"), Judgement::Pass);
    assert_eq!(judged("GEA", "PE"), Judgement::Outside);
    assert_eq!(judged("GE", "APE\n"), Judgement::LeftOut(Why::Unlisted));
}
