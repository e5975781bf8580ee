//! The right edge of a tree: all that appending needs.

use crate::hash::{HASH_LENGTH, Hash};

/// The root over each complete subtree of a tree, from the left: as many as its size has bits set.
///
/// A leaf is appended in constant time on average and 64 steps at most, in constant memory. What is
/// left of the edge is never looked at again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edge {
    size: u64,
    peaks: Vec<Hash>,
}

/// A node that is complete: nothing that is appended later changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// How far above the leaves it is; it covers 2^`level` of them.
    pub level: u8,
    /// Which of its level, from 0.
    pub index: u64,
    /// Its hash.
    pub hash: Hash,
}

/// Why bytes are no edge. They were not written by [`Edge::to_bytes`], or changed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the edge of a tree: its size asks for another number of hashes")]
pub struct NotAnEdge;

impl Edge {
    /// How many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The hashes of the complete subtrees, the largest first.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Appends a leaf ([`Hash::of_leaf`]) and tells of each node that this completed, leaf first.
    pub fn append(&mut self, leaf: Hash, mut completed: impl FnMut(Node)) {
        let mut node = Node { level: 0, index: self.size, hash: leaf };
        completed(node);
        // As many subtrees end here as the size has low bits set.
        for _ in 0..self.size.trailing_ones() {
            let left = self.peaks.pop().expect("a bit of the size is a peak");
            node = Node {
                level: node.level + 1,
                index: node.index >> 1,
                hash: Hash::of_node(&left, &node.hash),
            };
            completed(node);
        }
        self.peaks.push(node.hash);
        self.size += 1;
    }

    /// Computes the root of the tree (RFC 6962 section 2.1); [`Hash::EMPTY`] without leaves.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return Hash::EMPTY };
        peaks.fold(*last, |right, left| Hash::of_node(left, &right))
    }

    /// Writes the edge: its size in eight bytes, most significant first, then its peaks.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        bytes.extend(self.peaks.iter().flat_map(|peak| peak.0));
        bytes
    }

    /// Reads what [`Edge::to_bytes`] wrote. It proves nothing: compare [`Edge::root`] with a
    /// checkpoint of this size.
    ///
    /// # Errors
    ///
    /// [`NotAnEdge`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotAnEdge> {
        let (size, rest) = bytes.split_first_chunk().ok_or(NotAnEdge)?;
        let (peaks, rest) = rest.as_chunks::<HASH_LENGTH>();
        if !rest.is_empty() {
            return Err(NotAnEdge);
        }
        Self::new(u64::from_be_bytes(*size), peaks.iter().copied().map(Hash).collect())
    }

    /// Puts an edge together from its `peaks`, the largest first; which are
    /// the roots of the complete subtrees from the left.
    ///
    /// # Errors
    ///
    /// [`NotAnEdge`]: a tree of this size has another number of peaks, or no tree has this size.
    pub fn new(size: u64, peaks: Vec<Hash>) -> Result<Self, NotAnEdge> {
        let fits = size <= MAX_SIZE && peaks.len() == size.count_ones() as usize;
        if fits { Ok(Self { size, peaks }) } else { Err(NotAnEdge) }
    }
}

/// How many leaves a tree can have: what a signed 64-bit integer of a database counts to.
pub const MAX_SIZE: u64 = i64::MAX.unsigned_abs();
