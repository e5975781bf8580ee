//! Which place a path below the service leads to.

use std::fmt;

use percent_encoding::percent_decode_str;

use crate::patient::is_id;
use crate::{NotUnderstood, ResourceType};

/// A place on a FHIR server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Base,
    Metadata,
    /// `_search`, in one scope.
    Search(Scope),
    /// `_history`
    History(Scope),
    /// `$NAME`
    Operation(Scope, String),
    Type(ResourceType),
    Instance(ResourceType, String),
    Version(ResourceType, String, String),
    /// All of one type, or of every type, in an instance's compartment.
    Compartment(ResourceType, String, Option<ResourceType>),
}

/// What something is done in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Server,
    Type(ResourceType),
    Instance(ResourceType, String),
    /// As [`Place::Compartment`].
    Compartment(ResourceType, String, Option<ResourceType>),
}

impl Place {
    /// Reads a path that is empty or begins with a slash.
    pub(crate) fn read(path: &str) -> Result<Self, NotUnderstood> {
        if ["", "/"].contains(&path) {
            return Ok(Self::Base);
        }
        // One slash at the end says nothing.
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = path.strip_suffix('/').unwrap_or(path);
        let segments = path.split('/').map(segment).collect::<Result<Vec<String>, _>>()?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match segments.as_slice() {
            ["metadata"] => Ok(Self::Metadata),
            ["_search"] => Ok(Self::Search(Scope::Server)),
            ["_history"] => Ok(Self::History(Scope::Server)),
            [name] if name.starts_with('$') => Ok(Self::Operation(Scope::Server, operation(name)?)),
            [kind] => Ok(Self::Type(resource_type(kind)?)),
            [kind, rest @ ..] => Self::below(resource_type(kind)?, rest),
            [] => Ok(Self::Base),
        }
    }

    fn below(kind: ResourceType, rest: &[&str]) -> Result<Self, NotUnderstood> {
        match rest {
            ["_search"] => Ok(Self::Search(Scope::Type(kind))),
            ["_history"] => Ok(Self::History(Scope::Type(kind))),
            [name] if name.starts_with('$') => Ok(Self::Operation(Scope::Type(kind), operation(name)?)),
            [id, rest @ ..] => Self::of_instance(kind, self::id(id)?, rest),
            [] => Ok(Self::Type(kind)),
        }
    }

    fn of_instance(kind: ResourceType, id: String, rest: &[&str]) -> Result<Self, NotUnderstood> {
        match rest {
            [] => Ok(Self::Instance(kind, id)),
            ["_history"] => Ok(Self::History(Scope::Instance(kind, id))),
            ["_history", version] => Ok(Self::Version(kind, id, self::id(version)?)),
            [name] if name.starts_with('$') => {
                Ok(Self::Operation(Scope::Instance(kind, id), operation(name)?))
            }
            [of] if kind.has_compartments() => match *of {
                "_search" => Ok(Self::Search(Scope::Compartment(kind, id, None))),
                "*" => Ok(Self::Compartment(kind, id, None)),
                of => Ok(Self::Compartment(kind, id, Some(resource_type(of)?))),
            },
            [of, "_search"] if kind.has_compartments() => {
                Ok(Self::Search(Scope::Compartment(kind, id, Some(resource_type(of)?))))
            }
            _ => Err(NotUnderstood::Path("R4 has no such interaction".into())),
        }
    }
}

impl Place {
    /// Writes it without ids, so that it names nobody.
    pub(crate) fn pattern(&self) -> String {
        let id = || "{id}".to_owned();
        let scope = |scope: &Scope| match scope {
            Scope::Server => Scope::Server,
            Scope::Type(kind) => Scope::Type(*kind),
            Scope::Instance(kind, _) => Scope::Instance(*kind, id()),
            Scope::Compartment(kind, _, of) => Scope::Compartment(*kind, id(), *of),
        };
        let without = match self {
            Self::Base => Self::Base,
            Self::Metadata => Self::Metadata,
            Self::Search(of) => Self::Search(scope(of)),
            Self::History(of) => Self::History(scope(of)),
            Self::Operation(of, name) => Self::Operation(scope(of), name.clone()),
            Self::Type(kind) => Self::Type(*kind),
            Self::Instance(kind, _) => Self::Instance(*kind, id()),
            Self::Version(kind, _, _) => Self::Version(*kind, id(), id()),
            Self::Compartment(kind, _, of) => Self::Compartment(*kind, id(), *of),
        };
        without.to_string()
    }
}

