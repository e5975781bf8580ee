//! One JSON value read in one way only, and what it says: which resource it is, which patients it names.
//!
//! Nothing of it is kept but that. Names that stand twice, what is nested too deep and what is no UTF-8 are
//! refused: behind us somebody might read them otherwise.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::part::MAX_PATIENTS;
use crate::patient::{Patient, Patients, is_id};
use crate::{NotJson, ResourceType};

/// The deepest nesting that is followed.
pub const DEEPEST: usize = 96;

/// Elements that hold a reference to whom a resource is about. An identifier in one of these is a patient's,
/// unless it says that it is of something else; anywhere else it has to say `"type": "Patient"`.
pub const ABOUT: [&str; 10] = [
    "beneficiary",
    "candidate",
    "for",
    "individual",
    "other",
    "patient",
    "policyHolder",
    "sourcePatientInfo",
    "subject",
    "subscriber",
];

/// The names that are looked at. Servers that read names in any case would find them in another, too.
const LOOKED_AT: [&str; 16] = [
    "contained",
    "entry",
    "fullUrl",
    "id",
    "identifier",
    "ifNoneExist",
    "location",
    "method",
    "reference",
    "request",
    "resource",
    "resourceType",
    "response",
    "status",
    "type",
    "url",
];

/// What was found in values, in the order in which it stands there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) patients: Patients,
    /// The types of all resources, those contained in others aside. Types that R4 does not have are here, too.
    pub(crate) kinds: BTreeSet<String>,
    /// References by criteria, which a server searches for (R4 section 3.1.0.11.3).
    pub(crate) conditional: Vec<String>,
    /// Other texts that read as one. In a patch each may become one.
    pub(crate) like_conditional: Vec<String>,
}

/// Where a value stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct At<'a> {
    /// The name of the member that it is, or is in a list of.
    name: &'a str,
    /// The same of what holds that.
    outer: &'a str,
}

/// What an object says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    names: BTreeSet<String>,
    pub(crate) resource_type: Option<String>,
    pub(crate) id: Option<String>,
    /// `Bundle.type`, `Reference.type`.
    pub(crate) kind: Option<String>,
    refers: bool,
    refers_to_patient: bool,
    system: Option<String>,
    value: Option<String>,
    identifiers: Vec<(String, String)>,
    full_url: Option<String>,
    /// `Bundle.entry.response`.
    pub(crate) location: Option<String>,
    pub(crate) status: Option<String>,
    /// `Bundle.entry.request`.
    pub(crate) method: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) if_none_exist: Option<String>,
    /// `Bundle.entry`'s parts.
    pub(crate) request: Option<Box<Self>>,
    pub(crate) resource: Option<Box<Self>>,
    pub(crate) response: Option<Box<Self>>,
}

/// One value, as far as what holds it wants to know.
pub(crate) enum Seen<'a> {
    Text(Cow<'a, str>),
    Object(Box<Fields>),
    /// A list, with the identifiers in it.
    List(Vec<(String, String)>),
    Other,
}

impl Found {
    /// Begins what of a request names no more patients than one may.
    pub(crate) fn in_request() -> Self {
        Self { patients: Patients::at_most(MAX_PATIENTS), ..Self::default() }
    }
}

/// Tells whether some server takes `text` for criteria of a type: they cut off what stands before it, and slashes.
fn is_conditional(text: &str) -> bool {
    let mut before = text.split('?');
    // Nothing follows the last one.
    before.next_back();
    before.any(|path| {
        let path = path.trim_end_matches(|char: char| char == '/' || char <= ' ');
        ResourceType::in_any_case(path.rsplit('/').next().unwrap_or_default().trim())
    })
}

/// A name as servers read it that take names in any case: Unicode's letters that fold to ASCII's, too.
fn folded(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    name.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// Reads one value with nothing but blanks around it.
pub(crate) fn read<'a>(
    json: &'a [u8],
    at: At<'_>,
    depth: usize,
    found: &mut Found,
) -> Result<Seen<'a>, NotJson> {
    let fault = Cell::new(None);
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let seen = Seed { at, depth, fault: &fault, found }.deserialize(&mut deserializer);
    let seen = seen.and_then(|seen| deserializer.end().map(|()| seen));
    // serde_json's own words could quote what was sent.
    seen.map_err(|_| fault.get().unwrap_or(NotJson::Malformed))
}

