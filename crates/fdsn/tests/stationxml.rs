//! Inventories that obspy wrote, read as obspy reads them; and what is no inventory.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it stands")]

use fdsn::stationxml::{Error, MAX_DEPTH, read};
use fdsn::{Codes, Epoch, Span, Time};
use proptest::prelude::*;

const LEVELS: (&str, &str) =
    (include_str!("golden/stationxml/levels.xml"), include_str!("golden/stationxml/levels.txt"));
const EPOCHS: (&str, &str) =
    (include_str!("golden/stationxml/epochs.xml"), include_str!("golden/stationxml/epochs.txt"));

/// The epochs of a table, with the status that the words at its end give: own, station's, network's.
fn table(text: &str) -> Vec<Epoch> {
    text.lines()
        .map(|line| {
            let fields: Vec<_> = line.split(' ').collect();
            let [network, station, location, channel, start, end, words @ ..] = &fields[..] else {
                panic!("{line}")
            };
            let code = |text: &str| if text == "-" { String::new() } else { text.to_owned() };
            let time = |text: &str| (text != "-").then(|| text.parse::<Time>().unwrap());
            // obspy leaves it to its callers what the words come to: closed wins at any level, or else the nearest.
            let word = words.iter().find(|word| **word == "closed");
            let word = word.or_else(|| words.iter().find(|word| **word != "-"));
            Epoch {
                codes: Codes {
                    network: code(network),
                    station: code(station),
                    location: code(location),
                    channel: code(channel),
                },
                span: Span { start: time(start), end: time(end).filter(|_| !end.starts_with("25")) },
                restricted: word.is_some_and(|word| *word != "open"),
            }
        })
        .collect()
}

#[test]
fn what_is_closed_at_any_level_is_restricted_and_else_the_nearest_word_decides() {
    let epochs = read(LEVELS.0.as_bytes()).unwrap();
    assert_eq!(epochs.len(), 4 * 4 * 4);
    assert_eq!(epochs, table(LEVELS.1));
}

#[test]
fn epochs_have_their_own_dates_and_the_start_of_what_is_above() {
    let epochs = read(EPOCHS.0.as_bytes()).unwrap();
    assert_eq!(epochs, table(EPOCHS.1));
    let ends: Vec<_> = epochs.iter().map(|epoch| epoch.span.end.is_some()).collect();
    assert_eq!(ends, [true, false, true, false, false, true, true]);
}

/// One channel with these attributes, below a station and a network with these.
fn inventory(network: &str, station: &str, channel: &str) -> String {
    format!(
        r#"<?xml version="1.0"?><FDSNStationXML xmlns="http://www.fdsn.org/xml/station/1" schemaVersion="1.1">
        <Network code="GE" {network}><Station code="WLF" {station}><Channel code="BHZ" locationCode="" {channel}/>
        </Station></Network></FDSNStationXML>"#
    )
}

fn restricted(network: &str, station: &str, channel: &str) -> bool {
    let epochs = read(inventory(network, station, channel).as_bytes()).unwrap();
    let [epoch] = &epochs[..] else { panic!("{epochs:?}") };
    epoch.restricted
}

