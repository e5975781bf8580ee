//! Checkpoints, proofs that are handed on, and a witness that sees one history.
#![allow(clippy::unwrap_used, reason = "what a test sets up itself is known to work")]

use std::collections::BTreeMap;
use std::convert::Infallible;

use audit_log::{AddCheckpoint, Checkpoint, Cosigner, Edge, Entry, Hash, Hashes, LogProof, Plan, Refusal};
use audit_log::{CheckpointError, ProofError, Seen, Signer, VerifierKey, add_cosignatures};
use sha2::{Digest, Sha256};

const ORIGIN: &str = "cr.example.org/log";

/// The example of c2sp.org/tlog-checkpoint.
const EXAMPLE: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

#[derive(Default)]
struct Log {
    edge: Edge,
    nodes: BTreeMap<(u8, u64), Hash>,
}

impl Hashes for Log {
    type Error = Infallible;

    fn hash(&self, level: u8, index: u64) -> Result<Hash, Infallible> {
        Ok(self.nodes[&(level, index)])
    }
}

fn entry(index: u64) -> Entry {
    Entry(Sha256::digest(index.to_be_bytes()).into())
}

fn log(size: u64) -> Log {
    let mut log = Log::default();
    for index in 0..size {
        let nodes = &mut log.nodes;
        log.edge.append(Hash::of_leaf(&entry(index)), |node| {
            nodes.insert((node.level, node.index), node.hash);
        });
    }
    log
}

fn signer() -> Signer {
    Signer::from_seed(ORIGIN, &[1; 32]).unwrap()
}

fn keys() -> Vec<VerifierKey> {
    vec![signer().verifier_key().clone()]
}

fn note(size: u64) -> String {
    Checkpoint::of(ORIGIN, &log(size).edge).unwrap().sign(&signer()).unwrap()
}

fn consistency(old: u64, new: u64) -> Vec<Hash> {
    Plan::consistency(old, new).unwrap().proof(&log(new)).unwrap()
}

#[test]
fn a_checkpoint_is_read_as_it_is_written() {
    let example = Checkpoint::read(EXAMPLE).unwrap();
    assert_eq!((example.origin(), example.size()), ("example.com/behind-the-sofa", 20_852_163));
    assert_eq!(example.text(), EXAMPLE);
    let extended = format!("{EXAMPLE}one\ntwo words\n");
    let read = Checkpoint::read(&extended).unwrap();
    assert_eq!((read.extensions(), read.text()), (&["one".to_owned(), "two words".to_owned()][..], extended));

    let opened = Checkpoint::open(note(5).as_bytes(), &keys()).unwrap();
    assert_eq!(opened, Checkpoint::of(ORIGIN, &log(5).edge).unwrap());
    let stranger = Signer::from_seed(ORIGIN, &[2; 32]).unwrap();
    let refused = Checkpoint::open(note(5).as_bytes(), &[stranger.verifier_key().clone()]);
    assert!(matches!(refused, Err(CheckpointError::Note(_))));
}

#[test]
fn what_has_another_reading_is_no_checkpoint() {
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    for text in [
        String::new(),
        "\n\n\n".to_owned(),
        format!("a\n1\n{root}"),
        format!("\n1\n{root}\n"),
        format!("a\n01\n{root}\n"),
        format!("a\n+1\n{root}\n"),
        format!("a\n-1\n{root}\n"),
        format!("a\n 1\n{root}\n"),
        format!("a\n1 \n{root}\n"),
        format!("a\n\n{root}\n"),
        format!("a\n1\r\n{root}\n"),
        format!("a\n9223372036854775808\n{root}\n"),
        format!("a\n18446744073709551617\n{root}\n"),
        format!("a\n0\n{root}\n"),
        format!("a\n1\n{}\n", &root[..43]),
        format!("a\n1\n{}\n", root.replace("q2I=", "q2J=")),
        format!("a\n1\n{}\n", root.replace('/', "_")),
        format!("a\n1\n{root}\n\n"),
        format!("a\n1\n{root}\nextension\n\nextension\n"),
        "a\n1\n".to_owned(),
        "a\n1\nAAAA\n".to_owned(),
    ] {
        assert!(Checkpoint::read(&text).is_err(), "{text:?}");
        // Signed by the log itself, it is still none.
        if let Ok(note) = signer().sign(&text) {
            assert!(Checkpoint::open(note.as_bytes(), &keys()).is_err());
        }
    }
    assert!(Checkpoint::new("two\nlines", 0, Hash::EMPTY).is_err());
    assert!(Checkpoint::new("", 0, Hash::EMPTY).is_err());
}

#[test]
fn a_proof_that_is_handed_on_convinces_by_the_key_alone() {
    let hashes = Plan::inclusion(7, 13).unwrap().proof(&log(13)).unwrap();
    let text = LogProof { index: 7, hashes, checkpoint: note(13) }.to_string();
    let proof: LogProof = text.parse().unwrap();
    assert_eq!(proof.to_string(), text);
    assert_eq!(proof.verify(&entry(7), &keys()).unwrap().size(), 13);
    assert!(matches!(proof.verify(&entry(8), &keys()), Err(ProofError::NotProven(_))));
    let extra = text.replacen("index", "extra AAAA\nindex", 1);
    assert_eq!(extra.parse::<LogProof>().unwrap(), proof);

    // Every single changed byte: another proof that does not convince, or none.
    for at in 0..text.len() {
        let mut changed = text.clone().into_bytes();
        changed[at] ^= 1;
        let Ok(changed) = String::from_utf8(changed) else { continue };
        let Ok(proof) = changed.parse::<LogProof>() else { continue };
        assert!(proof.verify(&entry(7), &keys()).is_err(), "byte {at}: {changed}");
    }
    for wrong in [
        text.replacen("@v1", "@v2", 1),
        text.replacen("index 7", "index 07", 1),
        text.replacen("index 7", "index 9223372036854775807", 1),
        text.replacen("index 7\n", "", 1),
        text.replacen("index 7\n", &format!("index 7\n{}", format!("{}\n", Hash::EMPTY).repeat(64)), 1),
        text.replacen("\n\n", "\n", 1),
    ] {
        assert!(
            wrong.parse::<LogProof>().is_err() || wrong.replace("\n\n", "\n").len() < text.len(),
            "{wrong}"
        );
    }
}

