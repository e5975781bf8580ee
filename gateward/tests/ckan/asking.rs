//! CKAN as gateward asks it.

use std::future::Future;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use gateward::base::ckan::CkanUser;
use gateward::flows::access_token::ckan::NewUser;
use gateward::server::ckan::{Api, Asking, Program, Unready};
use gateward::server::system;

use super::site::{self, Site};

/// Longer than any answer of a CKAN under load takes.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A little: for those who never answer.
pub const LITTLE: Duration = Duration::from_secs(2);

/// Waits for an answer on a runtime of its own, as a command does.
pub fn wait<T>(answer: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(answer)
}

pub fn user(name: &str) -> CkanUser {
    name.parse().unwrap()
}

/// A user that no other test names.
pub fn new_user(name: &str) -> NewUser {
    static USERS: AtomicU32 = AtomicU32::new(0);
    let name = format!("{name}-{}", USERS.fetch_add(1, Ordering::Relaxed));
    NewUser {
        mail: format!("{name}@example.org"),
        name: user(&name),
        full_name: Some("Änn \"Example\"".into()),
    }
}

/// The API of a CKAN, with the administrator's key.
pub fn api(ckan: &Site) -> Api {
    api_with(ckan, &ckan.key)
}

pub fn api_with(ckan: &Site, key: &str) -> Api {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{key}\n")).unwrap();
    api_at(&ckan.url(), file.path(), None, PATIENCE).unwrap()
}

pub fn api_at(url: &str, key_file: &Path, ca: Option<&Path>, patience: Duration) -> Result<Api, Unready> {
    let url = url.parse().unwrap();
    Api::new(Asking { url, key_file, ca, patience, random: system::random() })
}

/// The command of a CKAN.
pub fn program(ckan: &Site) -> Program {
    Program::new(&site::program(), &ckan.ini(), PATIENCE).unwrap()
}
