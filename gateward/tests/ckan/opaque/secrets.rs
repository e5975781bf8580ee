//! Where neither a key of ours nor what it stands for stands.

use std::path::{Path, PathBuf};

use super::door::Door;
use crate::commands::onlooker::found;
use crate::commands::users::dclab;
use crate::site::Site;

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => all.extend(files(&entry.path())),
            kind if kind.is_file() => all.push(entry.path()),
            _ => {}
        }
    }
    all
}

/// Whether there is something with the form of a JWT: what CKAN makes begins so.
fn has_jwt(bytes: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let starts = bytes.windows(4).enumerate().filter(|(_, window)| *window == b"eyJ0" || *window == b"eyJh");
    starts.map(|(at, _)| &bytes[at..]).any(|rest| {
        let jwt: Vec<u8> = rest.iter().copied().take_while(is_letter).collect();
        jwt.len() > 60 && jwt.split(|byte| *byte == b'.').count() == 3
    })
}

#[test]
fn neither_key_stands_in_a_file_a_log_or_the_store_and_ours_never_reaches_ckan() {
    let ckan = Site::start();
    assert!(has_jwt(ckan.key.as_bytes()), "this is what is looked for");
    let mut door = Door::before(&ckan, "pass");
    let token = door.make_alive(&[]);
    door.ask_with(&token.key, &token.user).good();
    door.run(&["access-token", "show", &token.id]);
    door.run(&["audit", "search"]);
    door.run(&["access-token", "list"]);
    // As long as it lives, both are here, sealed and hashed.
    let store = door.ours.store.bytes();
    assert!(found(&store, &token.key).is_none() && !has_jwt(&store), "the store");
    door.run(&["access-token", "revoke", &token.id]);
    door.ask_with(&token.key, &token.user).refused();
    let said = door.stop();
    let store = door.ours.store.bytes();
    for (place, bytes) in
        [("its log", said.err.as_bytes()), ("its output", said.out.as_bytes()), ("the store", &store)]
    {
        assert!(found(bytes, &token.key).is_none() && !has_jwt(bytes), "{place}");
    }
    assert!(said.err.contains(" TRACE "), "it says everything: {}", said.err);
    let admin = door.ours.path("ckan.key");
    for file in files(&door.ours.path("")).into_iter().filter(|file| *file != admin) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(found(&bytes, &token.key).is_none() && !has_jwt(&bytes), "{}", file.display());
    }
    // It is where its user has it.
    assert_eq!(dclab(&token.inner, &token.passphrase).key, token.key);
    for file in files(ckan.folder()) {
        assert!(found(&std::fs::read(&file).unwrap(), &token.key).is_none(), "{}", file.display());
    }
    let logs = ckan.logs();
    assert!(logs.contains("/api/3/action/api_token_list") && !logs.contains(&token.key));
}
