//! One thing that is asked, whether it came alone or in a Bundle.

use crate::json::{Fields, Found};
use crate::path::{Place, Scope};
use crate::query::{Query, values};
use crate::request::{allowed, written};
use crate::search::{Search, is_criterion, types};
use crate::{Interaction, NotUnderstood, Part, Patient, Reach, ResourceType};

/// How many patients a request, or an entry of a Bundle, may name: all of them are recorded with it.
pub const MAX_PATIENTS: usize = 1000;

/// What was sent along, as far as it was read.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// The resource; none if there is none, or a patch.
    pub(crate) resource: Option<Box<Fields>>,
    pub(crate) found: Found,
}

/// Reads what `method` means at `place`. The target is that of `criteria` and, as if they stood there as well, of `if_none_exist`.
pub(crate) fn part(
    method: &str,
    place: &Place,
    criteria: &Query,
    if_none_exist: Option<&Query>,
    sent: Sent,
) -> Result<Part, NotUnderstood> {
    let interaction = interaction(method, place, criteria)?;
    if if_none_exist.is_some() && interaction != Interaction::Create {
        return Err(NotUnderstood::Parameter("If-None-Exist belongs to a create".into()));
    }
    let (kind, id) = subject(place);
    check_resource(&interaction, kind, id, sent.resource.as_deref())?;

    let on = match (&interaction, kind) {
        (Interaction::SearchSystem, _) => types(criteria)?,
        (Interaction::SearchType, _) => match place {
            Place::Compartment(_, _, of) | Place::Search(Scope::Compartment(_, _, of)) => {
                of.map_or_else(|| types(criteria), |of| Ok(Reach::one(of)))?
            }
            _ => kind.map_or(Reach::Every, Reach::one),
        },
        (Interaction::Capabilities, _) => Reach::NOTHING,
        (_, Some(kind)) => Reach::one(kind),
        (_, None) => Reach::Every,
    };
    let mut part = Part {
        method: method.to_owned(),
        gives: gives(&interaction, &on),
        target: match if_none_exist {
            Some(more) => written(place, &criteria.and(more)),
            None => written(place, criteria),
        },
        pattern: place.pattern(),
        id: id.map(str::to_owned),
        searches: Reach::NOTHING,
        patients: Vec::new(),
        interaction,
        kind,
        on,
    };
    if let (Some(ResourceType::PATIENT), Some(id)) = (kind, id) {
        part.patients.push(Patient::id(id));
    }
    read_criteria(&mut part, criteria)?;
    if let Some(criteria) = if_none_exist {
        part.condition(criteria)?;
    }
    part.resources(sent.found)?;
    if part.gives.has(ResourceType::BUNDLE) {
        // Whoever may have a Bundle may have what somebody put into it.
        part.gives = Reach::Every;
    }
    part.patients.sort();
    part.patients.dedup();
    if part.patients.len() > MAX_PATIENTS {
        return Err(NotUnderstood::TooMuch(format!(
            "it names more than {MAX_PATIENTS} patients: send it in parts"
        )));
    }
    Ok(part)
}

fn interaction(method: &str, place: &Place, criteria: &Query) -> Result<Interaction, NotUnderstood> {
    let other =
        || NotUnderstood::Method { method: method.chars().take(32).collect(), allowed: allowed(place) };
    let conditional = matches!(place, Place::Type(_));
    let interaction = match (method, place) {
        ("GET" | "HEAD", Place::Metadata) => Interaction::Capabilities,
        ("GET" | "HEAD", Place::Base) | ("POST", Place::Search(Scope::Server)) => Interaction::SearchSystem,
        ("GET" | "HEAD", Place::Type(_) | Place::Compartment(..)) | ("POST", Place::Search(_)) => {
            Interaction::SearchType
        }
        ("GET" | "HEAD", Place::History(Scope::Server)) => Interaction::HistorySystem,
        ("GET" | "HEAD", Place::History(Scope::Type(_))) => Interaction::HistoryType,
        ("GET" | "HEAD", Place::History(_)) => Interaction::HistoryInstance,
        ("GET" | "HEAD" | "POST", Place::Operation(_, name)) => Interaction::Operation(name.clone()),
        ("GET" | "HEAD", Place::Instance(..)) => Interaction::Read,
        ("GET" | "HEAD", Place::Version(..)) => Interaction::Vread,
        ("POST", Place::Type(_)) => Interaction::Create,
        ("PUT", Place::Type(_) | Place::Instance(..)) => Interaction::Update,
        ("PATCH", Place::Type(_) | Place::Instance(..)) => Interaction::Patch,
        ("DELETE", Place::Type(_) | Place::Instance(..)) => Interaction::Delete,
        _ => return Err(other()),
    };
    if conditional && criteria.is_empty() && ["PUT", "PATCH", "DELETE"].contains(&method) {
        return Err(NotUnderstood::Parameter(format!(
            "{method} of a type needs criteria that say which one"
        )));
    }
    let of_instance = matches!(place, Place::Instance(..)) && ["PUT", "PATCH", "DELETE"].contains(&method);
    if of_instance && criteria.pairs().any(|(name, _)| is_criterion(name)) {
        return Err(NotUnderstood::Parameter(format!(
            "{method} of an instance takes no criteria: they could lead to another one"
        )));
    }
    Ok(interaction)
}

