//! Files in an object store: whole or not there, whatever becomes of the network and of the server.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use gateward::base::backup::FileName;
use gateward::base::sha256::Sha256;
use gateward::flows::backup::target::{Error, Target};
use gateward::server::backup::s3::{ObjectStore, Patience};
use serde_json::json;

use crate::bad_network::{BadNetwork, Fate, Request};
use crate::object_store::{PATIENCE, StoreServer, open, open_with};

const PART: usize = 16 * 1024 * 1024;

fn file(name: &str) -> FileName {
    name.parse().unwrap()
}

fn backup() -> FileName {
    file("backup_db_ckan_default_2026-11-22_00-02-00_x.pgc.gpg")
}

const KEY: &str = "machine/a/2026/11/backup_db_ckan_default_2026-11-22_00-02-00_x.pgc.gpg";

/// Bytes without a pattern as long as a part.
fn bytes(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = (0..length.div_ceil(8)).flat_map(next).collect();
    bytes.truncate(length);
    bytes
}

fn sha256(content: &[u8]) -> String {
    Sha256::of(content).to_string()
}

/// Uploads as the pipeline does, in uneven pieces.
fn upload(store: &ObjectStore, name: &FileName, content: &[u8]) -> Result<(), String> {
    let mut upload = store.begin(name).map_err(|error| error.to_string())?;
    for piece in content.chunks(333_333) {
        upload.write_all(piece).map_err(|error| error.to_string())?;
    }
    upload.complete().map_err(|error| error.to_string())
}

fn read(store: &ObjectStore, name: &FileName) -> Vec<u8> {
    let mut content = Vec::new();
    store.read(name).unwrap().read_to_end(&mut content).unwrap();
    content
}

