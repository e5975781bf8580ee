//! An audit message as an event.

use super::element::Element;
use super::participant::{object, participant, source};
use super::spelling::system;
use crate::coded::Coded;
use crate::fhir::instant;
use crate::model::{Action, Event, Outcome};
use crate::text::Text;
use crate::{Concept, Read};

/// Why bytes are no audit message: the sender's to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// They are no XML, or XML with what is not read here.
    #[error("not XML that is read here: {0}")]
    NotXml(String),
    /// More than is read at once.
    #[error("too many {0}")]
    TooMuch(&'static str),
    /// XML, but not as DICOM PS3.15 section A.5 or RFC 3881 has it.
    #[error("{at}: {why}")]
    Wrong {
        /// Where, by the names of elements, those that may stand often counted from 0.
        at: String,
        /// What is wrong there.
        why: String,
    },
}

/// Reads a message in DICOM's form or in that of RFC 3881: UTF-8, with or without a byte order mark, [`MAX_BYTES`]
/// at most, without a document type.
///
/// What the message says and the model has no place for is named in [`Read::left_out`].
///
/// [`MAX_BYTES`]: super::MAX_BYTES
///
/// # Errors
///
/// [`Error`] says where the message is not what it should be. Nothing is made of a message that is wrong in part.
pub fn read(message: &[u8]) -> Result<Read, Error> {
    let root = Element::read(message)?;
    if root.name != "AuditMessage" {
        return Err(Error::Wrong { at: root.name, why: "not an AuditMessage".to_owned() });
    }
    let mut left_out = Vec::new();
    let mut message = Part::new("AuditMessage".to_owned(), &root, &mut left_out);
    let mut identification = message.one("EventIdentification")?;
    let kind = identification.one("EventID")?.coded()?;
    let subtypes = identification.all("EventTypeCode", |mut code| code.coded())?;
    let description = identification.all("EventOutcomeDescription", text)?;
    let purposes = identification.all("PurposeOfUse", |mut code| Ok(Concept::from(code.coded()?)))?;
    let action = identification.attribute("EventActionCode").map(Action::from_code);
    if action == Some(None) {
        return Err(identification.wrong("@EventActionCode is none of C, R, U, D, E"));
    }
    let recorded = identification.required("EventDateTime")?;
    let recorded = instant::read(recorded).ok_or_else(|| {
        identification.wrong("@EventDateTime is no time with a zone, as 2026-11-21T20:30:00Z is")
    })?;
    let outcome = Outcome::from_code(identification.required("EventOutcomeIndicator")?)
        .ok_or_else(|| identification.wrong("@EventOutcomeIndicator is none of 0, 4, 8, 12"))?;
    identification.done()?;

    let mut agents = message.all("ActiveParticipant", participant)?.into_iter();
    let Some(first) = agents.next() else { return Err(message.wrong("no ActiveParticipant")) };
    let mut sources = message.all("AuditSourceIdentification", source)?.into_iter();
    let Some(source) = sources.next() else { return Err(message.wrong("no AuditSourceIdentification")) };
    let entities = message.all("ParticipantObjectIdentification", object)?.into_iter().flatten().collect();
    message.done()?;
    // RFC 3881 lets several say that they saw it.
    left_out.extend(
        sources
            .enumerate()
            .map(|(index, _)| format!("AuditMessage.AuditSourceIdentification[{}]", index + 1)),
    );
    if description.len() > 1 {
        left_out.push("AuditMessage.EventIdentification.EventOutcomeDescription[1]".to_owned());
    }

    let mut event = Event::new(kind, recorded, first, source);
    event.subtypes = subtypes;
    event.action = action.flatten();
    event.outcome = Some(outcome);
    event.outcome_description = description.into_iter().flatten().next();
    event.purposes = purposes;
    agents.for_each(|agent| event.add_agent(agent));
    event.entities = entities;
    Ok(Read { event, left_out })
}

/// An element that is being read: what is next in it, and what of it nobody asked for.
pub(super) struct Part<'a, 'b> {
    at: String,
    element: &'a Element,
    /// How many of its children were taken.
    taken: usize,
    asked: Vec<&'static str>,
    left_out: &'b mut Vec<String>,
}

impl<'a, 'b> Part<'a, 'b> {
    fn new(at: String, element: &'a Element, left_out: &'b mut Vec<String>) -> Self {
        Self { at, element, taken: 0, asked: Vec::new(), left_out }
    }

