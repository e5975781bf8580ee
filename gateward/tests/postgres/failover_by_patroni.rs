//! What [`Patroni`] promises.

use std::time::{Duration, Instant};

use crate::failover::{Writers, kept};
use crate::patroni::Patroni;

#[test]
fn nothing_acknowledged_is_lost_when_the_machine_that_leads_loses_power() {
    let patroni = Patroni::start();
    let database = patroni.primary().database("failover");
    let acknowledged = Writers::write(patroni.primary(), &patroni.url(&database), &database, |writers| {
        let patience = Duration::from_secs(60);
        writers.wait_for(200, patience);
        let dead = patroni.kill_primary();
        let begun = Instant::now();
        patroni.wait_for_failover();
        eprintln!("Patroni's failover: {:?}", begun.elapsed());
        writers.wait_for(200, Duration::from_secs(5));
        assert_ne!(patroni.primary().address(), dead.address());
        patroni.renew_standby();
        patroni.kill_primary();
        writers.wait_for(200, patience);
    });
    assert!(acknowledged.is_subset(&kept(patroni.primary(), &database)));
}
