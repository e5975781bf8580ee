//! The header in front of each entry (APPNOTE 4.3.7), which has to say what the directory says.

use std::ops::Range;

use super::directory::{Described, Extra};
use super::fields::Fields;
use super::{DESCRIPTOR, LOCAL_HEADER, flag};
use crate::error::Error;

const TWO_WAYS: Error = Error::Ambiguous("the header of an entry says something other than the directory");

/// Finds where the data of each entry stands, in the order given.
///
/// `entries` is the archive up to its directory. Headers and data have to fill it without a gap and
/// without an overlap.
pub(super) fn places(entries: &[u8], described: &[Described<'_>]) -> Result<Vec<Range<usize>>, Error> {
    let mut places = vec![0..0; described.len()];
    let mut order: Vec<usize> = (0..described.len()).collect();
    order.sort_by_key(|at| described[*at].offset);
    let mut next = 0;
    for at in order {
        let entry = &described[at];
        if entry.offset != next {
            return Err(Error::Ambiguous("its entries overlap, or leave room for others between them"));
        }
        let rest = entries.get(next..).ok_or(TWO_WAYS)?;
        let header = header_len(rest, entry)?;
        let start = next + header;
        let end = start.checked_add(entry.compressed).filter(|end| *end <= entries.len());
        let end = end.ok_or(Error::Damaged("an entry is cut short"))?;
        places[at] = start..end;
        next = end + descriptor_len(&entries[end..], entry)?;
    }
    if next == entries.len() {
        Ok(places)
    } else {
        Err(Error::Ambiguous("something stands before its directory"))
    }
}

/// Returns the length of the local header, if it agrees.
fn header_len(bytes: &[u8], entry: &Described<'_>) -> Result<usize, Error> {
    let mut fields = Fields::new(bytes);
    let header = header(&mut fields).ok_or(Error::Damaged("the header of an entry is broken"))?;
    // With a descriptor, what was not known in time may be zero; Info-ZIP writes the time where it has to
    // check the passphrase by it.
    let later = entry.flags & flag::DESCRIPTOR != 0;
    let is_open = |said: usize| later && said == 0;
    let is_open_crc = later && (header.crc == 0 || header.crc == u32::from(header.time) << 16);
    let agrees = header.flags == entry.flags
        && header.method == entry.method
        && header.time == entry.time
        && header.name == entry.name
        && (header.crc == entry.crc || is_open_crc)
        && (header.compressed == entry.compressed || is_open(header.compressed))
        && (header.size == entry.size || is_open(header.size))
        && Extra::read(header.extra)? == entry.extra;
    if agrees { Ok(bytes.len() - fields.rest().len()) } else { Err(TWO_WAYS) }
}

struct Header<'a> {
    flags: u16,
    method: u16,
    time: u16,
    crc: u32,
    compressed: usize,
    size: usize,
    name: &'a [u8],
    extra: &'a [u8],
}

fn header<'a>(fields: &mut Fields<'a>) -> Option<Header<'a>> {
    fields.signature(LOCAL_HEADER)?;
    let _needed = fields.u16()?;
    let (flags, method) = (fields.u16()?, fields.u16()?);
    let (time, _date) = (fields.u16()?, fields.u16()?);
    let (crc, compressed, size) = (fields.u32()?, fields.length()?, fields.length()?);
    let (name, extra) = (fields.u16()?, fields.u16()?);
    let (name, extra) = (fields.bytes(name.into())?, fields.bytes(extra.into())?);
    Some(Header { flags, method, time, crc, compressed, size, name, extra })
}

/// Returns the length of the descriptor behind the data (APPNOTE 4.3.9), if there has to be one.
fn descriptor_len(behind: &[u8], entry: &Described<'_>) -> Result<usize, Error> {
    if entry.flags & flag::DESCRIPTOR == 0 {
        return Ok(0);
    }
    let signature = if behind.starts_with(&DESCRIPTOR) { DESCRIPTOR.len() } else { 0 };
    let mut fields = Fields::new(&behind[signature..]);
    let said = fields.u32().zip(fields.length()).zip(fields.length());
    let said = said.ok_or(Error::Damaged("the descriptor of an entry is cut short"))?;
    if said == ((entry.crc, entry.compressed), entry.size) { Ok(signature + 12) } else { Err(TWO_WAYS) }
}
