//! `kill -9` at any moment of a run: nothing that looks whole and is not, nothing readable, nothing lost.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::cluster::folder::signal;
use crate::cluster::patience::eventually;
use crate::onlooker::{Onlooker, files_with};
use crate::shared_keys::Keys;
use crate::site::{SEALED, Site, manifest, names};

/// How many runs are killed before they end; of three, two at a moment drawn from the whole of a run and one
/// around its last steps.
const KILLED: u32 = 50;

/// How many runs may be begun for that: some are over before they are killed.
const BEGUN: u32 = 150;

/// Stands in every line of what is backed up, and nowhere else.
const MARKER: &str = "4d61726b-only-in-the-source";

/// How the source gives itself: a megabyte and more, in pieces, with pauses.
const SLOWLY: &str = "for piece in 1 2 3 4 5 6 7 8 9 10; do cat \"$1\"; sleep 0.02; done";

/// Numbers that look drawn by lot, the same for the same seed (SplitMix64).
struct Lot(u64);

impl Lot {
    /// Says what to set to see the same again.
    #[expect(clippy::disallowed_methods, reason = "whoever starts the tests may say which moments")]
    fn new() -> Self {
        let named = std::env::var("GATEWARD_TEST_SEED").ok().map(|seed| seed.parse().unwrap());
        let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
        let seed = named.unwrap_or_else(|| u64::try_from(now() % u128::from(u64::MAX)).unwrap());
        eprintln!("GATEWARD_TEST_SEED={seed}");
        Self(seed)
    }

    /// A number below one.
    fn draw(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        f64::from(u32::try_from((z ^ (z >> 31)) >> 32).unwrap()) / 4_294_967_296.0
    }
}

/// An installation whose job `slow` gives marked lines.
fn site() -> Site {
    let site = Site::make();
    let source = site.folder().make_inside("source");
    let lines = (0..4_000).map(|line| format!("{line} {MARKER}")).collect::<Vec<_>>().join("\n");
    site.folder().write("source/lines", &lines);
    site.folder().write("source/slowly", SLOWLY);
    let (script, lines) = (source.join("slowly"), source.join("lines"));
    let command = format!("command = [\"sh\", \"{}\", \"{}\"]", script.display(), lines.display());
    site.job("slow", &format!("{command}\nkeep = {{ last = 1000 }}"));
    site
}

/// The names of files are of one second: where one of this second is there, the next run waits for the next.
fn wait_for_a_free_name(site: &Site) {
    eventually("a second without a backup", Duration::from_secs(5), || {
        let second = gateward::server::system::wall_clock().strftime("_%Y-%m-%d_%H-%M-%S_").to_string();
        !site.names_of_backups().iter().any(|name| name.contains(&second))
    });
}

