//! What the servers, disks and networks promise that the tests of gateward stand on; gateward has no part
//! in these.

mod disks;
mod failover;
mod failover_by_patroni;
mod networks;
mod servers;
