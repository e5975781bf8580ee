//! Access tokens are made whole or not at all, and end where their keys were made.
//!
//! CKAN is a stand-in here, because it has to stop at chosen moments; the real one is in tests/ckan.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::access_token::{Passphrase, ServerCertificate, open};
use gateward::base::access_token::{Because, Language, State};
use gateward::base::ckan::CkanUser;
use gateward::base::id::AccessTokenId;
use gateward::base::secret::Secret;
use gateward::flows::access_token::ckan::{Ckan, Error as CkanError, Listed, NewUser};
use gateward::flows::access_token::{
    self, Delivery, Envelope, Error, Files, KeyFrom, Made, NotMade, Order, Packing, Person, Replaces, create,
    revoke, sweep,
};
use gateward::flows::door::Door;
use gateward::flows::record::KeyEnd;
use gateward::store::access_token::AccessTokenRow;
use jiff::SignedDuration;
use tokio::sync::Notify;

use super::support::Installation;

/// What the stand-in does when it is asked for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Making {
    Works,
    /// The key is made, and the answer never comes.
    MakesAndHangs,
    /// The key is made, and the connection breaks.
    MakesAndBreaksOff,
    /// The connection breaks, and the key comes later: by the test.
    BreaksOffAndMakesLater,
    /// The key is made once the test says so.
    WaitsAndMakes,
    Refuses,
}

/// A CKAN that is none: it keeps keys in memory and stops when it is told.
#[derive(Debug)]
pub struct StandInCkan {
    making: Making,
    keys: Mutex<BTreeMap<String, (CkanUser, String)>>,
    is_down: AtomicBool,
    asked: Notify,
    go_on: Notify,
}

pub const KEY: &str =
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJqdGkiOiJqdGktMSIsImlhdCI6MX0.U0VDUkVULVNFQ1JFVC1TRUNSRVQ";

impl StandInCkan {
    pub fn that(making: Making) -> Self {
        Self {
            making,
            keys: Mutex::default(),
            is_down: AtomicBool::default(),
            asked: Notify::new(),
            go_on: Notify::new(),
        }
    }

    fn up(&self) -> Result<(), CkanError> {
        if self.is_down.load(Ordering::Relaxed) {
            return Err(CkanError::Unreachable { place: self.place(), why: "it is down".into() });
        }
        Ok(())
    }

    fn living(&self) -> usize {
        self.keys.lock().unwrap().len()
    }
}

impl Ckan for StandInCkan {
    fn place(&self) -> String {
        "https://ckan.example.org".into()
    }

    async fn has_user(&self, _: &CkanUser) -> Result<bool, CkanError> {
        self.up().map(|()| true)
    }

    async fn create_user(&self, _: &NewUser) -> Result<(), CkanError> {
        self.up()
    }

    async fn create_key(&self, user: &CkanUser, name: &str) -> Result<Secret, CkanError> {
        self.up()?;
        let broken_off = || CkanError::BrokenOff { place: self.place(), why: "the connection broke".into() };
        let make = || self.keys.lock().unwrap().insert("jti-1".into(), (user.clone(), name.to_owned()));
        match self.making {
            Making::Refuses => return Err(CkanError::Refused("no more".into())),
            Making::BreaksOffAndMakesLater => return Err(broken_off()),
            Making::WaitsAndMakes => {
                self.asked.notify_one();
                self.go_on.notified().await;
            }
            Making::MakesAndHangs => {
                make();
                std::future::pending::<()>().await;
            }
            Making::MakesAndBreaksOff => {
                make();
                return Err(broken_off());
            }
            Making::Works => {}
        }
        make();
        Ok(Secret::new(KEY.into()))
    }

    async fn keys(&self, user: &CkanUser) -> Result<Vec<Listed>, CkanError> {
        self.up()?;
        let keys = self.keys.lock().unwrap();
        let theirs = keys.iter().filter(|(_, (owner, _))| owner == user);
        Ok(theirs.map(|(jti, (_, name))| Listed { jti: jti.clone(), name: name.clone() }).collect())
    }

