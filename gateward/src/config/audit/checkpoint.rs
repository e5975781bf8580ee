//! How often the log is signed.

use jiff::SignedDuration;
use serde::Deserialize;

/// How long lies between two checkpoints of a log that grows: a second at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointEvery(pub SignedDuration);

impl Default for CheckpointEvery {
    fn default() -> Self {
        Self(SignedDuration::from_mins(1))
    }
}

impl<'de> Deserialize<'de> for CheckpointEvery {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let every = SignedDuration::deserialize(from)?;
        if every < SignedDuration::from_secs(1) || every > SignedDuration::from_hours(24) {
            return Err(serde::de::Error::custom("checkpoint is at least 1s and at most 24h"));
        }
        Ok(Self(every))
    }
}
