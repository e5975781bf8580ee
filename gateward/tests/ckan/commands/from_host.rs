//! A certificate that comes from the host itself is believed when somebody says that it is right.

use access_token::ServerCertificate;
use rcgen::DistinguishedName;

use super::gnupg::Somebody;
use super::installation::{HOST, Installation, certificate_of, deaf, nobody_asked};
use super::users::dclab;
use crate::tls_stand_in::{Certificate, TlsStandIn, certificate};

const KEY: &str = "vN3kQ0mW7xTzR5uYb8LpAe2HcJ4sGd6FiOo1ZqXyUKw";
const QUESTION: &str = "Is it the right one?";

fn fingerprint(certificate: &Certificate) -> String {
    let pem = std::fs::read(certificate.path()).unwrap();
    ServerCertificate::parse(&pem).unwrap().fingerprint().to_string()
}

/// An installation, a host that shows a certificate, and the words that ask it.
struct Bench {
    ours: Installation,
    shown: Certificate,
    host: TlsStandIn,
    key: String,
}

impl Bench {
    fn showing(shown: Certificate) -> Self {
        let (ours, host) = (Installation::without_ckan(), TlsStandIn::showing(&shown));
        let key = ours.secret_file("key", KEY).to_str().unwrap().to_owned();
        Self { ours, shown, host, key }
    }

    fn create(&self) -> Vec<String> {
        let place = format!("127.0.0.1:{}", self.host.port());
        ["access-token", "create", "ann", "--inner-only", "--key-file", &self.key, "--from-host", &place]
            .map(str::to_owned)
            .to_vec()
    }
}

fn words(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

#[test]
fn a_yes_on_the_terminal_pins_what_the_host_shows_and_anything_else_makes_nothing() {
    let bench = Bench::showing(certificate_of(HOST));
    let create = bench.create();
    for no in ["n", "", "of course"] {
        let refused = bench.ours.on_terminal(&words(&create)).answering(QUESTION, no).run();
        refused.refused(2, "nothing was made");
        assert!(refused.terminal.contains(&fingerprint(&bench.shown)), "{}", refused.terminal);
        assert!(bench.ours.on_desk().is_empty() && bench.ours.tokens().is_empty());
    }
    let made = bench.ours.on_terminal(&words(&create)).answering(QUESTION, "y").run().good();
    let read = dclab(&bench.ours.desk("ann.dcor-access"), &made.passphrase("ann").unwrap());
    assert_eq!(read.certificate, std::fs::read_to_string(bench.shown.path()).unwrap());
    assert_ne!(read.certificate, std::fs::read_to_string(bench.ours.path("host.pem")).unwrap());
    assert_eq!(bench.host.heard(), "", "nothing is sent there");
}

#[test]
fn a_fingerprint_is_compared_however_it_is_spelled_and_then_nobody_is_asked() {
    let bench = Bench::showing(certificate_of(HOST));
    let create = bench.create();
    let wrong = fingerprint(&bench.ours.certificate);
    let refused = bench.ours.on_terminal(&[&words(&create)[..], &["--fingerprint", &wrong]].concat()).run();
    refused.refused(2, "shows another certificate");
    assert!(!refused.terminal.contains(QUESTION) && bench.ours.on_desk().is_empty());

    let right = fingerprint(&bench.shown).replace([':', ' '], "").replace("SHA256", "").to_lowercase();
    let made =
        bench.ours.on_terminal(&[&words(&create)[..], &["--fingerprint", &right]].concat()).run().good();
    assert!(!made.terminal.contains(QUESTION), "{}", made.terminal);
}

#[test]
fn what_is_no_fingerprint_is_refused_before_the_host_is_asked() {
    let host = deaf();
    let ours = Installation::without_ckan();
    let place = host.local_addr().unwrap().to_string();
    for wrong in ["AB:CD", "", "SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDyLRAQVYQmQwFEXgk"] {
        let create = ["ann", "--from-host", &place, "--fingerprint", wrong];
        ours.create(&create).refused(2, "is no SHA-256 fingerprint: 64 hex digits");
    }
    assert!(ours.on_desk().is_empty() && ours.tokens().is_empty());
    nobody_asked(&host);
}

#[test]
fn a_certificate_that_newer_libraries_refuse_is_taken_with_a_warning() {
    let nameless = certificate(&[], |params| params.distinguished_name.push(rcgen::DnType::CommonName, HOST));
    let ours = Installation::without_ckan();
    let key = ours.secret_file("key", KEY);
    let create =
        ["ann", "--key-file", key.to_str().unwrap(), "--certificate", nameless.path().to_str().unwrap()];
    let made = ours.create(&create).good();
    assert!(made.err.contains("no subject alternative names"), "{}", made.err);
    let create = ["bob", "--key-file", key.to_str().unwrap()];
    let made = ours.create(&create).good();
    assert!(!made.err.contains("alternative"), "{}", made.err);
}

#[test]
fn what_a_certificate_says_moves_no_cursor() {
    let ours = Installation::without_ckan();
    let key = ours.secret_file("key", KEY);
    let odd = certificate(&[HOST], |params| {
        params.distinguished_name.push(rcgen::DnType::CommonName, "a\u{1b}[2J");
    });
    let others = certificate(&["b\u{1b}[2J"], |params| {
        params.distinguished_name.push(rcgen::DnType::CommonName, HOST);
    });
    for shown in [odd, others] {
        let host = TlsStandIn::showing(&shown);
        let place = format!("127.0.0.1:{}", host.port());
        let create =
            ["access-token", "create", "ann", "--key-file", key.to_str().unwrap(), "--from-host", &place];
        let refused = ours.on_terminal(&create).answering(QUESTION, "y").run();
        refused.refused(2, "\\u{1b}[2J");
        assert!(!refused.err.contains('\u{1b}') && !refused.terminal.contains('\u{1b}'), "{refused:?}");
    }
}

#[test]
fn where_nobody_can_be_asked_a_fingerprint_is_asked_for() {
    let (bench, clerk) = (Bench::showing(certificate_of(HOST)), Somebody::new());
    let (create, public) = (bench.create(), clerk.public_key());
    let sealed = ["--passphrases-for", public.to_str().unwrap()];
    bench.ours.call(&[&words(&create)[..], &sealed].concat()).run().refused(2, "give --fingerprint");
    assert!(bench.ours.on_desk().is_empty());
}

#[test]
fn a_certificate_that_no_reader_would_take_is_refused_and_ckan_is_not_asked() {
    let nameless = certificate(&[HOST], |params| params.distinguished_name = DistinguishedName::new());
    let ended = certificate(&[HOST], |params| {
        params.distinguished_name.push(rcgen::DnType::CommonName, HOST);
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    });
    let ckan = deaf();
    let ours = Installation::that_asks(&ckan);
    for (shown, why) in [
        (nameless, "no CN of its own"),
        (certificate_of("other.example.org"), "other.example.org"),
        (ended, "ended"),
    ] {
        let host = TlsStandIn::showing(&shown);
        let place = format!("127.0.0.1:{}", host.port());
        let create = ["access-token", "create", "ann", "--from-host", &place];
        let by_host = ours.on_terminal(&create).answering(QUESTION, "y").run();
        by_host.refused(2, why);
        let file = shown.path().to_str().unwrap();
        ours.create(&["ann", "--certificate", file]).refused(2, why);
        assert!(ours.on_desk().is_empty() && ours.tokens().is_empty(), "{why}");
    }
    nobody_asked(&ckan);
}
