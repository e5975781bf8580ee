//! A service in the configuration file.

use std::path::PathBuf;

use serde::Deserialize;

use crate::base::kind::Kind;
use crate::base::name::{ServiceName, UrlPath};

/// An upstream that is protected.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceConfig {
    name: Option<ServiceName>,
    /// What knows its requests.
    pub kind: Kind,
    /// Where it stands on the public listener.
    pub path: UrlPath,
    /// What is behind it.
    pub upstream: Upstream,
    /// Who may enter at all; without a default, because it decides about safety.
    pub require: Vec<Requirement>,
}

/// What a caller must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Requirement {
    /// A temporary login that the exchange made, by HTTP Digest.
    Login,
}

/// What is behind a service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Upstream {
    /// A folder of this machine.
    Dir(PathBuf),
}

impl TryFrom<String> for Upstream {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.strip_prefix("dir:") {
            Some(path) if !path.is_empty() => Ok(Self::Dir(path.into())),
            _ => Err(format!("{text:?} is no upstream: dir:PATH")),
        }
    }
}

impl ServiceConfig {
    /// Its name: the one given, or its path without the leading slash.
    pub fn name(&self) -> ServiceName {
        self.name.clone().unwrap_or_else(|| self.path.service_name())
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.require.is_empty() {
            return Err("require is empty: say who may enter, as in require = [\"login\"]".into());
        }
        Ok(())
    }
}
