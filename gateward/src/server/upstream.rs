//! Upstream `http://`, `https://` and `unix:`: asks another server what an order permits, and nothing else.
//!
//! The request is written here from what the kind parsed; of the client's own header fields none
//! passes that names somebody. Connections are kept alive and pooled.

mod answer;
mod credential;
pub mod fields;
mod health;
mod request;
mod road;

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderName, Method, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::client::legacy::Client;

use self::credential::Credential;
use self::health::Health;
pub use self::request::Said;
use self::road::{Road, Used};
use super::boot;
use super::found::{Failed, Found};
use super::outwards;
use super::tls::Strictness;
use super::tunnel::names_websocket;
use crate::base::random::Random;
use crate::config::upstream::HttpUpstream;
use crate::flows::admit::Order;
use crate::flows::kind::{Effect, ErrorForm};

/// Which client of its own an OpenHIM passes a request on for.
const OPENHIM_CLIENT: HeaderName = HeaderName::from_static("x-openhim-clientid");

/// Which transaction it made of the request.
const OPENHIM_TRANSACTION: HeaderName = HeaderName::from_static("x-openhim-transactionid");

/// The body that goes upstream: written here, or the client's own as it comes.
pub type Upward = Either<Full<Bytes>, request::Streamed>;

/// A server behind a service.
#[derive(Debug)]
pub struct Upstream {
    client: Client<Road, Upward>,
    health: Health,
    origin: String,
    /// What stands for the service's path at the upstream.
    path: String,
    silence: Duration,
    credential: Option<Credential>,
    identify_as: Option<HeaderName>,
    form: ErrorForm,
}

/// What is made of an upstream.
#[derive(Debug)]
pub struct Behind<'a> {
    /// As the configuration says.
    pub config: &'a HttpUpstream,
    /// The service's own path.
    pub path: &'a str,
    /// The header in which the upstream is told who asks.
    pub identify_as: Option<HeaderName>,
    /// The form in which the service's clients expect errors.
    pub form: ErrorForm,
    /// Whether throw-away certificates may be shown to it.
    pub strictness: Strictness,
    /// Fresh bytes, for answers to Digest challenges.
    pub random: Random,
}

impl Upstream {
    /// Prepares to ask it; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`boot::Error`]: a file that cannot be read, or holds nothing of use.
    pub fn new(behind: Behind<'_>) -> Result<Self, boot::Error> {
        let Behind { config, path, identify_as, form, strictness, random } = behind;
        let credential = config
            .credential
            .as_deref()
            .map(|file| Credential::read(file, config.url.is_unread(), random))
            .transpose()?;
        Ok(Self {
            client: outwards::keeping(Road::new(config, strictness)?),
            health: Health::default(),
            origin: config.url.origin(),
            path: config.url.path().unwrap_or(path).to_owned(),
            silence: Duration::try_from(config.timeout).expect("the configuration takes 1s to 24h"),
            credential,
            identify_as,
            form,
        })
    }

    /// Asks what `order` permits; `said` is what the client said beside it.
    ///
    /// # Errors
    ///
    /// [`Failed`]: there is no answer to give.
    pub async fn ask(&self, order: &Order, said: Said<'_>, body: Option<Incoming>) -> Result<Found, Failed> {
        let asked = self.asked(order, said);
        let response = match body {
            Some(body) => {
                self.rehearse(order, &asked).await?;
                let (streamed, moved) = request::Streamed::new(body, self.identify_as.clone());
                let (request, _) = self.write(&asked, Either::Right(streamed))?;
                let sent = self.send(request, moved.clone().until_silent(self.silence)).await;
                sent.map_err(|unsent| moved.at_fault(unsent.failed))?
            }
            None => self.ask_with_credential(&asked).await?,
        };
        if self.credential.is_some() && response.status() == StatusCode::UNAUTHORIZED {
            // The operator's to mend: callers have no answer to it.
            return Err(Failed::bad_gateway("it does not take the credential that it is shown"));
        }
        answer::found(response, order, self.form, self.silence).await
    }