    async fn revoke(&self, _: &CkanUser, jti: &str) -> Result<bool, CkanError> {
        self.up()?;
        Ok(self.keys.lock().unwrap().remove(jti).is_some())
    }
}

/// The disk, as far as these tests need it.
#[derive(Debug, Default)]
pub struct Folder {
    is_full: bool,
    has_no_terminal: bool,
    told: Mutex<Option<String>>,
}

impl Files for Folder {
    fn fill(&self, path: &Path, content: &[u8]) -> std::io::Result<()> {
        if self.is_full {
            return Err(std::io::Error::from(std::io::ErrorKind::StorageFull));
        }
        std::fs::write(path, content)
    }

    fn remove(&self, path: &Path) -> std::io::Result<()> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
}

impl Delivery for Folder {
    fn tell(&self, passphrase: &Passphrase) -> std::io::Result<()> {
        if self.has_no_terminal {
            return Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        }
        *self.told.lock().unwrap() = Some(passphrase.expose().to_owned());
        Ok(())
    }
}

pub const PEM: &[u8] = include_bytes!("../../../crates/access-token/tests/golden/server.pem");

struct Bench {
    installation: Installation,
    door: Door,
}

impl Bench {
    async fn set_up() -> Self {
        let mut installation = Installation::open().await;
        installation.stop().await;
        let door = installation.door().await;
        Self { installation, door }
    }

    fn file(&self) -> PathBuf {
        self.installation.path("ann.dcor-access.zip")
    }

    fn order(&self, life: SignedDuration, replaces: Option<Replaces>) -> Order {
        let certificate = ServerCertificate::parse(PEM).unwrap();
        let host = certificate.host().unwrap().to_owned();
        Order {
            user: "ann".parse().unwrap(),
            person: Person {
                full_name: Some("Ann Example".into()),
                mail: Some("ann@example.org".into()),
                language: Language::German,
            },
            packing: Packing {
                host,
                certificate,
                envelope: Envelope::Zip(vec![("READ-ME.txt".into(), "what to do".into())]),
            },
            expires_at: self.installation.now().checked_add(life).unwrap(),
            file: self.file(),
            opaque: None,
            replaces,
        }
    }

    async fn make(&self, ckan: &StandInCkan, folder: &Folder) -> Result<Made, NotMade> {
        self.make_from(KeyFrom::Ckan(ckan, None), folder, YEAR, None).await
    }

    async fn make_from(
        &self,
        key: KeyFrom<'_, StandInCkan>,
        folder: &Folder,
        life: SignedDuration,
        replaces: Option<Replaces>,
    ) -> Result<Made, NotMade> {
        let order = self.order(life, replaces);
        create(&self.door, &order, key, folder, "os:test", self.installation.now()).await
    }

    async fn sweep(&self, ckan: &StandInCkan) -> access_token::Swept {
        let now = self.installation.now();
        sweep(&self.door, Some(ckan), None, now).await.unwrap()
    }

    async fn revoke(&self, id: AccessTokenId, ckan: Option<&StandInCkan>) -> Result<KeyEnd, Error> {
        let now = self.installation.now();
        revoke(&self.door, id, ckan, "os:test", now).await
    }

    async fn row(&self, id: AccessTokenId) -> AccessTokenRow {
        let row = gateward::store::access_token::find(&self.door.store.reader, id).await;
        row.unwrap().unwrap()
    }

    async fn rows(&self) -> Vec<AccessTokenRow> {
        gateward::store::access_token::page(&self.door.store.reader, None, 100).await.unwrap()
    }

    /// The kinds of events about access tokens, oldest first.
    fn kinds(&self) -> Vec<String> {
        let events = self.installation.events();
        let kind = |body: &str| serde_json::from_str::<serde_json::Value>(body).unwrap()["kind"].clone();
        let kinds = events.iter().map(|event| kind(event.body()).as_str().unwrap().to_owned());
        kinds.filter(|kind| kind.starts_with("access_token")).collect()
    }
}

pub const YEAR: SignedDuration = SignedDuration::from_hours(24 * 365);

