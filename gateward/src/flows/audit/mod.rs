//! The log as others read it: who reads it is recorded, too.

mod reading;
pub mod report;
mod translate;

pub use self::reading::{Reading, record_reading};
pub use self::translate::{EVENT, Observer, part_id, translate};
