//! What `gateward backup verify` says of backups as they were made, and of what others made of them.

use std::path::{Path, PathBuf};

use backup_manifest::{Manifest, Measure, RecipientKey, Signer};
use gateward::base::secret::Secret;
use gateward::base::sha256::Sha256;
use gateward::flows::backup::opening::{Error, Opening};
use gateward::flows::keyring::Keyring;
use gateward::server::backup::opening::{Agent, KeyFile};

use super::installation::Installation;
use super::keys::{Gnupg, Key};
use super::support::gateward;

/// An installation whose one job makes backups for one key.
struct Made {
    installation: Installation,
    gnupg: Gnupg,
    key: Key,
}

fn made() -> Made {
    let (installation, gnupg) = (Installation::new(), Gnupg::new());
    let key = gnupg.key("anne");
    installation.import(&key);
    installation.add_job("data", &[&key], "");
    Made { installation, gnupg, key }
}

/// What nobody compresses.
fn data() -> Vec<u8> {
    (0..3000_u32).flat_map(|at| Sha256::of(&at.to_le_bytes()).0).collect()
}

/// A file of the folder, which only its owner reads and nobody writes.
fn overwrite(path: &Path, content: &[u8]) {
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, content).unwrap();
}

fn beside(backup: &Path) -> PathBuf {
    let mut name = backup.as_os_str().to_owned();
    name.push(".manifest");
    name.into()
}

fn exchange(one: &Path, other: &Path) {
    let (first, second) = (std::fs::read(one).unwrap(), std::fs::read(other).unwrap());
    overwrite(one, &second);
    overwrite(other, &first);
}

impl Made {
    /// Says what is wrong with a backup, in one word each; nothing where it is good.
    #[track_caller]
    fn wrong(&self, backup: &Path, more: &[&str]) -> Vec<String> {
        let verify = ["backup", "verify", backup.to_str().unwrap(), "--format", "json"];
        let ran = self.installation.run(&[&verify[..], more].concat());
        let said: serde_json::Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
        let wrong: Vec<String> =
            said["wrong"].as_array().unwrap().iter().map(|it| it["what"].as_str().unwrap().into()).collect();
        assert_eq!(ran.status, i32::from(!wrong.is_empty()), "{said}");
        assert_eq!(said["good"], wrong.is_empty(), "{said}");
        wrong
    }

    #[track_caller]
    fn says(&self, backup: &Path) -> String {
        let ran = self.installation.run(&["backup", "verify", backup.to_str().unwrap()]);
        assert_eq!(ran.status, 1, "{ran:?}");
        ran.stdout
    }

    fn keyring(&self) -> Keyring {
        let text = std::fs::read_to_string(self.installation.file("keyring.toml")).unwrap();
        Keyring::parse(&Secret::new(text)).unwrap()
    }

    /// Lets whoever has our keyring say something else of a backup.
    fn say_otherwise(&self, backup: &Path, change: impl FnOnce(&mut Manifest)) {
        let keyring = self.keyring();
        let note = std::fs::read(beside(backup)).unwrap();
        let mut manifest = Manifest::read(&note, &keyring.manifest_verifiers()).unwrap();
        change(&mut manifest);
        overwrite(&beside(backup), manifest.sign(keyring.manifest_signer()).unwrap().as_bytes());
    }

    fn secret(&self) -> String {
        self.gnupg.secret(&self.key, "").to_str().unwrap().to_owned()
    }
}

#[test]
fn a_backup_as_it_was_made_is_good_with_its_key_or_without() {
    let made = made();
    made.installation.add_job("zstd", &[&made.key], "compress = \"zstd\"");
    let secret = made.secret();
    for job in ["data", "zstd"] {
        let backup = made.installation.back_up(job, &data());
        let file = backup.to_str().unwrap();
        assert!(made.wrong(&backup, &[]).is_empty());
        assert!(made.installation.good(&["backup", "verify", file]).contains("nobody opened it"));
        let opened = made.installation.good(&["backup", "verify", file, "--key", &secret]);
        assert!(opened.contains(&format!("opened with {}", made.key.opens)), "{opened}");
        let ran = made.installation.with_gnupg(made.gnupg.home(), &["backup", "verify", file, "--gpg"]);
        assert_eq!(ran.status, 0, "{ran:?}");
        assert!(ran.stdout.contains(&format!("opened with {}", made.key.opens)), "{ran:?}");
    }
    let opened: Vec<_> = made.installation.events(&["backup_verified"]);
    assert_eq!(opened.iter().filter(|event| event["opened"] == true).count(), 4, "{opened:?}");
}

