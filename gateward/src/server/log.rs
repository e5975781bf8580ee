//! The log as others read it: the newest checkpoint and the tiles that it covers (c2sp.org/tlog-tiles).
//!
//! Neither says anything about anybody: a tile has hashes, a bundle the entries, which are salted hashes.

use audit_log::{Kind, TilePath, write_bundle};
use http::StatusCode;

use super::answer::{self, Answered, Problem};
use super::gate::Opened;
use crate::store::{Error, Reader, checkpoint, tree};

/// Answers with the newest checkpoint, and the cosignatures that it has got.
pub async fn checkpoint(opened: &Opened) -> Answered {
    match checkpoint::newest(&opened.door.store.reader).await {
        Ok(Some(mut newest)) => {
            newest.note.extend(opened.anchors.iter().filter_map(|place| place.cosigned(newest.size)));
            // As all texts, it is not to be kept: the next one may come at any time.
            answer::text(StatusCode::OK, newest.note)
        }
        Ok(None) => none("No checkpoint has been signed yet."),
        Err(error) => answer::shut(&error).answer(),
    }
}

/// Answers with the tile at `path`, or the entries; no more than the newest checkpoint covers.
pub async fn tile(reader: &Reader, path: &str) -> Answered {
    let path: TilePath = match path.strip_prefix('/').unwrap_or(path).parse() {
        Ok(path) => path,
        Err(error) => {
            return Problem::new(StatusCode::NOT_FOUND, "no-tile", error.to_string()).answer();
        }
    };
    match bytes(reader, path).await {
        Ok(Some(bytes)) => answer::for_ever(bytes),
        Ok(None) => none("The newest checkpoint does not cover this tile, or not all of it."),
        Err(error) => answer::shut(&error).answer(),
    }
}

async fn bytes(reader: &Reader, path: TilePath) -> Result<Option<Vec<u8>>, Error> {
    let signed = checkpoint::newest(reader).await?;
    if !signed.is_some_and(|signed| path.is_within(signed.size.unsigned_abs())) {
        return Ok(None);
    }
    Ok(match path.kind() {
        Kind::Entries => {
            let entries = tree::entries(reader, path.index(), path.width()).await?;
            (entries.len() == usize::from(path.width())).then(|| write_bundle(&entries))
        }
        Kind::Hashes(level) => {
            tree::tile(reader, level, path.index(), path.width()).await?.map(|tile| tile.to_bytes())
        }
    })
}

fn none(said: &str) -> Answered {
    Problem::new(StatusCode::NOT_FOUND, "no-tile", said).answer()
}
