//! What answers of users by HTTP Digest are compared with: made here for generated passwords, or imported.

use http_digest::{Algorithm, Ha1, Offer};
use jiff::Timestamp;

use super::Error;
use crate::base::identity::UserName;
use crate::flows::door::Door;
use crate::flows::keyring::Place;
use crate::flows::passwords::NewPassword;
use crate::store::user_digest::{Origin, UserDigest};

/// Makes the verifier of a password. Only of a generated one: whoever gets at the database and the keyring has what MD5
/// makes of it, and guesses millions a second.
///
/// # Errors
///
/// [`Error::DigestBySha256`].
pub fn generated(
    door: &Door,
    name: &UserName,
    password: &NewPassword,
    now: Timestamp,
) -> Result<UserDigest, Error> {
    let ha1 = Ha1::of(Algorithm::Md5, name.as_str(), &door.realm, password.secret().expose());
    sealed(door, name, &ha1, Origin::Generated, now)
}

/// Seals a verifier to its row.
pub(super) fn sealed(
    door: &Door,
    name: &UserName,
    ha1: &Ha1,
    origin: Origin,
    now: Timestamp,
) -> Result<UserDigest, Error> {
    if door.offer != Offer::Md5 {
        return Err(Error::DigestBySha256);
    }
    let place = Place { table: "user_digest", row: name.as_str(), column: "sealed_ha1" };
    Ok(UserDigest {
        user: name.to_string(),
        realm: door.realm.as_str().to_owned(),
        sealed_ha1: door.keyring.seal(place, &ha1.expose_hex(), &door.random),
        origin,
        set_at: now,
    })
}
