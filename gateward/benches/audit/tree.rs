//! What the tree over the log costs: the same rows by hand, with the tree's statements and without.
//!
//! What stands here is what `store/sqlite/engine.rs` and `store/postgres/append.rs` send for a batch, beside the same
//! batch as it would be without a tree; nothing else of a writer takes time here, so that the share is the largest that it
//! can be.

use std::time::Instant;

use audit_log::{Edge, Entry, Hash};
use gateward::server::system::wall_clock;

use self::postgres::Statements;
use crate::Outcome;
use crate::engine::Engine;
use crate::events::Source;
use crate::measuring::median;
use crate::raw::Raw;
use crate::row::Row;

mod postgres;
mod sqlite;

/// How many events one commit has, as many as the writer gathers.
const BATCH: usize = 512;

/// How many events one turn writes.
const TURN: usize = 40_960;

/// Prints how many events a second become durable with the tree and without it, in turns.
pub async fn cost(engine: &Engine, rounds: usize) -> Outcome<()> {
    let source = Source::new();
    let mut sides = [Side::make(engine, false).await?, Side::make(engine, true).await?];
    // The first turn only warms up; whoever was first is second in the next.
    for round in 0..=rounds {
        for side in &mut sides {
            let rate = side.turn(&source).await?;
            side.rates.extend((round > 0).then_some(rate));
        }
        sides.reverse();
    }
    sides.sort_by_key(|side| side.with_tree);
    let [without, with] = &sides;
    let rate = |side: &Side| median(side.rates.iter().copied());
    println!("\n{}, {BATCH} events a commit, median of {rounds} rounds of {TURN}", engine.name());
    println!("  without a tree, events/s         {:>9.0}", rate(without));
    println!("  with a tree, events/s            {:>9.0}", rate(with));
    let costs =
        || without.rates.iter().zip(&with.rates).map(|(without, with)| 100.0 * (1.0 - with / without));
    let (least, most) = (costs().fold(f64::MAX, f64::min), costs().fold(f64::MIN, f64::max));
    println!("  the tree costs                   {:>9.1} %  ({least:.1} to {most:.1})", median(costs()));
    Ok(())
}

/// A log by hand.
struct Side {
    with_tree: bool,
    raw: Raw,
    /// On PostgreSQL.
    statements: Option<Statements>,
    rates: Vec<f64>,
}

impl Side {
    async fn make(engine: &Engine, with_tree: bool) -> Outcome<Self> {
        let raw = engine.database(if with_tree { "with" } else { "without" }).await?.raw().await?;
        let statements = match &raw {
            Raw::Sqlite(_) => None,
            Raw::Postgres { client, .. } => Some(Statements::prepare(client, with_tree).await?),
        };
        Ok(Self { with_tree, raw, statements, rates: Vec::new() })
    }

    /// Commits rows that were computed before the time runs; returns how many there were a second.
    async fn turn(&mut self, source: &Source) -> Outcome<f64> {
        let next = self.raw.integer("SELECT coalesce(max(position), -1) + 1 FROM event").await?;
        let now = wall_clock();
        let row =
            |position: i64| Row::new(position, now, source.event(u64::try_from(position).unwrap_or(0), now));
        let rows: Vec<Row> = (next..next + i64::try_from(TURN)?).map(row).collect();
        let begun = Instant::now();
        for rows in rows.chunks(BATCH) {
            match (&mut self.raw, &self.statements) {
                (Raw::Sqlite(connection), _) => sqlite::commit(connection, rows, self.with_tree)?,
                (raw, Some(statements)) => statements.commit(raw, rows).await?,
                (Raw::Postgres { .. }, None) => return Err("nothing is prepared".into()),
            }
        }
        Ok(TURN as f64 / begun.elapsed().as_secs_f64())
    }
}

/// A node of the tree's upper levels: level, number and hash.
type Node = (i64, i64, [u8; 32]);

/// The tree's edge after `rows`, and the nodes that they finished.
fn grown(edge: &[u8], rows: &[Row]) -> Outcome<(Vec<u8>, Vec<Node>)> {
    let mut edge = if edge.is_empty() { Edge::default() } else { Edge::from_bytes(edge)? };
    let mut finished = Vec::new();
    for row in rows {
        edge.append(Hash::of_leaf(&Entry(row.entry)), |node| {
            if node.level > 0 && node.level % 8 == 0 {
                finished.push(((node.level / 8).into(), node.index.cast_signed(), node.hash.0));
            }
        });
    }
    Ok((edge.to_bytes(), finished))
}
