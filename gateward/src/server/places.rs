//! How many connections are open at once: in all, and from one address.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::base::address::{AddressBlock, ClientAddress};

/// How many connections a listener has open at once; the next wait in the kernel's queue.
const IN_ALL: usize = 2048;

/// How many of them may come from one address: nobody alone keeps the others out.
const FROM_ONE: usize = 512;

/// The places of a listener.
#[derive(Debug)]
pub struct Places {
    free: Arc<Semaphore>,
    taken: Mutex<HashMap<AddressBlock, usize>>,
}

/// A place that waits for its connection.
#[derive(Debug)]
pub struct Free(#[expect(dead_code, reason = "held, never read")] OwnedSemaphorePermit);

/// A place that a connection has, until it is dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    /// `None` for a proxy's.
    block: Option<AddressBlock>,
    _free: Free,
}

impl Places {
    /// Makes them, all free.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { free: Arc::new(Semaphore::new(IN_ALL)), taken: Mutex::default() })
    }

    /// Waits for a free place.
    pub async fn free(&self) -> Free {
        let free = Arc::clone(&self.free).acquire_owned().await;
        Free(free.expect("the places are never closed"))
    }

    /// Gives `free` to a connection from `address`; `None` when that address has its share.
    pub fn take(self: &Arc<Self>, free: Free, address: ClientAddress) -> Option<Place> {
        let block = address.block();
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.entry(block).or_insert(0);
        if *own >= FROM_ONE {
            return None;
        }
        *own += 1;
        Some(Place { places: Arc::clone(self), block: Some(block), _free: free })
    }

    /// Gives `free` to a connection that carries many clients, and counts against none of them.
    pub fn take_for_proxy(self: &Arc<Self>, free: Free) -> Place {
        Place { places: Arc::clone(self), block: None, _free: free }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(block) = self.block else { return };
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&block) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&block);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_address_cannot_take_every_place() {
        let places = Places::new();
        let address = |text: &str| ClientAddress::new(text.parse().unwrap());
        let mut held = Vec::new();
        for _ in 0..FROM_ONE {
            let free = places.free().await;
            held.push(places.take(free, address("192.0.2.1")).unwrap());
        }
        let free = places.free().await;
        assert!(places.take(free, address("192.0.2.1")).is_none());
        let free = places.free().await;
        assert!(places.take(free, address("192.0.2.2")).is_some());
        held.pop();
        let free = places.free().await;
        assert!(places.take(free, address("192.0.2.1")).is_some());
        drop(held);
        assert!(places.taken.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_proxy_may_take_more_than_one_addresss_share() {
        let places = Places::new();
        let mut held = Vec::new();
        for _ in 0..=FROM_ONE {
            held.push(places.take_for_proxy(places.free().await));
        }
        assert!(places.taken.lock().unwrap().is_empty());
        assert_eq!(places.free.available_permits(), IN_ALL - FROM_ONE - 1);
    }
}
