//! A log that cannot be changed unseen: what its events commit to, and the tree over them.
//!
//! Each event commits to one salted hash, its [`Entry`]. The entries are the leaves of a Merkle
//! tree (RFC 6962 section 2.1), whose root covers all of them in their order. Whoever kept a root
//! elsewhere finds any later change to what it covers.
//!
//! Pure on purpose: no clock, no disk, no network. The writer makes entries and tree through this
//! crate and an outside verifier checks them through it, so there is one definition of a valid log.

mod checkpoint;
mod edge;
mod entry;
mod export;
mod export_writer;
mod gaps;
mod hash;
mod hex;
mod log_proof;
mod proof;
mod tile;
mod tile_path;
mod verify;
mod witness;

pub use checkpoint::{Checkpoint, CheckpointError, NotACheckpoint};
pub use edge::{Edge, MAX_SIZE, Node, NotAnEdge};
pub use entry::{Entry, Event, FORMAT_VERSION, PersonalHash, SALT_LENGTH};
pub use export::{EXPORT_VERSION, ExportError, Exported, Footer, Header, Line, MAX_LINE, verify_export};
pub use export_writer::ExportWriter;
pub use hash::{HASH_LENGTH, Hash};
pub use hex::Hex;
pub use log_proof::{LogProof, NotALogProof, ProofError};
pub use proof::{Hashes, NoSuchProof, NotProven, Plan, verify_consistency, verify_inclusion};
pub use tile::{NotATile, Place, TILE_WIDTH, Tile, read_bundle, write_bundle};
pub use tile_path::{Kind, NotATilePath, TilePath};
pub use verify::{Fault, Row, Salted, Verification, Verified, Wrong};
pub use witness::{AddCheckpoint, Cosigned, MAX_REQUEST, Refusal, Seen, add_cosignatures};

// The keys that checkpoints are signed and cosigned by.
pub use signed_note::{Cosigner, CosignerKey, Signer, VerifierKey};
