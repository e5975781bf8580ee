//! Events as the door makes them: one for each answer to somebody with a temporary login.

use std::sync::atomic::{AtomicU64, Ordering};

use gateward::base::id::{EventId, InstanceId, Reference, TransactionId};
use gateward::base::random::Random;
use gateward::flows::record::{Access, Asked, Carried, Delivery, Lines, What};
use gateward::server::system;
use gateward::store::event::{NewEvent, SearchColumns};
use jiff::Timestamp;

/// One event in so many is of the busy login.
pub const BUSY_EVERY: u64 = 10;

/// How many events each of the other logins has.
pub const EACH: u64 = 100;

/// One event in so many is a refusal.
pub const REFUSED_EVERY: u64 = 1000;

/// Makes events, each unlike all others.
pub struct Source {
    random: Random,
    instance: InstanceId,
    next: AtomicU64,
}

impl Source {
    pub fn new() -> Self {
        let random = system::random();
        let instance = InstanceId::new(system::wall_clock(), &random);
        Self { random, instance, next: AtomicU64::new(0) }
    }

    /// Makes `count` events of now.
    pub fn events(&self, count: usize) -> Vec<NewEvent> {
        let now = system::wall_clock();
        (0..count).map(|_| self.event(self.next.fetch_add(1, Ordering::Relaxed), now)).collect()
    }

    /// Makes the event with this number.
    pub fn event(&self, number: u64, at: Timestamp) -> NewEvent {
        let who = login(number);
        let transaction = TransactionId::new(at, &self.random);
        let refused = number.is_multiple_of(REFUSED_EVERY);
        let reference = refused.then(|| Reference::new(&self.random));
        let outcome = if refused { "refused" } else { "done" };
        let mut body = serde_json::to_value(released(number)).expect("events are plain structs");
        body["outcome"] = outcome.into();
        body["service"] = SERVICE.into();
        body["transaction"] = transaction.to_string().into();
        body["who"] = who.clone().into();
        if let Some(reference) = reference {
            body["reference"] = reference.to_string().into();
        }
        NewEvent {
            id: EventId::new(at, &self.random),
            instance: self.instance,
            occurred_at: at,
            salt: self.random.bytes(),
            body: body.to_string(),
            personal_salt: self.random.bytes(),
            personal: format!(r#"{{"address":"192.0.2.{}"}}"#, number % 250),
            search: SearchColumns {
                kind: "released".into(),
                outcome,
                service: Some(SERVICE.into()),
                who: Some(who),
                transaction: Some(transaction),
                reference,
            },
        }
    }
}

const SERVICE: &str = "fdsnws/dataselect/1";

/// Whose the event with this number is.
pub fn login(number: u64) -> String {
    if number.is_multiple_of(BUSY_EVERY) { "busy".into() } else { format!("login{:08}", number / EACH) }
}

fn released(number: u64) -> What {
    let day = number % 28 + 1;
    let asked: Vec<_> = ["HHZ", "HHN", "HHE"]
        .map(|channel| {
            format!(
                "Z3 A{:03}A * {channel} 2016-01-{day:02}T00:00:00 2016-01-{day:02}T23:59:59",
                number % 600
            )
        })
        .into();
    let asked = Lines { asked_lines: 3, forwarded_lines: 3, asked, left_out: Vec::new() };
    What::Released {
        access: Access {
            method: "POST".into(),
            path: "/queryauth".into(),
            grant: "0193507a-0000-7000-8000-000000000001".into(),
            subject: Some("4f0c1d2e3a4b5c6d7e8f9a0b1c2d3e4f".into()),
            node: None,
            by: Some("digest"),
            openhim_client: None,
            openhim_transaction: None,
            asked: Some(Asked::Lines(asked)),
        },
        carried: Carried {
            status: 200,
            bytes: number * 512 % 9_000_000,
            bytes_up: None,
            duration_us: number * 37 % 500_000,
            delivery: Delivery::NotObserved,
            inspected: None,
            detail: None,
        },
    }
}
