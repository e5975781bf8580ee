//! A batch or a transaction: what each of its entries asks for (R4 section 3.1.0.11).

use crate::json::Found;
use crate::part::{Sent, part};
use crate::path::Place;
use crate::query::Query;
use crate::request::{Bundle, not_json};
use crate::walk::{Entries, Step, Walk};
use crate::{NotUnderstood, Part, ResourceType};

/// How many entries are taken at once.
pub const MAX_ENTRIES: usize = 1000;

/// How many patients all entries together may name: they are recorded in one commit.
pub const MAX_PATIENTS_IN_BUNDLE: usize = 10_000;

/// Reads a Bundle.
pub(crate) fn read(body: &[u8]) -> Result<(Bundle, Vec<Part>), NotUnderstood> {
    let mut walk = Walk::new(Entries::OfAll);
    walk.found = Found::in_request();
    walk.push(body);
    let mut parts: Vec<Part> = Vec::new();
    let mut patients = 0;
    loop {
        match walk.step().map_err(not_json)? {
            Step::Waits => break,
            Step::Went => {}
            Step::Entry(entry) => {
                let at = parts.len();
                if at == MAX_ENTRIES {
                    return Err(NotUnderstood::TooMuch(format!(
                        "a Bundle has more than {MAX_ENTRIES} entries"
                    )));
                }
                let found = std::mem::replace(&mut walk.found, Found::in_request());
                let part = self::entry(*entry, found).map_err(|why| in_entry(at, &why))?;
                patients += part.patients.len();
                if patients > MAX_PATIENTS_IN_BUNDLE {
                    return Err(NotUnderstood::TooMuch(format!(
                        "the entries of a Bundle name more than {MAX_PATIENTS_IN_BUNDLE} patients: send it in parts"
                    )));
                }
                parts.push(part);
            }
        }
    }
    walk.finish().map_err(not_json)?;
    let is_bundle = walk.fields.resource_type.as_deref() == Some(ResourceType::BUNDLE.as_str());
    let kind = match walk.fields.kind.as_deref() {
        Some("batch") if is_bundle => Bundle::Batch,
        Some("transaction") if is_bundle => Bundle::Transaction,
        _ => {
            return Err(NotUnderstood::Body(
                "only a Bundle of type batch or transaction is sent to the base; \
                 anything else goes to its own type"
                    .into(),
            ));
        }
    };
    if parts.is_empty() {
        return Err(NotUnderstood::Body("a Bundle without entries asks for nothing".into()));
    }
    Ok((kind, parts))
}

fn entry(entry: crate::json::Fields, found: Found) -> Result<Part, NotUnderstood> {
    let wrong = |what: &str| NotUnderstood::Body(what.into());
    let request = entry.request.ok_or_else(|| wrong("it has no request"))?;
    let method = request.method.ok_or_else(|| wrong("its request has no method"))?;
    let url = request.url.ok_or_else(|| wrong("its request has no url"))?;
    if url.starts_with('/') || url.contains("://") || url.contains('#') || url.is_empty() {
        return Err(wrong("its url is not relative to the base, as Patient/1 is"));
    }
    let (path, query) = url.split_once('?').unwrap_or((&url, ""));
    let place = Place::read(path)?;
    let mut criteria = Query::read_as_sent(query)?;
    crate::form::check_accepted(None, &criteria)?;
    criteria.keep(|name| name != "_format");
    // A form cannot be sent in an entry, nor a Bundle in a Bundle.
    if method == "POST" && matches!(place, Place::Base | Place::Search(_)) {
        return Err(wrong("its url cannot be posted to in a Bundle"));
    }
    let if_none_exist = request.if_none_exist.as_deref().map(Query::read_as_sent).transpose()?;
    part(&method, &place, &criteria, if_none_exist.as_ref(), Sent { resource: entry.resource, found })
}

/// Says in which entry it is: counted from 0, as FHIRPath does.
fn in_entry(at: usize, why: &NotUnderstood) -> NotUnderstood {
    let said = format!("entry {at}: {why}");
    match why {
        NotUnderstood::TooMuch(_) => NotUnderstood::TooMuch(said),
        _ => NotUnderstood::Body(said),
    }
}
