//! `inventory` from a station service: read before the door opens, kept fresh, believed for a while.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::archive::ARCHIVE;
use super::conduct::{answer, error};
use super::door::{DATASELECT, Door, station};
use super::gnupg::{Gnupg, Issuer};
use super::server::PATIENCE;
use super::stand_in::StandIn;
use super::station::Station;
use super::upstream::Upstream;

const OPEN: &str = "GE APE -- HHZ 2016-06-01T00:00:00 2016-06-02T00:00:00\n";
const RESTRICTED: &str = "ZR Z01 -- HHZ 2016-06-01T00:00:00 2016-06-02T00:00:00\n";

fn door(data: &Upstream, inventory: &str, more: &str, issuer: &Issuer<'_>) -> Door {
    let service = format!(
        "[[service]]\nname = \"dataselect\"\nkind = \"fdsn\"\npath = \"{DATASELECT}\"\n\
         upstream = \"{}\"\ndigest = \"gateward\"\nunlisted = \"refuse\"\ninventory = {inventory}\n",
        data.url()
    );
    Door::serving(&format!("{service}{more}"), issuer)
}

/// A station service whose answer a test changes.
fn changing(answer: Vec<u8>) -> (StandIn, Arc<Mutex<Vec<u8>>>) {
    let answer = Arc::new(Mutex::new(answer));
    let said = Arc::clone(&answer);
    let service = StandIn::answering(move |_, stream| {
        let answer = said.lock().unwrap().clone();
        std::io::Write::write_all(stream, &answer)
    });
    (service, answer)
}

fn document(text: &str) -> Vec<u8> {
    answer("200 OK", "Content-Type: application/xml\r\n", text.as_bytes())
}

fn inventory() -> String {
    std::fs::read_to_string(ARCHIVE.file("inventory.xml")).unwrap()
}

/// Waits until the line is answered with `status`, and returns what is said then.
#[track_caller]
fn becomes(door: &Door, line: &str, status: u16) -> String {
    let begun = Instant::now();
    loop {
        let got = door.query(line);
        if got.status == status {
            return got.text();
        }
        assert!(begun.elapsed() < PATIENCE, "{} and not {status}: {}", got.status, got.text());
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn the_station_service_itself_tells_what_is_restricted() {
    let (gnupg, data, stations) = (Gnupg::new(), Upstream::start(), Station::start());
    let url = format!("\"{}/fdsnws/station/1\"", stations.url());
    let door = door(&data, &url, &station(&stations.url()), &gnupg.issuer());
    // With its first request, the door knows.
    assert_eq!(door.query(RESTRICTED).status, 403);
    let got = door.query(OPEN);
    assert!(
        got.status == 200 && got.body == ARCHIVE.waveforms("GE.APE..HHZ", "2016-06-01"),
        "{}",
        got.text()
    );
    let loaded = door.events("inventory_loaded");
    assert_eq!((loaded.len(), &loaded[0]["epochs"], &loaded[0]["restricted"]), (1, &9.into(), &3.into()));
}

#[test]
fn the_inventory_is_asked_for_channels_before_the_door_opens() {
    let (gnupg, data) = (Gnupg::new(), Upstream::start());
    let (stations, _) = changing(document(&inventory()));
    for path in ["/fdsnws/station/1", "/fdsnws/station/1/query"] {
        let before = stations.received().len();
        let _door = door(
            &data,
            &format!("\"{}{path}\"", stations.url()),
            "",
            &gnupg.issuer_with(&format!("issuer{before}"), "ed25519", "sign,cert"),
        );
        let received = stations.received().split_off(before);
        assert_eq!(received.len(), 1, "{received:#?}");
        let (path, query) = received[0].target.split_once('?').unwrap();
        assert_eq!((received[0].method.as_str(), path), ("GET", "/fdsnws/station/1/query"));
        assert!(query.split('&').any(|parameter| parameter == "level=channel"), "{query}");
    }
}

#[test]
fn what_becomes_restricted_upstream_becomes_restricted_here() {
    let (gnupg, data) = (Gnupg::new(), Upstream::start());
    let (stations, said) = changing(document(&inventory()));
    let table = format!("{{ url = \"{}/fdsnws/station/1\", refresh = \"1s\" }}", stations.url());
    let door = door(&data, &table, "", &gnupg.issuer());
    assert_eq!(door.query(OPEN).status, 200);
    let closed = inventory().replace("restrictedStatus=\"open\"", "restrictedStatus=\"closed\"");
    *said.lock().unwrap() = document(&closed);
    let text = becomes(&door, OPEN, 403);
    assert!(text.contains("the inventory says that they are restricted"), "{text}");
    *said.lock().unwrap() = document(&inventory());
    becomes(&door, OPEN, 200);
    // Three readings that differ from the one before are three events, however many there were.
    let loaded = door.events("inventory_loaded");
    assert_eq!(loaded.len(), 3, "{loaded:#?}");
    assert!(loaded[0]["sha256"] != loaded[1]["sha256"] && loaded[0]["sha256"] == loaded[2]["sha256"]);
}

#[test]
fn an_inventory_too_old_says_nothing_and_then_everything_is_restricted() {
    let (gnupg, data) = (Gnupg::new(), Upstream::start());
    let (stations, said) = changing(document(&inventory()));
    let table = format!(
        "{{ url = \"{}/fdsnws/station/1\", refresh = \"1s\", stale_after = \"4s\" }}",
        stations.url()
    );
    let door = door(&data, &table, "", &gnupg.issuer());
    *said.lock().unwrap() = error("503 Service Unavailable", "maintenance");
    // Believed for a while.
    assert_eq!(door.query(OPEN).status, 200);
    let text = becomes(&door, OPEN, 403);
    assert!(text.contains("not known at the moment"), "{text}");
    assert!(door.log().contains("/fdsnws/station/1"), "{}", door.log());
    *said.lock().unwrap() = document(&inventory());
    becomes(&door, OPEN, 200);
}

#[test]
fn what_is_no_inventory_is_not_gone_by() {
    let (gnupg, data) = (Gnupg::new(), Upstream::start());
    for nothing in [
        document("<html>Please log in</html>"),
        document(&inventory()[..2000]),
        answer("204 No Content", "", b""),
        answer("302 Found", "Location: /elsewhere\r\n", b""),
    ] {
        let (stations, said) = changing(nothing);
        let table = format!("{{ url = \"{}/fdsnws/station/1\", refresh = \"1s\" }}", stations.url());
        let name = format!("issuer{}", stations.url().rsplit(':').next().unwrap());
        let door = door(&data, &table, "", &gnupg.issuer_with(&name, "ed25519", "sign,cert"));
        let got = door.query(OPEN);
        assert_eq!(got.status, 403, "{}", got.text());
        assert!(got.text().contains("not known at the moment"), "{}", got.text());
        *said.lock().unwrap() = document(&inventory());
        becomes(&door, OPEN, 200);
    }
}
