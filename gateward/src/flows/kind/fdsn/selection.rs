//! What of a request for data its caller may have, and how the upstream is asked for that.

use std::collections::BTreeSet;
use std::sync::Arc;

use ::fdsn::{Judge, Line, Permitted, Reason, Request, Rights, TooMany, Wildcards, write};
use bytes::Bytes;
use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};

use super::known::Known;
use super::years;
use crate::base::kind::Unlisted;
use crate::flows::kind::{Allowed, FdsnSettings, Forward, Inspection, NotAllowed, Restriction, Unfit};
use crate::flows::policy::Granted;
use crate::flows::record::{Asked, Lines};

/// How many lines are recorded one by one; of more, only the number.
const RECORDED: usize = 20;

/// How much of one line is recorded, in characters: a list of codes can be very long.
const RECORDED_OF_ONE: usize = 256;

/// What is restricted, and how it is seen to.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) known: Known,
    restrictions: Arc<[::fdsn::Restriction]>,
    reasons: Vec<Option<String>>,
    unlisted: ::fdsn::Unlisted,
    /// The answer is looked into record by record.
    second_lock: bool,
}

impl Rules {
    pub(super) fn new(fdsn: &FdsnSettings, sends_records: bool) -> Result<Self, Unfit> {
        let missing = Unfit("an inventory and unlisted are missing");
        let believed_for: SignedDuration = fdsn.inventory.ok_or(missing.clone())?;
        let unlisted = match fdsn.unlisted.ok_or(missing)? {
            Unlisted::Refuse => ::fdsn::Unlisted::Refuse,
            Unlisted::Open => ::fdsn::Unlisted::Open,
        };
        let (restrictions, reasons): (Vec<_>, Vec<_>) = fdsn
            .restrictions
            .iter()
            .map(|Restriction { what, reason }| (what.clone(), reason.clone()))
            .unzip();
        Ok(Self {
            known: Known::nothing(believed_for),
            restrictions: restrictions.into(),
            reasons,
            unlisted,
            second_lock: sends_records && fdsn.verify_stream.unwrap_or(true),
        })
    }

    /// What the operator says of restrictions of a network.
    fn reasons(&self, network: &str) -> Vec<String> {
        let concern = |restriction: &::fdsn::Restriction| restriction.network.matches(network);
        let both = self.restrictions.iter().zip(&self.reasons);
        let reasons: Vec<String> =
            both.filter(|(what, _)| concern(what)).filter_map(|(_, reason)| reason.clone()).collect();
        if reasons.is_empty() { vec!["the data centre restricts them".into()] } else { reasons }
    }

    fn at(&self, now: Timestamp) -> ::fdsn::Rules {
        ::fdsn::Rules {
            inventory: self.known.believed(now),
            restrictions: Arc::clone(&self.restrictions),
            unlisted: self.unlisted,
        }
    }
}

/// Where the upstream is asked.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    /// Below the service's path.
    pub(super) path: String,
    /// Where somebody who is not logged in could be.
    pub(super) login_at: Option<String>,
}

/// What an answer is compared with.
#[derive(Debug)]
pub struct Sought {
    permitted: Permitted,
    rules: ::fdsn::Rules,
    rights: Rights,
}

impl Sought {
    /// Makes whoever compares records with it.
    pub fn judge(&self) -> Judge {
        Judge::new(&self.permitted, self.rules.clone(), self.rights.clone())
    }
}

/// A request for data.
#[derive(Debug, Clone)]
pub struct Selection {
    pub(super) asked: Request,
    pub(super) endpoint: Endpoint,
    /// `None` where everything passes.
    pub(super) rules: Option<Arc<Rules>>,
    /// What the upstream is asked where it must be the very request that came.
    pub(super) verbatim: Option<Forward>,
}

impl Selection {
    /// Says what of it a caller with `grants` may have at `now`.
    ///
    /// # Errors
    ///
    /// [`NotAllowed::Restricted`] when nothing is left, [`NotAllowed::TooMuch`].
    pub(in crate::flows::kind) fn allow(
        &self,
        grants: &[&Granted],
        now: Timestamp,
    ) -> Result<Allowed, NotAllowed> {
        let Some(rules) = &self.rules else {
            return Ok(self.everything());
        };
        let rights = rights(grants);
        let wildcards = if rules.second_lock { Wildcards::Stay } else { Wildcards::Expand };
        let believed = rules.at(now);
        let permitted = ::fdsn::permit(&self.asked.lines, &believed, &rights, wildcards)
            .map_err(|error: TooMany| NotAllowed::TooMuch(error.to_string()))?;
        if permitted.lines().is_empty() {
            return Err(NotAllowed::Restricted(self.why(rules, &permitted)));
        }
        let forward = self.write(permitted.lines());
        let by = used(grants, permitted.lines());
        let asked = Some(self.recorded(&permitted));
        let inspection = if rules.second_lock {
            Inspection::Records(Arc::new(Sought { permitted, rules: believed, rights }))
        } else {
            Inspection::Nothing
        };
        Ok(Allowed {
            forward,
            by,
            asked: asked.map(Asked::Lines),
            parts: Vec::new(),
            inspection,
            no_data: self.no_data(),
        })
    }

