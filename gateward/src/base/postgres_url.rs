//! Where a PostgreSQL database is and how it is spoken to: a URL as libpq takes it (PostgreSQL
//! manual, section 34.1.1.2), of which only what is safe is accepted.
//!
//! No password stands in it: a file named by `password_file` holds it. Over a network the server's
//! certificate is verified (`sslmode=verify-full`); only a Unix socket and loopback go without TLS.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use percent_encoding::percent_decode_str;

/// A server that may have the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A Unix socket in this folder.
    Socket(PathBuf),
    /// A name or an address.
    Tcp(String),
}

/// One PostgreSQL database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    text: String,
    /// The servers with their ports, tried in order.
    pub hosts: Vec<(Host, u16)>,
    /// The role; `None` takes the operating-system user's name.
    pub user: Option<String>,
    /// The database.
    pub database: String,
    /// The certificates that the server's must lead to; `None` goes without TLS.
    pub root_certificates: Option<PathBuf>,
    /// The file whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// Take only a server that accepts writes: of several, the primary.
    pub read_write: bool,
}

/// Why a URL is not taken: the operator's to mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a URL of PostgreSQL's, or one without a database.
    #[error(
        "this is no PostgreSQL URL: postgres://USER@HOST/DATABASE, or postgres://USER@/DATABASE?host=/run/postgresql"
    )]
    Form,
    /// Secrets do not stand where they are seen.
    #[error("a password does not stand in a URL: put it into a file and add password_file=FILE")]
    Password,
    /// The first that answers may be a standby, which takes no writes and lags in what it says.
    #[error("several servers: add target_session_attrs=read-write, so that only the primary is taken")]
    AnyOfSeveral,
    /// A parameter that is not known, or whose value is not.
    #[error(
        "{0} is not taken in a PostgreSQL URL: there are host, port, sslmode, sslrootcert, password_file and target_session_attrs"
    )]
    Parameter(String),
    /// A URL has no folder of its own.
    #[error("{0} must be an absolute path in a PostgreSQL URL")]
    NotAbsolute(String),
    /// Whatever is sent could be read or changed on the way.
    #[error(
        "{0} is reached over a network: add sslmode=verify-full&sslrootcert=FILE; only a Unix socket and loopback go without TLS"
    )]
    Unprotected(String),
    /// Without the certificates nothing is verified.
    #[error("sslmode=verify-full needs sslrootcert=FILE: the certificates that the server's must lead to")]
    NoRoot,
    /// TLS and Unix sockets do not go together.
    #[error("sslmode=verify-full needs a server's name: a Unix socket goes without TLS")]
    TlsOnSocket,
}

/// PostgreSQL's own port.
const PORT: u16 = 5432;

/// Where Debian's PostgreSQL has its socket.
const SOCKET: &str = "/run/postgresql";

impl FromStr for PostgresUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        // Never with the text: it may hold a password that should not stand in it.
        let form = || Error::Form;
        if text.contains("password=")
            || text.contains("://") && text.rsplit_once('@').is_some_and(has_password)
        {
            return Err(Error::Password);
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(form)?;
        if !matches!(scheme, "postgres" | "postgresql") {
            return Err(form());
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').ok_or_else(form)?;
        let (user, servers) = match authority.rsplit_once('@') {
            Some((user, servers)) => (Some(decoded(user).ok_or_else(form)?), servers),
            None => (None, authority),
        };
        let database = decoded(database).filter(|name| !name.is_empty()).ok_or_else(form)?;
        let mut asked =
            Asked { servers: servers.split(',').map(str::to_owned).collect(), ..Asked::default() };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(form)?;
            asked.take(name, &decoded(value).ok_or_else(form)?)?;
        }
        let hosts = asked.hosts().ok_or_else(form)?;
        let root_certificates = asked.tls(&hosts)?;
        if hosts.len() > 1 && !asked.read_write {
            return Err(Error::AnyOfSeveral);
        }
        Ok(Self {
            text: text.to_owned(),
            hosts,
            user,
            database,
            root_certificates,
            password_file: asked.password_file,
            read_write: asked.read_write,
        })
    }
}

