//! What a search gives and what it looks into, parameter by parameter (R4 section 3.1.1).

use crate::patient::{Patient, is_id};
use crate::query::{Query, values};
use crate::{NotUnderstood, Reach, ResourceType};

/// How many references one parameter may follow.
const DEEPEST: usize = 8;

/// What stands behind a parameter's name (R4 section 3.1.1.4.5), types of resources aside.
const MODIFIERS: [&str; 13] = [
    "missing",
    "exact",
    "contains",
    "text",
    "not",
    "above",
    "below",
    "in",
    "not-in",
    "of-type",
    "identifier",
    "iterate",
    "recurse",
];

/// Parameters that say of the answer how it is given, and reach nothing. Those without a place in R4 are
/// what widely used servers page with.
const OF_THE_ANSWER: [&str; 18] = [
    "_count",
    "_summary",
    "_elements",
    "_total",
    "_pretty",
    "_format",
    "_since",
    "_at",
    "_offset",
    "_page",
    "_page_token",
    "_cursor",
    "_getpagesoffset",
    "_pageId",
    "_bundletype",
    "_fields",
    "_maxresults",
    "_score",
];

/// Parameters that every type has and that look into nothing else.
const OF_EVERY_TYPE: [&str; 8] =
    ["_id", "_lastUpdated", "_tag", "_profile", "_security", "_text", "_content", "_source"];

/// What a search reaches.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    /// The types that it may give.
    pub(crate) gives: Reach,
    /// The types that it looks into, those that it gives among them.
    pub(crate) looks: Reach,
    /// The patients that it names.
    pub(crate) patients: Vec<Patient>,
}

/// Tells whether a parameter of this name could choose what is found.
pub(crate) fn is_criterion(name: &str) -> bool {
    !OF_THE_ANSWER.contains(&name)
}

impl Search {
    /// Reads `query`, a search of `kinds`.
    pub(crate) fn read(kinds: &Reach, query: &Query) -> Result<Self, NotUnderstood> {
        let mut search = Self { gives: kinds.clone(), looks: kinds.clone(), patients: Vec::new() };
        for (name, value) in query.pairs() {
            search.parameter(kinds, name, value)?;
        }
        let gives = search.gives.clone();
        search.looks.add(&gives);
        Ok(search)
    }

