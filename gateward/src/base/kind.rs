//! The kinds of service there are; what each knows of its requests is in `flows::kind`.

/// A kind of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Anything that is read by path.
    Plain,
}
