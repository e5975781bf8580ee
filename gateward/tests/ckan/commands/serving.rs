//! A server ends what is over by itself.

use std::time::Duration;

use super::installation::Installation;
use super::many::people;
use super::users::{keys_of, opens};
use crate::cluster::patience::eventually;
use crate::site::Site;

#[test]
fn a_server_revokes_within_its_minute_what_has_expired_and_stops_when_it_is_told() {
    let (ckan, ours) = (Site::shared(), Installation::at(Site::shared()));
    let people = people(2);
    for user in &people {
        ours.create(&[user, "--create-user", "--mail", &format!("{user}@example.org")]).good();
    }
    let over = ours.id(&people[0], "issued");
    ours.expire(&over);
    let mut serving = ours.call(&["serve"]).start();
    eventually("it is revoked", Duration::from_secs(90), || {
        assert!(!serving.has_ended(), "it serves");
        keys_of(ckan, &people[0]).is_empty()
    });
    assert_eq!(keys_of(ckan, &people[1]).len(), 1);
    eventually("it is recorded", Duration::from_secs(30), || ours.tokens()[0]["state"] == "ended");

    // A command beside it is heard as well.
    let living = ours.id(&people[1], "issued");
    ours.call(&["access-token", "revoke", &living]).run().good();
    assert!(keys_of(ckan, &people[1]).is_empty());
    serving.signal(nix::sys::signal::Signal::SIGTERM);
    let said = serving.finish();
    assert_eq!(said.status, Some(0), "{}", said.err);
    assert!(opens(ckan, &ckan.key, "admin"), "nobody else's key is touched");
}
