//! The index for searches, made by hand from the whole log at once: the server's own way takes too long for a benchmark.

use std::time::Instant;

use gateward::base::secret::Secret;
use gateward::flows::audit::{Observer, terms_of};
use gateward::flows::keyring::Keyring;
use gateward::store::audit_term::Term;
use gateward::store::event;

use crate::Outcome;
use crate::filled::{Filled, NAME};
use crate::raw::Raw;

/// How many events are read at once, and how many terms are written at once.
const AT_ONCE: (u32, usize) = (5000, 50_000);

/// Indexes all events of the log. Holds all terms in memory, 32 bytes each.
pub async fn make(filled: &Filled) -> Outcome<()> {
    let begun = Instant::now();
    let mut terms = terms(filled).await?;
    let made = begun.elapsed().as_secs_f64();
    terms.sort_unstable();
    let mut raw = filled.database.raw().await?;
    let before = bytes(&raw).await?;
    match &mut raw {
        Raw::Sqlite(connection) => in_sqlite(connection, &terms)?,
        Raw::Postgres { client, .. } => in_postgres(client, &terms).await?,
    }
    raw.run(&format!("UPDATE audit_index SET next_position = {}", filled.events)).await?;
    println!(
        "  the index by hand in {:.0} s, of that {made:.0} s for telling events as others know them; {:.1} terms each",
        begun.elapsed().as_secs_f64(),
        terms.len() as f64 / filled.events as f64
    );
    let of_each = |bytes: i64| bytes as f64 / filled.events as f64;
    println!(
        "  bytes of an event: {:.0} and {:.0} in the index",
        of_each(before),
        of_each(bytes(&raw).await? - before)
    );
    Ok(())
}

/// How large the database is, with its indexes.
async fn bytes(raw: &Raw) -> Outcome<i64> {
    raw.integer(match raw {
        Raw::Sqlite(_) => "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
        Raw::Postgres { .. } => "SELECT pg_database_size(current_database())",
    })
    .await
}

async fn terms(filled: &Filled) -> Outcome<Vec<Term>> {
    let store = filled.database.open().await?;
    let keyring = std::fs::read_to_string(filled.installation.file("home/keyring.toml"))?;
    let (keyring, observer) = (Keyring::parse(&Secret::new(keyring))?, Observer::new(NAME));
    let (mut terms, mut next) = (Vec::new(), 0);
    loop {
        let page = event::from(&store.reader, next, AT_ONCE.0).await?;
        let Some(last) = page.last() else { return Ok(terms) };
        next = last.position + 1;
        terms.extend(page.iter().flat_map(|recorded| terms_of(&keyring, recorded, &observer)));
    }
}

fn in_sqlite(connection: &mut rusqlite::Connection, terms: &[Term]) -> Outcome<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch("DROP INDEX audit_term_by_position")?;
    {
        let sql = "INSERT INTO audit_term (term, at_us, position, part) VALUES (?1, ?2, ?3, ?4)";
        let mut insert = transaction.prepare(sql)?;
        for Term { term, place } in terms {
            insert.execute([*term, place.at_us, place.position, place.part])?;
        }
    }
    transaction.execute_batch("CREATE INDEX audit_term_by_position ON audit_term (position)")?;
    Ok(transaction.commit()?)
}

async fn in_postgres(client: &tokio_postgres::Client, terms: &[Term]) -> Outcome<()> {
    let before = "ALTER TABLE audit_term DROP CONSTRAINT audit_term_pkey; DROP INDEX audit_term_by_position";
    client.batch_execute(before).await?;
    let insert = "INSERT INTO audit_term (term, at_us, position, part) \
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])";
    let insert = client.prepare(insert).await?;
    for terms in terms.chunks(AT_ONCE.1) {
        let column = |of: fn(&Term) -> i64| terms.iter().map(of).collect::<Vec<_>>();
        let (term, at) = (column(|term| term.term), column(|term| term.place.at_us));
        let (position, part) = (column(|term| term.place.position), column(|term| term.place.part));
        client.execute(&insert, &[&term, &at, &position, &part]).await?;
    }
    let after = "ALTER TABLE audit_term ADD PRIMARY KEY (term, at_us, position, part); \
         CREATE INDEX audit_term_by_position ON audit_term (position)";
    client.batch_execute(after).await?;
    Ok(client.batch_execute("VACUUM ANALYZE audit_term").await?)
}