impl At<'_> {
    /// At the top.
    pub(crate) const TOP: At<'static> = At { name: "", outer: "" };
    /// An entry of a Bundle.
    pub(crate) const ENTRY: At<'static> = At { name: "entry", outer: "" };

    pub(crate) fn member<'a>(&self, name: &'a str) -> At<'a>
    where
        Self: 'a,
    {
        At { name, outer: self.name }
    }
}

impl Fields {
    /// Notes that a member `name` begins.
    pub(crate) fn begin(&mut self, name: &str) -> Result<(), NotJson> {
        let folded = folded(name);
        if folded != name
            && LOOKED_AT.iter().any(|known| *known != name && known.eq_ignore_ascii_case(&folded))
        {
            return Err(NotJson::NameInAnotherCase);
        }
        if self.names.insert(folded) { Ok(()) } else { Err(NotJson::NameTwice) }
    }

    /// Takes the value of a member.
    pub(crate) fn take(&mut self, name: &str, seen: Seen<'_>, found: &mut Found) {
        match seen {
            Seen::Text(text) => self.text(name, &text, found),
            Seen::Object(object) => match name {
                "identifier" => self.identifiers.extend(object.as_identifier()),
                "request" => self.request = Some(object),
                "resource" => self.resource = Some(object),
                "response" => self.response = Some(object),
                _ => {}
            },
            Seen::List(identifiers) if name == "identifier" => self.identifiers.extend(identifiers),
            Seen::List(_) | Seen::Other => {}
        }
    }

    fn text(&mut self, name: &str, text: &str, found: &mut Found) {
        let own = || Some(text.to_owned());
        // That is told once its resource is known, which it mostly repeats.
        let names = name != "fullUrl" && Patient::in_text(text, &mut found.patients);
        match name {
            "fullUrl" => self.full_url = own(),
            "resourceType" => self.resource_type = own(),
            "id" => self.id = own(),
            "type" => self.kind = own(),
            "reference" => {
                if is_conditional(text) {
                    found.conditional.push(text.to_owned());
                }
                self.refers = true;
                self.refers_to_patient = names;
            }
            "system" => self.system = own(),
            "value" => self.value = own(),
            "location" => self.location = own(),
            "status" => self.status = own(),
            "method" => self.method = own(),
            "url" => self.url = own(),
            "ifNoneExist" => self.if_none_exist = own(),
            _ => {}
        }
        if name != "reference" && is_conditional(text) {
            found.like_conditional.push(text.to_owned());
        }
    }

    fn as_identifier(&self) -> Option<(String, String)> {
        let value = self.value.clone()?;
        Some((self.system.clone().unwrap_or_default(), value))
    }

    /// Ends the object that stands at `at`: what it names is known now.
    pub(crate) fn end(&mut self, at: At<'_>, found: &mut Found) {
        let contained = at.name == "contained";
        if let Some(kind) = &self.resource_type
            && !contained
        {
            found.kinds.insert(kind.clone());
        }
        let identified = if self.resource_type.as_deref() == Some(ResourceType::PATIENT.as_str()) {
            match &self.id {
                // The id of a contained resource names it inside its container alone.
                Some(id) if !contained => {
                    found.patients.push(Patient::id(id));
                    false
                }
                _ => true,
            }
        } else {
            self.resource_type.is_none() && self.is_reference_to_patient(at)
        };
        if identified {
            let named = self.identifiers.iter().map(|(system, value)| Patient::identifier(system, value));
            found.patients.extend(named);
        }
        let repeated = self.resource.as_ref().and_then(|resource| resource.id.as_deref());
        let mut others = Others { repeated, found: &mut found.patients };
        Patient::in_text(self.full_url.as_deref().unwrap_or_default(), &mut others);
    }

