//! The exchange over HTTP: a signed token or a JWT is posted, a login answered, or what the token is worth.
//!
//! Clients of EIDA read one form of answer and nothing else, so that is what everybody gets who does
//! not ask for JSON by name. `?check` does everything but create.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, AUTHORIZATION, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode};
use hyper::body::Incoming;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::accept::prefers_json;
use super::answer::{self, Answered, Form, Problem};
use super::gate::Opened;
use super::htdigest;
use super::public::Public;
use super::request_body;
use super::resif_style;
use crate::base::address::ClientAddress;
use crate::config::StatusStyle;
use crate::flows::authenticate::bearer;
use crate::flows::exchange::{self, Exchanged, From, Insight, Refusal, Worth};

impl Public {
    /// Answers a request to the exchange.
    pub(super) async fn exchange(&self, head: &Parts, body: Incoming, address: ClientAddress) -> Answered {
        let json = prefers_json(&head.headers);
        let form = |at| if json { Form::Problem } else { Form::Fdsn { path: head.uri.path(), at } };
        let (at, _) = self.gate.now();
        if head.method != Method::POST {
            let said = "Send the token as the body of a POST.";
            let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", said).with(ALLOW, "POST");
            return answer::closing(problem.answer_in(form(at)));
        }
        let token = match request_body::read(body, signed_token::MAX_BODY, &self.large).await {
            Ok(read) => brought(head, read.bytes),
            Err(problem) => return answer::closing(problem.answer_in(form(at))),
        };
        let check = match head.uri.query() {
            None | Some("") => false,
            Some("check") => true,
            // Whoever misspells it must not be given a login instead.
            Some(_) => {
                let said = "The exchange knows one parameter: ?check looks at a token and makes nothing.";
                let problem = Problem::new(StatusCode::BAD_REQUEST, "request", said);
                return problem.answer_in(form(at));
            }
        };
        // Only now: a token is judged when it is there, not when its first byte was sent.
        let (now, clock_trouble) = self.gate.now();
        let form = form(now);
        if let Some(trouble) = clock_trouble {
            tracing::error!(%trouble, "an exchange could not be made");
            return Problem::shut(answer::SHUT).answer_in(form);
        }
        let Ok(opened) = self.gate.opened() else {
            return Problem::shut(answer::NOT_READY).answer_in(form);
        };
        let told = if check {
            let insight = exchange::check(&opened.door, &token, address, now).await;
            insight.map(|insight| checked(&insight, json))
        } else {
            // A task of its own: a client who leaves breaks nothing off, and what is being placed elsewhere
            // is seen to its end, or taken away again.
            match tokio::spawn(make(opened, token, address, now)).await {
                Ok(Ok(exchanged)) => exchanged.map(|exchanged| self.made(&exchanged, json)),
                Ok(Err(unlisted)) => return answer::not_placed(&unlisted).answer_in(form),
                Err(error) => return answer::shut(&error).answer_in(form),
            }
        };
        told.unwrap_or_else(|refusal| match self.status_style {
            StatusStyle::Resif if !json => resif_style::refused(&refusal, form),
            StatusStyle::Resif | StatusStyle::Gateward => answer::exchange_refused(&refusal).answer_in(form),
        })
    }
}

/// What was brought: the body, or the JWT in `Authorization` where there is no body.
fn brought(head: &Parts, body: Bytes) -> Bytes {
    let carried = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    match carried.and_then(bearer) {
        Some(carried) if body.is_empty() => Bytes::copy_from_slice(carried.as_bytes()),
        _ => body,
    }
}

/// Makes a login. Whoever is told of it can use it: it stands in the file before.
async fn make(
    opened: Arc<Opened>,
    token: Bytes,
    address: ClientAddress,
    now: Timestamp,
) -> Result<Result<Exchanged, Refusal>, htdigest::Error> {
    let exchanged = exchange::exchange(&opened.door, &token, &From::Address(address), now).await;
    if let (Ok(_), Some(htdigest)) = (&exchanged, &opened.htdigest) {
        htdigest.refresh(&opened.door, now).await?;
    }
    Ok(exchanged)
}

