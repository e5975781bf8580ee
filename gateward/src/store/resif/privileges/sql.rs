//! What is said to the database of privileges, in the names that its tables have there.

use crate::base::resif::Tables;
use crate::store::resif::schema::Columns;

/// Who shall have which network, row by row.
const WANTED: &str = "unnest($1::text[], $2::text[], $3::int4[], $4::int4[]";

/// Statements, ready to be prepared.
pub(super) struct Sql {
    pub find: String,
    pub add: String,
    pub take_others: String,
    pub take_all: String,
    pub names: String,
}

impl Sql {
    /// Writes them for `tables`, whose columns were found to be `n` and `p`.
    pub fn of(tables: &Tables, n: &Columns, p: &Columns) -> Self {
        let (networks, privileges) = (tables.networks.table.quoted(), tables.privileges.table.quoted());
        let (id, network, start, end) = (&p["network_id"], &p["network"], &p["start_year"], &p["end_year"]);
        let name = &p["name"];
        let same = format!(
            "p.{network} = w.network AND p.{start} = w.start_year AND p.{end} = w.end_year AND p.{name} = w.name"
        );
        Self {
            find: format!(
                "SELECT w.network, w.start_year, w.end_year, min(n.{})::int8 \
                 FROM unnest($1::text[], $2::int4[], $3::int4[]) AS w (network, start_year, end_year) \
                 JOIN {networks} AS n ON n.{} = w.network AND n.{} = w.start_year AND n.{} = w.end_year \
                 GROUP BY w.network, w.start_year, w.end_year",
                &n["network_id"], &n["network"], &n["start_year"], &n["end_year"]
            ),
            add: format!(
                "WITH p AS MATERIALIZED (SELECT * FROM {privileges} AS a WHERE a.{name} = ANY ($1::text[])) \
                 INSERT INTO {privileges} ({name}, {network}, {start}, {end}, {id}) \
                 SELECT DISTINCT w.name, w.network, w.start_year, w.end_year, w.id \
                 FROM {WANTED}, $5::int8[]) AS w (name, network, start_year, end_year, id) \
                 WHERE NOT EXISTS (SELECT 1 FROM p WHERE {same}) ON CONFLICT DO NOTHING"
            ),
            take_others: format!(
                "DELETE FROM {privileges} AS p WHERE p.{name} = ANY ($5::text[]) AND NOT EXISTS \
                 (SELECT 1 FROM {WANTED}) AS w (name, network, start_year, end_year) WHERE {same})"
            ),
            take_all: format!(
                "DELETE FROM {privileges} WHERE {name} = ANY ($1::text[]) RETURNING {name}::text"
            ),
            names: format!(
                "SELECT DISTINCT {name}::text FROM {privileges} \
                 WHERE {name} ~ '^[A-Z0-9]{{14}}$' AND {name} <> ALL ($1::text[])"
            ),
        }
    }
}
