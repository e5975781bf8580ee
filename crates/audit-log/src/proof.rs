//! Inclusion and consistency proofs: which nodes make one, and what one proves.

use std::collections::BTreeSet;

use crate::edge::MAX_SIZE;
use crate::hash::Hash;
use crate::tile::{Place, TILE_WIDTH};
use crate::tile_path::{Kind, TilePath};

/// Where the hashes of complete nodes come from: tiles, or whatever else keeps them.
pub trait Hashes {
    /// Why one could not be had.
    type Error;

    /// Finds the hash of the node number `index` of `level`, which covers 2^`level` leaves.
    ///
    /// # Errors
    ///
    /// There is none: the source, not who asks, is at fault.
    fn hash(&self, level: u8, index: u64) -> Result<Hash, Self::Error>;
}

/// Which nodes make a proof. It is known before any of them is read, so that they can be read at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Each hash of the proof is the root over these complete nodes, from the left, none of them empty.
    hashes: Vec<Vec<(u8, u64)>>,
}

/// Why there is no such proof. Whoever asked acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoSuchProof {
    /// The tree has not that leaf.
    #[error("a log of {size} events has none at position {index}")]
    NotInTree {
        /// The leaf that was asked for, from 0.
        index: u64,
        /// How many the tree has.
        size: u64,
    },
    /// A tree only grows.
    #[error("a log of {new} events has not grown from one of {old}")]
    Shrunk {
        /// Size that should be the earlier one.
        old: u64,
        /// Size that should be the later one.
        new: u64,
    },
}

/// The proof does not prove it: proof, leaf, root or sizes are not of one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the proof does not lead from one to the other")]
pub struct NotProven;

impl Plan {
    /// Plans the proof that leaf number `index` is in the tree of `size` leaves (RFC 6962 section 2.1.1).
    ///
    /// # Errors
    ///
    /// [`NoSuchProof::NotInTree`].
    pub fn inclusion(index: u64, size: u64) -> Result<Self, NoSuchProof> {
        if index >= size || size > MAX_SIZE {
            return Err(NoSuchProof::NotInTree { index, size });
        }
        let (mut from, mut to) = (0, size);
        let mut hashes = Vec::new();
        while to - from > 1 {
            let middle = from + split(to - from);
            if index < middle {
                hashes.push(complete(middle, to));
                to = middle;
            } else {
                hashes.push(complete(from, middle));
                from = middle;
            }
        }
        hashes.reverse();
        Ok(Self { hashes })
    }

    /// Plans the proof that the tree of `new` leaves grew from that of `old` (RFC 6962 section 2.1.2).
    ///
    /// It is empty where nothing needs to be proven: from a tree without leaves, or of the same size.
    ///
    /// # Errors
    ///
    /// [`NoSuchProof::Shrunk`].
    pub fn consistency(old: u64, new: u64) -> Result<Self, NoSuchProof> {
        if old > new || new > MAX_SIZE {
            return Err(NoSuchProof::Shrunk { old, new });
        }
        let mut hashes = Vec::new();
        if old == 0 || old == new {
            return Ok(Self { hashes });
        }
        let (mut from, mut to) = (0, new);
        while old != to {
            let middle = from + split(to - from);
            if old <= middle {
                hashes.push(complete(middle, to));
                to = middle;
            } else {
                hashes.push(complete(from, middle));
                from = middle;
            }
        }
        // Of the whole old tree the verifier has the root already.
        if from > 0 {
            hashes.push(complete(from, to));
        }
        hashes.reverse();
        Ok(Self { hashes })
    }

    /// Plans the peaks of the tree of `size` leaves, for [`Edge::new`](crate::Edge::new).
    ///
    /// # Errors
    ///
    /// [`NoSuchProof::Shrunk`]: no tree has that size.
    pub fn edge(size: u64) -> Result<Self, NoSuchProof> {
        if size > MAX_SIZE {
            return Err(NoSuchProof::Shrunk { old: 0, new: size });
        }
        Ok(Self { hashes: complete(0, size).into_iter().map(|node| vec![node]).collect() })
    }

