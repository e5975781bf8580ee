//! How PostgreSQL's own programs are told where a database is.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::Path;

use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::base::postgres_url::{Host, PostgresUrl};

/// What tells libpq where a database is (PostgreSQL manual, section 34.1.1); no secret stands in it.
#[derive(Debug)]
pub struct Connection {
    text: String,
    /// Open in the children, too, until this is dropped.
    _password: Option<File>,
}

impl Connection {
    /// Prepares for children that are started while this is there.
    ///
    /// The password goes into a file of the `.pgpass` form that lies in memory alone.
    ///
    /// # Errors
    ///
    /// The file with the password cannot be read.
    pub fn to(url: &PostgresUrl) -> io::Result<Self> {
        let hosts = url.hosts.iter().map(|(host, _)| match host {
            Host::Socket(folder) => folder.display().to_string(),
            Host::Tcp(name) => name.clone(),
        });
        let mut pairs = vec![
            ("host", hosts.collect::<Vec<_>>().join(",")),
            ("port", url.hosts.iter().map(|(_, port)| port.to_string()).collect::<Vec<_>>().join(",")),
            ("dbname", url.database.clone()),
            ("application_name", "gateward".to_owned()),
        ];
        pairs.extend(url.user.clone().map(|user| ("user", user)));
        match &url.root_certificates {
            Some(file) => pairs
                .extend([("sslmode", "verify-full".to_owned()), ("sslrootcert", file.display().to_string())]),
            None => pairs.push(("sslmode", "disable".to_owned())),
        }
        if url.read_write {
            pairs.push(("target_session_attrs", "read-write".to_owned()));
        }
        let password = url.password_file.as_deref().map(password_file).transpose()?;
        if let Some(file) = &password {
            pairs.push(("passfile", format!("/proc/self/fd/{}", file.as_raw_fd())));
        }
        let text: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{name}={}", quoted(value))).collect();
        Ok(Self { text: text.join(" "), _password: password })
    }

    /// As an argument.
    pub fn argument(&self) -> String {
        format!("--dbname={}", self.text)
    }
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Makes a file that is in no folder, and that children inherit: libpq opens it by its number.
fn password_file(path: &Path) -> io::Result<File> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let text = zeroize::Zeroizing::new(std::fs::read_to_string(path).map_err(named)?);
    let password = text.lines().next().unwrap_or_default();
    let line =
        zeroize::Zeroizing::new(format!("*:*:*:*:{}\n", password.replace('\\', "\\\\").replace(':', "\\:")));
    let mut file = File::from(memfd_create(c"pgpass", MFdFlags::empty())?);
    // libpq takes no file that others could read.
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    file.write_all(line.as_bytes())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_named_without_its_password() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "of:te\\sts\n").unwrap();
        let url = format!("postgres://o'neil@127.0.0.1:5433/a%20b?password_file={}", file.display());
        let connection = Connection::to(&url.parse().unwrap()).unwrap();
        let argument = connection.argument();
        assert!(argument.starts_with("--dbname=host='127.0.0.1' port='5433' dbname='a b' "), "{argument}");
        assert!(
            argument.contains(" user='o\\'neil' sslmode='disable' passfile='/proc/self/fd/"),
            "{argument}"
        );
        let path = argument.rsplit_once("passfile='").unwrap().1.trim_end_matches('\'');
        assert_eq!(std::fs::read_to_string(path).unwrap(), "*:*:*:*:of\\:te\\\\sts\n");
    }
}
