//! Randomness as a handle, so that flows can be given fixed bytes in a test.

use std::sync::Arc;

type Source = dyn Fn(&mut [u8]) + Send + Sync;

/// Fills bytes from a random source; made by `cli` and `server`, an argument everywhere else.
#[derive(Clone)]
pub struct Random(Arc<Source>);

impl Random {
    /// Wraps a source of random bytes.
    pub fn new(source: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(source))
    }

    /// Returns `N` fresh bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// Overwrites `bytes` with fresh ones.
    pub fn fill(&self, bytes: &mut [u8]) {
        (self.0)(bytes);
    }
}

impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Random")
    }
}