impl Public {
    /// Answers with a login: as EIDA's clients expect it, exactly one `:` and no newline; never kept.
    fn made(&self, exchanged: &Exchanged, json: bool) -> Answered {
        if json {
            return made(exchanged);
        }
        let mut answered = match self.status_style {
            StatusStyle::Resif => resif_style::made(exchanged),
            StatusStyle::Gateward => {
                let Exchanged { login, password, .. } = exchanged;
                answer::text(StatusCode::OK, format!("{login}:{}", password.expose()))
            }
        };
        // The body holds the login and nothing else, so what its groups mean in vain stands beside it.
        let unknown = exchanged.worth.networks_unknown().join(" ");
        if let Ok(unknown) = HeaderValue::try_from(unknown)
            && !unknown.is_empty()
        {
            answered.headers_mut().insert(UNKNOWN_NETWORKS, unknown);
        }
        answered
    }
}

/// Names the networks that the groups mean and that are not there.
const UNKNOWN_NETWORKS: HeaderName = HeaderName::from_static("x-gateward-unknown-networks");

/// Answers a program with a login, and all that there is to know of it.
fn made(exchanged: &Exchanged) -> Answered {
    let Exchanged { login, password, expires_at, repeated, worth } = exchanged;
    let mut told = tell(worth);
    told.insert("login".into(), login.as_str().into());
    told.insert("password".into(), password.expose().into());
    told.insert("login_ends".into(), expires_at.to_string().into());
    told.insert("repeated".into(), (*repeated).into());
    answer::json(StatusCode::OK, "application/json", &told.into())
}

/// Answers with what a token is worth; nothing was made of it.
fn checked(insight: &Insight, json: bool) -> Answered {
    let Insight { worth, login_ends, login, refusal, .. } = insight;
    let refused = refusal.as_ref().map(|refusal| (refusal, answer::exchange_refused(refusal)));
    if json {
        let mut told = tell(worth);
        let login_ends = refusal.is_none().then(|| login_ends.to_string());
        let would_be_refused = refused.map(|(refusal, problem)| {
            json!({
                "reason": refusal.error.reason(), "detail": problem.detail(),
                "reference": refusal.reference.map(|reference| reference.to_string()),
            })
        });
        told.insert("login_ends".into(), login_ends.into());
        told.insert("repeated".into(), login.is_some().into());
        told.insert("would_be_refused".into(), would_be_refused.into());
        return answer::json(StatusCode::OK, "application/json", &told.into());
    }
    let mut rows = vec![
        ("token valid until", format!("{:.0}", worth.valid_until)),
        ("groups", listed(&worth.groups, " ")),
        ("groups known here", listed(&worth.known_groups, " ")),
        ("granted", listed(&worth.services, "; ")),
    ];
    if let Some(networks) = worth.networks() {
        rows.push(("networks", listed(&networks, " ")));
    }
    let unknown = worth.networks_unknown();
    if !unknown.is_empty() {
        rows.push(("networks not here", listed(&unknown, " ")));
    }
    match refused {
        None => {
            rows.push(("login would end", format!("{login_ends:.0}")));
            let says = if login.is_some() { "accepted; it has a living login" } else { "accepted" };
            rows.push(("the exchange says", says.to_owned()));
        }
        Some((refusal, problem)) => {
            rows.push(("the exchange says", problem.detail().to_owned()));
            rows.extend(refusal.reference.map(|reference| ("reference", reference.to_string())));
        }
    }
    let rows: Vec<String> = rows.iter().map(|(name, value)| format!("{name:<19}{value}")).collect();
    answer::text(StatusCode::OK, rows.join("\n") + "\n")
}

/// What is told in any case.
fn tell(worth: &Worth) -> Map<String, Value> {
    let Worth { valid_until, groups, known_groups, services, meant: _ } = worth;
    let texts = |groups: &[signed_token::Group]| groups.iter().map(ToString::to_string).collect::<Vec<_>>();
    let services =
        services.iter().map(|reach| json!({ "service": reach.service, "networks": reach.networks }));
    let mut told = Map::from_iter([
        ("valid_until".into(), valid_until.to_string().into()),
        ("groups".into(), texts(groups).into()),
        ("groups_known".into(), texts(known_groups).into()),
        ("services".into(), services.collect()),
    ]);
    if let Some(networks) = worth.networks() {
        told.insert("networks".into(), networks.into());
        told.insert("networks_unknown".into(), worth.networks_unknown().into());
    }
    told
}

fn listed(items: &[impl ToString], between: &str) -> String {
    let texts: Vec<String> = items.iter().map(ToString::to_string).collect();
    if texts.is_empty() { "none".into() } else { texts.join(between) }
}