    /// Whether its identifier is a patient's (R4 section 2.3.0.2).
    fn is_reference_to_patient(&self, at: At<'_>) -> bool {
        match self.kind.as_deref() {
            _ if self.refers_to_patient => false,
            Some(kind) => kind.rsplit('/').next() == Some(ResourceType::PATIENT.as_str()),
            // Encounter.participant.individual is who treats.
            None if at.name == "individual" && at.outer == "participant" => false,
            None => !self.refers && ABOUT.contains(&at.name),
        }
    }
}

/// The patients that an entry's address names beside its resource.
struct Others<'a> {
    repeated: Option<&'a str>,
    found: &'a mut Patients,
}

impl Extend<Patient> for Others<'_> {
    fn extend<I: IntoIterator<Item = Patient>>(&mut self, patients: I) {
        self.found.extend(patients.into_iter().filter(|named| match named {
            Patient::Id(id) => Some(id.as_str()) != self.repeated,
            Patient::Elsewhere(address) => address.rsplit('/').next() != self.repeated,
            Patient::Identifier { .. } => true,
        }));
    }
}

/// Reads which instance an address is of: `TYPE/ID`, with whatever stands before it and a version behind.
pub(crate) fn instance(address: &str) -> Option<(ResourceType, String)> {
    let path = address.split_once("/_history/").map_or(address, |(path, _)| path);
    let (before, id) = path.rsplit_once('/')?;
    let kind = ResourceType::named(before.rsplit('/').next()?)?;
    is_id(id).then(|| (kind, id.to_owned()))
}

struct Seed<'a, 'f> {
    at: At<'a>,
    depth: usize,
    /// Why we, rather than serde_json, stopped.
    fault: &'a Cell<Option<NotJson>>,
    found: &'f mut Found,
}

impl Seed<'_, '_> {
    fn stop<E: de::Error>(&self, fault: NotJson) -> E {
        self.fault.set(Some(fault));
        E::custom("stopped")
    }

    fn check_depth<E: de::Error>(&self) -> Result<(), E> {
        if self.depth < DEEPEST { Ok(()) } else { Err(self.stop(NotJson::TooDeep)) }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_, '_> {
    type Value = Seen<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Seen<'de>, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_, '_> {
    type Value = Seen<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Seen<'de>, E> {
        Ok(Seen::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Seen<'de>, E> {
        Ok(Seen::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Seen<'de>, E> {
        Ok(Seen::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Seen<'de>, E> {
        Ok(Seen::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Seen<'de>, E> {
        Ok(Seen::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Seen<'de>, E> {
        Ok(Seen::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Seen<'de>, E> {
        Ok(Seen::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Seen<'de>, A::Error> {
        self.check_depth()?;
        let Self { at, depth, fault, found } = self;
        let mut identifiers = Vec::new();
        loop {
            // A list's items stand where the list does.
            let seed = Seed { at, depth: depth + 1, fault, found: &mut *found };
            match items.next_element_seed(seed)? {
                None => return Ok(Seen::List(identifiers)),
                Some(Seen::Text(text)) => {
                    Patient::in_text(&text, &mut found.patients);
                    if is_conditional(&text) {
                        found.like_conditional.push(text.into_owned());
                    }
                }
                Some(Seen::Object(object)) => identifiers.extend(object.as_identifier()),
                Some(Seen::List(_) | Seen::Other) => {}
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Seen<'de>, A::Error> {
        self.check_depth()?;
        let mut fields = Box::<Fields>::default();
        while let Some(Name(name)) = members.next_key()? {
            fields.begin(&name).map_err(|fault| self.stop(fault))?;
            let at = self.at.member(&name);
            let inner = Seed { at, depth: self.depth + 1, fault: self.fault, found: &mut *self.found };
            let seen = members.next_value_seed(inner)?;
            fields.take(&name, seen, self.found);
        }
        fields.end(self.at, self.found);
        Ok(Seen::Object(fields))
    }
}

/// The name of a member, borrowed where it has no escapes.
struct Name<'de>(Cow<'de, str>);

impl<'de> de::Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Take;
        impl<'de> Visitor<'de> for Take {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        json.deserialize_str(Take)
    }
}
