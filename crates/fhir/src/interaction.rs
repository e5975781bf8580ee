//! What can be asked of a FHIR server (R4 section 3.1.0), in the words of grants.

use std::fmt;
use std::str::FromStr;

use crate::{Patient, Reach, ResourceType};

/// What a grant allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// One instance, in its newest or an older version.
    Read,
    /// What meets some criteria.
    Search,
    /// A new instance.
    Create,
    /// An instance, replaced or made under a given id.
    Update,
    /// A part of an instance.
    Patch,
    /// An instance, gone.
    Delete,
    /// What was changed when.
    History,
    /// Something that has a name of its own, as `$match` has.
    Operation,
}

/// Why a word is no action: whoever wrote it mends it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no action: read, search, create, update, patch, delete, history or operation")]
pub struct NotAnAction(String);

impl Action {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Read,
        Self::Search,
        Self::Create,
        Self::Update,
        Self::Patch,
        Self::Delete,
        Self::History,
        Self::Operation,
    ];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Search => "search",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::History => "history",
            Self::Operation => "operation",
        }
    }
}

impl FromStr for Action {
    type Err = NotAnAction;

    fn from_str(word: &str) -> Result<Self, NotAnAction> {
        let named = Self::ALL.into_iter().find(|action| action.as_str() == word);
        named.ok_or_else(|| NotAnAction(word.to_owned()))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One interaction, as R4 tells them apart (value set restful-interaction).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interaction {
    /// `GET TYPE/ID`
    Read,
    /// `GET TYPE/ID/_history/VERSION`
    Vread,
    /// `GET TYPE?...`, `POST TYPE/_search`, also in a compartment
    SearchType,
    /// `GET ?...`, `POST _search`
    SearchSystem,
    /// `POST TYPE`
    Create,
    /// `PUT TYPE/ID`, `PUT TYPE?...`
    Update,
    /// `PATCH TYPE/ID`, `PATCH TYPE?...`
    Patch,
    /// `DELETE TYPE/ID`, `DELETE TYPE?...`
    Delete,
    /// `GET TYPE/ID/_history`
    HistoryInstance,
    /// `GET TYPE/_history`
    HistoryType,
    /// `GET _history`
    HistorySystem,
    /// `GET metadata`
    Capabilities,
    /// `GET` or `POST` of `$NAME`, which stands here without the dollar
    Operation(String),
}

impl Interaction {
    /// Its code; an operation's name is not in it.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Vread => "vread",
            Self::SearchType => "search-type",
            Self::SearchSystem => "search-system",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::HistoryInstance => "history-instance",
            Self::HistoryType => "history-type",
            Self::HistorySystem => "history-system",
            Self::Capabilities => "capabilities",
            Self::Operation(_) => "operation",
        }
    }

    /// What a grant must allow for it; `None` for what is told to everybody who comes in.
    pub const fn action(&self) -> Option<Action> {
        Some(match self {
            Self::Read | Self::Vread => Action::Read,
            Self::SearchType | Self::SearchSystem => Action::Search,
            Self::Create => Action::Create,
            Self::Update => Action::Update,
            Self::Patch => Action::Patch,
            Self::Delete => Action::Delete,
            Self::HistoryInstance | Self::HistoryType | Self::HistorySystem => Action::History,
            Self::Operation(_) => Action::Operation,
            Self::Capabilities => return None,
        })
    }

    /// Tells whether it may change something.
    pub fn changes(&self) -> bool {
        match self {
            Self::Create | Self::Update | Self::Patch | Self::Delete => true,
            Self::Operation(name) => !READING.contains(&name.as_str()),
            Self::Read
            | Self::Vread
            | Self::SearchType
            | Self::SearchSystem
            | Self::HistoryInstance
            | Self::HistoryType
            | Self::HistorySystem
            | Self::Capabilities => false,
        }
    }
}

/// Operations of R4 that change nothing (`affectsState` is false). Any other may, whatever its method.
pub const READING: [&str; 18] = [
    "conforms",
    "data-requirements",
    "evaluate-measure",
    "everything",
    "expand",
    "find-matches",
    "implements",
    "lastn",
    "lookup",
    "match",
    "meta",
    "preferred-id",
    "stats",
    "subset",
    "subsumes",
    "translate",
    "validate",
    "validate-code",
];

/// One thing that is asked: a request, or an entry of a Bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// By which method.
    pub method: String,
    /// What.
    pub interaction: Interaction,
    /// The type in the path; none for what concerns the server.
    pub kind: Option<ResourceType>,
    /// The id in the path, where an instance of `kind` is meant.
    pub id: Option<String>,
    /// The types that it does this to.
    pub on: Reach,
    /// The types that it searches, too: by conditions, by references that it follows, by what it includes.
    pub searches: Reach,
    /// The types that an answer to it may hold.
    pub gives: Reach,
    /// The patients that it names.
    pub patients: Vec<Patient>,
    /// What it asks for, below the service, as it is written to the upstream, what a form asks for, and the criteria
    /// of `If-None-Exist`, behind the question mark. It may name somebody.
    pub target: String,
    /// The same without ids and parameters, which names nobody: `/Patient/{id}`.
    pub pattern: String,
}

impl Part {
    /// Returns the instance that it is of and nothing besides, as `Patient/1`: it is read, or changed.
    pub fn instance(&self) -> Option<String> {
        let alone = match self.interaction {
            Interaction::Read
            | Interaction::Vread
            | Interaction::HistoryInstance
            | Interaction::Update
            | Interaction::Patch
            | Interaction::Delete => self.searches == Reach::NOTHING,
            Interaction::Create
            | Interaction::SearchType
            | Interaction::SearchSystem
            | Interaction::HistoryType
            | Interaction::HistorySystem
            | Interaction::Capabilities
            | Interaction::Operation(_) => false,
        };
        alone.then(|| Some(format!("{}/{}", self.kind?, self.id.as_deref()?))).flatten()
    }

    /// Tells what must be granted for it, each on which types: all of it, or it is refused.
    pub fn needs(&self) -> impl Iterator<Item = (Action, &Reach)> {
        let own = self.interaction.action().map(|action| (action, &self.on));
        let searches = (self.searches != Reach::NOTHING).then_some((Action::Search, &self.searches));
        own.into_iter().chain(searches)
    }

    /// The words for it: the interaction and what it is of, naming nobody.
    pub fn words(&self) -> String {
        let of = self.kind.map_or(String::new(), |kind| format!(" {kind}"));
        match &self.interaction {
            Interaction::Operation(name) => format!("operation ${name}{of}"),
            interaction => format!("{}{of}", interaction.code()),
        }
    }
}
