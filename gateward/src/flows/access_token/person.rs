//! Who gets an access token; kept sealed, for letters and renewals alone.

use serde::{Deserialize, Serialize};

use super::Error;
use crate::base::access_token::Language;
use crate::base::id::AccessTokenId;
use crate::flows::door::Door;
use crate::flows::keyring::Place;
use crate::store::access_token::AccessTokenRow;

/// The person, as letters address them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Their own name.
    pub full_name: Option<String>,
    /// Their mail address.
    pub mail: Option<String>,
    /// The language of their letter.
    pub language: Language,
}

fn place(row: &str) -> Place<'_> {
    Place { table: "access_token", row, column: "sealed_person" }
}

impl Person {
    pub(super) fn seal(&self, door: &Door, id: AccessTokenId) -> Vec<u8> {
        let plain = serde_json::to_string(self).expect("names are text");
        door.keyring.seal(place(&id.to_string()), &plain, &door.random)
    }
}

/// Opens who an access token was made for.
///
/// # Errors
///
/// [`Error::Sealed`].
pub fn person(door: &Door, row: &AccessTokenRow) -> Result<Person, Error> {
    let id = row.id.to_string();
    let plain = door.keyring.open(place(&id), &row.sealed_person)?;
    serde_json::from_str(plain.expose()).map_err(|_| place(&id).cannot_open().into())
}
