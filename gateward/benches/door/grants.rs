//! What a decision costs, by how many grants there are.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use gateward::base::name::ServiceName;
use gateward::base::store_address::StoreAddress;
use gateward::flows::admit::Require;
use gateward::flows::kind::{
    FdsnSettings, Interpreter, Kind, Meaning, Owned, Request, Settings, ToldUpstream,
};
use gateward::flows::oidc::OidcIssuers;
use gateward::flows::policy::{Policy, PolicyCache, Subject};
use gateward::server::system;
use gateward::store::Store;
use http::{HeaderMap, Method};
use openpgp::TrustedKeys;
use rusqlite::{Connection, params};

use crate::Outcome;

/// How many decisions are made, fewer where each looks at many grants.
const WORK: u32 = 200_000;

/// Whose grants they are.
#[derive(Clone, Copy)]
enum Whose {
    /// One for each of so many nodes.
    OneEach,
    /// All of them one node's, and the last one is what it needs.
    AllOfOne,
}

/// Prints how long it takes to decide about a request of a machine and a person, from what they are granted to
/// what the upstream is asked; and to read all grants anew.
pub fn measure(dir: &Path) -> Outcome<()> {
    println!();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (read, service) = (understood()?, "fhir".parse()?);
    for (whose, name) in [(Whose::OneEach, "one a node"), (Whose::AllOfOne, "all of one node")] {
        for count in [10_u32, 1_000, 100_000] {
            let path = dir.join(format!("grants-{count}-{}.db", name.replace(' ', "-")));
            let store =
                runtime.block_on(Store::create(&StoreAddress::Sqlite(path.clone()), system::clock()))?;
            write(&path, count, whose)?;
            let begun = Instant::now();
            let none = OidcIssuers::default();
            let policies =
                runtime.block_on(PolicyCache::load(store.reader.clone(), TrustedKeys::new(), none))?;
            let loaded = begun.elapsed();
            let each = decide(&policies.current(), &service, &read, count, whose)?;
            println!(
                "{count:>7} grants, {name:<15}: decided in {:>7.2} us; all read anew in {:>7.2} ms",
                each * 1e6,
                loaded.as_secs_f64() * 1e3
            );
        }
    }
    Ok(())
}

/// A read of one patient, understood.
fn understood() -> Outcome<Meaning> {
    let settings = Settings {
        path: "/fhir".to_owned().try_into()?,
        stands_elsewhere_too: false,
        reads_folder: false,
        upstream_has_path: false,
        require: Require { node: true, person: true, either: false },
        fdsn: FdsnSettings::default(),
        upstream_is_told: ToldUpstream::default(),
        existing_keys: None,
    };
    let fhir = Interpreter::new(Kind::Fhir, &settings)?;
    let (method, fields, body) = (Method::GET, HeaderMap::new(), Bytes::new());
    let request = Request {
        method: &method,
        rest: "/Patient/7",
        query: None,
        fields: &fields,
        body: &body,
        websocket: false,
    };
    Ok(fhir.meaning(request)?)
}

/// Decides about nodes in turns; returns how long one decision takes, in seconds.
fn decide(
    policy: &Policy,
    service: &ServiceName,
    meaning: &Meaning,
    count: u32,
    whose: Whose,
) -> Outcome<f64> {
    let (nodes, decisions) = match whose {
        Whose::OneEach => (count.min(1_000), WORK),
        Whose::AllOfOne => (1, (WORK * 10 / count).max(100)),
    };
    let subjects: Vec<[Subject; 2]> = (0..nodes)
        .map(|at| {
            Ok([Subject::User(format!("user-{at}").parse()?), Subject::Node(format!("node-{at}").parse()?)])
        })
        .collect::<Outcome<_>>()?;
    let (now, owned) = (system::wall_clock(), Owned::default());
    let begun = Instant::now();
    for decision in 0..decisions {
        let subjects = &subjects[decision as usize % subjects.len()];
        let grants = policy.grants(service, black_box(subjects));
        let allowed = meaning.allow(&grants, &owned, now)?;
        assert_eq!(black_box(allowed).by.len(), 1, "by one grant");
    }
    Ok(begun.elapsed().as_secs_f64() / f64::from(decisions))
}

fn write(store: &Path, count: u32, whose: Whose) -> Outcome<()> {
    let mut connection = Connection::open(store)?;
    let all = connection.transaction()?;
    {
        let mut grant = all.prepare(
            "INSERT INTO grants (id, origin, subject_kind, subject, service, networks, created_at, actions, resources, own) \
             VALUES (?1, 'command', 'node', ?2, 'fhir', '[]', '2026-01-01T00:00:00.000000Z', '[\"read\"]', ?3, 0)",
        )?;
        for at in 0..count {
            let (node, kind) = match whose {
                Whose::OneEach => (at, "Patient"),
                Whose::AllOfOne if at + 1 == count => (0, "Patient"),
                Whose::AllOfOne => (0, "Observation"),
            };
            // Grants are read in the order of their ids.
            grant.execute(params![format!("g-{at:06}"), format!("node-{node}"), format!("[\"{kind}\"]")])?;
        }
    }
    all.commit()?;
    Ok(())
}
