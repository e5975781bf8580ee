//! What is said of one request and of its answer, in the words of the log.

use std::collections::BTreeMap;

use serde::Serialize;

use super::words::Delivery;
use crate::base::identity::NodeName;
use crate::base::openhim::OpenHimId;

/// Who did what, by which right.
#[derive(Debug, Clone, Serialize)]
pub struct Access {
    /// How.
    pub method: String,
    /// To what, below the service's path.
    pub path: String,
    /// The ids of the grants that it was by, one after the other; `open` for what is open to all.
    pub grant: String,
    /// Pseudonym of the person, where one is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The machine, where one showed its certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeName>,
    /// What proved the person: `digest`, `password`, `api-token`, `jwt`, `session`, `access-token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<&'static str>,
    /// The client that an OpenHIM passed the request on for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openhim_client: Option<OpenHimId>,
    /// The transaction that an OpenHIM made of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openhim_transaction: Option<OpenHimId>,
    /// Which data.
    #[serde(flatten)]
    pub asked: Option<Asked>,
}

/// What was asked for, in the words of the service's kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Asked {
    /// Data.
    Lines(Lines),
    /// Something with resources.
    Interaction(Interaction),
}

/// What was asked of a FHIR server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Interaction {
    /// Its code (value set restful-interaction).
    pub interaction: String,
    /// The name of an operation, without the dollar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The type of resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// How many entries it has: each is an event of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<u64>,
}

/// One entry of a request, by which right, and whom it names.
#[derive(Debug, Clone)]
pub struct PartAdmitted {
    /// Which, from 0.
    pub entry: u64,
    /// How.
    pub method: String,
    /// To what, naming nobody.
    pub path: String,
    /// The ids of the grants that it is by.
    pub by: Vec<String>,
    /// What it asks for.
    pub asked: Asked,
    /// What goes into its personal part.
    pub about: About,
}

/// Whom a request names, and by what; it stands in the personal part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// What was asked, with ids and parameters.
    pub target: Option<String>,
    /// The patients.
    pub patients: Vec<String>,
}

/// Whom an answer names; it is recorded before that part of it leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// The patients.
    pub patients: Vec<String>,
    /// What was created, as `Type/id`.
    pub created: Vec<String>,
    /// What was deleted: it is nobody's own any more.
    pub gone: Vec<String>,
}

impl Named {
    /// Whether it names nobody and nothing.
    pub fn is_empty(&self) -> bool {
        self.patients.is_empty() && self.created.is_empty() && self.gone.is_empty()
    }

    /// Takes `more` in.
    pub fn add(&mut self, more: Self) {
        self.patients.extend(more.patients);
        self.created.extend(more.created);
        self.gone.extend(more.gone);
    }
}

/// Which data were asked for, and what of them the upstream was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lines {
    /// The lines of the request, the first of them if there are many.
    pub asked: Vec<String>,
    /// How many lines it had.
    pub asked_lines: u64,
    /// How many lines the upstream was asked; the same as `asked_lines` where nothing was left out.
    pub forwarded_lines: u64,
    /// What was left out, the first of it if it is much.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// How an answer was carried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Carried {
    /// The status that was sent.
    pub status: u16,
    /// How many bytes of the body were handed to the transport.
    pub bytes: u64,
    /// How many bytes the caller sent after the head, where they went both ways at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_up: Option<u64>,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// Whether they arrived.
    pub delivery: Delivery,
    /// What was in it, where it was looked into.
    #[serde(flatten)]
    pub inspected: Option<Inspected>,
    /// What is behind the service did, where it refused or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What was found in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Inspected {
    /// Of records.
    Records(RecordsSeen),
    /// Of resources.
    Resources(NamedPatients),
}

/// How many patients an answer named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NamedPatients {
    /// How many.
    pub patients: u64,
}

/// What was found in an answer of records.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct RecordsSeen {
    /// How many bytes of each network passed.
    pub networks: BTreeMap<String, u64>,
    /// How many records were left out because they reach over a limit, or lie just beside it.
    pub records_left_out: u64,
    /// How many records were left out because the inventory does not know them.
    pub records_unlisted: u64,
}
