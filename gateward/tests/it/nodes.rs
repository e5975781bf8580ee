//! What a machine leaves behind.

use gateward::flows::door::Door;
use gateward::flows::nodes::{self, Credential, Enrolled, Fate};
use gateward::store::{Change, fhir_creation, node};
use jiff::{SignedDuration, Timestamp};
use node_certificate::{Fingerprint, Key};

use crate::support::Installation;

const BY: &str = "os:operator";

fn credential(certificate: &str) -> Credential {
    let key = Key::Certificate(Fingerprint::of(certificate.as_bytes()));
    Credential { key, certificate: None, issuer: None }
}

async fn enroll(door: &Door, certificate: &str, now: Timestamp) {
    let lab =
        Enrolled { name: "lab".parse().unwrap(), roles: Vec::new(), credential: credential(certificate) };
    nodes::enroll(door, &[lab], BY, now).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_and_what_it_created_end_with_a_node_whoever_is_called_so_next() {
    let installation = Installation::open().await;
    let door = installation.door().await;
    enroll(&door, "first", installation.now()).await;
    let (made, yes) = installation.command(&["grant", "create", "--node", "lab", "--service", "files"]);
    assert!(yes, "{made}");
    let (lab, service) = ("lab".parse().unwrap(), "files".parse().unwrap());
    let resource = "Patient/1".to_owned();
    installation.pass(SignedDuration::from_secs(1));
    let note = fhir_creation::Note {
        service: "files".parse().unwrap(),
        resource: resource.clone(),
        node: Some("lab".parse().unwrap()),
        at: installation.now(),
    };
    door.recorder.commit(None, vec![Change::NoteCreation(note)], &[], installation.now()).await.unwrap();
    let created =
        || fhir_creation::created_by(&door.store.reader, &service, &lab, std::slice::from_ref(&resource));
    assert_eq!(created().await.unwrap().len(), 1);

    installation.pass(SignedDuration::from_secs(1));
    let revoked = nodes::revoke(&door, &lab, BY, installation.now()).await.unwrap();
    assert_eq!((revoked.grants.len(), revoked.grants_in_file.len()), (1, 0));
    let (left, _) = installation.command(&["grant", "list"]);
    assert!(!left.contains("lab"), "{left}");
    installation.pass(SignedDuration::from_secs(1));
    enroll(&door, "second", installation.now()).await;
    assert_eq!(created().await.unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_revoked_while_it_is_replaced_is_given_nothing() {
    let installation = Installation::open().await;
    let door = installation.door().await;
    let now = installation.now();
    let lab = "lab".parse().unwrap();
    for round in 0..20 {
        enroll(&door, &format!("first {round}"), now).await;
        let second = credential(&format!("second {round}"));
        let (replaced, revoked) = tokio::join!(
            nodes::replace(&door, &lab, &second, (Fate::Ends, BY), now),
            nodes::revoke(&door, &lab, BY, now),
        );
        revoked.unwrap();
        drop(replaced);
        let left = node::credentials(&door.store.reader).await.unwrap();
        assert!(left.iter().all(|row| row.ends_at.is_some()), "{left:?}");
    }
}