#[tokio::test]
async fn what_is_made_opens_with_its_passphrase_and_nothing_of_it_stands_in_the_store() {
    let bench = Bench::set_up().await;
    let ckan = StandInCkan::that(Making::Works);
    let made = bench.make(&ckan, &Folder::default()).await.unwrap();
    let opened = open(&std::fs::read(bench.file()).unwrap(), &made.passphrase).unwrap();
    assert_eq!(opened.token.api_key.as_str(), KEY);
    assert_eq!(bench.kinds(), ["access_token_begun", "access_token_created"]);
    let row = &bench.rows().await[0];
    assert_eq!((row.state, row.jti.as_deref()), (State::Issued, Some("jti-1")));
    assert_eq!(access_token::person(&bench.door, row).unwrap().mail.as_deref(), Some("ann@example.org"));
    let everything = String::from_utf8_lossy(&bench.installation.database().bytes()).into_owned();
    for secret in [KEY, "SECRET", made.passphrase.expose(), "ann@example.org", "Ann Example"] {
        assert!(!everything.contains(secret), "{secret} stands in the store");
    }
}

#[tokio::test]
async fn the_key_of_what_a_crash_left_in_the_making_is_taken_away() {
    let bench = Bench::set_up().await;
    let mut ckan = StandInCkan::that(Making::MakesAndHangs);
    std::fs::write(bench.file(), b"").unwrap();
    let crash = tokio::time::timeout(Duration::from_millis(500), bench.make(&ckan, &Folder::default())).await;
    assert!(crash.is_err() && ckan.living() == 1);
    // Somebody may be making it still.
    assert_eq!(bench.sweep(&ckan).await.ended, 0);
    bench.installation.pass(SignedDuration::from_mins(11));
    ckan.making = Making::Works;
    assert_eq!(bench.sweep(&ckan).await.ended, 1);
    assert_eq!(ckan.living(), 0);
    assert!(bench.file().exists(), "what stands in the store is no reason to delete something on a disk");
    let row = &bench.rows().await[0];
    assert_eq!((row.state, row.because), (State::Ended, Some(Because::NotMade)));
    assert_eq!(bench.sweep(&ckan).await.ended, 0, "what has ended is not ended again");
}

#[tokio::test]
async fn a_key_of_which_nobody_knows_whether_it_was_made_is_looked_for_and_revoked() {
    let bench = Bench::set_up().await;
    let ckan = StandInCkan::that(Making::MakesAndBreaksOff);
    let not_made = bench.make(&ckan, &Folder::default()).await.unwrap_err();
    assert!(not_made.left.is_none(), "{not_made}");
    assert_eq!(ckan.living(), 0);
    assert_eq!(bench.rows().await[0].state, State::Ended);
    assert_eq!(bench.kinds(), ["access_token_begun", "access_token_failed", "access_token_ended"]);
}

#[tokio::test]
async fn a_key_that_could_not_be_packed_is_revoked() {
    let bench = Bench::set_up().await;
    let ckan = StandInCkan::that(Making::Works);
    let not_made = bench.make(&ckan, &Folder { is_full: true, ..Folder::default() }).await.unwrap_err();
    assert!(matches!(not_made.why, Error::File { .. }), "{not_made}");
    assert_eq!((ckan.living(), bench.file().exists()), (0, false));
}

#[tokio::test]
async fn an_access_token_that_nobody_was_told_how_to_open_is_not_issued() {
    let bench = Bench::set_up().await;
    let ckan = StandInCkan::that(Making::Works);
    let not_made =
        bench.make(&ckan, &Folder { has_no_terminal: true, ..Folder::default() }).await.unwrap_err();
    assert!(matches!(not_made.why, Error::NotTold(_)), "{not_made}");
    assert_eq!((ckan.living(), bench.file().exists()), (0, false));
    assert_eq!(bench.kinds(), ["access_token_begun", "access_token_failed", "access_token_ended"]);

    let folder = Folder::default();
    let made = bench.make(&ckan, &folder).await.unwrap();
    assert_eq!(folder.told.lock().unwrap().as_deref(), Some(made.passphrase.expose()));
}

