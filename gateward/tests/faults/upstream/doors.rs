//! Installations with another server behind their door.

use std::time::Duration;

use super::records::inventory;
use super::stand_in::StandIn;
use crate::log::{Event, Log as _};
use crate::program::DEMO_GROUP;
use crate::support::Installation;

/// What everybody may ask for, of network OP.
pub const OPEN: &str =
    "/fdsnws/dataselect/1/query?net=OP&sta=STA&loc=--&cha=HHZ&start=2016-06-01&end=2016-06-02";

/// The same of network RE, which is restricted.
pub const RESTRICTED_TO_ALL: &str =
    "/fdsnws/dataselect/1/query?net=RE&sta=STA&loc=--&cha=HHZ&start=2016-06-01&end=2016-06-02";

/// And where the demo's group gets it.
pub const RESTRICTED: &str =
    "/fdsnws/dataselect/1/queryauth?net=RE&sta=STA&loc=--&cha=HHZ&start=2016-06-01&end=2016-06-02";

/// A data service behind the door, where OP is open and RE restricted; `upstream` is as the
/// configuration has it.
pub fn fdsn(upstream: &str) -> Installation {
    let installation = Installation::make();
    let listed = inventory(&[("OP", "open"), ("RE", "closed")]);
    std::fs::write(installation.path("inventory.xml"), listed).unwrap();
    installation.append(&format!(
        r#"
[[service]]
name = "dataselect"
kind = "fdsn"
path = "/fdsnws/dataselect/1"
upstream = {upstream}
digest = "gateward"
inventory = {{ file = "inventory.xml", refresh = "1s", stale_after = "5s" }}
unlisted = "refuse"

[[grant]]
group = "{DEMO_GROUP}"
service = "dataselect"
networks = ["RE"]
"#
    ));
    installation
}

/// Things behind the door that can be read and written; `upstream` is as the configuration has it, and
/// `more` is about the service.
pub fn plain(upstream: &str, more: &str) -> Installation {
    let installation = Installation::make();
    installation.append(&format!(
        r#"
[[service]]
name = "things"
kind = "plain"
path = "/things"
upstream = {upstream}
require = ["login"]
{more}

[[grant]]
group = "{DEMO_GROUP}"
service = "things"
"#
    ));
    installation
}

/// A stand-in as the configuration has it, with the longest silence that is waited out.
pub fn patient(upstream: &StandIn, seconds: u64) -> String {
    format!("{{ url = \"{}\", timeout = \"{seconds}s\" }}", upstream.url())
}

/// Waits for how the one transaction since `position` ended, in an event of its own or not.
pub fn ending(installation: &Installation, position: u64) -> Event {
    crate::cluster::patience::eventually("how it ended", Duration::from_secs(10), || {
        let events = installation.log().events_from(position);
        events.into_iter().find(|event| ["ended", "released"].contains(&event.kind()))
    })
}