/// Waits until one more name than `before` ends in `suffix`, or the run is over.
fn wait_for_one_more(folder: &Path, suffix: &str, before: &BTreeSet<String>, is_over: impl Fn() -> bool) {
    while !is_over() && !names(folder).iter().any(|name| name.ends_with(suffix) && !before.contains(name)) {
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Every file under a name of its own is whole: known since before and unchanged, or opened by GnuPG, and what
/// its manifest says.
#[track_caller]
fn check_what_is_there(site: &Site, known: &mut BTreeMap<String, Vec<u8>>) {
    let files = site.files();
    for (name, content) in known.iter() {
        assert!(files.get(name) == Some(content), "{name} is not what it was");
    }
    for (name, content) in
        files.iter().filter(|(name, _)| name.ends_with(SEALED) && !known.contains_key(*name))
    {
        let path = site.backups().join(name);
        let opened = Keys::shared().decrypt(&path);
        assert!(opened == std::fs::read(site.path("source/lines")).unwrap().repeat(10), "{name}");
        let said = manifest(&path);
        assert_eq!(said["file"]["bytes"], content.len());
        assert_eq!(said["stream"]["bytes"], opened.len());
    }
    for backup in site.json(&["backup", "list"]) {
        assert!(backup["doubt"].is_null(), "{backup}");
    }
    let whole = |name: &String| files.contains_key(name.strip_suffix(".manifest").unwrap_or(name));
    known.extend(
        files
            .iter()
            .filter(|(name, _)| !name.starts_with('.') && whole(name))
            .map(|(n, c)| (n.clone(), c.clone())),
    );
}

#[test]
fn killed_at_any_moment_it_leaves_nothing_that_looks_whole_nothing_readable_and_is_said_to_have_failed() {
    let (site, mut lot) = (site(), Lot::new());
    let apart = [site.path("source")];
    let begun = Instant::now();
    site.good(&["backup", "run"]);
    let mut whole_run = begun.elapsed();
    let mut known = BTreeMap::new();
    check_what_is_there(&site, &mut known);
    assert_eq!(known.len(), 3, "{:?}", known.keys());

    let onlooker = Onlooker::of_files(&[MARKER], site.folder().path(), &apart);
    let (mut killed, mut round, mut left_partials, mut said_killed) = (0, 0, 0, BTreeSet::new());
    while killed < KILLED {
        round += 1;
        assert!(round <= BEGUN, "{killed} killed of {BEGUN}");
        wait_for_a_free_name(&site);
        let before: BTreeSet<String> = names(&site.backups()).into_iter().collect();
        let run = site.start(&["backup", "run"]);
        if round % 3 != 0 {
            // Spread over the whole of a run, and a little beyond it.
            std::thread::sleep(whole_run.mul_f64(1.1 * (f64::from(round % 10) + lot.draw()) / 10.0));
        } else {
            let (pid, folder) = (run.pid(), site.backups());
            let is_over = || {
                std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
            };
            let suffix = [".manifest.partial", ".manifest", ".gpg", ".gpg"][(round / 3 % 4) as usize];
            wait_for_one_more(&folder, suffix, &before, is_over);
            std::thread::sleep(Duration::from_millis(2).mul_f64(lot.draw()));
        }
        signal(Some(run.pid()), Signal::SIGKILL);
        killed += u32::from(run.finish().status.is_none());

        check_what_is_there(&site, &mut known);
        left_partials += names(&site.backups()).iter().filter(|name| name.starts_with('.')).count();
        let standing = std::fs::read_to_string(site.state().join("slow.json")).unwrap();
        let standing: serde_json::Value = serde_json::from_str(&standing).unwrap();
        let was_begun = standing["begun"]["file"].as_str().map(str::to_owned);
        assert_eq!(site.run(&["backup", "status"]).status, Some(i32::from(was_begun.is_some())));

        // Killed after its file was whole, it is a good one, and only had no time to say so.
        let whole = names(&site.backups());
        let was_cut = was_begun.filter(|file| !whole.contains(file));

        // What it left is gone after the next one, which says what became of it.
        wait_for_a_free_name(&site);
        let begun = Instant::now();
        let said = site.good(&["backup", "run"]);
        whole_run = begun.elapsed();
        assert_eq!(said.err.contains("was killed"), was_cut.is_some(), "{}", said.err);
        said_killed.extend(was_cut);
        check_what_is_there(&site, &mut known);
        let all = names(&site.backups());
        assert_eq!(all, known.keys().cloned().collect::<Vec<_>>(), "something is left");
        site.good(&["backup", "status"]);
    }
    // By the program's own eyes, too: signatures, sums, structure.
    site.good(&["backup", "verify", "--job", "slow"]);
    let seen = onlooker.saw();
    assert!(seen.looks > 1000, "{}", seen.looks);
    assert_eq!(seen.files, BTreeSet::new(), "readable on the disk");
    assert_eq!(files_with(&[MARKER], site.folder().path(), &apart), BTreeSet::new());
    assert_eq!(files_with(&[MARKER], site.folder().path(), &[]), [site.path("source/lines")].into());

    // It was no idle threat: many were killed in the middle of writing.
    assert!(left_partials > 10, "{left_partials}");
    let failed = site.events("backup_failed");
    assert!(failed.iter().all(|event| event["reason"] == "killed"), "{failed:?}");
    let files: Vec<_> = failed.iter().map(|event| event["file"].as_str().unwrap().to_owned()).collect();
    assert_eq!(files, said_killed.into_iter().collect::<Vec<_>>());
    let made: BTreeSet<_> =
        site.events("backup_made").iter().map(|event| event["file"].as_str().unwrap().to_owned()).collect();
    let whole: BTreeSet<_> = known.into_keys().filter(|name| name.ends_with(SEALED)).collect();
    eprintln!("{round} begun, {killed} killed");
    assert_eq!(made, whole, "what lies there was made, and recorded as made");
}
