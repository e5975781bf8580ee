//! One element of a resource while it is read: what it has, what of that was looked at.

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::json::Json;
use super::read::Error;
use crate::text::{Octets, Text, Uri};

/// More that the model has no place for than anybody has a use for knowing.
const MAX_LEFT_OUT: usize = 256;

/// An object at a place of the resource.
pub(super) struct Node<'a, 'b> {
    pub(super) at: String,
    members: &'a [(String, Json)],
    asked: Vec<&'static str>,
    left_out: &'b mut Vec<String>,
}

impl<'a, 'b> Node<'a, 'b> {
    pub(super) fn new(at: String, value: &'a Json, left_out: &'b mut Vec<String>) -> Result<Self, Error> {
        match value {
            Json::Object(members) if !members.is_empty() => {
                Ok(Self { at, members, asked: Vec::new(), left_out })
            }
            Json::Object(_) => Err(Error::wrong(at, "empty: FHIR has no empty objects")),
            _ => Err(Error::wrong(at, "no object")),
        }
    }

    /// A member as it stands there.
    pub(super) fn member(&mut self, name: &'static str) -> Option<&'a Json> {
        self.asked.push(name);
        self.members.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// One element that may be there.
    pub(super) fn one<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Node<'a, '_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let Some(value) = self.member(name) else { return Ok(None) };
        read(Node::new(self.path(name), value, self.left_out)?).map(Some)
    }

    /// All elements of a list that may be there.
    pub(super) fn all<T>(
        &mut self,
        name: &'static str,
        read: fn(Node<'a, '_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let at = self.path(name);
        let values = self.list(name)?.iter().enumerate();
        values
            .map(|(index, value)| read(Node::new(format!("{at}[{index}]"), value, self.left_out)?))
            .collect()
    }

    /// A list that may be there.
    pub(super) fn list(&mut self, name: &'static str) -> Result<&'a [Json], Error> {
        match self.member(name) {
            None => Ok(&[]),
            Some(Json::List(values)) if !values.is_empty() => Ok(values),
            Some(Json::List(_)) => Err(self.wrong_in(name, "empty: FHIR has no empty lists")),
            Some(_) => Err(self.wrong_in(name, "no list")),
        }
    }

    /// FHIR's primitive types that are strings.
    fn string(&mut self, name: &'static str) -> Result<Option<&'a str>, Error> {
        match self.member(name) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong_in(name, "no string")),
        }
    }

    /// What `read` makes of a string that may be there.
    pub(super) fn spelled<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
        why: &str,
    ) -> Result<Option<T>, Error> {
        let Some(text) = self.string(name)? else { return Ok(None) };
        read(text).map(Some).ok_or_else(|| self.wrong_in(name, why))
    }

    /// FHIR's `string`.
    pub(super) fn text(&mut self, name: &'static str) -> Result<Option<Text>, Error> {
        self.spelled(name, Text::exactly, "empty, or with control characters")
    }

    /// FHIR's `uri`.
    pub(super) fn uri(&mut self, name: &'static str) -> Result<Option<Uri>, Error> {
        self.spelled(name, Uri::exactly, "empty, or with spaces")
    }

    /// FHIR's `base64Binary`, in which white space says nothing.
    pub(super) fn base64(&mut self, name: &'static str) -> Result<Option<Octets>, Error> {
        let read = |spelled: &str| {
            let spelled: String = spelled.split_ascii_whitespace().collect();
            Octets::some(BASE64_STANDARD.decode(spelled).ok()?)
        };
        self.spelled(name, read, "no base64, or none of anything")
    }

    /// Something that has to be there.
    pub(super) fn required<T>(&self, name: &str, value: Option<T>) -> Result<T, Error> {
        value.ok_or_else(|| self.wrong_in(name, "missing"))
    }

    /// Names a member for which the model has no place.
    pub(super) fn leave_out(&mut self, name: &str) -> Result<(), Error> {
        self.left_out.push(if name.is_empty() { self.at.clone() } else { self.path(name) });
        if self.left_out.len() > MAX_LEFT_OUT {
            Err(Error::TooMuch("elements that there is no place for"))
        } else {
            Ok(())
        }
    }

    /// Names all that was not looked at. `known` is what R4 has here besides.
    pub(super) fn done(mut self, known: &[&str]) -> Result<(), Error> {
        for (name, value) in self.members {
            if self.asked.contains(&name.as_str()) {
                continue;
            }
            // Extensions and ids of primitive values stand beside them.
            let plain = name.strip_prefix('_').unwrap_or(name);
            let is_asked_beside = name.starts_with('_') && self.asked.contains(&plain);
            if name == "modifierExtension" || name == "implicitRules" {
                return Err(self.wrong_in(name, "could change what all else means, and is not understood"));
            }
            let is_known =
                known.contains(&plain) || is_asked_beside || ["id", "extension"].contains(&name.as_str());
            if !is_known {
                return Err(self.wrong_in(name, "R4 has no such element here"));
            }
            let says_nothing = match value {
                Json::Null => true,
                Json::Text(text) => text.is_empty(),
                Json::List(values) => values.is_empty(),
                Json::Object(members) => members.is_empty(),
                Json::Bool(_) | Json::Number => false,
            };
            if says_nothing {
                return Err(self.wrong_in(name, "empty"));
            }
            self.leave_out(name)?;
        }
        Ok(())
    }

    pub(super) fn wrong_in(&self, name: &str, why: &str) -> Error {
        Error::wrong(self.path(name), why)
    }

    fn path(&self, name: &str) -> String {
        format!("{}.{name}", self.at)
    }
}
