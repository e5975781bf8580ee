//! Floor 2: one file, one transaction that a user would name.
//!
//! A flow takes the time and its randomness as arguments, decides, and proposes changes with
//! their events to the one writer. What it cannot have, it says in an error of its own.

pub mod access_token;
pub mod admit;
pub mod anchor;
pub mod api_tokens;
pub mod audit;
pub mod authenticate;
pub mod backup;
pub mod caller;
pub mod checkpoint;
pub mod claim;
pub mod clean_up;
pub mod close_lapsed;
pub mod copy_store;
pub mod door;
pub mod exchange;
pub mod export_log;
pub mod failures;
pub mod feed;
pub mod grants;
pub mod htdigest;
pub mod inventory;
pub mod issuers;
pub mod keyring;
pub mod kind;
pub mod logins;
pub mod nodes;
pub mod oidc;
pub mod openhim;
pub mod operate;
pub mod passwords;
pub mod placement;
pub mod policy;
pub mod receive;
pub mod record;
pub mod replays;
pub mod retention;
pub mod sessions;
pub mod tries;
pub mod usage;
pub mod users;
pub mod verify;
pub mod verify_log;
pub mod witness;
