//! Which authorities are believed now, exchanged while connections run.

use std::sync::Arc;

use arc_swap::ArcSwap;
use node_certificate::Trust;

/// Trust as it stands, with a number that grows whenever it changes.
#[derive(Debug)]
pub struct InForce {
    trust: Arc<Trust>,
    generation: u64,
}

impl InForce {
    /// Who is believed.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The number: what was judged under another one is judged again.
    pub fn generation(&self) -> u64 {
        self.generation
    }
}

/// The trust in force.
#[derive(Debug)]
pub struct TrustCache(ArcSwap<InForce>);

impl Default for TrustCache {
    /// Believes nobody, until somebody says more.
    fn default() -> Self {
        Self(ArcSwap::from_pointee(InForce { trust: Arc::new(Trust::nobody()), generation: 0 }))
    }
}

impl TrustCache {
    /// Returns it.
    pub fn current(&self) -> Arc<InForce> {
        self.0.load_full()
    }

    /// Believes `trust` from now on.
    pub fn exchange(&self, trust: Trust) {
        let trust = Arc::new(trust);
        self.0.rcu(|current| InForce { trust: Arc::clone(&trust), generation: current.generation + 1 });
    }
}
