//! Other servers behind the door: slow, silent, broken, gone, or asked for more than they may give.
//!
//! Each upstream is a stand-in of a few lines, so that it can stop at any byte.

mod doors;
mod records;
use crate::upstream_stand_in as stand_in;

mod answering;
mod changes;
mod credential;
mod identity;
mod inventory;
mod kills;
mod large;
mod locked;
mod revoked;
mod uploads;
