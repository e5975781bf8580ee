//! Asking an object store, again and again if it has to be: one thing, until it is done, refused or given up.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use data_encoding::BASE64;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, USER_AGENT};
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use jiff::Timestamp;
use md5::{Digest as _, Md5};

use super::answer::{Answer, Refusal};
use super::patience::{Attempts, Patience};
use super::settings::{Address, Unready, credentials};
use super::signature::{Credentials, Signed, date, encoded_path, encoded_query};
use crate::base::random::Random;
use crate::base::sha256::Sha256;
use crate::base::time::Clock;
use crate::config::S3;
use crate::server::{outwards, trust};

/// How large an answer may be that is read whole: a page of a listing has 1000 keys, of 1 KiB each at most.
const LARGEST: usize = 8 * 1024 * 1024;

/// How much of a body is handed to the transport at once.
const PIECE: usize = 64 * 1024;

/// A server that speaks S3, and one bucket in it.
#[derive(Debug)]
pub(super) struct Server {
    client: Client<HttpsConnector<HttpConnector>, Pieces>,
    /// Whoever asks lends it their thread, so that nothing of this runs unasked.
    runtime: tokio::runtime::Runtime,
    pub(super) address: Address,
    credentials: Credentials,
    clock: Clock,
    pub(super) random: Random,
    pub(super) patience: Patience,
    has_answered: AtomicBool,
}

/// What is asked for.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) method: Method,
    /// The object; the bucket itself where it is `None`.
    pub(super) key: Option<&'a str>,
    pub(super) query: &'a [(&'a str, &'a str)],
    /// More fields, their names in lower case.
    pub(super) fields: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
    /// How much longer than usual it may take.
    pub(super) patience: Duration,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) result: Result<Answer, No>,
    /// Whether an attempt before the last may have been carried out, though nobody heard of it.
    pub(super) is_doubtful: bool,
}

/// Why there is no yes.
#[derive(Debug)]
pub(super) enum No {
    /// The server said so.
    Refused(Refusal),
    /// Nothing good was answered, however often it was asked; the last thing that went wrong.
    Lost(String),
}

/// One attempt that got no answer.
struct Lost {
    why: String,
    /// Whether it may have arrived.
    may_be_done: bool,
    /// Whether another attempt would end the same.
    is_final: bool,
}

impl<'a> Asked<'a> {
    pub(super) fn new(method: Method, key: Option<&'a str>, query: &'a [(&'a str, &'a str)]) -> Self {
        Self { method, key, query, fields: Vec::new(), body: Bytes::new(), patience: Duration::ZERO }
    }

    pub(super) fn field(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// With a body, whose sum the server checks: by MD5 (RFC 1864), which some ask for where objects are
    /// locked, besides the SHA-256 that is signed.
    pub(super) fn body(self, body: Bytes) -> Self {
        let sum = BASE64.encode(&Md5::digest(&body));
        Self { body, ..self.field("content-md5", sum) }
    }
}

impl Server {
    /// Prepares to ask; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`Unready`].
    pub(super) fn new(s3: &S3, clock: Clock, random: Random, patience: Patience) -> Result<Self, Unready> {
        let address = Address::new(s3)?;
        let credentials = credentials(&s3.credentials)?;
        let client = outwards::client(trust::tls(address.is_https, s3.ca.as_deref())?);
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Unready::System)?;
        let has_answered = AtomicBool::new(false);
        Ok(Self { client, runtime, address, credentials, clock, random, patience, has_answered })
    }

    /// Runs `work`, which asks this server, to its end on this thread.
    pub(super) fn run<F: Future>(&self, work: F) -> F::Output {
        self.runtime.block_on(work)
    }

    /// Asks for something until it is done, refused, or has been tried long enough.
    pub(super) async fn ask(&self, asked: &Asked<'_>) -> Outcome {
        let payload = Sha256::of(&asked.body);
        let (result, is_doubtful) =
            self.persist(async || Ok(self.attempt(asked, &payload).await?.judge())).await;
        Outcome { result, is_doubtful }
    }

    /// The same for what has no body, and whose answer is handed on as soon as it begins.
    pub(super) async fn open(&self, asked: &Asked<'_>) -> Result<Response<Incoming>, No> {
        let payload = Sha256::of(&[]);
        let attempt = async || {
            let response = within(self.patience.answer, self.send(asked, &payload)).await?;
            if response.status().is_success() {
                return Ok(Ok(response));
            }
            let answer = within(self.patience.answer, whole(response)).await?;
            let status = answer.status;
            Ok(Err(answer.judge().err().unwrap_or_else(|| Refusal::of(status))))
        };
        self.persist(attempt).await.0
    }

