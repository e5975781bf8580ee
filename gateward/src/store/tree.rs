//! The tree over the log: grown with every batch, read for tiles and proofs.
//!
//! Its leaves are the entries of the events. Only roots of whole subtrees of 256, 65 536, ... leaves are
//! stored, one row each, and the right edge beside the head of the log; whatever else a tile or a proof
//! needs is made of these and of at most 256 entries.

use std::collections::HashMap;

use audit_log::{Edge, Entry, Hash, Hashes, Kind, Place, Plan, TILE_WIDTH, Tile};

use super::reader::Query;
use super::sql::values;
use super::{Error, Reader};

/// How many levels of the binary tree a stored level stands for: 256 subtrees make one of the next.
const TILE_HEIGHT: u8 = 8;

/// The root of a whole subtree of 256^`level` leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Node {
    pub level: i64,
    pub number: i64,
    pub hash: [u8; 32],
}

/// The head of the log and its tree do not belong together: somebody changed the store past this program.
#[derive(Debug, thiserror::Error)]
pub(super) enum Mismatch {
    #[error("the tree of the log cannot be read ({0}): `gateward audit verify` says what is wrong")]
    Edge(String),
    #[error(
        "the log has {events} events and its tree {leaves} leaves: somebody changed the store; `gateward audit verify` \
         says what is wrong"
    )]
    Size { events: i64, leaves: u64 },
    #[error(
        "the newest event has position {newest}, and the head of the log says {next} comes next: somebody changed the \
         store; `gateward audit verify` says what is wrong"
    )]
    Newest { newest: i64, next: i64 },
    #[error(
        "the log has {found} events and had {written} when this program wrote it last, or others: somebody put an older \
         store in its place; nothing is written until this is started anew; `gateward audit verify` with a checkpoint \
         that was kept elsewhere says what is missing"
    )]
    WentBack { found: u64, written: u64 },
}

/// The tree as this program wrote it last: others may have gone on from there, and nobody goes back.
#[derive(Debug, Default)]
pub(super) struct Written(Edge);

impl Written {
    /// Refuses a tree that is behind, or that has other events.
    pub fn check(&self, tree: &Growing) -> Result<(), Mismatch> {
        let (found, written) = (tree.edge.size(), self.0.size());
        if found < written || found == written && tree.edge != self.0 {
            return Err(Mismatch::WentBack { found, written });
        }
        Ok(())
    }

    /// Notes what was committed.
    pub fn note(&mut self, tree: Growing) {
        self.0 = tree.edge;
    }
}

/// The tree while events are appended.
#[derive(Debug, Clone)]
pub(super) struct Growing {
    edge: Edge,
    finished: Vec<Node>,
}

impl Growing {
    pub fn empty() -> Self {
        Self { edge: Edge::default(), finished: Vec::new() }
    }

    /// Takes up the tree of `events` events, whose edge is stored as `edge`.
    pub fn of(edge: &[u8], events: i64) -> Result<Self, Mismatch> {
        let edge = if edge.is_empty() {
            Edge::default()
        } else {
            Edge::from_bytes(edge).map_err(|error| Mismatch::Edge(error.to_string()))?
        };
        if i64::try_from(edge.size()).ok() != Some(events) {
            return Err(Mismatch::Size { events, leaves: edge.size() });
        }
        Ok(Self { edge, finished: Vec::new() })
    }

    /// Takes up the tree as a writer does who has the head: the newest event has to be where it says.
    pub fn of_head(edge: &[u8], next: i64, newest: Option<i64>) -> Result<Self, Mismatch> {
        let newest = newest.unwrap_or(-1);
        if newest + 1 != next {
            return Err(Mismatch::Newest { newest, next });
        }
        Self::of(edge, next)
    }

    pub fn append(&mut self, entry: [u8; 32]) {
        self.edge.append(Hash::of_leaf(&Entry(entry)), |node| {
            if node.level > 0 && node.level % TILE_HEIGHT == 0 {
                self.finished.push(Node {
                    level: (node.level / TILE_HEIGHT).into(),
                    number: i64::try_from(node.index).expect("positions are below 2^63"),
                    hash: node.hash.0,
                });
            }
        });
    }

    /// What is stored beside the head.
    pub fn edge(&self) -> Vec<u8> {
        self.edge.to_bytes()
    }

    pub fn root(&self) -> Hash {
        self.edge.root()
    }

    /// The nodes that are finished and not stored yet; they are the caller's to store.
    pub fn take_finished(&mut self) -> Vec<Node> {
        std::mem::take(&mut self.finished)
    }
}

