//! Text that must not be seen: redacted in `Debug`, wiped when dropped.

use std::os::unix::fs::PermissionsExt as _;

use zeroize::Zeroizing;

/// Holds a secret text; [`Secret::expose`] is the only way to it.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes `text` over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Shows the secret. Never into a log, an event, an error or an argument.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Returns whether everybody on this machine may do something with a file: no place for a secret.
///
/// Its group may: that is how a server that is not its owner reads it.
pub fn is_open_to_everybody(file: &std::fs::Metadata) -> bool {
    file.permissions().mode() & 0o007 != 0
}
