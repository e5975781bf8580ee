//! How jobs stand, for whoever watches them: late, soon without a key, whole in one place and missing in another.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::bad_network::{BadNetwork, Fate};
use crate::clock::{good_at, noon_and, run_at};
use crate::object_store::{BUCKET, StoreServer};
use crate::shared_keys::Keys;
use crate::site::{Said, Site, manifest};

fn parsed(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}

/// What `status` says of the only job `hours` after half past twelve today, to machines; its exit status is what
/// it says.
#[track_caller]
fn status_at(site: &Site, hours: i64) -> Value {
    let said = run_at(site, noon_and(hours), &["backup", "status", "--format", "json"]);
    let standing = parsed(&said);
    assert_eq!(said.status, Some(i32::from(standing["good"] == false)), "{said:?}");
    assert_eq!(standing["good"] == true, standing["troubles"] == json!([]), "{standing}");
    standing
}

#[track_caller]
fn has_one_trouble(standing: &Value, begins: &str) {
    let troubles = standing["troubles"].as_array().unwrap();
    assert!(troubles.len() == 1 && troubles[0].as_str().unwrap().starts_with(begins), "{standing}");
}

fn time(said: &Value) -> Timestamp {
    said.as_str().unwrap().parse().unwrap()
}

#[test]
fn a_job_without_a_good_backup_in_time_is_overdue_until_there_is_one() {
    let site = Site::with_words();
    let before = status_at(&site, 24);
    has_one_trouble(&before, "overdue: it was never made");
    for field in ["last_success", "last_success_unix", "last_file", "last_failure"] {
        assert_eq!(before[field], Value::Null, "{field}");
    }

    good_at(&site, noon_and(24), &["backup", "run"]);
    let file = site.the_backup();
    // A day and two hours, unless the job says otherwise.
    for hours in [24, 24 + 25] {
        let good = status_at(&site, hours);
        assert_eq!((&good["job"], &good["running"]), (&json!("words"), &json!(false)));
        assert_eq!(good["last_file"], file.file_name().unwrap().to_str().unwrap());
        let last = time(&good["last_success"]);
        assert_eq!(last, time(&manifest(&file)["finished_at"]));
        assert!(last.duration_since(noon_and(24)).abs() < jiff::SignedDuration::from_mins(2), "{last}");
        assert_eq!(good["last_success_unix"], last.as_second());
    }
    let late = status_at(&site, 24 + 27);
    has_one_trouble(&late, "overdue for ");
    assert_eq!(time(&late["last_success"]), time(&manifest(&file)["finished_at"]), "it stays what it was");
    let text = run_at(&site, noon_and(24 + 27), &["backup", "status"]).out;
    assert!(text.starts_with("words  FAILING  last good one 20") && text.contains("overdue for "), "{text}");

    site.reconfigure("command = ", "overdue_after_hours = 2\ncommand = ");
    assert_eq!(status_at(&site, 24 + 1)["good"], true);
    has_one_trouble(&status_at(&site, 24 + 3), "overdue for ");
    // A clock that ran ahead hides no later failure.
    has_one_trouble(&status_at(&site, 0), "the last good one lies in the future");

    good_at(&site, noon_and(24 + 27), &["backup", "run"]);
    let again = status_at(&site, 24 + 27);
    assert!(again["good"] == true && time(&again["last_success"]) > noon_and(24 + 26), "{again}");
}

#[test]
fn sixty_days_before_a_recipient_ends_a_run_and_status_warn_of_it_and_are_good_until_it_has_ended() {
    let (site, key) = (Site::make(), &Keys::shared().hundred);
    site.import(key);
    site.job_as(&format!(
        "name = \"words\"\ncommand = [\"echo\", \"words\"]\nrecipients = [\"{}\"]\nfolder = \"backups\"",
        key.fingerprint
    ));
    let warning = format!("recipient {} ends at 20", key.fingerprint.to_lowercase());
    // From tomorrow noon on, which is half a day from now or one and a half.
    for (day, is_warned) in [(38, false), (41, true), (98, true)] {
        let ran = good_at(&site, noon_and(24 * day), &["backup", "run"]);
        let said = ran.err.to_lowercase().contains(&format!("warning: words: {warning}"));
        assert_eq!(said, is_warned, "on day {day}: {}", ran.err);
        let standing = status_at(&site, 24 * day);
        let warnings = standing["warnings"].as_array().unwrap();
        assert_eq!((&standing["good"], warnings.len()), (&json!(true), usize::from(is_warned)), "{standing}");
        let text = good_at(&site, noon_and(24 * day), &["backup", "status"]).out.to_lowercase();
        assert_eq!(text.contains(&warning), is_warned, "on day {day}: {text}");
    }
    let ended = status_at(&site, 24 * 98 + 50);
    assert!(ended["troubles"].to_string().to_uppercase().contains(&key.fingerprint), "{ended}");
    assert_eq!(ended["warnings"], json!([]), "{ended}");
}

/// How an object store that was good is no more.
const GOOD: usize = 0;
const REFUSES_ALL: usize = 1;
const REFUSES_WHAT_IS_WHOLE: usize = 2;

/// The bucket, as messages name it.
fn at_the(network: &BadNetwork) -> String {
    format!("s3://{BUCKET} at {}", network.url().strip_prefix("http://").unwrap())
}

