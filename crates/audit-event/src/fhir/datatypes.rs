//! Codes, references and times as resources have them (R4 section 2.24).

use jiff::Timestamp;

use super::instant;
use super::node::Node;
use super::read::Error;
use crate::coded::{Coded, Concept};
use crate::model::Period;
use crate::reference::{Identifier, Reference};

/// A coding. One without a code is none that the model has a place for.
pub(super) fn coding(mut node: Node<'_, '_>) -> Result<Option<Coded>, Error> {
    let system = node.uri("system")?;
    let is_code = |code: &str| {
        let coded = Coded::new(None, code, None);
        (!code.is_empty() && coded.code() == code).then_some(coded)
    };
    let code = node.spelled("code", is_code, "no code: empty, or with spaces where there may be none")?;
    let display = node.text("display")?;
    let Some(code) = code else {
        node.leave_out("")?;
        return Ok(None);
    };
    node.done(&["version", "userSelected"])?;
    Ok(Some(Coded::new(system, code.code(), display)))
}

/// A concept. Nothing but codings without codes is none.
pub(super) fn concept(mut node: Node<'_, '_>) -> Result<Option<Concept>, Error> {
    let codings = node.all("coding", coding)?.into_iter().flatten().collect();
    let text = node.text("text")?;
    node.done(&[])?;
    Ok(Concept::of(codings, text))
}

/// A reference that says whom it means in a way that the model has a place for.
pub(super) fn reference(mut node: Node<'_, '_>) -> Result<Option<Reference>, Error> {
    let (literal, kind) = (node.text("reference")?, node.uri("type")?);
    let identifier = node.one("identifier", identifier)?.flatten();
    let display = node.text("display")?;
    let reference = Reference::of(literal, kind, identifier, display);
    if reference.is_none() {
        node.leave_out("")?;
        return Ok(None);
    }
    node.done(&[])?;
    Ok(reference)
}

fn identifier(mut node: Node<'_, '_>) -> Result<Option<Identifier>, Error> {
    let system = node.uri("system")?;
    let value = node.text("value")?;
    let kind = node.one("type", concept)?.flatten();
    let Some(value) = value else {
        node.leave_out("")?;
        return Ok(None);
    };
    node.done(&["use", "period", "assigner"])?;
    Ok(Some(Identifier { system, value, kind }))
}

/// A period between instants. Days, months and years are no instants: they are left out.
pub(super) fn period(mut node: Node<'_, '_>) -> Result<Option<Period>, Error> {
    let start = end_of(&mut node, "start")?;
    let end = end_of(&mut node, "end")?;
    if let (Some(start), Some(end)) = (start, end)
        && end < start
    {
        return Err(node.wrong_in("end", "before the start (per-1)"));
    }
    node.done(&[])?;
    Ok(Period::between(start, end))
}

fn end_of(node: &mut Node<'_, '_>, name: &'static str) -> Result<Option<Timestamp>, Error> {
    let is_date = |text: &str| {
        let fits = |(index, byte): (usize, u8)| {
            if index == 4 || index == 7 { byte == b'-' } else { byte.is_ascii_digit() }
        };
        matches!(text.len(), 4 | 7 | 10) && text.bytes().enumerate().all(fits)
    };
    let read = |text: &str| instant::read(text).map(Some).or_else(|| is_date(text).then_some(None));
    let time = node.spelled(name, read, "no date, and no time with a zone")?;
    if time == Some(None) {
        node.leave_out(name)?;
    }
    Ok(time.flatten())
}
