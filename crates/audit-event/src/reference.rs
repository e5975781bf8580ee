//! Whom or what an event means: by an address, by an identifier, or only by a name.

use crate::coded::Concept;
use crate::text::{Text, Uri};

/// A name in some registry (FHIR's `Identifier`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier {
    /// Whose registry: an address, `urn:oid:...` or `urn:uuid:...`.
    pub system: Option<Uri>,
    /// The name there.
    pub value: Text,
    /// Which sort of name it is.
    pub kind: Option<Concept>,
}

/// What an event means by something else (FHIR's `Reference`). It says something: there is no empty one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    literal: Option<Text>,
    kind: Option<Uri>,
    identifier: Option<Identifier>,
    display: Option<Text>,
}

impl Identifier {
    /// A name in the registry `system`.
    pub fn new(system: impl Into<Uri>, value: impl Into<Text>) -> Self {
        Self { system: Some(system.into()), value: value.into(), kind: None }
    }

    /// A name that says no registry.
    pub fn plain(value: impl Into<Text>) -> Self {
        Self { system: None, value: value.into(), kind: None }
    }
}

impl Reference {
    /// By its address: `Patient/7`, or a whole URL.
    pub fn to(literal: impl Into<Text>) -> Self {
        Self { literal: Some(literal.into()), kind: None, identifier: None, display: None }
    }

    /// By its identifier.
    pub fn known_as(identifier: Identifier) -> Self {
        Self { literal: None, kind: None, identifier: Some(identifier), display: None }
    }

    /// By what people call it only.
    pub fn called(display: impl Into<Text>) -> Self {
        Self { literal: None, kind: None, identifier: None, display: Some(display.into()) }
    }

    /// All its parts; `None` where none says whom it means.
    pub fn of(
        literal: Option<Text>,
        kind: Option<Uri>,
        identifier: Option<Identifier>,
        display: Option<Text>,
    ) -> Option<Self> {
        let says = literal.is_some() || identifier.is_some() || display.is_some();
        says.then_some(Self { literal, kind, identifier, display })
    }

    /// The same, and that it is a resource of the type `kind` (`Patient`).
    #[must_use]
    pub fn of_type(self, kind: impl Into<Uri>) -> Self {
        Self { kind: Some(kind.into()), ..self }
    }

    /// The same, with an identifier as well.
    #[must_use]
    pub fn also_known_as(self, identifier: Identifier) -> Self {
        Self { identifier: Some(identifier), ..self }
    }

    /// The same, with what people call it.
    #[must_use]
    pub fn also_called(self, display: impl Into<Text>) -> Self {
        Self { display: Some(display.into()), ..self }
    }

    /// Its address.
    pub fn literal(&self) -> Option<&Text> {
        self.literal.as_ref()
    }

    /// The type of resource that it says it means.
    pub fn kind(&self) -> Option<&Uri> {
        self.kind.as_ref()
    }

    /// Its identifier.
    pub fn identifier(&self) -> Option<&Identifier> {
        self.identifier.as_ref()
    }

    /// What people call it.
    pub fn display(&self) -> Option<&Text> {
        self.display.as_ref()
    }

    /// Tells whether it means a resource of the type `kind`: by what it says of itself, or by its address.
    pub fn is_a(&self, kind: &str) -> bool {
        if let Some(said) = &self.kind {
            return said.as_str() == kind;
        }
        let Some(literal) = &self.literal else { return false };
        let mut parts = literal.as_str().rsplit('/').skip_while(|part| part.is_empty());
        let (last, before) = (parts.next(), parts.next());
        if before == Some("_history") {
            return parts.nth(1) == Some(kind);
        }
        last.is_some() && before == Some(kind)
    }
}