/// Returns the right edge of the tree over all events that are there.
///
/// # Errors
///
/// [`Error::Unreachable`], [`Error::Damaged`].
pub async fn edge(reader: &Reader) -> Result<Edge, Error> {
    let sql = "SELECT edge, next_position FROM log_head";
    let found = reader
        .first(Query::of("log_head", sql, Vec::new()), |row| Ok((row.bytes(0)?.to_vec(), row.integer(1)?)))
        .await?;
    let damaged = |reason: String| Error::Damaged { table: "log_head", reason };
    let (edge, events) = found.ok_or_else(|| damaged("it has no row".into()))?;
    let tree = Growing::of(&edge, events).map_err(|mismatch| damaged(mismatch.to_string()))?;
    Ok(tree.edge)
}

/// Returns a tile of hashes; `None` while the tree has not all of it.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn tile(reader: &Reader, level: u8, index: u64, width: u16) -> Result<Option<Tile>, Error> {
    let hashes = if level == 0 {
        let entries = entries(reader, index, width).await?;
        entries.iter().map(Hash::of_leaf).collect()
    } else {
        let sql =
            "SELECT hash FROM log_node WHERE level = ?1 AND number >= ?2 AND number < ?3 ORDER BY number";
        let Some((first, end)) = stretch(index, width) else { return Ok(None) };
        let query = Query::of("log_node", sql, values![i64::from(level), first, end]);
        reader.all(query, |row| row.array(0).map(Hash)).await?
    };
    Ok(if hashes.len() == usize::from(width) { Tile::new(hashes).ok() } else { None })
}

/// Returns the entries of the bundle number `index`, as far as they are there, `width` of them at most.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn entries(reader: &Reader, index: u64, width: u16) -> Result<Vec<Entry>, Error> {
    let sql = "SELECT entry FROM event WHERE position >= ?1 AND position < ?2 ORDER BY position";
    let Some((first, end)) = stretch(index, width) else { return Ok(Vec::new()) };
    reader.all(Query::of("event", sql, values![first, end]), |row| row.array(0).map(Entry)).await
}

/// The first `width` places of tile number `index`; `None` where no tree goes.
fn stretch(index: u64, width: u16) -> Option<(i64, i64)> {
    let first = i64::try_from(index).ok()?.checked_mul(TILE_WIDTH.into())?;
    Some((first, first.checked_add(width.into())?))
}

/// Returns the stored roots of whole subtrees of 256^`level` leaves that lie among the leaves from `first` to before `end`,
/// by their number.
///
/// # Errors
///
/// [`Error::Unreachable`], [`Error::Damaged`].
pub async fn nodes(reader: &Reader, level: u8, first: u64, end: u64) -> Result<HashMap<u64, Hash>, Error> {
    let above = |leaf: u64| leaf.checked_shr(u32::from(level) * u32::from(TILE_HEIGHT)).unwrap_or(0);
    let [first, end] = [above(first), above(end)].map(|number| i64::try_from(number).unwrap_or(i64::MAX));
    if first == end {
        return Ok(HashMap::new());
    }
    let sql =
        "SELECT number, hash FROM log_node WHERE level = ?1 AND number >= ?2 AND number < ?3 ORDER BY number";
    let query = Query::of("log_node", sql, values![i64::from(level), first, end]);
    let nodes = reader.all(query, |row| Ok((row.integer(0)?.unsigned_abs(), Hash(row.array(1)?)))).await?;
    Ok(nodes.into_iter().collect())
}

/// Makes the proof of `plan`, whose tree has `size` leaves.
///
/// # Errors
///
/// [`Error::Unreachable`]; [`Error::Damaged`]: what it is made of is not there.
pub async fn proof(reader: &Reader, plan: &Plan, size: u64) -> Result<Vec<Hash>, Error> {
    let mut tiles = Tiles::default();
    for path in plan.tiles(size) {
        let Kind::Hashes(level) = path.kind() else { continue };
        if let Some(tile) = tile(reader, level, path.index(), path.width()).await? {
            tiles.0.insert((level, path.index()), tile);
        }
    }
    plan.proof(&tiles).map_err(|NotThere { level, index }| Error::Damaged {
        table: "log_node",
        reason: format!("node {index} of level {level} of the tree is not there"),
    })
}

/// The tiles that a proof is made of, by level and index.
#[derive(Default)]
struct Tiles(HashMap<(u8, u64), Tile>);

