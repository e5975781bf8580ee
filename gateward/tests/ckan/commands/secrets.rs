//! No key and no passphrase stands where others look: arguments, environments, output, log, store, names of
//! files, temporary files, letters.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use serde_json::json;

use super::gnupg::Somebody;
use super::installation::{Installation, path_with_ckan};
use super::many::people;
use super::program::{Call, Said};
use super::users::{dclab, unzip};
use crate::site::Site;

/// Looks all the time at what everybody on the machine may see of the processes of a session, and at what
/// lies in some folders.
struct Onlooker {
    stop: Arc<AtomicBool>,
    seen: JoinHandle<BTreeSet<Vec<u8>>>,
}

impl Onlooker {
    fn at(session: i32, folders: Vec<PathBuf>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let seen = std::thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !asked.load(Ordering::Relaxed) {
                look_at_processes(session, &mut seen);
                for folder in &folders {
                    look_at_files(folder, &mut seen);
                }
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            seen
        });
        Self { stop, seen }
    }

    /// Everything that was seen.
    fn saw(self) -> BTreeSet<Vec<u8>> {
        self.stop.store(true, Ordering::Relaxed);
        self.seen.join().unwrap()
    }
}

fn look_at_processes(session: i32, seen: &mut BTreeSet<Vec<u8>>) {
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let process = entry.path();
        // proc(5): the session is the fourth word behind the name, which is in parentheses.
        let stat = std::fs::read_to_string(process.join("stat")).unwrap_or_default();
        let of = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(3)?.parse().ok());
        if of == Some(session) {
            seen.extend(["cmdline", "environ"].iter().flat_map(|name| std::fs::read(process.join(name))));
        }
    }
}

/// Names of files, and what is in those that are not sealed: what is sealed is compared afterwards.
fn look_at_files(folder: &Path, seen: &mut BTreeSet<Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        seen.insert(entry.file_name().into_encoded_bytes());
        seen.extend(std::fs::read(entry.path()));
    }
}

/// Runs a command while somebody looks on; what they saw is added.
fn watched(call: Call, ours: &Installation, seen: &mut BTreeSet<Vec<u8>>) -> Said {
    let running = call.start();
    let onlooker = Onlooker::at(running.pid(), vec![ours.path("desk"), ours.path("tmp")]);
    let said = running.finish();
    seen.extend(onlooker.saw());
    seen.extend([said.out.clone().into_bytes(), said.err.clone().into_bytes()]);
    said
}

/// Where something stands, with a little of what is around it.
fn found<'a>(bytes: &'a [u8], part: &str) -> Option<&'a [u8]> {
    let at = bytes.windows(part.len()).position(|window| window == part.as_bytes())?;
    Some(&bytes[at.saturating_sub(80)..(at + part.len() + 80).min(bytes.len())])
}

#[test]
fn nobody_who_looks_on_finds_a_key_or_a_passphrase() {
    let (ckan, ours) = (Site::shared(), Installation::at(Site::shared()));
    let (people, mut seen) = (people(3), BTreeSet::new());
    let ini = ckan.ini().display().to_string();
    let log = |call: Call| call.variable("GATEWARD_LOG", "trace").path(&path_with_ckan());
    for user in &people[1..] {
        let asked =
            json!({ "name": user, "email": format!("{user}@example.org"), "password": "of tests only" });
        ckan.post("user_create", &ckan.key, &asked);
    }
    let mut secrets = vec![ckan.key.clone()];
    let mut keep = |user: &str, passphrase: String, folder: &str| {
        let zip = ours.desk(&format!("{user}.dcor-access.zip"));
        let key = dclab(&unzip(&zip, &passphrase, &ours.path(folder)), &passphrase).key;
        // The last part of a JWT is its secret; its id may be known.
        secrets.push(key.rsplit('.').next().unwrap().to_owned());
        secrets.push(key);
        secrets.extend(passphrase.split('-').collect::<Vec<_>>().windows(3).map(|groups| groups.join("-")));
    };
    let mut run = |call: Call| watched(log(call), &ours, &mut seen).good();

    let mail = format!("{}@example.org", people[0]);
    let by_api = ["access-token", "create", &people[0], "--create-user", "--mail", &mail];
    let said = run(ours.on_terminal(&by_api));
    keep(&people[0], said.passphrase(&people[0]).unwrap(), "by-api");
    let by_command = ["access-token", "create", &people[1], "--ckan-ini", &ini];
    let said = run(ours.on_terminal(&by_command));
    keep(&people[1], said.passphrase(&people[1]).unwrap(), "by-command");
    let clerk = Somebody::new();
    let public = clerk.public_key().display().to_string();
    run(ours.call(&["access-token", "create", &people[2], "--passphrases-for", &public]));
    let told =
        String::from_utf8(clerk.decrypt(&ours.desk(&format!("{}.passphrase.asc", people[2])))).unwrap();
    let passphrase = told.lines().find_map(|line| line.strip_prefix("passphrase ")).unwrap();
    keep(&people[2], passphrase.to_owned(), "sealed");

    let passphrase_file = ours.secret_file("passphrase", passphrase);
    let zip = format!("{}.dcor-access.zip", people[2]);
    run(ours.call(&[
        "access-token",
        "inspect",
        &zip,
        "--passphrase-file",
        passphrase_file.to_str().unwrap(),
    ]));
    let ids: Vec<_> = people.iter().map(|user| ours.id(user, "issued")).collect();
    run(ours.call(&["access-token", "show", &ids[0]]));
    run(ours.call(&["access-token", "revoke", &ids[0]]));
    run(ours.call(&["access-token", "revoke", &ids[1], "--ckan-ini", &ini]));
    run(ours.call(&["access-token", "list", "--all"]));
    run(ours.call(&["audit", "search"]));

    seen.insert(ours.store.bytes());
    for word in [
        "access-token\0create",
        "user\0token\0add",
        "user\0token\0revoke",
        "GATEWARD_LOG=trace",
        ".letter.txt",
    ] {
        assert!(seen.iter().any(|bytes| found(bytes, word).is_some()), "the onlooker saw no {word:?}");
    }
    for secret in &secrets {
        assert!(secret.len() >= 12, "{secret}");
        for bytes in &seen {
            if let Some(around) = found(bytes, secret) {
                panic!("{secret} stands in {}", around.escape_ascii());
            }
        }
    }
    assert_eq!(super::installation::names(&ours.path("tmp")), Vec::<String>::new());
}
