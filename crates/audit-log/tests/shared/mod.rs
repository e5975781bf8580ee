//! A log of events as a store keeps it, for the tests that verify one.
#![allow(dead_code, reason = "each test uses what it needs")]

use std::collections::BTreeMap;

use audit_log::{Checkpoint, Edge, Entry, Event, ExportWriter, FORMAT_VERSION, Hash, Hashes, PersonalHash};
use audit_log::{Plan, Row, Salted, Signer, VerifierKey};
use sha2::{Digest, Sha256};

pub const ORIGIN: &str = "cr.example.org/log";
pub const INSTANCE: &str = "0193507a-0000-7000-8000-000000000002";

pub fn signer() -> Signer {
    Signer::from_seed(ORIGIN, &[1; 32]).unwrap()
}

pub fn keys() -> Vec<VerifierKey> {
    vec![signer().verifier_key().clone()]
}

/// A row of the table `event`.
#[derive(Debug, Clone)]
pub struct Stored {
    pub position: u64,
    pub id: String,
    pub recorded_at: String,
    pub salt: Option<[u8; 16]>,
    pub body: Option<String>,
    pub personal_salt: Option<[u8; 16]>,
    pub personal: Option<String>,
    pub personal_hash: PersonalHash,
    pub entry: Entry,
    pub erasure: Option<&'static str>,
}

impl Stored {
    pub fn new(position: u64) -> Self {
        let body = format!(r#"{{"kind":"admitted","outcome":"done","who":"töne{position}"}}"#);
        Self::with_body(position, body)
    }

    pub fn with_body(position: u64, body: String) -> Self {
        let salt = |label: &str| {
            let mut salt = [0; 16];
            salt.copy_from_slice(&Sha256::digest(format!("{label}{position}"))[..16]);
            salt
        };
        let personal = format!(r#"{{"mail":"a{position}@example.org"}}"#);
        let mut row = Self {
            position,
            id: format!("0193507a-0000-7000-8000-{position:012x}"),
            recorded_at: format!("2026-11-21T20:{:02}:{:02}.000000Z", position / 60 % 60, position % 60),
            salt: Some(salt("body")),
            body: Some(body),
            personal_salt: Some(salt("personal")),
            personal_hash: PersonalHash::of(&salt("personal"), &personal),
            personal: Some(personal),
            entry: Entry([0; 32]),
            erasure: None,
        };
        row.enter();
        row
    }

    /// Computes the entry anew, as somebody would who changed the event.
    pub fn enter(&mut self) {
        let event = Event {
            id: &self.id,
            format_version: FORMAT_VERSION,
            instance: INSTANCE,
            occurred_at: &self.recorded_at,
            recorded_at: &self.recorded_at,
            body: self.body.as_ref().unwrap(),
        };
        self.entry = event.entry(&self.salt.unwrap(), self.personal_hash);
    }

    pub fn erase_personal(&mut self, erasure: &'static str) {
        (self.personal, self.personal_salt, self.erasure) = (None, None, Some(erasure));
    }

    pub fn erase(&mut self, erasure: &'static str) {
        self.erase_personal(erasure);
        (self.body, self.salt) = (None, None);
    }

    pub fn row(&self) -> Row<'_> {
        Row {
            position: self.position,
            id: &self.id,
            format_version: FORMAT_VERSION,
            instance: INSTANCE,
            occurred_at: &self.recorded_at,
            recorded_at: &self.recorded_at,
            body: self.salt.zip(self.body.as_deref()).map(|(salt, text)| Salted { salt, text }),
            personal: self
                .personal_salt
                .zip(self.personal.as_deref())
                .map(|(salt, text)| Salted { salt, text }),
            personal_hash: self.personal_hash,
            entry: self.entry,
            erasure: self.erasure,
        }
    }
}

/// What is kept of the tree.
#[derive(Default)]
pub struct Tree {
    pub edge: Edge,
    pub nodes: BTreeMap<(u8, u64), Hash>,
}

impl Tree {
    pub fn over(rows: &[Stored]) -> Self {
        let mut tree = Self::default();
        for row in rows {
            let nodes = &mut tree.nodes;
            tree.edge.append(Hash::of_leaf(&row.entry), |node| {
                nodes.insert((node.level, node.index), node.hash);
            });
        }
        tree
    }

    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint::of(ORIGIN, &self.edge).unwrap()
    }
}

impl Hashes for Tree {
    type Error = std::convert::Infallible;

    fn hash(&self, level: u8, index: u64) -> Result<Hash, Self::Error> {
        Ok(self.nodes[&(level, index)])
    }
}

pub fn rows(count: u64) -> Vec<Stored> {
    (0..count).map(Stored::new).collect()
}

/// Writes the export of `shown`, which begin at `first`, out of a log whose events are `all`.
pub fn export(all: &[Stored], first: usize, shown: &[Stored]) -> String {
    let edge = Tree::over(&all[..first]).edge;
    let (old, new) = ((first + shown.len()) as u64, all.len() as u64);
    let tree = Tree::over(all);
    let proof = Plan::consistency(old, new).unwrap().proof(&tree).unwrap();
    let note = tree.checkpoint().sign(&signer()).unwrap();
    let mut export = ExportWriter::begin(Vec::new(), ORIGIN, &edge).unwrap();
    for row in shown {
        export.write(&row.row()).unwrap();
    }
    String::from_utf8(export.finish(Some((note, &proof))).unwrap()).unwrap()
}
