//! What of a request is granted: all of it, or nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use ::fhir::{Action, Interaction as Does, Part, Reach};
use http::StatusCode;

use super::super::{Allowed, Forward, Inspection, NotAllowed, Owned};
use crate::flows::policy::Granted;
use crate::flows::record::{About, Asked, Interaction, PartAdmitted};

/// What is asked of a FHIR server, before it is known who asks.
#[derive(Debug, Clone)]
pub struct Selection {
    pub(super) request: Arc<::fhir::Request>,
    pub(super) forward: Forward,
}

impl Selection {
    /// Whether it has parts that are recorded one by one.
    pub(in super::super) fn is_bundle(&self) -> bool {
        self.request.bundle.is_some()
    }

    /// Whom all of it names together: what is refused is one event. A Bundle has no target.
    pub(in super::super) fn about(&self) -> About {
        let patients = self.request.parts.iter().flat_map(|part| &part.patients).collect::<BTreeSet<_>>();
        let patients = patients.into_iter().take(::fhir::MAX_PATIENTS).map(ToString::to_string).collect();
        About { target: None, patients }
    }

    /// Returns the instances whose creator decides, where grants are for one's own alone.
    pub(in super::super) fn instances(&self) -> Vec<String> {
        self.request.parts.iter().filter_map(Part::instance).collect()
    }

    /// Says what a caller with `grants` may have of it, who created what is in `owned`.
    pub(in super::super) fn allow(&self, grants: &[&Granted], owned: &Owned) -> Result<Allowed, NotAllowed> {
        let needs_a_grant = self.request.parts.iter().any(|part| part.needs().next().is_some());
        if grants.is_empty() && needs_a_grant {
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use bytes::Bytes;
    use http::{HeaderMap, Method};
    use jiff::Timestamp;

    use super::super::super::{NotUnderstood, Request};
    use super::super::Fhir;
    use super::*;
    use crate::flows::policy::Extent;

    fn grant(id: &str, actions: &[&str], resources: &[&str], own: bool) -> Granted {
        let actions = actions.iter().map(|word| word.parse().unwrap()).collect();
        let resources = resources.iter().map(|word| word.parse().unwrap()).collect();
        Granted { id: id.into(), extent: Extent { networks: Vec::new(), actions, resources, own } }
    }

    fn allowed(grants: &[Granted], method: &Method, target: &str) -> Result<String, NotAllowed> {
        allowed_with(grants, method, target, "")
    }

    fn allowed_with(
        grants: &[Granted],
        method: &Method,
        target: &str,
        body: &str,
    ) -> Result<String, NotAllowed> {
        let (rest, query) =
            target.split_once('?').map_or((target, None), |(rest, query)| (rest, Some(query)));
        let mut fields = HeaderMap::new();
        fields.insert("content-type", "application/fhir+json".parse().unwrap());
        let body = Bytes::copy_from_slice(body.as_bytes());
        let request = Request { method, rest, query, fields: &fields, body: &body, websocket: false };
        let meaning = Fhir::meaning(request).unwrap_or_else(|why: NotUnderstood| panic!("{target}: {why}"));
        let owned = Owned::new(HashSet::from(["Patient/mine".to_owned()]));
        let grants: Vec<&Granted> = grants.iter().collect();
        meaning.allow(&grants, &owned, Timestamp::UNIX_EPOCH).map(|allowed| allowed.by.join(" "))
    }

    #[test]
    fn a_request_is_by_all_the_grants_that_it_needs() {
        let grants = [
            grant("a", &["search"], &["Observation"], false),
            grant("b", &["read", "search"], &["Patient"], false),
        ];
        let by = |target| allowed(&grants, &Method::GET, target).ok();
        assert_eq!(by("/Observation?code=x").as_deref(), Some("a"));
        assert_eq!(by("/Observation?patient.name=x").as_deref(), Some("a b"));
        assert_eq!(by("/Patient/1/Observation").as_deref(), Some("a"));
        assert_eq!(by("/Patient/1").as_deref(), Some("b"));
        assert_eq!(by("/?_type=Patient,Observation").as_deref(), Some("a b"));
        // What the server can do is told to everybody who comes in.
        assert_eq!(by("/metadata").as_deref(), Some(""));
        for more in
            ["/Observation/1", "/Observation?subject.name=x", "/", "/Patient/1/*", "/Patient/1/_history"]
        {
            assert_eq!(by(more), None, "{more}");
        }
    }

    #[test]
    fn a_grant_that_names_nothing_opens_everything_and_none_opens_nothing() {
        let all = [grant("all", &[], &[], false)];
        for target in ["/", "/Patient?_include=*", "/_history", "/Patient/1/$everything"] {
            assert_eq!(allowed(&all, &Method::GET, target).as_deref(), Ok("all"), "{target}");
        }
        assert_eq!(allowed(&[], &Method::GET, "/Patient/1"), Err(NotAllowed::NotGranted));
        assert_eq!(allowed(&[], &Method::GET, "/metadata").as_deref(), Ok(""));
    }

    #[test]
    fn ones_own_is_read_and_changed_by_its_id_and_never_searched() {
        let own = [grant("own", &[], &["Patient"], true)];
        for (method, target) in [
            (Method::GET, "/Patient/mine"),
            (Method::GET, "/Patient/mine/_history/1"),
            (Method::GET, "/Patient/mine/_history"),
            (Method::DELETE, "/Patient/mine"),
        ] {
            assert_eq!(allowed(&own, &method, target).as_deref(), Ok("own"), "{method} {target}");
        }
        let patient = r#"{"resourceType":"Patient"}"#;
        assert_eq!(allowed_with(&own, &Method::POST, "/Patient", patient).as_deref(), Ok("own"));
        for (method, target) in [
            (Method::GET, "/Patient/theirs"),
            (Method::GET, "/Patient?_id=mine"),
            (Method::GET, "/Patient/mine?_include=Patient:organization"),
            (Method::GET, "/Patient/mine/Observation"),
            (Method::GET, "/Patient/mine/$everything"),
            (Method::GET, "/Observation/mine"),
            (Method::DELETE, "/Patient?_id=mine"),
            (Method::GET, "/Patient/_history"),
        ] {
            let refused = allowed(&own, &method, target);
            assert!(matches!(refused, Err(NotAllowed::Restricted(_))), "{method} {target}: {refused:?}");
        }
        let refers = r#"{"resourceType":"Patient","link":[{"other":{"reference":"Patient?name=x"}}]}"#;
        assert!(allowed_with(&own, &Method::POST, "/Patient", refers).is_err());
    }

    #[test]
    fn one_entry_that_is_not_granted_refuses_the_bundle_and_is_named() {
        let grants = [grant("a", &["create"], &["Patient"], false)];
        let bundle = |second: &str| {
            format!(
                r#"{{"resourceType":"Bundle","type":"batch","entry":[
                {{"request":{{"method":"POST","url":"Patient"}},"resource":{{"resourceType":"Patient"}}}},
                {{"request":{{"method":"POST","url":"{second}"}},"resource":{{"resourceType":"{second}"}}}}]}}"#
            )
        };
        assert_eq!(allowed_with(&grants, &Method::POST, "", &bundle("Patient")).as_deref(), Ok("a"));
        let refused = allowed_with(&grants, &Method::POST, "", &bundle("Group"));
        assert_eq!(refused, Err(NotAllowed::Restricted("entry 1: nothing grants to create Group".into())));
    }
}
