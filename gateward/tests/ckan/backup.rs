//! A real CKAN, backed up, and a real CKAN again from its backup.

mod backups;
mod empty_index;
mod furnished;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use self::backups::{Backups, Restored};
use self::furnished::{Furnished, content};
use crate::cluster::Cluster;
use crate::cluster::folder::Folder;
use crate::commands::installation::names;
use crate::commands::onlooker::{Onlooker, found};
use crate::prepared::PASSWORD;

fn furnished() -> &'static Furnished {
    static FURNISHED: OnceLock<Furnished> = OnceLock::new();
    FURNISHED.get_or_init(Furnished::start)
}

/// Starts a CKAN on what was restored, and looks at it as those who use it.
#[track_caller]
fn works(was: &Furnished, restored: &Restored) {
    let before = was.seen_at(&was.site);
    let site = restored.start(&was.site);
    assert_eq!(was.seen_at(&site), before);
    let to = restored.folder.join("downloaded");
    let downloaded = Furnished::download(&site, &was.token, &to);
    assert!(downloaded.as_ref() == Some(&was.file), "{:?} bytes", downloaded.map(|file| file.len()));
    assert_eq!(Furnished::download(&site, "of-nobody", &to), None, "it is as private as it was");
    // It goes on where the other one was.
    let other = Furnished { site, token: was.token.clone(), file: Vec::new() };
    other.upload("after.rtdc", b"after");
    assert_ne!(other.seen_at(&other.site), before);
}

#[test]
fn a_ckan_from_its_backup_shows_and_does_what_the_one_before_did() {
    let was = furnished();
    let backups = Backups::of(&was.site);
    let file = backups.file(backups.job().run());
    let name = file.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("backup_instance_") && name.ends_with("_gateward.tar.zst.gpg"), "{name}");
    let made = backups.events("backup_made");
    assert_eq!(made.len(), 1, "{made:?}");
    assert_eq!((made[0]["job"].as_str(), made[0]["file"].as_str()), (Some("instance"), Some(name)));

    let (said, restored) = backups.restore(name);
    assert!(said.good().out.contains("rows counted again"));
    works(was, &restored);
    assert_eq!(backups.events("backup_restored").len(), 1);
}

#[test]
fn a_ckan_from_a_backup_by_flags_needs_no_gateward_to_be_restored() {
    let was = furnished();
    let backups = Backups::of(&was.site);
    let file = backups.file(backups.by_flags().run());
    assert_eq!(file.parent(), Some(backups.ours.path("by-flags").as_path()));
    let restored = backups.restore_by_hand(&file, &was.site);
    works(was, &restored);
    let etc = restored.place(&backups.etc());
    assert_eq!(names(&etc), ["ckan.ini"], "what was excluded is not there");
    assert_eq!(std::fs::read(etc.join("ckan.ini")).unwrap(), std::fs::read(was.site.ini()).unwrap());
}

