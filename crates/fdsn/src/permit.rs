//! What of a request a caller may have, as lines that can be sent on.
//!
//! A line without anything forbidden stays as it is. Any other is taken apart, networks first,
//! then stations, locations and channels, and at last in time, and each part stays as soon as
//! there is nothing forbidden in it.

use crate::line::Line;
use crate::narrow::Narrowing;
use crate::request::MAX_LINES;
use crate::rights::Rights;
use crate::rules::{Reason, Rules};

/// What becomes of a wildcard that may also mean what the inventory does not list.
///
/// Matters under [`Unlisted::Refuse`](crate::Unlisted::Refuse) only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wildcards {
    /// It stays if everything listed in it is permitted: a [`Judge`](crate::Judge) sifts the answer.
    Stay,
    /// It becomes the channels that are listed, unless all of it is granted: nobody sifts the answer.
    Expand,
}

/// What of a request may be sent on. Only [`permit`] makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permitted {
    pub(crate) lines: Vec<Line>,
    pub(crate) left_out: Vec<LeftOut>,
}

/// Something that was asked for and is not among the lines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// The code of its network, or what the request said where nobody knows the codes.
    pub network: String,
    /// Why.
    pub reason: Reason,
}

/// The request would become more lines, or more work, than we bear. Whoever asked acts: 413.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the request would become more than {MAX_LINES} lines, or takes too many patterns to look up; ask for less at a time"
)]
pub struct TooMany;

impl Permitted {
    /// The lines to send on; none if nothing is permitted.
    ///
    /// Where grants end, or restrictions begin, a line is split in time without a gap. A record across a
    /// border between two of them is asked for by both.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// What was left out and why, each network and reason once.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// Whether nothing was left out.
    pub fn is_whole(&self) -> bool {
        self.left_out.is_empty()
    }
}

/// Says what of `lines` a caller with `rights` may have.
///
/// No channel and instant comes out that was not asked for, and none that is forbidden and listed, or
/// concerned by a restriction. What is neither may be within a wildcard that stays, see [`Wildcards`].
/// Everything permitted and listed comes out, and so does everything permitted that a line names
/// without wildcards or that is granted.
///
/// # Errors
///
/// [`TooMany`] bounds the lines that come out, and the work.
pub fn permit(
    lines: &[Line],
    rules: &Rules,
    rights: &Rights,
    wildcards: Wildcards,
) -> Result<Permitted, TooMany> {
    let mut narrowing = Narrowing::new(rules, rights, wildcards);
    for line in lines {
        narrowing.line(line)?;
    }
    Ok(narrowing.permitted())
}
