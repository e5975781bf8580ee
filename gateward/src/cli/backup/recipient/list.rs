//! `gateward backup recipient list`

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use super::{folder, jobs};
use crate::base::backup::JobName;
use crate::cli::backup::workshop::Workshop;
use crate::cli::terminal::{say, shown};
use crate::cli::{Context, YES, no};
use crate::flows::backup::recipient::Standing;

pub(super) fn run(context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let workshop = Workshop::open(context)?;
    let (config, now) = (&workshop.config, workshop.job.now());
    let all = folder(config).read()?.standing(&jobs(config), now);
    for key in &all {
        let care = key.needs_care(now);
        context.print(out, &text(key), &json(key, care))?;
        if care {
            say(&warning(key));
        }
    }
    Ok(if all.iter().any(|key| key.needs_care(now)) { no() } else { YES })
}

fn status(key: &Standing) -> String {
    match &key.status {
        Ok(status) => status.to_string(),
        Err(broken) => broken.to_string(),
    }
}

fn text(key: &Standing) -> String {
    let names: Vec<String> = key.user_ids.iter().map(|name| shown(name)).collect();
    let or = |list: String, none: &str| if list.is_empty() { none.to_owned() } else { list };
    format!(
        "{}\n  says it is  {}\n  opened by   {}\n  status      {}\n  named by    {}",
        key.fingerprint,
        or(names.join(", "), "nobody"),
        key.opens_with.map_or("nothing now".to_owned(), |subkey| subkey.to_string()),
        status(key),
        or(names_of(&key.jobs), "no job"),
    )
}

fn names_of(jobs: &[JobName]) -> String {
    jobs.iter().map(JobName::as_str).collect::<Vec<_>>().join(", ")
}

fn json(key: &Standing, needs_care: bool) -> serde_json::Value {
    json!({
        "fingerprint": key.fingerprint.to_string(),
        "user_ids": key.user_ids,
        "opens_with": key.opens_with.map(|subkey| subkey.to_string()),
        "ends_at": key.ends_at().map(|at| at.to_string()),
        "status": status(key),
        "needs_care": needs_care,
        "jobs": key.jobs,
    })
}

fn warning(key: &Standing) -> String {
    let what = match key.ends_at() {
        Some(at) => format!("ends at {at:.0}: have its owner prolong it, and import the new copy"),
        None => format!("can be sealed to no more: {}", status(key)),
    };
    let stops = match names_of(&key.jobs).as_str() {
        "" => String::new(),
        jobs => format!(". Without it there is no backup by {jobs}"),
    };
    format!("warning: {} {what}{stops}", key.fingerprint)
}
