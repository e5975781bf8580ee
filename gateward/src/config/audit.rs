//! How the event log is told to others.

use serde::Deserialize;

use crate::base::host::HostName;

/// What others are told of the log.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// What this installation calls itself where events of many are gathered; the machine's name unless named.
    pub name: Option<HostName>,
}
