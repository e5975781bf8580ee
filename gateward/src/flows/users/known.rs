//! A person with an account, as whoever proved them knows them.

use std::sync::Arc;

use jiff::Timestamp;

use super::role::HeldRole;
use crate::base::identity::UserName;
use crate::base::name::ServiceName;
use crate::base::sha256::Sha256;
use crate::base::time::later;
use crate::flows::authenticate::NOTED_EVERY;
use crate::flows::door::Door;
use crate::flows::kind::Effect;
use crate::flows::{passwords, sessions};
use crate::store::api_token::{self, ApiTokenRow, Used};
use crate::store::user::{self, UserRow};
use crate::store::{self, Change, user_digest};

/// Somebody with an account that is good, proven for this very request; made by whoever proved them.
#[derive(Debug, Clone)]
pub struct KnownUser {
    name: UserName,
    subject: String,
    role: Option<HeldRole>,
    by: Proof,
}

/// What proved them.
#[derive(Debug, Clone)]
pub enum Proof {
    /// Their password.
    Password {
        /// What tells it from the next one.
        salt: String,
    },
    /// An answer by HTTP Digest.
    Digest {
        /// When its password was set.
        set_at: Timestamp,
    },
    /// An API token that was made for them.
    ApiToken(Arc<ApiTokenRow>),
    /// The cookie of our login page.
    Session {
        /// SHA-256 of it.
        cookie: Sha256,
        /// When the session ends, whatever happens.
        expires_at: Timestamp,
    },
}

/// Under which issuer the pseudonyms of people with an account here are made.
const ISSUER: &str = "gateward user";

impl KnownUser {
    /// Makes one for tests that have no store, by an API token that was used and ends then.
    #[cfg(test)]
    pub(in crate::flows) fn with_token_for_tests(
        name: &str,
        last_used_at: Option<Timestamp>,
        expires_at: Timestamp,
    ) -> Self {
        let user: UserName = name.parse().unwrap();
        let token = ApiTokenRow {
            hash: String::new(),
            id: "gwt-0".into(),
            user: user.clone(),
            label: String::new(),
            services: Vec::new(),
            read_only: false,
            created_at: Timestamp::UNIX_EPOCH,
            created_by: String::new(),
            expires_at,
            last_used_at,
        };
        Self { name: user, subject: String::new(), role: None, by: Proof::ApiToken(Arc::new(token)) }
    }

    /// Finds an account that is good; `by` is what proved its owner. `None` if there is none, or it is disabled.
    ///
    /// # Errors
    ///
    /// [`store::Error`].
    pub(in crate::flows) async fn living(
        door: &Door,
        name: &UserName,
        by: Proof,
    ) -> Result<Option<Self>, store::Error> {
        let row = user::find(&door.store.reader, name.as_str()).await?;
        row.map_or(Ok(None), |row| Self::of(door, &row, by))
    }

    /// Reads an account; `None` if it is disabled.
    ///
    /// # Errors
    ///
    /// [`store::Error::Damaged`].
    pub(in crate::flows) fn of(door: &Door, row: &UserRow, by: Proof) -> Result<Option<Self>, store::Error> {
        if row.disabled_at.is_some() {
            return Ok(None);
        }
        let damaged = |reason: String| store::Error::Damaged { table: "users", reason };
        let name: UserName = row.name.parse().map_err(|_| damaged("a name that is none".into()))?;
        let subject = door.keyring.pseudonym(ISSUER, name.as_str());
        let service = row.role_service.as_deref().map(str::parse).transpose();
        let service = service.map_err(|_| damaged("a role for a service that is none".into()))?;
        let role = match row.role.as_str() {
            "" => None,
            role => {
                let role = role.parse().map_err(|_| damaged("a role that is none".into()))?;
                Some(HeldRole { role, service })
            }
        };
        Ok(Some(Self { name, subject, role, by }))
    }

    /// The name that they log in with.
    pub fn name(&self) -> &UserName {
        &self.name
    }

