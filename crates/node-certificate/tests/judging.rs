//! Who is believed and who is not, by certificates that are made here.

#![allow(clippy::unwrap_used, reason = "tests stop where they stand")]

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use node_certificate::{
    Authority, Certificate, Key, Lists, Named, RevocationList, Standing, Trust, Untrusted, Way,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint,
    CrlIssuingDistributionPoint, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair,
    KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
use time::OffsetDateTime;

/// Every certificate here is valid for a hundred days around it.
const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

fn at(second: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(second).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (at(NOW - 50 * DAY), at(NOW + 50 * DAY));
    params
}

fn read(made: &rcgen::Certificate) -> Certificate {
    Certificate::from_der(made.der()).unwrap()
}

struct Ca {
    issuer: Issuer<'static, KeyPair>,
    own: Certificate,
}

impl Ca {
    fn params(name: &str) -> CertificateParams {
        let mut params = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
    }

    fn new(name: &str) -> Self {
        Self::made(Self::params(name))
    }

    fn made(params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let own = read(&params.self_signed(&key).unwrap());
        Self { issuer: Issuer::new(params, key), own }
    }

    fn below(&self, name: &str) -> Self {
        let (params, key) = (Self::params(name), KeyPair::generate().unwrap());
        let own = read(&params.signed_by(&key, &self.issuer).unwrap());
        Self { issuer: Issuer::new(params, key), own }
    }

    fn issue(&self, params: &CertificateParams) -> Certificate {
        read(&params.signed_by(&KeyPair::generate().unwrap(), &self.issuer).unwrap())
    }

    /// A list made `from` days from now, for `days`.
    fn list(&self, revoked: &[&Certificate], from: i64, days: i64) -> RevocationList {
        self.part(None, revoked, from, days)
    }

    /// The part of its list that lies at `point`.
    fn part(&self, point: Option<&str>, revoked: &[&Certificate], from: i64, days: i64) -> RevocationList {
        let entry = |certificate: &&Certificate| RevokedCertParams {
            serial_number: SerialNumber::from_slice(certificate.serial()),
            revocation_time: at(NOW - DAY),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: at(NOW + from * DAY),
            next_update: at(NOW + (from + days) * DAY),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: point.map(|uri| CrlIssuingDistributionPoint {
                distribution_point: CrlDistributionPoint { uris: vec![uri.to_owned()] },
                scope: None,
            }),
            revoked_certs: revoked.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        RevocationList::from_der(params.signed_by(&self.issuer).unwrap().der()).unwrap()
    }
}

fn trust(authorities: &[&Ca], lists: Vec<RevocationList>, asked: Lists) -> Trust {
    Trust::new(authorities.iter().map(|ca| ca.own.clone()).collect(), lists, asked).unwrap()
}

fn believing(ca: &Ca) -> Trust {
    trust(&[ca], Vec::new(), Lists::NotAsked)
}

fn judge(trust: &Trust, chain: &[&Certificate]) -> Result<Standing, Untrusted> {
    judge_at(trust, chain, now())
}

fn judge_at(trust: &Trust, chain: &[&Certificate], now: Timestamp) -> Result<Standing, Untrusted> {
    let chain: Vec<_> = chain.iter().map(|certificate| certificate.der().clone()).collect();
    trust.judge(&chain, |_| false, now)
}

fn registered(trust: &Trust, own: &Certificate, now: Timestamp) -> Result<Standing, Untrusted> {
    trust.judge(&[own.der().clone()], |shown| *shown == own.fingerprint(), now)
}

fn reason(judged: Result<Standing, Untrusted>) -> &'static str {
    judged.map_or_else(|why| why.reason(), |_| "believed")
}

#[test]
fn whom_a_trusted_authority_vouches_for_is_believed_and_known_by_name() {
    let ca = Ca::new("ca");
    let node = ca.issue(&named("node"));
    let standing = judge(&believing(&ca), &[&node]).unwrap();
    assert_eq!(standing.way(), Way::Authority);
    let (by, subject) = (Authority::of(&ca.own), node.subject().clone());
    let keys: Vec<Key> = standing.keys().collect();
    let issued = Key::Issued { by, named: Named::Subject(subject) };
    assert_eq!(keys, [Key::Certificate(node.fingerprint()), issued]);
}

#[test]
fn an_authority_of_the_same_name_with_another_key_is_another() {
    let (ca, pretender) = (Ca::new("ca"), Ca::new("ca"));
    let forged = pretender.issue(&named("node"));
    assert_eq!(reason(judge(&believing(&ca), &[&forged])), "bad-signature");
    assert_eq!(reason(judge(&believing(&ca), &[&forged, &pretender.own])), "bad-signature");
    assert_ne!(Authority::of(&ca.own), Authority::of(&pretender.own));
}

#[test]
fn each_way_of_not_being_believed_has_its_word() {
    let (ca, other) = (Ca::new("ca"), Ca::new("other"));
    let trust = believing(&ca);
    assert_eq!(reason(judge(&trust, &[])), "no-certificate");
    assert_eq!(reason(trust.judge(&[b"nonsense".as_slice().into()], |_| false, now())), "unreadable");
    assert_eq!(reason(judge(&trust, &[&other.issue(&named("node"))])), "unknown-ca");
    let mut early = named("node");
    early.not_before = at(NOW + 1);
    assert_eq!(reason(judge(&trust, &[&ca.issue(&early)])), "not-yet-valid");
    let mut late = named("node");
    late.not_after = at(NOW - 1);
    assert_eq!(reason(judge(&trust, &[&ca.issue(&late)])), "expired");
    let mut server = named("node");
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    assert_eq!(reason(judge(&trust, &[&ca.issue(&server)])), "wrong-eku");
    // Its own signature is that of somebody who calls themselves as the authority does.
    let itself = named("ca").self_signed(&KeyPair::generate().unwrap()).unwrap();
    assert_eq!(reason(judge(&trust, &[&read(&itself)])), "bad-signature");
    let own = named("node").self_signed(&KeyPair::generate().unwrap()).unwrap();
    assert_eq!(reason(judge(&trust, &[&read(&own)])), "unknown-ca");
}

#[test]
fn a_certificate_for_clients_or_for_anything_is_taken() {
    use ExtendedKeyUsagePurpose::{Any, ClientAuth, EmailProtection, ServerAuth};
    let ca = Ca::new("ca");
    for purposes in [vec![], vec![ClientAuth], vec![ServerAuth, ClientAuth], vec![EmailProtection, Any]] {
        let mut params = named("node");
        params.extended_key_usages = purposes;
        assert_eq!(reason(judge(&believing(&ca), &[&ca.issue(&params)])), "believed");
    }
}

#[test]
fn validity_begins_with_its_first_second_and_ends_after_its_last() {
    let ca = Ca::new("ca");
    let mut params = named("node");
    (params.not_before, params.not_after) = (at(NOW - 10), at(NOW + 10));
    let (trust, node) = (believing(&ca), ca.issue(&params));
    let millis = |millis: i64| now() + SignedDuration::from_millis(millis);
    assert_eq!(reason(judge_at(&trust, &[&node], millis(-10_001))), "not-yet-valid");
    assert_eq!(reason(judge_at(&trust, &[&node], millis(-10_000))), "believed");
    assert_eq!(reason(judge_at(&trust, &[&node], millis(10_999))), "believed");
    assert_eq!(reason(judge_at(&trust, &[&node], millis(11_000))), "expired");
}

#[test]
fn a_path_leads_over_an_authority_between_if_it_is_shown() {
    let root = Ca::new("root");
    let between = root.below("between");
    let node = between.issue(&named("node"));
    let trust = believing(&root);
    assert_eq!(reason(judge(&trust, &[&node])), "unknown-ca");
    let standing = judge(&trust, &[&node, &between.own]).unwrap();
    let vouching: Vec<Key> = standing.keys().skip(1).collect();
    for by in [&between.own, &root.own].map(Authority::of) {
        assert!(vouching.contains(&Key::Issued { by, named: Named::Subject(node.subject().clone()) }));
    }
    // The one between alone is enough where it is the trusted one.
    assert_eq!(reason(judge(&believing(&between), &[&node])), "believed");
}

#[test]
fn whoever_is_no_authority_vouches_for_nobody() {
    let root = Ca::new("root");
    let (params, key) = (named("machine"), KeyPair::generate().unwrap());
    let machine =
        Ca { own: read(&params.signed_by(&key, &root.issuer).unwrap()), issuer: Issuer::new(params, key) };
    let forged = machine.issue(&named("node"));
    assert_eq!(reason(judge(&believing(&root), &[&forged, &machine.own])), "unknown-ca");
    let refused = Trust::new(vec![machine.own], Vec::new(), Lists::NotAsked).unwrap_err();
    assert!(refused.to_string().contains("node enroll"), "{refused}");
}

#[test]
fn an_authority_s_own_time_counts_and_its_renewal_carries_on() {
    let mut params = Ca::params("ca");
    params.not_after = at(NOW - DAY);
    let old = Ca::made(params);
    let node = old.issue(&named("node"));
    assert_eq!(reason(judge(&believing(&old), &[&node])), "expired");
    let renewed = read(&Ca::params("ca").self_signed(old.issuer.key()).unwrap());
    assert_eq!(Authority::of(&renewed), Authority::of(&old.own));
    let both = Trust::new(vec![old.own.clone(), renewed], Vec::new(), Lists::NotAsked).unwrap();
    assert_eq!(reason(judge(&both, &[&node])), "believed");
}

#[test]
fn what_a_list_revokes_is_refused_and_nothing_else() {
    let ca = Ca::new("ca");
    let (good, bad) = (ca.issue(&named("good")), ca.issue(&named("bad")));
    let trust = trust(&[&ca], vec![ca.list(&[&bad], -1, 7)], Lists::Required);
    assert_eq!(reason(judge(&trust, &[&good])), "believed");
    assert_eq!(reason(judge(&trust, &[&bad])), "revoked");
    assert_eq!(reason(registered(&trust, &bad, now())), "revoked", "registered itself or not");
}

#[test]
fn a_missing_or_outdated_list_refuses_unless_lists_are_optional() {
    let ca = Ca::new("ca");
    let (node, bad) = (ca.issue(&named("node")), ca.issue(&named("bad")));
    let outdated = || vec![ca.list(&[&bad], -8, 7)];
    assert_eq!(reason(judge(&trust(&[&ca], vec![], Lists::Required), &[&node])), "crl-missing");
    assert_eq!(reason(judge(&trust(&[&ca], vec![], Lists::Optional), &[&node])), "believed");
    assert_eq!(reason(judge(&trust(&[&ca], outdated(), Lists::Required), &[&node])), "crl-outdated");
    assert_eq!(reason(judge(&trust(&[&ca], outdated(), Lists::Optional), &[&node])), "believed");
    assert_eq!(reason(judge(&trust(&[&ca], outdated(), Lists::Optional), &[&bad])), "revoked", "for ever");
}

#[test]
fn a_list_is_outdated_from_its_next_update_on() {
    let ca = Ca::new("ca");
    let node = ca.issue(&named("node"));
    let trust = trust(&[&ca], vec![ca.list(&[], -1, 1)], Lists::Required);
    assert_eq!(reason(judge_at(&trust, &[&node], now() - SignedDuration::from_millis(1))), "believed");
    assert_eq!(reason(judge(&trust, &[&node])), "crl-outdated");
}

#[test]
fn a_list_counts_from_its_issuer_s_key_alone() {
    let (ca, pretender) = (Ca::new("ca"), Ca::new("ca"));
    let (node, bad) = (ca.issue(&named("node")), ca.issue(&named("bad")));
    // A newer one, which frees whom the right one revokes, and one that revokes whom it should not.
    let lists = vec![ca.list(&[&bad], -2, 7), pretender.list(&[&node], -1, 7)];
    let both = trust(&[&ca], lists, Lists::Required);
    assert_eq!(reason(judge(&both, &[&bad])), "revoked");
    assert_eq!(reason(judge(&both, &[&node])), "believed");
    let forged = trust(&[&ca], vec![pretender.list(&[], -1, 7)], Lists::Required);
    assert_eq!(reason(judge(&forged, &[&node])), "crl-missing");
}

#[test]
fn the_newest_list_decides() {
    let ca = Ca::new("ca");
    let (held, bad) = (ca.issue(&named("held")), ca.issue(&named("bad")));
    let (older, newer) = (ca.list(&[&held], -3, 7), ca.list(&[&bad], -1, 7));
    for lists in [vec![older.clone(), newer.clone()], vec![newer, older]] {
        let trust = trust(&[&ca], lists, Lists::Required);
        assert_eq!(reason(judge(&trust, &[&held])), "believed");
        assert_eq!(reason(judge(&trust, &[&bad])), "revoked");
    }
}

#[test]
fn a_newer_part_of_a_list_silences_no_other_part() {
    let ca = Ca::new("ca");
    let (node, bad) = (ca.issue(&named("node")), ca.issue(&named("bad")));
    let part = |name: &str, revoked: &[&Certificate], from, days| {
        ca.part(Some(&format!("http://ca.example.org/{name}.crl")), revoked, from, days)
    };
    let lists = vec![part("a", &[&bad], -3, 7), part("b", &[], -1, 7)];
    let both = trust(&[&ca], lists, Lists::Required);
    assert_eq!(reason(judge(&both, &[&bad])), "revoked");
    assert_eq!(reason(judge(&both, &[&node])), "believed");
    // Of one part, the newest decides; and one that is outdated could say more today.
    let lists = vec![part("a", &[&bad], -3, 7), part("a", &[], -1, 7), part("b", &[], -8, 7)];
    assert_eq!(reason(judge(&trust(&[&ca], lists.clone(), Lists::Optional), &[&bad])), "believed");
    assert_eq!(reason(judge(&trust(&[&ca], lists, Lists::Required), &[&node])), "crl-outdated");
}

#[test]
fn a_long_list_is_verified_once() {
    let root = Ca::new("root");
    let between = root.below("between");
    let node = between.issue(&named("node"));
    let long: Vec<&Certificate> = vec![&between.own; 200_000];
    let list = between.list(&long, -1, 7);
    let begun = Instant::now();
    for _ in 0..10 {
        assert!(list.is_of(&between.own));
    }
    let ten_times = begun.elapsed();
    let trust = trust(&[&root], vec![root.list(&[], -1, 7), list], Lists::Optional);
    let fastest = (0..20).map(|_| {
        let begun = Instant::now();
        assert_eq!(reason(judge(&trust, &[&node, &between.own])), "believed");
        begun.elapsed()
    });
    assert!(fastest.min().unwrap() < ten_times / 10, "{ten_times:?} for ten");
}

#[test]
fn an_authority_between_that_was_revoked_vouches_for_nobody() {
    let root = Ca::new("root");
    let between = root.below("between");
    let node = between.issue(&named("node"));
    let lists = |revoked: &[&Certificate]| vec![root.list(revoked, -1, 7), between.list(&[], -1, 7)];
    let chain = [&node, &between.own];
    assert_eq!(reason(judge(&trust(&[&root], lists(&[]), Lists::Required), &chain)), "believed");
    assert_eq!(reason(judge(&trust(&[&root], lists(&[&between.own]), Lists::Required), &chain)), "revoked");
    // Each authority in the path needs a list of its own.
    let half = trust(&[&root], vec![root.list(&[], -1, 7)], Lists::Required);
    assert_eq!(reason(judge(&half, &chain)), "crl-missing");
}

#[test]
fn whoever_leaves_out_an_authority_between_is_held_to_its_lists_all_the_same() {
    let root = Ca::new("root");
    let between = root.below("between");
    let (node, bad) = (between.issue(&named("node")), between.issue(&named("bad")));
    let lists = |revoked: &[&Certificate]| vec![root.list(revoked, -1, 7), between.list(&[&bad], -1, 7)];
    for asked in [Lists::Required, Lists::Optional] {
        assert_eq!(reason(registered(&trust(&[&root], lists(&[]), asked), &bad, now())), "revoked");
    }
    // The one between may be revoked, or have no list: nothing but a path can tell.
    for lists in [lists(&[&between.own]), lists(&[]), vec![root.list(&[], -1, 7)], Vec::new()] {
        let judged = registered(&trust(&[&root], lists, Lists::Required), &node, now());
        assert_eq!(reason(judged), "crl-missing");
    }
    let itself = read(&named("itself").self_signed(&KeyPair::generate().unwrap()).unwrap());
    let required = trust(&[&root], lists(&[]), Lists::Required);
    assert_eq!(reason(registered(&required, &itself, now())), "believed");
    assert_eq!(reason(registered(&trust(&[&root], vec![], Lists::NotAsked), &node, now())), "believed");
    assert_eq!(
        reason(registered(&trust(&[&between], lists(&[]), Lists::Required), &node, now())),
        "believed"
    );
}

#[test]
fn an_authority_that_may_not_sign_lists_has_none() {
    let mut params = Ca::params("ca");
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let silent = Ca::made(params);
    let signing = Ca {
        own: silent.own.clone(),
        issuer: {
            let key = KeyPair::from_pem(&silent.issuer.key().serialize_pem()).unwrap();
            Issuer::new(Ca::params("ca"), key)
        },
    };
    let node = silent.issue(&named("node"));
    let trust = trust(&[&silent], vec![signing.list(&[], -1, 7)], Lists::Required);
    assert_eq!(reason(judge(&trust, &[&node])), "crl-missing");
}

#[test]
fn a_registered_certificate_is_believed_in_its_time_and_for_its_purpose() {
    let key = KeyPair::generate().unwrap();
    let own = |params: CertificateParams| read(&params.self_signed(&key).unwrap());
    let trust = Trust::nobody();
    let standing = registered(&trust, &own(named("node")), now()).unwrap();
    assert_eq!(standing.way(), Way::Registered);
    let much_later = now() + SignedDuration::from_hours(24 * 60);
    assert_eq!(reason(registered(&trust, &own(named("node")), much_later)), "expired");
    let mut server = named("node");
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    assert_eq!(reason(registered(&trust, &own(server), now())), "wrong-eku");
}

#[test]
fn a_certificate_that_is_registered_itself_is_meant_by_no_name() {
    let ca = Ca::new("ca");
    let own = read(&named("node").self_signed(&KeyPair::generate().unwrap()).unwrap());
    let standing = registered(&believing(&ca), &own, now()).unwrap();
    assert_eq!(standing.keys().collect::<Vec<_>>(), [Key::Certificate(own.fingerprint())]);
}

#[test]
fn a_judgement_stands_until_the_first_of_its_grounds_ends() {
    let ca = Ca::new("ca");
    let node = ca.issue(&named("node"));
    let by_node = judge(&believing(&ca), &[&node]).unwrap();
    assert!(by_node.stands_at(now()));
    let end = now() + SignedDuration::from_hours(24 * 50);
    assert!(by_node.stands_at(end + SignedDuration::from_millis(999)), "the whole of its last second");
    assert!(!by_node.stands_at(end + SignedDuration::from_secs(1)));
    assert!(!by_node.stands_at(now() - SignedDuration::from_hours(24 * 51)), "a clock that was set back");
    let with_list = trust(&[&ca], vec![ca.list(&[], -1, 2)], Lists::Required);
    let by_list = judge(&with_list, &[&node]).unwrap();
    assert!(by_list.stands_at(now() + SignedDuration::from_hours(23)));
    assert!(!by_list.stands_at(now() + SignedDuration::from_hours(24)));
}

#[test]
fn a_long_chain_of_strangers_is_no_work() {
    let ca = Ca::new("ca");
    let node = ca.issue(&named("node"));
    let strangers: Vec<Ca> = (0..30).map(|_| Ca::new("stranger")).collect();
    let lost = strangers[0].issue(&named("lost"));
    let mut chain = vec![&lost];
    chain.extend(strangers.iter().map(|stranger| &stranger.own));
    assert!(matches!(reason(judge(&believing(&ca), &chain)), "unknown-ca" | "bad-signature"));
    chain[0] = &node;
    assert_eq!(reason(judge(&believing(&ca), &chain)), "believed");
}