#[tokio::test]
async fn a_key_that_ckan_lists_late_is_revoked_once_it_is_there() {
    let bench = Bench::set_up().await;
    let ckan = StandInCkan::that(Making::BreaksOffAndMakesLater);
    let not_made = bench.make(&ckan, &Folder::default()).await.unwrap_err();
    assert!(matches!(not_made.left, Some(Error::NotSure(_))), "{not_made}");
    assert_eq!(bench.rows().await[0].state, State::Ending);
    bench.installation.pass(SignedDuration::from_mins(29));
    assert_eq!(bench.sweep(&ckan).await.left.len(), 1, "it may come yet");
    let id = bench.rows().await[0].id;
    ckan.keys.lock().unwrap().insert("late".into(), ("ann".parse().unwrap(), format!("gateward {id}")));
    assert_eq!((bench.sweep(&ckan).await.ended, ckan.living()), (1, 0));
}

#[tokio::test]
async fn what_the_sweep_took_for_a_crash_takes_its_own_key_back() {
    let bench = Bench::set_up().await;
    let ckan = StandInCkan::that(Making::WaitsAndMakes);
    let folder = Folder::default();
    let making = bench.make(&ckan, &folder);
    let meanwhile = async {
        ckan.asked.notified().await;
        bench.installation.pass(SignedDuration::from_mins(31));
        assert_eq!(bench.sweep(&ckan).await.ended, 1);
        ckan.go_on.notify_one();
    };
    let (made, ()) = tokio::join!(making, meanwhile);
    assert!(matches!(made.unwrap_err().why, Error::Commit(_)));
    assert_eq!((ckan.living(), bench.file().exists()), (0, false));
    assert_eq!(bench.rows().await[0].state, State::Ended);
}

#[tokio::test]
async fn a_key_that_ckan_does_not_list_for_the_user_is_refused_before_it_is_packed() {
    let bench = Bench::set_up().await;
    let ckan = StandInCkan::that(Making::Works);
    ckan.keys.lock().unwrap().insert("jti-1".into(), ("bob".parse().unwrap(), "bob's".into()));
    let given = KeyFrom::Given(KEY.parse().unwrap(), Some(&ckan));
    let refused = bench.make_from(given, &Folder::default(), YEAR, None).await.unwrap_err();
    assert!(matches!(refused.why, Error::NotTheirKey { .. }), "{refused}");
    assert_eq!((ckan.living(), bench.file().exists()), (1, false), "bob's key is bob's");
}

#[tokio::test]
async fn what_ckan_says_of_a_person_stands_in_the_personal_part_alone() {
    let bench = Bench::set_up().await;
    let ckan = StandInCkan::that(Making::Refuses);
    bench.make(&ckan, &Folder::default()).await.unwrap_err();
    let failed =
        bench.installation.events().into_iter().find(|event| event.body().contains("_failed")).unwrap();
    assert!(
        failed.body().contains("ckan-refused") && !failed.body().contains("no more"),
        "{}",
        failed.body()
    );
    assert!(format!("{failed:?}").contains("no more"));
}

#[tokio::test]
async fn one_whose_successor_was_revoked_can_be_renewed_again() {
    let bench = Bench::set_up().await;
    let ckan = StandInCkan::that(Making::Works);
    let old = bench.make(&ckan, &Folder::default()).await.unwrap().id;
    let replaces = Some(Replaces { id: old, until: bench.installation.now().checked_add(YEAR).unwrap() });
    let key = || KeyFrom::<StandInCkan>::Given("an-opaque-key-of-another-kind".parse().unwrap(), None);
    let first = bench.make_from(key(), &Folder::default(), YEAR, replaces).await.unwrap().id;
    bench.make_from(key(), &Folder::default(), YEAR, replaces).await.unwrap_err();
    bench.revoke(first, None).await.unwrap();
    let second = bench.make_from(key(), &Folder::default(), YEAR, replaces).await.unwrap().id;
    assert_eq!(bench.row(old).await.replaced_by, Some(second));
}

