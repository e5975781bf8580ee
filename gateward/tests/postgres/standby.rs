//! A standby that only follows: the log is searched there, and nothing is recorded.

use std::process::Command;
use std::time::Duration;

use gateward::store::CommitError;

use crate::cluster::patience::eventually;
use crate::installation::Installation;
use crate::pair::Pair;
use crate::program::{GATEWARD, finish};
use crate::store::Replica;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recorded_is_found_on_a_standby_where_nothing_can_be_recorded() {
    let pair = Pair::start();
    let database = pair.primary().database("standby");
    let installation = Installation::on(&pair.primary().tcp_url(&database));
    Replica::on(&pair.primary().tcp_url(&database)).await.record("auditor").await.unwrap();

    let standby = pair.standby().tcp_url(&database);
    let search = ["audit", "search", "--who", "auditor", "--read-from", &standby];
    let found = eventually("the standby has it", Duration::from_secs(10), || {
        Some(installation.run_json(&search)).filter(|found| !found.is_empty())
    });
    assert_eq!(found[0]["body"]["kind"], "stopped");
    let id = found[0]["id"].as_str().unwrap();
    let shown = installation.run_json(&["audit", "show", id, "--read-from", &standby]);
    assert_eq!(shown, found);

    // Whoever reads is recorded on the primary; on the standby alone, nothing is shown.
    let read = installation.run_json(&["audit", "search"]);
    let read: Vec<_> = read.iter().filter(|event| event["body"]["kind"] == "log_read").collect();
    assert!(
        read.iter().any(|event| event["personal"]["target"] == id && event["body"]["events"] == 1),
        "{read:?}"
    );
    let mut alone = Command::new(GATEWARD);
    alone.args(["audit", "search", "--store", &standby, "--config"]).arg(installation.path("gateward.toml"));
    let shut = finish(&mut alone);
    assert!(shut.out.is_empty() && shut.err.contains("--read-from"), "{}", shut.err);

    let refused = Replica::on(&standby).await.record("nothing").await.unwrap_err();
    assert!(matches!(refused, CommitError::Unavailable(_)), "{refused:?}");
}