/// The type and the instance that a place is of.
fn subject(place: &Place) -> (Option<ResourceType>, Option<&str>) {
    let scope = match place {
        Place::Base | Place::Metadata => return (None, None),
        Place::Type(kind) => return (Some(*kind), None),
        Place::Instance(kind, id) | Place::Version(kind, id, _) | Place::Compartment(kind, id, _) => {
            return (Some(*kind), Some(id));
        }
        Place::Search(scope) | Place::History(scope) | Place::Operation(scope, _) => scope,
    };
    match scope {
        Scope::Server => (None, None),
        Scope::Type(kind) => (Some(*kind), None),
        Scope::Instance(kind, id) | Scope::Compartment(kind, id, _) => (Some(*kind), Some(id)),
    }
}

/// A resource goes where it says: whoever reads on may go by the path or by the body.
fn check_resource(
    interaction: &Interaction,
    kind: Option<ResourceType>,
    id: Option<&str>,
    resource: Option<&Fields>,
) -> Result<(), NotUnderstood> {
    let wrong = |what: String| Err(NotUnderstood::Body(what));
    let is = |resource: &Fields| resource.resource_type.clone().unwrap_or_default();
    match (interaction, resource) {
        (Interaction::Create | Interaction::Update, None) => wrong("there is no resource".into()),
        (Interaction::Create | Interaction::Update, Some(resource)) => {
            let wanted = kind.map_or("", ResourceType::as_str);
            if is(resource) != wanted {
                return wrong(format!("it is to be a {wanted}, and its resourceType says otherwise"));
            }
            match (&resource.id, id) {
                (Some(own), Some(id)) if own != id => wrong("its id is not the one in the path".into()),
                _ => Ok(()),
            }
        }
        // R4 section 3.1.0.11.1 has a JSON Patch as a Binary, in which nobody here reads.
        (Interaction::Patch, Some(resource)) if is(resource) != "Parameters" => {
            wrong("a patch is a JSON Patch, or Parameters; in a Bundle Parameters".into())
        }
        (Interaction::Patch | Interaction::Operation(_), _) | (_, None) => Ok(()),
        (_, Some(_)) => wrong(format!("{} takes none", interaction.code())),
    }
}

/// The types that an answer may hold.
fn gives(interaction: &Interaction, on: &Reach) -> Reach {
    match interaction {
        Interaction::Capabilities => {
            let both = [ResourceType::CAPABILITY_STATEMENT, ResourceType::TERMINOLOGY_CAPABILITIES];
            Reach::These(both.into())
        }
        // Nobody knows but who wrote it; a grant for it is one for whatever it gives.
        Interaction::Operation(_) => Reach::Every,
        _ => on.clone(),
    }
}

/// Reads the parameters of any interaction: servers could take those of a search at others, too.
fn read_criteria(part: &mut Part, criteria: &Query) -> Result<(), NotUnderstood> {
    if let Interaction::Operation(_) = part.interaction {
        // Operations have parameters of their own.
        for (name, value) in criteria.pairs() {
            for value in values(value) {
                Patient::in_text(&value, &mut part.patients);
                if name == "patient" && !value.contains('/') {
                    part.patients.push(Patient::id(&value));
                }
            }
        }
        return Ok(());
    }
    let search = Search::read(&part.on, criteria)?;
    let is_search = part.interaction.action() == Some(crate::Action::Search);
    let by_criteria = part.interaction.changes() && part.id.is_none() && !criteria.is_empty();
    // A read may include others, if a server does that.
    let reaches_further = search.looks != part.on;
    if is_search || by_criteria || reaches_further {
        part.searches.add(&search.looks);
    }
    part.gives.add(&search.gives);
    part.patients.extend(search.patients);
    Ok(())
}

impl Part {
    /// Takes in criteria on which it depends.
    fn condition(&mut self, criteria: &Query) -> Result<(), NotUnderstood> {
        let search = Search::read(&self.on, criteria)?;
        self.searches.add(&search.looks);
        self.patients.extend(search.patients);
        Ok(())
    }

    /// Takes in what resources in it say.
    fn resources(&mut self, found: Found) -> Result<(), NotUnderstood> {
        self.patients.extend(found.patients);
        let is_patch = self.interaction == Interaction::Patch;
        let might_refer = found.like_conditional.into_iter().filter(|_| is_patch);
        for reference in found.conditional.into_iter().chain(might_refer) {
            let by = reference.split_once('?').and_then(|(kind, by)| Some((ResourceType::named(kind)?, by)));
            let Some((kind, criteria)) = by else {
                return Err(NotUnderstood::Body(
                    "a reference by criteria is not written as in Patient?identifier=...".into(),
                ));
            };
            let search = Search::read(&Reach::one(kind), &Query::read_as_sent(criteria)?)?;
            self.searches.add(&search.looks);
            self.patients.extend(search.patients);
        }
        Ok(())
    }
}
