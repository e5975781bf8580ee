//! CKAN's HTTP API (version 3 of its action API), asked with an administrator's key.
//!
//! Each question is asked once. The key goes to the address that was given and nowhere else: no
//! redirect is followed.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Request};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::answer::{Answer, No};
use super::{LARGEST, is_key};
use crate::base::ckan::CkanUser;
use crate::base::ckan_url::CkanUrl;
use crate::base::random::Random;
use crate::base::secret::Secret;
use crate::flows::access_token::ckan::{Ckan, Error, Listed, NewUser};
use crate::server::{boot, outwards, trust};

/// What is needed to ask a CKAN by its API.
#[derive(Debug)]
pub struct Asking<'a> {
    /// Where its site is.
    pub url: CkanUrl,
    /// A file with the API token of an administrator (CKAN: sysadmin), one line.
    pub key_file: &'a Path,
    /// A file with the certificates that its own must lead to or be, PEM; `None` for the authorities that
    /// this machine believes.
    pub ca: Option<&'a Path>,
    /// How long an answer may take, from the first byte that is sent to the last that comes.
    pub patience: Duration,
    /// Fresh bytes, for passwords that nobody knows.
    pub random: Random,
}

/// Why CKAN cannot be asked: the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum Unready {
    /// A file cannot be read, can be read by all, or has no certificates.
    #[error(transparent)]
    File(#[from] boot::Error),
    /// There is something else in the file of the key.
    #[error("{path} holds no API token of CKAN's: one line of letters, digits, '.', '_' and '-'", path = .0.display())]
    NotAKey(std::path::PathBuf),
    /// CKAN's own command is not found.
    #[error("no program `ckan` is in PATH: name it as `program` in [ckan]")]
    NoProgram,
    /// CKAN's configuration cannot be read: its site's address stands there.
    #[error("{path}: {source}; run this as somebody who may read CKAN's configuration", path = .path.display())]
    Ini {
        /// The file.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Whom to believe is not known.
    #[error(transparent)]
    Trust(#[from] trust::Error),
}

/// A CKAN that is asked by its HTTP API.
#[derive(Debug)]
pub struct Api {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: CkanUrl,
    key: Secret,
    patience: Duration,
    random: Random,
}

#[derive(serde::Deserialize)]
struct User {
    state: String,
}

#[derive(serde::Deserialize)]
struct Made {
    token: Zeroizing<String>,
}

/// As `api_token_list` has them, among other things.
#[derive(serde::Deserialize)]
struct Key {
    id: String,
    name: String,
}

impl Api {
    /// Prepares to ask; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`Unready`].
    pub fn new(asking: Asking<'_>) -> Result<Self, Unready> {
        let Asking { url, key_file, ca, patience, random } = asking;
        let text = boot::secret_text("key of CKAN's", key_file)?;
        let key = Secret::new(text.expose().trim().to_owned());
        if !is_key(key.expose()) {
            return Err(Unready::NotAKey(key_file.to_owned()));
        }
        let client = outwards::client(trust::tls(url.is_https(), ca)?);
        Ok(Self { client, url, key, patience, random })
    }

    /// Asks for `action` and reads what it gives.
    async fn ask<T: DeserializeOwned>(&self, action: &str, asked: &Value) -> Result<T, Asked> {
        let answer = tokio::time::timeout(self.patience, self.send(action, asked)).await;
        let late = || self.broken_off(format!("it did not answer within {} s", self.patience.as_secs()));
        let answer = answer.map_err(|_| late()).and_then(|answer| answer).map_err(Asked::Lost)?;
        answer.result().map_err(Asked::No)
    }

    async fn send<'a>(&'a self, action: &str, asked: &'a Value) -> Result<Answer<'a>, Error> {
        let response = self.client.request(self.request(action, asked)).await;
        let response = response.map_err(|error| self.unanswered(&error))?;
        let (head, body) = response.into_parts();
        let body = self.whole(body).await?;
        let password = asked.get("password").and_then(Value::as_str);
        let hidden = [self.key.expose()].into_iter().chain(password).collect();
        Ok(Answer { status: head.status, fields: head.headers, body, hidden })
    }

    fn request(&self, action: &str, asked: &Value) -> Request<Full<Bytes>> {
        // Raw: CKAN refuses `Bearer`.
        let mut key =
            HeaderValue::try_from(self.key.expose()).expect("a key is letters, digits, '.', '_', '-'");
        key.set_sensitive(true);
        Request::post(format!("{}/api/3/action/{action}", self.url))
            .header(AUTHORIZATION, key)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .header(ACCEPT_ENCODING, "identity")
            .header(USER_AGENT, concat!("gateward/", env!("CARGO_PKG_VERSION")))
            .body(Full::from(asked.to_string()))
            .expect("an address, letters and underscores make a URL")
    }

    /// Reads a body into memory that is wiped.
    async fn whole(&self, body: Incoming) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut body = Limited::new(body, LARGEST);
        let mut whole = Zeroizing::new(Vec::new());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    let most = LARGEST / 1024 / 1024;
                    self.not_ckan(format!("its answer has more than {most} MiB"))
                } else {
                    self.broken_off(format!("in the middle of its answer: {}", outwards::whole(&*error)))
                }
            })?;
            if let Ok(data) = frame.into_data() {
                whole.extend_from_slice(&data);
            }
        }
        Ok(whole)
    }

    fn unanswered(&self, error: &hyper_util::client::legacy::Error) -> Error {
        let place = self.place();
        // Later than that, the question may have arrived.
        if error.is_connect() {
            return match trust::what_is_wrong(error, self.url.host()) {
                Some(why) => Error::Tls { place, why },
                None => Error::Unreachable { place, why: outwards::whole(error) },
            };
        }
        let why = outwards::whole(error);
        let mut source = std::error::Error::source(error);
        while let Some(inner) = source {
            if inner.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
                return self.not_ckan(format!("it does not speak HTTP ({inner})"));
            }
            source = inner.source();
        }
        Error::BrokenOff { place, why }
    }

    fn not_ckan(&self, why: impl Into<String>) -> Error {
        Error::NotCkan { place: self.place(), why: why.into() }
    }

    fn broken_off(&self, why: impl Into<String>) -> Error {
        Error::BrokenOff { place: self.place(), why: why.into() }
    }

    /// Says what a no means that has no meaning of its own.
    fn refused(&self, asked: Asked) -> Error {
        match asked {
            Asked::Lost(error) => error,
            Asked::No(No::NotFound(words) | No::Refused(words)) => Error::Refused(words),
            Asked::No(No::NotPermitted(words)) => Error::NotPermitted(words),
            Asked::No(No::Failed(words)) => self.broken_off(words),
            Asked::No(No::Foreign(why)) => self.not_ckan(why),
        }
    }

    /// The same for what is asked of a user.
    fn refused_about(&self, user: &CkanUser, asked: Asked) -> Error {
        match asked {
            Asked::No(No::NotFound(_)) => Error::NoSuchUser(user.clone()),
            other => self.refused(other),
        }
    }
}