#[tokio::test]
async fn where_ckan_says_no_nothing_was_made_and_nothing_is_looked_for() {
    let bench = Bench::set_up().await;
    let ckan = StandInCkan::that(Making::Refuses);
    let not_made = bench.make(&ckan, &Folder::default()).await.unwrap_err();
    assert_eq!(not_made.to_string(), "CKAN refuses: no more");
    assert_eq!(bench.rows().await[0].state, State::Ended);
}

#[tokio::test]
async fn a_key_that_was_given_is_left_alone_when_it_could_not_be_packed() {
    let bench = Bench::set_up().await;
    let ckan = StandInCkan::that(Making::Works);
    ckan.keys.lock().unwrap().insert("jti-1".into(), ("ann".parse().unwrap(), "their own".into()));
    let given = KeyFrom::Given(KEY.parse().unwrap(), Some(&ckan));
    let not_made =
        bench.make_from(given, &Folder { is_full: true, ..Folder::default() }, YEAR, None).await.unwrap_err();
    assert!(not_made.left.is_none(), "{not_made}");
    assert_eq!(ckan.living(), 1);
}

#[tokio::test]
async fn an_end_that_ckan_does_not_hear_of_stays_open_until_it_does() {
    let bench = Bench::set_up().await;
    let ckan = StandInCkan::that(Making::Works);
    let id = bench.make(&ckan, &Folder::default()).await.unwrap().id;
    ckan.is_down.store(true, Ordering::Relaxed);
    assert!(matches!(bench.revoke(id, Some(&ckan)).await, Err(Error::Ckan(_))));
    assert_eq!(bench.rows().await[0].state, State::Ending);
    assert_eq!(bench.sweep(&ckan).await.left.len(), 1);
    ckan.is_down.store(false, Ordering::Relaxed);
    assert_eq!(bench.sweep(&ckan).await.ended, 1);
    assert_eq!((ckan.living(), bench.rows().await[0].state), (0, State::Ended));
    assert!(bench.file().exists(), "what was issued is its owner's file");
    assert!(matches!(bench.revoke(id, Some(&ckan)).await, Err(Error::Unfit { .. })));
}

#[tokio::test]
async fn an_end_that_no_ckan_or_another_one_would_hear_of_is_refused_and_stays_open() {
    let bench = Bench::set_up().await;
    let ckan = StandInCkan::that(Making::Works);
    let id = bench.make(&ckan, &Folder::default()).await.unwrap().id;
    assert!(matches!(bench.revoke(id, None).await, Err(Error::OtherCkan { .. })));
    assert_eq!((ckan.living(), bench.rows().await[0].state), (1, State::Ending));
    assert_eq!(bench.revoke(id, Some(&ckan)).await.unwrap(), KeyEnd::Revoked);
}

#[tokio::test]
async fn a_key_is_revoked_at_the_very_end_of_its_file() {
    let bench = Bench::set_up().await;
    let ckan = StandInCkan::that(Making::Works);
    let hour = SignedDuration::from_hours(1);
    bench.make_from(KeyFrom::Ckan(&ckan, None), &Folder::default(), hour, None).await.unwrap();
    bench.installation.pass(SignedDuration::from_secs(3599));
    assert_eq!((bench.sweep(&ckan).await.ended, ckan.living()), (0, 1));
    bench.installation.pass(SignedDuration::from_secs(1));
    assert_eq!((bench.sweep(&ckan).await.ended, ckan.living()), (1, 0));
    assert_eq!(bench.rows().await[0].because, Some(Because::Expired));
}

