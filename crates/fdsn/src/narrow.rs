//! Taking a line apart until nothing forbidden is in what stays.

use crate::code::Codes;
use crate::line::Line;
use crate::outlook::{Outlook, Survey};
use crate::pattern::{Pattern, Patterns};
use crate::permit::{LeftOut, Permitted, TooMany, Wildcards};
use crate::request::MAX_LINES;
use crate::rights::Rights;
use crate::rules::{Reason, Rules};
use crate::spans::Spans;
use std::collections::{BTreeSet, HashSet};

/// The lines of one request on their way to what is permitted.
pub(crate) struct Narrowing<'a> {
    survey: Survey<'a>,
    kept: Vec<Line>,
    combinations: usize,
    left_out: BTreeSet<LeftOut>,
}

/// By what a line is taken apart next.
#[derive(Clone, Copy)]
enum Step {
    Network,
    Grant,
    Station,
    Location,
    Channel,
    Time,
}

impl<'a> Narrowing<'a> {
    pub(crate) fn new(rules: &'a Rules, rights: &'a Rights, wildcards: Wildcards) -> Self {
        let survey = Survey::new(rules, rights, wildcards);
        Self { survey, kept: Vec::new(), combinations: 0, left_out: BTreeSet::new() }
    }

    pub(crate) fn line(&mut self, line: &Line) -> Result<(), TooMany> {
        self.narrow(line.clone(), Step::Network)
    }

    /// What stayed, each line once.
    pub(crate) fn permitted(mut self) -> Permitted {
        let mut seen = HashSet::new();
        let first: Vec<bool> = self.kept.iter().map(|line| seen.insert(line)).collect();
        let mut first = first.into_iter();
        self.kept.retain(|_| first.next().unwrap_or(true));
        Permitted { lines: self.kept, left_out: self.left_out.into_iter().collect() }
    }

    fn narrow(&mut self, line: Line, step: Step) -> Result<(), TooMany> {
        let why = match self.survey.outlook(&line)? {
            Outlook::Open => return self.keep(line),
            Outlook::Shut(reason) => {
                self.leave_out(&line, reason);
                return Ok(());
            }
            Outlook::Mixed(reason) => reason,
        };
        match step {
            Step::Network => self.by_network(&line, why),
            Step::Grant => self.by_grant(&line),
            Step::Station => self.by_station(&line, why),
            Step::Location => self.by_location(&line, why),
            Step::Channel => self.by_channel(&line, why),
            Step::Time => self.by_time(&line),
        }
    }

    fn by_network(&mut self, line: &Line, why: Reason) -> Result<(), TooMany> {
        let codes = self.survey.networks(line)?;
        if why == Reason::InventoryUnknown && !line.networks.are_literal() {
            self.leave_out(line, why);
        }
        self.each(line, why, &codes, Step::Grant, |line, code| line.networks = code)
    }

    /// What is granted stays together, whatever is listed there; the rest is looked at further.
    fn by_grant(&mut self, line: &Line) -> Result<(), TooMany> {
        let asked = Spans::from(line.span);
        let granted = self.survey.granted(line);
        let rest = asked.without(&granted);
        let mut pieces: Vec<_> = granted.and(&asked).iter().chain(rest.iter()).collect();
        if pieces.len() == 1 {
            return self.narrow(line.clone(), Step::Station);
        }
        pieces.sort_unstable_by_key(|piece| piece.first());
        let mut open: Option<Line> = None;
        for span in pieces {
            let piece = Line { span, ..line.clone() };
            match (self.survey.outlook(&piece)?, &mut open) {
                // Pieces follow each other without a gap: two open neighbours are one line.
                (Outlook::Open, Some(before)) => before.span.end = span.end,
                (Outlook::Open, None) => open = Some(piece),
                (Outlook::Shut(_) | Outlook::Mixed(_), _) => {
                    open.take().map_or(Ok(()), |before| self.keep(before))?;
                    self.narrow(piece, Step::Station)?;
                }
            }
        }
        open.map_or(Ok(()), |last| self.keep(last))
    }

    fn by_station(&mut self, line: &Line, why: Reason) -> Result<(), TooMany> {
        let codes = self.survey.stations(line)?;
        self.each(line, why, &codes, Step::Location, |line, code| line.stations = code)
    }

    fn by_location(&mut self, line: &Line, why: Reason) -> Result<(), TooMany> {
        let codes = self.survey.locations(line)?;
        self.each(line, why, &codes, Step::Channel, |line, code| line.locations = code)
    }

    fn by_channel(&mut self, line: &Line, why: Reason) -> Result<(), TooMany> {
        let codes = self.survey.channels(line)?;
        self.each(line, why, &codes, Step::Time, |line, code| line.channels = code)
    }

    /// One channel, without wildcards: what is permitted of it is exact.
    fn by_time(&mut self, line: &Line) -> Result<(), TooMany> {
        let codes = named(line).expect("each step before put one code into its list");
        let forbidden = self.survey.forbidden(codes)?;
        let asked = Spans::from(line.span);
        for reason in forbidden.reasons(&asked) {
            self.leave_out(line, reason);
        }
        for span in asked.without(&forbidden.all()).iter() {
            self.keep(Line { span, ..line.clone() })?;
        }
        Ok(())
    }

    /// Goes on with one line for each code; without any, nothing can be named.
    fn each(
        &mut self,
        line: &Line,
        why: Reason,
        codes: &BTreeSet<String>,
        next: Step,
        put: impl Fn(&mut Line, Patterns),
    ) -> Result<(), TooMany> {
        if codes.is_empty() {
            self.leave_out(line, why);
        }
        for code in codes {
            // An inventory may list what no request can name.
            let Some(pattern) = Pattern::naming(code) else {
                self.leave_out(line, why);
                continue;
            };
            let mut part = line.clone();
            put(&mut part, Patterns::one(pattern));
            self.narrow(part, next)?;
        }
        Ok(())
    }

    fn keep(&mut self, line: Line) -> Result<(), TooMany> {
        self.combinations = self.combinations.saturating_add(line.combinations());
        if self.combinations > MAX_LINES {
            return Err(TooMany);
        }
        self.kept.push(line);
        Ok(())
    }

    fn leave_out(&mut self, line: &Line, reason: Reason) {
        self.left_out.insert(LeftOut { network: line.networks.to_string(), reason });
    }
}

/// The channel that the line names, if it names exactly one.
pub(crate) fn named(line: &Line) -> Option<Codes> {
    Some(Codes {
        network: line.networks.single()?.to_owned(),
        station: line.stations.single()?.to_owned(),
        location: line.locations.single()?.to_owned(),
        channel: line.channels.single()?.to_owned(),
    })
}