    fn parameter(&mut self, kinds: &Reach, name: &str, value: &str) -> Result<(), NotUnderstood> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:$".contains(&byte);
        if name.is_empty() || !name.bytes().all(plain) {
            return Err(wrong(name, "is no name of a parameter"));
        }
        match name.split(':').next().unwrap_or_default() {
            "_include" => self.include(name, value),
            "_revinclude" => self.revinclude(name, value),
            "_sort" => values(value).try_for_each(|key| self.sort(kinds, key.trim_start_matches('-'))),
            // A page of a search made before, whatever that was of.
            "_getpages" => {
                self.gives = Reach::Every;
                Ok(())
            }
            "_list" => {
                self.looks.add(&Reach::one(ResourceType::LIST));
                Ok(())
            }
            // What is searched of; see `types`.
            "_type" => Ok(()),
            "_contained" if value == "false" => Ok(()),
            // They look anywhere, by an expression or a name.
            "_filter" | "_query" | "_contained" | "_containedType" => {
                Err(wrong(name, "can reach anything, and is not taken"))
            }
            "_has" => self.criterion(kinds, name, value, 0),
            own if own.starts_with('_') && !OF_THE_ANSWER.contains(&own) && !own.contains('.') => {
                if !OF_EVERY_TYPE.contains(&own) {
                    return Err(wrong(name, "is not known"));
                }
                self.criterion(kinds, name, value, 0)
            }
            _ => self.criterion(kinds, name, value, 0),
        }
    }

    /// `_include=SOURCE:PARAMETER[:TARGET]` gives what results refer to.
    fn include(&mut self, name: &str, value: &str) -> Result<(), NotUnderstood> {
        check_iterate(name)?;
        if value == "*" {
            self.gives = Reach::Every;
            return Ok(());
        }
        let (source, parameter, target) = parts(name, value)?;
        let leads = source.reference(parameter);
        self.gives.add(&match (target, leads) {
            (Some(target), _) => Reach::one(target),
            (None, Some(leads)) => leads,
            (None, None) if parameter == "*" => Reach::Every,
            (None, None) => {
                return Err(wrong(name, "names a reference that R4 does not have; say its target, too"));
            }
        });
        Ok(())
    }

    /// `_revinclude=SOURCE:PARAMETER[:TARGET]` gives what refers to results.
    fn revinclude(&mut self, name: &str, value: &str) -> Result<(), NotUnderstood> {
        check_iterate(name)?;
        if value == "*" {
            self.gives = Reach::Every;
            return Ok(());
        }
        let (source, _, _) = parts(name, value)?;
        self.gives.add(&Reach::one(source));
        Ok(())
    }

    /// Some servers sort by what is behind a reference, which tells of it.
    fn sort(&mut self, kinds: &Reach, key: &str) -> Result<(), NotUnderstood> {
        if key.contains('.') || key.starts_with("_has") { self.criterion(kinds, key, "", 0) } else { Ok(()) }
    }

    /// What results must meet, on whichever of `kinds`.
    fn criterion(
        &mut self,
        kinds: &Reach,
        name: &str,
        value: &str,
        depth: usize,
    ) -> Result<(), NotUnderstood> {
        if depth >= DEEPEST {
            return Err(NotUnderstood::TooMuch(format!(
                "a parameter follows more than {DEEPEST} references"
            )));
        }
        // R4 section 3.1.1.4.8: _has:TYPE:REFERENCE:PARAMETER
        if let Some(reverse) = name.strip_prefix("_has:") {
            let mut parts = reverse.splitn(3, ':');
            let kind = parts.next().and_then(ResourceType::named);
            let (Some(kind), Some(_), Some(rest)) = (kind, parts.next(), parts.next()) else {
                return Err(wrong(name, "is not _has:TYPE:REFERENCE:PARAMETER"));
            };
            let kinds = Reach::one(kind);
            self.looks.add(&kinds);
            return self.criterion(&kinds, rest, value, depth + 1);
        }
        // R4 section 3.1.1.4.7: REFERENCE[:TYPE].PARAMETER
        if let Some((reference, rest)) = name.split_once('.') {
            let leads = match reference.split_once(':') {
                Some((_, kind)) => Reach::one(
                    ResourceType::named(kind)
                        .ok_or_else(|| wrong(name, "names a type that R4 does not have"))?,
                ),
                None => leads(kinds, reference).ok_or_else(|| {
                    wrong(
                        name,
                        "follows a reference that R4 does not have; say where to, as in x:Patient.name",
                    )
                })?,
            };
            self.looks.add(&leads);
            return self.criterion(&leads, rest, value, depth + 1);
        }
        let (parameter, modifier) = match name.split_once(':') {
            Some((parameter, modifier)) => (parameter, Some(modifier)),
            None => (name, None),
        };
        let kind = modifier.and_then(ResourceType::named);
        if modifier.is_some_and(|modifier| !MODIFIERS.contains(&modifier)) && kind.is_none() {
            return Err(wrong(name, "has a modifier that R4 does not have"));
        }
        if modifier == Some("missing") {
            return Ok(());
        }
        let to_patient = match kind {
            Some(kind) => kind == ResourceType::PATIENT,
            None => leads(kinds, parameter).is_some_and(|leads| leads.has(ResourceType::PATIENT)),
        };
        let of_patient = kinds.has(ResourceType::PATIENT);
        for value in values(value) {
            if Patient::in_text(&value, &mut self.patients) {
                continue;
            }
            if (to_patient && modifier == Some("identifier")) || (of_patient && parameter == "identifier") {
                self.patients.push(Patient::token(&value));
            } else if is_id(&value) && (to_patient || (of_patient && parameter == "_id")) {
                self.patients.push(Patient::id(&value));
            }
        }
        Ok(())
    }
}

