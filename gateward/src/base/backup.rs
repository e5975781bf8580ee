//! What a backup is called, its job and the file that it becomes, and how long it stays.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::text::texts;

/// The name of a job: part of file names, of locks, and of what operators type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobName(String);

/// The file name of a backup, without a folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileName(String);

/// How the files of a job are called: `backup_db_ckan_default_%Y-%m-%d_%H-%M-%S_dcor-control`.
///
/// The time is UTC, by `%Y %m %d %H %M %S`. Suffixes that say what is inside are not part of it: a file gets
/// the true one.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct FileTemplate(String);

/// How many backups stay: one that any of these counts keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keep {
    /// The newest.
    #[serde(default)]
    pub last: u32,
    /// The newest of each of so many days that have one.
    #[serde(default)]
    pub days: u32,
    /// The same of ISO weeks.
    #[serde(default)]
    pub weeks: u32,
    /// The same of months.
    #[serde(default)]
    pub months: u32,
    /// The same of years.
    #[serde(default)]
    pub years: u32,
}

/// Why a name of a job, or of its files, cannot be one.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// The operator's.
    #[error("{0:?} is no name of a job: 1 to 64 of a-z, A-Z, 0-9, '-', '_'")]
    Job(String),
    /// The operator's.
    #[error(
        "{0:?} is no name of a backup: 1 to 200 of a-z, A-Z, 0-9, '-', '_', '.', '+', and no '.' or '-' in front"
    )]
    File(String),
    /// The operator's: two runs would have one name.
    #[error("{0:?} names no file for each second: it needs %Y, %m, %d, %H, %M and %S")]
    NoTime(String),
    /// The operator's.
    #[error("{0:?} has a '%' that is none of %Y, %m, %d, %H, %M and %S")]
    Placeholder(String),
}

/// What a sealed stream is once it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inside {
    /// For `pg_restore`.
    CustomDump,
    /// For `psql`.
    PlainDump,
    /// For `tar`.
    Archive,
    /// Whatever a command wrote.
    Output,
}

impl Inside {
    fn suffix(self) -> &'static str {
        match self {
            Self::CustomDump => ".pgc",
            Self::PlainDump => ".sql",
            Self::Archive => ".tar",
            Self::Output => ".out",
        }
    }
}

/// What may stand at the end of a template and is replaced by what is true.
const SUFFIXES: &[&str] = &[".gpg", ".pgp", ".bz2", ".gz", ".xz", ".zst", ".pgc", ".sql", ".tar", ".out"];

fn is_file_name(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
    (1..=200).contains(&text.len()) && text.bytes().all(good) && !text.starts_with(['.', '-'])
}

impl TryFrom<String> for JobName {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        // A hyphen in front would read as an option.
        if (1..=64).contains(&text.len()) && text.bytes().all(good) && !text.starts_with('-') {
            Ok(Self(text))
        } else {
            Err(Invalid::Job(text))
        }
    }
}

impl TryFrom<String> for FileName {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        if is_file_name(&text) { Ok(Self(text)) } else { Err(Invalid::File(text)) }
    }
}

impl TryFrom<String> for FileTemplate {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let mut stem = text.as_str();
        while let Some(shorter) = SUFFIXES.iter().find_map(|suffix| stem.strip_suffix(suffix)) {
            stem = shorter;
        }
        if !["%Y", "%m", "%d", "%H", "%M", "%S"].iter().all(|place| stem.contains(place)) {
            return Err(Invalid::NoTime(text));
        }
        let mut without = stem.to_owned();
        for place in ["%Y", "%m", "%d", "%H", "%M", "%S"] {
            without = without.replace(place, "00");
        }
        if without.contains('%') {
            return Err(Invalid::Placeholder(text));
        }
        // Room for the suffixes of the file, and of what lies beside it.
        if !is_file_name(&without) || without.len() > 160 {
            return Err(Invalid::File(text));
        }
        Ok(Self(stem.to_owned()))
    }
}

texts!(Invalid: JobName, FileName, FileTemplate);

