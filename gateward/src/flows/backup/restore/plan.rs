//! What of a backup goes where.

use backup_manifest::{Dump, Manifest, Part};

/// What the stream is once it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// The dump of one database, which is the part with this place.
    Dump(usize, &'a Dump),
    /// Several things, in an archive.
    Archive,
    /// Whatever a command wrote.
    Output,
}

/// What of a backup goes where.
#[derive(Debug)]
pub struct Plan<'a> {
    /// What the stream is.
    pub content: Content<'a>,
    /// Whether a database is written to.
    pub uses_database: bool,
    /// Whether a folder is.
    pub uses_folder: bool,
    /// What is left out, in words.
    pub left_out: Vec<String>,
}

/// Why a backup cannot be restored so: for whoever types the command.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unplaced {
    /// Nothing of it has a place.
    #[error("it holds {what}: name where to with `--into {place}`")]
    Nowhere {
        /// What is in it.
        what: String,
        /// What is to be named.
        place: &'static str,
    },
    /// A place was named for nothing.
    #[error("there is nothing in it for {place}: it holds {what}")]
    Nothing {
        /// What is in it.
        what: String,
        /// What was named.
        place: &'static str,
    },
    /// Each goes into a database of its own.
    #[error("it holds several databases: take them out one by one, as its folder's README says")]
    Several,
}

const URL: &str = "postgres://USER@HOST/DATABASE";
const FOLDER: &str = "DIR";

/// Says what the stream that `manifest` describes is.
pub fn content(manifest: &Manifest) -> Content<'_> {
    match manifest.parts.as_slice() {
        [Part::Database(dump)] if dump.entry.is_none() => Content::Dump(0, dump),
        [Part::Command { .. } | Part::Globals { entry: None, .. }] => Content::Output,
        _ => Content::Archive,
    }
}

/// Decides what of a backup goes where; `with_globals` has roles made in the database's server.
///
/// # Errors
///
/// [`Unplaced`]: another place is to be named.
pub fn plan(
    manifest: &Manifest,
    has_database: bool,
    has_folder: bool,
    with_globals: bool,
) -> Result<Plan<'_>, Unplaced> {
    let content = content(manifest);
    let databases: Vec<&Dump> = manifest
        .parts
        .iter()
        .filter_map(|part| if let Part::Database(dump) = part { Some(dump) } else { None })
        .collect();
    let others: Vec<String> = manifest.parts.iter().filter_map(in_words).collect();
    let of_databases = || databases.iter().map(|dump| format!("the database {}", dump.database));
    let what = of_databases().chain(others.iter().cloned()).collect::<Vec<_>>().join(", ");
    if databases.len() > 1 && has_database {
        return Err(Unplaced::Several);
    }
    if has_database && databases.is_empty() {
        return Err(Unplaced::Nothing { what, place: "a database" });
    }
    if has_folder && others.is_empty() {
        return Err(Unplaced::Nothing { what, place: "a folder" });
    }
    if !has_database && !has_folder {
        return Err(Unplaced::Nowhere { what, place: if others.is_empty() { URL } else { FOLDER } });
    }
    let mut left_out = Vec::new();
    if !has_database {
        left_out.extend(of_databases());
    }
    if !has_folder {
        let are_made = |part: &Part| has_database && with_globals && matches!(part, Part::Globals { .. });
        left_out.extend(manifest.parts.iter().filter(|part| !are_made(part)).filter_map(in_words));
    }
    Ok(Plan { content, uses_database: has_database, uses_folder: has_folder, left_out })
}

/// What goes into a folder.
fn in_words(part: &Part) -> Option<String> {
    match part {
        Part::Database(_) => None,
        Part::Globals { .. } => Some("the server's roles".to_owned()),
        Part::Files { folder, .. } => Some(format!("the folder {folder}")),
        Part::Command { program } => Some(format!("what {program} wrote")),
        Part::Sqlite { entry, .. } => Some(format!("the SQLite database {entry}")),
    }
}