/// Lets each kind of request meet what is listed for it, one after the other; then everything passes.
fn in_turn(
    plan: impl IntoIterator<Item = (&'static str, Vec<Fate>)>,
) -> impl Fn(&Request) -> Fate + Send + Sync {
    let plan: BTreeMap<&str, Vec<Fate>> =
        plan.into_iter().map(|(kind, fates)| (kind, fates.into_iter().rev().collect())).collect();
    let plan = Mutex::new(plan);
    move |request| {
        let mut plan = plan.lock().unwrap();
        plan.get_mut(request.kind().as_str()).and_then(Vec::pop).unwrap_or(Fate::Pass)
    }
}

#[test]
fn files_of_every_length_lie_where_their_names_say_and_are_read_back() {
    let server = StoreServer::start();
    let store = open(&server.settings(&server.url(), "owner"));
    let lengths = [0, 1, PART - 1, PART, PART + 1, 2 * PART];
    for (day, length) in (1..).zip(lengths) {
        let name = file(&format!("b_2026-03-{day:02}_00-00-00.out.gpg"));
        let content = bytes(length);
        upload(&store, &name, &content).unwrap();
        let key = format!("machine/a/2026/03/{name}");
        assert_eq!(server.ask("objects")[&key], json!(length), "{length}");
        assert_eq!(server.ask(&format!("sha256 {key}")), json!(sha256(&content)), "{length}");
        assert!(read(&store, &name) == content, "{length}");
    }
    let manifest = file("b_2026-03-01_00-00-00.out.gpg.manifest");
    store.put(&manifest, b"signed").unwrap();
    server.ask("lay machine/a/2026/03/by_somebody_2025-01-01.gpg");
    server.ask("lay elsewhere/2026/03/b_2026-03-09_00-00-00.out.gpg");
    let found = store.list().unwrap();
    let expected: Vec<(String, u64)> = (1..)
        .zip(lengths)
        .flat_map(|(day, length)| {
            let name = format!("b_2026-03-{day:02}_00-00-00.out.gpg");
            let manifest = (day == 1).then(|| (format!("{name}.manifest"), 6));
            std::iter::once((name, length as u64)).chain(manifest)
        })
        .collect();
    let found: Vec<(String, u64)> = found.iter().map(|found| (found.name.to_string(), found.bytes)).collect();
    assert_eq!(found, expected, "over several pages, ours alone");
    assert_eq!(server.ask("uploads"), json!(0));

    store.remove(&manifest).unwrap();
    store.remove(&manifest).unwrap();
    assert!(matches!(store.read(&manifest).map(drop), Err(Error::Missing { name, .. }) if name == manifest));
}

#[test]
fn fifty_megabytes_arrive_bit_for_bit_through_all_faults_at_once() {
    let server = StoreServer::start();
    let network = BadNetwork::before(
        server.port(),
        in_turn([
            ("look", vec![Fate::No(500, "InternalError")]),
            ("begin", vec![Fate::No(503, "SlowDown"), Fate::Lost]),
            ("part 1", vec![Fate::No(500, "InternalError"), Fate::Bent, Fate::Lost]),
            ("part 2", vec![Fate::AnswerLost, Fate::No(429, "TooManyRequests"), Fate::DoneButNo(500, "X")]),
            ("part 3", vec![Fate::Slow(Duration::from_secs(7)), Fate::AnswerCut, Fate::No(502, "")]),
            ("part 4", vec![Fate::Lost, Fate::Lost, Fate::Lost, Fate::No(400, "RequestTimeout")]),
            ("complete", vec![Fate::No(200, "InternalError"), Fate::No(503, "SlowDown"), Fate::AnswerLost]),
        ]),
    );
    let store = open(&server.settings(&network.url(), "owner"));
    let content = bytes(50 * 1024 * 1024 + 123);
    upload(&store, &backup(), &content).unwrap();
    assert_eq!(server.ask("objects"), json!({ KEY: content.len() }));
    assert_eq!(server.ask(&format!("sha256 {KEY}")), json!(sha256(&content)));
    let kinds = network.kinds();
    let count = |kind: &str| kinds.iter().filter(|other| *other == kind).count();
    for (kind, times) in [("begin", 3), ("part 1", 4), ("part 2", 4), ("part 3", 4), ("part 4", 5)] {
        // On a busy machine a part may take longer than the patience of the test, and go once more.
        assert!(count(kind) >= times, "{kind}: {kinds:?}");
    }
    assert_eq!(kinds[kinds.len() - 4..], ["complete", "complete", "complete", "complete"]);
}

#[test]
fn a_part_that_arrives_changed_is_sent_again() {
    let server = StoreServer::start();
    let network = BadNetwork::before(server.port(), in_turn([("put", vec![Fate::Bent])]));
    let store = open(&server.settings(&network.url(), "owner"));
    store.put(&backup(), b"sealed").unwrap();
    assert_eq!(server.ask(&format!("sha256 {KEY}")), json!(sha256(b"sealed")));
    let sums: Vec<_> =
        network.requests().iter().map(|put| put.field("content-md5").map(str::to_owned)).collect();
    // By `openssl md5 -binary | base64`: for servers that look at nothing newer.
    assert_eq!(
        sums,
        [Some("C+rYhIA/6MVkPdoNy5SxvA==".to_owned()), Some("C+rYhIA/6MVkPdoNy5SxvA==".to_owned())]
    );
}

#[test]
fn what_is_given_up_leaves_nothing_that_is_found() {
    let server = StoreServer::start();
    let store = open(&server.settings(&server.url(), "owner"));
    let mut given_up = store.begin(&backup()).unwrap();
    given_up.write_all(&bytes(3 * PART)).unwrap();
    assert_eq!(server.ask("uploads"), json!(1));
    drop(given_up);
    assert_eq!(server.ask("uploads"), json!(0), "nor parts that somebody pays for");
    assert_eq!(server.ask("objects"), json!({}));
}

/// Forgotten, as kill -9 forgets it: nothing says that it is over.
#[test]
fn what_is_killed_in_the_middle_is_never_found_and_stands_in_nobodys_way() {
    let server = StoreServer::start();
    let store = open(&server.settings(&server.url(), "owner"));
    let mut killed = store.begin(&backup()).unwrap();
    killed.write_all(&bytes(3 * PART)).unwrap();
    std::mem::forget(killed);
    assert_eq!(server.ask("objects"), json!({}));
    assert_eq!(store.list().unwrap(), []);
    assert!(matches!(store.read(&backup()).map(drop), Err(Error::Missing { .. })));
    upload(&store, &backup(), b"the next run").unwrap();
    assert_eq!(read(&store, &backup()), b"the next run");
}

#[test]
fn a_server_that_goes_away_in_the_middle_is_an_error_in_bounded_time() {
    let server = StoreServer::start();
    let network = BadNetwork::before(server.port(), |_: &Request| Fate::Pass);
    let patience = Patience { trying: Duration::from_secs(2), ..PATIENCE };
    let store = open_with(&server.settings(&network.url(), "owner"), patience);
    let mut upload = store.begin(&backup()).unwrap();
    upload.write_all(&bytes(2 * PART)).unwrap();
    network.go_away();
    let began = Instant::now();
    let refused = upload.write_all(&bytes(4 * PART)).unwrap_err().to_string();
    drop(upload);
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    assert!(refused.contains("sending part ") && refused.contains(" times)"), "{refused}");
    assert!(refused.starts_with("s3://dcor-backup/machine/a at 127.0.0.1:"), "{refused}");
    assert_eq!(server.ask("objects"), json!({}));
}

#[test]
fn a_silent_server_is_an_error_in_bounded_time() {
    let server = StoreServer::start();
    let network = BadNetwork::before(server.port(), |_: &Request| Fate::Slow(Duration::from_secs(60)));
    let patience = Patience { answer: Duration::from_secs(1), trying: Duration::from_secs(5), ..PATIENCE };
    let store = open_with(&server.settings(&network.url(), "owner"), patience);
    let began = Instant::now();
    let refused = store.put(&backup(), b"sealed").unwrap_err().to_string();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(refused.contains("did not answer within 1 s"), "{refused}");
}

#[test]
fn a_server_that_stays_overloaded_is_an_error_that_says_so() {
    let server = StoreServer::start();
    let network = BadNetwork::before(server.port(), |_: &Request| Fate::No(503, "SlowDown"));
    let patience = Patience { trying: Duration::from_secs(1), ..PATIENCE };
    let store = open_with(&server.settings(&network.url(), "owner"), patience);
    let refused = store.list().unwrap_err().to_string();
    assert!(refused.contains("503 SlowDown As the test has it.") && refused.contains(" times"), "{refused}");
}

#[test]
fn wrong_credentials_bucket_region_or_clock_are_said_without_the_secret() {
    let server = StoreServer::start();
    let good = server.settings(&server.url(), "owner");
    let told = |settings| {
        let store = open(&settings);
        let small = store.put(&backup(), b"sealed").unwrap_err().to_string();
        let large = upload(&store, &backup(), &bytes(PART + 1)).unwrap_err();
        for secret in [server.secret("owner"), "opensesame".to_owned()] {
            for said in [&small, &large, &format!("{store:?}")] {
                assert!(!said.contains(&secret), "{said}");
            }
        }
        format!("{small}\n{large}")
    };
    let id = std::fs::read_to_string(&good.credentials).unwrap().lines().next().unwrap().to_owned();
    let wrong_secret = told(server.settings_with(&server.url(), &id, "opensesame"));
    assert_eq!(
        wrong_secret.matches("the secret in the credentials' file is not that").count(),
        2,
        "{wrong_secret}"
    );
    let wrong_id = told(server.settings_with(&server.url(), "AKIANOBODY", "opensesame"));
    assert_eq!(wrong_id.matches("the server knows no key of the id").count(), 2, "{wrong_id}");
    let mut settings = good.clone();
    settings.bucket = "another-bucket".into();
    let wrong_bucket = told(settings);
    assert_eq!(wrong_bucket.matches("there is no bucket another-bucket").count(), 2, "{wrong_bucket}");
    for (code, advice) in [
        ("RequestTimeTooSkewed", "the server's Sun, 22 Nov 2026 00:02:00 GMT: set the wrong one right"),
        ("AuthorizationHeaderMalformed", "the bucket is not in region us-east-1 but in another one"),
        ("AccessDenied", "it needs s3:PutObject on arn:aws:s3:::dcor-backup/machine/a/*"),
    ] {
        let network = BadNetwork::before(server.port(), move |_: &Request| Fate::No(403, code));
        let said = told(server.settings(&network.url(), "owner"));
        assert_eq!(said.matches(advice).count(), 2, "{said}");
        assert!(!network.kinds().contains(&"complete".to_owned()));
    }
    assert_eq!(server.ask("objects"), json!({}));
}

#[test]
fn a_key_that_may_only_write_suffices_and_the_missing_rights_are_named() {
    let server = StoreServer::start();
    let store = open(&server.settings(&server.url(), "writer"));
    let content = bytes(2 * PART + 5);
    upload(&store, &backup(), &content).unwrap();
    store.put(&backup().manifest(), b"signed").unwrap();
    assert_eq!(server.ask(&format!("sha256 {KEY}")), json!(sha256(&content)));
    drop({
        let mut given_up = store.begin(&file("b_2026-11-23.gpg")).unwrap();
        given_up.write_all(&bytes(2 * PART)).unwrap();
        given_up
    });
    assert_eq!(server.ask("uploads"), json!(0));
    let refused = store.put(&backup().manifest(), b"another").unwrap_err();
    assert!(matches!(refused, Error::Exists { .. }), "{refused}");

    for (refused, right) in [
        (store.list().map(drop), "it needs s3:ListBucket on arn:aws:s3:::dcor-backup "),
        (store.read(&backup()).map(drop), "it needs s3:GetObject on arn:aws:s3:::dcor-backup/machine/a/*"),
        (store.remove(&backup()), "it needs s3:DeleteObject on arn:aws:s3:::dcor-backup/machine/a/*"),
    ] {
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(right), "{refused}");
    }
}