    /// All of it, where nobody here restricts anything.
    fn everything(&self) -> Allowed {
        let lines = self.asked.lines.len() as u64;
        let asked = Lines {
            asked: shown(&self.asked.lines),
            asked_lines: lines,
            forwarded_lines: lines,
            left_out: Vec::new(),
        };
        Allowed {
            forward: self.verbatim.clone().unwrap_or_else(|| self.write(&self.asked.lines)),
            by: Vec::new(),
            asked: Some(Asked::Lines(asked)),
            parts: Vec::new(),
            inspection: Inspection::Nothing,
            no_data: self.no_data(),
        }
    }

    fn no_data(&self) -> StatusCode {
        StatusCode::from_u16(self.asked.options.status_without_data()).unwrap_or(StatusCode::NO_CONTENT)
    }

    /// Writes the request: by GET as long as it fits, else as a bulk request.
    fn write(&self, lines: &[Line]) -> Forward {
        let path = &self.endpoint.path;
        let options = &self.asked.options;
        match lines {
            [line] if write::fits_get(options, lines) => {
                Forward::get(format!("{path}?{}", write::query(options, line)))
            }
            _ => Forward {
                method: Method::POST,
                body: Bytes::from(write::post(options, lines)),
                content_type: Some("text/plain"),
                ..Forward::get(path.clone())
            },
        }
    }

    fn recorded(&self, permitted: &Permitted) -> Lines {
        Lines {
            asked: shown(&self.asked.lines),
            asked_lines: self.asked.lines.len() as u64,
            forwarded_lines: permitted.lines().len() as u64,
            left_out: permitted.left_out().iter().take(RECORDED).map(left_out).collect(),
        }
    }

    /// Tells the caller why there is nothing left, and what they can do.
    fn why(&self, rules: &Rules, permitted: &Permitted) -> String {
        let reasons: BTreeSet<String> = permitted
            .left_out()
            .iter()
            .flat_map(|left_out| match left_out.reason {
                Reason::Configured => rules.reasons(&left_out.network),
                Reason::Inventory => vec!["the inventory says that they are restricted".into()],
                Reason::Unlisted => vec![
                    "the inventory does not know them, and what it does not know is not given \
                                          out"
                    .into(),
                ],
                Reason::InventoryUnknown => {
                    vec!["which data are restricted is not known at the moment".into()]
                }
            })
            .collect();
        let reasons: Vec<String> = reasons.into_iter().collect();
        let remedy = match &self.endpoint.login_at {
            Some(path) => {
                format!("If your token grants you these data, exchange it for a login and ask at {path}.")
            }
            None => {
                "Your login is good, and its token does not grant you these data: ask the data centre for \
                     access."
                    .into()
            }
        };
        let reasons = if reasons.is_empty() { "they are restricted".into() } else { reasons.join("; ") };
        format!("Nothing of the data that you asked for may be given to you: {reasons}. {remedy}")
    }
}

/// What the grants of a caller open.
fn rights(grants: &[&Granted]) -> Rights {
    if grants.iter().any(|grant| grant.extent.networks.is_empty()) {
        return Rights::Everything;
    }
    let networks = grants.iter().flat_map(|grant| &grant.extent.networks);
    Rights::Networks(
        networks
            .map(|network| ::fdsn::Granted { network: network.code().to_owned(), span: years(network) })
            .collect(),
    )
}

/// Which of the grants are for networks that the upstream is asked for.
fn used(grants: &[&Granted], lines: &[Line]) -> Vec<String> {
    let concerns = |grant: &&&Granted| {
        grant.extent.networks.is_empty()
            || grant
                .extent
                .networks
                .iter()
                .any(|network| lines.iter().any(|line| line.networks.matches(network.code())))
    };
    grants.iter().filter(concerns).map(|grant| grant.id.clone()).collect()
}

fn left_out(left_out: &::fdsn::LeftOut) -> String {
    let why = match left_out.reason {
        Reason::Configured => "configuration",
        Reason::Inventory => "inventory",
        Reason::Unlisted => "unlisted",
        Reason::InventoryUnknown => "inventory unknown",
    };
    format!("{}: {why}", shortened(&left_out.network))
}

fn shown(lines: &[Line]) -> Vec<String> {
    let text = |line: &Line| shortened(&write::query(&::fdsn::Options::default(), line));
    lines.iter().take(RECORDED).map(text).collect()
}

fn shortened(text: &str) -> String {
    text.chars().take(RECORDED_OF_ONE).collect()
}
