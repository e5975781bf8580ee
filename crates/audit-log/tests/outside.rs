//! What others verify with: a verifier in Python that knows nothing of our code, and the small one of ours.
#![allow(clippy::unwrap_used, reason = "what a test sets up itself is known to work")]

#[path = "../examples/verify.rs"]
#[allow(dead_code, reason = "its main is not ours")]
mod example;
mod shared;

use std::fs;
use std::path::Path;
use std::process::Command;

use audit_log::{Checkpoint, Cosigner, Edge, Hex, Kind, LogProof, Plan, Tile, TilePath, write_bundle};
use shared::{Stored, Tree, export, rows, signer};
use tempfile::TempDir;

/// Asks the verifier in Python; says what it found wrong, if anything.
fn python(arguments: &[&str]) -> Result<(), String> {
    let verifier = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verify.py");
    let done = Command::new("python3").arg("-B").arg(verifier).args(arguments).output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    match done.status.code() {
        Some(0) => Ok(()),
        Some(1) if said.starts_with("wrong: ") => Err(said),
        other => unreachable!("{other:?}: {said}"),
    }
}

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::create_dir_all(Path::new(&path).parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }
}

fn key() -> String {
    signer().verifier_key().to_string()
}

fn note(rows: &[Stored]) -> String {
    Tree::over(rows).checkpoint().sign(&signer()).unwrap()
}

/// One bit of a file, changed.
fn flipped(content: &[u8], at: usize) -> Vec<u8> {
    let mut content = content.to_vec();
    content[at] ^= 1;
    content
}

#[test]
fn python_believes_our_checkpoints_and_cosignatures_and_none_that_was_changed() {
    let (files, cosigner) = (Files::new(), Cosigner::from_seed("witness.example/w1", &[3; 32]).unwrap());
    let checkpoint = Checkpoint::open(note(&rows(9)).as_bytes(), &shared::keys()).unwrap();
    let note = note(&rows(9)) + &cosigner.cosign(&checkpoint.text(), 1_700_000_000).unwrap();
    let witness = cosigner.cosigner_key().to_string();
    let path = files.write("checkpoint", &note);
    python(&["checkpoint", &path, &key(), &witness]).unwrap();
    for at in (0..note.len()).step_by(61) {
        let path = files.write("changed", flipped(note.as_bytes(), at));
        python(&["checkpoint", &path, &key(), &witness]).unwrap_err();
    }
    let stranger = Cosigner::from_seed("witness.example/w1", &[4; 32]).unwrap().cosigner_key().to_string();
    python(&["checkpoint", &path, &key(), &stranger]).unwrap_err();
}

