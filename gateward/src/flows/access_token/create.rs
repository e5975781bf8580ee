//! Makes one access token: the key, the file, the record; all of it or nothing.

use std::path::PathBuf;

use ::access_token::{
    AccessToken, ApiKey, InnerFile, Passphrase, ServerCertificate, write_inner, write_zip_envelope,
};
use jiff::Timestamp;
use openpgp::{Recipient, SealOptions};

use super::ckan::{Ckan, NewUser};
use super::end::{self, Key};
use super::opaque::{self, Opaque};
use super::{Delivery, Envelope, Error, Files, Person};
use crate::base::access_token::{Because, State};
use crate::base::ckan::CkanUser;
use crate::base::id::AccessTokenId;
use crate::base::sha256::Sha256;
use crate::base::time::stored;
use crate::flows::door::Door;
use crate::flows::record::{Happened, KeyEnd, MadeAccessToken, Outcome, Personal, What};
use crate::store::access_token::{AccessTokenRow, Begin, End, Issue, Replace};
use crate::store::{Change, CommitError, opaque_key, revocation};

/// What is to be made.
#[derive(Debug)]
pub struct Order {
    /// The CKAN user.
    pub user: CkanUser,
    /// The person.
    pub person: Person,
    /// What goes into the file beside the key, and around it.
    pub packing: Packing,
    /// When the file ends; never after its certificate.
    pub expires_at: Timestamp,
    /// Where the file goes; reserved by whoever asks.
    pub file: PathBuf,
    /// A key of our own goes into the file instead of CKAN's.
    pub opaque: Option<Opaque>,
    /// The one whose place it takes.
    pub replaces: Option<Replaces>,
}

/// What goes into the file beside the key, and around it.
#[derive(Debug)]
pub struct Packing {
    /// The host that it opens.
    pub host: String,
    /// The certificate that this host shows.
    pub certificate: ServerCertificate,
    /// What is around the inner file.
    pub envelope: Envelope,
}

/// Which access token gives way, and how soon.
#[derive(Debug, Clone, Copy)]
pub struct Replaces {
    /// Which.
    pub id: AccessTokenId,
    /// Both are good until then at the latest.
    pub until: Timestamp,
}

/// Where the key comes from.
#[derive(Debug)]
pub enum KeyFrom<'a, C> {
    /// CKAN makes it, and the user first where they are to be made.
    Ckan(&'a C, Option<NewUser>),
    /// Somebody gave it to us. Where a CKAN is named, it is one of that user's there, and can be revoked;
    /// a key of another form than a JWT is named without.
    Given(ApiKey, Option<&'a C>),
}

/// An access token that lies whole.
#[derive(Debug)]
pub struct Made {
    /// Its id.
    pub id: AccessTokenId,
    /// What opens it: it has been told already.
    pub passphrase: Passphrase,
    /// SHA-256 of the file, in hex.
    pub file_sha256: String,
}

/// Says that there is no access token, and what is left of it.
#[derive(Debug, thiserror::Error)]
#[error("{why}{}", left.as_ref().map(|left| format!(" (and taking back what was half made: {left}; `gateward cleanup` goes on with it)")).unwrap_or_default())]
pub struct NotMade {
    /// Why.
    pub why: Error,
    /// Why something half made is still there, if it is.
    pub left: Option<Error>,
}

/// Makes the access token that `order` asks for.
///
/// # Errors
///
/// [`NotMade`]: then there is none, its file is gone, and the key that was made for it is revoked, or
/// will be by the sweep.
pub async fn create<C: Ckan>(
    door: &Door,
    order: &Order,
    key_from: KeyFrom<'_, C>,
    delivery: &impl Delivery,
    by: &str,
    now: Timestamp,
) -> Result<Made, NotMade> {
    let untouched = |why| NotMade { why, left: None };
    order.packing.check(now).map_err(untouched)?;
    let id = AccessTokenId::new(now, &door.random);
    begin(door, id, order, &key_from, by, now).await.map_err(untouched)?;
    // A crash from here on leaves one in the making: the sweep revokes its key. Its file, if there is one
    // by then, opens nothing, and the next attempt at the same place takes it away.
    let attempt = Attempt { door, id, order, key_from, by, now };
    let mut key = None;
    match attempt.make(delivery, &mut key).await {
        Ok(made) => Ok(made),
        Err(why) => {
            let left = attempt.give_up(delivery, key, &why).await.err();
            Err(NotMade { why, left })
        }
    }
}

/// One access token on its way.
struct Attempt<'a, C> {
    door: &'a Door,
    id: AccessTokenId,
    order: &'a Order,
    key_from: KeyFrom<'a, C>,
    by: &'a str,
    now: Timestamp,
}

