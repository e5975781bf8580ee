//! A revocation holds on every replica within a second, for answers that run already, and whatever a
//! replica hears.

use std::time::{Duration, Instant};

use crate::cluster::Cluster;
use crate::cluster::patience::eventually;
use crate::download::{Download, ENDLESS};
use crate::log::Log as _;
use crate::program::SMALL;
use crate::replicas::Site;
use crate::tcp_proxy::TcpProxy;

/// How soon a revocation holds everywhere.
const AT_ONCE: Duration = Duration::from_secs(1);

#[test]
fn a_login_that_a_command_revokes_is_refused_and_cut_on_every_replica_within_a_second() {
    let site = Site::with(3);
    let login = site.login();
    let downloads: Vec<_> =
        site.replicas.iter().map(|one| Download::begin(&one.client(), ENDLESS, &login)).collect();
    let since = site.log().length();
    site.installation.run_json(&["login", "revoke", &login.0]);
    for replica in &site.replicas {
        let refused = replica.client().get(SMALL, &login).unwrap();
        assert_eq!(refused.status, 401, "{}", refused.text());
    }
    for download in downloads {
        assert!(!download.ended(Duration::from_secs(5)));
    }
    let revoked = site.log().wait_for("login_revoked", since, Duration::ZERO);
    let ended = site.log().wait_for_all(3, "ended", since, Duration::from_secs(5));
    for event in ended {
        assert_eq!(event.text("delivery"), "revoked");
        let after = event.recorded_at.duration_since(revoked.recorded_at);
        assert!(after.as_millis() <= AT_ONCE.as_millis().try_into().unwrap(), "cut {after:#} after");
    }
    site.log().check_transactions();
}

#[test]
fn a_replica_that_hears_nothing_from_the_database_sends_nothing_a_second_later() {
    let mut site = Site::with(1);
    let cluster = Cluster::shared();
    let proxy = TcpProxy::before(cluster.address());
    let deaf = site.installation.serve(&cluster.url_through(proxy.address(), &site.database));
    let login = site.login();
    let download = Download::begin(&deaf.client(), ENDLESS, &login);
    let since = site.log().length();
    std::thread::sleep(Duration::from_millis(500));
    proxy.drop_packets();
    site.installation.run_json(&["login", "revoke", &login.0]);
    let revoked = Instant::now();
    std::thread::sleep(Duration::from_secs(3));
    let went_on = download.newest().saturating_duration_since(revoked);
    assert!(went_on <= AT_ONCE, "pieces left {went_on:?} after the revocation");
    proxy.pass();
    proxy.reset();
    assert!(!download.ended(Duration::from_secs(10)));
    let ended = site.log().wait_for("ended", since, Duration::from_secs(10));
    assert_eq!(ended.text("delivery"), "revoked");
    deaf.wait_until_ready();
    site.replicas.push(deaf);
    site.log().check_transactions();
}

#[test]
fn an_answer_goes_on_when_the_database_is_heard_again_and_nobody_ends_it_meanwhile() {
    let site = Site::with(2);
    let cluster = Cluster::shared();
    let proxy = TcpProxy::before(cluster.address());
    let deaf = site.installation.serve(&cluster.url_through(proxy.address(), &site.database));
    let login = deaf.login(&site.installation);
    let download = Download::begin(&deaf.client(), ENDLESS, &login);
    let since = site.log().length();
    proxy.drop_packets();
    // Most of the minute after which it would be cut.
    std::thread::sleep(Duration::from_secs(40));
    proxy.pass();
    let heard = Instant::now();
    eventually("it goes on", Duration::from_secs(10), || download.newest() > heard);
    std::thread::sleep(Duration::from_secs(1));
    assert!(download.newest().elapsed() < AT_ONCE, "it stopped again");
    let ended = site.log().events_from(since).into_iter().find(|event| event.kind() == "ended");
    assert!(ended.is_none() && site.log().open() == 1, "{ended:?}");
}
