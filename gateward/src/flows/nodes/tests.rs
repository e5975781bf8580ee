use jiff::SignedDuration;
use node_certificate::{Authority, Certificate, Lists, Named, RevocationList, Trust};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer, KeyIdMethod,
    KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};

use super::*;

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

struct Ca {
    issuer: Issuer<'static, KeyPair>,
    own: Certificate,
}

impl Ca {
    fn new() -> Self {
        let (mut params, key) = (params("ca"), KeyPair::generate().unwrap());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let own = Certificate::from_der(params.self_signed(&key).unwrap().der()).unwrap();
        Self { issuer: Issuer::new(params, key), own }
    }

    fn issue(&self, name: &str) -> Certificate {
        let key = KeyPair::generate().unwrap();
        Certificate::from_der(params(name).signed_by(&key, &self.issuer).unwrap().der()).unwrap()
    }

    fn list(&self, revoked: &Certificate) -> RevocationList {
        let time = |day| rcgen::date_time_ymd(2026, 11, day);
        let entry = RevokedCertParams {
            serial_number: SerialNumber::from_slice(revoked.serial()),
            revocation_time: time(20),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: time(20),
            next_update: time(29),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![entry],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        RevocationList::from_der(list.signed_by(&self.issuer).unwrap().der()).unwrap()
    }

    fn believed(&self, lists: Vec<RevocationList>) -> Trust {
        let asked = if lists.is_empty() { Lists::NotAsked } else { Lists::Required };
        Trust::new(vec![self.own.clone()], lists, asked).unwrap()
    }

    fn calls(&self, subject: &str) -> Key {
        Key::Issued { by: Authority::of(&self.own), named: Named::Subject(subject.parse().unwrap()) }
    }
}

fn nodes(registered: &[(Key, &str, Option<Timestamp>)]) -> Nodes {
    let mut nodes = Nodes::default();
    for (key, node, ends_at) in registered {
        let known = Known {
            id: row_id(key),
            node: node.parse().unwrap(),
            roles: [NodeRole::Proxy].into(),
            ends_at: *ends_at,
        };
        nodes.0.entry(key.clone()).or_default().push(known);
    }
    nodes
}

fn shown(certificate: &Certificate) -> Presented {
    Presented::new(vec![certificate.der().clone()])
}

fn trusting(trust: Trust) -> TrustCache {
    let cache = TrustCache::default();
    cache.exchange(trust);
    cache
}

fn who(nodes: &Nodes, shown: &Presented, trust: &TrustCache) -> String {
    match nodes.find(Some(shown), &trust.current(), now()) {
        Ok(node) => node.name().to_string(),
        Err(why) => why.reason().to_owned(),
    }
}

#[test]
fn a_certificate_is_of_whoever_is_registered_under_its_name_by_that_authority() {
    let (ca, other) = (Ca::new(), Ca::new());
    let nodes = nodes(&[(ca.calls("CN=lab"), "lab", None)]);
    let trust =
        trusting(Trust::new(vec![ca.own.clone(), other.own.clone()], vec![], Lists::NotAsked).unwrap());
    assert_eq!(who(&nodes, &shown(&ca.issue("lab")), &trust), "lab");
    assert_eq!(who(&nodes, &shown(&ca.issue("Lab")), &trust), "not-registered");
    assert_eq!(who(&nodes, &shown(&other.issue("lab")), &trust), "not-registered");
}

#[test]
fn a_certificate_that_is_registered_itself_is_whose_it_is_whatever_it_is_called() {
    let ca = Ca::new();
    let own = ca.issue("lab");
    let nodes = nodes(&[
        (ca.calls("CN=lab"), "by-name", None),
        (Key::Certificate(own.fingerprint()), "itself", None),
    ]);
    assert_eq!(who(&nodes, &shown(&own), &trusting(ca.believed(vec![]))), "itself");
    // Also where its authority is nobody's business here.
    assert_eq!(who(&nodes, &shown(&own), &TrustCache::default()), "itself");
    assert_eq!(who(&nodes, &shown(&ca.issue("lab")), &TrustCache::default()), "unknown-ca");
}

#[test]
fn a_certificate_that_was_taken_out_is_nobody_s_by_any_name() {
    let ca = Ca::new();
    let (stolen, renewed) = (ca.issue("lab"), ca.issue("lab"));
    let taken_out = (Key::Certificate(stolen.fingerprint()), "lab", Some(now()));
    let trust = trusting(ca.believed(vec![]));
    for node in ["lab", "another"] {
        let nodes = nodes(&[taken_out.clone(), (ca.calls("CN=lab"), node, None)]);
        assert_eq!(who(&nodes, &shown(&stolen), &trust), "revoked");
        assert_eq!(who(&nodes, &shown(&renewed), &trust), node);
    }
}

#[test]
fn a_certificate_that_means_two_nodes_is_of_neither() {
    let ca = Ca::new();
    let nodes = nodes(&[(ca.calls("CN=lab"), "one", None), (ca.calls("CN=lab"), "two", None)]);
    assert_eq!(who(&nodes, &shown(&ca.issue("lab")), &trusting(ca.believed(vec![]))), "not-registered");
}

#[test]
fn what_was_replaced_is_good_until_its_overlap_ends() {
    let ca = Ca::new();
    let own = ca.issue("lab");
    let ends_at = |offset| Some(now() + SignedDuration::from_secs(offset));
    for (offset, expected) in [(1, "lab"), (0, "revoked")] {
        let nodes = nodes(&[(Key::Certificate(own.fingerprint()), "lab", ends_at(offset))]);
        assert_eq!(who(&nodes, &shown(&own), &TrustCache::default()), expected);
    }
}

#[test]
fn what_was_judged_once_is_judged_again_when_trust_or_registrations_change() {
    let ca = Ca::new();
    let own = ca.issue("lab");
    let registered = nodes(&[(ca.calls("CN=lab"), "lab", None)]);
    let (presented, trust) = (shown(&own), trusting(ca.believed(vec![])));
    let node = registered.find(Some(&presented), &trust.current(), now()).unwrap();
    assert!(node.has_role(NodeRole::Proxy) && !node.has_role(NodeRole::OpenHim));

    assert!(!nodes(&[]).look_again(&node, &trust.current(), now()), "its registration was taken away");
    assert!(!nodes(&[(ca.calls("CN=lab"), "another", None)]).look_again(&node, &trust.current(), now()));
    assert!(registered.look_again(&node, &trust.current(), now()));
    let soon = "2026-11-28T23:59:59Z".parse().unwrap();
    trust.exchange(ca.believed(vec![ca.list(&ca.issue("other"))]));
    assert!(registered.look_again(&node, &trust.current(), soon));
    assert!(
        !registered.look_again(&node, &trust.current(), soon + SignedDuration::from_secs(1)),
        "its list ended"
    );
    trust.exchange(ca.believed(vec![ca.list(&own)]));
    assert_eq!(who(&registered, &presented, &trust), "revoked");
}

#[test]
fn a_stranger_is_not_told_which_certificates_would_be_taken() {
    let ca = Ca::new();
    let nodes = nodes(&[]);
    let trust = trusting(ca.believed(vec![ca.list(&ca.issue("other"))]));
    let why = nodes.find(Some(&shown(&ca.issue("lab"))), &trust.current(), Timestamp::MAX).unwrap_err();
    assert!(!why.told().contains("CN=ca"), "{}", why.told());
}

#[test]
fn a_key_is_stored_and_read_again() {
    let ca = Ca::new();
    let san =
        Key::Issued { by: Authority::of(&ca.own), named: Named::San("DNS:a.example.org".parse().unwrap()) };
    let itself = Key::Certificate(ca.own.fingerprint());
    for key in [ca.calls("CN=lab,O=a\\, b"), san, itself] {
        let [fingerprint, issuer, subject, san] = credential::columns(&key);
        let row = node::CredentialRow {
            id: row_id(&key),
            node: "lab".parse().unwrap(),
            fingerprint,
            issuer,
            subject,
            san,
            certificate: None,
            not_after: None,
            added_at: now(),
            added_by: "os:root".into(),
            ends_at: None,
        };
        let (read, known) = Known::read(&row, [].into()).unwrap();
        assert_eq!((read, known.id), (key.clone(), row_id(&key)));
    }
}
