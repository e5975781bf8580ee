//! Anonymous figures for reports, from the event log: how much was asked for, by how many.
//!
//! A request counts once, when its answer ended, so that the figures of two months add up to those of
//! both; the number of persons does not. The log is read once, from one snapshot; in memory are the
//! requests that run at one moment, and a pseudonym for each person and key.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::store::event::{self, Filter, Recorded, Search};
use crate::store::{Error, Reader};

/// What figures are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The network code of the data.
    Network,
    /// The service.
    Service,
    /// The month in UTC, as in `2026-11`.
    Month,
}

/// What figures are about: a value for each [`By`], in its order; `None` where the log does not tell.
pub type Key = Vec<Option<String>>;

/// The figures of one key.
#[derive(Debug, Default)]
pub struct Figures {
    /// Permitted requests whose answers ended.
    pub requests: u64,
    /// How many of them nobody had proven a login for.
    pub anonymous: u64,
    /// Bytes that were handed to the transport; by network, bytes of records that passed.
    pub bytes: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// Records that were left out of answers.
    pub records_left_out: u64,
    persons: HashSet<String>,
}

impl Figures {
    /// How many persons made the requests, each counted once however many logins they had.
    pub fn persons(&self) -> u64 {
        self.persons.len() as u64
    }
}

/// Counts what `filter` lets through.
///
/// # Errors
///
/// [`Error::Unreachable`]; [`Error::Damaged`] at an event that this program did not write.
pub async fn count(reader: &Reader, filter: Filter, by: &[By]) -> Result<BTreeMap<Key, Figures>, Error> {
    let mut counting = Counting { reader, by, rows: BTreeMap::new(), running: HashMap::new() };
    let mut search = Search::begin(reader, filter).await?;
    loop {
        let page = search.page().await?;
        if page.is_empty() {
            return Ok(counting.rows);
        }
        for recorded in page {
            counting.take(&recorded).await?;
        }
    }
}

/// What is read of an event before it is known whether it counts.
#[derive(Deserialize)]
struct Body {
    kind: String,
    service: Option<String>,
    transaction: Option<String>,
    reason: Option<String>,
}

/// Who asked, and for what.
#[derive(Deserialize)]
struct Request {
    subject: Option<String>,
    #[serde(default)]
    asked: Vec<String>,
    #[serde(default)]
    asked_lines: u64,
}

impl Request {
    /// Returns the one network that all lines name, where there is just one, and all of them are there.
    fn only_network(&self) -> Option<&str> {
        let mut networks = self.asked.iter().map(|line| {
            let network = line.split('&').find_map(|part| part.strip_prefix("network="))?;
            network.bytes().all(|byte| byte.is_ascii_alphanumeric()).then_some(network)
        });
        let first = networks.next()??;
        let is_all = self.asked.len() as u64 == self.asked_lines;
        (is_all && networks.all(|network| network == Some(first))).then_some(first)
    }
}

/// How an answer ended.
#[derive(Default, Deserialize)]
struct Ended {
    bytes: u64,
    #[serde(default)]
    networks: BTreeMap<String, u64>,
    #[serde(default)]
    records_left_out: u64,
    #[serde(default)]
    records_unlisted: u64,
}

/// How many failures a summary stands for.
#[derive(Deserialize)]
struct Summary {
    count: u64,
}

struct Counting<'a> {
    reader: &'a Reader,
    by: &'a [By],
    rows: BTreeMap<Key, Figures>,
    /// Requests whose answers are running at the event that is looked at.
    running: HashMap<String, Request>,
}

impl Counting<'_> {
    async fn take(&mut self, event: &Recorded) -> Result<(), Error> {
        if event.body.is_none() {
            // It expired, or its person was erased: nothing of it is left to count.
            return Ok(());
        }
        let body: Body = read(event)?;
        let place = Place { service: body.service, month: month(event) };
        match (body.kind.as_str(), body.transaction) {
            ("admitted", Some(transaction)) => drop(self.running.insert(transaction, read(event)?)),
            ("ended", Some(transaction)) => {
                let asked = match self.running.remove(&transaction) {
                    Some(asked) => asked,
                    None => self.admitted(&transaction).await?,
                };
                self.request(&place, &asked, &read(event)?);
            }
            ("released", _) => self.request(&place, &read(event)?, &read(event)?),
            // Somebody else carries it: it is a request, and nobody here knows how many bytes.
            ("verified", _) => self.request(&place, &read(event)?, &Ended::default()),
            ("request_refused", _) => self.row(&place, None).refused += 1,
            // Those beyond the first ten of a flood, whichever services they were for.
            ("failures_counted", _) if body.reason.is_some_and(|reason| reason.starts_with("request:")) => {
                self.row(&place, None).refused += read::<Summary>(event)?.count;
            }
            _ => {}
        }
        Ok(())
    }

    /// Looks up who asked where that was recorded before the time that is counted.
    async fn admitted(&self, transaction: &str) -> Result<Request, Error> {
        for event in event::show(self.reader, transaction).await? {
            if event.body.is_some() && read::<Body>(&event)?.kind == "admitted" {
                return read(&event);
            }
        }
        Ok(Request { subject: None, asked: Vec::new(), asked_lines: 0 })
    }

    fn request(&mut self, place: &Place, asked: &Request, ended: &Ended) {
        for (network, bytes) in self.shares(asked, ended) {
            let row = self.row(place, network);
            row.requests += 1;
            row.bytes += bytes;
            match &asked.subject {
                Some(person) => drop(row.persons.insert(person.clone())),
                None => row.anonymous += 1,
            }
        }
        let left_out = ended.records_left_out + ended.records_unlisted;
        if left_out > 0 {
            // Nobody noted of which network they were.
            self.row(place, None).records_left_out += left_out;
        }
    }

    /// Tells in which networks a request counts, and with how many bytes.
    fn shares<'e>(&self, asked: &'e Request, ended: &'e Ended) -> Vec<(Option<&'e str>, u64)> {
        if !self.by.contains(&By::Network) {
            return vec![(None, ended.bytes)];
        }
        if ended.networks.is_empty() {
            // Strangers may ask for codes that there never were: what brought nothing names none.
            let network = if ended.bytes > 0 { asked.only_network() } else { None };
            return vec![(network, ended.bytes)];
        }
        ended.networks.iter().map(|(network, bytes)| (Some(network.as_str()), *bytes)).collect()
    }

    fn row(&mut self, place: &Place, network: Option<&str>) -> &mut Figures {
        let value = |by: &By| match by {
            By::Network => network.map(str::to_owned),
            By::Service => place.service.clone(),
            By::Month => Some(place.month.clone()),
        };
        self.rows.entry(self.by.iter().map(value).collect()).or_default()
    }
}

/// What an event tells of its place among the figures.
struct Place {
    service: Option<String>,
    month: String,
}

/// The month that it was recorded in; stored times are RFC 3339 in UTC.
fn month(event: &Recorded) -> String {
    event.recorded_at.chars().take("2026-11".len()).collect()
}

fn read<T: DeserializeOwned>(event: &Recorded) -> Result<T, Error> {
    let damaged = |error| Error::Damaged { table: "event", reason: format!("event {}: {error}", event.id) };
    serde_json::from_str(event.body()).map_err(damaged)
}
