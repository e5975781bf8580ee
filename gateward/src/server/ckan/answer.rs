//! What CKAN's API answered: `{"success": true, "result": ...}`, or `{"success": false, "error": {...}}`,
//! or something else, and then it is no CKAN (CKAN's API guide, "Making an API request").

use http::StatusCode;
use http::header::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::server::outwards::one_line;

/// An answer that is whole in hand.
pub(super) struct Answer<'a> {
    pub(super) status: StatusCode,
    pub(super) fields: HeaderMap,
    pub(super) body: Zeroizing<Vec<u8>>,
    /// What was sent and stands in no words of ours, though the answer repeat it.
    pub(super) hidden: Vec<&'a str>,
}

/// Why there is no result.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum No {
    /// There is none of it.
    NotFound(String),
    /// Whoever asks may not.
    NotPermitted(String),
    /// What is asked cannot be.
    Refused(String),
    /// It failed, and perhaps did it all the same.
    Failed(String),
    /// No CKAN answers like this.
    Foreign(String),
}

/// As CKAN wraps its results; what else is in it (`help`) is of no interest.
#[derive(serde::Deserialize)]
struct Wrapped<T> {
    success: bool,
    result: T,
}

#[derive(serde::Deserialize)]
struct Unsuccessful {
    success: bool,
    error: Map<String, Value>,
}

impl Answer<'_> {
    /// Reads the result.
    ///
    /// # Errors
    ///
    /// [`No`], in CKAN's words where they are CKAN's.
    pub(super) fn result<T: DeserializeOwned>(&self) -> Result<T, No> {
        let status = self.status;
        if status.is_redirection() {
            return Err(No::Foreign(self.points_elsewhere()));
        }
        if self.fields.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            return Err(No::Foreign("it packed its answer, though it was asked not to".into()));
        }
        match serde_json::from_slice::<Wrapped<T>>(&self.body) {
            Ok(Wrapped { success: true, result }) if status.is_success() => Ok(result),
            _ => Err(self.no()),
        }
    }

    fn no(&self) -> No {
        let status = self.status;
        if let Ok(Unsuccessful { success: false, error }) = serde_json::from_slice(&self.body) {
            let words = self.in_words(&error);
            return match status {
                StatusCode::NOT_FOUND => No::NotFound(words),
                StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => No::NotPermitted(words),
                _ if status.is_server_error() => No::Failed(format!("it answered {status}: {words}")),
                _ => No::Refused(words),
            };
        }
        // What cannot be a request is answered with a text: an action that this CKAN does not know.
        if let (StatusCode::BAD_REQUEST, Ok(Value::String(words))) =
            (status, serde_json::from_slice(&self.body))
        {
            let known = "API tokens came with CKAN 2.9";
            return No::Refused(format!("{} ({known})", self.words(&words)));
        }
        let form = self.fields.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("nothing");
        let form = self.words(form.split(';').next().unwrap_or_default());
        if status.is_server_error() {
            // Whatever stands before CKAN says so: nobody knows how far the request came.
            return No::Failed(format!("it answered {status} with {form}: look whether CKAN runs behind it"));
        }
        No::Foreign(format!("it answered {status} with {form}; the address of the site itself is needed"))
    }

    fn points_elsewhere(&self) -> String {
        let location = self.fields.get(LOCATION).and_then(|value| value.to_str().ok());
        let to = location.map_or_else(|| "nowhere".to_owned(), |to| format!("to {}", self.words(to)));
        format!(
            "it redirects {to}, and the key is not sent after it; if that is where CKAN is, give that address"
        )
    }

    /// CKAN's errors have a `message`, or for each wrong field a list of sentences.
    fn in_words(&self, error: &Map<String, Value>) -> String {
        let fields = error.iter().filter(|(name, _)| !name.starts_with("__") && *name != "data");
        let sentences = fields.filter_map(|(name, value)| {
            let said = match value {
                Value::String(said) => said.clone(),
                Value::Array(list) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
                // Some repeat what they were asked, passwords included.
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return None,
            };
            Some(if name == "message" { said } else { format!("{name}: {said}") })
        });
        let words = self.words(&sentences.collect::<Vec<_>>().join("; "));
        if words.is_empty() { "it does not say why".to_owned() } else { words }
    }

    /// Makes one short line of what it says, without what is hidden.
    fn words(&self, said: &str) -> String {
        let hide = |said: String, hidden: &&str| said.replace(hidden, "(hidden)");
        one_line(&self.hidden.iter().fold(said.to_owned(), hide))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn answered(status: u16, body: &str) -> Result<Value, No> {
        let fields = [(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))];
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            fields: fields.into_iter().collect(),
            body: Zeroizing::new(body.into()),
            hidden: vec!["opensesame"],
        }
        .result()
    }

    #[test]
    fn each_no_of_ckans_is_told_in_its_own_words() {
        let error = |error: &str| format!("{{\"help\": \"x\", \"success\": false, \"error\": {error}}}");
        let denied = error(r#"{"message": "Access denied: no\u001b[2J", "__type": "Authorization Error"}"#);
        assert_eq!(answered(403, &denied), Err(No::NotPermitted("Access denied: no[2J".into())));
        let invalid = error(r#"{"name": ["Not available.", "Too short."], "__type": "Validation Error"}"#);
        assert_eq!(answered(409, &invalid), Err(No::Refused("name: Not available. Too short.".into())));
        let absent = error(r#"{"message": "Not found: User not found", "__type": "Not Found Error"}"#);
        assert_eq!(answered(404, &absent), Err(No::NotFound("Not found: User not found".into())));
        let failed = error(r#"{"message": "Internal Server Error", "__type": "Internal Server Error"}"#);
        assert!(matches!(answered(500, &failed), Err(No::Failed(_))));
        let unknown = "\"Bad request - Action name not known: api_token_create\"";
        assert!(matches!(answered(400, unknown), Err(No::Refused(words)) if words.contains("2.9")));
    }

    #[test]
    fn what_an_error_repeats_of_the_request_is_not_told() {
        let repeated = r#"{"success": false, "error": {"message": "No.", "data": "opensesame",
            "more": {"password": "opensesame"}}}"#;
        assert_eq!(answered(400, repeated), Err(No::Refused("No.".into())));
        let told =
            format!(r#"{{"success": false, "error": {{"message": "{}opensesame"}}}}"#, "a".repeat(495));
        assert_eq!(answered(400, &told), Err(No::Refused("a".repeat(495) + "(hidd")), "no part of it");
    }

    #[test]
    fn what_no_ckan_says_is_no_result() {
        for body in ["", "<html>", "{}", "[]", "{\"success\": true}", "{\"result\": 1}", "{\"success\": 1}"] {
            assert!(matches!(answered(200, body), Err(No::Foreign(_))), "{body}");
            assert!(matches!(answered(502, body), Err(No::Failed(_))), "{body}");
        }
        assert!(matches!(answered(404, r#"{"success": true, "result": 1}"#), Err(No::Foreign(_))));
        assert_eq!(answered(200, r#"{"success": true, "result": 1}"#), Ok(Value::from(1)));
    }
}
