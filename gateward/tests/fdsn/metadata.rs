//! Station metadata: they pass as they are, or follow the restrictions where the operator says so.

use std::collections::BTreeSet;

use super::archive::ARCHIVE;
use super::conduct::{answer, says};
use super::door::{Door, EMBARGO, ZR_GROUP, station, token};
use super::gnupg::{Gnupg, Issuer};
use super::server::Reply;
use super::stand_in::StandIn;
use super::station::Station;

const QUERY: &str = "/fdsnws/station/1/query";

/// Every parameter of the specification, as we write it (FDSN web services 1.2), in two requests: an
/// area is a rectangle or a circle.
const PARAMETERS: [&str; 2] = [
    "network=GE,Z?&station=A*,KBS&location=--,10&channel=HHZ,B??\
     &starttime=2015-01-01T00:00:00&endtime=2020-01-01T00:00:00\
     &startbefore=2016-01-01T00:00:00&startafter=2014-01-01T00:00:00\
     &endbefore=2030-01-01T00:00:00&endafter=2016-01-01T00:00:00\
     &minlatitude=-10.5&maxlatitude=80.0&minlongitude=-170.0&maxlongitude=170.25\
     &level=response&includerestricted=TRUE&includeavailability=FALSE\
     &updatedafter=2014-01-01T00:00:00&matchtimeseries=TRUE&format=xml&nodata=404",
    "network=ZR&station=*&location=*&channel=*&starttime=2015-01-01T00:00:00&endtime=2020-01-01T00:00:00\
     &latitude=37.0&longitude=25.5&minradius=0.0&maxradius=12.5&level=channel&format=text&nodata=204",
];

fn parameters(query: &str) -> BTreeSet<&str> {
    query.split('&').collect()
}

fn describing() -> StandIn {
    StandIn::answering(says(answer("200 OK", "Content-Type: application/xml\r\n", b"<FDSNStationXML/>")))
}

#[test]
fn metadata_pass_with_every_parameter_of_the_specification() {
    let gnupg = Gnupg::new();
    let upstream = describing();
    let door = Door::serving(&station(&upstream.url()), &gnupg.issuer());
    for query in PARAMETERS {
        let got = door.curl(&format!("{QUERY}?{query}"), &[], b"");
        assert_eq!((got.status, got.text().as_str()), (200, "<FDSNStationXML/>"), "{query}");
        let asked = upstream.received().pop().unwrap();
        let (path, asked) = asked.target.split_once('?').unwrap();
        assert_eq!((path, parameters(asked)), (QUERY, parameters(query)));
    }
}

#[test]
fn metadata_pass_by_lines_too() {
    let gnupg = Gnupg::new();
    let upstream = describing();
    let door = Door::serving(&station(&upstream.url()), &gnupg.issuer());
    let lines = "level=channel\nminlatitude=-10.5\nincluderestricted=TRUE\nformat=text\nnodata=404\n\
                 ZR * * * 2015-01-01T00:00:00 2020-01-01T00:00:00\n\
                 GE A* -- ?H? 1900-01-01T00:00:00 2599-12-31T23:59:59\n";
    let got = door.curl(QUERY, &["--data-binary", "@-"], lines.as_bytes());
    assert_eq!(got.status, 200, "{}", got.text());
    let asked = upstream.received().pop().unwrap();
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("POST", QUERY));
    let lines_of = |text: &str| -> BTreeSet<String> { text.lines().map(str::to_owned).collect() };
    assert_eq!(lines_of(&asked.body), lines_of(lines));
    // Ends that are not said are written out, because not every server reads a line without.
    let got = door.curl(QUERY, &["--data-binary", "@-"], b"level=station\nGE * * * * *\nZR * * * * *\n");
    assert_eq!(got.status, 200, "{}", got.text());
    let asked = upstream.received().pop().unwrap();
    let lines: Vec<_> = asked.body.lines().filter(|line| !line.contains('=')).collect();
    assert!(lines.len() == 2 && lines.iter().all(|line| line.split(' ').count() == 6), "{}", asked.body);
}