    /// Lists the tiles of a tree of `size` leaves that have all that is needed, each once.
    ///
    /// `size` may be larger than the tree that the proof is about, if the tiles have grown since.
    pub fn tiles(&self, size: u64) -> BTreeSet<TilePath> {
        let tile = |&(level, index): &(u8, u64)| {
            let place = Place::of(level, index);
            let kind = Kind::Hashes(place.level);
            let there = kind.count(size.min(MAX_SIZE)).saturating_sub(place.index * u64::from(TILE_WIDTH));
            let width = u16::try_from(there).unwrap_or(TILE_WIDTH).clamp(place.end(), TILE_WIDTH);
            TilePath::new(kind, place.index, width).expect("a node of a tree is in a tile of it")
        };
        self.hashes.iter().flatten().map(tile).collect()
    }

    /// Makes the proof out of its nodes.
    ///
    /// # Errors
    ///
    /// The source's: one of the nodes could not be had.
    pub fn proof<H: Hashes>(&self, source: &H) -> Result<Vec<Hash>, H::Error> {
        let over = |nodes: &Vec<(u8, u64)>| {
            let mut nodes = nodes.iter().rev();
            let (level, index) = nodes.next().expect("none of them is empty");
            let last = source.hash(*level, *index)?;
            nodes.try_fold(last, |right, (level, index)| {
                Ok(Hash::of_node(&source.hash(*level, *index)?, &right))
            })
        };
        self.hashes.iter().map(over).collect()
    }
}

/// The largest power of two below `count`, which is at least 2: where RFC 6962 splits a tree.
fn split(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// The complete nodes over the leaves from `from` to before `to`; `from` is where a tree was split.
fn complete(mut from: u64, to: u64) -> Vec<(u8, u64)> {
    let mut nodes = Vec::new();
    while from < to {
        let level = u8::try_from((to - from).ilog2()).expect("it is below 64");
        nodes.push((level, from >> level));
        from += 1 << level;
    }
    nodes
}

/// Checks that `leaf` is number `index` of the `size` leaves under `root` (RFC 9162 section 2.1.3.2).
///
/// # Errors
///
/// [`NotProven`].
pub fn verify_inclusion(
    leaf: Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), NotProven> {
    if index >= size {
        return Err(NotProven);
    }
    let (mut node, mut last, mut hash) = (index, size - 1, leaf);
    for step in proof {
        if last == 0 {
            return Err(NotProven);
        }
        if node & 1 == 1 || node == last {
            hash = Hash::of_node(step, &hash);
            // Nodes without a sibling on the right are the same node one level up.
            let up = if node & 1 == 1 { 0 } else { node.trailing_zeros() };
            (node, last) = (node.checked_shr(up).unwrap_or(0), last.checked_shr(up).unwrap_or(0));
        } else {
            hash = Hash::of_node(&hash, step);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last == 0 && hash == *root { Ok(()) } else { Err(NotProven) }
}

/// Checks that the tree of `new` leaves under `new_root` grew from that of `old` leaves under `old_root`
/// (RFC 9162 section 2.1.4.2).
///
/// Any tree grew from the one without leaves, whose root is [`Hash::EMPTY`].
///
/// # Errors
///
/// [`NotProven`].
pub fn verify_consistency(
    (old, old_root): (u64, &Hash),
    (new, new_root): (u64, &Hash),
    proof: &[Hash],
) -> Result<(), NotProven> {
    let proven = |proven: bool| if proven { Ok(()) } else { Err(NotProven) };
    if old == 0 {
        return proven(proof.is_empty() && *old_root == Hash::EMPTY && (new > 0 || *new_root == Hash::EMPTY));
    }
    if old >= new {
        return proven(old == new && proof.is_empty() && old_root == new_root);
    }
    // A whole subtree is its own beginning, and not sent.
    let (first, rest) =
        if old.is_power_of_two() { (old_root, proof) } else { proof.split_first().ok_or(NotProven)? };
    let (mut node, mut last) = (old - 1, new - 1);
    let up = node.trailing_ones();
    (node, last) = (node >> up, last >> up);
    let (mut of_old, mut of_new) = (*first, *first);
    for step in rest {
        if last == 0 {
            return Err(NotProven);
        }
        if node & 1 == 1 || node == last {
            of_old = Hash::of_node(step, &of_old);
            of_new = Hash::of_node(step, &of_new);
            let up = if node & 1 == 1 { 0 } else { node.trailing_zeros() };
            (node, last) = (node.checked_shr(up).unwrap_or(0), last.checked_shr(up).unwrap_or(0));
        } else {
            of_new = Hash::of_node(&of_new, step);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    proven(last == 0 && of_old == *old_root && of_new == *new_root)
}
