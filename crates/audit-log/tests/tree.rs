//! The tree, its tiles and its proofs, beside Python's hashlib and another implementation.
#![allow(clippy::unwrap_used, reason = "what a test sets up itself is known to work")]

use std::collections::BTreeMap;

use audit_log::{
    Edge, Entry, Hash, Hashes, Kind, MAX_SIZE, NotATilePath, Place, Plan, TILE_WIDTH, Tile, TilePath,
};
use audit_log::{NoSuchProof, NotAnEdge, read_bundle, verify_consistency, verify_inclusion, write_bundle};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

/// Roots over the entries `SHA-256(i)`, i in eight bytes, computed by Python's hashlib from the
/// recursive definition of RFC 6962 section 2.1.
const GOLDEN: [(u64, &str); 9] = [
    (0, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
    (1, "rqgzBoBIuC9CJxwY4AdqUjDLx9cRyZ3halkX2xSjsEQ="),
    (2, "g5dX14OU+K1ZvEYhgx2SOW9dNVb+AFmEZGOjKiHcngQ="),
    (3, "zCOm4F+VCZRZ5LYnA8IjI2lyp4mXsHKmVQCzDia7bvM="),
    (7, "O65gRQT8qxl4MRupmEYzrYi4wQSDKZASM0XbbIFrd8g="),
    (255, "LxPvearuDeMH/W0kjEFNjjUK96DgmO3El2UStAmoEu0="),
    (256, "KoNTZbA3WHYKqst0vqYCO5oBbP+FWdFmGiOdQ0pQGLE="),
    (257, "J3jxtFcpyiVu58e9NkBfql+BDZWLjGCmcaM4EmIvdjg="),
    (70_000, "tDVHPQ9LbhFsEayUv3+d3Ge1JJs7M7StI7PUtpWaF3g="),
];

fn entry(index: u64) -> Entry {
    Entry(Sha256::digest(index.to_be_bytes()).into())
}

/// A log that keeps its tiles, as a store does.
#[derive(Default)]
struct Log {
    edge: Edge,
    tiles: BTreeMap<(u8, u64), Vec<Hash>>,
}

impl Log {
    fn of(size: u64) -> Self {
        let mut log = Self::default();
        for index in 0..size {
            log.append(entry(index));
        }
        log
    }

    fn append(&mut self, entry: Entry) {
        self.edge.append(Hash::of_leaf(&entry), |node| {
            let place = Place::of(node.level, node.index);
            if place.count == 1 {
                let tile = self.tiles.entry((place.level, place.index)).or_default();
                assert_eq!(tile.len(), usize::from(place.first), "hashes of a tile come in order");
                tile.push(node.hash);
            }
        });
    }
}

impl Hashes for Log {
    type Error = ();

    fn hash(&self, level: u8, index: u64) -> Result<Hash, ()> {
        let place = Place::of(level, index);
        let tile =
            Tile::new(self.tiles.get(&(place.level, place.index)).ok_or(())?.clone()).map_err(|_| ())?;
        tile.node(place).ok_or(())
    }
}

#[test]
fn roots_are_those_of_rfc_6962() {
    for (size, root) in GOLDEN {
        assert_eq!(Log::of(size).edge.root().to_string(), root, "{size} leaves");
    }
}

#[test]
fn a_tree_of_70_000_has_the_tiles_that_the_specification_counts() {
    let tiles: Vec<_> = TilePath::all(70_000).collect();
    let count =
        |kind, full| tiles.iter().filter(|tile| tile.kind() == kind && tile.is_full() == full).count();
    assert_eq!((count(Kind::Entries, true), count(Kind::Hashes(0), true)), (273, 273));
    assert_eq!((count(Kind::Hashes(1), true), count(Kind::Hashes(2), true)), (1, 0));
    let partial: Vec<_> = tiles.iter().filter(|tile| !tile.is_full()).map(ToString::to_string).collect();
    assert_eq!(partial, ["tile/entries/273.p/112", "tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
    let log = Log::of(70_000);
    for tile in tiles.iter().filter(|tile| tile.kind() != Kind::Entries) {
        let Kind::Hashes(level) = tile.kind() else { unreachable!() };
        assert_eq!(log.tiles[&(level, tile.index())].len(), usize::from(tile.width()), "{tile}");
        let wider = TilePath::new(tile.kind(), tile.index(), tile.width() + 1);
        assert!(tile.is_within(70_000) && !wider.is_ok_and(|wider| wider.is_within(70_000)));
    }
    assert_eq!(TilePath::all(256).last().unwrap().to_string(), "tile/1/000.p/1");
    assert_eq!(TilePath::all(0).count(), 0);
}

#[test]
fn the_path_of_a_tile_has_one_spelling() {
    for path in ["tile/0/x001/x234/067", "tile/entries/000.p/1", "tile/7/000.p/127", "tile/3/x001/000"] {
        assert_eq!(path.parse::<TilePath>().unwrap().to_string(), path);
    }
    for path in [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/01/000",
        "tile/+1/000",
        "tile/-1/000",
        "tile/64/000",
        "tile/256/000",
        "tile/0/x000/000",
        "tile/0/x000/001",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/x001/x000",
        "tile/0/X001/000",
        "tile/0/x1/000",
        "tile/0/x001//000",
        "tile/0/000/",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/+1",
        "tile/0/000.p/1/",
        "tile/0/000.p/1.p/1",
        "tile/0/-01",
        "tile/0/+01",
        "tile/0/ 01",
        "tile/0/٠٠١",
        "tile/entries",
        "tile/entry/000",
        "tile/Entries/000",
        "tile/0/000.P/1",
        "tile/0/000%2Ep/1",
    ] {
        assert_eq!(path.parse::<TilePath>(), Err(NotATilePath::Form), "{path}");
    }
    for path in [
        "tile/8/000",
        "tile/63/000.p/1",
        "tile/7/000",
        "tile/7/000.p/128",
        "tile/7/001.p/1",
        "tile/0/x999/x999/x999/x999/x999/999",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/x999/999",
    ] {
        assert_eq!(path.parse::<TilePath>(), Err(NotATilePath::TooLarge), "{path}");
    }
}

#[test]
fn tiles_and_bundles_of_another_length_are_refused() {
    let bundle = write_bundle(&[entry(0), entry(1)]);
    assert_eq!(bundle.len(), 2 * 34);
    assert_eq!(read_bundle(&bundle).unwrap(), [entry(0), entry(1)]);
    for wrong in [&bundle[..67], &[], &[&bundle[..], &[0]].concat(), &[&[0, 31], &bundle[2..]].concat()] {
        assert!(read_bundle(wrong).is_err());
    }
    assert!(read_bundle(&write_bundle(&vec![entry(0); 257])).is_err());
    for length in [0, 31, 33, 257 * 32] {
        assert!(Tile::from_bytes(&vec![7; length]).is_err());
    }
    assert_eq!(Tile::from_bytes(&[7; 256 * 32]).unwrap().to_bytes(), [7; 256 * 32]);
}

#[test]
fn an_edge_whose_size_asks_for_other_peaks_is_refused() {
    let bytes = Log::of(7).edge.to_bytes();
    let too_large = [&u64::MAX.to_be_bytes()[..], &[7; 64 * 32]].concat();
    for wrong in [&bytes[..8], &bytes[..bytes.len() - 1], &bytes[..7], &[], &too_large] {
        assert_eq!(Edge::from_bytes(wrong), Err(NotAnEdge));
    }
}

#[test]
fn what_no_tree_has_is_not_proven() {
    assert_eq!(Plan::inclusion(7, 7), Err(NoSuchProof::NotInTree { index: 7, size: 7 }));
    assert_eq!(Plan::consistency(8, 7), Err(NoSuchProof::Shrunk { old: 8, new: 7 }));
    assert!(Plan::edge(u64::MAX).is_err() && Plan::inclusion(1, u64::MAX).is_err());
    let empty = (0, &Hash::EMPTY);
    assert!(verify_consistency(empty, empty, &[]).is_ok());
    assert!(verify_consistency((0, &Hash([0; 32])), empty, &[]).is_err());
    assert!(verify_consistency(empty, (0, &Hash([0; 32])), &[]).is_err());
    assert!(verify_inclusion(Hash::EMPTY, 0, 0, &[], &Hash::EMPTY).is_err());
}

#[test]
fn the_largest_tree_has_tiles_for_its_proofs() {
    for plan in [Plan::inclusion(0, MAX_SIZE), Plan::consistency(1 << 62, MAX_SIZE), Plan::edge(MAX_SIZE)] {
        let plan = plan.unwrap();
        assert_eq!(plan.tiles(MAX_SIZE), plan.tiles(u64::MAX));
        plan.proof(&Only(plan.tiles(MAX_SIZE))).unwrap();
    }
}

/// Every size and every pair of them, as far as a test may take.
#[test]
fn every_proof_in_a_small_tree_is_that_of_another_implementation() {
    let mut theirs = MemoryBackedTree::<sha2_of_ct_merkle::Sha256, [u8; 32]>::new();
    let (mut log, mut roots) = (Log::default(), vec![Hash::EMPTY]);
    for size in 1..=70_u64 {
        log.append(entry(size - 1));
        theirs.push(entry(size - 1).0);
        roots.push(log.edge.root());
        let root = roots[usize::try_from(size).unwrap()];
        assert_eq!(theirs.root().as_bytes()[..], root.0);
        for index in 0..size {
            let proof = Plan::inclusion(index, size).unwrap().proof(&log).unwrap();
            assert_eq!(bytes(&proof), theirs.prove_inclusion(usize::try_from(index).unwrap()).as_bytes());
            verify_inclusion(Hash::of_leaf(&entry(index)), index, size, &proof, &root).unwrap();
        }
        for old in 1..size {
            let proof = Plan::consistency(old, size).unwrap().proof(&log).unwrap();
            let additions = usize::try_from(size - old).unwrap();
            assert_eq!(bytes(&proof), theirs.prove_consistency(additions).as_bytes(), "{old} to {size}");
            verify_consistency((old, &roots[usize::try_from(old).unwrap()]), (size, &root), &proof).unwrap();
        }
    }
}

fn bytes(proof: &[Hash]) -> Vec<u8> {
    proof.iter().flat_map(|hash| hash.0).collect()
}

fn flip(hash: &mut Hash, bit: usize) {
    hash.0[bit / 8 % 32] ^= 1 << (bit % 8);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_inclusion_proof_verifies_and_with_one_bit_changed_never(
        size in 1..2000_u64, at: prop::sample::Index, which: prop::sample::Index, bit in 0..256_usize,
    ) {
        let (log, index) = (Log::of(size), at.index(usize::try_from(size).unwrap()) as u64);
        let (leaf, root) = (Hash::of_leaf(&entry(index)), log.edge.root());
        let mut proof = Plan::inclusion(index, size).unwrap().proof(&log).unwrap();
        prop_assert!(verify_inclusion(leaf, index, size, &proof, &root).is_ok());
        let (mut other_leaf, mut other_root) = (leaf, root);
        flip(&mut other_leaf, bit);
        flip(&mut other_root, bit);
        prop_assert!(verify_inclusion(other_leaf, index, size, &proof, &root).is_err());
        prop_assert!(verify_inclusion(leaf, index, size, &proof, &other_root).is_err());
        prop_assert!(verify_inclusion(leaf, index ^ 1, size, &proof, &root).is_err());
        proof.push(root);
        prop_assert!(verify_inclusion(leaf, index, size, &proof, &root).is_err());
        proof.pop();
        if !proof.is_empty() {
            let which = which.index(proof.len());
            flip(&mut proof[which], bit);
            prop_assert!(verify_inclusion(leaf, index, size, &proof, &root).is_err());
            proof.remove(which);
            prop_assert!(verify_inclusion(leaf, index, size, &proof, &root).is_err());
        }
    }

    #[test]
    fn a_consistency_proof_verifies_and_with_one_bit_changed_never(
        new in 2..2000_u64, at: prop::sample::Index, which: prop::sample::Index, bit in 0..256_usize,
    ) {
        let (log, old) = (Log::of(new), 1 + at.index(usize::try_from(new - 1).unwrap()) as u64);
        let (old_root, new_root) = (Log::of(old).edge.root(), log.edge.root());
        let mut proof = Plan::consistency(old, new).unwrap().proof(&log).unwrap();
        prop_assert!(verify_consistency((old, &old_root), (new, &new_root), &proof).is_ok());
        let (mut other_old, mut other_new) = (old_root, new_root);
        flip(&mut other_old, bit);
        flip(&mut other_new, bit);
        prop_assert!(verify_consistency((old, &other_old), (new, &new_root), &proof).is_err());
        prop_assert!(verify_consistency((old, &old_root), (new, &other_new), &proof).is_err());
        prop_assert!(verify_consistency((new, &new_root), (old, &old_root), &proof).is_err());
        proof.push(old_root);
        prop_assert!(verify_consistency((old, &old_root), (new, &new_root), &proof).is_err());
        proof.pop();
        let which = which.index(proof.len());
        flip(&mut proof[which], bit);
        prop_assert!(verify_consistency((old, &old_root), (new, &new_root), &proof).is_err());
        proof.remove(which);
        prop_assert!(verify_consistency((old, &old_root), (new, &new_root), &proof).is_err());
    }

    /// In any pieces, with the edge written down in between, also where proofs need the newest tiles.
    #[test]
    fn a_tree_that_is_resumed_is_the_same_tree(size in 0..3000_u64, stop: prop::sample::Index) {
        let stop = stop.index(usize::try_from(size).unwrap() + 1) as u64;
        let whole = Log::of(size);
        let mut resumed = Edge::from_bytes(&Log::of(stop).edge.to_bytes()).unwrap();
        let from_tiles = Plan::edge(stop).unwrap().proof(&whole).unwrap();
        prop_assert_eq!(&Edge::new(stop, from_tiles).unwrap(), &resumed);
        for index in stop..size {
            resumed.append(Hash::of_leaf(&entry(index)), |_| ());
        }
        prop_assert_eq!(resumed, whole.edge);
    }

    #[test]
    fn the_tiles_of_a_plan_are_all_that_it_needs(size in 1..200_000_u64, at: prop::sample::Index, more in 0..300_u64) {
        let index = at.index(usize::try_from(size).unwrap()) as u64;
        for plan in [Plan::inclusion(index, size).unwrap(), Plan::consistency(index, size).unwrap()] {
            let tiles = plan.tiles(size + more);
            for tile in &tiles {
                prop_assert!(tile.is_within(size + more));
                prop_assert!(TilePath::all(size + more).any(|one| one == *tile));
            }
            plan.proof(&Only(tiles)).unwrap();
        }
    }

    #[test]
    fn a_path_is_read_as_it_is_written(level in 0..7_u8, index in 0..1_000_000_000_000_000_u64, width in 1..=TILE_WIDTH) {
        for kind in [Kind::Entries, Kind::Hashes(level)] {
            let Ok(path) = TilePath::new(kind, index, width) else { continue };
            prop_assert_eq!(path.to_string().parse(), Ok(path));
        }
    }
}

/// Tiles whose hashes do not matter, but that they are there.
struct Only(std::collections::BTreeSet<TilePath>);

impl Hashes for Only {
    type Error = Place;

    fn hash(&self, level: u8, index: u64) -> Result<Hash, Place> {
        let place = Place::of(level, index);
        let has = |tile: &&TilePath| {
            (tile.kind(), tile.index()) == (Kind::Hashes(place.level), place.index)
                && tile.width() >= place.end()
        };
        self.0.iter().find(has).map(|_| Hash::EMPTY).ok_or(place)
    }
}
