//! The exchange: where it stands, how it answers, and where else its logins are written.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::name::UrlPath;
use crate::base::postgres_url::PostgresUrl;
use crate::base::resif::Tables;

/// Where the exchange stands, and what becomes of its logins.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Its path on the public listener.
    #[serde(default = "default_path")]
    pub path: UrlPath,
    /// Whose statuses and sentences it answers with: for a data centre whose users' scripts expect
    /// those of the program that stood here before.
    #[serde(default)]
    pub status_style: StatusStyle,
    /// Whom `/version` names in the style of RESIF: a mail address.
    pub contact: Option<String>,
    /// RESIF's own databases, for a data service that asks them who comes.
    pub resif: Option<Resif>,
    /// A file for a data service that reads one.
    pub htdigest: Option<Htdigest>,
}

impl Default for Exchange {
    fn default() -> Self {
        let path = default_path();
        Self { path, status_style: StatusStyle::default(), contact: None, resif: None, htdigest: None }
    }
}

fn default_path() -> UrlPath {
    "/auth".to_owned().try_into().expect("/auth is a path")
}

/// Whose statuses and sentences the exchange answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StatusStyle {
    /// Our own, which SeisComP's are like.
    #[default]
    Gateward,
    /// Those of RESIF's `eidaws-auth`.
    Resif,
}

/// The databases that RESIF's `eidaws-auth` writes to; both may be one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resif {
    /// The one with logins and hashes.
    pub auth: PostgresUrl,
    /// The one with networks and privileges.
    pub privileges: PostgresUrl,
    /// The file whose first line is the role's password, in both unless a URL names another.
    pub password_file: Option<PathBuf>,
    /// What differs from RESIF's own names.
    #[serde(default)]
    pub tables: Tables,
}

/// A file of lines `login:realm:HA1`, as `htdigest` writes them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Htdigest {
    /// Where; the folder is ours to write, the file its group's to read.
    pub path: PathBuf,
}

impl Exchange {
    pub(super) fn check(&self) -> Result<(), (&str, String)> {
        if self.path.is_root() {
            return Err(("/", "the exchange has a path of its own, as /auth".into()));
        }
        let Some(contact) = &self.contact else { return Ok(()) };
        if self.status_style != StatusStyle::Resif {
            return Err((contact, "contact stands in the answers of status_style = \"resif\" alone".into()));
        }
        if contact.chars().any(char::is_control) {
            return Err((contact, "contact is one line".into()));
        }
        Ok(())
    }

    /// Takes relative paths from `folder`.
    pub(super) fn anchor(&mut self, folder: &Path) {
        let password = self.resif.as_mut().and_then(|resif| resif.password_file.as_mut());
        let htdigest = self.htdigest.as_mut().map(|htdigest| &mut htdigest.path);
        for path in password.into_iter().chain(htdigest) {
            *path = folder.join(&*path);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, SMALL};

    use super::*;

    fn parsed(exchange: &str) -> Result<Exchange, String> {
        let config = Config::parse(&format!("{SMALL}{exchange}"), Path::new("/etc/gateward"));
        config.map(|config| config.exchange).map_err(|wrong| wrong.to_string())
    }

    const RESIF: &str = "[exchange.resif]\nauth = \"postgres://eidawsauth@localhost/resifAuth\"\n\
                         privileges = \"postgres://eidawsauth@localhost/resifInv-Prod\"\n";

    #[test]
    fn two_lines_make_a_drop_in() {
        let exchange = parsed(RESIF).unwrap();
        assert_eq!((exchange.path.as_str(), exchange.status_style), ("/auth", StatusStyle::Gateward));
        let resif = exchange.resif.unwrap();
        assert_eq!(
            (resif.auth.database.as_str(), resif.privileges.database.as_str()),
            ("resifAuth", "resifInv-Prod")
        );
        assert_eq!((resif.tables, resif.password_file), (Tables::default(), None));
    }

    #[test]
    fn files_lie_beside_the_configuration() {
        let exchange =
            parsed(&format!("{RESIF}password_file = \"pg.pass\"\n[exchange.htdigest]\npath = \"logins\"\n"))
                .unwrap();
        assert_eq!(exchange.resif.unwrap().password_file, Some("/etc/gateward/pg.pass".into()));
        assert_eq!(exchange.htdigest.unwrap().path, Path::new("/etc/gateward/logins"));
    }

    #[test]
    fn a_slip_is_answered_with_the_name_that_was_meant() {
        for (slip, meant) in [
            ("[exchange]\nstatus_style = \"resiff\"\n", "did you mean `resif`?"),
            ("[exchange]\nhtdiggest = { path = \"x\" }\n", "did you mean `htdigest`?"),
            (&format!("{RESIF}tables.user = \"x\"\n"), "did you mean `users`?"),
            (&format!("{RESIF}tables.users = {{ tabel = \"x\" }}\n"), "did you mean `table`?"),
            (&format!("{RESIF}privelege = \"x\"\n"), "did you mean `privileges`?"),
        ] {
            let refused = parsed(slip).unwrap_err();
            assert!(refused.contains(meant), "{slip}: {refused}");
        }
    }

    #[test]
    fn a_contact_goes_with_the_style_that_names_it() {
        assert!(parsed("[exchange]\ncontact = \"dc@example.org\"\n").unwrap_err().contains("status_style"));
        assert!(parsed("[exchange]\ncontact = \"dc@example.org\"\nstatus_style = \"resif\"\n").is_ok());
    }
}