#[test]
fn python_verifies_our_exports_as_our_own_verifier_does() {
    let files = Files::new();
    let mut log = rows(40);
    log[1].erase_personal("e-1");
    log[2].erase("e-1");
    log.push(Stored::with_body(
        40,
        r#"{"erasure":"e-1","kind":"person_erased","personal":["1"],"text":"a\"\\\u0001\n\u007fü€😀","whole":["2"]}"#
            .replace("\\u007f", "\u{7f}"),
    ));
    let checkpoint = files.write("checkpoint", note(&log[..30]));
    let text = export(&log, 0, &log);
    let both = |name: &str, text: &[u8]| {
        let path = files.write(name, text);
        let ours = example::verify(&[path.clone(), checkpoint.clone(), key()]);
        (python(&["export", &path, &checkpoint, &key()]), ours)
    };
    let (theirs, ours) = both("export", text.as_bytes());
    assert_eq!(theirs, Ok(()));
    let said = "the events 0 to 29 of cr.example.org/log are those of the checkpoint of 30 events; the personal part of 1 \
                and all of 1 are erased; those behind them, up to 40, are bound by the checkpoint of 41 in the export \
                alone: whoever has the log's key makes another";
    assert_eq!(ours, (0, said.to_owned()));

    // From the first event that is whole to the last one that the checkpoint covers.
    let (from, to) = (text.find(&log[3].id).unwrap(), text.find(&log[30].id).unwrap() - 30);
    for at in (from..to).step_by((to - from) / 9) {
        let (theirs, ours) = both("changed", &flipped(text.as_bytes(), at));
        assert!(theirs.is_err() && ours.0 != 0, "byte {at}");
    }
    let mut rewritten = log.clone();
    rewritten[7] = Stored::with_body(7, r#"{"kind":"nothing_happened"}"#.to_owned());
    let (theirs, ours) = both("rewritten", export(&rewritten, 0, &rewritten).as_bytes());
    assert!(theirs.unwrap_err().contains("not the events of the checkpoint"));
    assert_eq!(ours, (1, "events 0 to 29: changed: the checkpoint of 30 events has other events".to_owned()));

    let mut emptied = log;
    emptied[4].erase("e-1");
    let (theirs, ours) = both("emptied", export(&emptied, 0, &emptied).as_bytes());
    assert!(theirs.unwrap_err().contains("no event says what took it"));
    assert_eq!(ours.0, 2, "{}", ours.1);
    assert!(ours.1.ends_with("no event here says what took it"), "{}", ours.1);

    let missing = example::verify(&[files.path("nothing"), checkpoint.clone(), key()]);
    assert_eq!((missing.0, example::verify(&[]).0), (2, 2));
    assert_eq!(example::verify(&[checkpoint.clone(), checkpoint, key()]).0, 2);
}

#[test]
fn python_believes_our_proofs_and_none_that_was_changed() {
    let (files, log) = (Files::new(), rows(37));
    let tree = Tree::over(&log);
    let entry = serde_json::to_string(&Hex(log[20].entry.0)).unwrap().replace('"', "");
    let hashes = Plan::inclusion(20, 37).unwrap().proof(&tree).unwrap();
    let proof = LogProof { index: 20, hashes, checkpoint: note(&log) }.to_string();
    python(&["proof", &files.write("proof", &proof), &entry, &key()]).unwrap();
    for at in (0..proof.len()).step_by(53) {
        let changed = files.write("changed", flipped(proof.as_bytes(), at));
        python(&["proof", &changed, &entry, &key()]).unwrap_err();
    }

    let new = files.write("new", note(&log));
    for old in [0, 8, 20, 37] {
        let hashes = Plan::consistency(old, 37).unwrap().proof(&tree).unwrap();
        let old = files.write("old", note(&log[..usize::try_from(old).unwrap()]));
        let text = hashes.iter().map(|hash| hash.to_string() + "\n").collect::<String>();
        let ask = |text: &[u8]| python(&["consistency", &old, &new, &files.write("proof", text), &key()]);
        ask(text.as_bytes()).unwrap();
        for at in (0..text.len()).step_by(90) {
            ask(&flipped(text.as_bytes(), at)).unwrap_err();
        }
        ask(format!("{text}{}\n", tree.edge.root()).as_bytes()).unwrap_err();
    }
}

#[test]
fn python_builds_the_same_tiles_of_our_bundles() {
    // Two levels of tiles, both with a partial one.
    let (files, log) = (Files::new(), rows(600));
    let mut hashes: Vec<Vec<audit_log::Hash>> = vec![Vec::new(); 8];
    let mut edge = Edge::default();
    for row in &log {
        edge.append(audit_log::Hash::of_leaf(&row.entry), |node| {
            if node.level % 8 == 0 {
                hashes[usize::from(node.level / 8)].push(node.hash);
            }
        });
    }
    files.write("checkpoint", note(&log));
    for path in TilePath::all(600) {
        let at = usize::try_from(path.start()).unwrap();
        let range = at..at + usize::from(path.width());
        let content = match path.kind() {
            Kind::Hashes(level) => Tile::new(hashes[usize::from(level)][range].to_vec()).unwrap().to_bytes(),
            Kind::Entries => write_bundle(&log[range].iter().map(|row| row.entry).collect::<Vec<_>>()),
        };
        files.write(&path.to_string(), content);
    }
    let directory = files.path("");
    python(&["tiles", &directory, &key()]).unwrap();
    for name in
        ["tile/entries/000", "tile/entries/002.p/88", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2"]
    {
        let right = fs::read(files.path(name)).unwrap();
        files.write(name, flipped(&right, right.len() / 2));
        python(&["tiles", &directory, &key()]).unwrap_err();
        files.write(name, right);
    }
    python(&["tiles", &directory, &key()]).unwrap();
}