    /// The next child, which has to be there.
    pub(super) fn one(&mut self, name: &str) -> Result<Part<'a, '_>, Error> {
        let next = self.element.children.get(self.taken).filter(|child| child.name == name);
        let Some(element) = next else { return Err(self.wrong(&format!("no {name} where it belongs"))) };
        self.taken += 1;
        Ok(Part::new(format!("{}.{name}", self.at), element, self.left_out))
    }

    /// The next children, as many as are there.
    pub(super) fn all<T>(
        &mut self,
        name: &str,
        mut read: impl FnMut(Part<'a, '_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut found = Vec::new();
        while let Some(element) = self.element.children.get(self.taken).filter(|child| child.name == name) {
            self.taken += 1;
            let at = format!("{}.{name}[{}]", self.at, found.len());
            found.push(read(Part::new(at, element, self.left_out))?);
        }
        Ok(found)
    }

    /// An attribute that says something.
    pub(super) fn attribute(&mut self, name: &'static str) -> Option<&'a str> {
        self.asked.push(name);
        self.element.attribute(name).filter(|value| !value.trim().is_empty())
    }

    /// An attribute that has to be there, and may be empty.
    pub(super) fn required(&mut self, name: &'static str) -> Result<&'a str, Error> {
        self.asked.push(name);
        self.element.attribute(name).ok_or_else(|| self.wrong(&format!("no @{name}")))
    }

    /// What stands in it and has to be base64. White space in it says nothing.
    pub(super) fn base64(&self, spelled: &str) -> Result<Vec<u8>, Error> {
        use base64::{Engine as _, prelude::BASE64_STANDARD};
        let spelled: String = spelled.split_ascii_whitespace().collect();
        BASE64_STANDARD.decode(spelled).map_err(|_| self.wrong("no base64"))
    }

    /// Its text, as it stands there.
    pub(super) fn raw_text(&self) -> &'a str {
        &self.element.text
    }

    /// A coded value: DICOM's `csd-code`, or RFC 3881's `code`.
    pub(super) fn coded(&mut self) -> Result<Coded, Error> {
        let Some(coded) = self.coded_if_any() else { return Err(self.wrong("no @csd-code")) };
        self.done()?;
        Ok(coded)
    }

    /// The same, where there may be none.
    pub(super) fn coded_if_any(&mut self) -> Option<Coded> {
        let (dicom, rfc_3881) = (self.attribute("csd-code"), self.attribute("code"));
        let name = self.attribute("codeSystemName").unwrap_or_default();
        let oid = self.attribute("codeSystem").unwrap_or_default();
        let (original, display) = (self.attribute("originalText"), self.attribute("displayName"));
        let code = dicom.or(rfc_3881)?;
        let display = original.filter(|text| *text != code).or(display);
        Some(Coded::new(system(name, oid), code, display.and_then(Text::some)))
    }

    /// Names what nobody asked for: attributes, and elements that DICOM has behind those that are read.
    pub(super) fn done(&mut self) -> Result<(), Error> {
        let unasked = self.element.attributes.iter().filter(|(name, _)| !self.asked.contains(&name.as_str()));
        self.left_out.extend(unasked.map(|(name, _)| format!("{}.@{name}", self.at)));
        let Some(rest) = self.element.children.get(self.taken..) else { return Ok(()) };
        if !rest.is_empty() && !self.element.text.trim().is_empty() {
            return Err(self.wrong("text between elements"));
        }
        for child in rest {
            if !LEFT_OUT.contains(&child.name.as_str()) {
                return Err(self.wrong(&format!("{} does not belong here", child.name)));
            }
            self.left_out.push(format!("{}.{}", self.at, child.name));
        }
        Ok(())
    }

    /// Names this element itself, of which nothing is made.
    pub(super) fn leave_out(self) {
        self.left_out.push(self.at);
    }

    /// That something is wrong here.
    pub(super) fn wrong(&self, why: &str) -> Error {
        Error::Wrong { at: self.at.clone(), why: why.to_owned() }
    }
}

/// What stands in an element, where nothing else does.
pub(super) fn text(mut part: Part<'_, '_>) -> Result<Option<Text>, Error> {
    part.done()?;
    Ok(Text::exactly(part.raw_text()))
}

/// Elements of DICOM about images (PS3.15 section A.5.1), which the model has no place for.
const LEFT_OUT: [&str; 6] =
    ["MPPS", "Accession", "SOPClass", "ParticipantObjectContainsStudy", "Encrypted", "Anonymized"];