#[test]
fn nothing_is_laid_over_another_file() {
    let server = StoreServer::start();
    server.ask(&format!("lay {KEY}"));
    let store = open(&server.settings(&server.url(), "owner"));
    assert!(matches!(store.put(&backup(), b"sealed"), Err(Error::Exists { .. })));
    assert!(matches!(store.begin(&backup()).map(drop), Err(Error::Exists { .. })));
    // Whoever may not look learns of it when the file is complete, if that is long too: moto knows no condition
    // there, the network answers as AWS does.
    let taken = vec![Fate::No(412, "PreconditionFailed")];
    let network = BadNetwork::before(server.port(), in_turn([("complete", taken)]));
    let store = open(&server.settings(&network.url(), "writer"));
    let refused = upload(&store, &backup(), &bytes(PART + 1)).unwrap_err();
    assert!(refused.contains("is there already"), "{refused}");
    let requests = network.requests();
    let complete = requests.iter().find(|request| request.kind() == "complete").unwrap();
    assert_eq!(complete.field("if-none-match"), Some("*"));
    assert_eq!(server.ask(&format!("sha256 {KEY}")), json!(sha256(b"somebody else's")));
    assert_eq!(server.ask("uploads"), json!(0));
}

#[test]
fn an_answer_that_was_lost_is_settled_by_looking() {
    let server = StoreServer::start();
    // As AWS answers a completion that came before; moto takes it a second time.
    let twice = || vec![Fate::AnswerLost, Fate::No(404, "NoSuchUpload")];
    let lost = || in_turn([("put", vec![Fate::AnswerLost]), ("complete", twice())]);
    let network = BadNetwork::before(server.port(), lost());
    let store = open(&server.settings(&network.url(), "owner"));
    store.put(&backup().manifest(), b"signed").unwrap();
    upload(&store, &backup(), &bytes(PART + 1)).unwrap();
    assert_eq!(store.list().unwrap().len(), 2);

    // Whoever may not look cannot know, and says so.
    let network = BadNetwork::before(server.port(), lost());
    let store = open(&server.settings(&network.url(), "writer"));
    let (small, large) = (file("b_2026-11-23.gpg"), file("b_2026-11-24.gpg"));
    let small = store.put(&small, b"sealed").unwrap_err().to_string();
    let large = upload(&store, &large, &bytes(PART + 1)).unwrap_err();
    for refused in [small, large] {
        assert!(
            refused.contains("nobody knows whether it is there") && refused.contains("s3:GetObject"),
            "{refused}"
        );
    }
}

