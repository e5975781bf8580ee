//! Codes, and what they mean in which system.

use crate::codes::Code;
use crate::text::{Text, Uri};

/// One code of one system (FHIR's `Coding`; a coded value of DICOM).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Coded {
    system: Option<Uri>,
    code: Text,
    display: Option<Text>,
}

/// One meaning: the codes that systems have for it, a text, or both (FHIR's `CodeableConcept`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Concept {
    codings: Vec<Coded>,
    text: Option<Text>,
}

impl Coded {
    /// Says `code` of `system`. Runs of spaces in the code become one, as FHIR's `code` wants it.
    pub fn new(system: Option<Uri>, code: &str, display: Option<Text>) -> Self {
        let code = code.split_whitespace().collect::<Vec<_>>().join(" ");
        Self { system, code: Text::from(code.as_str()), display }
    }

    /// The system that the code is of, where it is said.
    pub fn system(&self) -> Option<&Uri> {
        self.system.as_ref()
    }

    /// The code itself.
    pub fn code(&self) -> &str {
        self.code.as_str()
    }

    /// What people read.
    pub fn display(&self) -> Option<&Text> {
        self.display.as_ref()
    }

    /// Tells whether this means `code`, however it is displayed.
    pub fn is(&self, code: Code) -> bool {
        self.is_of(code.system) && self.code() == code.code
    }

    /// Tells whether its system is `system`.
    pub fn is_of(&self, system: &str) -> bool {
        self.system().is_some_and(|of| of.as_str() == system)
    }
}

impl From<Code> for Coded {
    fn from(code: Code) -> Self {
        Self::new(Uri::some(code.system), code.code, Text::some(code.display))
    }
}

impl Concept {
    /// A meaning without a code.
    pub fn told(text: Text) -> Self {
        Self { codings: Vec::new(), text: Some(text) }
    }

    /// What is said in codes and text; `None` where neither says anything.
    pub fn of(codings: Vec<Coded>, text: Option<Text>) -> Option<Self> {
        (!codings.is_empty() || text.is_some()).then_some(Self { codings, text })
    }

    /// Its codes, each of another system.
    pub fn codings(&self) -> &[Coded] {
        &self.codings
    }

    /// As somebody said it.
    pub fn text(&self) -> Option<&Text> {
        self.text.as_ref()
    }

    /// Tells whether one of its codes is `code`.
    pub fn is(&self, code: Code) -> bool {
        self.codings.iter().any(|coded| coded.is(code))
    }
}

impl From<Coded> for Concept {
    fn from(coded: Coded) -> Self {
        Self { codings: vec![coded], text: None }
    }
}

impl From<Code> for Concept {
    fn from(code: Code) -> Self {
        Coded::from(code).into()
    }
}