impl FileTemplate {
    /// Names the file that is begun at `now`.
    pub fn at(&self, now: Timestamp, inside: Inside, is_zstd: bool) -> FileName {
        let now = now.to_zoned(TimeZone::UTC);
        let two = |number: i8| format!("{number:02}");
        let stem = self
            .0
            .replace("%Y", &format!("{:04}", now.year()))
            .replace("%m", &two(now.month()))
            .replace("%d", &two(now.day()))
            .replace("%H", &two(now.hour()))
            .replace("%M", &two(now.minute()))
            .replace("%S", &two(now.second()));
        FileName(format!("{stem}{}{}{SEALED}", inside.suffix(), if is_zstd { ".zst" } else { "" }))
    }
}

impl FileName {
    /// Whether it may be a backup, and not what lies beside one.
    pub fn is_backup(&self) -> bool {
        self.0.ends_with(SEALED)
    }

    /// Names the manifest beside it.
    #[must_use]
    pub fn manifest(&self) -> Self {
        Self(format!("{}{MANIFEST}", self.0))
    }

    /// Names what keeps it from being pruned.
    #[must_use]
    pub fn hold(&self) -> Self {
        Self(format!("{}{HOLD}", self.0))
    }

    /// Names the result of a drill that ended `at`.
    #[must_use]
    pub fn drill(&self, at: Timestamp) -> Self {
        let at = at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d_%H-%M-%S").to_string();
        Self(format!("{}.{at}{DRILL}", self.0))
    }

    /// The backup whose manifest this is.
    pub fn of_manifest(&self) -> Option<Self> {
        self.0.strip_suffix(MANIFEST).map(|name| Self(name.to_owned()))
    }

    /// The backup that this holds.
    pub fn of_hold(&self) -> Option<Self> {
        self.0.strip_suffix(HOLD).map(|name| Self(name.to_owned()))
    }

    /// The backup whose drill this is.
    pub fn of_drill(&self) -> Option<Self> {
        let stem = self.0.strip_suffix(DRILL)?;
        stem.rsplit_once('.').map(|(name, _)| Self(name.to_owned()))
    }
}

const SEALED: &str = ".gpg";
const MANIFEST: &str = ".manifest";
const HOLD: &str = ".hold";
const DRILL: &str = ".drill";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dcors_own_names_are_templates_and_get_the_true_suffix() {
        let at: Timestamp = "2026-11-22T00:02:00Z".parse().unwrap();
        for (template, inside, is_zstd, name) in [
            (
                "backup_db_ckan_default_%Y-%m-%d_%H-%M-%S_dcor-control.pgc.gpg",
                Inside::CustomDump,
                false,
                "backup_db_ckan_default_2026-11-22_00-02-00_dcor-control.pgc.gpg",
            ),
            (
                "backup_instance_%Y-%m-%d_%H-%M-%S_8FD98B2183B2C228_dcor-control.tar.bz2.gpg",
                Inside::Archive,
                true,
                "backup_instance_2026-11-22_00-02-00_8FD98B2183B2C228_dcor-control.tar.zst.gpg",
            ),
        ] {
            let template: FileTemplate = template.parse().unwrap();
            assert_eq!(template.at(at, inside, is_zstd).as_str(), name);
        }
    }

    #[test]
    fn a_template_names_one_file_for_each_second_and_nothing_outside_the_folder() {
        for bad in [
            "backup_%Y-%m-%d",
            "../%Y-%m-%d_%H-%M-%S",
            "a/%Y-%m-%d_%H-%M-%S",
            "%Y-%m-%d_%H-%M-%S%n",
            "-%Y-%m-%d_%H-%M-%S",
            ".%Y-%m-%d_%H-%M-%S",
            "",
        ] {
            assert!(bad.parse::<FileTemplate>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_lies_beside_a_backup_names_it() {
        let name: FileName = "a_2026.pgc.gpg".parse().unwrap();
        let at = "2026-11-22T00:02:00Z".parse().unwrap();
        assert_eq!(name.manifest().of_manifest().as_ref(), Some(&name));
        assert_eq!(name.hold().of_hold().as_ref(), Some(&name));
        assert_eq!(name.drill(at).as_str(), "a_2026.pgc.gpg.2026-11-22_00-02-00.drill");
        assert_eq!(name.drill(at).of_drill().as_ref(), Some(&name));
        assert_eq!(name.of_manifest(), None);
    }
}