fn witness() -> Cosigner {
    Cosigner::from_seed("witness.example/w1", &[3; 32]).unwrap()
}

fn ask(old: u64, new: u64, seen: Seen) -> Result<(Seen, String), Refusal> {
    let request = AddCheckpoint { old, proof: consistency(old, new), checkpoint: note(new) };
    let request = AddCheckpoint::read(request.to_string().as_bytes()).unwrap();
    assert_eq!(request.claimed_origin(), ORIGIN);
    request.cosign(ORIGIN, &keys(), seen, &witness(), 1_700_000_000).map(|done| (done.seen, done.lines))
}

#[test]
fn a_witness_cosigns_what_continues_what_it_saw() {
    let known = [witness().cosigner_key()];
    let mut seen = Seen::NOTHING;
    for size in [0, 1, 1, 7, 64, 300] {
        let (now, lines) = ask(seen.size, size, seen).unwrap();
        assert_eq!(now, Seen { size, root: log(size).edge.root() });
        let (note, times) = add_cosignatures(&note(size), &lines, &known).unwrap();
        assert_eq!(times, [1_700_000_000]);
        assert_eq!(Checkpoint::open(note.as_bytes(), &keys()).unwrap().size(), size);
        // Of a witness that nobody knows, nothing is taken over.
        let stranger = Cosigner::from_seed("witness.example/w2", &[4; 32]).unwrap();
        assert_eq!(add_cosignatures(&note, &lines, &[stranger.cosigner_key()]).unwrap(), (note, vec![]));
        seen = now;
    }
    assert!(add_cosignatures(&note(7), &ask(0, 8, Seen::NOTHING).unwrap().1, &known).is_err());
    for answer in ["no\n", "\n", "— witness.example/w1 AAAA", "— a b\n\n— c d\n", "x\n— a AAAAAAA=\n"]
    {
        assert!(add_cosignatures(&note(7), answer, &known).is_err(), "{answer}");
    }
}

#[test]
fn a_witness_refuses_a_second_history_and_says_how_far_it_is() {
    let seen = Seen { size: 7, root: log(7).edge.root() };
    let status = |refused: Result<(Seen, String), Refusal>| {
        let refusal = refused.unwrap_err();
        (refusal.status(), refusal.content_type(), refusal.body())
    };
    let behind = (409, "text/x.tlog.size", "7\n".to_owned());
    assert_eq!(status(ask(0, 9, seen)), behind);
    assert_eq!(status(ask(8, 9, seen)), behind);
    // A log that lost its newest entries.
    assert_eq!(status(ask(5, 5, seen)), behind);

    let other = Seen { size: 7, root: log(8).edge.root() };
    assert_eq!(ask(7, 9, other).unwrap_err(), Refusal::NotConsistent);
    assert_eq!(ask(7, 7, other).unwrap_err(), Refusal::Forked);
    assert_eq!((Refusal::NotConsistent.status(), Refusal::Forked.status()), (422, 409));

    let cosign = |request: &AddCheckpoint, origin: &str, keys: &[VerifierKey]| {
        request.cosign(origin, keys, seen, &witness(), 1).unwrap_err().status()
    };
    let mut request = AddCheckpoint { old: 7, proof: consistency(7, 9), checkpoint: note(9) };
    assert_eq!(cosign(&request, "other.example/log", &keys()), 404);
    assert_eq!(cosign(&request, ORIGIN, &[]), 403);
    request.proof.clear();
    assert_eq!(cosign(&request, ORIGIN, &keys()), 422);
    request.old = 10;
    assert_eq!(cosign(&request, ORIGIN, &keys()), 400);
}

#[test]
fn a_request_that_is_none_is_refused() {
    let line = format!("{}\n", Hash::EMPTY);
    let whole = format!("old 7\n{line}\n{}", note(9));
    assert!(AddCheckpoint::read(whole.as_bytes()).is_ok());
    for body in [
        String::new(),
        "\n\n".to_owned(),
        "old 7".to_owned(),
        whole.replacen("old 7", "old 07", 1),
        whole.replacen("old 7", "old  7", 1),
        whole.replacen("old 7", "old -7", 1),
        whole.replacen("old 7", "new 7", 1),
        whole.replacen(&line, "AAAA\n", 1),
        whole.replacen(&line, &line.repeat(64), 1),
        whole.replacen('\n', "\r\n", 1),
        format!("old 0\n\n{}", "a".repeat(65_536)),
    ] {
        let refused = AddCheckpoint::read(body.as_bytes()).unwrap_err();
        assert!(matches!(refused, Refusal::Malformed(_)), "{body:.80}");
    }
    assert!(AddCheckpoint::read(whole.replacen(&line, &line.repeat(63), 1).as_bytes()).is_ok());
    assert!(AddCheckpoint::read(b"old 0\n\n\xff\n").is_err());
}
