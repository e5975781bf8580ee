//! An installation moves to another store.

use crate::base::id::InstanceId;
use crate::base::random::Random;
use crate::base::store_address::StoreAddress;
use crate::base::time::Clock;
use crate::flows::record::{self, Happened, What};
use crate::store::copy::{self, Error, Extent, Progress};

/// Copies everything from one store to another, empty one, and records there that `by` did.
///
/// Nothing is written to either meanwhile. `from` stays as it is; whoever went on with it would
/// have two logs that begin alike.
///
/// # Errors
///
/// [`Error`]; but for [`Error::Unknown`], `to` is as it was or empty.
pub async fn copy_store(
    from: &StoreAddress,
    to: &StoreAddress,
    by: &str,
    clock: &Clock,
    random: &Random,
    progress: impl FnMut(Progress),
) -> Result<Extent, Error> {
    let copied = |extent: Extent| {
        let what = What::StoreCopied { from: from.to_string(), to: to.to_string(), events: extent.events };
        let happened = Happened { who: Some(by.to_owned()), ..Happened::done(what) };
        record::event(&happened, InstanceId::new(extent.now, random), random, extent.now)
    };
    copy::copy(from, to, clock, copied, progress).await
}
