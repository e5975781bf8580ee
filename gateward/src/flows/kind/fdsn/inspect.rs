//! The second lock: every record of an answer is compared with what was permitted.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use fdsn::{CodesRef, Judge, Judgement, Time, Why};
use miniseed::{Code, Fate, Header, Splitter, Stream};

use super::super::inspect::{Alarm, Piece};
use crate::flows::record::RecordsSeen;

/// How many networks are told apart in the record of one answer; more are summed up as `other`.
const NETWORKS: usize = 256;

/// Looks into one answer.
#[derive(Debug)]
pub struct Inspector {
    splitter: Splitter,
    look: Look,
}

#[derive(Debug)]
struct Look {
    judge: Judge,
    networks: BTreeMap<Code, u64>,
    others: u64,
    left_out: u64,
    unlisted: u64,
    overstepped: Option<String>,
}

impl Inspector {
    /// Begins; `judge` knows what was permitted.
    pub fn new(judge: Judge) -> Self {
        let look =
            Look { judge, networks: BTreeMap::new(), others: 0, left_out: 0, unlisted: 0, overstepped: None };
        Self { splitter: Splitter::default(), look }
    }

    /// Looks into the next piece; what of it may leave is appended to `ready`.
    ///
    /// # Errors
    ///
    /// [`Alarm`]: nothing comes after it.
    pub fn push(&mut self, piece: &Bytes, ready: &mut VecDeque<Piece>) -> Result<(), Alarm> {
        let Self { splitter, look } = self;
        let mut passed = Vec::new();
        let split = splitter.push(piece, &mut passed, |header| look.fate(header));
        ready.extend(passed.into_iter().map(Piece::from));
        match (split?, look.overstepped.take()) {
            (Stream::IsCut, record) => {
                Err(Alarm::Overstepped { what: format!("the record {}", record.unwrap_or_default()) })
            }
            (Stream::GoesOn, _) => Ok(()),
        }
    }

    /// Looks whether the answer ended where a record ends.
    ///
    /// # Errors
    ///
    /// [`Alarm::NotMiniSeed`].
    pub fn finish(&mut self) -> Result<(), Alarm> {
        Ok(std::mem::take(&mut self.splitter).finish()?)
    }

    /// Tells what was found so far.
    pub fn inspected(&self) -> RecordsSeen {
        let Look { networks, others, left_out, unlisted, .. } = &self.look;
        let mut by_network: BTreeMap<String, u64> =
            networks.iter().map(|(code, bytes)| (code.to_string(), *bytes)).collect();
        if *others > 0 {
            by_network.insert("other".into(), *others);
        }
        RecordsSeen { networks: by_network, records_left_out: *left_out, records_unlisted: *unlisted }
    }
}

impl Look {
    fn fate(&mut self, header: &Header) -> Fate {
        let codes = CodesRef {
            network: header.network.as_str(),
            station: header.station.as_str(),
            location: header.location.as_str(),
            channel: header.channel.as_str(),
        };
        let (start, end) = (Time::from_micros(header.start), Time::from_micros(header.end));
        match self.judge.judge(codes, start, end) {
            Judgement::Pass => {
                self.count(header);
                Fate::Pass
            }
            Judgement::LeftOut(Why::Straddles | Why::Beside) => {
                self.left_out += 1;
                Fate::LeaveOut
            }
            Judgement::LeftOut(Why::Unlisted) => {
                self.unlisted += 1;
                Fate::LeaveOut
            }
            Judgement::Outside => {
                self.overstepped = Some(format!("{codes} from {start} to {end}"));
                Fate::Cut
            }
        }
    }

    fn count(&mut self, header: &Header) {
        let bytes = u64::from(header.length);
        let known = self.networks.len();
        match self.networks.get_mut(&header.network) {
            Some(sum) => *sum += bytes,
            None if known < NETWORKS => drop(self.networks.insert(header.network, bytes)),
            None => self.others += bytes,
        }
    }
}
