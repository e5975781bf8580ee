//! Opens are recorded before they happen.

use jiff::Timestamp;

use super::Error;
use crate::base::id::AccessTokenId;
use crate::flows::door::Door;
use crate::flows::record::{Happened, What};
use crate::store::access_token;

/// Records that somebody is about to open the file of this SHA-256 with its passphrase; returns which
/// access token of ours it is, if it is one.
///
/// # Errors
///
/// [`Error::Store`], [`Error::Commit`]: then it stays shut.
pub async fn record_opening(
    door: &Door,
    file_sha256: String,
    by: &str,
    now: Timestamp,
) -> Result<Option<AccessTokenId>, Error> {
    let ours = access_token::of_file(&door.store.reader, &file_sha256).await?;
    let what = What::AccessTokenOpened { file_sha256, access_token: ours };
    let happened = Happened { who: Some(by.to_owned()), ..Happened::done(what) };
    // A crash after this leaves an opening recorded that did not happen: the safe side.
    door.recorder.commit(None, Vec::new(), &[happened], now).await?;
    Ok(ours)
}
