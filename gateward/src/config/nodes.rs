//! Which authorities vouch for machines.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// What is asked of lists of revoked certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CrlPolicy {
    /// Every authority needs a current one: without it, its machines are refused.
    Required,
    /// A missing or outdated one refuses nobody; what one revokes is refused all the same.
    Optional,
}

impl CrlPolicy {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Optional => "optional",
        }
    }
}

/// Says what is wrong, and where.
pub(super) fn check(
    node_ca: &[PathBuf],
    node_crl: &[PathBuf],
    crl: Option<CrlPolicy>,
) -> Result<(), (&'static str, String)> {
    if node_ca.is_empty() && !node_crl.is_empty() {
        return Err((
            "node_crl",
            "node_crl names lists of authorities, and node_ca names no authority".into(),
        ));
    }
    if node_crl.is_empty() && crl.is_some() {
        return Err(("crl", "crl says what is asked of the lists in node_crl, and there are none".into()));
    }
    Ok(())
}

pub(super) fn anchor(folder: &Path, paths: &mut [PathBuf]) {
    for path in paths {
        *path = folder.join(&*path);
    }
}
