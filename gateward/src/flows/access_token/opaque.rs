//! Keys of our own in access tokens: what is kept of one, when it lives, and that it ends with its access token.
//!
//! It opens nothing but services of ours, which ask CKAN with CKAN's own key. It is made dead: whoever has the
//! file alone has nothing, until somebody who has spoken with its user activates it.

use ::access_token::ApiKey;
use jiff::Timestamp;

use super::Error;
use super::end::found;
use crate::base::access_token::State;
use crate::base::id::AccessTokenId;
use crate::base::opaque_key::{OpaqueKey, OpaqueKeyHash};
use crate::base::secret::Secret;
use crate::flows::door::Door;
use crate::flows::keyring::{CannotOpen, Place};
use crate::flows::record::{Happened, Personal, What};
use crate::store::opaque_key::{self, Activate, Create, Wipe};
use crate::store::{Change, CommitError, revocation};

/// A key of our own is wanted in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opaque {
    /// Its first use binds it to the range of addresses there.
    pub binds: bool,
}

fn place(hash: &OpaqueKeyHash) -> Place<'_> {
    Place { table: "opaque_key", row: hash.as_str(), column: "sealed_key" }
}

impl Opaque {
    /// Makes a key that stands for CKAN's own `key`, and what is kept of both.
    pub(super) fn key(self, door: &Door, id: AccessTokenId, key: &ApiKey) -> (ApiKey, Change) {
        let ours = OpaqueKey::new(&door.random);
        let hash = ours.hash();
        let sealed_key = door.keyring.seal(place(&hash), key.as_str(), &door.random);
        let packed = ours.expose().parse().expect("a key of ours has letters that a file takes");
        let create = Create { hash, access_token: id, sealed_key, binds: self.binds };
        (packed, Change::CreateOpaqueKey(create))
    }
}

/// Opens CKAN's own key, which the one that is known by `hash` stands for.
///
/// # Errors
///
/// [`CannotOpen`].
pub(in crate::flows) fn open_sealed(
    door: &Door,
    hash: &OpaqueKeyHash,
    sealed: &[u8],
) -> Result<Secret, CannotOpen> {
    door.keyring.open(place(hash), sealed)
}

/// What ends together with an access token whose key is ours: with this commit, everywhere within a second.
pub(super) fn end_of_key(id: AccessTokenId) -> [Change; 2] {
    [Change::WipeOpaqueKey(Wipe(id)), Change::AdvanceRevocation(revocation::Advance)]
}

/// Lets the key in the access token `id` live: somebody has spoken with its user.
///
/// # Errors
///
/// [`Error::NoSuch`], [`Error::Unfit`], [`Error::NothingToActivate`]: nothing was changed.
pub async fn activate(door: &Door, id: AccessTokenId, by: &str, now: Timestamp) -> Result<(), Error> {
    let row = found(door, id).await?;
    let Some(key) = opaque_key::of(&door.store.reader, id).await? else {
        return Err(Error::NothingToActivate { id, why: "has CKAN's own key, which lives already" });
    };
    let state = if row.expires_at <= now && row.state == State::Issued { State::Ending } else { row.state };
    if state != State::Issued {
        let remedy = "make a new one with `gateward access-token create`";
        return Err(Error::Unfit { id, state, remedy });
    }
    let is_active = || Error::NothingToActivate { id, why: "was activated already" };
    if key.activated_at.is_some() {
        return Err(is_active());
    }
    let change = Change::ActivateOpaqueKey(Activate { access_token: id, at: now, by: by.to_owned() });
    let happened = Happened {
        who: Some(by.to_owned()),
        personal: Personal::about(&row.user),
        ..Happened::done(What::AccessTokenActivated { access_token: id })
    };
    match door.recorder.commit(None, vec![change], &[happened], now).await {
        Ok(()) => Ok(()),
        // Somebody else did so at the same moment, or ended it.
        Err(CommitError::Precondition) => Err(is_active()),
        Err(error) => Err(error.into()),
    }
}
