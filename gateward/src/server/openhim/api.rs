//! OpenHIM's API: says what mediator we are, and that we live.
//!
//! The password goes to the address that was given and nowhere else: no redirect is followed.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::base::secret::Secret;
use crate::config::service::Requirement;
use crate::config::{Config, OpenHim, ServiceConfig};
use crate::server::{boot, outwards, trust};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much of an answer is read, in bytes: of its words one line is told.
const LARGEST: usize = 64 * 1024;

/// Why OpenHIM does not know that we live.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It may come back.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// The operator's: the login, or the user's rights there.
    #[error(
        "it answered {0}: look at username and password_file, whether that user is an administrator there, and \
             whether \"basic\" is among its api.authenticationTypes"
    )]
    NotAllowed(StatusCode),
    /// The operator's, or OpenHIM's.
    #[error("it answered {status}: {words}")]
    Refused {
        /// With which status.
        status: StatusCode,
        /// What it says, in a line.
        words: String,
    },
}

/// Whether OpenHIM knows a mediator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It does.
    Yes,
    /// It does not (any more): to be registered.
    No,
}

/// The API of an OpenHIM, as the mediator that we are sees it.
#[derive(Debug)]
pub struct Api {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    origin: String,
    authorization: HeaderValue,
    urn: String,
    registration: Value,
}

impl Api {
    /// Prepares to ask; nothing is sent yet. `None` where we are nobody's mediator.
    ///
    /// # Errors
    ///
    /// [`boot::Error`]: a file that cannot be read, or holds nothing of use.
    pub fn new(config: &Config) -> Result<Option<Self>, boot::Error> {
        let Some(openhim) = &config.openhim else { return Ok(None) };
        let client = outwards::client(trust::tls(openhim.api.is_https(), openhim.ca.as_deref())?);
        let text = boot::secret_text("password of OpenHIM's", &openhim.password_file)?;
        let password = text.expose().lines().next().unwrap_or_default();
        // RFC 7617 section 2.
        let pair = Secret::new(format!("{}:{password}", openhim.username));
        let basic = Secret::new(format!("Basic {}", data_encoding::BASE64.encode(pair.expose().as_bytes())));
        let mut authorization =
            HeaderValue::try_from(basic.expose()).expect("Base64 has letters of header fields alone");
        authorization.set_sensitive(true);
        Ok(Some(Self {
            client,
            origin: openhim.api.to_string(),
            authorization,
            urn: openhim.urn.clone(),
            registration: registration(openhim, &config.service),
        }))
    }

    /// Registers us: what we are, and the channels that would lead to us.
    ///
    /// What is registered under this version already stays there as it is.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn register(&self) -> Result<(), Error> {
        match self.ask(Method::POST, "/mediators", Some(&self.registration)).await? {
            (StatusCode::CREATED, _) => Ok(()),
            other => Err(refused(other)),
        }
    }

    /// Says that we live, and have since `uptime`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn heartbeat(&self, uptime: Duration) -> Result<Known, Error> {
        let path = format!("/mediators/{}/heartbeat", self.urn);
        let asked = json!({ "uptime": uptime.as_secs() });
        match self.ask(Method::POST, &path, Some(&asked)).await? {
            // What it answers is our configuration there, of which there is none.
            (StatusCode::OK, _) => Ok(Known::Yes),
            (StatusCode::NOT_FOUND, _) => Ok(Known::No),
            other => Err(refused(other)),
        }
    }

    /// Asks whether it knows us; nothing changes there.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn look(&self) -> Result<Known, Error> {
        match self.ask(Method::GET, &format!("/mediators/{}", self.urn), None).await? {
            (StatusCode::OK, _) => Ok(Known::Yes),
            (StatusCode::NOT_FOUND, _) => Ok(Known::No),
            other => Err(refused(other)),
        }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        asked: Option<&Value>,
    ) -> Result<(StatusCode, String), Error> {
        let body = asked.map(Value::to_string).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.origin))
            .header(AUTHORIZATION, &self.authorization)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("gateward/", env!("CARGO_PKG_VERSION")))
            .body(Full::from(body))
            .expect("an address and a urn make a URL");
        let answer = async {
            let response = self.client.request(request).await;
            let response = response.map_err(|error| Error::Unreachable(outwards::whole(&error)))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, LARGEST).collect().await;
            let body = body.map_err(|error| Error::Unreachable(outwards::whole(&*error)))?.to_bytes();
            Ok((head.status, String::from_utf8_lossy(&body).into_owned()))
        };
        let late = || Error::Unreachable(format!("it did not answer within {} s", PATIENCE.as_secs()));
        tokio::time::timeout(PATIENCE, answer).await.unwrap_or_else(|_| Err(late()))
    }
}

fn refused((status, words): (StatusCode, String)) -> Error {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Error::NotAllowed(status),
        _ => Error::Refused { status, words: outwards::one_line(&words) },
    }
}

/// What is said of us: the mediator, where it is reached, and a channel for each service that answers as one.
fn registration(openhim: &OpenHim, services: &[ServiceConfig]) -> Value {
    let route = |name: &str| {
        json!({
            "name": name,
            "type": "http",
            "host": openhim.endpoint.host(),
            "port": openhim.endpoint.port(),
            "secured": openhim.endpoint.is_https(),
            "primary": true,
        })
    };
    let channel = |service: &ServiceConfig| {
        let name = service.name();
        let mut route = route(name.as_str());
        // A person's own login, where the service asks for one.
        let persons = [Requirement::User, Requirement::Login, Requirement::Either];
        route["forwardAuthHeader"] = persons.iter().any(|one| service.require.contains(one)).into();
        let paths: Vec<String> = service.path.iter().map(|path| literally(path.prefix())).collect();
        let paths = if paths.len() == 1 { paths.concat() } else { format!("({})", paths.join("|")) };
        json!({
            "name": format!("{} {name}", openhim.name),
            "description": "What leads to a service behind gateward",
            "urlPattern": format!("^{paths}(/.*)?$"),
            "methods": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
            "type": "http",
            // The client is known by the time it comes here, and nobody may use it until somebody there says who.
            "authType": "private",
            "allow": [],
            "routes": [route],
        })
    };
    json!({
        "urn": openhim.urn,
        "version": env!("CARGO_PKG_VERSION"),
        "name": openhim.name,
        "description": "Lets nodes and people in, and records what they do",
        "endpoints": [route(&openhim.name)],
        "defaultChannelConfig": services.iter().filter(|service| service.openhim).map(channel).collect::<Vec<_>>(),
        // A door is not to be configured from the other side of it.
        "configDefs": [],
    })
}

/// Writes a path as a pattern that fits it alone.
fn literally(path: &str) -> String {
    let escaped = |letter: char| {
        let special = !letter.is_ascii_alphanumeric() && !"/_-%~".contains(letter);
        special.then_some('\\').into_iter().chain([letter])
    };
    path.chars().flat_map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_leads_to_its_service_and_to_nothing_beside_it() {
        assert_eq!(literally("/fhir/R4.0-a+b"), r"/fhir/R4\.0-a\+b");
    }
}
