//! What of a request is granted: all of it, or nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use ::fhir::{Action, Interaction as Does, Part, Reach};
use http::StatusCode;

use super::super::{Allowed, Forward, Inspection, NotAllowed, Owned};
use crate::flows::policy::Granted;
use crate::flows::record::{Asked, Interaction, PartAdmitted};

/// What is asked of a FHIR server, before it is known who asks.
#[derive(Debug, Clone)]
pub struct Selection {
    pub(super) request: Arc<::fhir::Request>,
    pub(super) forward: Forward,
}

impl Selection {
    /// Returns the instances whose creator decides, where grants are for one's own alone.
    pub(in super::super) fn instances(&self) -> Vec<String> {
        self.request.parts.iter().filter_map(Part::instance).collect()
    }

    /// Says what a caller with `grants` may have of it, who created what is in `owned`.
    pub(in super::super) fn allow(&self, grants: &[&Granted], owned: &Owned) -> Result<Allowed, NotAllowed> {
        if grants.is_empty() {
            return Err(NotAllowed::NotGranted);
        }
        let is_bundle = self.request.bundle.is_some();
        let mut all: BTreeSet<&str> = BTreeSet::new();
        let mut parts = Vec::new();
        for (at, part) in self.request.parts.iter().enumerate() {
            let by = granted(part, grants, owned).map_err(|missing| {
                let entry = if is_bundle { format!("entry {at}: ") } else { String::new() };
                NotAllowed::Restricted(format!("{entry}nothing grants to {missing}"))
            })?;
            all.extend(&by);
            if is_bundle {
                parts.push(PartAdmitted {
                    entry: at as u64,
                    method: part.method.clone(),
                    path: part.pattern.clone(),
                    by: by.into_iter().map(str::to_owned).collect(),
                    asked: super::asked(part),
                    about: super::about(part),
                });
            }
        }
        let asked = match (self.request.bundle, self.request.parts.as_slice()) {
            (None, [part]) => super::asked(part),
            (bundle, parts) => Asked::Interaction(Interaction {
                interaction: match bundle {
                    Some(::fhir::Bundle::Batch) => "batch".into(),
                    Some(::fhir::Bundle::Transaction) | None => "transaction".into(),
                },
                operation: None,
                resource: None,
                entries: Some(parts.len() as u64),
            }),
        };
        Ok(Allowed {
            forward: self.forward.clone(),
            by: all.into_iter().map(str::to_owned).collect(),
            asked: Some(asked),
            parts,
            inspection: Inspection::Resources(Arc::clone(&self.request)),
            no_data: StatusCode::NO_CONTENT,
        })
    }
}

/// Returns the grants that a part is by, or says what none of them grants.
fn granted<'g>(part: &Part, grants: &[&'g Granted], owned: &Owned) -> Result<BTreeSet<&'g str>, String> {
    let by_type: Result<BTreeSet<&str>, String> = part
        .needs()
        .flat_map(|(action, reach)| kinds(reach).into_iter().map(move |kind| (action, kind)))
        .map(|(action, kind)| {
            let open = grants.iter().find(|grant| !grant.extent.own && opens(grant, action, kind));
            open.map(|grant| grant.id.as_str()).ok_or_else(|| match kind {
                Some(kind) => format!("{action} {kind}"),
                None => format!("{action} resources of every type"),
            })
        })
        .collect();
    by_type.or_else(|missing| own(part, grants, owned).map(|id| [id].into()).ok_or(missing))
}

/// A grant of one's own opens what the same node created, and creating it; never a search.
fn own<'g>(part: &Part, grants: &[&'g Granted], owned: &Owned) -> Option<&'g str> {
    let action = part.interaction.action()?;
    let creates = part.interaction == Does::Create && part.searches == Reach::NOTHING;
    let is_own = creates || part.instance().is_some_and(|instance| owned.has(&instance));
    let grant = grants.iter().find(|grant| grant.extent.own && opens(grant, action, part.kind));
    grant.filter(|_| is_own).map(|grant| grant.id.as_str())
}

/// The types that a reach is of; `None` stands for all of them.
fn kinds(reach: &Reach) -> Vec<Option<::fhir::ResourceType>> {
    match reach {
        Reach::Every => vec![None],
        Reach::These(kinds) => kinds.iter().copied().map(Some).collect(),
    }
}

fn opens(grant: &Granted, action: Action, kind: Option<::fhir::ResourceType>) -> bool {
    let extent = &grant.extent;
    let on_kind = extent.resources.is_empty() || kind.is_some_and(|kind| extent.resources.contains(&kind));
    on_kind && (extent.actions.is_empty() || extent.actions.contains(&action))
}
