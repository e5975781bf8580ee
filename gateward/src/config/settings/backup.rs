//! The options of backup jobs.

use super::{Below, word};
use crate::base::backup::Keep;
use crate::config::{Backup, S3};

pub(super) fn list(backup: &Backup, list: &mut Below<'_>) {
    let Backup {
        name,
        database,
        format,
        globals,
        ckan_ini,
        directories,
        exclude,
        command,
        gateward,
        compress,
        recipients,
        folder,
        s3,
        file_name,
        keep: _,
        overdue_after_hours: _,
        on_failure,
    } = backup;
    let path = |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| path.display().to_string());
    list.text("name", name);
    list.optional("database", database.as_ref(), "no database is named");
    list.optional("format", format.as_ref().map(word), "custom");
    list.set("globals", *globals);
    list.optional("ckan_ini", path(ckan_ini), "no CKAN is backed up");
    list.set("directories", directories.iter().map(|path| path.display().to_string()).collect::<Vec<_>>());
    list.set("exclude", exclude.clone());
    list.set("command", command.clone());
    list.set("gateward", *gateward);
    list.optional("compress", compress.as_ref().map(word), "none; pg_dump compresses by itself");
    list.set("recipients", recipients.iter().map(|key| key.0.to_string()).collect::<Vec<_>>());
    list.optional("folder", path(folder), "it goes to no folder");
    match s3 {
        Some(s3) => list_s3(s3, &mut list.below("s3")),
        None => list.unset("s3", "it goes to no object store"),
    }
    list.optional("file_name", file_name.as_ref(), "backup_db_DATABASE_TIME_gateward and the like");
    let Keep { last, days, weeks, months, years } = backup.keep();
    let mut keep = list.below("keep");
    for (name, count) in
        [("last", last), ("days", days), ("weeks", weeks), ("months", months), ("years", years)]
    {
        keep.set(name, i64::from(count));
    }
    list.set("overdue_after_hours", i64::from(backup.overdue_after_hours()));
    list.set("on_failure", on_failure.clone());
}

fn list_s3(s3: &S3, list: &mut Below<'_>) {
    let S3 { endpoint, bucket, prefix, region, credentials, ca } = s3;
    list.text("endpoint", endpoint);
    list.text("bucket", bucket);
    list.text("prefix", prefix);
    list.text("region", region);
    list.text("credentials", credentials.display());
    let ca = ca.as_ref().map(|path| path.display());
    list.optional("ca", ca, "the certificates that this system believes");
}
