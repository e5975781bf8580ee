//! Which CKAN is believed to be the one that is meant, and what is said where none is.

use std::path::Path;
use std::time::{Duration, Instant};

use gateward::flows::access_token::ckan::{Ckan, Error};
use gateward::server::ckan::{Unready, fetch_certificate_of_anybody};

use super::asking::{LITTLE, PATIENCE, api_at, user, wait};
use super::site::{Site, USER};
use super::tls_stand_in::{AUTHORITY, TlsStandIn, certificate};

const KEY: &str = "eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiJ4In0.the-key-of-tests";

/// Asks there; returns why there is no answer.
fn refused(url: &str, ca: Option<&Path>) -> Error {
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), KEY).unwrap();
    wait(api_at(url, key.path(), ca, LITTLE).unwrap().has_user(&user(USER))).unwrap_err()
}

#[track_caller]
fn tls_is_wrong(refused: &Error, why: &str) {
    assert!(matches!(refused, Error::Tls { why: said, .. } if said.contains(why)), "{refused}");
    assert!(!refused.is_of_unknown_end(), "{refused}");
}

#[test]
fn a_ckan_is_believed_by_its_authority_or_by_its_very_certificate_and_by_nothing_else() {
    let site = Site::shared_with_tls();
    let key = site.file_with("key", &site.key);
    for ca in [Site::ca(), Site::certificate()] {
        let ckan = api_at(&site.url(), &key, Some(&ca), PATIENCE).unwrap();
        assert!(wait(ckan.has_user(&user(USER))).unwrap(), "{}", ca.display());
    }
    let stranger = certificate(&["localhost"], |_| {});
    for ca in [None, Some(stranger.path())] {
        tls_is_wrong(&refused(&site.url(), ca), "leads to nobody who is believed");
    }
    let by_address = site.url().replace("localhost", "127.0.0.1");
    tls_is_wrong(&refused(&by_address, Some(&Site::ca())), "not for 127.0.0.1");
    tls_is_wrong(&refused(&by_address, Some(&Site::certificate())), "not for 127.0.0.1");
}

#[test]
fn a_certificate_that_signed_itself_as_an_authority_is_believed_where_it_was_given() {
    // As `openssl req -x509` makes them.
    let own = certificate(&["localhost"], AUTHORITY);
    let server = TlsStandIn::showing(&own);
    let there = refused(&server.url(), Some(own.path()));
    assert!(matches!(&there, Error::NotCkan { why, .. } if why.contains("text/html")), "{there}");
    assert!(server.heard().contains(KEY));

    let server = TlsStandIn::showing(&own);
    tls_is_wrong(&refused(&server.url(), None), "its certificate signed itself");
    let other = certificate(&["localhost"], AUTHORITY);
    assert!(matches!(refused(&server.url(), Some(other.path())), Error::Tls { .. }));
    assert_eq!(server.heard(), "", "who is not believed hears nothing");
}

#[test]
fn a_certificate_out_of_its_time_is_not_believed_even_where_it_was_given() {
    let old = certificate(&["localhost"], |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    });
    tls_is_wrong(&refused(&TlsStandIn::showing(&old).url(), Some(old.path())), "has ended");
    let early = certificate(&["localhost"], |params| params.not_before = rcgen::date_time_ymd(4000, 1, 1));
    tls_is_wrong(&refused(&TlsStandIn::showing(&early).url(), Some(early.path())), "not valid yet");
}

#[test]
fn who_speaks_no_tls_is_told_so() {
    let plain = Site::shared().url().replace("http://127.0.0.1", "https://localhost");
    tls_is_wrong(&refused(&plain, None), "does not speak TLS");
}

#[test]
fn files_that_hold_something_else_are_refused_before_anything_is_sent() {
    let site = Site::shared();
    let file = |text: &str| site.file_with(&format!("unfit-{}", text.len()), text);
    let key = site.file_with("key", &site.key);
    let no_key = file("login:password");
    let made = |key: &Path, ca: Option<&Path>| api_at(&site.url(), key, ca, LITTLE).unwrap_err();
    assert!(matches!(made(&no_key, None), Unready::NotAKey(path) if path == no_key));
    for ca in [file("no certificate"), file("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")] {
        let refused = made(&key, Some(&ca)).to_string();
        assert!(refused.contains("no certificates that can be read"), "{refused}");
    }
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    assert!(made(&key, None).to_string().contains("can be read by everybody"));
}

#[test]
fn the_certificate_of_a_ckan_is_fetched_as_it_stands_in_its_file() {
    let site = Site::shared_with_tls();
    let pem = wait(fetch_certificate_of_anybody("localhost", site.port(), PATIENCE)).unwrap();
    let file = std::fs::read_to_string(Site::certificate()).unwrap();
    assert_eq!(pem.trim_end(), file.replace("\r\n", "\n").trim_end());
}

#[test]
fn a_certificate_is_fetched_from_anybody_and_nothing_is_sent_there() {
    let old = certificate(&["elsewhere"], |params| params.not_after = rcgen::date_time_ymd(2021, 1, 1));
    for certificate in [old, certificate(&["elsewhere"], AUTHORITY)] {
        let server = TlsStandIn::showing(&certificate);
        let pem = wait(fetch_certificate_of_anybody("127.0.0.1", server.port(), PATIENCE)).unwrap();
        let file = std::fs::read_to_string(certificate.path()).unwrap();
        assert_eq!(pem.trim_end(), file.replace("\r\n", "\n").trim_end());
        assert_eq!(server.heard(), "");
    }
}

#[test]
fn where_no_certificate_is_shown_it_is_said_why() {
    let fetched = |host: &str, port| wait(fetch_certificate_of_anybody(host, port, LITTLE)).unwrap_err();
    tls_is_wrong(&fetched("127.0.0.1", Site::shared().port()), "does not speak TLS");

    let unused = super::cluster::ports::free_port();
    assert!(matches!(fetched("127.0.0.1", unused), Error::Unreachable { .. }));
    assert!(matches!(fetched("no host", 443), Error::Unreachable { .. }));

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let begun = Instant::now();
    let silent = fetched("127.0.0.1", listener.local_addr().unwrap().port());
    assert!(silent.to_string().contains("no certificate within 2 s"), "{silent}");
    assert!(begun.elapsed() < LITTLE + Duration::from_secs(10));

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || drop(listener.accept()));
    let hangs_up = fetched("127.0.0.1", port);
    assert!(matches!(&hangs_up, Error::Unreachable { why, .. } if why.contains("hangs up")), "{hangs_up}");
}
