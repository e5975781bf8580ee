//! The exchange over HTTP: a signed token is posted, a login answered, or what the token is worth.
//!
//! Clients of EIDA read one form of answer and nothing else, so that is what everybody gets who does
//! not ask for JSON by name. `?check` does everything but create.

use http::header::ALLOW;
use http::request::Parts;
use http::{Method, StatusCode};
use hyper::body::Incoming;
use serde_json::{Map, Value, json};

use super::accept::prefers_json;
use super::answer::{self, Answered, Form, Problem};
use super::public::Public;
use super::request_body;
use crate::base::address::ClientAddress;
use crate::flows::exchange::{self, Exchanged, From, Insight, Worth};

impl Public {
    /// Answers a request to the exchange.
    pub(super) async fn exchange(&self, head: &Parts, body: Incoming, address: ClientAddress) -> Answered {
        let json = prefers_json(&head.headers);
        let form = |at| if json { Form::Problem } else { Form::Fdsn { path: head.uri.path(), at } };
        let (at, _) = self.gate.now();
        if head.method != Method::POST {
            let said = "Send the signed token as the body of a POST.";
            let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", said).with(ALLOW, "POST");
            return answer::closing(problem.answer_in(form(at)));
        }
        let token = match request_body::read(body, signed_token::MAX_BODY, &self.large).await {
            Ok(read) => read.bytes,
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
        let door = &opened.door;
        let told = if check {
            exchange::check(door, &token, address, now).await.map(|insight| checked(&insight, json))
        } else {
            let from = From::Address(address);
            exchange::exchange(door, &token, &from, now).await.map(|exchanged| made(&exchanged, json))
        };
        told.unwrap_or_else(|refusal| answer::exchange_refused(&refusal).answer_in(form))
    }
}

/// Answers with a login: as EIDA's clients expect it, exactly one `:` and no newline; never kept.
fn made(exchanged: &Exchanged, json: bool) -> Answered {
    let Exchanged { login, password, expires_at, repeated, worth } = exchanged;
    if !json {
        return answer::text(StatusCode::OK, format!("{login}:{}", password.expose()));
    }
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
    let Worth { valid_until, groups, known_groups, services } = worth;
    let texts = |groups: &[signed_token::Group]| groups.iter().map(ToString::to_string).collect::<Vec<_>>();
    let services =
        services.iter().map(|reach| json!({ "service": reach.service, "networks": reach.networks }));
    Map::from_iter([
        ("valid_until".into(), valid_until.to_string().into()),
        ("groups".into(), texts(groups).into()),
        ("groups_known".into(), texts(known_groups).into()),
        ("services".into(), services.collect()),
    ])
}

fn listed(items: &[impl ToString], between: &str) -> String {
    let texts: Vec<String> = items.iter().map(ToString::to_string).collect();
    if texts.is_empty() { "none".into() } else { texts.join(between) }
}
