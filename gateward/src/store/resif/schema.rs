//! Whether a table is as the configuration says, and whether we may do with it what we have to.
//!
//! What is missing is said with the statement that grants it, or with the name to correct.

use std::collections::HashMap;

use tokio_postgres::Client;

use super::session::{Session, failed};
use super::{Database, Error};
use crate::base::postgres_url::PostgresUrl;
use crate::base::resif::{Column, Place};
use crate::base::sql_name::{TableName, quoted};

/// What we do with a table.
pub(super) struct Wanted<'a> {
    /// Its name under `exchange.resif.tables`.
    pub option: &'static str,
    pub table: &'a TableName,
    /// Its columns by their names in the configuration, and what we do with each.
    pub columns: Vec<(&'static str, &'a Column)>,
    pub does: &'a [Does],
}

/// One thing that we do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    /// Every column.
    Select,
    /// These columns; the others fill themselves.
    Insert(&'static [&'static str]),
    /// These columns.
    Update(&'static [&'static str]),
    /// Rows.
    Delete,
}

/// The columns of a table, quoted, by their names in the configuration.
#[derive(Debug)]
pub(super) struct Columns(HashMap<&'static str, String>);

impl std::ops::Index<&str> for Columns {
    type Output = str;

    fn index(&self, option: &str) -> &str {
        self.0.get(option).expect("every column of a table was looked for")
    }
}

/// A column as the database has it.
struct Found {
    name: String,
    is_text: bool,
    /// Nobody else fills it.
    must_be_given: bool,
    may: May,
    /// A sequence that fills it and that we may not use.
    closed_sequence: Option<String>,
}

/// What we may do with a column.
struct May {
    select: bool,
    insert: bool,
    update: bool,
}

const COLUMNS: &str = "SELECT a.attname::text, t.typcategory = 'S', \
    a.attnotnull AND NOT (a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> ''), \
    has_column_privilege(a.attrelid, a.attnum, 'SELECT'), \
    has_column_privilege(a.attrelid, a.attnum, 'INSERT'), \
    has_column_privilege(a.attrelid, a.attnum, 'UPDATE'), \
    (SELECT s.oid::regclass::text FROM pg_attrdef AS d \
       JOIN pg_depend AS on_sequence ON on_sequence.classid = 'pg_attrdef'::regclass AND on_sequence.objid = d.oid \
            AND on_sequence.refclassid = 'pg_class'::regclass \
       JOIN pg_class AS s ON s.oid = on_sequence.refobjid AND s.relkind = 'S' \
      WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum \
        AND CASE s.relkind WHEN 'S' THEN NOT has_sequence_privilege(s.oid, 'USAGE') \
                                AND NOT has_sequence_privilege(s.oid, 'UPDATE') END LIMIT 1) \
    FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid \
    WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

/// Connects, and finds the columns of each of `wanted`.
///
/// # Errors
///
/// [`Error::Unfit`] names everything that is missing, in all of them.
pub(super) async fn open<const TABLES: usize>(
    database: Database,
    url: &PostgresUrl,
    wanted: [Wanted<'_>; TABLES],
) -> Result<(Session, [Columns; TABLES]), Error> {
    let session = Session::open(database, url).await?;
    let (mut columns, mut lacks) = (Vec::new(), Vec::new());
    for wanted in &wanted {
        match inspect(session.client(), database, wanted).await? {
            Ok(found) => columns.push(found),
            Err(missing) => lacks.extend(missing),
        }
    }
    let columns = columns.try_into().map_err(|_| Error::Unfit { database, lacks })?;
    Ok((session, columns))
}

/// Finds the columns of `wanted`, or what is missing.
async fn inspect(
    client: &Client,
    database: Database,
    wanted: &Wanted<'_>,
) -> Result<Result<Columns, Vec<String>>, Error> {
    let table = wanted.table.quoted();
    let said = |error: tokio_postgres::Error| failed(database, &error);
    let row = client.query_one("SELECT to_regclass($1)::oid, current_user::text", &[&table]).await;
    let row = match row.map_err(said) {
        Err(Error::Refused { reason, .. }) if reason.contains("42501") => {
            return Ok(Err(vec![format!("{reason}: GRANT USAGE on that schema.")]));
        }
        row => row?,
    };
    let user = quoted(row.get(1));
    let Some(oid) = row.get::<_, Option<u32>>(0) else {
        let option = wanted.option;
        return Ok(Err(vec![format!(
            "There is no table {table}: name the right one as {option} under [exchange.resif.tables]."
        )]));
    };
    let may_delete: bool = client
        .query_one("SELECT has_table_privilege($1::oid, 'DELETE')", &[&oid])
        .await
        .map_err(said)?
        .get(0);
    let found: Vec<Found> = client
        .query(COLUMNS, &[&oid])
        .await
        .map_err(said)?
        .iter()
        .map(|row| Found {
            name: row.get(0),
            is_text: row.get(1),
            must_be_given: row.get(2),
            may: May { select: row.get(3), insert: row.get(4), update: row.get(5) },
            closed_sequence: row.get(6),
        })
        .collect();
    Ok(resolve(wanted, &found).and_then(|meant| {
        let lacks = lacking(wanted, &meant, &found, may_delete, &user);
        if lacks.is_empty() {
            Ok(Columns(meant.into_iter().map(|(o, f)| (o, quoted(&f.name))).collect()))
        } else {
            Err(lacks)
        }
    }))
}

/// Finds the column that each name of the configuration means.
fn resolve<'a>(
    wanted: &Wanted<'_>,
    found: &'a [Found],
) -> Result<HashMap<&'static str, &'a Found>, Vec<String>> {
    let names: Vec<&str> = wanted
        .columns
        .iter()
        .filter_map(|(_, column)| match column {
            Column::Named(name) => Some(name.as_str()),
            Column::At(_) => None,
        })
        .collect();
    let mut meant = HashMap::new();
    let mut lacks = Vec::new();
    for (option, column) in &wanted.columns {
        let (is, said) = match column {
            Column::Named(name) => (
                found.iter().find(|found| found.name == name.as_str()),
                format!("the column {}", name.quoted()),
            ),
            Column::At(place @ Place::Nth(nth)) => (found.get(nth - 1), place.in_words().to_owned()),
            Column::At(place @ Place::FirstText) => {
                let free = |found: &&Found| found.is_text && !names.contains(&found.name.as_str());
                (found.iter().find(free), place.in_words().to_owned())
            }
        };
        match is {
            Some(is) => drop(meant.insert(*option, is)),
            None => lacks.push(format!(
                "The table {} lacks {said}: name the right one as {}.{option} under [exchange.resif.tables].",
                wanted.table.quoted(),
                wanted.option
            )),
        }
    }
    if lacks.is_empty() { Ok(meant) } else { Err(lacks) }
}

fn lacking(
    wanted: &Wanted<'_>,
    meant: &HashMap<&'static str, &Found>,
    found: &[Found],
    may_delete: bool,
    user: &str,
) -> Vec<String> {
    let table = wanted.table.quoted();
    let mut verbs = Vec::new();
    let mut lacks = Vec::new();
    for does in wanted.does {
        let (verb, may) = match does {
            Does::Select => ("SELECT", meant.values().all(|found| found.may.select)),
            Does::Insert(columns) => ("INSERT", columns.iter().all(|column| meant[column].may.insert)),
            Does::Update(columns) => ("UPDATE", columns.iter().all(|column| meant[column].may.update)),
            Does::Delete => ("DELETE", may_delete),
        };
        if !may {
            verbs.push(verb);
        }
        let Does::Insert(columns) = does else { continue };
        let given: Vec<&str> = columns.iter().map(|column| meant[column].name.as_str()).collect();
        for other in found.iter().filter(|found| !given.contains(&found.name.as_str())) {
            if let Some(sequence) = &other.closed_sequence {
                lacks.push(format!(
                    "We may not number rows of {table}: GRANT SELECT, UPDATE ON SEQUENCE {sequence} TO {user};"
                ));
            }
            if other.must_be_given {
                let name = quoted(&other.name);
                lacks.push(format!(
                    "Nothing is known to write into the column {name} of {table}: give it a default."
                ));
            }
        }
    }
    if !verbs.is_empty() {
        let verbs = verbs.join(", ");
        lacks.insert(0, format!("We may not do all that is needed: GRANT {verbs} ON {table} TO {user};"));
    }
    lacks
}
