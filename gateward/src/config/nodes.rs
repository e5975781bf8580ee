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

#[cfg(test)]
mod tests {
    use crate::config::{Config, CrlPolicy, SMALL};

    fn parsed(more: &str) -> Result<Config, String> {
        Config::parse(&format!("{more}\n{SMALL}"), "/etc/gateward".as_ref())
            .map_err(|wrong| wrong.to_string())
    }

    #[test]
    fn authorities_and_their_lists_are_files_beside_the_configuration() {
        let config =
            parsed("node_ca = [\"a.pem\", \"/b.pem\"]\nnode_crl = [\"a.crl\"]\ncrl = \"optional\"").unwrap();
        assert_eq!(config.node_ca, ["/etc/gateward/a.pem", "/b.pem"].map(std::path::PathBuf::from));
        assert_eq!(config.node_crl, [std::path::PathBuf::from("/etc/gateward/a.crl")]);
        assert_eq!(config.crl, Some(CrlPolicy::Optional));
    }

    #[test]
    fn lists_without_authorities_and_rules_without_lists_mean_nothing() {
        let refused = parsed("node_crl = [\"a.crl\"]").unwrap_err();
        assert!(refused.contains("line 1: node_crl names lists"), "{refused}");
        let refused = parsed("node_ca = [\"a.pem\"]\ncrl = \"required\"").unwrap_err();
        assert!(refused.contains("line 2: crl says"), "{refused}");
    }
}
