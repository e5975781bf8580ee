//! What OpenSSL made is read as OpenSSL reads it: golden/make.sh.

#![allow(clippy::unwrap_used, reason = "tests stop where they stand")]

use jiff::Timestamp;
use node_certificate::{
    Authority, Certificate, DistinguishedName, FileError, Fingerprint, Lists, NotACertificate,
    RevocationList, San, Trust, Untrusted, certificates, revocation_lists,
};

const ROOT: &[u8] = include_bytes!("golden/root.pem");
const NODE: &[u8] = include_bytes!("golden/node.pem");
const CRITICAL: &[u8] = include_bytes!("golden/critical.pem");
const OLD: &[u8] = include_bytes!("golden/old.pem");
const SELF: &[u8] = include_bytes!("golden/self.pem");

fn one(pem: &[u8]) -> Certificate {
    let mut read = certificates(pem).unwrap();
    assert_eq!(read.len(), 1);
    read.remove(0)
}

fn list(pem: &[u8]) -> RevocationList {
    revocation_lists(pem).unwrap().remove(0)
}

fn now() -> Timestamp {
    "2027-01-01T00:00:00Z".parse().unwrap()
}

/// What `openssl x509` says of the node's certificate, line by line.
fn said(what: &str) -> String {
    let text = include_str!("golden/node.txt");
    let line = text.lines().find_map(|line| line.strip_prefix(what)).unwrap();
    line.trim_start_matches('=').to_owned()
}

#[test]
fn what_openssl_says_of_a_certificate_is_read() {
    let node = one(NODE);
    assert_eq!(said("sha256 Fingerprint"), node.fingerprint().to_string());
    assert_eq!(said("serial"), "1001");
    assert_eq!(node.serial(), [0x10, 0x01]);
    let time = |at: Timestamp| at.strftime("%b %e %H:%M:%S %Y GMT").to_string();
    assert_eq!(said("notBefore"), time(node.not_before()));
    assert_eq!(said("notAfter"), time(node.not_after()));
    // Byte for byte as RFC 2253 has it, including what is escaped.
    assert_eq!(said("subject"), node.subject().as_str());
    assert_eq!(said("issuer"), node.issuer().as_str());
}

#[test]
fn what_openssl_prints_can_be_registered() {
    assert_eq!(said("subject").parse::<DistinguishedName>().unwrap(), *one(NODE).subject());
    let fingerprint = format!("sha256 Fingerprint={}", said("sha256 Fingerprint"));
    assert_eq!(fingerprint.parse::<Fingerprint>().unwrap(), one(NODE).fingerprint());
}

#[test]
fn alternative_names_are_read_and_host_names_are_lower_case() {
    let names = [
        "DNS:openhim.example.org",
        "IP:192.0.2.7",
        "IP:2001:db8::7",
        "URI:urn:example:openhim",
        "email:him@example.org",
    ];
    let names: Vec<San> = names.iter().map(|name| name.parse().unwrap()).collect();
    assert_eq!(one(NODE).sans(), names);
}

#[test]
fn an_extension_that_nobody_knows_makes_no_difference_unless_it_is_critical() {
    one(NODE);
    let refused = FileError::Certificate { number: 1, source: NotACertificate::Critical };
    assert_eq!(certificates(CRITICAL), Err(refused));
}

#[test]
fn a_certificate_of_version_1_is_refused_with_what_to_do() {
    let refused = certificates(OLD).unwrap_err();
    assert_eq!(refused, FileError::Certificate { number: 1, source: NotACertificate::Version });
    assert!(refused.to_string().contains("-extfile"), "{refused}");
}

#[test]
fn a_file_gives_all_its_certificates_in_their_order() {
    let text = [b"Certificate:\n  Data: \xff\n".as_slice(), NODE, b"and then\n", ROOT].concat();
    let read = certificates(&text).unwrap();
    assert_eq!(read, [one(NODE), one(ROOT)]);
    assert_eq!(certificates(one(NODE).der()).unwrap(), [one(NODE)]);
}

#[test]
fn a_file_that_holds_something_else_is_refused_with_the_reason() {
    let key = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    assert_eq!(certificates(&[NODE, key].concat()), Err(FileError::PrivateKey));
    assert_eq!(certificates(b"hello"), Err(FileError::Empty("certificates")));
    assert_eq!(certificates(include_bytes!("golden/version2.crl")), Err(FileError::Other("certificates")));
    assert_eq!(revocation_lists(NODE), Err(FileError::Other("lists of revoked certificates")));
    let cut = &NODE[..NODE.len() - 40];
    assert_eq!(certificates(cut), Err(FileError::Pem));
}

#[test]
fn lists_of_either_version_are_read_and_believed_from_their_issuer_alone() {
    for file in [&include_bytes!("golden/version1.crl")[..], include_bytes!("golden/version2.crl")] {
        let list = list(file);
        assert_eq!(list.len(), 1);
        assert_eq!(list.issuer(), one(ROOT).subject());
        assert!(list.is_of(&one(ROOT)));
        assert!(!list.is_of(&one(SELF)));
    }
}

#[test]
fn a_list_for_one_point_speaks_of_its_users_and_of_no_authority() {
    let trust = |list| Trust::new(vec![one(ROOT)], vec![list], Lists::Required).unwrap();
    let partial = trust(list(include_bytes!("golden/nodes.crl")));
    partial.judge(&[one(NODE).der().clone()], |_| false, now()).unwrap();
}

#[test]
fn a_node_of_the_authority_is_believed_and_called_by_its_names() {
    let trust = Trust::new(vec![one(ROOT)], Vec::new(), Lists::NotAsked).unwrap();
    let standing = trust.judge(&[one(NODE).der().clone()], |_| false, now()).unwrap();
    assert_eq!(standing.keys().count(), 1 + 1 + 5);
    let by = Authority::of(&one(ROOT));
    assert!(
        standing
            .keys()
            .skip(1)
            .all(|key| matches!(key, node_certificate::Key::Issued { by: own, .. } if own == by))
    );
}

#[test]
fn a_certificate_that_signed_itself_is_believed_only_if_it_is_registered() {
    let (trust, own) = (Trust::nobody(), one(SELF));
    let chain = [own.der().clone()];
    let refused = trust.judge(&chain, |_| false, now()).unwrap_err();
    assert!(matches!(refused, Untrusted::UnknownCa(_)), "{refused}");
    let standing = trust.judge(&chain, |shown| *shown == own.fingerprint(), now()).unwrap();
    assert_eq!(standing.keys().count(), 1);
}
