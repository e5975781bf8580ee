//! Events for other places, and how far these have them.

use std::path::Path;
use std::time::{Duration, Instant};

use audit_event::Event;
use gateward::config::Config;
use gateward::flows::audit::Observer;
use gateward::flows::feed::{message, told};
use gateward::flows::record::{Happened, What};
use gateward::server::{boot, system};
use gateward::store::event;
use serde_json::Value;

use super::site::Site;

/// How long a target may need to have everything.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Has `count` events happen, past the server.
pub fn happen(config: &Path, count: usize) {
    let details = (0..count).map(|number| format!("Nr. {number}: Ærøskøbing, 東京, Пациент, \u{1F600}"));
    happen_with(config, &details.collect::<Vec<_>>());
}

/// Has an event happen for each of these.
pub fn happen_with(config: &Path, details: &[String]) {
    let config = Config::read(config).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (clock, random) = (system::clock(), system::random());
        let door = boot::door(&config, boot::keys(&config).unwrap(), &clock, &random).await.unwrap();
        for details in details.chunks(500) {
            let failed =
                |detail: &String| What::AuthenticationFailed { reason: "test", detail: detail.clone() };
            let happened: Vec<_> = details.iter().map(|detail| Happened::done(failed(detail))).collect();
            door.recorder.commit(None, Vec::new(), &happened, system::wall_clock()).await.unwrap();
        }
    });
}

/// What all events from `position` on are told as.
pub fn told_from(config: &Path, position: u64) -> Vec<Event> {
    let config = Config::read(config).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (clock, random) = (system::clock(), system::random());
        let door = boot::door(&config, boot::keys(&config).unwrap(), &clock, &random).await.unwrap();
        let events = event::from(&door.store.reader, position, 1_000_000).await.unwrap();
        events.iter().flat_map(|event| told(event, &observer())).collect()
    })
}

/// The messages that they are sent as.
pub fn expected(config: &Path, position: u64) -> Vec<String> {
    let told = told_from(config, position);
    told.iter().map(|event| String::from_utf8(message(event, &observer())).unwrap()).collect()
}

fn observer() -> Observer {
    Observer::new(system::host_name())
}

/// What the list says of the only place.
pub fn feed(site: &Site) -> Option<Value> {
    let listed = site.server.command(&["audit", "feeds", "--format", "json"]).json();
    listed.into_iter().find(|feed| !feed["position"].is_null())
}

#[track_caller]
pub fn until(what: &str, site: &Site, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}: {:?} {}", feed(site), site.server.log());
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Where a new place begins: once it stands in the list.
pub fn beginning(site: &Site) -> u64 {
    until("it begins", site, || feed(site).is_some());
    feed(site).unwrap()["position"].as_u64().unwrap()
}