/// Whether there is a password between the scheme and the last `@`, whatever else is wrong with it.
fn has_password((before, _): (&str, &str)) -> bool {
    before.split_once("://").is_some_and(|(_, user)| user.contains(':'))
}

fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Into::into).filter(|text: &String| !text.contains('\0'))
}

/// What the parts of a URL ask for, before it is known whether it makes sense.
#[derive(Default)]
struct Asked {
    servers: Vec<String>,
    ports: Vec<String>,
    verify: bool,
    root: Option<PathBuf>,
    password_file: Option<PathBuf>,
    read_write: bool,
}

impl Asked {
    fn take(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let list = || value.split(',').map(str::to_owned).collect();
        match (name, value) {
            ("host", _) => self.servers = list(),
            ("port", _) => self.ports = list(),
            ("sslmode", "verify-full") => self.verify = true,
            // Whether it may be without is decided by where the servers are.
            ("sslmode", "disable") => self.verify = false,
            ("sslrootcert", file) if Path::new(file).is_absolute() => self.root = Some(file.into()),
            ("password_file", file) if Path::new(file).is_absolute() => {
                self.password_file = Some(file.into());
            }
            ("sslrootcert" | "password_file", _) => {
                return Err(Error::NotAbsolute(name.to_owned()));
            }
            ("target_session_attrs", "read-write" | "any") => self.read_write = value == "read-write",
            _ => return Err(Error::Parameter(name.to_owned())),
        }
        Ok(())
    }

    fn hosts(&self) -> Option<Vec<(Host, u16)>> {
        let mut hosts = Vec::new();
        for (at, server) in self.servers.iter().enumerate() {
            let (name, port) = split_port(server);
            let port = match port.or_else(|| self.ports.get(at).or(self.ports.first()).map(String::as_str)) {
                Some(port) => port.parse().ok()?,
                None => PORT,
            };
            let name = decoded(name)?;
            let host = match name.as_str() {
                "" => Host::Socket(SOCKET.into()),
                folder if folder.starts_with('/') => Host::Socket(folder.into()),
                name => Host::Tcp(name.trim_matches(['[', ']']).to_owned()),
            };
            hosts.push((host, port));
        }
        Some(hosts)
    }

    /// Returns the certificates to verify by, or `None` where it may go without TLS.
    fn tls(&self, hosts: &[(Host, u16)]) -> Result<Option<PathBuf>, Error> {
        if self.verify {
            if hosts.iter().any(|(host, _)| matches!(host, Host::Socket(_))) {
                return Err(Error::TlsOnSocket);
            }
            return self.root.clone().map(Some).ok_or(Error::NoRoot);
        }
        match hosts.iter().find(|(host, _)| !host.is_local()) {
            Some((Host::Tcp(name), _)) => Err(Error::Unprotected(name.clone())),
            _ => Ok(None),
        }
    }
}

/// Takes the port off `server`, which may be an IPv6 address in brackets.
fn split_port(server: &str) -> (&str, Option<&str>) {
    match server.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, Some(port)),
        _ => (server, None),
    }
}

impl Host {
    /// Whether nothing leaves this machine.
    fn is_local(&self) -> bool {
        match self {
            Self::Socket(_) => true,
            Self::Tcp(name) => {
                name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            }
        }
    }
}

impl PostgresUrl {
    /// Names the servers, for whoever looks why none answers: `/run/postgresql/.s.PGSQL.5432`, `db.example:5432`.
    pub fn servers(&self) -> String {
        let servers = self.hosts.iter().map(|(host, port)| match host {
            Host::Socket(folder) => folder.join(format!(".s.PGSQL.{port}")).display().to_string(),
            Host::Tcp(name) if name.contains(':') => format!("[{name}]:{port}"),
            Host::Tcp(name) => format!("{name}:{port}"),
        });
        servers.collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> serde::Deserialize<'de> for PostgresUrl {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> PostgresUrl {
        text.parse().unwrap()
    }