#[test]
fn a_locked_key_is_unlocked_with_its_passphrase_and_with_no_other() {
    let (installation, gnupg) = (Installation::new(), Gnupg::new());
    let key = gnupg.locked_key("anne", "correct horse");
    installation.import(&key);
    installation.add_job("data", &[&key], "");
    let backup = installation.back_up("data", b"data");
    let secret = gnupg.secret(&key, "correct horse");
    let passphrase = installation.path("passphrase");
    let verify = |words: &str| {
        std::fs::write(&passphrase, words).unwrap();
        let (file, secret) = (backup.to_str().unwrap(), secret.to_str().unwrap());
        installation.run(&["backup", "verify", file, "--key", secret, "--passphrase-file", &passphrase])
    };
    assert_eq!(verify("correct horse\n").status, 0);
    let refused = verify("wrong horse");
    assert_eq!(refused.status, 2, "{refused:?}");
    assert!(refused.stderr.contains("passphrase does not unlock"), "{refused:?}");
}

#[test]
fn a_wrong_key_names_the_one_that_is_needed() {
    let made = made();
    let stranger = Gnupg::new();
    let other = stranger.key("bea");
    let backup = made.installation.back_up("data", b"data");
    let file = backup.to_str().unwrap();
    let secret = stranger.secret(&other, "");
    let by_file = made.installation.run(&["backup", "verify", file, "--key", secret.to_str().unwrap()]);
    let by_agent = made.installation.with_gnupg(stranger.home(), &["backup", "verify", file, "--gpg"]);
    for ran in [by_file, by_agent] {
        assert_eq!(ran.status, 2, "{ran:?}");
        let needed = format!("it needs {} (subkey {})", made.key.fingerprint, &made.key.opens[24..]);
        assert!(ran.stderr.contains(&needed), "{ran:?}");
    }
}

#[test]
fn one_changed_byte_anywhere_is_found() {
    let made = made();
    let backup = made.installation.back_up("data", &data());
    let good = std::fs::read(&backup).unwrap();
    let positions = (0..40).chain((40..good.len()).step_by(good.len() / 12)).chain([good.len() - 1]);
    for at in positions {
        let mut bad = good.clone();
        bad[at] ^= 0x40;
        overwrite(&backup, &bad);
        let wrong = made.wrong(&backup, &[]);
        assert!(wrong.contains(&"hash".to_owned()), "byte {at}: {wrong:?}");
    }
    overwrite(&backup, &good);
    assert!(made.wrong(&backup, &[]).is_empty());
}

#[test]
fn a_backup_that_was_cut_or_that_something_was_appended_to_is_found() {
    let made = made();
    let backup = made.installation.back_up("data", &data());
    let good = std::fs::read(&backup).unwrap();
    for length in [0, 1, 50, 200, good.len() / 2, good.len() - 23, good.len() - 1] {
        overwrite(&backup, &good[..length]);
        assert_eq!(made.wrong(&backup, &[]), ["size", "structure"], "cut to {length}");
    }
    overwrite(&backup, &[&good[..], b"more"].concat());
    assert_eq!(made.wrong(&backup, &[]), ["size", "structure"]);
    assert!(made.says(&backup).contains(&format!("and had {} when it was made", good.len())));
}

#[test]
fn exchanged_files_and_exchanged_manifests_are_named() {
    let made = made();
    let first = made.installation.back_up("data", b"first");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let second = made.installation.back_up("data", b"second");
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();

    exchange(&first, &second);
    assert_eq!(made.wrong(&first, &[]), ["swapped"]);
    assert!(made.says(&first).contains(&format!("under this name lies {}", name(&second))));
    exchange(&first, &second);

    exchange(&beside(&first), &beside(&second));
    assert_eq!(made.wrong(&first, &[]), ["swapped"]);
    assert!(made.says(&first).contains(&format!("is that of {:?}", name(&second))));
    exchange(&beside(&first), &beside(&second));

    // Both together are a backup under another one's name.
    exchange(&first, &second);
    exchange(&beside(&first), &beside(&second));
    assert_eq!(made.wrong(&first, &[]), ["swapped"]);
}

#[test]
fn a_manifest_that_none_of_our_keys_signed_counts_for_nothing() {
    let made = made();
    let backup = made.installation.back_up("data", &data());
    let manifest = beside(&backup);
    let good = std::fs::read_to_string(&manifest).unwrap();
    let text = good.rsplit_once("\n\n").unwrap().0.to_owned() + "\n";
    let stranger = Signer::from_seed("gateward-backup", &[9; 32]).unwrap().sign(&text).unwrap();
    for (bad, said) in [
        (text.as_str(), "there is no signature under it"),
        (&stranger, "signed by none of the known keys"),
        (&good.replace("\"job\": \"data\"", "\"job\": \"dato\""), "does not belong to this text"),
        (&good[..good.len() - 1], "not a signed note"),
        ("", "not a signed note"),
    ] {
        overwrite(&manifest, bad.as_bytes());
        assert_eq!(made.wrong(&backup, &["--key", &made.secret()]), ["signature"], "{bad}");
        assert!(made.says(&backup).contains(said), "{}", made.says(&backup));
    }
    std::fs::remove_file(&manifest).unwrap();
    assert_eq!(made.wrong(&backup, &[]), ["manifest"]);
}

