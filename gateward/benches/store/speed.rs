//! How many events a second become durable.

use std::time::Instant;

use gateward::server::system::wall_clock;
use gateward::store::event::NewEvent;
use gateward::store::{Proposal, Store};

use crate::Outcome;
use crate::engine::Engine;
use crate::events::Source;
use crate::measuring::median;
use crate::raw::Raw;
use crate::row::Row;

/// How many rows the raw way puts into one commit; the ratio is to the first.
const RAW_BATCHES: [usize; 2] = [256, 512];

/// So many callers that batches are full.
const MANY: usize = 1024;

/// How many events one turn writes.
const TURN: usize = 40_000;

/// Ours and the raw way in turns, each into a database of its own that grows as the others do.
pub async fn beside_raw(engine: &Engine, source: &Source, rounds: usize) -> Outcome<()> {
    let ours = engine.database("ours").await?;
    let store = [ours.open().await?];
    let mut by_hand = Vec::new();
    for batch in RAW_BATCHES {
        by_hand.push((batch, engine.database(&format!("raw{batch}")).await?.raw().await?, Vec::new()));
    }
    let mut written = Vec::new();
    // The first turn only warms up.
    for round in 0..=rounds {
        let rate = through_writers(&store, MANY, source.events(TURN)).await?;
        written.extend((round > 0).then_some(rate));
        for (batch, raw, rates) in &mut by_hand {
            let rate = raw_turn(raw, source, TURN, *batch).await?;
            rates.extend((round > 0).then_some(rate));
        }
    }
    println!("  {MANY} callers, events/s           {:>9.0}", median(written.iter().copied()));
    for (batch, _, rates) in &by_hand {
        println!("  raw, {batch} a commit, events/s      {:>9.0}", median(rates.iter().copied()));
        let ratios = || written.iter().zip(rates).map(|(ours, raw)| ours / raw);
        let (least, most) = (ratios().fold(f64::MAX, f64::min), ratios().fold(0.0, f64::max));
        println!(
            "    ours to that, median of {rounds}      {:>9.2}  ({least:.2} to {most:.2})",
            median(ratios())
        );
    }
    Ok(())
}

/// Few callers wait for the disk each; many share it.
pub async fn by_callers(engine: &Engine, source: &Source) -> Outcome<()> {
    let (ours, raw) = (engine.database("callers").await?, engine.database("alone").await?);
    let store = [ours.open().await?];
    through_writers(&store, MANY, source.events(TURN)).await?;
    for (callers, events) in [(1, 1000), (8, 8000), (64, 20_000), (512, TURN)] {
        let rates = turns(&store, callers, source, events).await?;
        println!("  {callers:>4} callers, events/s           {rates:>9.0}");
    }
    let mut by_hand = raw.raw().await?;
    let alone = raw_turn(&mut by_hand, source, 1000, 1).await?;
    println!("  raw, 1 a commit, events/s        {alone:>9.0}");
    Ok(())
}

/// Each machine has its own connection and its own callers.
pub async fn by_machines(engine: &Engine, source: &Source, rounds: usize) -> Outcome<()> {
    let database = engine.database("machines").await?;
    let mut stores = Vec::new();
    for _ in 0..4 {
        stores.push(database.open().await?);
    }
    through_writers(&stores, MANY, source.events(TURN)).await?;
    let mut rates = [(1, Vec::new()), (2, Vec::new()), (4, Vec::new())];
    for _ in 0..rounds {
        for (machines, rates) in &mut rates {
            rates.push(through_writers(&stores[..*machines], MANY, source.events(TURN)).await?);
        }
    }
    for (machines, rates) in rates {
        println!("  {machines} machines, {MANY} callers, events/s {:>6.0}", median(rates));
    }
    Ok(())
}

async fn turns(stores: &[Store], callers: usize, source: &Source, events: usize) -> Outcome<f64> {
    let mut rates = Vec::new();
    for _ in 0..3 {
        rates.push(through_writers(stores, callers, source.events(events)).await?);
    }
    Ok(median(rates))
}

/// Commits `events` by so many callers, each of whom waits for one before the next; returns how many
/// there were a second.
pub async fn through_writers(stores: &[Store], callers: usize, events: Vec<NewEvent>) -> Outcome<f64> {
    let total = events.len();
    let mut shares: Vec<Vec<NewEvent>> =
        (0..callers).map(|_| Vec::with_capacity(total / callers + 1)).collect();
    for (at, event) in events.into_iter().enumerate() {
        shares[at % callers].push(event);
    }
    let begun = Instant::now();
    let mut waiting = Vec::with_capacity(callers);
    for (caller, share) in shares.into_iter().enumerate() {
        let writer = stores[caller % stores.len()].writer.clone();
        waiting.push(tokio::spawn(async move {
            for event in share {
                let events = vec![event];
                writer.commit(Proposal { decided_under: None, changes: Vec::new(), events }).await?;
            }
            Outcome::Ok(())
        }));
    }
    for caller in waiting {
        caller.await??;
    }
    Ok(total as f64 / begun.elapsed().as_secs_f64())
}

/// Commits rows that were computed before the time runs; returns how many there were a second.
async fn raw_turn(raw: &mut Raw, source: &Source, count: usize, batch: usize) -> Outcome<f64> {
    let next = raw.integer("SELECT coalesce(max(position), -1) + 1 FROM event").await?;
    let recorded_at = wall_clock();
    let rows: Vec<Row> = (next..)
        .zip(source.events(count))
        .map(|(position, event)| Row::new(position, recorded_at, event))
        .collect();
    let begun = Instant::now();
    for rows in rows.chunks(batch) {
        raw.commit(rows).await?;
    }
    Ok(count as f64 / begun.elapsed().as_secs_f64())
}