#[test]
fn a_lost_answer_does_not_make_another_file_ours() {
    let server = StoreServer::start();
    server.ask(&format!("lay {KEY}"));
    let network = BadNetwork::before(server.port(), in_turn([("put", vec![Fate::AnswerLost])]));
    let store = open(&server.settings(&network.url(), "owner"));
    assert!(matches!(store.put(&backup(), b"sealed"), Err(Error::Exists { .. })));
}

#[test]
fn a_server_that_knows_no_conditions_is_asked_first_what_is_there() {
    let server = StoreServer::start();
    let unknown = |request: &Request| match request.field("if-none-match") {
        Some(_) => Fate::No(501, "NotImplemented"),
        None => Fate::Pass,
    };
    let network = BadNetwork::before(server.port(), unknown);
    let store = open(&server.settings(&network.url(), "owner"));
    store.put(&backup(), b"sealed").unwrap();
    assert!(matches!(store.put(&backup(), b"another"), Err(Error::Exists { .. })));
    assert_eq!(read(&store, &backup()), b"sealed");
}

#[test]
fn what_is_no_s3_is_said_to_be_none() {
    let server = StoreServer::start();
    for (kind, answer) in
        [("begin", "<html>Welcome</html>"), ("part 1", ""), ("list", "<html>Welcome</html>")]
    {
        let says = move |request: &Request| {
            if request.kind() == kind { Fate::Says(answer) } else { Fate::Pass }
        };
        let network = BadNetwork::before(server.port(), says);
        let store = open(&server.settings(&network.url(), "owner"));
        let refused = match kind {
            "list" => store.list().unwrap_err().to_string(),
            _ => upload(&store, &backup(), &bytes(PART + 1)).unwrap_err(),
        };
        assert!(refused.contains("no S3 answers like this") || refused.contains("is no list"), "{refused}");
    }
    // A 200 to the completion that does not say that the file is whole, and it is not there.
    let network = BadNetwork::before(server.port(), in_turn([("complete", vec![Fate::Says("<ok/>")])]));
    let store = open(&server.settings(&network.url(), "owner"));
    let refused = upload(&store, &backup(), &bytes(PART + 1)).unwrap_err();
    assert!(refused.contains("does not say that it is whole"), "{refused}");
    assert_eq!(server.ask("objects"), json!({}));
}