#[tokio::test]
async fn both_are_good_while_one_takes_the_place_of_the_other_and_no_longer() {
    let bench = Bench::set_up().await;
    let ckan = StandInCkan::that(Making::Works);
    let old = bench.make(&ckan, &Folder::default()).await.unwrap().id;
    let day = SignedDuration::from_hours(24);
    let until = bench.installation.now().checked_add(day).unwrap();
    std::fs::remove_file(bench.file()).unwrap();
    let replaces = Some(Replaces { id: old, until });
    let again = KeyFrom::Given("an-opaque-key-of-another-kind".parse().unwrap(), None);
    let new = bench.make_from(again, &Folder::default(), YEAR, replaces).await.unwrap().id;
    let row = bench.row(old).await;
    assert_eq!((row.replaced_by, row.expires_at), (Some(new), until));
    assert_eq!(bench.sweep(&ckan).await.ended, 0);
    bench.installation.pass(day);
    assert_eq!(bench.sweep(&ckan).await.ended, 1);
    assert_eq!((bench.row(old).await.state, bench.row(new).await.state), (State::Ended, State::Issued));
}

#[tokio::test]
async fn what_was_revoked_meanwhile_is_not_renewed() {
    let bench = Bench::set_up().await;
    let ckan = StandInCkan::that(Making::Works);
    let old = bench.make(&ckan, &Folder::default()).await.unwrap().id;
    bench.revoke(old, Some(&ckan)).await.unwrap();
    let replaces = Some(Replaces { id: old, until: bench.installation.now() });
    let key = KeyFrom::Ckan(&ckan, None);
    bench.make_from(key, &Folder::default(), YEAR, replaces).await.unwrap_err();
    assert_eq!(ckan.living(), 0, "its key went with it");
}

#[tokio::test]
async fn a_certificate_that_a_reader_would_refuse_is_refused_before_anything_is_asked_for() {
    let bench = Bench::set_up().await;
    let ckan = StandInCkan::that(Making::Works);
    let mut order = bench.order(YEAR, None);
    order.packing.host = "other.example.org".into();
    let now = bench.installation.now();
    let key = KeyFrom::Ckan(&ckan, None);
    let refused = create(&bench.door, &order, key, &Folder::default(), "os:test", now).await.unwrap_err();
    assert!(matches!(refused.why, Error::Host(_)), "{refused}");
    assert!(bench.rows().await.is_empty() && ckan.living() == 0);
}

#[tokio::test]
async fn a_wrong_passphrase_opens_nothing() {
    let bench = Bench::set_up().await;
    bench.make(&StandInCkan::that(Making::Works), &Folder::default()).await.unwrap();
    let file = std::fs::read(bench.file()).unwrap();
    assert!(open(&file, &Passphrase::parse("12345").unwrap()).is_err());
}

#[tokio::test]
async fn the_key_that_sealed_a_person_is_needed_until_the_access_token_has_ended() {
    let mut bench = Bench::set_up().await;
    let ckan = StandInCkan::that(Making::Works);
    let made = bench.make(&ckan, &Folder::default()).await.unwrap();
    let old = bench.door.keyring.active_id().to_owned();
    for login in bench.installation.command(&["login", "list"]).0.lines() {
        assert!(bench.installation.command(&["login", "revoke", &login[..14]]).1);
    }
    assert!(bench.installation.command(&["key", "rotate"]).1);
    assert!(bench.installation.command(&["key", "retire", &old]).1);
    let listed = bench.installation.command(&["key", "list"]).0;
    let is_needed = |line: &str| line.contains("access tokens need it");
    assert!(listed.lines().all(|line| is_needed(line) == line.starts_with(&old)), "{listed}");

    // A server without it says so, and what ends the need.
    let text = std::fs::read_to_string(bench.installation.path("keyring.toml")).unwrap();
    let without: Vec<&str> = text.split("[[key]]").filter(|key| !key.contains(&old)).collect();
    std::fs::write(bench.installation.path("keyring.toml"), without.join("[[key]]")).unwrap();
    let refused = bench.installation.try_start().await.unwrap_err().to_string();
    assert!(refused.contains(&old) && refused.contains("gateward access-token revoke"), "{refused}");

    bench.revoke(made.id, Some(&ckan)).await.unwrap();
    let listed = bench.installation.command(&["key", "list"]).0;
    assert!(!is_needed(&listed), "{listed}");
    bench.installation.try_start().await.unwrap();
}
