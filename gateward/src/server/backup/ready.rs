//! From a job of the configuration to one that can be run.

use backup_manifest::Compression;
use jiff::Timestamp;

use super::job::{Ready, Unready};
use super::places::{For, places};
use super::recipients::RecipientFolder;
use crate::base::random::Random;
use crate::base::time::Clock;
use crate::config::Backup;

/// Makes `job` ready: everybody who is to open it can, and every place takes something.
///
/// `own` is what a backup of gateward itself takes in.
///
/// # Errors
///
/// [`Unready`]: the operator's.
pub fn ready(
    job: &Backup,
    own: &Own<'_>,
    now: Timestamp,
    clock: &Clock,
    random: &Random,
) -> Result<Ready, Unready> {
    let unready = |reason: &'static str| move |why: String| Unready { reason, why };
    let keys: Vec<_> = job.recipients.iter().map(|key| key.0).collect();
    let folder = RecipientFolder::below(&own.config.backup_state);
    let known = folder.read().map_err(|error| unready("recipient")(error.to_string()))?;
    let recipients = known.of(&keys, now).map_err(|error| unready("recipient")(error.to_string()))?;
    let planned = plan(job, own, now).map_err(|error| unready("source")(error.to_string()))?;
    let targets =
        places(job, For::Writing, clock, random).map_err(|error| unready("target")(error.to_string()))?;
    Ok(Ready {
        source: planned.source,
        inside: planned.inside,
        compression: job.compress.unwrap_or(Compression::None),
        template: job.file_name.clone().unwrap_or(planned.template),
        recipients,
        targets,
        folder: job.folder.clone(),
        keep: job.keep(),
    })
}

// TEMP until plan.rs
#[derive(Debug)]
pub struct Own<'a> {
    pub config: &'a crate::config::Config,
    pub file: &'a std::path::Path,
}
struct Planned {
    source: Box<dyn crate::flows::backup::source::Source>,
    inside: crate::base::backup::Inside,
    template: crate::base::backup::FileTemplate,
}
fn plan(job: &Backup, _own: &Own<'_>, _now: Timestamp) -> Result<Planned, String> {
    use super::source::*;
    let database = job.database.clone().unwrap();
    let url: crate::base::postgres_url::PostgresUrl = if database.contains("://") {
        database.parse().map_err(|e| format!("{e}"))?
    } else {
        format!("postgres:///{database}?host=/run/postgresql").parse().map_err(|e| format!("{e}"))?
    };
    let stem = url.database.clone();
    let programs = Programs::in_folders(std::env::var_os("PATH"));
    let db = crate::store::source_database::SourceDatabase { url, password: None };
    let source = PgDump::new(
        db,
        job.format.unwrap_or(backup_manifest::DumpFormat::Custom),
        job.compress.is_none(),
        &programs,
    );
    Ok(Planned {
        source: Box::new(source),
        inside: crate::base::backup::Inside::CustomDump,
        template: format!("backup_db_{stem}_%Y-%m-%d_%H-%M-%S_gateward")
            .parse()
            .map_err(|e| format!("{e}"))?,
    })
}