/// The types that `_type` restricts a search of everything to (R4 section 3.1.1.2).
pub(crate) fn types(query: &Query) -> Result<Reach, NotUnderstood> {
    let mut kinds: Option<Reach> = None;
    for (name, value) in query.pairs().filter(|(name, _)| *name == "_type") {
        let named = values(value).map(|kind| {
            ResourceType::named(&kind).ok_or_else(|| wrong(name, "names a type that R4 does not have"))
        });
        // Given twice, servers could take either.
        let named = Reach::These(named.collect::<Result<_, _>>()?);
        kinds.get_or_insert(Reach::NOTHING).add(&named);
    }
    Ok(kinds.filter(|kinds| *kinds != Reach::NOTHING).unwrap_or(Reach::Every))
}

/// Where `parameter` leads on those of `kinds` that have it.
fn leads(kinds: &Reach, parameter: &str) -> Option<Reach> {
    match kinds {
        // On some type it leads somewhere.
        Reach::Every => Some(Reach::Every),
        Reach::These(kinds) => {
            let mut leads = kinds.iter().filter_map(|kind| kind.reference(parameter));
            let mut all = leads.next()?;
            leads.for_each(|more| all.add(&more));
            Some(all)
        }
    }
}

type Parts<'a> = (ResourceType, &'a str, Option<ResourceType>);

fn parts<'a>(name: &str, value: &'a str) -> Result<Parts<'a>, NotUnderstood> {
    let wrong = || wrong(name, "is not TYPE:REFERENCE or TYPE:REFERENCE:TYPE, one a parameter");
    let mut parts = value.splitn(3, ':');
    let source = parts.next().and_then(ResourceType::named).ok_or_else(wrong)?;
    let reference = parts.next().ok_or_else(wrong)?;
    let target = parts.next().map(|kind| ResourceType::named(kind).ok_or_else(wrong)).transpose()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if reference != "*" && !reference.bytes().all(plain) {
        return Err(wrong());
    }
    Ok((source, reference, target))
}

fn check_iterate(name: &str) -> Result<(), NotUnderstood> {
    match name.split_once(':') {
        None | Some((_, "iterate" | "recurse")) => Ok(()),
        Some(_) => Err(wrong(name, "has a modifier that R4 does not have")),
    }
}