impl fmt::Display for Place {
    /// Writes the path in our spelling.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base => f.write_str("/"),
            Self::Metadata => f.write_str("/metadata"),
            Self::Search(scope) => write!(f, "{scope}/_search"),
            Self::History(scope) => write!(f, "{scope}/_history"),
            Self::Operation(scope, name) => write!(f, "{scope}/${name}"),
            Self::Type(kind) => write!(f, "/{kind}"),
            Self::Instance(kind, id) => write!(f, "/{kind}/{id}"),
            Self::Version(kind, id, version) => write!(f, "/{kind}/{id}/_history/{version}"),
            Self::Compartment(kind, id, None) => write!(f, "/{kind}/{id}/*"),
            Self::Compartment(kind, id, Some(of)) => write!(f, "/{kind}/{id}/{of}"),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => Ok(()),
            Self::Type(kind) => write!(f, "/{kind}"),
            Self::Instance(kind, id) | Self::Compartment(kind, id, None) => write!(f, "/{kind}/{id}"),
            Self::Compartment(kind, id, Some(of)) => write!(f, "/{kind}/{id}/{of}"),
        }
    }
}

/// Decodes a segment once; what then is anything but a name is refused.
fn segment(text: &str) -> Result<String, NotUnderstood> {
    let decoded = percent_decode_str(text).decode_utf8_lossy();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._$*".contains(&byte);
    if decoded.is_empty() || !decoded.bytes().all(plain) {
        return Err(NotUnderstood::Path(
            "a part of it is empty, or has a character that no name in FHIR has".into(),
        ));
    }
    Ok(decoded.into_owned())
}

fn resource_type(name: &str) -> Result<ResourceType, NotUnderstood> {
    // Not quoted either: somebody could have left the type out.
    ResourceType::named(name).ok_or_else(|| NotUnderstood::Path("R4 has no such type of resource".into()))
}

fn id(text: &str) -> Result<String, NotUnderstood> {
    // It is not quoted: whoever is named there is named in no error.
    if is_id(text) {
        Ok(text.to_owned())
    } else {
        Err(NotUnderstood::Path("a part of it is no id of R4".into()))
    }
}

/// What it gives is no resource, so nobody knows whom that names.
const GRAPHQL: &str = "graphql";

fn operation(name: &str) -> Result<String, NotUnderstood> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match name.strip_prefix('$') {
        Some(name) if name.eq_ignore_ascii_case(GRAPHQL) => Err(NotUnderstood::Parameter(
            "$graphql is not taken: nobody could tell whom its answer names".into(),
        )),
        Some(name) if (1..=64).contains(&name.len()) && name.bytes().all(plain) => Ok(name.to_owned()),
        _ => Err(NotUnderstood::Path("this is no name of an operation".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_one_place_or_nowhere() {
        let patient = ResourceType::PATIENT;
        let one = || "1".to_owned();
        let operation = |scope, name: &str| Place::Operation(scope, name.into());
        for (path, place) in [
            ("", Place::Base),
            ("/", Place::Base),
            ("/metadata", Place::Metadata),
            ("/Patient", Place::Type(patient)),
            ("/Patient/", Place::Type(patient)),
            ("/%50atient/1", Place::Instance(patient, one())),
            ("/Patient/1/_history/2", Place::Version(patient, one(), "2".into())),
            ("/Patient/1/%24everything", operation(Scope::Instance(patient, one()), "everything")),
            ("/$export", operation(Scope::Server, "export")),
            ("/Patient/1/*", Place::Compartment(patient, one(), None)),
            ("/Patient/1/Patient", Place::Compartment(patient, one(), Some(patient))),
            ("/Patient/1/Patient/_search", Place::Search(Scope::Compartment(patient, one(), Some(patient)))),
        ] {
            assert_eq!(Place::read(&place.to_string()).as_ref(), Ok(&place), "{path}");
            assert_eq!(Place::read(path), Ok(place), "{path}");
        }
        for bad in [
            "//",
            "/Patient//1",
            "/patient",
            "/Nothing",
            "/Patient/..",
            "/Patient/%2e%2e/Observation",
            "/Patient%2f1",
            "/Patient/1%2f_history",
            "/Patient/1;x",
            "/Patient/\u{e9}",
            "/Patient/1/Nothing",
            "/Group/1/Observation",
            "/Patient/1/_history/2/3",
            "/Patient/1/_history/..",
            "/Patient/$",
            "/$a$b",
            "/metadata/x",
            "/_search/x",
            "/Patient/a_b",
            "/Patient/%ff",
        ] {
            assert!(matches!(Place::read(bad), Err(NotUnderstood::Path(_))), "{bad}");
        }
    }
}