/// Names a node that no tile has.
struct NotThere {
    level: u8,
    index: u64,
}

impl Hashes for Tiles {
    type Error = NotThere;

    fn hash(&self, level: u8, index: u64) -> Result<Hash, NotThere> {
        let place = Place::of(level, index);
        let tile = self.0.get(&(place.level, place.index));
        tile.and_then(|tile| tile.node(place)).ok_or(NotThere { level, index })
    }
}

#[cfg(test)]
mod tests {
    use audit_log::{verify_consistency, verify_inclusion};
    use jiff::Timestamp;

    use super::*;
    use crate::base::id::{EventId, InstanceId};
    use crate::base::random::Random;
    use crate::base::store_address::StoreAddress;
    use crate::base::time::Clock;
    use crate::store::event::{NewEvent, SearchColumns};
    use crate::store::{Proposal, Store};

    fn clock() -> Clock {
        Clock::new(|| Ok(Timestamp::UNIX_EPOCH))
    }

    fn events(random: &Random, count: usize) -> Vec<NewEvent> {
        let instance = InstanceId::new(Timestamp::UNIX_EPOCH, random);
        let event = || NewEvent {
            id: EventId::new(Timestamp::UNIX_EPOCH, random),
            instance,
            occurred_at: Timestamp::UNIX_EPOCH,
            salt: random.bytes(),
            body: "{}".into(),
            personal_salt: random.bytes(),
            personal: "{}".into(),
            search: SearchColumns {
                kind: "a".into(),
                outcome: "done",
                service: None,
                who: None,
                transaction: None,
                reference: None,
            },
        };
        (0..count).map(|_| event()).collect()
    }

    fn random() -> Random {
        let count = std::sync::atomic::AtomicU64::new(1);
        Random::new(move |bytes| {
            let next = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_be_bytes();
            bytes.iter_mut().zip(next.iter().rev().cycle()).for_each(|(byte, next)| *byte = *next);
        })
    }

    #[tokio::test]
    async fn on_sqlite_every_leaf_is_proven_and_every_size_is_the_beginning_of_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateward.db");
        let store = Store::create(&StoreAddress::Sqlite(path), clock()).await.unwrap();
        let random = random();
        let mut seen: Vec<(u64, Hash)> = Vec::new();
        // Beyond two full tiles, in batches of all sizes.
        for count in [1, 2, 5, 100, 147, 1, 1, 300, 3] {
            let proposal = Proposal { events: events(&random, count), ..Proposal::default() };
            store.writer.commit(proposal).await.unwrap();
            let edge = edge(&store.reader).await.unwrap();
            for (old, root) in &seen {
                let plan = Plan::consistency(*old, edge.size()).unwrap();
                let proof = proof(&store.reader, &plan, edge.size()).await.unwrap();
                verify_consistency((*old, root), (edge.size(), &edge.root()), &proof).unwrap();
            }
            seen.push((edge.size(), edge.root()));
        }
        let (size, root) = seen[seen.len() - 1];
        for index in [0, 1, 254, 255, 256, 257, 511, 512, size - 1] {
            let plan = Plan::inclusion(index, size).unwrap();
            let proof = proof(&store.reader, &plan, size).await.unwrap();
            let tile = entries(&store.reader, index / 256, 256).await.unwrap();
            let leaf = Hash::of_leaf(&tile[usize::try_from(index % 256).unwrap()]);
            verify_inclusion(leaf, index, size, &proof, &root).unwrap();
        }
    }

    #[tokio::test]
    async fn on_sqlite_a_log_from_before_the_tree_gets_it_when_it_is_migrated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateward.db");
        let address = StoreAddress::Sqlite(path.clone());
        let store = Store::create(&address, clock()).await.unwrap();
        let proposal = Proposal { events: events(&random(), 600), ..Proposal::default() };
        store.writer.commit(proposal).await.unwrap();
        let (before, tile_before) =
            (edge(&store.reader).await.unwrap(), tile(&store.reader, 1, 0, 2).await.unwrap().unwrap());
        drop(store);
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection
            .execute_batch(
                "DROP TRIGGER log_node_is_never_deleted; DELETE FROM log_node; UPDATE log_head SET edge = x''",
            )
            .unwrap();
        drop(connection);
        let store = Store::open(&address, clock()).await.unwrap();
        assert_eq!(edge(&store.reader).await.unwrap(), before);
        assert_eq!(tile(&store.reader, 1, 0, 2).await.unwrap().unwrap(), tile_before);
    }
}
