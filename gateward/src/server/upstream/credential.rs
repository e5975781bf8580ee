//! The fixed credential that an upstream is shown when it asks for one.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use http::header::{AUTHORIZATION, GetAll};
use http::{HeaderValue, Request};
use http_digest::client::{self, Challenge, Unanswerable};

use super::Upward;
use crate::base::random::Random;
use crate::base::secret::Secret;
use crate::server::boot;

/// A login and its password at the upstream.
#[derive(Debug)]
pub(super) struct Credential {
    login: String,
    password: Secret,
    /// Basic gives the password away to whoever reads along.
    takes_basic: bool,
    asked: Mutex<Option<Question>>,
    random: Random,
}

/// What the upstream asked last; it is answered for every request until it asks anew.
#[derive(Debug)]
enum Question {
    /// RFC 7617.
    Basic,
    /// RFC 7616.
    Digest(Box<Challenge>, AtomicU32),
}

impl Credential {
    /// Reads `login:password` from a file; it is shown by Basic only where `takes_basic`.
    ///
    /// # Errors
    ///
    /// [`boot::Error`].
    pub(super) fn read(path: &Path, takes_basic: bool, random: Random) -> Result<Self, boot::Error> {
        let text = boot::secret_text("credential", path)?;
        let line = text.expose().trim_end_matches(['\r', '\n']);
        match line.split_once(':') {
            Some((login, password)) if !login.is_empty() && !line.contains(char::is_control) => Ok(Self {
                login: login.to_owned(),
                password: Secret::new(password.to_owned()),
                takes_basic,
                asked: Mutex::new(None),
                random,
            }),
            _ => Err(boot::Error::Credential(path.to_owned())),
        }
    }

    /// Learns what the upstream asks; `false` when it is not worth asking again: nothing of it can be
    /// answered, or it was answered (`shown`) and the answer was wrong.
    pub(super) fn learn(&self, challenges: &GetAll<'_, HeaderValue>, shown: bool) -> bool {
        let texts = || challenges.iter().filter_map(|value| value.to_str().ok());
        let basic = |text: &str| text.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic"));
        let (question, again) = match Challenge::choose(texts()) {
            Ok(challenge) => {
                let again = !shown || challenge.stale();
                (Some(Question::Digest(Box::new(challenge), AtomicU32::new(1))), again)
            }
            Err(Unanswerable::NoDigest) if texts().any(basic) && !self.takes_basic => {
                tracing::error!(
                    "an upstream asks for Basic over plain HTTP on another machine: not answered"
                );
                (None, false)
            }
            Err(Unanswerable::NoDigest) if texts().any(basic) => (Some(Question::Basic), !shown),
            Err(Unanswerable::NoDigest | Unanswerable::OtherDigest) => (None, false),
        };
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = question;
        again
    }

    /// Answers what the upstream asked last; `false` when it asked nothing yet.
    pub(super) fn show(&self, request: &mut Request<Upward>) -> bool {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = match &*asked {
            None => return false,
            Some(Question::Basic) => {
                let pair = format!("{}:{}", self.login, self.password.expose());
                Ok(format!("Basic {}", data_encoding::BASE64.encode(pair.as_bytes())))
            }
            Some(Question::Digest(challenge, count)) => {
                let target = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
                let asked = http_digest::Request { method: request.method().as_str(), target };
                let cnonce = data_encoding::HEXLOWER.encode(&self.random.bytes::<8>());
                let count = count.fetch_add(1, Ordering::Relaxed);
                client::answer(challenge, &self.login, self.password.expose(), asked, count, &cnonce)
            }
        };
        drop(asked);
        let value = answer.map(HeaderValue::try_from);
        let Ok(Ok(mut value)) = value else {
            tracing::error!("the credential of an upstream cannot be sent in a header");
            return false;
        };
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
        true
    }
}
