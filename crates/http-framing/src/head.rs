//! The head of a request, line by line as it comes.

use std::ops::Range;

use crate::authority::is_authority;
use crate::fault::Fault;
use crate::field::{self, exact, is_token};

/// Longest request line, in bytes.
pub const LONGEST_LINE: usize = 16 * 1024;

/// Largest head, in bytes.
pub const MOST_HEAD: usize = 32 * 1024;

/// How many header fields a head may have.
pub const MOST_FIELDS: usize = 64;

/// Longest method, in bytes; the longest that is registered has 18.
const LONGEST_METHOD: usize = 24;

/// What follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follows {
    /// The next request.
    Nothing,
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunks,
    /// Another protocol, if the answer says so.
    Upgrade,
}

/// A head, as far as it was read; ranges are of the bytes since its beginning.
#[derive(Debug, Default)]
pub(crate) struct Head {
    /// Where the first line begins that is not read yet.
    at: usize,
    line: Option<Line>,
    fields: usize,
    host: Option<Range<usize>>,
    length: Option<u64>,
    chunked: bool,
    upgrade: bool,
    connection_upgrade: bool,
}

#[derive(Debug)]
struct Line {
    is_get: bool,
    is_1_1: bool,
    /// Of an absolute URL.
    authority: Option<Range<usize>>,
}

impl Head {
    /// Reads on in `bytes`, which begin where the head does; returns where it ends and what follows, or
    /// `None` while it is not whole.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Result<Option<(usize, Follows)>, Fault> {
        while let Some(length) = memchr::memchr(b'\n', &bytes[self.at..]) {
            let start = self.at;
            let line = bytes[start..start + length].strip_suffix(b"\r").ok_or(Fault::LineEnd)?;
            self.at += length + 1;
            if self.line.is_none() {
                // Old clients end a body with one line end too many (RFC 9112 section 2.2).
                if !line.is_empty() || start > 0 {
                    self.line = Some(request_line_of(line, start)?);
                }
            } else if self.at > MOST_HEAD {
                return Err(Fault::HeadTooLarge);
            } else if line.is_empty() {
                return self.finish(bytes).map(|follows| Some((self.at, follows)));
            } else {
                self.field(line, start)?;
            }
        }
        if self.line.is_none() && bytes.len() - self.at > LONGEST_LINE {
            return Err(Fault::LineTooLong);
        }
        if bytes.len() > MOST_HEAD { Err(Fault::HeadTooLarge) } else { Ok(None) }
    }

    fn field(&mut self, line: &[u8], start: usize) -> Result<(), Fault> {
        let (name, value) = field::split(line)?;
        self.fields += 1;
        if self.fields > MOST_FIELDS {
            return Err(Fault::HeadTooLarge);
        }
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match name.len() {
            4 if is("host") => {
                let host = exact(value);
                if self.host.is_some() || !is_authority(host) {
                    return Err(Fault::Host);
                }
                let end = start + line.len();
                self.host = Some(end - host.len()..end);
            }
            14 if is("content-length") => {
                if self.length.is_some() {
                    return Err(Fault::ContentLength);
                }
                self.length = Some(length(exact(value))?);
            }
            17 if is("transfer-encoding") => {
                if self.chunked || !exact(value).eq_ignore_ascii_case(b"chunked") {
                    return Err(Fault::TransferEncoding);
                }
                self.chunked = true;
            }
            7 if is("upgrade") => self.upgrade = true,
            10 if is("connection") => {
                let mut options = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
                self.connection_upgrade |= options.any(|option| option.eq_ignore_ascii_case(b"upgrade"));
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(&self, bytes: &[u8]) -> Result<Follows, Fault> {
        let line = self.line.as_ref().expect("fields come after the request line");
        let host = self.host.clone().map(|range| &bytes[range]);
        if host.is_none() && line.is_1_1 {
            return Err(Fault::Host);
        }
        let named = line.authority.clone().map(|range| &bytes[range]);
        if let (Some(named), Some(host)) = (named, host)
            && !named.eq_ignore_ascii_case(host)
        {
            return Err(Fault::TargetHost);
        }
        if self.chunked && self.length.is_some() {
            return Err(Fault::BothLengths);
        }
        if self.chunked && !line.is_1_1 {
            return Err(Fault::TransferEncoding);
        }
        let asks_to_upgrade = line.is_1_1 && line.is_get && self.upgrade && self.connection_upgrade;
        Ok(match self.length {
            _ if self.chunked => Follows::Chunks,
            Some(length) if length > 0 => Follows::Length(length),
            // With a body it would be said twice what follows it: then it is no upgrade.
            _ if asks_to_upgrade => Follows::Upgrade,
            _ => Follows::Nothing,
        })
    }
}

/// Reads the first line, which begins at `start`.
fn request_line_of(line: &[u8], start: usize) -> Result<Line, Fault> {
    if line.len() > LONGEST_LINE {
        return Err(Fault::LineTooLong);
    }
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Fault::RequestLine);
    };
    if method.len() > LONGEST_METHOD || !is_token(method) {
        return Err(Fault::Method);
    }
    let is_1_1 = match version {
        b"HTTP/1.1" => true,
        b"HTTP/1.0" => false,
        _ if version.starts_with(b"HTTP/") => return Err(Fault::Version),
        _ => return Err(Fault::RequestLine),
    };
    if method == b"CONNECT" {
        return Err(Fault::Connect);
    }
    let offset = start + method.len() + 1;
    let authority = target_authority(method, target)?.map(|at| at.start + offset..at.end + offset);
    Ok(Line { is_get: method == b"GET", is_1_1, authority })
}

/// Tells where the authority in a target stands, if it is an absolute URL.
fn target_authority(method: &[u8], target: &[u8]) -> Result<Option<Range<usize>>, Fault> {
    // A fragment stays with the client (RFC 9110 section 4.2.5); beyond ASCII nothing is a URL.
    if !target.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#') {
        return Err(Fault::Target);
    }
    if target.starts_with(b"/") || (target == b"*" && method == b"OPTIONS") {
        return Ok(None);
    }
    let scheme = [&b"http://"[..], b"https://"]
        .into_iter()
        .find(|scheme| target.get(..scheme.len()).is_some_and(|is| is.eq_ignore_ascii_case(scheme)))
        .ok_or(Fault::Target)?
        .len();
    let end = target[scheme..].iter().position(|byte| matches!(byte, b'/' | b'?')).map(|at| at + scheme);
    let end = end.unwrap_or(target.len());
    if is_authority(&target[scheme..end]) { Ok(Some(scheme..end)) } else { Err(Fault::Target) }
}

/// Reads a length: digits, without zeros before them, that 63 bits hold.
fn length(value: &[u8]) -> Result<u64, Fault> {
    let plain = value.iter().all(u8::is_ascii_digit) && (value.len() == 1 || !value.starts_with(b"0"));
    let number = std::str::from_utf8(value).ok().filter(|_| plain).and_then(|text| text.parse::<i64>().ok());
    number.and_then(|number| u64::try_from(number).ok()).ok_or(Fault::ContentLength)
}

/// Returns the method and the target of a head that was refused, as far as they can be told.
///
/// For the record alone: nothing may be decided by it.
pub fn request_line(bytes: &[u8]) -> (String, String) {
    let line = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).find(|line| !line.is_empty());
    let mut parts = line.unwrap_or_default().split(|byte| *byte == b' ');
    let method = parts.next().filter(|method| method.len() <= LONGEST_METHOD && is_token(method));
    let target = method.and_then(|_| parts.next()).unwrap_or_default();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (method.map(text).unwrap_or_default(), text(target))
}
