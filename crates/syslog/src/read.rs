//! A message read from its bytes.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::structured;
use crate::{Message, Part, Priority};

/// Why bytes are no RFC 5424 message. Whoever sent them wrote another form; nothing of them is lost by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no RFC 5424 message: {part} is missing or malformed at octet {at}")]
pub struct Unread {
    /// The first part that is not as the grammar has it.
    pub part: Part,
    /// Where that part begins, in octets.
    pub at: usize,
}

impl<'a> Message<'a> {
    /// Reads one whole message: a frame's, or a datagram's.
    ///
    /// The header is read as its grammar has it (RFC 5424 section 6), the content is not looked into: any bytes are
    /// content, a byte order mark too.
    ///
    /// # Errors
    ///
    /// [`Unread`] with the first part that is wrong. Keep such a message as it came.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Unread> {
        let (priority, rest) = Priority::read(bytes).ok_or(Unread { part: Part::Priority, at: 0 })?;
        let mut left = Left { whole: bytes.len(), rest };
        left.next(Part::Version, |version| (version == "1").then_some(()))?;
        let timestamp = left.next(Part::Timestamp, nil_or(timestamp))?;
        let hostname = left.next(Part::Hostname, nil_or(Some))?;
        let app_name = left.next(Part::AppName, nil_or(Some))?;
        let process = left.next(Part::Process, nil_or(Some))?;
        let kind = left.next(Part::Kind, nil_or(Some))?;
        let unread = left.unread(Part::Structured);
        let (structured, rest) = structured::read(left.rest).ok_or(unread)?;
        let content = match rest {
            [] => None,
            [b' ', content @ ..] => Some(content.into()),
            _ => return Err(unread),
        };
        let own = |part: Option<&'a str>| part.map(Cow::Borrowed);
        Ok(Self {
            priority,
            timestamp,
            hostname: own(hostname),
            app_name: own(app_name),
            process: own(process),
            kind: own(kind),
            structured,
            content,
        })
    }
}

/// What is not read yet of a message.
struct Left<'a> {
    whole: usize,
    rest: &'a [u8],
}

impl<'a> Left<'a> {
    /// Reads the next part, which a space ends, and takes `meaning` of it.
    fn next<T>(&mut self, part: Part, meaning: impl FnOnce(&'a str) -> Option<T>) -> Result<T, Unread> {
        let unread = self.unread(part);
        let end = self.rest.iter().position(|byte| !byte.is_ascii_graphic()).ok_or(unread)?;
        let (text, rest) = self.rest.split_at(end);
        let short = part.most().is_none_or(|most| end <= most);
        let text = std::str::from_utf8(text).ok().filter(|text| short && !text.is_empty()).ok_or(unread)?;
        self.rest = rest.strip_prefix(b" ").ok_or(unread)?;
        meaning(text).ok_or(unread)
    }

    fn unread(&self, part: Part) -> Unread {
        Unread { part, at: self.whole - self.rest.len() }
    }
}

/// Reads `-` as nothing, anything else by `meaning`.
fn nil_or<'a, T>(meaning: impl Fn(&'a str) -> Option<T>) -> impl Fn(&'a str) -> Option<Option<T>> {
    move |text| if text == "-" { Some(None) } else { meaning(text).map(Some) }
}

/// Section 6.2.3: RFC 3339 with capital letters, at most six fraction digits, and no leap second.
fn timestamp(text: &str) -> Option<Timestamp> {
    let (date_and_time, rest) = (text.get(..19)?.as_bytes(), text.get(19..)?);
    let shape = b"dddd-dd-ddTdd:dd:dd";
    let fits = |(byte, shape): (&u8, &u8)| if *shape == b'd' { byte.is_ascii_digit() } else { byte == shape };
    if !date_and_time.iter().zip(shape).all(fits) || date_and_time.ends_with(b"60") {
        return None;
    }
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            if !(1..=6).contains(&digits) {
                return None;
            }
            &fraction[digits..]
        }
        None => rest,
    };
    let offset = |byte: (usize, u8)| match byte.0 {
        0 => matches!(byte.1, b'+' | b'-'),
        3 => byte.1 == b':',
        _ => byte.1.is_ascii_digit(),
    };
    let is_zone = zone == "Z" || (zone.len() == 6 && zone.bytes().enumerate().all(offset));
    is_zone.then(|| text.parse().ok())?
}
