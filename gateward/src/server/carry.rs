//! Carries one request to a service and its answer back: decides, asks, records, releases.

use std::convert::Infallible;
use std::sync::Arc;

use http::header::{ACCEPT, AUTHORIZATION, HOST, LOCATION};
use http::{HeaderMap, Method, StatusCode, request};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::another_site;
use super::answer::{self, Answered, Form, Problem};
use super::connection::CameFrom;
use super::found::{Content, Failed, Found};
use super::gate::Opened;
use super::login_page::{LOGIN, session_cookie, way_there};
use super::pump::Pump;
use super::services::{Protected, Source};
use super::settle::{Attempts, Undone};
use super::tunnel::{self, Ends, Tunnel};
use super::upstream::{Said, Switched, Upstream};
use crate::base::once::Once;
use crate::flows::admit::{self, Admitted, Ask, Ending, Held, Order, Permit, Service};
use crate::flows::authenticate::{self, Challenge, Shown};
use crate::flows::door::Door;
use crate::flows::kind::{Effect, Named, Request};
use crate::flows::openhim;
use crate::flows::record::Delivery;
use crate::flows::replays::Arrival;
use crate::store::CommitError;

/// One request on its way to a service.
#[derive(Debug)]
pub struct Carriage {
    /// What requests need.
    pub opened: Arc<Opened>,
    /// Its head.
    pub head: request::Parts,
    /// Its body, as far as it is needed to understand it.
    pub read: bytes::Bytes,
    /// The room that it takes up, until it is understood.
    pub room: Option<OwnedSemaphorePermit>,
    /// Its body, where it goes on as it comes.
    pub streamed: Option<Incoming>,
    /// From where.
    pub from: CameFrom,
    /// What tells it from one that comes again.
    pub arrival: Arrival,
    /// Which trust it was last decided under.
    pub trust: u64,
    /// Ends when nobody waits for the answer any more.
    pub asker: oneshot::Receiver<Infallible>,
}

impl Carriage {
    /// Carries it to `service`; `rest` is what follows that service's path.
    pub async fn to(&mut self, service: &Protected, rest: &str) -> Answered {
        let opened = Arc::clone(&self.opened);
        let path = self.head.uri.path().to_owned();
        let form = |at| Form::of(service.service.kind.error_form(), &path, at);
        let mut attempts = Attempts::new(&opened);
        let settled = self.settle(service, rest, &mut attempts).await;
        settled.unwrap_or_else(|problem| problem.answer_in(form(attempts.at())))
    }

    /// Asks whether whoever asks `service` can come in at all, before any of their body is held; returns the
    /// answer for whoever cannot.
    pub async fn knock(&self, service: &Protected, rest: &str) -> Option<Answered> {
        let mut attempts = Attempts::new(&self.opened);
        let problem = match self.knock_in_time(service, rest, &mut attempts).await {
            Ok(()) => return None,
            Err(problem) => problem,
        };
        let (kind, path) = (&service.service.kind, self.head.uri.path());
        Some(problem.answer_in(Form::of(kind.error_form(), path, attempts.at())))
    }

    async fn knock_in_time(
        &self,
        service: &Protected,
        rest: &str,
        attempts: &mut Attempts<'_>,
    ) -> Result<(), Problem> {
        let now = attempts.begin().map_err(|problem| *problem)?;
        let ask = self.ask(service, rest);
        let knocked = admit::knock(&self.opened.door, ask, now).await;
        knocked.map_err(|error| self.turned_away(ask, &error, now))
    }

    async fn settle(
        &mut self,
        service: &Protected,
        rest: &str,
        attempts: &mut Attempts<'_>,
    ) -> Result<Answered, Problem> {
        loop {
            let now = attempts.begin().map_err(|problem| *problem)?;
            match self.decide_and_do(service, rest, now).await {
                Ok(answered) => return Ok(answered),
                Err(undone) => attempts.again(undone).await?,
            }
        }
    }

    async fn decide_and_do(
        &mut self,
        service: &Protected,
        rest: &str,
        now: Timestamp,
    ) -> Result<Answered, Undone> {
        self.trust = self.opened.door.trust.current().generation();
        let ask = self.ask(service, rest);
        let admitted = admit::admit(&self.opened.door, ask, now).await;
        let permit = admitted.map_err(|error| self.turned_away(ask, &error, now))?;
        self.room = None;
        match permit.effect() {
            Effect::Read => self.read(service, permit, now).await,
            Effect::Change => self.change(service, permit, now).await,
        }
    }