#[test]
fn metadata_of_what_is_restricted_are_told_to_everybody() {
    let (gnupg, stations) = (Gnupg::new(), Station::start());
    let door = Door::serving(&station(&stations.url()), &gnupg.issuer());
    for (network, described) in [("ZR", ["Z01", "Z02"]), ("CX", ["HMBCX", "PB01"])] {
        let got = door.curl(&format!("{QUERY}?network={network}&level=channel"), &[], b"");
        tells(&got, &described);
    }
}

/// A station service whose metadata follow the restrictions.
fn restricted(upstream: &str, issuer: &Issuer<'_>) -> Door {
    let service = station(upstream);
    let more = format!(
        "restrict_metadata = true\nunlisted = \"refuse\"\ninventory = \"{}\"\n\
         [[service.restriction]]\nnetwork = \"XR:2015-2017\"\nreason = \"{EMBARGO}\"\n\
         [[grant]]\ngroup = \"{ZR_GROUP}\"\nservice = \"station\"\nnetworks = [\"ZR\"]\n",
        ARCHIVE.file("inventory.xml").display()
    );
    Door::serving(&format!("{service}{more}"), issuer)
}

/// The answer describes these stations and no others.
#[track_caller]
fn tells(reply: &Reply, stations: &[&str]) {
    let text = reply.text();
    assert_eq!(reply.status, 200, "{text}");
    let codes = text.split("<Station ").skip(1).map(|rest| {
        let (_, after) = rest.split_once("code=\"").unwrap();
        after.split('"').next().unwrap()
    });
    assert_eq!(codes.collect::<BTreeSet<_>>(), stations.iter().copied().collect(), "{text}");
}

#[test]
fn restricted_metadata_are_left_out_at_every_level() {
    let (gnupg, stations) = (Gnupg::new(), Station::start());
    let door = restricted(&stations.url(), &gnupg.issuer());
    for level in ["station", "channel", "response"] {
        for query in [format!("level={level}"), format!("net=*&sta=*&level={level}")] {
            let got = door.curl(&format!("{QUERY}?{query}&start=2016-06-01&end=2016-06-02"), &[], b"");
            tells(&got, &["APE", "KBS", "PB01"]);
        }
        let lines = format!("level={level}\n* * * * 2016-06-01T00:00:00 2016-06-02T00:00:00\n");
        tells(&door.curl(QUERY, &["--data-binary", "@-"], lines.as_bytes()), &["APE", "KBS", "PB01"]);
    }
    // Of networks, their names.
    let got = door.curl(&format!("{QUERY}?level=network&start=2016-06-01&end=2016-06-02"), &[], b"");
    assert!(got.text().contains("code=\"GE\"") && !got.text().contains("code=\"ZR\""), "{}", got.text());
}

#[test]
fn restricted_metadata_are_told_to_whoever_was_granted_them() {
    let (gnupg, stations) = (Gnupg::new(), Station::start());
    let issuer = gnupg.issuer();
    let door = restricted(&stations.url(), &issuer);
    let login = door.exchange(&token(&issuer, ZR_GROUP));
    let query = "level=channel&start=2016-06-01&end=2016-06-02";
    let got = door.get(&format!("{QUERY}auth?{query}"), &login, &[]);
    tells(&got, &["APE", "KBS", "PB01", "Z01", "Z02"]);
}

#[test]
fn restricted_metadata_alone_are_refused_with_the_reason() {
    let gnupg = Gnupg::new();
    let upstream = describing();
    let door = restricted(&upstream.url(), &gnupg.issuer());
    for (query, said) in [
        ("net=XR&start=2016-01-01&end=2016-12-31", EMBARGO),
        ("net=ZR&level=network", "the inventory says that they are restricted"),
        ("net=CX&sta=HMB*&level=response", "the inventory says that they are restricted"),
        ("net=QQ&level=station", "the inventory does not know them"),
    ] {
        let got = door.curl(&format!("{QUERY}?{query}"), &[], b"");
        assert_eq!(got.status, 403, "{query}: {}", got.text());
        assert!(got.text().contains(said) && !got.reference().is_empty(), "{query}: {}", got.text());
    }
    assert_eq!(upstream.received().len(), 0);
}
