//! Whatever names a tile names it in one way, and whatever is read as tile, bundle or edge is written as it came.

#![no_main]

use audit_log::{Edge, Hash, Place, Tile, TilePath, read_bundle, write_bundle};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(path) = std::str::from_utf8(bytes).ok().and_then(|path| path.parse::<TilePath>().ok()) {
        assert_eq!(path.to_string().as_bytes(), bytes);
        assert!(path.is_within(audit_log::MAX_SIZE) && !path.is_within(path.start()));
    }
    if let Ok(entries) = read_bundle(bytes) {
        assert_eq!(write_bundle(&entries), bytes);
    }
    if let Ok(mut edge) = Edge::from_bytes(bytes) {
        assert_eq!(edge.to_bytes(), bytes);
        let peaks = edge.peaks().len();
        edge.append(Hash([9; 32]), |_| ());
        assert!(edge.peaks().len() <= peaks + 1 && edge.root() != Hash::EMPTY);
    }
    let Some((&[level, at @ ..], rest)) = bytes.split_first_chunk::<9>() else { return };
    if let Ok(tile) = Tile::from_bytes(rest) {
        assert_eq!(tile.to_bytes(), rest);
        let place = Place::of(level % 64, u64::from_be_bytes(at));
        assert_eq!(tile.node(place).is_some(), usize::from(place.end()) <= tile.hashes().len());
    }
});
