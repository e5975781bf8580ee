//! What grants of a FHIR service say: actions on types of resources (FHIR R4, section 3.1 RESTful API).

/// What is done with resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// One resource is read, as it is or as it was (`read`, `vread`).
    Read,
    /// Resources are searched for.
    Search,
    /// One is created.
    Create,
    /// One is replaced.
    Update,
    /// One is changed in part.
    Patch,
    /// One is deleted.
    Delete,
    /// What became of one, or of all, is read.
    History,
    /// Something of a name of its own is done (`$match`).
    Operation,
}

impl Action {
    /// All of them, in the order in which they are listed.
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

    /// As it is written.
    pub fn as_str(self) -> &'static str {
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

impl std::str::FromStr for Action {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|action| action.as_str() == text).ok_or_else(|| {
            let all: Vec<&str> = Self::ALL.into_iter().map(Self::as_str).collect();
            format!("{text:?} is no action: {}", all.join(", "))
        })
    }
}

/// The name of a type of resources, as `Patient`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResourceType(String);

impl ResourceType {
    /// Shows it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ResourceType {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let begins = text.bytes().next().is_some_and(|first| first.is_ascii_uppercase());
        if begins && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            Ok(Self(text))
        } else {
            Err(format!("{text:?} is no type of resources: as in Patient"))
        }
    }
}

impl std::str::FromStr for ResourceType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.to_owned().try_into()
    }
}

impl From<ResourceType> for String {
    fn from(name: ResourceType) -> Self {
        name.0
    }
}

impl std::fmt::Display for ResourceType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