#[test]
fn a_manifest_that_says_another_thing_than_the_file_is_found_even_if_we_signed_it() {
    let made = made();
    let backup = made.installation.back_up("data", &data());
    let good = std::fs::read(&backup).unwrap();
    let secret = made.secret();

    made.say_otherwise(&backup, |manifest| {
        let key = RecipientKey { fingerprint: "ab".repeat(20), opens_with: "cd".repeat(20) };
        manifest.recipients.push(key);
    });
    assert_eq!(made.wrong(&backup, &[]), ["recipients"]);
    made.say_otherwise(&backup, |manifest| {
        manifest.recipients.remove(0);
    });
    assert_eq!(made.wrong(&backup, &[]), ["recipients"]);
    made.say_otherwise(&backup, |manifest| {
        manifest.recipients[0].opens_with = made.key.opens.to_lowercase();
        manifest.stream.sha256 = "0".repeat(64);
    });
    assert!(made.wrong(&backup, &[]).is_empty(), "nobody sees that without the key");
    assert_eq!(made.wrong(&backup, &["--key", &secret]), ["stream"]);

    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    overwrite(&backup, &bad);
    made.say_otherwise(&backup, |manifest| {
        let stream = Sha256::of(&data()).to_string();
        manifest.stream = Measure { bytes: data().len() as u64, sha256: stream };
        manifest.file = Measure { bytes: bad.len() as u64, sha256: Sha256::of(&bad).to_string() };
    });
    assert!(made.wrong(&backup, &[]).is_empty(), "nobody sees that without the key");
    assert_eq!(made.wrong(&backup, &["--key", &secret]), ["stream"]);
    let file = backup.to_str().unwrap();
    let ran = made.installation.with_gnupg(made.gnupg.home(), &["backup", "verify", file, "--gpg"]);
    assert_eq!((ran.status, ran.stdout.contains("BAD, stream: ")), (1, true), "{ran:?}");

    overwrite(&backup, b"no message at all");
    made.say_otherwise(&backup, |manifest| {
        manifest.file = Measure { bytes: 17, sha256: Sha256::of(b"no message at all").to_string() };
    });
    assert_eq!(made.wrong(&backup, &[]), ["structure"]);
}

#[test]
fn neither_a_key_file_nor_gnupg_takes_a_damaged_message_for_a_good_one() {
    let (made, other) = (made(), Gnupg::new());
    let backup = made.installation.back_up("data", &data());
    let good = std::fs::read(&backup).unwrap();
    let key_file = KeyFile::read(Path::new(&made.secret()), None).unwrap();
    let agent = |gnupg: &Gnupg| {
        let home = gnupg.home().to_owned();
        Agent::new(move |name| match name.to_str() {
            Some("GNUPGHOME") => Some(home.clone().into()),
            Some("PATH") => std::env::var_os("PATH"),
            _ => None,
        })
    };
    let (with_key, without) = (agent(&made.gnupg), agent(&other));
    for (who, opening) in [("key file", &key_file as &dyn Opening), ("gpg", &with_key)] {
        let open = |sealed: &[u8], most: u64| {
            let mut out = Vec::new();
            opening.open(&mut &sealed[..], &mut out, most).map(|key| (key.to_string(), out))
        };
        assert_eq!(open(&good, data().len() as u64).unwrap(), (made.key.opens.clone(), data()));
        assert!(matches!(open(&good, data().len() as u64 - 1), Err(Error::TooLong(_))));
        for at in [0, 5, 60, 150, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(open(&bad, u64::MAX).is_err(), "{who}: byte {at}");
            assert!(open(&good[..at], u64::MAX).is_err(), "{who}: cut at {at}");
        }
        let refused = opening.open(&mut &good[..], &mut NoRoom, u64::MAX);
        assert!(matches!(refused, Err(Error::Output(_))), "{refused:?}");
        let refused = opening.open(&mut Unreadable, &mut Vec::new(), u64::MAX);
        assert!(matches!(refused, Err(Error::Input(_))), "{refused:?}");
    }
    let refused = without.open(&mut &good[..], &mut Vec::new(), u64::MAX);
    assert!(
        matches!(&refused, Err(Error::WrongKey { needs, .. }) if *needs == [&made.key.opens[24..]]),
        "{refused:?}"
    );
    let missing = Agent::new(|_| None).open(&mut &good[..], &mut Vec::new(), u64::MAX);
    assert!(matches!(missing, Err(Error::Unable { .. } | Error::WrongKey { .. })), "{missing:?}");
}

