//! What a tile holds, and which of it makes a node (c2sp.org/tlog-tiles).

use crate::Entry;
use crate::hash::{HASH_LENGTH, Hash};

/// How many hashes a full tile has.
pub const TILE_WIDTH: u16 = 256;

/// Levels of the tree that one level of tiles stands for.
const TILE_HEIGHT: u8 = 8;

/// The hashes of a tile, from the left: 1 to [`TILE_WIDTH`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile(Vec<Hash>);

/// Why bytes are no tile or no bundle. Whoever sent or stored them acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotATile {
    /// A tile is a number of whole hashes.
    #[error("a tile has 1 to 256 hashes of 32 bytes")]
    Hashes,
    /// A bundle is a number of whole entries.
    #[error("a bundle has 1 to 256 entries of 32 bytes, each behind its length in two bytes")]
    Entries,
}

/// Where a node of the tree is found: over these hashes of this tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Level of the tile.
    pub level: u8,
    /// Index of the tile on its level.
    pub index: u64,
    /// Number of the first hash in the tile that the node covers.
    pub first: u16,
    /// How many it covers, a power of two; 1 if the node's own hash is in the tile.
    pub count: u16,
}

impl Place {
    /// Says where the node number `index` of `level` is.
    pub fn of(level: u8, index: u64) -> Self {
        let above = level % TILE_HEIGHT;
        // Hashes of its tile's level, counted over the tree.
        let first = u128::from(index) << above;
        let width = u128::from(TILE_WIDTH);
        Self {
            level: level / TILE_HEIGHT,
            index: u64::try_from(first / width).expect("eight bits went, seven came"),
            first: u16::try_from(first % width).expect("it is below 256"),
            count: 1 << above,
        }
    }

    /// One past the last hash in the tile that the node covers: so wide must the tile be.
    pub fn end(self) -> u16 {
        self.first + self.count
    }
}

impl Tile {
    /// Makes a tile of its hashes.
    ///
    /// # Errors
    ///
    /// [`NotATile::Hashes`]: none, or too many.
    pub fn new(hashes: Vec<Hash>) -> Result<Self, NotATile> {
        if (1..=usize::from(TILE_WIDTH)).contains(&hashes.len()) {
            Ok(Self(hashes))
        } else {
            Err(NotATile::Hashes)
        }
    }

    /// Reads the bytes of a tile: its hashes one after the other.
    ///
    /// # Errors
    ///
    /// [`NotATile::Hashes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotATile> {
        let (hashes, rest) = bytes.as_chunks::<HASH_LENGTH>();
        if !rest.is_empty() {
            return Err(NotATile::Hashes);
        }
        Self::new(hashes.iter().copied().map(Hash).collect())
    }

    /// Its hashes, from the left.
    pub fn hashes(&self) -> &[Hash] {
        &self.0
    }

    /// Writes the tile as it is served.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|hash| hash.0).collect()
    }

    /// Computes the node at `place`, of which level and index of the tile are not looked at.
    ///
    /// `None`: the tile is not that wide yet.
    pub fn node(&self, place: Place) -> Option<Hash> {
        let hashes = self.0.get(usize::from(place.first)..usize::from(place.end()))?;
        Some(over(hashes))
    }
}

/// Computes the root over a power of two of hashes.
fn over(hashes: &[Hash]) -> Hash {
    if let [only] = hashes {
        return *only;
    }
    let (left, right) = hashes.split_at(hashes.len() / 2);
    Hash::of_node(&over(left), &over(right))
}

/// Writes an entry bundle: each entry behind its length in two bytes, most significant first.
pub fn write_bundle(entries: &[Entry]) -> Vec<u8> {
    let length = u16::try_from(HASH_LENGTH).expect("32 fits").to_be_bytes();
    entries.iter().flat_map(|entry| length.into_iter().chain(entry.0)).collect()
}

/// Reads an entry bundle of a log of ours, whose entries have 32 bytes each.
///
/// # Errors
///
/// [`NotATile::Entries`].
pub fn read_bundle(bytes: &[u8]) -> Result<Vec<Entry>, NotATile> {
    let (entries, rest) = bytes.as_chunks::<{ 2 + HASH_LENGTH }>();
    let one = |bytes: &[u8; 2 + HASH_LENGTH]| {
        let (length, entry) = bytes.split_first_chunk::<2>()?;
        let entry = Entry(entry.try_into().ok()?);
        (usize::from(u16::from_be_bytes(*length)) == HASH_LENGTH).then_some(entry)
    };
    let entries = entries.iter().map(one).collect::<Option<Vec<_>>>().ok_or(NotATile::Entries)?;
    let fits = rest.is_empty() && (1..=usize::from(TILE_WIDTH)).contains(&entries.len());
    if fits { Ok(entries) } else { Err(NotATile::Entries) }
}
