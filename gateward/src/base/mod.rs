//! Floor 0: types that cannot hold a wrong value.
//!
//! Text from outside becomes one of these at the border and travels as nothing else after it.

pub mod access_token;
pub mod address;
pub mod api_token;
pub mod backup;
pub mod ckan;
pub mod ckan_url;
pub mod fhir;
pub mod host;
pub mod html;
pub mod id;
pub mod identity;
pub mod issuer_url;
pub mod kind;
pub mod maintenance;
pub mod name;
pub mod network;
pub mod once;
pub mod opaque_key;
pub mod openhim;
pub mod period;
pub mod postgres_url;
pub mod random;
pub mod resif;
pub mod secret;
pub mod sha256;
pub mod sql_name;
pub mod steady;
pub mod store_address;
pub mod target;
mod text;
pub mod time;
pub mod unseen;