#[test]
fn a_word_that_is_not_open_to_the_letter_restricts() {
    for word in ["Open", "OPEN", "", "unknown", "open closed", "o&#112;en&#33;", "&open;"] {
        assert!(restricted("", "", &format!(r#"restrictedStatus="{word}""#)), "{word}");
    }
    for word in ["open", " open\n", "o&#112;en"] {
        assert!(!restricted("", "", &format!(r#"restrictedStatus="{word}""#)), "{word}");
    }
    assert!(restricted(r#"restrictedStatus="partial""#, "", ""));
    assert!(!restricted("", "", ""));
}

#[test]
fn an_open_word_opens_what_is_partial_above_and_nothing_that_is_closed() {
    // Of network, station and channel; a dash for no word.
    for (words, expected) in [
        ("closed open open", true),
        ("closed - open", true),
        ("closed partial open", true),
        ("closed open -", true),
        ("open closed open", true),
        ("partial closed open", true),
        ("- closed open", true),
        ("unknown open open", true),
        ("- Closed open", true),
        ("open open closed", true),
        ("open open partial", true),
        ("partial - -", true),
        ("- partial -", true),
        ("open partial -", true),
        ("partial open open", false),
        ("partial - open", false),
        ("partial partial open", false),
        ("- partial open", false),
        ("partial open -", false),
        ("open - -", false),
    ] {
        let word = |word: &str| match word {
            "-" => String::new(),
            word => format!(r#"restrictedStatus="{word}""#),
        };
        let [network, station, channel] = &words.split(' ').map(word).collect::<Vec<_>>()[..] else {
            panic!()
        };
        assert_eq!(restricted(network, station, channel), expected, "{words}");
    }
}

#[test]
fn a_word_in_another_namespace_or_from_a_sibling_means_nothing() {
    assert!(!restricted("", "", r#"xmlns:x="urn:x" x:restrictedStatus="closed""#));
    let siblings = r#"<FDSNStationXML xmlns="http://www.fdsn.org/xml/station/1">
        <Network code="A" restrictedStatus="closed"><Station code="A"><Channel code="A" locationCode=""/></Station></Network>
        <Network code="B"><Station code="B" restrictedStatus="closed"/><Station code="C"><Channel code="C" locationCode=""/></Station></Network>
        </FDSNStationXML>"#;
    let restricted: Vec<_> =
        read(siblings.as_bytes()).unwrap().iter().map(|epoch| epoch.restricted).collect();
    assert_eq!(restricted, [true, false]);
}

#[test]
fn only_channels_on_the_way_down_in_the_right_namespace_count() {
    let text = inventory("", "", "").replace(
        "</Station>",
        r#"<x:Channel xmlns:x="urn:x" code="X" locationCode=""/><Comment><Channel code="Y" locationCode=""/></Comment>
        <x:Site xmlns:x="urn:x"><Channel code="Z" locationCode=""/></x:Site></Station>
        <x:Station xmlns:x="urn:x" code="V"><Channel code="V" locationCode=""/></x:Station>"#,
    );
    assert_eq!(read(text.as_bytes()).unwrap().len(), 1);
    let prefixed = inventory("", "", "").replace("xmlns=", "xmlns:s=").replace("</", "</s:");
    let prefixed = ["FDSN", "Net", "Stat", "Chan"]
        .iter()
        .fold(prefixed, |text, name| text.replace(&format!("<{name}"), &format!("<s:{name}")));
    assert_eq!(read(prefixed.as_bytes()).unwrap().len(), 1);
}

#[test]
fn a_restricted_epoch_that_ends_before_it_begins_is_not_lost() {
    let dates = r#"startDate="2015-01-01" endDate="2010-01-01" restrictedStatus="closed""#;
    let epochs = read(inventory("", "", dates).as_bytes()).unwrap();
    assert_eq!(epochs[0].span, Span::new("2010-01-01".parse().unwrap(), "2015-01-01".parse().unwrap()));
}

#[test]
fn codes_are_those_of_requests() {
    let text =
        inventory("", "", "").replace(r#"locationCode="""#, r#"locationCode="--""#).replace("BHZ", "bhz ");
    assert_eq!(read(text.as_bytes()).unwrap()[0].codes.to_string(), "GE.WLF..BHZ");
}

#[test]
fn an_attribute_that_cannot_be_read_is_named_with_its_place() {
    let broken = [
        (inventory(r#"startDate="yesterday""#, "", ""), "Network", "startDate"),
        (inventory("", "", r#"endDate="2010-02-30""#), "Channel", "endDate"),
        (inventory("", "", "").replace(r#"code="WLF""#, ""), "Station", "code"),
        (inventory("", "", "").replace(r#""BHZ""#, r#""&unknown;""#), "Channel", "code"),
    ];
    for (text, element, attribute) in broken {
        let at = text.find(&format!("<{element} ")).unwrap() as u64;
        assert_eq!(read(text.as_bytes()), Err(Error::Attribute { at, element, attribute }));
    }
}

#[test]
fn what_is_no_inventory_of_channels_is_refused_with_the_reason() {
    let text = "#Network|Station|Location|Channel|Latitude\nGE|WLF||BHZ|49.6\n";
    assert_eq!(read(text.as_bytes()), Err(Error::TextForm));
    assert_eq!(read(&b"GE|WLF||BHZ|49.6"[..]), Err(Error::TextForm));
    for text in ["", "  \n", "Error 404: no data", "<html><body/></html>", "<FDSNStationXML/>"] {
        assert_eq!(read(text.as_bytes()), Err(Error::NotStationXml), "{text}");
    }
    for before in ["OK ", "<![CDATA[ ]]>", "&amp;"] {
        let text = format!("{before}{}", inventory("", "", ""));
        assert_eq!(read(text.as_bytes()), Err(Error::NotStationXml), "{text}");
    }
    let other_namespace = inventory("", "", "").replace("station/1", "station/2");
    assert_eq!(read(other_namespace.as_bytes()), Err(Error::NotStationXml));

    let stations = inventory("", "", "").replace("Channel", "Comment");
    assert_eq!(read(stations.as_bytes()), Err(Error::NoChannels));
}

#[test]
fn a_document_that_is_cut_off_or_broken_or_followed_by_another_does_not_count() {
    let whole = EPOCHS.0;
    for end in (200..whole.trim_end().len()).step_by(97) {
        let Some(cut) = whole.get(..end) else { continue };
        assert!(matches!(read(cut.as_bytes()), Err(Error::Broken { .. })), "{end}");
    }
    let text = inventory("", "", "");
    let crossed = text.replace("</Station></Network>", "</Network></Station>");
    let twice = text.replace(r#"code="WLF""#, r#"code="WLF" code="WLF""#);
    let two = format!("{text}{}", text.replace(r#"<?xml version="1.0"?>"#, ""));
    let followed = format!("{text} and more");
    for text in [crossed, twice, two, followed] {
        assert!(matches!(read(text.as_bytes()), Err(Error::Broken { .. })), "{text}");
    }
}

#[test]
fn a_byte_order_mark_changes_nothing() {
    let marked = format!("\u{feff}{}", EPOCHS.0);
    assert_eq!(read(marked.as_bytes()), read(EPOCHS.0.as_bytes()));
    assert_eq!(read("\u{feff}#Network|Station".as_bytes()), Err(Error::TextForm));
}

#[test]
fn a_document_type_is_refused_before_anything_it_declares() {
    let text = inventory("", "", "").replace("?>", r#"?><!DOCTYPE a [<!ENTITY open "open">]>"#);
    assert_eq!(read(text.as_bytes()), Err(Error::DocumentType { at: 21 }));
}

#[test]
fn elements_too_deep_in_each_other_are_refused() {
    let nested = |depth: usize| {
        inventory("", "", "")
            .replace("</Station>", &format!("{}{}</Station>", "<a>".repeat(depth), "</a>".repeat(depth)))
    };
    assert!(read(nested(MAX_DEPTH - 3).as_bytes()).is_ok());
    assert!(matches!(read(nested(MAX_DEPTH - 2).as_bytes()), Err(Error::TooMuch(_))));
}

#[test]
fn text_without_end_is_refused_at_the_limit() {
    let endless = std::io::BufReader::new(std::io::Read::chain(
        inventory("", "", "").split_once("</Station>").unwrap().0.as_bytes().to_owned().leak() as &[u8],
        std::io::repeat(b' '),
    ));
    assert!(matches!(read(endless), Err(Error::TooMuch(_))));
}

proptest! {
    #[test]
    fn reading_any_damage_ends(at in any::<proptest::sample::Index>(), with in "\\PC{0,4}|[<>&\"' /]{1,3}") {
        let mut text = EPOCHS.0.to_owned();
        let mut at = at.index(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        text.insert_str(at, &with);
        let _ = read(text.as_bytes());
    }
}
