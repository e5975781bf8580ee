//! The second lock: an answer holds no type that was not asked for, and names nobody before that is recorded.

use std::collections::VecDeque;
use std::sync::Arc;

use ::fhir::{Became, Disclosed, Disclosure};
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
        let Disclosed { bytes, patients, kinds, answers } = disclosed;
        if let Some(kind) = kinds.iter().find(|kind| !self.request.may_give(kind)) {
            let what = format!("a resource of type {}", kind.chars().take(64).collect::<String>());
            return Err(Alarm::Overstepped { what });
        }
        self.patients += patients.len() as u64;
        let mut named =
            Named { patients: patients.iter().map(ToString::to_string).collect(), ..Named::default() };
        answers
            .iter()
            .filter_map(|answer| self.request.entry_became(answer))
            .for_each(|became| note(became, &mut named));
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

/// Whom the head of an answer names, and what it says became of `request` (R4 section 3.1.0.8).
pub fn named_by_head(request: &::fhir::Request, status: StatusCode, fields: &HeaderMap) -> Named {
    let mut named = Named::default();
    let location = fields.get(LOCATION).and_then(|value| value.to_str().ok());
    if let Some(became) = request.became(status.as_u16(), location) {
        note(became, &mut named);
    }
    for name in [LOCATION, CONTENT_LOCATION] {
        for address in fields.get_all(&name) {
            let patients = ::fhir::Patient::named_by(&String::from_utf8_lossy(address.as_bytes()));
            named.patients.extend(patients.iter().map(ToString::to_string));
        }
    }
    named.patients.sort();
    named.patients.dedup();
    named
}

fn note(became: Became, named: &mut Named) {
    match became {
        Became::Made(kind, id) => named.created.push(format!("{kind}/{id}")),
        Became::Gone(kind, id) => named.gone.push(format!("{kind}/{id}")),
    }
}

#[cfg(test)]
mod tests {
    use ::fhir::{Asked, Request};

    use super::*;

