//! What a proxy is told that asks on behalf of its clients.

use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::{Answered, Problem, capitalised, text};
use crate::base::id::Reference;
use crate::flows::admit::{KeyShown, Verified};
use crate::flows::authenticate::key::X_CKAN_API_KEY;
use crate::flows::caller::Person;
use crate::flows::verify::Unclear;

/// What a proxy that asked is told beside the status: the person, the machine, the request's id, and of a
/// refusal the reference; of a CKAN, its key.
const X_GATEWARD_USER: HeaderName = HeaderName::from_static("x-gateward-user");
const X_GATEWARD_NODE: HeaderName = HeaderName::from_static("x-gateward-node");
const X_GATEWARD_TRANSACTION: HeaderName = HeaderName::from_static("x-gateward-transaction");
const X_GATEWARD_AUTHORIZATION: HeaderName = HeaderName::from_static("x-gateward-authorization");
const X_GATEWARD_REFERENCE: HeaderName = HeaderName::from_static("x-gateward-reference");

impl Problem {
    /// Writes it for a proxy that asks on behalf of its clients: of all refusals, nginx passes on 401 and 403
    /// alone, and makes an error of its own of any other.
    pub fn for_proxy(mut self) -> Answered {
        if self.status.is_client_error() && self.status != StatusCode::UNAUTHORIZED {
            self.status = StatusCode::FORBIDDEN;
        }
        let reference = self.reference;
        let mut answered = self.answer();
        if let Some(Ok(reference)) = reference.map(|reference| reference.to_string().try_into()) {
            answered.headers_mut().insert(X_GATEWARD_REFERENCE, reference);
        }
        answered
    }
}

/// Tells somebody who asked at `/verify` that they are no proxy.
pub fn no_proxy(reference: Reference) -> Problem {
    let said = "Only a proxy may ask here: a node with the role proxy, by its certificate, or a configured user of \
                this machine, by the Unix socket.";
    // Some challenge must stand here (RFC 9110 section 15.5.2); no client has a scheme for certificates.
    Problem::new(StatusCode::UNAUTHORIZED, "not-a-proxy", said)
        .under(reference)
        .with(WWW_AUTHENTICATE, "Certificate realm=\"gateward proxies\"")
}

/// Tells a proxy that its question has no answer.
pub fn unclear(why: &Unclear, reference: Reference) -> Problem {
    let detail = format!("{}.", capitalised(&why.to_string()));
    Problem::new(StatusCode::FORBIDDEN, why.reason(), detail).under(reference)
}

/// Tells a proxy who asks and that they may, also in the field by which its own upstream learns it.
///
/// Each field is there, empty for nobody: of one that is not, Caddy passes on the name of its placeholder.
pub fn verified(verified: &Verified, identify_as: Option<&HeaderName>, asked: &HeaderMap) -> Answered {
    let caller = verified.caller();
    let told = [
        (identify_as.cloned(), verified.told().map(str::to_owned)),
        (Some(X_GATEWARD_USER), caller.person().map(Person::told)),
        (Some(X_GATEWARD_NODE), caller.node().map(|node| node.name().to_string())),
        (Some(X_GATEWARD_TRANSACTION), Some(verified.transaction().to_string())),
    ];
    let mut answered = text(StatusCode::OK, "");
    for (name, value) in told {
        let Some(name) = name else { continue };
        let value = value.unwrap_or_default().try_into().expect("names are letters that a field can hold");
        answered.headers_mut().insert(name, value);
    }
    if let Some(key) = key_to_show(verified.key(), asked) {
        answered.headers_mut().insert(X_GATEWARD_AUTHORIZATION, key);
    }
    answered
}

/// The key that a proxy shows to a CKAN behind it, in the one field that this looks at; empty for none.
fn key_to_show(key: &KeyShown, asked: &HeaderMap) -> Option<HeaderValue> {
    let mut key = match key {
        KeyShown::None => return None,
        KeyShown::Ours(key) => key.expose().try_into().expect("a key has letters that a field can hold"),
        KeyShown::AsItCame => {
            let came = [AUTHORIZATION, X_CKAN_API_KEY].into_iter().find_map(|name| asked.get(name).cloned());
            came.unwrap_or(HeaderValue::from_static(""))
        }
    };
    key.set_sensitive(true);
    Some(key)
}
