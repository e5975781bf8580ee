//! Asking CKAN for users and API tokens: by its HTTP API, or by its own command on the same machine.
//!
//! Both are a [`Ckan`](crate::flows::access_token::ckan::Ckan). What it says is passed on short and
//! without control characters, and never with a secret of ours in it.

mod answer;
mod api;
mod certificate;
mod ini;
mod known;
mod output;
mod program;

pub use api::{Api, Asking, Unready};
pub use certificate::fetch_certificate_of_anybody;
pub use ini::{Ini, Unreadable};
pub use known::Known;
pub use program::Program;

/// How large an answer may be, in bytes: a user with 30 000 API tokens is listed in it.
const LARGEST: usize = 8 * 1024 * 1024;

/// The form of an API token: CKAN's own are JWTs, those of its extensions and old ones (UUIDs) have no
/// other letters.
fn is_key(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (16..=4096).contains(&text.len()) && text.bytes().all(good)
}
