//! Where a CKAN has its database and its files, as its own configuration says it.

use std::path::{Path, PathBuf};

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::base::postgres_url::PostgresUrl;
use crate::base::secret::Secret;
use crate::flows::backup::source::Error;
use crate::server::ckan::Ini;
use crate::store::source_database::SourceDatabase;

/// What a CKAN keeps.
#[derive(Debug)]
pub struct Kept {
    /// Its database.
    pub database: SourceDatabase,
    /// The folder of its files.
    pub files: PathBuf,
}

/// What CKAN calls a file that is still being uploaded; it has the right name when it is whole.
pub const UPLOADING: &str = "*~";

/// Finds both in the file at `path`.
///
/// # Errors
///
/// [`Error::Failed`]: the file cannot be read, or does not say them in a way that we take. Never with the password.
pub fn kept(path: &Path) -> Result<Kept, Error> {
    let failed = |why: String| Error::Failed { what: path.display().to_string(), why };
    let ini = Ini::read(path).map_err(|unreadable| failed(unreadable.source.to_string()))?;
    let url = ini.option("sqlalchemy.url").ok_or_else(|| failed("it has no sqlalchemy.url".into()))?;
    let database = database(&url).map_err(|why| failed(format!("sqlalchemy.url: {why}")))?;
    let files = ini.option("ckan.storage_path").map(|folder| PathBuf::from(folder.as_str()));
    let files = files.filter(|folder| folder.is_absolute()).ok_or_else(|| {
        failed(
            "it has no ckan.storage_path with an absolute path: name its database and folders one by one"
                .into(),
        )
    })?;
    if ini.option("ckan.datastore.write_url").is_some() {
        tracing::warn!(ini = %path.display(), "this CKAN has a datastore, whose database needs a job of its own");
    }
    Ok(Kept { database, files })
}

/// The parts of a URL of SQLAlchemy's: `postgresql+DRIVER://USER:PASSWORD@HOST:PORT/DATABASE?NAME=VALUE`.
///
/// A user has neither `:` nor `/`, a password no `@`; user, password and the query are percent-encoded, the
/// database is not (`sqlalchemy.engine.url._parse_url`).
#[derive(Default)]
struct Parts {
    user: Option<String>,
    password: Option<Secret>,
    server: String,
    database: String,
    host: Option<String>,
    port: Option<String>,
    mode: Option<String>,
    root: Option<String>,
}

fn database(text: &str) -> Result<SourceDatabase, String> {
    // Not a word of the URL in any of them: it may hold a password in an unexpected place.
    let form = || "it is no URL of PostgreSQL's: postgresql://USER:PASSWORD@HOST/DATABASE".to_owned();
    let parts = parts(text).ok_or_else(form)?;
    if parts.server.contains('@') || parts.database.is_empty() {
        return Err(form());
    }
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let user = parts.user.as_deref().map(|user| format!("{}@", encoded(user))).unwrap_or_default();
    let mut url = format!("postgres://{user}{}/{}?", parts.server, encoded(&parts.database));
    let verified = parts.mode.filter(|mode| mode == "verify-full");
    for (name, value) in
        [("host", parts.host), ("port", parts.port), ("sslmode", verified), ("sslrootcert", parts.root)]
    {
        if let Some(value) = value {
            url.extend([name, "=", &encoded(&value), "&"]);
        }
    }
    let url: PostgresUrl = url.parse().map_err(|error| format!("{error}"))?;
    Ok(SourceDatabase { url, password: parts.password })
}

fn parts(text: &str) -> Option<Parts> {
    let (scheme, rest) = text.split_once("://")?;
    let dialect = scheme.split('+').next()?;
    if !matches!(dialect, "postgres" | "postgresql") {
        return None;
    }
    let mut parts = Parts::default();
    let (login, rest) = login(rest);
    if let Some((user, password)) = login {
        parts.user = Some(decoded(user)?).filter(|user| !user.is_empty());
        if let Some(password) = password.filter(|password| !password.is_empty()) {
            parts.password = Some(Secret::new(decoded(password)?));
        }
    }
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (server, database) = place.split_once('/').unwrap_or((place, ""));
    (parts.server, parts.database) = (server.to_owned(), database.to_owned());
    for pair in query.split('&') {
        let Some((name, value)) = pair.split_once('=') else { continue };
        let value = decoded(&value.replace('+', " "))?;
        match name {
            "user" => parts.user = Some(value),
            "password" => parts.password = Some(Secret::new(value)),
            "dbname" => parts.database = value,
            "host" => parts.host = Some(value),
            "port" => parts.port = Some(value),
            "sslmode" => parts.mode = Some(value),
            "sslrootcert" => parts.root = Some(value),
            // What does not say which database it is, and who comes.
            _ => {}
        }
    }
    Some(parts)
}

