//! The public listener: the exchange, the services, `/version`.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::header::HOST;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use tokio::sync::oneshot;

use super::answer::{self, Answered, Form, Problem, SERVICE_VERSION};
use super::carry::Carriage;
use super::connection::CameFrom;
use super::gate::{Gate, Opened};
use super::listener::Answer;
use super::login_page::{LOGIN, LOGOUT};
use super::node_log;
use super::request_body::{self, Held, LargeBodies, Unwanted, dropping};
use super::resif_style;
use super::route::{is_misdirected, route};
use super::verify::Question;
use super::witness::{self, WITNESS};
use crate::base::name::UrlPath;
use crate::config::{Mode, StatusStyle, TrustedProxies, VERIFY};
use crate::flows::kind::BodyWanted;
use crate::flows::replays::Arrival;

/// What `/version` tells beside the version, in the style of RESIF.
#[derive(Debug)]
pub struct Version {
    /// What kind of installation this is.
    pub mode: Mode,
    /// Whom to ask.
    pub contact: Option<String>,
}

/// Answers the public.
#[derive(Debug)]
pub struct Public {
    /// What there is once the program is ready.
    pub gate: Arc<Gate>,
    /// Where the exchange stands.
    pub exchange_path: UrlPath,
    /// Whose statuses and sentences the exchange answers with.
    pub status_style: StatusStyle,
    /// What `/version` says.
    pub version: Version,
    /// Who is believed about the address of a client.
    pub trusted_proxies: TrustedProxies,
    /// Room for bodies that are large.
    pub large: LargeBodies,
}

impl Answer for Public {
    async fn answer(self: Arc<Self>, request: Request<Incoming>, from: CameFrom) -> Answered {
        let (head, body) = request.into_parts();
        let address = from.address;
        if head.uri.path() == self.exchange_path.as_str() {
            return self.exchange(&head, body, address).await;
        }
        if [LOGIN, LOGOUT].contains(&head.uri.path()) {
            return self.login_page(&head, body, address).await;
        }
        if head.uri.path() == "/version" {
            let answered = match (self.status_style, &self.version) {
                (StatusStyle::Gateward, _) => answer::text(StatusCode::OK, format!("{SERVICE_VERSION}\n")),
                (StatusStyle::Resif, Version { mode, contact }) => {
                    resif_style::version(*mode, contact.as_deref())
                }
            };
            return dropping(body, Unwanted::of(&head), answered).await;
        }
        let Ok(opened) = self.gate.opened() else {
            return dropping(body, Unwanted::of(&head), Problem::shut(answer::NOT_READY).answer()).await;
        };
        if head.uri.path() == VERIFY {
            let trusted = &self.trusted_proxies;
            let question = Question { opened: &opened, head: &head, from: &from, trusted };
            let answered = question.answer().await;
            return dropping(body, Unwanted::of(&head), answered).await;
        }
        if let Some(rest) = opened.audit_path.as_ref().and_then(|path| path.strip(head.uri.path())) {
            return node_log::answer(&opened, rest, (&head, body), &from, &self.large).await;
        }
        if let Some(rest) = head.uri.path().strip_prefix(WITNESS).filter(|_| !opened.witness.is_empty()) {
            return witness::answer(&opened, (&head, body, rest), address, &self.large).await;
        }
        let services = Arc::clone(&opened.services);
        let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
        if is_misdirected(&services, from.other_end.server_name.as_deref(), host, head.uri.path()) {
            return dropping(body, Unwanted::of(&head), answer::misdirected().answer()).await;
        }
        let found = route(&services, host, head.uri.path());
        let Some((at, rest)) = found.filter(|(at, _)| services[*at].is_served()) else {
            return dropping(body, Unwanted::of(&head), answer::no_service().answer()).await;
        };
        if services[at].service.kind.is_exchange(&rest) {
            return self.exchange(&head, body, address).await;
        }
        self.serve(opened, at, rest, Arrived { head, body, from }).await
    }

    fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }
}

/// A request as it arrived.
struct Arrived {
    head: http::request::Parts,
    body: Incoming,
    from: CameFrom,
}

impl Public {
    /// Reads as much of the body as the service at `at` needs to understand the request, and carries
    /// it there.
    async fn serve(&self, opened: Arc<Opened>, at: usize, rest: String, arrived: Arrived) -> Answered {
        let Arrived { head, body, from } = arrived;
        let services = Arc::clone(&opened.services);
        let interpreter = &services[at].service.kind;
        let (path, unwanted) = (head.uri.path().to_owned(), Unwanted::of(&head));
        let form = || Form::of(interpreter.error_form(), &path, self.gate.now().0);
        if head.version == http::Version::HTTP_10 && services[at].is_server() {
            let said = "HTTP/1.0 cannot tell an answer that was cut from a complete one: use HTTP/1.1 (in nginx, \
                        proxy_http_version 1.1).";
            let status = StatusCode::HTTP_VERSION_NOT_SUPPORTED;
            return dropping(
                body,
                Unwanted::of(&head),
                Problem::new(status, "version", said).answer_in(form()),
            )
            .await;
        }
        let wanted = interpreter.body(&head.method, &rest);
        let (listening, asker) = oneshot::channel();
        let mut carriage = Carriage {
            opened,
            head,
            read: Bytes::new(),
            room: None,
            streamed: None,
            from,
            arrival: Arrival::default(),
            trust: 0,
            asker,
        };
        let mut whole = true;
        match wanted {
            BodyWanted::Streamed => carriage.streamed = Some(body),
            BodyWanted::Nothing => whole = request_body::drop_all(body, unwanted).await,
            BodyWanted::Whole(most) => {
                // Nothing is held for somebody who cannot come in.
                if let Some(answered) = carriage.knock(&services[at], &rest).await {
                    return dropping(body, unwanted, answered).await;
                }
                match request_body::read(body, most, &self.large).await {
                    Ok(Held { bytes, room }) => (carriage.read, carriage.room) = (bytes, room),
                    Err(problem) => return answer::closing(problem.answer_in(form())),
                }
            }
        }
        // A task of its own: a client who leaves takes the connection along and nothing else, so that
        // what is being recorded as admitted still finds its end.
        let services = Arc::clone(&services);
        let carried = tokio::spawn(async move {
            let answered = carriage.to(&services[at], &rest).await;
            (answered, carriage.streamed.take())
        });
        let (answered, unread) =
            carried.await.unwrap_or_else(|error| (answer::shut(&error).answer_in(form()), None));
        drop::<oneshot::Sender<Infallible>>(listening);
        if let Some(body) = unread {
            // It was refused before any of its body was asked for.
            return dropping(body, unwanted, answered).await;
        }
        if whole { answered } else { answer::closing(answered) }
    }
}
