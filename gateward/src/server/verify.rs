//! `/verify`: a proxy asks whether it may let a request through (forward authentication).
//!
//! The same admission as for requests that we carry, for the request that the proxy describes: who it is that
//! asks for others is proven first, and one durable event stands before the answer.

mod original;

use bytes::Bytes;
use http::request::Parts;
use jiff::Timestamp;

use self::original::{Expected, Original};
use super::answer::{self, Answered, Problem};
use super::carry::{authorization, not_admitted, said_by_openhim, session};
use super::connection::CameFrom;
use super::gate::Opened;
use super::peer::behind;
use super::route::{recordable, route};
use super::services::Protected;
use super::settle::{Attempts, Undone};
use crate::base::address::ClientAddress;
use crate::config::TrustedProxies;
use crate::flows::admit::{self, Ask};
use crate::flows::authenticate::Shown;
use crate::flows::kind::Request;
use crate::flows::replays::Arrival;
use crate::flows::verify::{self, Asker, Proxy, Seen, Unclear};

/// A question of somebody who may be a proxy.
#[derive(Debug)]
pub struct Question<'a> {
    /// What decisions need.
    pub opened: &'a Opened,
    /// The head of the request that it is asked in.
    pub head: &'a Parts,
    /// From where.
    pub from: &'a CameFrom,
    /// Proxies that a proxy is believed to stand behind.
    pub trusted: &'a TrustedProxies,
}

impl Question<'_> {
    /// Answers it: 200 with who asks, 401 with a challenge, 403, and 503 where nothing can be recorded.
    pub async fn answer(&self) -> Answered {
        // Decided again, it is still the same request.
        let arrival = Arrival::default();
        match self.settle(&arrival).await {
            Ok(answered) => answered,
            Err(problem) => problem.for_proxy(),
        }
    }

    async fn settle(&self, arrival: &Arrival) -> Result<Answered, Problem> {
        let mut attempts = Attempts::new(self.opened);
        loop {
            let now = attempts.begin().map_err(|problem| *problem)?;
            match self.decide(arrival, now).await {
                Ok(answered) => return Ok(answered),
                Err(undone) => attempts.again(undone).await?,
            }
        }
    }

    async fn decide(&self, arrival: &Arrival, now: Timestamp) -> Result<Answered, Undone> {
        let fields = &self.head.headers;
        let proxy = self.proxy(now).await?;
        // Only now: the proxy is somebody who may say so.
        let address = behind(self.from.address, self.trusted, fields);
        let expected = Expected {
            host: self.opened.services.iter().any(|service| !service.hosts.is_empty()),
            certificate: self.opened.verify_certificates,
        };
        let original = match Original::read(fields, expected) {
            Ok(original) => original,
            Err(why) => return Err(self.unclear(&why, address, now).await),
        };
        let (service, rest) = match self.service(&original) {
            Ok(found) => found,
            Err(why) => return Err(self.unclear(&why, address, now).await),
        };
        let door = &self.opened.door;
        let shown = Shown {
            authorization: authorization(&service.service, fields),
            session: session(&service.service, &original.method, original.host.as_deref(), fields),
            method: original.method.as_str(),
            target: original.target.as_str(),
            address,
            certificate: original.certificate.as_ref(),
            openhim: said_by_openhim(fields),
            arrival,
        };
        let request = Request {
            method: &original.method,
            rest: &rest,
            query: original.target.query(),
            fields,
            body: &Bytes::new(),
            websocket: original.upgrade,
        };
        let ask = Ask { service: &service.service, request, shown };
        let permit =
            admit::admit(door, ask, now).await.map_err(|error| not_admitted(door, ask, &error, now))?;
        let verified = permit.verify(door, &proxy, now).await?;
        Ok(answer::verified(&verified, service.identify_as.as_ref(), fields))
    }

    /// Finds out which proxy asks.
    async fn proxy(&self, now: Timestamp) -> Result<Proxy, Undone> {
        let (door, from) = (&self.opened.door, self.from);
        let asker = Asker { certificate: from.other_end.certificate.as_ref(), uid: from.other_end.uid };
        let (policy, trust) = (door.policy.current(), door.trust.current());
        match verify::recognise(&policy, &trust, asker, &self.opened.verify_uids, now) {
            Ok(proxy) => Ok(proxy),
            Err(why) => {
                let reference = verify::refuse_asker(door, &why, asker, from.address, now).await?;
                Err(answer::no_proxy(reference).into())
            }
        }
    }

    /// Finds the service that the request would be for, and what of its path follows the service's.
    fn service(&self, original: &Original) -> Result<(&Protected, String), Unclear> {
        let services = &self.opened.services;
        let (at, rest) =
            route(services, original.host.as_deref(), original.target.path()).ok_or(Unclear::NoService)?;
        let service = &services[at];
        if service.service.kind.suits_a_proxy_that_asks().is_err() {
            return Err(Unclear::NotForProxies(service.service.name.clone()));
        }
        Ok((service, rest))
    }

    async fn unclear(&self, why: &Unclear, address: ClientAddress, now: Timestamp) -> Undone {
        let (method, target) = Original::seen(&self.head.headers);
        let path = target.split(['?', '#']).next().unwrap_or_default();
        let path = recordable(&self.opened.services, path);
        let seen = Seen { method: &method, path: &path, target: &target };
        match verify::refuse_question(&self.opened.door, why, seen, address, now).await {
            Ok(reference) => answer::unclear(why, reference).into(),
            Err(error) => error.into(),
        }
    }
}