#[test]
fn a_drill_says_that_the_backup_makes_a_ckan_again_and_the_list_shows_it() {
    let was = furnished();
    let backups = Backups::of(&was.site);
    let file = backups.file(backups.job().run());
    let key = backups.ours.path("key").display().to_string();
    // Whoever runs a server for us may not enter our own folders.
    let place = Folder::make("drill");
    let place = place.path().to_str().unwrap();
    let drill = ["backup", "drill", "--job", "instance", "--key", &key, "--in", place];
    let said = backups.call(&drill).run().good();
    assert!(said.out.contains("can be restored: "), "{said:?}");
    let listed = || backups.ours.json(&["backup", "list"]).remove(0);
    let list = listed();
    assert_eq!(
        (&list["file"], &list["drill_good"]),
        (&file.file_name().unwrap().to_str().into(), &true.into())
    );
    assert!(backups.call(&["backup", "list"]).run().good().out.contains("  drill good at 20"));
    assert_eq!(backups.events("backup_drilled").len(), 1);
    // A result that nobody signed is none.
    let mut results = std::fs::read_dir(file.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let result = results.find(|path| path.extension().is_some_and(|end| end == "drill")).unwrap();
    let text = std::fs::read_to_string(&result).unwrap();
    std::fs::remove_file(&result).unwrap();
    std::fs::write(&result, text.replacen("20", "19", 1)).unwrap();
    assert_eq!(listed()["drill_good"], serde_json::Value::Null);
}

#[test]
fn nobody_who_looks_on_finds_the_password_of_ckans_database() {
    let was = furnished();
    let ini = std::fs::read_to_string(was.site.ini()).unwrap();
    assert!(ini.contains(PASSWORD), "CKAN comes in by its password");
    let secret = |name: &str| {
        let line = ini.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_matches([' ', '=']).to_owned()
    };
    let secrets = [PASSWORD.to_owned(), secret("SECRET_KEY")];
    let backups = Backups::of(&was.site);
    let mut seen = BTreeSet::new();
    for call in [backups.job(), backups.by_flags()] {
        let running = call.variable("GATEWARD_LOG", "trace").start();
        let folders = ["desk", "tmp", "state"].map(|name| backups.ours.path(name));
        let onlooker = Onlooker::at(running.pid(), folders.to_vec());
        let said = running.finish().good();
        seen.extend(onlooker.saw());
        seen.extend([said.out.into_bytes(), said.err.into_bytes()]);
    }
    seen.insert(backups.ours.store.bytes());
    for word in ["--ckan-ini\0", "pg_dump\0", "PGPASSFILE=/dev/stdin"] {
        assert!(seen.iter().any(|bytes| found(bytes, word).is_some()), "the onlooker saw no {word:?}");
    }
    for secret in &secrets {
        for bytes in &seen {
            if let Some(around) = found(bytes, secret) {
                panic!("{secret} stands in {}", around.escape_ascii());
            }
        }
    }
}

/// Uploads files and replaces them until it is told to stop; returns what each may have, by its id.
fn upload_until(stop: &AtomicBool, ckan: &Furnished) -> BTreeMap<String, Vec<Vec<u8>>> {
    let mut uploaded = BTreeMap::new();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let first = content(number, 600_000);
        let id = ckan.upload(&format!("{number}.rtdc"), &first);
        let second = content(number + 1000, 500_000);
        ckan.replace(&id, &second);
        uploaded.insert(id, vec![first, second]);
    }
    uploaded
}

#[test]
fn a_backup_is_made_while_files_are_uploaded_and_has_each_that_it_speaks_of() {
    let was = Furnished::start();
    let backups = Backups::of(&was.site);
    // Behind the resources, so that between them and whatever came after there would be time for uploads.
    let picture = was.site.storage().join("storage/uploads/group/large.png");
    std::fs::create_dir_all(picture.parent().unwrap()).unwrap();
    std::fs::File::create(picture).unwrap().set_len(400_000_000).unwrap();
    let stop = AtomicBool::new(false);
    let (files, uploaded) = std::thread::scope(|scope| {
        let uploading = scope.spawn(|| upload_until(&stop, &was));
        let run = || {
            let file = backups.file(backups.job().run());
            // Their names have the second.
            std::thread::sleep(Duration::from_secs(1));
            file
        };
        let files: Result<Vec<_>, _> =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (0..2).map(|_| run()).collect()));
        stop.store(true, Ordering::Relaxed);
        (files.unwrap(), uploading.join().unwrap())
    });
    assert!(uploaded.len() > 2, "{} files were uploaded meanwhile", uploaded.len());
    let (said, restored) = backups.restore(files.last().unwrap().file_name().unwrap().to_str().unwrap());
    said.good();
    let rows = "SELECT id FROM resource WHERE url_type = 'upload' AND state = 'active'";
    let known = Cluster::shared().psql(&restored.database, rows);
    assert!(known.len() > 1, "{known:?}");
    for id in known.concat() {
        let there = stored(&restored.storage(&was.site), &id);
        let may_be = uploaded.get(&id).map_or(std::slice::from_ref(&was.file), Vec::as_slice);
        assert!(may_be.contains(&there), "{id} has {} bytes of none that was uploaded", there.len());
    }
}

/// What CKAN has of an upload (ckan/lib/uploader.py, `ResourceUpload.get_path`).
fn stored(storage: &Path, id: &str) -> Vec<u8> {
    let path = storage.join("resources").join(&id[..3]).join(&id[3..6]).join(&id[6..]);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