#[test]
fn a_reading_goes_on_where_its_connection_broke() {
    let server = StoreServer::start();
    let content = bytes(3 * 1024 * 1024 + 7);
    let store = open(&server.settings(&server.url(), "owner"));
    upload(&store, &backup(), &content).unwrap();
    let cuts = vec![Fate::AnswerCut, Fate::AnswerCut, Fate::No(503, "SlowDown"), Fate::AnswerCut];
    let network = BadNetwork::before(server.port(), in_turn([("get", cuts)]));
    let store = open(&server.settings(&network.url(), "owner"));
    assert!(read(&store, &backup()) == content);
    let requests = network.requests();
    assert_eq!(requests.len(), 5);
    let same = |request: &Request| request.field("if-match").is_some_and(|tag| tag.starts_with('"'));
    assert!(requests[1..].iter().all(same), "of the same object");

    // Another file under its name is not its end.
    let network = BadNetwork::before(
        server.port(),
        in_turn([("get", vec![Fate::AnswerCut, Fate::No(412, "PreconditionFailed")])]),
    );
    let store = open(&server.settings(&network.url(), "owner"));
    let mut half = Vec::new();
    let refused = store.read(&backup()).unwrap().read_to_end(&mut half).unwrap_err().to_string();
    assert!(refused.contains("reading on in") && half.len() < content.len(), "{refused}");
}