/// An installation whose job `words` goes into its folder and into the object store behind `network`.
fn with_both_places(server: &StoreServer, network: &BadNetwork) -> Site {
    let site = Site::make();
    let settings = server.settings(&network.url(), "owner");
    let key = site.folder().write("s3.key", &std::fs::read_to_string(settings.credentials).unwrap());
    let told = site.path("told");
    site.job(
        "words",
        &format!(
            "command = [\"echo\", \"words\"]\n\
             s3 = {{ endpoint = \"{}\", bucket = \"{BUCKET}\", credentials = \"{}\" }}\n\
             on_failure = [\"sh\", \"-c\", \"echo \\\"$GATEWARD_BACKUP_JOB: $GATEWARD_BACKUP_REASON\\\" >> {}\"]",
            network.url(),
            key.display(),
            told.display()
        ),
    );
    site
}

/// Names have seconds.
fn wait_for_the_next_second() {
    std::thread::sleep(Duration::from_millis(1100));
}

#[test]
fn a_backup_that_came_to_one_of_two_places_is_made_in_part_and_counts_as_none() {
    let (server, mood) = (StoreServer::start(), Arc::<AtomicUsize>::default());
    let felt = mood.clone();
    let network = BadNetwork::before(server.port(), move |request| {
        let refuses = match felt.load(Ordering::SeqCst) {
            GOOD => false,
            REFUSES_WHAT_IS_WHOLE => ["put", "complete"].contains(&request.kind().as_str()),
            _ => true,
        };
        if refuses { Fate::No(403, "AccessDenied") } else { Fate::Pass }
    });
    let site = with_both_places(&server, &network);
    let (folder, bucket) = (site.backups().display().to_string(), at_the(&network));
    let run = || parsed(&site.run(&["backup", "run", "--format", "json"]));
    let first = run();
    assert_eq!((&first["result"], &first["places"]), (&json!("made"), &json!([folder, bucket])), "{first}");
    assert_eq!(first["failures"], json!([]));
    let good = site.json(&["backup", "status"]).remove(0);

    for (number, refuses) in [(1, REFUSES_ALL), (2, REFUSES_WHAT_IS_WHOLE)] {
        wait_for_the_next_second();
        mood.store(refuses, Ordering::SeqCst);
        let said = site.run(&["backup", "run", "--format", "json"]);
        let part = parsed(&said);
        assert_eq!(said.status, Some(1), "{said:?}");
        assert_eq!((&part["result"], &part["places"]), (&json!("made in part"), &json!([folder])), "{part}");
        let why = part["failures"][0].as_str().unwrap();
        assert!(why.contains(&bucket) && said.err.contains(why), "{part}");
        let file = site.backups().join(part["file"].as_str().unwrap());
        assert_eq!(Keys::shared().decrypt(&file), b"words\n");

        let status = site.run(&["backup", "status", "--format", "json"]);
        let standing = parsed(&status);
        assert_eq!((status.status, &standing["good"]), (Some(1), &json!(false)), "{standing}");
        for field in ["last_success", "last_success_unix", "last_file"] {
            assert_eq!(standing[field], good[field], "{field}: {standing}");
        }
        assert!(time(&standing["last_failure"]) > time(&standing["last_success"]), "{standing}");
        has_one_trouble(&standing, "failed at ");
        let told = std::fs::read_to_string(site.path("told")).unwrap();
        assert_eq!(told.lines().count(), number, "{told}");
        assert!(told.lines().last().unwrap().starts_with("words: ") && told.contains(&bucket), "{told}");

        let (made, failed) = (site.events("backup_made"), site.events("backup_failed"));
        assert_eq!((made.len(), failed.len()), (number + 1, number), "{made:?} {failed:?}");
        let (made, failed) = (&made[number], &failed[number - 1]);
        assert_eq!((&made["file"], &made["places"]), (&part["file"], &json!([folder])));
        assert_eq!((&failed["file"], &failed["reason"]), (&part["file"], &json!("target")));
        assert_eq!((&failed["job"], &failed["outcome"]), (&json!("words"), &json!("failed")));
        assert!(failed["detail"].as_str().unwrap().contains(&bucket), "{failed}");
    }

    // What one place says stays seen where the other says nothing.
    mood.store(REFUSES_ALL, Ordering::SeqCst);
    let half = site.run(&["backup", "list"]);
    assert_eq!((half.status, half.out.lines().count()), (Some(2), 3), "{half:?}");
    assert!(half.err.contains(&bucket) && !half.out.contains(&bucket), "{half:?}");

    mood.store(GOOD, Ordering::SeqCst);
    wait_for_the_next_second();
    let last = run();
    assert_eq!((&last["result"], &last["places"]), (&json!("made"), &json!([folder, bucket])), "{last}");
    let standing = site.json(&["backup", "status"]).remove(0);
    assert_eq!((&standing["good"], &standing["last_file"]), (&json!(true), &last["file"]), "{standing}");
    assert_eq!(std::fs::read_to_string(site.path("told")).unwrap().lines().count(), 2);

    // Each backup once, with the places where it lies.
    let listed = site.json(&["backup", "list"]);
    let names: Vec<_> = listed.iter().map(|row| row["file"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, site.names_of_backups());
    let places: Vec<_> = listed.iter().map(|row| row["places"].clone()).collect();
    assert_eq!(places, [json!([folder, bucket]), json!([folder]), json!([folder]), json!([folder, bucket])]);
    assert!(listed.iter().all(|row| row["doubt"] == Value::Null && row["job"] == "words"), "{listed:?}");
    let text = site.good(&["backup", "list"]).out;
    assert_eq!(text.matches(&format!("{folder}, {bucket}")).count(), 2, "{text}");
}