    /// What is asked of `service`, with what is shown of whoever asks.
    fn ask<'a>(&'a self, service: &'a Protected, rest: &'a str) -> Ask<'a> {
        let uri = &self.head.uri;
        let shown = Shown {
            authorization: authorization(&service.service, &self.head.headers),
            session: session(
                &service.service,
                &self.head.method,
                host(&self.head.headers),
                &self.head.headers,
            ),
            method: self.head.method.as_str(),
            target: uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str),
            address: self.from.address,
            certificate: self.from.other_end.certificate.as_ref(),
            openhim: said_by_openhim(&self.head.headers),
            arrival: &self.arrival,
        };
        let request = Request {
            method: &self.head.method,
            rest,
            query: uri.query(),
            fields: &self.head.headers,
            body: &self.read,
            websocket: tunnel::is_asked(&self.head),
        };
        Ask { service: &service.service, request, shown }
    }

    /// Tells whoever was not admitted why, or sends them to log in.
    fn turned_away(&self, ask: Ask<'_>, error: &admit::Error, now: Timestamp) -> Problem {
        let unknown = matches!(error, admit::Error::Unknown(authenticate::Error::Challenged { .. }));
        if ask.service.challenge == Challenge::Page && unknown && self.shows_pages() {
            return Problem::new(StatusCode::SEE_OTHER, "who-are-you", "Log in first.")
                .with(LOCATION, way_there(ask.shown.target));
        }
        not_admitted(&self.opened.door, ask, error, now)
    }

    /// Whether somebody looks at a page, and can be sent to another; a program could not.
    fn shows_pages(&self) -> bool {
        let mut accepted = self.head.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        self.head.method.is_safe() && accepted.any(|accepted| accepted.contains("text/html"))
    }

    /// Reads: the upstream is asked first, and nothing of its answer leaves before it is recorded.
    async fn read(
        &mut self,
        service: &Protected,
        permit: Permit,
        now: Timestamp,
    ) -> Result<Answered, Undone> {
        let door = &self.opened.door;
        let order = permit.order();
        let found = match &service.source {
            Source::Folder(folder) => {
                folder.find(&permit, &self.head.method, &self.head.headers).await.map_err(Failed::from)
            }
            Source::BehindProxy => return Err(answer::no_service().into()),
            Source::Server(upstream) => {
                let said = said(&self.head, &self.from);
                tokio::select! {
                    found = upstream.ask(&order, said, None) => found,
                    // Nothing is recorded and nothing left: who does not wait needs no answer.
                    _ = &mut self.asker => {
                        return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "left", "Nobody waits.").into());
                    }
                }
            }
        };
        let later = self.opened.clock.now().unwrap_or(now);
        let (leads_to, found) = match found {
            // Its fields are another answer's once an OpenHIM is answered.
            Ok(found) => (
                elsewhere(found.status, &found.fields, &self.head),
                service.answer_openhim(found, &order, now, later),
            ),
            Err(failed) => {
                let transaction = permit.fail(door, failed.recorded(), later).await?;
                return Err(answer::upstream_failed(&failed, transaction).into());
            }
        };
        let Found { status, fields, content, named } = found;
        let permit = permit.leading_to(leads_to);
        match content {
            Content::Whole(content, inspected) => {
                let held = Held { bytes: content.len() as u64, inspected, named };
                let released = permit.release(door, status.as_u16(), held, later).await?;
                Ok(answer::release(released, status, fields, content))
            }
            Content::Running(source) => {
                let admitted = permit.open(door, later).await?;
                if let Err(error) = self.disclose_head(&admitted, named, later).await {
                    return Err(self.change_failed(admitted, &error, Delivery::Cut).into());
                }
                Ok(answer::run(admitted, self.pump(), status, fields, source))
            }
        }
    }

    /// Changes: it is recorded before the upstream sees it.
    async fn change(
        &mut self,
        service: &Protected,
        permit: Permit,
        now: Timestamp,
    ) -> Result<Answered, Undone> {
        let Source::Server(upstream) = &service.source else {
            // A folder takes no changes: its kind understands none.
            return Err(answer::shut(&CommitError::Precondition).into());
        };
        let order = permit.order();
        let mut admitted = permit.open(&self.opened.door, now).await?;
        // What goes on is in the order.
        self.read = bytes::Bytes::new();
        let mut pump = self.pump();
        let streamed = self.streamed.take();
        let said = said(&self.head, &self.from);
        if order.forward.websocket {
            return self.switch(upstream, &order, admitted).await;
        }
        // From here on it is done or failed, never decided again: its body is on its way.
        let found = tokio::select! {
            found = upstream.ask(&order, said, streamed) => found,
            // A body may be on its way for long: whoever lost the right to send it is not heard on.
            delivery = pump.until_not_permitted(&mut admitted) => {
                self.from.cutter.cut();
                let failed = Failed { status: StatusCode::FORBIDDEN, ..Failed::bad_gateway("the right to send it ended") };
                return Err(self.change_failed(admitted, &failed, delivery).into());
            }
        };
        match found {
            Ok(found) => {
                let later = self.opened.clock.now().unwrap_or(now);
                let leads_to = elsewhere(found.status, &found.fields, &self.head);
                let Found { status, fields, content, named } =
                    service.answer_openhim(found, &order, now, later);
                if let Err(unrecorded) = self.disclose_head(&admitted, named, later).await {
                    return Err(self.change_failed(admitted, &unrecorded, Delivery::Cut).into());
                }
                let admitted = admitted.leading_to(leads_to);
                let source = content.into_source();
                Ok(answer::run(admitted, pump, status, fields, source))
            }
            Err(failed) => {
                // Only whoever sends a body is told of an error of their own.
                let the_callers = failed.status.is_client_error();
                let delivery = if the_callers { Delivery::Cut } else { Delivery::UpstreamFailed };
                Err(self.change_failed(admitted, &failed, delivery).into())
            }
        }
    }

    /// Records whom the head of an answer names, before it leaves.
    async fn disclose_head(&self, admitted: &Admitted, named: Named, now: Timestamp) -> Result<(), Failed> {
        if named.is_empty() {
            return Ok(());
        }
        // What was made is noted with the end at the latest.
        let created = named.created.clone().into();
        let disclosed = admitted.disclose(&self.opened.door, named, now).await;
        disclosed.map_err(|error| Failed {
            created,
            status: StatusCode::SERVICE_UNAVAILABLE,
            said: "What was asked for was done, but the answer cannot be recorded and stays here.".into(),
            ..Failed::bad_gateway(error.to_string())
        })
    }

    /// Goes on as a websocket, if the upstream does.
    async fn switch(
        &mut self,
        upstream: &Upstream,
        order: &Order,
        mut admitted: Admitted,
    ) -> Result<Answered, Undone> {
        let mut pump = self.pump();
        let client = self.head.extensions.remove::<OnUpgrade>();
        let switched = tokio::select! {
            switched = upstream.switch(order, said(&self.head, &self.from)) => switched,
            delivery = pump.until_not_permitted(&mut admitted) => {
                self.from.cutter.cut();
                let failed = Failed { status: StatusCode::FORBIDDEN, ..Failed::bad_gateway("the right to it ended") };
                return Err(self.change_failed(admitted, &failed, delivery).into());
            }
        };
        match (switched, client) {
            (Ok(Switched::To { fields, upstream, silence }), Some(client)) => {
                let tunnel = Tunnel::start(Ends { client, upstream, silence }, admitted, pump);
                Ok(answer::switched(tunnel, fields))
            }
            // A kind that lets websockets pass knows of nobody who is named in them.
            (Ok(Switched::Not(Found { status, fields, content, named: _ })), _) => {
                Ok(answer::run(admitted, pump, status, fields, content.into_source()))
            }
            (Ok(Switched::To { .. }), None) => {
                let failed = Failed::bad_gateway("this connection cannot go on as another protocol");
                Err(self.change_failed(admitted, &failed, Delivery::Cut).into())
            }
            (Err(failed), _) => Err(self.change_failed(admitted, &failed, Delivery::UpstreamFailed).into()),
        }
    }

    /// Records that a change failed, and tells so.
    fn change_failed(&self, admitted: Admitted, failed: &Failed, delivery: Delivery) -> Problem {
        let transaction = admitted.transaction();
        let ending = Ending {
            detail: Some(failed.detail.clone()),
            inspected: failed.inspected.as_deref().cloned(),
            alarm: failed.alarm.as_deref().cloned(),
            created: failed.created.to_vec(),
            ..Ending::nothing_left(failed.status.as_u16(), delivery)
        };
        // Whoever is told need not wait for it: that it was admitted is durable, and a crash leaves the
        // end to the next start.
        tokio::spawn(self.pump().record_end(admitted, ending));
        answer::upstream_failed(failed, transaction)
    }

    fn pump(&self) -> Pump {
        Pump {
            door: Arc::clone(&self.opened.door),
            clock: self.opened.clock.clone(),
            seen: self.opened.seen.clone(),
            trust: self.trust,
            cutter: self.from.cutter.clone(),
            running: self.opened.running.clone(),
            looked: std::time::Instant::now(),
        }
    }
}

