//! A data service's `application.wadl`, so that clients see the door in front of it.
//!
//! Clients look there before they send a token: without `auth` directly below `resources` they say
//! that it is not supported. Many services forget it, and none knows under which address it is seen.

use crate::wadl::outline::{Outline, Resource};
use quick_xml::escape::escape;
use std::ops::Range;

mod outline;
mod tag;

/// The largest document that is read, in bytes. A real one has 5 KiB.
pub const MAX_DOCUMENT: usize = 1024 * 1024;

const BYTE_ORDER_MARK: char = '\u{FEFF}';

/// Why a document is not the WADL of a data service. Whoever answers for the service must act.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Something else, perhaps an error page or another WADL version.
    #[error("this is no WADL: no application element in the namespace {namespace}", namespace = outline::NAMESPACE.0)]
    NotWadl,
    /// Larger than [`MAX_DOCUMENT`].
    #[error("more than 1 MiB of WADL")]
    TooLarge,
    /// Damaged, or not UTF-8.
    #[error("XML is broken at byte {at}: {why}")]
    Broken {
        /// Offset in the document.
        at: usize,
        /// What is wrong there.
        why: String,
    },
    /// A document type or a reference to what one could declare.
    #[error("a document type or an entity at byte {at}: this needs none")]
    Entity {
        /// Offset in the document.
        at: usize,
    },
    /// Clients look at one only, and at which they do not agree.
    #[error("not exactly one element resources")]
    Resources,
    /// Nothing that a login would open.
    #[error("no resource query")]
    NoQuery,
}

/// Writes the WADL of the service that is seen at `base`, such as
/// `https://eida.example.org/fdsnws/dataselect/1/`.
///
/// Adds `auth`, and `queryauth` and `extentauth` as copies of `query` and `extent`, as far as they
/// are missing. Everything else stays byte for byte as it was, but for `base`.
///
/// # Errors
///
/// [`Error`]; then there is nothing that clients would understand.
pub fn with_auth(wadl: &[u8], base: &str) -> Result<Vec<u8>, Error> {
    let (mark, text) = text(wadl)?;
    let outline = Outline::read(text)?;
    let query = outline.find("query").ok_or(Error::NoQuery)?;
    let mut edits = vec![outline.base_edit(text, base)];
    if !outline.has_auth(text) {
        // `query` lies in a direct one, if it is none itself.
        edits.push(auth(&outline, text, outline.last_direct().unwrap_or(query)));
    }
    for open in [Some(query), outline.find("extent")].into_iter().flatten() {
        if outline.find(&format!("{}auth", open.path)).is_none() {
            edits.push(behind_digest(&outline, text, open));
        }
    }
    Ok([mark, &applied(text, 0..text.len(), edits)].concat().into_bytes())
}

/// The byte order mark, which may be there, and the text behind it.
fn text(wadl: &[u8]) -> Result<(&str, &str), Error> {
    if wadl.len() > MAX_DOCUMENT {
        return Err(Error::TooLarge);
    }
    let not_utf8 =
        |error: std::str::Utf8Error| Error::Broken { at: error.valid_up_to(), why: error.to_string() };
    let text = std::str::from_utf8(wadl).map_err(not_utf8)?;
    Ok(text.split_at(if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 }))
}

/// What stands in a range of the document afterwards.
type Edit = (Range<usize>, String);

/// The part `within` of `text`, with those of `edits` that lie in it.
fn applied(text: &str, within: Range<usize>, mut edits: Vec<Edit>) -> String {
    edits.retain(|(range, _)| within.start <= range.start && range.end <= within.end);
    edits.sort_by_key(|(range, _)| range.start);
    let mut written = String::new();
    let mut from = within.start;
    for (range, new) in edits {
        written.push_str(&text[from..range.start]);
        written.push_str(&new);
        from = range.end;
    }
    written.push_str(&text[from..within.end]);
    written
}

/// The white space before an offset: what a neighbour should have before it too.
fn indent(text: &str, at: usize) -> &str {
    let before = &text[..at];
    &before[before.trim_ascii_end().len()..]
}

/// Adds `auth` behind the last resource directly below `resources`.
fn auth(outline: &Outline, text: &str, last: &Resource) -> Edit {
    let indent = indent(text, last.start);
    let prefix = &outline.prefix;
    let id = outline.unused_id("auth");
    let new = [
        format!(r#"<{prefix}resource path="auth">"#),
        format!(r#"  <{prefix}method name="POST" id="{id}">"#),
        format!("    <{prefix}request>"),
        format!(r#"      <{prefix}representation mediaType="text/plain"/>"#),
        format!("    </{prefix}request>"),
        format!(r#"    <{prefix}response status="200">"#),
        format!(r#"      <{prefix}representation mediaType="text/plain"/>"#),
        format!("    </{prefix}response>"),
        format!("  </{prefix}method>"),
        format!("</{prefix}resource>"),
    ];
    (last.end..last.end, new.map(|line| format!("{indent}{line}")).concat())
}

/// Adds what is like `open` with a login, behind it.
fn behind_digest(outline: &Outline, text: &str, open: &Resource) -> Edit {
    let path = text[open.path_value.clone()].trim_end_matches('/');
    let mut edits = vec![(open.path_value.clone(), format!("{path}auth"))];
    // An id is unique in its document.
    for (range, id) in &outline.ids {
        edits.push((range.clone(), escape(outline.unused_id(&format!("{id}Auth"))).into_owned()));
    }
    let whole = open.start..open.end;
    let copy = applied(text, whole, edits);
    (open.end..open.end, format!("{}{copy}", indent(text, open.start)))
}