    /// Their pseudonym, the same whatever proves them.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// What they may do at the listener for operators.
    pub fn role(&self) -> Option<&HeldRole> {
        self.role.as_ref()
    }

    /// What proved them, in a word.
    pub fn by(&self) -> &'static str {
        match &self.by {
            Proof::Password { .. } => "password",
            Proof::Digest { .. } => "digest",
            Proof::ApiToken(_) => "api-token",
            Proof::Session { .. } => "session",
        }
    }

    /// Whether what proved them is for this at all, whatever they may do otherwise.
    pub fn is_for(&self, service: &ServiceName, effect: Effect) -> bool {
        let Proof::ApiToken(token) = &self.by else { return true };
        let for_service = token.services.is_empty() || token.services.contains(service);
        for_service && (!token.read_only || effect == Effect::Read)
    }

    /// When what proved them ends by itself, if it does.
    pub fn ends_at(&self) -> Option<Timestamp> {
        match &self.by {
            Proof::Password { .. } | Proof::Digest { .. } => None,
            Proof::ApiToken(token) => Some(token.expires_at),
            Proof::Session { expires_at, .. } => Some(*expires_at),
        }
    }

    /// Whether what proved them may end without moving the revocation counter.
    pub fn ends_unannounced(&self) -> bool {
        matches!(self.by, Proof::Session { .. })
    }

    /// What is noted of this use, with the record of it. That of a session stands only while the session does.
    pub fn use_to_note(&self, at: Timestamp) -> Option<Change> {
        match &self.by {
            Proof::Password { .. } | Proof::Digest { .. } => None,
            Proof::ApiToken(token) => {
                let is_old = |used: Timestamp| at.duration_since(used) >= NOTED_EVERY;
                let is_to_note = token.last_used_at.is_none_or(is_old);
                is_to_note.then(|| Change::ApiTokenUsed(Used { id: token.id.clone(), at }))
            }
            Proof::Session { cookie, .. } => Some(sessions::seen(cookie, at)),
        }
    }

    /// Until when this use and those after it need not be noted, and what proved them has not ended; `None` where
    /// each is noted, or nothing is known of it.
    pub fn noted_until(&self) -> Option<Timestamp> {
        let Proof::ApiToken(token) = &self.by else { return None };
        token.last_used_at.map(|last| later(last, NOTED_EVERY).min(token.expires_at))
    }

    /// Says for the operator who it is, and by what.
    pub fn shows(&self) -> String {
        let Proof::ApiToken(token) = &self.by else { return format!("it is the user {}", self.name) };
        let ApiTokenRow { id, services, read_only, .. } = token.as_ref();
        let services: Vec<_> = services.iter().map(ToString::to_string).collect();
        let services = if services.is_empty() { "all services".to_owned() } else { services.join(" ") };
        let reading = if *read_only { ", for reading alone" } else { "" };
        format!("it is the user {} by the API token {id}, for {services}{reading}", self.name)
    }

    /// Looks again whether the account is good and what proved its owner still does; `None` if not.
    ///
    /// # Errors
    ///
    /// [`store::Error`].
    pub async fn look_again(&self, door: &Door, now: Timestamp) -> Result<Option<Self>, store::Error> {
        let reader = &door.store.reader;
        let Some(row) = user::find(reader, self.name.as_str()).await? else { return Ok(None) };
        let still = |holds: bool| holds.then(|| self.by.clone());
        let by = match &self.by {
            Proof::Password { salt } => still(passwords::salt_of(&row.password_hash).as_ref() == Some(salt)),
            Proof::Digest { set_at } => {
                let digest = user_digest::find(reader, self.name.as_str()).await?;
                still(digest.is_some_and(|digest| digest.set_at == *set_at))
            }
            Proof::ApiToken(token) => {
                let token = api_token::find_by_id(reader, &token.id).await?;
                token.filter(|token| token.expires_at > now).map(|token| Proof::ApiToken(Arc::new(token)))
            }
            Proof::Session { cookie, .. } => still(sessions::watching(door, cookie, now).await?.is_some()),
        };
        by.map_or(Ok(None), |by| Self::of(door, &row, by))
    }
}
