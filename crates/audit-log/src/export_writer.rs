//! Writing an export of the log, in the form that [`verify_export`](crate::verify_export) reads.

use std::io::{self, Write};

use serde_json::value::RawValue;

use crate::edge::Edge;
use crate::export::{EXPORT_VERSION, Footer, Header, Line};
use crate::hash::Hash;
use crate::hex::Hex;
use crate::verify::{Row, Salted};

/// An export that is being written, event by event, in constant memory.
#[derive(Debug)]
pub struct ExportWriter<W> {
    out: W,
    events: u64,
}

impl<W: Write> ExportWriter<W> {
    /// Begins the export of the log called `origin` behind the events that `edge` covers.
    ///
    /// # Errors
    ///
    /// `out`'s.
    pub fn begin(mut out: W, origin: &str, edge: &Edge) -> io::Result<Self> {
        let header = Header {
            audit_export: EXPORT_VERSION,
            origin: origin.into(),
            first: edge.size(),
            edge: Hex(edge.to_bytes()),
        };
        line(&mut out, &header)?;
        Ok(Self { out, events: 0 })
    }

    /// Writes the next event. It is not verified: what is wrong in the log is wrong in its export.
    ///
    /// # Errors
    ///
    /// `out`'s; [`io::ErrorKind::InvalidData`] or
    /// [`io::ErrorKind::UnexpectedEof`] if a part of the event is no JSON that a line can hold: it was changed.
    pub fn write(&mut self, row: &Row<'_>) -> io::Result<()> {
        let (salt, body) = parts(row.body)?;
        let (personal_salt, personal) = parts(row.personal)?;
        let event = Line {
            position: row.position,
            id: row.id,
            format_version: row.format_version,
            instance: row.instance,
            occurred_at: row.occurred_at,
            recorded_at: row.recorded_at,
            salt,
            body,
            personal_salt,
            personal,
            personal_hash: Hex(row.personal_hash.0),
            entry: Hex(row.entry.0),
            erasure: row.erasure,
        };
        line(&mut self.out, &event)?;
        self.events += 1;
        Ok(())
    }

    /// Ends the export with the note of a checkpoint that covers it, and the proof that the checkpoint continues the
    /// tree of the last event ([`Plan::consistency`](crate::Plan::consistency)); returns what was written to, flushed.
    ///
    /// # Errors
    ///
    /// `out`'s.
    pub fn finish(mut self, covered_by: Option<(String, &[Hash])>) -> io::Result<W> {
        let (checkpoint, proof) = covered_by.unzip();
        let consistency = proof.into_iter().flatten().map(ToString::to_string).collect();
        line(&mut self.out, &Footer { events: self.events, checkpoint, consistency })?;
        self.out.flush()?;
        Ok(self.out)
    }
}

type Parts<'a> = (Option<Hex<[u8; 16]>>, Option<&'a RawValue>);

fn parts(salted: Option<Salted<'_>>) -> io::Result<Parts<'_>> {
    let Some(Salted { salt, text }) = salted else { return Ok((None, None)) };
    let raw: &RawValue = serde_json::from_str(text)?;
    // Spaces around it would be lost, and a line ends at its newline.
    if raw.get().len() != text.len() || text.contains('\n') {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a part of an event is not canonical JSON"));
    }
    Ok((Some(Hex(salt)), Some(raw)))
}

fn line(out: &mut impl Write, what: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, what)?;
    out.write_all(b"\n")
}
