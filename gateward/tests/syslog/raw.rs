//! A place that events are sent to by TLS, which does with a connection what a test tells it to.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, SanType};
use rustls::crypto::aws_lc_rs as provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;

use super::authority::{Authority, DAY, from_now, params};
use super::events::{beginning, expected, feed, happen, happen_with, until};
use super::site::Site;
use super::validators::{by_xmllint, glossy_reads};

type Stream = StreamOwned<ServerConnection, TcpStream>;

/// The certificate of a server by this name.
fn of_server(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

/// Listens with a certificate that says `params`, and has `conduct` do with each connection what it does; a site is fed to it.
fn fed_to(params: CertificateParams, conduct: impl Fn(Stream) + Send + Sync + 'static) -> (Site, TempDir) {
    let (authority, folder) = (Authority::new("CA of the target"), tempfile::tempdir().unwrap());
    let machine = authority.issue(params);
    let key = PrivateKeyDer::from_pem_slice(machine.key.serialize_pem().as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![machine.der.into()], key)
        .unwrap();
    let (listener, config) = (TcpListener::bind("127.0.0.1:0").unwrap(), Arc::new(config));
    let port = listener.local_addr().unwrap().port();
    let conduct = Arc::new(conduct);
    std::thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let (config, conduct) = (Arc::clone(&config), Arc::clone(&conduct));
            std::thread::spawn(move || {
                conduct(StreamOwned::new(ServerConnection::new(config).unwrap(), socket));
            });
        }
    });
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, &authority.certificate).unwrap();
    let ca = ca.display();
    let settings = format!("[[audit.feed]]\nto = \"syslog+tls://localhost:{port}\"\nca = \"{ca}\"\n");
    (Site::with(Authority::new("Node CA"), &settings), folder)
}

/// Reads up to the goodbye, and says goodbye.
fn read_to_the_end(mut stream: Stream) -> Vec<u8> {
    let mut bytes = Vec::new();
    drop(stream.read_to_end(&mut bytes));
    stream.conn.send_close_notify();
    drop(stream.flush());
    bytes
}

/// Cuts messages by their counted octets (RFC 5425 section 4.3).
fn messages(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while let Some(blank) = bytes.iter().position(|byte| *byte == b' ') {
        let length: usize = std::str::from_utf8(&bytes[..blank]).unwrap().parse().unwrap();
        let (message, rest) = bytes[blank + 1..].split_at(length);
        messages.push(message.to_vec());
        bytes = rest;
    }
    messages
}

#[test]
fn what_is_on_the_wire_is_read_by_glossy_and_is_as_dicom_has_it() {
    let wire = Arc::<Mutex<Vec<u8>>>::default();
    let taps = Arc::clone(&wire);
    let (site, _folder) = fed_to(of_server("localhost"), move |stream| {
        let bytes = read_to_the_end(stream);
        taps.lock().unwrap().extend(bytes);
    });
    let first = beginning(&site);
    happen(&site.server.config(), 30);
    site.server.command(&["audit", "search"]).good();
    site.server.curl("/files/restricted.txt", &["--digest", "--user", "nobody:nothing"], b"");
    until("all are there", &site, || feed(&site).unwrap()["waiting"] == 0);
    let sent = messages(&wire.lock().unwrap());
    let as_text: Vec<_> = sent.iter().map(|message| String::from_utf8(message.clone()).unwrap()).collect();
    assert_eq!(as_text, expected(&site.server.config(), first));
    assert!(sent.len() > 31);
    for (read, message) in glossy_reads(&sent).iter().zip(&as_text) {
        assert_eq!(
            (&read["facilityID"], &read["severityID"], &read["appName"], &read["msgID"]),
            (&10.into(), &5.into(), &"gateward".into(), &"IHE+RFC-3881".into()),
            "{read}"
        );
        let xml = read["message"].as_str().unwrap().trim_start_matches('\u{feff}');
        assert!(xml.contains("<AuditMessage") && message.ends_with(xml), "{message}");
        by_xmllint(message, xml);
    }
}

/// A target that never counts as having anything, and says why within `patience`.
#[track_caller]
fn nothing_counts(params: CertificateParams, conduct: impl Fn(Stream) + Send + Sync + 'static, why: &[&str]) {
    let (site, _folder) = fed_to(params, conduct);
    let first = beginning(&site);
    // More than what both systems hold for one connection that nobody reads.
    happen(&site.server.config(), 12_000);
    until("it fails", &site, || feed(&site).unwrap()["failing_since"].is_string());
    let feed = feed(&site).unwrap();
    let error = feed["last_error"].as_str().unwrap();
    assert!(why.iter().any(|why| error.contains(why)), "{feed}");
    assert_eq!(feed["position"], first, "{feed}");
    // The door does not wait for it.
    let begun = std::time::Instant::now();
    assert_eq!(site.server.curl("/files/restricted.txt", &[], b"").status, 401);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn nothing_is_sent_to_whoever_has_another_name() {
    let conduct = |stream| assert!(read_to_the_end(stream).is_empty());
    nothing_counts(of_server("elsewhere.example.org"), conduct, &["subjectAltName"]);
}

#[test]
fn nothing_is_sent_to_whoever_shows_an_expired_certificate() {
    let mut params = of_server("localhost");
    (params.not_before, params.not_after) = (from_now(-2 * DAY), from_now(-DAY));
    nothing_counts(params, |stream| assert!(read_to_the_end(stream).is_empty()), &["certificate has ended"]);
}

#[test]
fn whoever_reads_nothing_has_nothing() {
    let conduct = |mut stream: Stream| {
        drop(stream.conn.complete_io(&mut stream.sock));
        std::thread::sleep(Duration::from_secs(600));
    };
    nothing_counts(of_server("localhost"), conduct, &["takes nothing any more", "does not read to the end"]);
}

#[test]
fn whoever_closes_in_the_middle_of_a_message_has_nothing() {
    let conduct = |mut stream: Stream| {
        let mut piece = [0; 1000];
        stream.read_exact(&mut piece).unwrap();
    };
    nothing_counts(of_server("localhost"), conduct, &["closed", "reset", "Broken pipe"]);
}

#[test]
fn what_is_too_long_for_a_message_is_left_out_and_named_and_all_else_comes() {
    let got = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&got);
    let conduct = move |stream| all.lock().unwrap().extend(messages(&read_to_the_end(stream)));
    let (site, _folder) = fed_to(of_server("localhost"), conduct);
    let first = beginning(&site);
    // Longer than a message may be; as long as many are written in pieces.
    let mut details = vec!["ä".repeat(20_000); 100];
    details.insert(50, "ä".repeat(40_000));
    happen_with(&site.server.config(), &details);
    until("it is there", &site, || feed(&site).unwrap()["waiting"] == 0);
    let mut expected = expected(&site.server.config(), first);
    let count = expected.len();
    expected.retain(|message| message.len() <= 65_536);
    assert_eq!(expected.len(), count - 1);
    let got = got.lock().unwrap();
    assert!(expected.iter().all(|message| got.iter().any(|got| got == message.as_bytes())));
    assert!(got.iter().all(|message| message.len() <= 65_536));
    let refused = site.events("feed_refused");
    assert_eq!(
        (refused.len(), refused[0]["body"]["events"].as_array().unwrap().len()),
        (1, 1),
        "{refused:?}"
    );
    assert!(refused[0]["personal"]["detail"].as_str().unwrap().contains("a message has at most 65536"));
    assert_eq!(feed(&site).unwrap()["refused"], 1);
}