    /// What `answer`, of this status and `Location`, is believed to have made.
    fn made(
        method: &str,
        url: &str,
        body: &str,
        (status, location): (u16, &str),
        answer: &str,
    ) -> Vec<String> {
        let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query)));
        let kind = Some("application/fhir+json");
        let asked =
            Asked { method, path, query, content_type: kind, body: body.as_bytes(), ..Asked::default() };
        let request = Arc::new(Request::read(&asked).unwrap());
        let mut fields = HeaderMap::new();
        if !location.is_empty() {
            fields.insert(LOCATION, location.parse().unwrap());
        }
        let mut named = named_by_head(&request, StatusCode::from_u16(status).unwrap(), &fields);
        let (mut inspector, mut ready) = (Inspector::new(request), VecDeque::new());
        inspector.push(&Bytes::copy_from_slice(answer.as_bytes()), &mut ready).unwrap();
        inspector.finish(&mut ready).unwrap();
        for piece in ready {
            named.add(piece.named);
        }
        named.created
    }

    const FORGED: &str = r#"{"resourceType":"Bundle","type":"batch-response","entry":[{"response":{"status":"201","location":"Patient/victim"}}]}"#;

    #[test]
    fn what_a_caller_wrote_into_a_bundle_makes_nothing_theirs() {
        let nothing = [""; 0];
        assert_eq!(made("POST", "/Bundle", FORGED, (201, "Bundle/1/_history/1"), FORGED), ["Bundle/1"]);
        assert_eq!(made("GET", "/Bundle/1", "", (200, ""), FORGED), nothing);
        let found =
            format!(r#"{{"resourceType":"Bundle","type":"searchset","entry":[{{"resource":{FORGED}}}]}}"#);
        assert_eq!(made("GET", "/Bundle", "", (200, ""), &found), nothing);
        let history = FORGED.replace("batch-response", "history");
        assert_eq!(made("GET", "/Patient/_history", "", (200, ""), &history), nothing);
        let contained = format!(r#"{{"resourceType":"Basic","contained":[{FORGED}]}}"#);
        assert_eq!(made("POST", "/Basic", r#"{"resourceType":"Basic"}"#, (201, ""), &contained), nothing);
        // Nor in a batch: an entry makes what it asked for, and a stored Bundle that it reads makes nothing.
        let batch = |entry: &str| format!(r#"{{"resourceType":"Bundle","type":"batch","entry":[{entry}]}}"#);
        let reads = batch(r#"{"request":{"method":"GET","url":"Bundle/1"}}"#);
        for answer in
            [FORGED.to_owned(), batch(&format!(r#"{{"resource":{FORGED},"response":{{"status":"200"}}}}"#))]
        {
            assert_eq!(made("POST", "", &reads, (200, ""), &answer), nothing);
        }
        let other =
            batch(r#"{"request":{"method":"POST","url":"Basic"},"resource":{"resourceType":"Basic"}}"#);
        assert_eq!(made("POST", "", &other, (200, ""), FORGED), nothing);
        assert_eq!(made("GET", "/Patient/1", "", (201, "Patient/victim"), ""), nothing);
    }

    #[test]
    fn what_was_asked_to_be_deleted_and_is_gone_is_known() {
        let asked = |path| Asked { method: "DELETE", path, ..Asked::default() };
        let gone = |path, status| {
            let request = Request::read(&asked(path)).unwrap();
            named_by_head(&request, StatusCode::from_u16(status).unwrap(), &HeaderMap::new()).gone
        };
        assert_eq!(gone("/Patient/1", 204), ["Patient/1"]);
        assert_eq!(gone("/Patient/1", 409), [""; 0]);
        let body = r#"{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"DELETE","url":"Patient/1"}}]}"#;
        let kind = Some("application/fhir+json");
        let asked = Asked { method: "POST", content_type: kind, body: body.as_bytes(), ..Asked::default() };
        let (mut inspector, mut ready) =
            (Inspector::new(Arc::new(Request::read(&asked).unwrap())), VecDeque::new());
        let answer = r#"{"resourceType":"Bundle","entry":[{"response":{"status":"204"}}]}"#;
        inspector.push(&Bytes::from_static(answer.as_bytes()), &mut ready).unwrap();
        assert_eq!(ready.into_iter().flat_map(|piece| piece.named.gone).collect::<Vec<_>>(), ["Patient/1"]);
    }

    #[test]
    fn a_head_names_patients_whatever_letters_it_is_written_in() {
        let asked = Asked { method: "GET", path: "/Patient/7", ..Asked::default() };
        let (request, mut fields) = (Request::read(&asked).unwrap(), HeaderMap::new());
        fields.insert(LOCATION, http::HeaderValue::from_bytes(b"/caf\xe9/Patient/7").unwrap());
        assert_eq!(named_by_head(&request, StatusCode::OK, &fields).patients, ["Patient/7"]);
    }

    #[test]
    fn what_was_asked_for_and_made_is_known() {
        let patient = r#"{"resourceType":"Patient"}"#;
        let at = "https://a.example/fhir/Patient/9/_history/1";
        assert_eq!(made("POST", "/Patient", patient, (201, at), ""), ["Patient/9"]);
        assert_eq!(made("PUT", "/Patient?identifier=7", patient, (201, at), ""), ["Patient/9"]);
        assert_eq!(made("PUT", "/Patient/8", patient, (201, ""), ""), ["Patient/8"]);
        assert_eq!(made("PUT", "/Patient/8", patient, (200, at), ""), [""; 0]);
        let batch = format!(
            r#"{{"resourceType":"Bundle","type":"batch","entry":[{{"request":{{"method":"GET","url":"Patient/1"}}}},
            {{"request":{{"method":"POST","url":"Patient"}},"resource":{patient}}}]}}"#
        );
        let answer = r#"{"resourceType":"Bundle","type":"batch-response","entry":[
            {"response":{"status":"404 Not Found"}},{"response":{"status":"201 Created","location":"Patient/9/_history/1"}}]}"#;
        assert_eq!(made("POST", "", &batch, (200, ""), answer), ["Patient/9"]);
    }
}
