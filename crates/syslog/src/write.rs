//! A message written from its parts.

use std::borrow::Cow;
use std::io::Write as _;

use crate::structured;
use crate::{Message, Part};

impl Message<'_> {
    /// Writes the message; nothing in its parts can make it another one.
    ///
    /// What may not stand in a part of the header becomes `_`, what is longer than its part may be is cut, and
    /// what is empty becomes `-`: a message is not withheld for the name of a machine.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.reserve(self.content.as_ref().map_or(0, |content| content.len()) + 128);
        write!(out, "<{}>1 ", self.priority).expect(MEMORY);
        match self.timestamp {
            Some(timestamp) => write!(out, "{timestamp:.6} ").expect(MEMORY),
            None => out.extend_from_slice(b"- "),
        }
        write_part(Part::Hostname, self.hostname.as_ref(), out);
        write_part(Part::AppName, self.app_name.as_ref(), out);
        write_part(Part::Process, self.process.as_ref(), out);
        write_part(Part::Kind, self.kind.as_ref(), out);
        structured::write(&self.structured, out);
        if let Some(content) = &self.content {
            out.push(b' ');
            out.extend_from_slice(content);
        }
    }

    /// The message's bytes, as [`write`](Self::write) writes them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes);
        bytes
    }
}

const MEMORY: &str = "writing to memory cannot fail";

fn write_part(part: Part, text: Option<&Cow<'_, str>>, out: &mut Vec<u8>) {
    let text = text.filter(|text| !text.is_empty()).map_or("-", |text| text.as_ref());
    let most = part.most().unwrap_or(usize::MAX);
    out.extend(text.bytes().take(most).map(|byte| if byte.is_ascii_graphic() { byte } else { b'_' }));
    out.push(b' ');
}
