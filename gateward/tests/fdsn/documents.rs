//! What clients read before they ask for data.

use super::door::{DATASELECT, Door};
use super::gnupg::Gnupg;
use super::upstream::Upstream;

#[test]
fn the_upstreams_description_tells_of_the_exchange_and_of_this_address() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let door = Door::before(&upstream.url(), &gnupg.issuer());
    let reply = door.curl(&format!("{DATASELECT}/application.wadl"), &[], b"");
    assert_eq!(reply.status, 200, "{}", reply.text());
    let text = reply.text();
    assert_eq!(text.matches("path=\"auth\"").count(), 1, "{text}");
    assert!(text.contains("http://wadl.dev.java.net/2009/02"), "{text}");
}

#[test]
fn the_upstreams_version_passes() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let door = Door::before(&upstream.url(), &gnupg.issuer());
    let reply = door.curl(&format!("{DATASELECT}/version"), &[], b"");
    assert_eq!((reply.status, reply.text().trim()), (200, "1.1.020002"));
}
