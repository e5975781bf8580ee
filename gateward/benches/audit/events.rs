//! The events of a client registry's days: reads, searches, logins, and who was refused.

use gateward::base::id::{InstanceId, TransactionId};
use gateward::base::random::Random;
use gateward::flows::record::{
    Access, Asked, Carried, Delivery, Happened, Inspected, Interaction, NamedPatients, Outcome as CameOut,
    Personal, What, event,
};
use gateward::server::system;
use gateward::store::event::NewEvent;
use jiff::Timestamp;

/// How many patients the registry has.
pub const PATIENTS: u64 = 200_000;

/// How many people ask.
pub const USERS: u64 = 500;

/// From how many machines.
pub const NODES: u64 = 50;

const SERVICE: &str = "registry";

/// Makes events, each unlike all others.
pub struct Source {
    random: Random,
    instance: InstanceId,
}

impl Source {
    pub fn new() -> Self {
        let random = system::random();
        let instance = InstanceId::new(system::wall_clock(), &random);
        Self { random, instance }
    }

    /// Makes the event with this number, which happened `at`.
    pub fn event(&self, number: u64, at: Timestamp) -> NewEvent {
        let mut happened = happened(number);
        happened.transaction = Some(TransactionId::new(at, &self.random));
        event(&happened, self.instance, &self.random, at)
    }
}

/// Whom the event with this number is about first.
pub fn patient(number: u64) -> String {
    format!("Patient/p{}", number * 7919 % PATIENTS)
}

/// Whose it is.
pub fn user(number: u64) -> String {
    format!("user-{}", number % USERS)
}

/// Which machine asked.
pub fn node(number: u64) -> String {
    format!("node-{}", number % NODES)
}

/// Where that is.
pub fn address(number: u64) -> String {
    format!("10.20.0.{}", number % NODES)
}

/// Of a hundred events 60 are reads, 25 searches, 5 updates, 6 logins, and 4 refusals.
fn happened(number: u64) -> Happened {
    let personal = Personal { address: Some(address(number)), ..Personal::default() };
    let read = |interaction, target: String, patients| {
        let personal = Personal { target: Some(target), patients, ..personal.clone() };
        Happened { personal, ..Happened::done(released(number, interaction)) }
    };
    let happened = match number % 100 {
        0..60 => read("read", patient(number), vec![patient(number)]),
        60..85 => {
            let target = format!("Patient?family=Name{}&birthdate=1970-01-01", number % 1000);
            read("search-type", target, (0..3).map(|more| patient(number + more)).collect())
        }
        85..90 => read("update", patient(number), vec![patient(number)]),
        90..96 => Happened { personal, ..Happened::done(What::LoggedIn) },
        _ => {
            let (method, path, detail) = ("GET".into(), "/Patient/*".into(), String::new());
            let what = What::RequestRefused { method, path, reason: "no-grant", detail };
            let personal = Personal { target: Some(patient(number)), ..personal };
            Happened { outcome: CameOut::Refused, personal, ..Happened::done(what) }
        }
    };
    let service = SERVICE.to_owned().try_into().expect("it is the name of a service");
    Happened { service: Some(service), who: Some(user(number)), ..happened }
}

fn released(number: u64, interaction: &str) -> What {
    let asked = Interaction {
        interaction: interaction.to_owned(),
        operation: None,
        resource: Some("Patient".into()),
        entries: None,
    };
    let update = interaction == "update";
    What::Released {
        access: Access {
            method: if update { "PUT" } else { "GET" }.into(),
            path: "/Patient/*".into(),
            grant: "0193507a-0000-7000-8000-000000000001".into(),
            subject: None,
            node: Some(node(number).try_into().expect("it is the name of a node")),
            by: Some("password"),
            openhim_client: None,
            openhim_transaction: None,
            asked: Some(Asked::Interaction(asked)),
        },
        carried: Carried {
            status: 200,
            bytes: number * 512 % 90_000,
            bytes_up: None,
            duration_us: number * 37 % 500_000,
            delivery: Delivery::NotObserved,
            inspected: Some(Inspected::Resources(NamedPatients { patients: 1 })),
            detail: None,
        },
    }
}
