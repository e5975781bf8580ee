//! Where a tile is: its coordinates and its path (c2sp.org/tlog-tiles).

use std::fmt;
use std::str::FromStr;

use crate::edge::MAX_SIZE;
use crate::tile::TILE_WIDTH;

/// The highest level: a tile there spans more leaves than a tree can have.
const MAX_LEVEL: u8 = 7;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Hashes of nodes: level `l` has those that cover 256^`l` leaves each.
    Hashes(u8),
    /// The entries themselves: an *entry bundle*.
    Entries,
}

/// Names a tile of a tree: `tile/0/x001/x234/067`, `tile/entries/000.p/17`.
///
/// There is one only where a tree of at most [`MAX_SIZE`] leaves can have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TilePath {
    kind: Kind,
    index: u64,
    width: u16,
}

/// Why a path names no tile. Whoever asked acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotATilePath {
    /// Nothing of this form is a tile's path.
    #[error("the path of a tile is tile/LEVEL/INDEX or tile/LEVEL/INDEX.p/WIDTH, INDEX like x001/x234/067")]
    Form,
    /// It is of the right form, and no tree is that large.
    #[error("no log is large enough to have this tile")]
    TooLarge,
}

impl TilePath {
    /// Names the tile whose first place is number `index` × 256 of its kind; `width` is how many it holds.
    ///
    /// # Errors
    ///
    /// [`NotATilePath`]: a width of 0 or above [`TILE_WIDTH`], or no tree has it.
    pub fn new(kind: Kind, index: u64, width: u16) -> Result<Self, NotATilePath> {
        if width == 0 || width > TILE_WIDTH {
            return Err(NotATilePath::Form);
        }
        let level = kind.level();
        if level > MAX_LEVEL || index > MAX_SIZE >> (8 * u32::from(level)) >> 8 {
            return Err(NotATilePath::TooLarge);
        }
        let path = Self { kind, index, width };
        if path.end() > MAX_SIZE >> (8 * u32::from(level)) { Err(NotATilePath::TooLarge) } else { Ok(path) }
    }

    /// What it holds.
    pub fn kind(self) -> Kind {
        self.kind
    }

    /// Which of its kind and level, from 0.
    pub fn index(self) -> u64 {
        self.index
    }

    /// How many hashes or entries it holds; [`TILE_WIDTH`] if it is full.
    pub fn width(self) -> u16 {
        self.width
    }

    /// Says that nothing will be added to it.
    pub fn is_full(self) -> bool {
        self.width == TILE_WIDTH
    }

    /// Number of its first hash or entry, counted over the level.
    pub fn start(self) -> u64 {
        self.index * u64::from(TILE_WIDTH)
    }

    /// One past the number of its last.
    fn end(self) -> u64 {
        self.start() + u64::from(self.width)
    }

    /// Says whether a tree of `size` leaves has all that this tile holds.
    ///
    /// So it has parts of a tile that has grown since, as a tree of an earlier size showed them.
    pub fn is_within(self, size: u64) -> bool {
        self.end() <= self.kind.count(size)
    }

    /// Lists the tiles of a tree of `size` leaves, each as wide as it is there: first the entry
    /// bundles, then the hashes, from the leaves upwards and from the left.
    pub fn all(size: u64) -> impl Iterator<Item = Self> {
        let kinds = std::iter::once(Kind::Entries).chain((0..=MAX_LEVEL).map(Kind::Hashes));
        kinds.flat_map(move |kind| {
            let count = kind.count(size);
            (0..count.div_ceil(u64::from(TILE_WIDTH))).map(move |index| {
                let rest = count - index * u64::from(TILE_WIDTH);
                let width = u16::try_from(rest).unwrap_or(TILE_WIDTH).min(TILE_WIDTH);
                Self { kind, index, width }
            })
        })
    }
}

impl Kind {
    fn level(self) -> u8 {
        match self {
            Self::Hashes(level) => level,
            Self::Entries => 0,
        }
    }

    /// How many hashes or entries of this kind a tree of `size` leaves has.
    pub fn count(self, size: u64) -> u64 {
        size.checked_shr(8 * u32::from(self.level())).unwrap_or(0)
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Hashes(level) => write!(f, "tile/{level}/")?,
            Kind::Entries => f.write_str("tile/entries/")?,
        }
        let groups = (1..7).rev().map(|group| self.index / 1000_u64.pow(group)).skip_while(|rest| *rest == 0);
        for group in groups {
            write!(f, "x{:03}/", group % 1000)?;
        }
        write!(f, "{:03}", self.index % 1000)?;
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

impl FromStr for TilePath {
    type Err = NotATilePath;

    /// Reads a path as [`TilePath`] is written, without a slash before it, and no other spelling of it.
    fn from_str(path: &str) -> Result<Self, NotATilePath> {
        let rest = path.strip_prefix("tile/").ok_or(NotATilePath::Form)?;
        let (kind, rest) = rest.split_once('/').ok_or(NotATilePath::Form)?;
        let kind = match kind {
            "entries" => Kind::Entries,
            level => Kind::Hashes(u8::try_from(decimal(level, 63)?).map_err(|_| NotATilePath::Form)?),
        };
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, decimal(width, u64::from(TILE_WIDTH) - 1)?),
            None => (rest, u64::from(TILE_WIDTH)),
        };
        let width = u16::try_from(width).map_err(|_| NotATilePath::Form)?;
        Self::new(kind, read_index(index)?, width)
    }
}

/// Reads groups of three digits, all but the last behind an `x`, the first one not empty of meaning.
fn read_index(text: &str) -> Result<u64, NotATilePath> {
    let (before, last) = text.rsplit_once('/').map_or((None, text), |(before, last)| (Some(before), last));
    let mut index = 0_u64;
    for group in before.iter().flat_map(|before| before.split('/')) {
        let value = three_digits(group.strip_prefix('x').ok_or(NotATilePath::Form)?)?;
        // A leading group of zeros would be a second spelling.
        if index == 0 && value == 0 {
            return Err(NotATilePath::Form);
        }
        index = push_group(index, value)?;
    }
    push_group(index, three_digits(last)?)
}

fn push_group(index: u64, value: u64) -> Result<u64, NotATilePath> {
    index.checked_mul(1000).and_then(|index| index.checked_add(value)).ok_or(NotATilePath::TooLarge)
}

fn three_digits(text: &str) -> Result<u64, NotATilePath> {
    if text.len() != 3 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotATilePath::Form);
    }
    text.parse().map_err(|_| NotATilePath::Form)
}

/// Reads a decimal number of at most `max` without leading zeros; also used where 0 fits no width.
fn decimal(text: &str, max: u64) -> Result<u64, NotATilePath> {
    crate::hash::decimal(text).filter(|value| *value <= max).ok_or(NotATilePath::Form)
}