/// Takes `USER:PASSWORD@` or `USER@` off the front.
fn login(rest: &str) -> (Option<(&str, Option<&str>)>, &str) {
    match rest.find([':', '/', '@']).map(|at| (at, rest.as_bytes()[at])) {
        Some((at, b'@')) => (Some((&rest[..at], None)), &rest[at + 1..]),
        Some((at, b':')) => match rest[at + 1..].split_once('@') {
            Some((password, after)) => (Some((&rest[..at], Some(password))), after),
            None => (None, rest),
        },
        _ => (None, rest),
    }
}

fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::postgres_url::Host;

    #[test]
    fn a_url_of_sqlalchemys_is_taken_as_sqlalchemy_takes_it() {
        let local = |name: &str, port| vec![(Host::Tcp(name.into()), port)];
        let socket = |folder: &str, port| vec![(Host::Socket(folder.into()), port)];
        for (text, hosts, user, password, name) in [
            (
                "postgresql://ckan_default:pass@localhost/ckan_default",
                local("localhost", 5432),
                Some("ckan_default"),
                Some("pass"),
                "ckan_default",
            ),
            (
                "postgresql+psycopg2://u:p%40%2F%25@127.0.0.1:5433/d",
                local("127.0.0.1", 5433),
                Some("u"),
                Some("p@/%"),
                "d",
            ),
            ("postgresql://u:p/w:?x@localhost/d", local("localhost", 5432), Some("u"), Some("p/w:?x"), "d"),
            ("postgresql://u@/d%20e?host=/run/pg&port=5", socket("/run/pg", 5), Some("u"), None, "d%20e"),
            ("postgres:///d?client_encoding=utf8", socket("/run/postgresql", 5432), None, None, "d"),
            (
                "postgresql://localhost:5432/d?password=a%20b&user=me",
                local("localhost", 5432),
                Some("me"),
                Some("a b"),
                "d",
            ),
            ("postgresql://u:p@[::1]:5/d?sslmode=prefer", local("::1", 5), Some("u"), Some("p"), "d"),
            ("postgresql://u:p@localhost/ä b'c", local("localhost", 5432), Some("u"), Some("p"), "ä b'c"),
        ] {
            let found = database(text).unwrap();
            assert_eq!(found.url.hosts, hosts, "{text}");
            assert_eq!(found.url.user.as_deref(), user, "{text}");
            assert_eq!(found.password.as_ref().map(Secret::expose), password, "{text}");
            assert_eq!(found.url.database, name, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said_without_its_password() {
        for text in [
            "postgresql://u:hunter2@db.example/d",
            "postgresql://u:hunter2@db.example/d?sslmode=require",
            "postgresql://u:hunter2@localhost",
            "postgresql://u:a@hunter2@localhost/d",
            "mysql://u:hunter2@localhost/d",
            "postgresql://u:hunter2@localhost:port/d",
            "hunter2",
            "postgresql://u:hunter2%ff@localhost/d",
        ] {
            let why = database(text).unwrap_err();
            assert!(!why.contains("hunter2"), "{why}");
        }
        assert!(database("postgresql://u:p@db.example/d").unwrap_err().contains("db.example"));
        let shown = format!("{:?}", database("postgresql://u:hunter2@localhost/d").unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn database_and_files_are_found_in_ckans_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let ini = folder.path().join("ckan.ini");
        let text =
            "[app:main]\nckan.storage_path = /srv/ckan\nsqlalchemy.url = postgresql://u:p%%40@localhost/d\n";
        std::fs::write(&ini, text).unwrap();
        let Kept { database, files } = kept(&ini).unwrap();
        assert_eq!((files, database.password.unwrap().expose()), ("/srv/ckan".into(), "p@"));
        std::fs::write(&ini, text.replace("/srv", "srv")).unwrap();
        assert!(kept(&ini).unwrap_err().to_string().contains("ckan.storage_path"));
    }
}
