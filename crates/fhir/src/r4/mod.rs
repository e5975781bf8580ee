//! The types of resources in R4, and where their references lead.

mod tables;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use tables::{REFERENCES, TYPES};

/// A type of resource that R4 knows (4.0.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct ResourceType(&'static str);

impl ResourceType {
    /// The one that this is all about.
    pub const PATIENT: Self = Self("Patient");

    pub(crate) const BUNDLE: Self = Self("Bundle");
    pub(crate) const CAPABILITY_STATEMENT: Self = Self("CapabilityStatement");
    pub(crate) const LIST: Self = Self("List");
    pub(crate) const OPERATION_OUTCOME: Self = Self("OperationOutcome");
    pub(crate) const TERMINOLOGY_CAPABILITIES: Self = Self("TerminologyCapabilities");

    /// Finds a type by its name, which is spelled in one way.
    pub fn named(name: &str) -> Option<Self> {
        TYPES.binary_search(&name).ok().map(|at| Self(TYPES[at]))
    }

    /// Tells whether `name` is one, in whatever case.
    pub(crate) fn in_any_case(name: &str) -> bool {
        // The shortest are Flag, Goal, List, Slot and Task; nobody is to have us compare with all where none can be.
        name.len() >= 4 && TYPES.iter().any(|kind| kind.eq_ignore_ascii_case(name))
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// Tells where its search parameter `name` leads; `None` if R4 has no such reference.
    pub(crate) fn reference(self, name: &str) -> Option<Reach> {
        let at =
            REFERENCES.binary_search_by(|(of, parameter, _)| (*of, *parameter).cmp(&(self.0, name))).ok()?;
        match REFERENCES[at].2 {
            "*" => Some(Reach::Every),
            targets => Some(Reach::These(targets.split(' ').filter_map(Self::named).collect())),
        }
    }

    /// Tells whether it has compartments in R4 (CompartmentDefinition).
    pub(crate) fn has_compartments(self) -> bool {
        ["Device", "Encounter", "Patient", "Practitioner", "RelatedPerson"].contains(&self.0)
    }
}

/// Why a word is no type of resource: whoever wrote it mends it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no type of resource in R4: as in Patient")]
pub struct NotAType(String);

impl FromStr for ResourceType {
    type Err = NotAType;

    fn from_str(name: &str) -> Result<Self, NotAType> {
        Self::named(name).ok_or_else(|| NotAType(name.chars().take(64).collect()))
    }
}

impl<'de> serde::Deserialize<'de> for ResourceType {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Types of resources that something may look into, or give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All of them.
    Every,
    /// These.
    These(BTreeSet<ResourceType>),
}

impl Reach {
    /// No type at all.
    pub const NOTHING: Self = Self::These(BTreeSet::new());

    /// One type.
    pub fn one(kind: ResourceType) -> Self {
        Self::These([kind].into())
    }

    /// Tells whether it takes in `kind`.
    pub fn has(&self, kind: ResourceType) -> bool {
        match self {
            Self::Every => true,
            Self::These(kinds) => kinds.contains(&kind),
        }
    }

    /// Takes `other` in.
    pub(crate) fn add(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::Every, _) => {}
            (_, Self::Every) => *self = Self::Every,
            (Self::These(own), Self::These(others)) => own.extend(others),
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every => f.write_str("*"),
            Self::These(kinds) => {
                let names: Vec<&str> = kinds.iter().map(|kind| kind.0).collect();
                f.write_str(&names.join(" "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_in_order_and_name_types_of_r4() {
        assert!(TYPES.is_sorted_by(|a, b| a < b));
        assert!(REFERENCES.is_sorted_by(|a, b| (a.0, a.1) < (b.0, b.1)));
        for (of, name, targets) in REFERENCES {
            assert!(ResourceType::named(of).is_some(), "{of}");
            let known = |target| ResourceType::named(target).is_some();
            assert!(targets == "*" || targets.split(' ').all(known), "{of}.{name}: {targets}");
        }
        for own in [
            ResourceType::PATIENT,
            ResourceType::BUNDLE,
            ResourceType::CAPABILITY_STATEMENT,
            ResourceType::LIST,
            ResourceType::OPERATION_OUTCOME,
            ResourceType::TERMINOLOGY_CAPABILITIES,
        ] {
            assert_eq!(ResourceType::named(own.0), Some(own));
        }
    }

    #[test]
    fn a_reference_leads_where_r4_says() {
        let kind = |name| ResourceType::named(name).unwrap();
        assert_eq!(kind("Observation").reference("patient").unwrap().to_string(), "Patient");
        assert_eq!(
            kind("Observation").reference("subject").unwrap().to_string(),
            "Device Group Location Patient"
        );
        assert_eq!(kind("Composition").reference("entry"), Some(Reach::Every));
        assert_eq!(kind("Patient").reference("name"), None);
    }
}
