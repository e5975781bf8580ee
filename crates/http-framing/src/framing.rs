//! One connection's bytes, request by request.

use crate::chunked;
use crate::fault::Fault;
use crate::field;
use crate::head::{Follows, Head, MOST_FIELDS, MOST_HEAD};

/// Follows the requests on one connection.
#[derive(Debug, Default)]
pub struct Framing {
    state: State,
    requests: u64,
}

#[derive(Debug)]
enum State {
    Head(Head),
    Body(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    /// Where the first line begins that is not read yet, and how many fields there were.
    Trailers(usize, usize),
    AskedToUpgrade,
    Another,
}

impl Default for State {
    fn default() -> Self {
        Self::Head(Head::default())
    }
}

/// How far bytes may be read by whoever comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// So many, at least one.
    Some(usize),
    /// None until more are there to be judged with them.
    NeedsMore,
    /// None until [`Framing::answered`] says what they are.
    NeedsAnswer,
}

impl Framing {
    /// Judges the beginning of `bytes`, which follow what passed before.
    ///
    /// A head passes whole, as does the end of a chunked body with its trailers; what did not pass is to be
    /// given again, with what came after it. After [`Passed::Some`] there may be more to pass in the rest.
    ///
    /// # Errors
    ///
    /// [`Fault`]; nothing on the connection has a meaning from here on.
    pub fn judge(&mut self, bytes: &[u8]) -> Result<Passed, Fault> {
        if bytes.is_empty() {
            return Ok(Passed::NeedsMore);
        }
        let (passed, next) = match &mut self.state {
            State::Head(head) => {
                let Some((end, follows)) = head.read(bytes)? else { return Ok(Passed::NeedsMore) };
                self.requests += 1;
                let next = match follows {
                    Follows::Nothing => State::default(),
                    Follows::Length(length) => State::Body(length),
                    Follows::Chunks => State::ChunkSize,
                    Follows::Upgrade => State::AskedToUpgrade,
                };
                (end, next)
            }
            State::Body(left) => {
                let passed = at_most(*left, bytes);
                let left = *left - passed as u64;
                (passed, if left == 0 { State::default() } else { State::Body(left) })
            }
            State::ChunkSize => {
                let Some((end, size)) = chunked::size(bytes)? else { return Ok(Passed::NeedsMore) };
                if size == 0 {
                    // The last chunk passes together with what follows it.
                    self.state = State::Trailers(end, 0);
                    return self.judge(bytes);
                }
                (end, State::Chunk(size))
            }
            State::Chunk(left) => {
                let passed = at_most(*left, bytes);
                let left = *left - passed as u64;
                (passed, if left == 0 { State::ChunkEnd } else { State::Chunk(left) })
            }
            State::ChunkEnd => {
                let Some(end) = chunked::end(bytes)? else { return Ok(Passed::NeedsMore) };
                (end, State::ChunkSize)
            }
            State::Trailers(at, fields) => {
                let Some(end) = trailers(bytes, at, fields)? else { return Ok(Passed::NeedsMore) };
                (end, State::default())
            }
            State::AskedToUpgrade => return Ok(Passed::NeedsAnswer),
            State::Another => return Ok(Passed::Some(bytes.len())),
        };
        self.state = next;
        Ok(Passed::Some(passed))
    }

    /// Says how a request was answered that asked for another protocol: `upgraded` when that is spoken now.
    pub fn answered(&mut self, upgraded: bool) {
        if matches!(self.state, State::AskedToUpgrade) {
            self.state = if upgraded { State::Another } else { State::default() };
        }
    }

    /// How many heads have passed.
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// Tells whether what comes next belongs to the body of a request whose head has passed.
    pub fn is_in_body(&self) -> bool {
        match self.state {
            State::Body(_) | State::ChunkSize | State::Chunk(_) | State::ChunkEnd | State::Trailers(..) => {
                true
            }
            State::Head(_) | State::AskedToUpgrade | State::Another => false,
        }
    }
}

fn at_most(left: u64, bytes: &[u8]) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len())
}

/// Reads the fields behind a chunked body; returns where they end.
fn trailers(bytes: &[u8], at: &mut usize, fields: &mut usize) -> Result<Option<usize>, Fault> {
    while let Some(length) = memchr::memchr(b'\n', &bytes[*at..]) {
        let line = bytes[*at..*at + length].strip_suffix(b"\r").ok_or(Fault::LineEnd)?;
        *at += length + 1;
        if line.is_empty() {
            return Ok(Some(*at));
        }
        let (name, _) = field::split(line)?;
        *fields += 1;
        if *fields > MOST_FIELDS || !field::may_be_trailer(name) {
            return Err(Fault::Trailer);
        }
    }
    if bytes.len() > MOST_HEAD { Err(Fault::Trailer) } else { Ok(None) }
}
