//! How many connections each node has at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::identity::NodeName;

/// How many one node may have: nobody's programs keep those of others out.
const OF_ONE: usize = 64;

/// The connections of all nodes.
#[derive(Debug, Default)]
pub struct Shares(Mutex<HashMap<NodeName, usize>>);

/// One connection of a node, until it is dropped.
#[derive(Debug)]
pub struct Share {
    shares: Arc<Shares>,
    node: NodeName,
}

impl Shares {
    /// Counts one more; `None` where the node has its share.
    pub fn take(self: &Arc<Self>, node: &NodeName) -> Option<Share> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.entry(node.clone()).or_insert(0);
        if *own >= OF_ONE {
            return None;
        }
        *own += 1;
        Some(Share { shares: Arc::clone(self), node: node.clone() })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.node) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.node);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_has_its_share_and_takes_nothing_of_another_s() {
        let shares = Arc::new(Shares::default());
        let [a, b]: [NodeName; 2] = ["a", "b"].map(|name| name.parse().unwrap());
        let mut held: Vec<_> = (0..OF_ONE).map(|_| shares.take(&a).unwrap()).collect();
        assert!(shares.take(&a).is_none());
        assert!(shares.take(&b).is_some());
        held.pop();
        assert!(shares.take(&a).is_some());
    }
}