/// What came of a question.
enum Asked {
    /// There is an answer, and it is no.
    No(No),
    /// There is none.
    Lost(Error),
}

impl Ckan for Api {
    fn place(&self) -> String {
        self.url.to_string()
    }

    async fn has_user(&self, user: &CkanUser) -> Result<bool, Error> {
        match self.ask::<User>("user_show", &json!({ "id": user })).await {
            Ok(found) => Ok(found.state == "active"),
            Err(Asked::No(No::NotFound(_))) => Ok(false),
            Err(other) => Err(self.refused(other)),
        }
    }

    async fn create_user(&self, new: &NewUser) -> Result<(), Error> {
        let password = Zeroizing::new(data_encoding::BASE64URL_NOPAD.encode(&self.random.bytes::<32>()));
        let mut asked = json!({ "name": new.name, "email": new.mail, "password": *password });
        if let Some(full_name) = &new.full_name {
            asked["fullname"] = full_name.as_str().into();
        }
        self.ask::<User>("user_create", &asked).await.map(drop).map_err(|no| self.refused(no))
    }

    async fn create_key(&self, user: &CkanUser, name: &str) -> Result<Secret, Error> {
        let made = self.ask::<Made>("api_token_create", &json!({ "user": user, "name": name })).await;
        let Made { token } = made.map_err(|no| self.refused_about(user, no))?;
        if !is_key(&token) {
            return Err(self.not_ckan("what it gave has not the form of an API token"));
        }
        Ok(Secret::new((*token).clone()))
    }

    async fn keys(&self, user: &CkanUser) -> Result<Vec<Listed>, Error> {
        let keys = self.ask::<Vec<Key>>("api_token_list", &json!({ "user_id": user, "user": user })).await;
        let keys = keys.map_err(|no| self.refused_about(user, no))?;
        Ok(keys.into_iter().map(|Key { id, name }| Listed { jti: id, name }).collect())
    }

    async fn revoke(&self, user: &CkanUser, jti: &str) -> Result<bool, Error> {
        // CKAN says yes also to what is not there, and does not look whose it is: it is asked in any case.
        let there = match self.keys(user).await {
            Err(Error::NoSuchUser(_)) => false,
            keys => keys?.iter().any(|key| key.jti == jti),
        };
        let revoked = self.ask::<Value>("api_token_revoke", &json!({ "jti": jti })).await;
        revoked.map(|_| there).map_err(|no| self.refused(no))
    }
}
