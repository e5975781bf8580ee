//! A search index in the place of Solr, which takes everything and finds nothing: CKAN then looks into its
//! database. No backup has the index, since CKAN makes it again from the database.

use std::io::Write as _;
use std::sync::OnceLock;

use crate::stand_in::StandIn;

/// What CKAN asks for before it begins (ckan/lib/search, `check_solr_schema_version`).
const SCHEMA: &str = r#"<schema name="ckan-2.11" version="1.6"/>"#;

/// To a search as to an update: well done, nothing found.
const NOTHING: &str =
    r#"{"responseHeader": {"status": 0}, "response": {"numFound": 0, "start": 0, "docs": []}}"#;

/// Where it is, as CKAN takes it; it ends with the test program.
pub fn url() -> String {
    static INDEX: OnceLock<StandIn> = OnceLock::new();
    let index = INDEX.get_or_init(|| {
        StandIn::answering(|asked, stream| {
            let (kind, body) = if asked.target.contains("/schema") {
                ("application/xml", SCHEMA)
            } else {
                ("application/json", NOTHING)
            };
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
            )
        })
    });
    format!("{}/solr/ckan", index.url())
}