    /// Asks what `order` permits, to go on as a websocket.
    ///
    /// # Errors
    ///
    /// [`Failed`]: there is no answer to give.
    pub async fn switch(&self, order: &Order, said: Said<'_>) -> Result<Switched, Failed> {
        let asked = self.asked(order, said);
        let (request, _) = self.write(&asked, Either::Left(Full::default()))?;
        let sent = self.send(request, tokio::time::sleep(self.silence)).await;
        let response = sent.map_err(|unsent| unsent.failed)?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return answer::found(response, order, self.form, self.silence).await.map(Switched::Not);
        }
        if !names_websocket(response.headers()) {
            return Err(Failed::bad_gateway("it goes on as another protocol than it was asked for"));
        }
        let mut fields = fields::of_upstream(response.headers(), false);
        fields::name_websocket(&mut fields);
        let switched = hyper::upgrade::on(response).await;
        let upstream = switched.map_err(|error| Failed::bad_gateway(outwards::whole(&error)))?;
        Ok(Switched::To { fields, upstream, silence: self.silence })
    }

    fn asked<'a>(&'a self, order: &'a Order, said: Said<'a>) -> request::Asked<'a> {
        let identify_as = self.identify_as.as_ref();
        request::Asked { order, said, identify_as, origin: &self.origin, path: &self.path }
    }

    /// Learns what the upstream asks for before a body goes there that goes only once: by a HEAD, which
    /// changes nothing (RFC 9110 section 9.2.1).
    async fn rehearse(&self, order: &Order, asked: &request::Asked<'_>) -> Result<(), Failed> {
        if self.credential.is_none() {
            return Ok(());
        }
        let mut order = order.clone();
        order.forward.method = Method::HEAD;
        order.effect = Effect::Read;
        order.forward.body = Bytes::new();
        self.ask_with_credential(&request::Asked { order: &order, ..*asked }).await.map(drop)
    }

    /// Asks, and shows the credential once the upstream wants one.
    ///
    /// A read whose connection had been kept and was gone is asked once more; a change never is (RFC 9110
    /// section 9.2.2).
    async fn ask_with_credential(&self, asked: &request::Asked<'_>) -> Result<Response<Incoming>, Failed> {
        let forward = &asked.order.forward;
        // Some changes are asked for by GET.
        let mut may_ask_again = forward.method.is_safe() && asked.order.effect == Effect::Read;
        let mut repeated = false;
        loop {
            let body = Full::new(forward.body.clone());
            let (request, shown) = self.write(asked, Either::Left(body))?;
            let response = match self.send(request, tokio::time::sleep(self.silence)).await {
                Ok(response) => response,
                Err(unsent) if unsent.kept_connection_was_gone && may_ask_again => {
                    may_ask_again = false;
                    continue;
                }
                Err(unsent) => return Err(unsent.failed),
            };
            let wants_to_know = response.status() == StatusCode::UNAUTHORIZED && !repeated;
            let challenges = response.headers().get_all(WWW_AUTHENTICATE);
            let learns = |credential: &Credential| credential.learn(&challenges, shown);
            if !wants_to_know || !self.credential.as_ref().is_some_and(learns) {
                return Ok(response);
            }
            repeated = true;
        }
    }

    /// Writes a request with what the upstream is told of who asks; the second value says whether that
    /// is a credential.
    fn write(
        &self,
        asked: &request::Asked<'_>,
        body: Upward,
    ) -> Result<(http::Request<Upward>, bool), Failed> {
        let mut request = asked.write(body)?;
        if let (Some(name), Some(told)) = (&self.identify_as, &asked.order.told) {
            let value = told.as_str().try_into().expect("names are letters that a field can hold");
            request.headers_mut().insert(name.clone(), value);
        }
        self.tell_openhim(asked.order, request.headers_mut());
        let shown = self.credential.as_ref().is_some_and(|credential| credential.show(&mut request));
        Ok((request, shown))
    }

    /// Tells an upstream that goes by OpenHIM's own field what the OpenHIM said that passed the request on:
    /// its client in the stead of the node that it is itself.
    fn tell_openhim(&self, order: &Order, fields: &mut HeaderMap) {
        let asks = self.identify_as.as_ref().is_some_and(|name| *name == OPENHIM_CLIENT);
        let Some(passed_on) = order.passed_on.as_ref().filter(|_| asks) else { return };
        for (name, id) in
            [(OPENHIM_CLIENT, passed_on.client()), (OPENHIM_TRANSACTION, passed_on.transaction())]
        {
            if let Some(id) = id {
                let value = id.as_str().try_into().expect("an id is letters that a field can hold");
                fields.insert(name, value);
            }
        }
    }

    /// Sends a request and waits for the head of its answer, until `late` is over.
    async fn send(
        &self,
        request: http::Request<Upward>,
        late: impl Future<Output = ()>,
    ) -> Result<Response<Incoming>, Unsent> {
        self.health.may_ask(Instant::now()).map_err(|wait| Unsent::from(away(wait)))?;
        let sent = tokio::select! {
            sent = self.client.request(request) => sent,
            () = late => return Err(Unsent::from(Failed {
                status: StatusCode::GATEWAY_TIMEOUT,
                said: "What is behind this service takes too long to answer: ask for less at a time.".into(),
                ..Failed::bad_gateway(format!("it said nothing for {} s", self.silence.as_secs()))
            })),
        };
        match sent {
            Ok(response) => {
                self.health.answered();
                Used::note(&response);
                Ok(response)
            }
            Err(error) => {
                if error.is_connect() {
                    self.health.was_away(Instant::now());
                }
                let failed = unreached(&error);
                Err(Unsent {
                    failed,
                    kept_connection_was_gone: !error.is_connect() && Used::is_that_of(&error),
                })
            }
        }
    }
}

/// What became of a request to go on as a websocket.
#[derive(Debug)]
pub enum Switched {
    /// The upstream does.
    To {
        /// The fields of its answer.
        fields: HeaderMap,
        /// What is said from here on.
        upstream: Upgraded,
        /// How long both sides may be silent.
        silence: Duration,
    },
    /// It does not, and says this.
    Not(Found),
}

/// Why a request has no answer.
struct Unsent {
    failed: Failed,
    /// It went out on a connection that had been kept, and that ended before any answer: as a server does that
    /// closes what idles. Whether the server saw it is not known.
    kept_connection_was_gone: bool,
}

impl From<Failed> for Unsent {
    fn from(failed: Failed) -> Self {
        Self { failed, kept_connection_was_gone: false }
    }
}

/// Says that it is not even tried.
fn away(wait: Duration) -> Failed {
    Failed {
        status: StatusCode::SERVICE_UNAVAILABLE,
        said: "What is behind this service cannot be reached: try again later.".into(),
        retry_after: Some(wait.as_secs().max(1)),
        ..Failed::bad_gateway("it took no connection several times in a row, and is not tried for a moment")
    }
}

/// Tells what went wrong before there was an answer.
fn unreached(error: &hyper_util::client::legacy::Error) -> Failed {
    let detail = outwards::whole(error);
    if error.is_connect() {
        return Failed {
            status: StatusCode::SERVICE_UNAVAILABLE,
            said: "What is behind this service cannot be reached: try again later.".into(),
            retry_after: Some(30),
            ..Failed::bad_gateway(detail)
        };
    }
    Failed::bad_gateway(detail)
}
