//! What goes wrong with the one file that SQLite has: its lock, its disk, the order in which it is written.
//! PostgreSQL's server answers for its own; what we make of its answers is in the target `postgres`.

mod disk;
mod order;
mod taking_out;

use std::process::Command;
use std::time::Duration;

use crate::program::GATEWARD;
use crate::support::Installation;

#[test]
fn a_second_server_on_one_store_is_refused() {
    let installation = Installation::make_on_sqlite();
    let _server = installation.serve();
    let second = installation.second_configuration();
    let mut second = installation.start(Command::new(GATEWARD).arg("serve").arg("--config").arg(second));
    assert_eq!(second.wait(Duration::from_secs(20)).code(), Some(2));
    assert!(second.said().contains("one SQLite file has one server"), "{}", second.said());
}