/// Answers whoever was not admitted, with fresh challenges where one helps.
pub(super) fn not_admitted(door: &Door, ask: Ask<'_>, error: &admit::Error, now: Timestamp) -> Problem {
    answer::not_admitted(error, |stale| {
        let bearer = bearer_error(ask.shown, error);
        bearer.into_iter().chain(challenges(door, ask.service, now, stale)).collect()
    })
}

/// Makes the values of fresh `WWW-Authenticate` fields, in their order.
fn challenges(door: &Door, service: &Service, now: Timestamp, stale: bool) -> Vec<String> {
    match service.challenge {
        Challenge::Digest => door.protection_space(&service.name).challenges(now, door.random.bytes(), stale),
        // As draft-broyer-http-cookie-auth has it, for want of anything that is registered.
        Challenge::Page => vec![format!("Cookie form-action=\"{LOGIN}\", cookie-name=__Host-gateward")],
        Challenge::Basic => {
            let realm = door.realm.as_str();
            vec![format!("Basic realm=\"{realm}\", charset=\"UTF-8\""), format!("Bearer realm=\"{realm}\"")]
        }
    }
}

/// Tells whoever sent a token why it is not taken (RFC 6750 section 3), first of all: clients look at the first.
fn bearer_error(shown: Shown<'_>, error: &admit::Error) -> Option<String> {
    let scheme = shown.authorization?.split(' ').next()?;
    let admit::Error::Unknown(authenticate::Error::Failed { detail, .. }) = error else { return None };
    let said = || format!("Bearer error=\"invalid_token\", error_description=\"{detail}\"");
    scheme.eq_ignore_ascii_case("bearer").then(said)
}

