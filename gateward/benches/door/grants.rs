//! What a decision costs, by how many grants there are.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use gateward::base::name::ServiceName;
use gateward::base::store_address::StoreAddress;
use gateward::flows::oidc::OidcIssuers;
use gateward::flows::policy::{PolicyCache, Subject};
use gateward::server::system;
use gateward::store::Store;
use openpgp::TrustedKeys;
use rusqlite::{Connection, params};

use crate::Outcome;

/// How often is looked.
const LOOKS: u32 = 1_000_000;

/// Prints how long it takes to find what a machine and a person are granted, and to read all grants anew.
pub fn measure(dir: &Path) -> Outcome<()> {
    println!();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for count in [10_u32, 1_000, 100_000] {
        let path = dir.join(format!("grants-{count}.db"));
        let store = runtime.block_on(Store::create(&StoreAddress::Sqlite(path.clone()), system::clock()))?;
        write(&path, count)?;
        let begun = Instant::now();
        let none = OidcIssuers::default();
        let policies = runtime.block_on(PolicyCache::load(store.reader.clone(), TrustedKeys::new(), none))?;
        let read = begun.elapsed();
        let (policy, service): (_, ServiceName) = (policies.current(), "fhir".parse()?);
        let subjects: Vec<[Subject; 2]> = (0..count.min(1_000))
            .map(|at| {
                Ok([
                    Subject::User(format!("user-{at}").parse()?),
                    Subject::Node(format!("node-{at}").parse()?),
                ])
            })
            .collect::<Outcome<_>>()?;
        let begun = Instant::now();
        for look in 0..LOOKS {
            let subjects = &subjects[look as usize % subjects.len()];
            assert_eq!(black_box(policy.grants(&service, subjects)).len(), 1, "a node has one, a user none");
        }
        let each = begun.elapsed().as_secs_f64() / f64::from(LOOKS) * 1e9;
        println!(
            "{count:>7} grants: found in {each:>4.0} ns; all read anew in {:>7.2} ms",
            read.as_secs_f64() * 1e3
        );
    }
    Ok(())
}

fn write(store: &Path, count: u32) -> Outcome<()> {
    let mut connection = Connection::open(store)?;
    let all = connection.transaction()?;
    {
        let mut grant = all.prepare(
            "INSERT INTO grants (id, origin, subject_kind, subject, service, networks, created_at, actions, resources, own) \
             VALUES (?1, 'command', 'node', ?2, 'fhir', '[]', '2026-01-01T00:00:00.000000Z', '[\"read\"]', '[\"Patient\"]', 0)",
        )?;
        for at in 0..count {
            grant.execute(params![format!("g-{at}"), format!("node-{at}")])?;
        }
    }
    all.commit()?;
    Ok(())
}