    fn refused(text: &str) -> Error {
        text.parse::<PostgresUrl>().unwrap_err()
    }

    #[test]
    fn a_socket_and_loopback_go_without_tls() {
        let socket = parsed("postgres://gateward@/log?host=/run/pg&port=5433");
        assert_eq!(socket.hosts, [(Host::Socket("/run/pg".into()), 5433)]);
        assert_eq!((socket.user.as_deref(), socket.database.as_str()), (Some("gateward"), "log"));
        assert_eq!(parsed("postgres:///log").hosts, [(Host::Socket(SOCKET.into()), PORT)]);
        assert_eq!(parsed("postgres://g@[::1]:5/log").hosts, [(Host::Tcp("::1".into()), 5)]);
        assert_eq!(parsed("postgresql://127.0.0.1/log").root_certificates, None);
    }

    #[test]
    fn servers_are_named_as_whoever_looks_for_them_would_find_them() {
        assert_eq!(parsed("postgres:///log").servers(), "/run/postgresql/.s.PGSQL.5432");
        let several = parsed("postgres://g@[::1]:5,localhost/log?target_session_attrs=read-write");
        assert_eq!(several.servers(), "[::1]:5, localhost:5432");
    }

    #[test]
    fn over_a_network_the_server_is_verified_or_the_url_is_refused() {
        assert_eq!(refused("postgres://g@db/log"), Error::Unprotected("db".into()));
        assert_eq!(refused("postgres://g@127.0.0.1,db/log?sslmode=disable"), Error::Unprotected("db".into()));
        assert_eq!(refused("postgres://g@db/log?sslmode=verify-full"), Error::NoRoot);
        assert_eq!(refused("postgres:///log?sslmode=verify-full&sslrootcert=/ca"), Error::TlsOnSocket);
        assert!(matches!(refused("postgres://g@db/log?sslmode=require"), Error::Parameter(_)));
        let verified = parsed("postgres://g@db/log?sslmode=verify-full&sslrootcert=/ca.pem");
        assert_eq!(verified.root_certificates, Some("/ca.pem".into()));
    }

    #[test]
    fn several_servers_are_tried_in_their_order() {
        let url = parsed("postgres://g@127.0.0.1:5001,127.0.0.2:5002/log?target_session_attrs=read-write");
        assert_eq!(url.hosts.iter().map(|(_, port)| *port).collect::<Vec<_>>(), [5001, 5002]);
        assert!(url.read_write);
        assert_eq!(refused("postgres://g@127.0.0.1:5001,127.0.0.2:5002/log"), Error::AnyOfSeveral);
    }

    #[test]
    fn no_password_stands_in_a_url() {
        assert_eq!(refused("postgres://g:secret@/log"), Error::Password);
        for text in [
            "postgres://g@/log?password=secret",
            "postgres://g:secret@db",
            "postgres://g:p/w@db/log",
            "postgres://g:p?w@db/log",
            "postgres://g:%ff@db/log",
        ] {
            assert_eq!(refused(text), Error::Password, "{text}");
        }
        assert_eq!(parsed("postgres://g@/log?password_file=/etc/pg").password_file, Some("/etc/pg".into()));
    }

    #[test]
    fn what_is_no_url_of_postgresql_is_refused() {
        for text in
            ["postgres://", "postgres://g@db", "postgres://g@db/", "mysql://g@/log", "postgres:///a%00b"]
        {
            assert_eq!(refused(text), Error::Form, "{text}");
        }
        assert!(matches!(refused("postgres:///log?password_file=pg.pass"), Error::NotAbsolute(_)));
    }
}