/// What proves a person to `service`: where it has a page of ours, `Authorization` is its upstream's.
pub(super) fn authorization<'a>(service: &Service, fields: &'a HeaderMap) -> Option<&'a str> {
    if service.challenge == Challenge::Page { None } else { said_once(fields) }
}

/// The one `Authorization` of a head; of several, or what is no text, something that no scheme begins like, so that it is
/// refused and not overlooked.
fn said_once(fields: &HeaderMap) -> Option<&str> {
    const NOTHING_KNOWN: &str = "?";
    match Once::of(fields, AUTHORIZATION) {
        Once::No => None,
        Once::One(value) => Some(value.to_str().unwrap_or(NOTHING_KNOWN)),
        Once::Several => Some(NOTHING_KNOWN),
    }
}

/// The session that a browser shows, where `service` has a page of ours; none where the page of another site had the
/// browser send what may change something.
pub(super) fn session<'a>(
    service: &Service,
    method: &Method,
    host: Option<&str>,
    fields: &'a HeaderMap,
) -> Option<&'a str> {
    let counts =
        service.challenge == Challenge::Page && !another_site::asks_for_a_change(method, host, fields);
    if counts { session_cookie(fields) } else { None }
}

/// The host that was asked.
fn host(fields: &HeaderMap) -> Option<&str> {
    fields.get(HOST).and_then(|host| host.to_str().ok())
}

/// What the client said beside what it asks.
fn said<'a>(head: &'a request::Parts, from: &CameFrom) -> Said<'a> {
    Said { fields: &head.headers, is_secure: from.is_secure }
}

/// What an OpenHIM says, if the request is one's.
pub(super) fn said_by_openhim(fields: &HeaderMap) -> openhim::Said<'_> {
    openhim::Said {
        client: Once::of(fields, "x-openhim-clientid"),
        transaction: Once::of(fields, "x-openhim-transactionid"),
    }
}

/// The host that an answer sends its reader to, if that is another than the one that was asked (RFC 9110
/// section 15.4).
fn elsewhere(status: StatusCode, answer: &HeaderMap, request: &request::Parts) -> Option<String> {
    let target = answer.get(LOCATION).filter(|_| status.is_redirection())?.to_str().ok()?;
    // A host without a scheme is one, too (RFC 3986 section 4.2).
    let (_, rest) = target.split_once("//").filter(|(before, _)| !before.contains(['/', '?', '#']))?;
    let host = rest.split(['/', '?', '#', '\\']).next()?.rsplit('@').next()?.to_ascii_lowercase();
    let named = || request.headers.get(HOST).and_then(|host| host.to_str().ok());
    let asked = request.uri.authority().map(http::uri::Authority::as_str).or_else(named);
    (!asked.is_some_and(|asked| asked.eq_ignore_ascii_case(&host))).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_to_another_host_is_known_as_one() {
        let request = http::Request::builder().header(HOST, "dcor.example.org").body(()).unwrap();
        let (request, ()) = request.into_parts();
        let leads = |status, location: &str| {
            let answer = HeaderMap::from_iter([(LOCATION, location.parse().unwrap())]);
            elsewhere(status, &answer, &request)
        };
        for (location, host) in [
            ("https://s3.example.org/a?sig=x", Some("s3.example.org")),
            ("//S3.example.org:9000", Some("s3.example.org:9000")),
            ("https://DCOR.example.org/a", None),
            ("https://dcor.example.org@s3.example.org/", Some("s3.example.org")),
            ("/a?to=https://s3.example.org/", None),
            ("b", None),
        ] {
            assert_eq!(leads(StatusCode::FOUND, location).as_deref(), host, "{location}");
        }
        assert_eq!(leads(StatusCode::CREATED, "https://s3.example.org/a"), None);
    }
}