    /// Makes attempts until one ends it; says as well whether one that nobody heard of may have been carried out.
    async fn persist<T>(
        &self,
        attempt: impl AsyncFn() -> Result<Result<T, Refusal>, Lost>,
    ) -> (Result<T, No>, bool) {
        let mut attempts = self.patience.begin(self.has_answered.load(Ordering::Relaxed));
        let mut is_doubtful = false;
        loop {
            let tried = attempt().await;
            self.has_answered.fetch_or(tried.is_ok(), Ordering::Relaxed);
            let no = match tried {
                Ok(Ok(done)) => return (Ok(done), is_doubtful),
                Ok(Err(refusal)) if refusal.may_pass() => {
                    // Whoever stumbles may have done it before.
                    is_doubtful |= !refusal.status.is_client_error();
                    No::Refused(refusal)
                }
                Ok(Err(refusal)) => return (Err(No::Refused(refusal)), is_doubtful),
                Err(Lost { why, is_final: true, .. }) => return (Err(No::Lost(why)), is_doubtful),
                Err(Lost { why, may_be_done, .. }) => {
                    is_doubtful |= may_be_done;
                    No::Lost(why)
                }
            };
            let Some(pause) = attempts.next(&self.random) else {
                return (Err(no.after(&attempts)), is_doubtful);
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn attempt(&self, asked: &Asked<'_>, payload: &Sha256) -> Result<Answer, Lost> {
        let patience = self.patience.attempt(asked.body.len()) + asked.patience;
        within(patience, async { whole(self.send(asked, payload).await?).await }).await
    }

    /// Asks once, quickly, for what is as well left undone.
    pub(super) async fn ask_in_passing(&self, asked: &Asked<'_>) {
        let patience = self.patience.answer / 6;
        // Nobody could do anything about it.
        let _ = within(patience, self.send(asked, &Sha256::of(&asked.body))).await;
    }

    /// Asks once, and hands on the answer as soon as it begins.
    async fn send(&self, asked: &Asked<'_>, payload: &Sha256) -> Result<Response<Incoming>, Lost> {
        let sent = self.client.request(self.request(asked, payload)).await;
        sent.map_err(|error| {
            let wrong = trust::what_is_wrong(&error, self.address.host());
            Lost {
                is_final: wrong.is_some() && error.is_connect(),
                may_be_done: !error.is_connect(),
                why: wrong.unwrap_or_else(|| outwards::whole(&error)),
            }
        })
    }

    fn request(&self, asked: &Asked<'_>, payload: &Sha256) -> Request<Pieces> {
        let now = date(self.now());
        let bucket = &self.address.bucket;
        let path = match asked.key {
            Some(key) => encoded_path(&format!("/{bucket}/{key}")),
            None => encoded_path(&format!("/{bucket}")),
        };
        let query = encoded_query(asked.query);
        let mut fields: BTreeMap<&'static str, String> = asked.fields.iter().cloned().collect();
        fields.insert("host", self.address.authority.clone());
        fields.insert("x-amz-content-sha256", payload.to_string());
        fields.insert("x-amz-date", now.clone());
        let signed =
            Signed { method: asked.method.as_str(), path: &path, query: &query, fields: &fields, payload };
        let authorization = self.credentials.authorize(&signed, &self.address.region, &now);

        let scheme = if self.address.is_https { "https" } else { "http" };
        let mark = if query.is_empty() { "" } else { "?" };
        let mut request = Request::builder()
            .method(asked.method.clone())
            .uri(format!("{scheme}://{}{path}{mark}{query}", self.address.authority))
            .header(USER_AGENT, concat!("gateward/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT_ENCODING, "identity");
        for (name, value) in fields {
            request = request.header(name, value);
        }
        let mut authorization = HeaderValue::try_from(authorization).expect("all of it is visible ASCII");
        authorization.set_sensitive(true);
        request
            .header(AUTHORIZATION, authorization)
            .body(Pieces(asked.body.clone()))
            .expect("an address and an encoded path make a URL, our fields are visible ASCII")
    }

    /// What requests are signed with: the server compares it with its own time, so a clock is asked even if
    /// nobody believes it.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now().unwrap_or_else(|unbelieved| unbelieved.shown())
    }
}

impl No {
    /// Says how often it was tried.
    fn after(self, attempts: &Attempts) -> Self {
        let tried = attempts.made - 1;
        match self {
            Self::Refused(mut refusal) => {
                refusal.tried = tried;
                Self::Refused(refusal)
            }
            Self::Lost(why) if tried > 1 => Self::Lost(format!("{why} (tried {tried} times)")),
            lost @ Self::Lost(_) => lost,
        }
    }
}

/// Reads an answer whole.
async fn whole(response: Response<Incoming>) -> Result<Answer, Lost> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, LARGEST).collect().await.map_err(|error| {
        let why = format!("in the middle of its answer: {}", outwards::whole(&*error));
        Lost { why, may_be_done: true, is_final: false }
    })?;
    Ok(Answer { status: head.status, fields: head.headers, body: body.to_bytes().into() })
}

async fn within<T>(patience: Duration, work: impl Future<Output = Result<T, Lost>>) -> Result<T, Lost> {
    let late = |_| Lost {
        why: format!("it did not answer within {} s", patience.as_secs_f32().ceil()),
        may_be_done: true,
        is_final: false,
    };
    tokio::time::timeout(patience, work).await.map_err(late)?
}

/// A body that is handed over piece by piece, so that no transport copies it whole.
#[derive(Debug, Clone)]
pub(super) struct Pieces(Bytes);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.0.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.0.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.0.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}
