//! Whatever a witness is asked, it cosigns only what continues what it saw; and no numbers upset a proof.

#![no_main]

use std::sync::LazyLock;

use audit_log::{AddCheckpoint, Checkpoint, Cosigner, Hash, Plan, Seen, Signer};
use audit_log::{verify_consistency, verify_inclusion};
use libfuzzer_sys::fuzz_target;

static SIGNER: LazyLock<Signer> = LazyLock::new(|| Signer::from_seed("log", &[1; 32]).expect("it is a name"));
static WITNESS: LazyLock<Cosigner> =
    LazyLock::new(|| Cosigner::from_seed("witness", &[2; 32]).expect("it is a name"));

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = AddCheckpoint::read(bytes) {
        assert_eq!(request.to_string().as_bytes(), bytes);
        ask(request);
    }
    let Some((first, rest)) = bytes.split_first_chunk::<8>() else { return };
    let Some((second, rest)) = rest.split_first_chunk::<8>() else { return };
    let (first, second) = (u64::from_be_bytes(*first), u64::from_be_bytes(*second));
    let proof: Vec<_> = rest.as_chunks::<32>().0.iter().copied().map(Hash).collect();
    let root = Hash([7; 32]);
    assert!(verify_inclusion(Hash::EMPTY, first, second, &proof, &root).is_err());
    let consistent = verify_consistency((first, &Hash::EMPTY), (second, &root), &proof);
    assert_eq!(consistent.is_ok(), first == 0 && second > 0 && proof.is_empty());
    for plan in [Plan::inclusion(first, second), Plan::consistency(first, second), Plan::edge(first)] {
        let Ok(plan) = plan else { continue };
        assert!(plan.tiles(first.max(second)).len() <= 64);
    }
});

/// What the log itself might have asked: with its signature under whatever text there is.
fn ask(request: AddCheckpoint) {
    let text = request.checkpoint.rsplit_once("\n\n").map_or(&*request.checkpoint, |(text, _)| text);
    let Ok(checkpoint) = SIGNER.sign(&format!("{text}\n")) else { return };
    let request = AddCheckpoint { checkpoint, ..request };
    let keys = [SIGNER.verifier_key().clone()];
    let origin = request.claimed_origin().to_owned();
    let seen = Seen { size: request.old, root: Hash([7; 32]) };
    for seen in [Seen::NOTHING, seen] {
        match request.cosign(&origin, &keys, seen, &WITNESS, 1) {
            Ok(done) => {
                let read = Checkpoint::open(request.checkpoint.as_bytes(), &keys).expect("it was cosigned");
                assert_eq!((done.checkpoint, done.seen.size >= seen.size), (read, true));
                assert!(seen.size == 0 || done.seen == seen, "no proof leads from an invented root");
            }
            Err(refusal) => assert!(refusal.body().ends_with('\n')),
        }
    }
}