/// Records that a key may come to be, before anybody is asked for it.
async fn begin<C: Ckan>(
    door: &Door,
    id: AccessTokenId,
    order: &Order,
    key_from: &KeyFrom<'_, C>,
    by: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let Packing { host, certificate, envelope } = &order.packing;
    let ckan = key_from.ckan().map(Ckan::place);
    let row = AccessTokenRow {
        id,
        user: order.user.clone(),
        host: host.clone(),
        ckan: ckan.clone(),
        key_kind: None,
        jti: None,
        certificate: hex(certificate.fingerprint().as_bytes()),
        certificate_ends: certificate.not_after(),
        form: envelope.form(),
        recipient: match envelope {
            Envelope::Pgp { key, .. } => Some(key.clone()),
            Envelope::Zip(_) | Envelope::Nothing => None,
        },
        sealed_person: order.person.seal(door, id),
        file: order.file.display().to_string(),
        file_sha256: None,
        state: State::Making,
        because: None,
        created_at: now,
        created_by: by.to_owned(),
        expires_at: order.expires_at,
        replaced_by: None,
    };
    let what = What::AccessTokenBegun { access_token: id, host: host.clone(), ckan };
    let change = Change::BeginAccessToken(Box::new(Begin(row)));
    Ok(door.recorder.commit(None, vec![change], &[happened(what, &order.user, by)], now).await?)
}

impl<C: Ckan> Attempt<'_, C> {
    /// Makes it; `made` is the id of the key in CKAN, once there is one that was made for it.
    async fn make(&self, delivery: &impl Delivery, made: &mut Option<String>) -> Result<Made, Error> {
        let Self { door, id, order, by, now, .. } = *self;
        let key = self.key_from.key(door, id, &order.user, by, now).await?;
        let jti = key.jti();
        if let KeyFrom::Ckan(..) = self.key_from {
            made.clone_from(&jti);
        }
        // CKAN's own key goes no further than this, where one of ours stands for it.
        let (key, kept) = match order.opaque {
            Some(opaque) => {
                let (ours, kept) = opaque.key(door, id, &key);
                (ours, Some(kept))
            }
            None => (key, None),
        };
        let kind = key.kind();
        let passphrase = Passphrase::generate(|bytes| door.random.fill(bytes));
        let token = AccessToken { api_key: key, certificate: order.packing.certificate.clone() };
        let file = order.packing.pack(door, &token, &passphrase, &order.user, now)?;
        let laid = delivery.fill(&order.file, &file);
        laid.map_err(|source| Error::File { path: order.file.clone(), source })?;
        delivery.tell(&passphrase).map_err(Error::NotTold)?;
        let file_sha256 = Sha256::of(&file).to_string();

        let issue = Issue { id, key_kind: kind, jti, file_sha256: file_sha256.clone() };
        let mut changes = vec![Change::IssueAccessToken(issue)];
        changes.extend(kept);
        let created = MadeAccessToken {
            access_token: id,
            host: order.packing.host.clone(),
            key_kind: kind.as_str(),
            certificate: hex(order.packing.certificate.fingerprint().as_bytes()),
            form: order.packing.envelope.form(),
            recipient: order.packing.envelope.recipient().map(|key| key.fingerprint().to_string()),
            file_sha256: file_sha256.clone(),
            expires_at: stored(order.expires_at),
            opaque: order.opaque.is_some(),
        };
        let mut events = vec![happened(What::AccessTokenCreated(Box::new(created)), &order.user, by)];
        if let Some(Replaces { id: old, until }) = order.replaces {
            changes.push(Change::ReplaceAccessToken(Replace { id: old, by: id, until }));
            if opaque_key::of(&door.store.reader, old).await?.is_some() {
                // Its end moved nearer: what runs by it is decided once more.
                changes.push(Change::AdvanceRevocation(revocation::Advance));
            }
            let renewed = What::AccessTokenRenewed { access_token: old, by: id, until: stored(until) };
            events.push(happened(renewed, &order.user, by));
        }
        // A crash before: the sweep takes the key away. After it: issued, whole, and its passphrase told.
        door.recorder.commit(None, changes, &events, now).await?;
        Ok(Made { id, passphrase, file_sha256 })
    }

    /// Takes back what was made so far; what cannot be taken back now is left to the sweep.
    async fn give_up(&self, files: &impl Files, made: Option<String>, why: &Error) -> Result<(), Error> {
        let Self { door, id, order, by, now, .. } = *self;
        let removed = files.remove(&order.file);
        let decided = self.decide(why).await;
        // Whatever the store says of it: a key in hand is taken away, and one that was given is its owner's.
        let key = match (&self.key_from, made, why) {
            (KeyFrom::Ckan(ckan, _), Some(jti), _) => {
                ckan.revoke(&order.user, &jti).await?;
                Key::Settled(KeyEnd::Revoked)
            }
            (KeyFrom::Given(..), ..) => Key::Settled(KeyEnd::NotOurs),
            (_, None, Error::Ckan(error)) if !error.is_of_unknown_end() => Key::Settled(KeyEnd::WasGone),
            (KeyFrom::Ckan(ckan, _), None, _) => Key::In(Some(*ckan)),
        };
        decided?;
        end::finish(door, id, &key, Some(by), now).await?;
        removed.map_err(|source| Error::File { path: order.file.clone(), source })
    }

    /// Records that it was not made, however far the record of it is: the sweep may have ended it
    /// meanwhile, or a commit whose end was not known may have issued it.
    async fn decide(&self, why: &Error) -> Result<(), Error> {
        let Self { door, id, order, by, now, .. } = *self;
        let mut from = State::Making;
        loop {
            let mut changes = vec![Change::EndAccessToken(End { id, because: Because::NotMade, from })];
            changes.extend(order.opaque.iter().flat_map(|_| opaque::end_of_key(id)));
            let failed = What::AccessTokenFailed { access_token: id, reason: why.reason() };
            let personal = Personal { detail: Some(why.to_string()), ..Personal::about(&order.user) };
            let (outcome, who) = (Outcome::Failed, Some(by.to_owned()));
            let event = Happened { outcome, who, personal, ..Happened::done(failed) };
            match door.recorder.commit(None, changes, &[event], now).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Precondition) => match end::found(door, id).await?.state {
                    State::Issued if from != State::Issued => from = State::Issued,
                    State::Ending | State::Ended => return Ok(()),
                    State::Making | State::Issued => return Err(CommitError::Precondition.into()),
                },
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl<C: Ckan> KeyFrom<'_, C> {
    /// Where the key can be revoked.
    fn ckan(&self) -> Option<&C> {
        match self {
            Self::Ckan(ckan, _) => Some(ckan),
            Self::Given(_, ckan) => *ckan,
        }
    }

    async fn key(
        &self,
        door: &Door,
        id: AccessTokenId,
        user: &CkanUser,
        by: &str,
        now: Timestamp,
    ) -> Result<ApiKey, Error> {
        let (ckan, new) = match self {
            Self::Given(key, ckan) => {
                if let Some(ckan) = ckan {
                    is_theirs(key, user, *ckan).await?;
                }
                return Ok(key.clone());
            }
            Self::Ckan(ckan, new) => (ckan, new),
        };
        if let Some(new) = new
            && !ckan.has_user(user).await?
        {
            ckan.create_user(new).await?;
            // A crash before this leaves a user without key, whom the next attempt finds.
            let what = What::CkanUserCreated { access_token: id, ckan: ckan.place() };
            door.recorder.commit(None, Vec::new(), &[happened(what, user, by)], now).await?;
        }
        Ok(ckan.create_key(user, &key_name(id)).await?.expose().parse()?)
    }
}

