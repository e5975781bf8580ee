//! HTTP Basic (RFC 7617): a name and a password with each request, in UTF-8.

use data_encoding::BASE64;
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::{Error, Shown, Wrong, refuse};
use crate::base::name::ServiceName;
use crate::base::secret::Secret;
use crate::flows::door::Door;
use crate::flows::failures::Entrance;
use crate::flows::passwords::{self, Claimed, prove_password};
use crate::flows::users::KnownUser;

/// Reads name and password from an `Authorization` header; `None` where it says something else.
pub fn read(header: &str) -> Option<(String, Secret)> {
    let (scheme, credentials) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = Zeroizing::new(BASE64.decode(credentials.trim_matches([' ', '\t']).as_bytes()).ok()?);
    let (name, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((name.to_owned(), Secret::new(password.to_owned())))
}

/// Finds out whose name and password it is.
///
/// # Errors
///
/// [`Error`].
pub(super) async fn prove(
    door: &Door,
    service: &ServiceName,
    shown: Shown<'_>,
    header: &str,
    now: Timestamp,
) -> Result<KnownUser, Error> {
    let Some((name, password)) = read(header) else {
        let wrong = Wrong::new("malformed", "the Authorization header holds no name and password (RFC 7617)");
        return Err(refuse(door, service, shown, wrong, None, now).await);
    };
    let claimed = Claimed {
        name: &name,
        password: &password,
        address: shown.address,
        at: Entrance::Public,
        service: Some(service),
    };
    Ok(prove_password(door, claimed, now).await?)
}

impl From<passwords::Error> for Error {
    fn from(error: passwords::Error) -> Self {
        match error {
            passwords::Error::Wrong { reference } => Self::wrong_user(reference),
            passwords::Error::TooMany { wait_seconds, reference } => {
                Self::TooMany { wait_seconds, reference }
            }
            passwords::Error::Busy => Self::Busy,
            passwords::Error::Store(error) => Self::Store(error),
            passwords::Error::Commit(error) => Self::Commit(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &[u8]) -> String {
        format!("Basic {}", BASE64.encode(text))
    }

    #[test]
    fn a_password_may_hold_colons_and_letters_of_any_script() {
        let (name, password) = read(&encoded("ann:Zürich: 2026".as_bytes())).unwrap();
        assert_eq!((name.as_str(), password.expose()), ("ann", "Zürich: 2026"));
        assert_eq!(read("bASIC  YTpi").unwrap().0, "a");
    }

    #[test]
    fn what_is_no_name_and_password_is_nobody_s() {
        for header in ["", "Basic", "Basic !!!", "Bearer YTpi", &encoded(b"no colon"), &encoded(b"ann:\xff")]
        {
            assert!(read(header).is_none(), "{header}");
        }
    }
}