/// A disk that is full.
struct NoRoom;

impl std::io::Write for NoRoom {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A disk that is broken.
struct Unreadable;

impl std::io::Read for Unreadable {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("the disk is broken"))
    }
}

#[test]
fn on_another_machine_the_signer_is_named() {
    let made = made();
    let backup = made.installation.back_up("data", &data());
    let file = backup.to_str().unwrap();
    let signer = made.installation.good(&["backup", "signer"]);
    let elsewhere = tempfile::tempdir().unwrap();
    let config = elsewhere.path().join("none.toml");
    let verify = |more: &[&str]| {
        let arguments = [&["backup", "verify", file][..], more].concat();
        gateward(&arguments, &[("HOME", elsewhere.path().to_str().unwrap())], b"")
    };
    assert!(!config.exists());
    let unasked = verify(&[]);
    assert_eq!((unasked.status, unasked.stderr.contains("Give --signer")), (2, true), "{unasked:?}");
    let ran = verify(&["--signer", signer.trim_end()]);
    assert_eq!((ran.status, ran.stdout.contains(": good, ")), (0, true), "{ran:?}");
    let stranger = Signer::from_seed("gateward-backup", &[9; 32]).unwrap().verifier_key().to_string();
    let ran = verify(&["--signer", &stranger]);
    assert_eq!((ran.status, ran.stdout.contains("BAD, signature: ")), (1, true), "{ran:?}");
    let ran = verify(&["--signer", &signer.trim_end().replace("gateward-backup+", "gateward-backup+0")]);
    assert_eq!(ran.status, 2, "{ran:?}");
}

#[test]
fn what_a_retired_key_signed_is_still_believed() {
    let made = made();
    let backup = made.installation.back_up("data", b"data");
    let before = made.installation.good(&["backup", "signer"]);
    let old = made.keyring().active_id().to_owned();
    made.installation.good(&["key", "rotate"]);
    made.installation.good(&["key", "retire", &old]);
    assert!(made.wrong(&backup, &[]).is_empty());
    let after = made.installation.good(&["backup", "signer"]);
    assert_eq!(after.lines().count(), 2);
    assert_eq!(after.lines().next(), before.lines().next(), "the one that signs comes last");
}

#[test]
fn all_backups_of_a_job_are_looked_at_and_each_by_its_name() {
    let made = made();
    made.installation.add_job("other", &[&made.key], "");
    let first = made.installation.back_up("data", b"first");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let second = made.installation.back_up("data", b"second");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let other = made.installation.back_up("other", b"other");
    overwrite(&other, b"bad");
    std::fs::write(made.installation.file("backups/of-a-script.gpg"), "older").unwrap();

    let ran = made.installation.run(&["backup", "verify", "--job", "data"]);
    assert_eq!((ran.status, ran.stdout.lines().count()), (0, 2), "{ran:?}");
    assert!(ran.stderr.contains("of-a-script.gpg has no manifest"), "{ran:?}");
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    made.installation.good(&["backup", "verify", &name(&first), &name(&second)]);
    assert_eq!(made.installation.run(&["backup", "verify", &name(&first), &name(&other)]).status, 1);

    made.installation.add_job("empty", &[&made.key], "");
    let none = made.installation.run(&["backup", "verify", "--job", "empty"]);
    assert_eq!((none.status, none.stderr.contains("no backup of empty")), (2, true), "{none:?}");

    let missing = made.installation.run(&["backup", "verify", "nowhere.gpg"]);
    let nowhere = "neither the current folder nor a job's place has nowhere.gpg: name the path";
    assert_eq!((missing.status, missing.stderr.contains(nowhere)), (2, true), "{missing:?}");
    let held = made.installation.run(&["backup", "hold", "nowhere.gpg"]);
    assert_eq!((held.status, held.stderr.contains(nowhere)), (2, true), "{held:?}");
    let folder = made.installation.run(&["backup", "verify", &made.installation.path("backups")]);
    let named = "backups is a folder: name files, or --job";
    assert_eq!((folder.status, folder.stderr.contains(named)), (2, true), "{folder:?}");
    for verb in ["verify", "drill"] {
        let ran = made.installation.run(&["backup", verb, "--job", "nojob"]);
        let named = "there is no job nojob: the configuration has data, other";
        assert_eq!((ran.status, ran.stderr.contains(named)), (2, true), "{ran:?}");
    }
    let missing = made.installation.run(&["backup", "verify", &made.installation.path("nowhere.gpg")]);
    assert_eq!(
        (missing.status, missing.stderr.contains("there is no nowhere.gpg")),
        (2, true),
        "{missing:?}"
    );
}
