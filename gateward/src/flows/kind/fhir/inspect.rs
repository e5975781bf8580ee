//! The second lock: an answer holds no type that was not asked for, and names nobody before that is recorded.

use std::collections::VecDeque;
use std::sync::Arc;

use ::fhir::{Disclosed, Disclosure};
use bytes::Bytes;
use http::header::{CONTENT_LOCATION, LOCATION};
use http::{HeaderMap, StatusCode};

use super::super::inspect::{Alarm, Named, Piece};

/// Looks into one answer.
#[derive(Debug)]
pub struct Inspector {
    disclosure: Disclosure,
    request: Arc<::fhir::Request>,
    patients: u64,
}

impl Inspector {
    /// Begins; `request` says what was asked for.
    pub fn new(request: Arc<::fhir::Request>) -> Self {
        Self { disclosure: Disclosure::default(), request, patients: 0 }
    }

    /// Looks into the next piece; what of it may leave is appended to `ready`.
    ///
    /// # Errors
    ///
    /// [`Alarm`]: nothing comes after it.
    pub fn push(&mut self, piece: &Bytes, ready: &mut VecDeque<Piece>) -> Result<(), Alarm> {
        let mut disclosed = Disclosed::default();
        let went = self.disclosure.push(piece, &mut disclosed);
        self.pass(disclosed, ready)?;
        Ok(went?)
    }

    /// Ends the answer; what is left of it is appended to `ready`.
    ///
    /// # Errors
    ///
    /// [`Alarm`].
    pub fn finish(&mut self, ready: &mut VecDeque<Piece>) -> Result<(), Alarm> {
        let mut disclosed = Disclosed::default();
        self.disclosure.finish(&mut disclosed)?;
        self.pass(disclosed, ready)
    }

    fn pass(&mut self, disclosed: Disclosed, ready: &mut VecDeque<Piece>) -> Result<(), Alarm> {
        let Disclosed { bytes, patients, kinds, created } = disclosed;
        if let Some(kind) = kinds.iter().find(|kind| !self.request.may_give(kind)) {
            let what = format!("a resource of type {}", kind.chars().take(64).collect::<String>());
            return Err(Alarm::Overstepped { what });
        }
        self.patients += patients.len() as u64;
        let mut named = Named {
            patients: patients.iter().map(ToString::to_string).collect(),
            created: created.iter().map(|(kind, id)| format!("{kind}/{id}")).collect(),
        };
        // What an answer names is told with the first of its bytes.
        let pieces = bytes.into_iter().map(|bytes| Piece { bytes, named: std::mem::take(&mut named) });
        ready.extend(pieces);
        Ok(())
    }

    /// How many patients were named so far.
    pub fn patients(&self) -> u64 {
        self.patients
    }
}

/// Whom the head of an answer names, and what it says was made (R4 section 3.1.0.8).
pub fn named_by_head(status: StatusCode, fields: &HeaderMap) -> Named {
    let mut named = Named::default();
    for name in [LOCATION, CONTENT_LOCATION] {
        for address in fields.get_all(&name).iter().filter_map(|value| value.to_str().ok()) {
            let patients = ::fhir::Patient::named_by(address);
            named.patients.extend(patients.iter().map(ToString::to_string));
            if name == LOCATION && status == StatusCode::CREATED {
                let made = ::fhir::instance(address);
                named.created.extend(made.map(|(kind, id)| format!("{kind}/{id}")));
            }
        }
    }
    named.patients.sort();
    named.patients.dedup();
    named
}