/// Makes sure that a key which somebody gave us is one that this CKAN lists for the user: only then can it
/// be revoked there.
async fn is_theirs<C: Ckan>(key: &ApiKey, user: &CkanUser, ckan: &C) -> Result<(), Error> {
    let jti = key.jti();
    let theirs = ckan.keys(user).await?;
    if theirs.iter().any(|listed| Some(&listed.jti) == jti.as_ref()) {
        return Ok(());
    }
    Err(Error::NotTheirKey { user: user.clone(), place: ckan.place() })
}

/// The name that CKAN lists the key under.
pub(super) fn key_name(id: AccessTokenId) -> String {
    format!("gateward {id}")
}

impl Packing {
    /// Checks that a reader of the file will be content with the certificate.
    ///
    /// # Errors
    ///
    /// [`Error::Host`], [`Error::CertificateEnded`].
    pub fn check(&self, now: Timestamp) -> Result<(), Error> {
        self.certificate.check_host(&self.host)?;
        if self.certificate.not_after() <= now {
            return Err(Error::CertificateEnded(self.certificate.not_after()));
        }
        Ok(())
    }

    fn pack(
        &self,
        door: &Door,
        token: &AccessToken,
        passphrase: &Passphrase,
        user: &CkanUser,
        now: Timestamp,
    ) -> Result<Vec<u8>, Error> {
        let mut random = |bytes: &mut [u8]| door.random.fill(bytes);
        let inner = write_inner(token, passphrase, now, &mut random);
        let name = format!("{user}.dcor-access");
        match &self.envelope {
            Envelope::Nothing => Ok(inner.into_bytes()),
            Envelope::Zip(texts) => {
                let texts: Vec<_> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
                Ok(write_zip_envelope(&inner, &name, &texts, passphrase, now, &mut random)?)
            }
            Envelope::Pgp { recipient, .. } => seal(&inner, name, recipient, door, now),
        }
    }
}

fn seal(
    inner: &InnerFile,
    name: String,
    recipient: &Recipient,
    door: &Door,
    now: Timestamp,
) -> Result<Vec<u8>, Error> {
    let mut sealed = Vec::new();
    let options = SealOptions { file_name: Some(name), ..SealOptions::default() };
    let recipients = std::slice::from_ref(recipient);
    openpgp::seal_to(inner.as_bytes(), &mut sealed, recipients, now, door.random.bytes(), &options)?;
    Ok(sealed)
}

fn happened(what: What, user: &CkanUser, by: &str) -> Happened {
    Happened { who: Some(by.to_owned()), personal: Personal::about(user), ..Happened::done(what) }
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}
