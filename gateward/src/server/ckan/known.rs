//! The CKAN that the configuration names, whichever way it is asked.

use super::{Api, Program};
use crate::base::ckan::CkanUser;
use crate::base::secret::Secret;
use crate::flows::access_token::ckan::{Ckan, Error, Listed, NewUser};

/// One of the two ways.
#[derive(Debug)]
pub enum Known {
    /// By its HTTP API.
    Api(Box<Api>),
    /// By its own command.
    Program(Program),
}

impl Ckan for Known {
    fn place(&self) -> String {
        match self {
            Self::Api(ckan) => ckan.place(),
            Self::Program(ckan) => ckan.place(),
        }
    }

    async fn has_user(&self, user: &CkanUser) -> Result<bool, Error> {
        match self {
            Self::Api(ckan) => ckan.has_user(user).await,
            Self::Program(ckan) => ckan.has_user(user).await,
        }
    }

    async fn create_user(&self, new: &NewUser) -> Result<(), Error> {
        match self {
            Self::Api(ckan) => ckan.create_user(new).await,
            Self::Program(ckan) => ckan.create_user(new).await,
        }
    }

    async fn create_key(&self, user: &CkanUser, name: &str) -> Result<Secret, Error> {
        match self {
            Self::Api(ckan) => ckan.create_key(user, name).await,
            Self::Program(ckan) => ckan.create_key(user, name).await,
        }
    }

    async fn keys(&self, user: &CkanUser) -> Result<Vec<Listed>, Error> {
        match self {
            Self::Api(ckan) => ckan.keys(user).await,
            Self::Program(ckan) => ckan.keys(user).await,
        }
    }

    async fn revoke(&self, user: &CkanUser, jti: &str) -> Result<bool, Error> {
        match self {
            Self::Api(ckan) => ckan.revoke(user, jti).await,
            Self::Program(ckan) => ckan.revoke(user, jti).await,
        }
    }
}