fn wrong(name: &str, what: &str) -> NotUnderstood {
    let name: String = name.chars().take(64).collect();
    NotUnderstood::Parameter(format!("the parameter {name} {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(kind: &str, query: &str) -> Result<Search, NotUnderstood> {
        Search::read(&Reach::one(ResourceType::named(kind).unwrap()), &Query::read(query).unwrap())
    }

    fn reach(kind: &str, query: &str) -> (String, String) {
        let search = search(kind, query).unwrap();
        (search.gives.to_string(), search.looks.to_string())
    }

    fn patients(kind: &str, query: &str) -> Vec<String> {
        search(kind, query).unwrap().patients.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_search_gives_what_it_is_of_and_what_it_includes() {
        assert_eq!(reach("Patient", "name=x&_count=3").0, "Patient");
        assert_eq!(reach("Observation", "_include=Observation:patient").0, "Observation Patient");
        assert_eq!(reach("Observation", "_include=Observation:subject:Group").0, "Group Observation");
        assert_eq!(reach("Observation", "_include=Observation:focus").0, "*");
        assert_eq!(reach("Observation", "_include=*").0, "*");
        assert_eq!(reach("Observation", "_include:iterate=Patient:*").0, "*");
        assert_eq!(reach("Patient", "_revinclude=Observation:subject").0, "Observation Patient");
        assert_eq!(reach("Patient", "_revinclude=*").0, "*");
        assert_eq!(reach("Patient", "_getpages=2f1a").0, "*");
    }

    #[test]
    fn a_search_looks_into_whatever_its_parameters_follow() {
        assert_eq!(
            reach("Observation", "patient.name=x"),
            ("Observation".into(), "Observation Patient".into())
        );
        assert_eq!(reach("Observation", "subject:Patient.name=x").1, "Observation Patient");
        assert_eq!(reach("Observation", "subject.name=x").1, "Device Group Location Observation Patient");
        assert_eq!(reach("Observation", "patient.organization.name=x").1, "Observation Organization Patient");
        assert_eq!(reach("Patient", "_has:Observation:patient:code=x").1, "Observation Patient");
        assert_eq!(
            reach("Patient", "_has:Observation:patient:_has:AuditEvent:entity:agent.name=x").1,
            "AuditEvent Device Observation Organization Patient Practitioner PractitionerRole RelatedPerson"
        );
        assert_eq!(reach("Observation", "_sort=-date,patient.birthdate").1, "Observation Patient");
        assert_eq!(reach("Patient", "_list=5").1, "List Patient");
    }

    #[test]
    fn what_reaches_nobody_knows_where_is_refused() {
        for query in [
            "_filter=name eq x",
            "_query=everything",
            "_contained=true",
            "_containedType=container",
            "_unknown=1",
            "_method=DELETE",
            "foo.name=x",
            "subject:Nothing.name=x",
            "subject:nothing=x",
            "_include=Observation",
            "_include=Observation:foo",
            "_include=Observation:subject,Observation:focus",
            "_include=Nothing:subject",
            "_include:other=Observation:subject",
            "_has:Observation:patient=x",
            "_has:Nothing:patient:code=x",
            "=x",
            "a b=x",
            "a%5Bb%5D=x",
        ] {
            assert!(matches!(search("Observation", query), Err(NotUnderstood::Parameter(_))), "{query}");
        }
        let deep = format!("{}code=x", "has-member:Observation.".repeat(9));
        assert!(matches!(search("Observation", &deep), Err(NotUnderstood::TooMuch(_))));
    }

    #[test]
    fn a_search_names_patients_by_reference_id_and_identifier() {
        assert_eq!(patients("Observation", "patient=1,Patient/2"), ["Patient/1", "Patient/2"]);
        assert_eq!(patients("Observation", "subject=Patient/1&subject=Group/2"), ["Patient/1"]);
        assert_eq!(patients("Observation", "subject:Patient=1&subject:Group=2"), ["Patient/1"]);
        assert_eq!(patients("Observation", "patient:identifier=http://ids|7"), ["http://ids|7"]);
        assert_eq!(
            patients("Observation", "patient.identifier=http://ids|7&patient._id=3"),
            ["http://ids|7", "Patient/3"]
        );
        assert_eq!(patients("Observation", "_id=1&identifier=2&patient:missing=true&encounter=4"), [""; 0]);
        assert_eq!(patients("Patient", "_id=1,2&identifier=a|b,c"), ["Patient/1", "Patient/2", "a|b", "|c"]);
        assert_eq!(patients("Patient", "link=5"), ["Patient/5"]);
        assert_eq!(patients("Basic", "own=https://a.example/Patient/1"), ["https://a.example/Patient/1"]);
        assert_eq!(patients("Patient", "_has:Observation:patient:performer=Patient/9"), ["Patient/9"]);
    }

    #[test]
    fn a_search_of_everything_is_of_the_types_it_says() {
        let types = |query| types(&Query::read(query).unwrap()).map(|kinds| kinds.to_string());
        assert_eq!(types("_type=Patient,Observation&_type=Group").unwrap(), "Group Observation Patient");
        assert_eq!(types("_type=").unwrap(), "*");
        assert_eq!(types("_lastUpdated=gt2020").unwrap(), "*");
        assert!(types("_type=Patient,Nothing").is_err());
    }
}
