//! From a job of the configuration to one that can be run.

use std::path::Path;

use jiff::Timestamp;
use openpgp::Recipient;

use super::job::{Ready, Unready};
use super::places::{For, places};
use super::programs::Programs;
use super::recipients::RecipientFolder;
use super::source::{Own, Planned, Surroundings, source_of};
use crate::base::random::Random;
use crate::base::time::Clock;
use crate::config::{Backup, Config};

/// What jobs do not say themselves.
#[derive(Debug)]
pub struct Around<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The file that it stands in.
    pub file: &'a Path,
    /// Where programs are found.
    pub programs: &'a Programs,
    /// The clock.
    pub clock: &'a Clock,
    /// The random source.
    pub random: &'a Random,
}

/// Makes `job` ready: everybody who is to open it can, and every place takes something.
///
/// # Errors
///
/// [`Unready`]: the operator's.
pub fn ready(job: &Backup, around: &Around<'_>, now: Timestamp) -> Result<Ready, Unready> {
    let recipients = recipients(job, around, now)?;
    let Planned { source, inside, compression, template } = planned(job, around, now)?;
    let targets = places(job, For::Writing, around.clock, around.random).map_err(unready("target"))?;
    let (folder, keep) = (job.folder.clone(), job.keep());
    Ok(Ready { source, inside, compression, template, recipients, targets, folder, keep })
}

/// Finds whom `job` is sealed to.
pub(super) fn recipients(
    job: &Backup,
    around: &Around<'_>,
    now: Timestamp,
) -> Result<Vec<Recipient>, Unready> {
    let keys: Vec<_> = job.recipients.iter().map(|key| key.0).collect();
    let known = RecipientFolder::below(&around.config.backup_state).read().map_err(unready("recipient"))?;
    known.of(&keys, now).map_err(unready("recipient"))
}

/// Plans where the stream of `job` comes from; nothing is connected yet.
pub(super) fn planned(job: &Backup, around: &Around<'_>, now: Timestamp) -> Result<Planned, Unready> {
    let Around { config, file, programs, .. } = around;
    let own = Own {
        configuration: (*file).to_owned(),
        keyring: config.keyring.clone(),
        store: config.store.clone(),
    };
    let apart: Vec<_> = config.backup.iter().chain([job]).filter_map(|job| job.folder.clone()).collect();
    let surroundings = Surroundings { programs, own: Some(&own), apart: &apart, now };
    source_of(job, &surroundings).map_err(unready("source"))
}

fn unready<E: std::fmt::Display>(reason: &'static str) -> impl Fn(E) -> Unready {
    move |error| Unready { reason, why: error.to_string() }
}
