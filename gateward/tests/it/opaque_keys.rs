//! A key of ours opens CKAN as its user's own, while it lives, and never reaches it.
//!
//! CKAN is a stand-in that remembers what it was asked; the real one is in tests/ckan.

use std::io::Write as _;

use ::access_token::{ServerCertificate, open};
use bytes::Bytes;
use gateward::base::access_token::Language;
use gateward::base::id::AccessTokenId;
use gateward::cli::demo::client::Answer;
use gateward::flows::access_token::{
    self, Envelope, KeyFrom, Opaque, Order, Packing, Person, activate, create,
};
use gateward::flows::door::Door;
use gateward::store::opaque_key;
use http::{Method, Request};
use http_body_util::Full;
use jiff::SignedDuration;
use serde_json::Value;

use super::access_tokens::{Folder, KEY, Making, PEM, StandInCkan, YEAR};
use super::stand_in::{Received, StandIn};
use super::support::Installation;

const ACTION: &str = "/api/3/action/package_list?limit=9";

/// An installation in front of a CKAN, and what it keeps.
struct House {
    installation: Installation,
    door: Door,
    keys: StandInCkan,
    ckan: StandIn,
}

/// An access token with a key of ours.
struct Token {
    id: AccessTokenId,
    key: String,
}

impl House {
    async fn with(existing_keys: &str) -> Self {
        let ckan = StandIn::answering(|asked, stream| {
            let said = format!(r#"{{"success": true, "result": "{}"}}"#, asked.method);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nSet-Cookie: ckan=1\r\n";
            write!(stream, "{head}Content-Length: {}\r\n\r\n{said}", said.len())
        });
        let service = format!(
            "\n[[service]]\nname = \"dcor\"\nkind = \"ckan\"\npath = \"/\"\nupstream = \"{}\"\n\
             existing_keys = \"{existing_keys}\"\n",
            ckan.url()
        );
        let mut installation = Installation::with(&service).await;
        // The listener's other end is trusted, so that tests can say where they come from.
        installation.stop().await;
        let config = installation.path("gateward.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, format!("trusted_proxies = [\"127.0.0.1\"]\n{text}")).unwrap();
        installation.start().await;
        let door = installation.door().await;
        Self { installation, door, keys: StandInCkan::that(Making::Works), ckan }
    }

    /// Makes an access token for ann, with a key that is dead.
    async fn make(&self, binds: bool) -> Token {
        let certificate = ServerCertificate::parse(PEM).unwrap();
        let file = self.installation.path("ann.dcor-access.zip");
        let order = Order {
            user: "ann".parse().unwrap(),
            person: Person { full_name: None, mail: None, language: Language::English },
            packing: Packing {
                host: certificate.host().unwrap().to_owned(),
                certificate,
                envelope: Envelope::Zip(Vec::new()),
            },
            expires_at: self.installation.now().checked_add(YEAR).unwrap(),
            file: file.clone(),
            opaque: Some(Opaque { binds }),
            replaces: None,
        };
        let key_from = KeyFrom::Ckan(&self.keys, None);
        let now = self.installation.now();
        let made = create(&self.door, &order, key_from, &Folder::default(), "os:test", now).await.unwrap();
        let opened = open(&std::fs::read(file).unwrap(), &made.passphrase).unwrap();
        Token { id: made.id, key: opened.token.api_key.as_str().to_owned() }
    }

    async fn make_alive(&self, binds: bool) -> Token {
        let token = self.make(binds).await;
        activate(&self.door, token.id, "os:test", self.installation.now()).await.unwrap();
        token
    }

    async fn ask(&self, method: Method, target: &str, fields: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(target).header("host", "localhost");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from_static(b""))).unwrap();
        self.installation.connect().await.send(request).await.unwrap()
    }

    /// Asks as DCOR-Aid does, with both fields.
    async fn ask_with(&self, key: &str) -> Answer {
        self.ask(Method::GET, ACTION, &[("authorization", key), ("x-ckan-api-key", key)]).await
    }

    /// The last request that CKAN got.
    fn last(&self) -> Received {
        self.ckan.received().pop().unwrap()
    }

    /// The bodies of the events of one kind that concern CKAN.
    fn bodies(&self, kind: &str) -> Vec<Value> {
        let mut bodies = self.installation.bodies(kind);
        bodies.retain(|body| body["service"] == "dcor");
        bodies
    }

    /// The reasons of all refusals so far.
    fn reasons(&self) -> Vec<String> {
        let failed = self.installation.bodies("authentication_failed");
        failed.iter().map(|body| body["reason"].as_str().unwrap().to_owned()).collect()
    }
}

/// Checks that it is the refusal that every key gets which opens nothing.
#[track_caller]
fn refused(answer: &Answer) {
    assert_eq!(answer.status, 403, "{}", answer.text());
    let said: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(said["success"], false);
    assert_eq!(said["error"]["__type"], "Authorization Error");
    assert_eq!(said["error"]["message"], "This key opens nothing here.");
    assert!(answer.fields.get("www-authenticate").is_none());
}

#[tokio::test]
async fn a_key_of_ours_opens_as_its_users_own_and_never_reaches_ckan() {
    let house = House::with("refuse").await;
    let token = house.make_alive(false).await;
    assert_eq!(token.key.len(), 43);
    let bearer = format!("bearer  {}", token.key);
    for fields in [
        &[("Authorization", token.key.as_str()), ("X-CKAN-API-Key", token.key.as_str())][..],
        &[("Authorization", &token.key)],
        &[("Authorization", &bearer)],
        &[("X-CKAN-API-KEY", &token.key)],
        &[("Authorization", &bearer), ("x-ckan-api-key", &token.key)],
    ] {
        let answer = house.ask(Method::GET, ACTION, fields).await;
        assert_eq!(answer.status, 200, "{fields:?} {}", answer.text());
        let last = house.last();
        assert_eq!(last.target, ACTION);
        assert_eq!(last.field("authorization"), Some(KEY));
        assert_eq!(last.field("x-ckan-api-key"), None);
    }
    assert!(!format!("{:?}", house.ckan.received()).contains(&token.key));
    let everything = String::from_utf8_lossy(&house.installation.database().bytes()).into_owned();
    for secret in [KEY, &token.key] {
        assert!(!everything.contains(secret), "{secret} stands in the store");
    }
    let released = house.bodies("released").pop().unwrap();
    assert_eq!(released["by"], "access-token");
    assert_eq!(released["who"], format!("access-token:{}", token.id));
    let last = house.installation.events().pop().unwrap();
    assert!(last.body().contains("released") && !last.body().contains("ann\""), "{}", last.body());
    assert_eq!(serde_json::from_str::<Value>(last.personal.as_deref().unwrap()).unwrap()["user"], "ann");
}

#[tokio::test]
async fn a_key_is_dead_until_it_is_activated_and_once_its_access_token_ends() {
    let house = House::with("refuse").await;
    let token = house.make(false).await;
    refused(&house.ask_with(&token.key).await);
    assert_eq!(house.reasons(), ["key-not-activated"]);

    let id = token.id.to_string();
    let (_, done) = house.installation.command(&["access-token", "activate", &id]);
    assert!(done);
    assert_eq!(house.ask_with(&token.key).await.status, 200);
    let (said, done) = house.installation.command(&["access-token", "activate", &id]);
    assert!(!done && said.contains("was activated already"), "{said}");

    let now = house.installation.now();
    access_token::revoke(&house.door, token.id, Some(&house.keys), "os:test", now).await.unwrap();
    refused(&house.ask_with(&token.key).await);
    assert_eq!(house.reasons().last().unwrap(), "key-revoked");
    assert_eq!(house.ckan.received().len(), 1);
    let (said, done) = house.installation.command(&["access-token", "activate", &id]);
    assert!(!done && said.contains("ended"), "{said}");
    let kinds = ["access_token_activated", "access_token_revoked", "access_token_ended"];
    for kind in kinds {
        assert_eq!(house.installation.bodies(kind).len(), 1, "{kind}");
    }
}

#[tokio::test]
async fn a_key_ends_at_the_very_second_without_anybody_sweeping() {
    let house = House::with("refuse").await;
    let token = house.make_alive(false).await;
    house.installation.pass(YEAR - SignedDuration::from_secs(1));
    assert_eq!(house.ask_with(&token.key).await.status, 200);
    house.installation.pass(SignedDuration::from_secs(1));
    refused(&house.ask_with(&token.key).await);
    assert_eq!(house.reasons(), ["key-expired"]);
}

#[tokio::test]
async fn what_a_key_stood_for_is_wiped_once_its_end_is_decided_whatever_ckan_says() {
    let house = House::with("refuse").await;
    let token = house.make_alive(false).await;
    let hash = token.key.parse::<gateward::base::opaque_key::OpaqueKey>().unwrap().hash();
    let reader = &house.door.store.reader;
    assert!(!opaque_key::find(reader, &hash).await.unwrap().unwrap().sealed_key.is_empty());
    let now = house.installation.now();
    // No CKAN is named: its own key goes on living, and nobody here can use it any more.
    let left = access_token::revoke::<StandInCkan>(&house.door, token.id, None, "os:test", now).await;
    assert!(left.is_err());
    assert!(opaque_key::find(reader, &hash).await.unwrap().unwrap().sealed_key.is_empty());
    refused(&house.ask_with(&token.key).await);
    assert_eq!(house.ckan.received().len(), 0);
}

#[tokio::test]
async fn a_key_where_none_belongs_opens_nothing_and_stands_in_no_record() {
    let house = House::with("pass").await;
    let token = house.make_alive(false).await;
    let key = token.key.as_str();
    let basic = format!("Basic {}", data_encoding::BASE64.encode(format!("ann:{key}").as_bytes()));
    let cookie = format!("a=1; auth={key}");
    let quoted = format!("auth=\"{key}\"");
    let query = format!("/api/3/action/package_list?apikey={key}");
    let escaped = format!("/api/3/action/package_list?apikey=%{:x}{}", key.as_bytes()[0], &key[1..]);
    let path = format!("/api/{key}/package_list");
    let places: [(&str, &[(&str, &str)]); 10] = [
        (&query, &[]),
        (&escaped, &[]),
        (&path, &[]),
        (ACTION, &[("cookie", &cookie)]),
        (ACTION, &[("cookie", &quoted)]),
        (ACTION, &[("authorization", &basic)]),
        (ACTION, &[("apikey", key)]),
        (ACTION, &[("x_ckan_api_key", key)]),
        // Also where it is right, too.
        (&query, &[("authorization", key)]),
        (ACTION, &[("authorization", key), ("cookie", &cookie)]),
    ];
    for (target, fields) in places {
        refused(&house.ask(Method::GET, target, fields).await);
    }
    assert_eq!(house.reasons().len(), 10);
    assert!(house.reasons().iter().all(|reason| reason == "key-misplaced"), "{:?}", house.reasons());
    // A path that nobody can read is recorded, but not the key in it.
    house.ask(Method::GET, &format!("/a//{key}"), &[]).await;
    assert_eq!(house.ckan.received().len(), 0);
    let everything = String::from_utf8_lossy(&house.installation.database().bytes()).into_owned();
    assert!(!everything.contains(key));
    assert!(everything.contains("/a//(a key)"));
}

#[tokio::test]
async fn two_keys_in_one_request_are_a_contradiction() {
    let house = House::with("pass").await;
    let (one, other) = (house.make_alive(false).await.key, house.make_alive(false).await.key);
    for fields in [
        [("authorization", one.as_str()), ("x-ckan-api-key", other.as_str())],
        [("authorization", &one), ("x-ckan-api-key", KEY)],
        [("authorization", KEY), ("x-ckan-api-key", &one)],
        [("authorization", &one), ("authorization", &other)],
    ] {
        assert_eq!(house.ask(Method::GET, ACTION, &fields).await.status, 400, "{fields:?}");
    }
    assert_eq!(house.ckan.received().len(), 0);
    assert!(house.reasons().iter().all(|reason| reason == "two-keys"), "{:?}", house.reasons());
}

#[tokio::test]
async fn a_key_that_binds_is_bound_to_the_range_of_its_first_use() {
    let house = House::with("refuse").await;
    let token = house.make_alive(true).await;
    let from = async |address: &str| {
        let fields = [("authorization", token.key.as_str()), ("x-forwarded-for", address)];
        house.ask(Method::GET, ACTION, &fields).await
    };
    assert_eq!(from("192.0.2.7").await.status, 200);
    assert_eq!(from("192.0.2.200").await.status, 200);
    refused(&from("198.51.100.7").await);
    refused(&from("2001:db8::1").await);
    assert_eq!(house.reasons(), ["key-bound-elsewhere", "key-bound-elsewhere"]);
    assert_eq!(house.ckan.received().len(), 2);
    let (shown, _) = house.installation.command(&["access-token", "show", &token.id.to_string()]);
    assert!(shown.contains("bound to    192.0.2.0/24"), "{shown}");
}

#[tokio::test]
async fn when_a_key_was_used_last_is_known_to_a_minute() {
    let house = House::with("refuse").await;
    let token = house.make_alive(false).await;
    let used =
        async || opaque_key::of(&house.door.store.reader, token.id).await.unwrap().unwrap().last_used_at;
    assert_eq!(used().await, None);
    let first = house.installation.now();
    house.ask_with(&token.key).await;
    house.installation.pass(SignedDuration::from_secs(59));
    house.ask_with(&token.key).await;
    assert_eq!(used().await, Some(first));
    house.installation.pass(SignedDuration::from_secs(1));
    house.ask_with(&token.key).await;
    assert_eq!(used().await, Some(house.installation.now()));
}

#[tokio::test]
async fn existing_keys_pass_as_they_are_and_are_listed_without_their_text() {
    let house = House::with("pass").await;
    assert_eq!(house.ask_with(KEY).await.status, 200);
    let last = house.last();
    assert_eq!((last.field("authorization"), last.field("x-ckan-api-key")), (Some(KEY), Some(KEY)));
    let uuid = "fd54cc58-18ab-4c0a-a5bd-2fe2ad0a6cd8";
    house.ask(Method::GET, ACTION, &[("x-ckan-api-key", uuid)]).await;
    house.ask(Method::GET, ACTION, &[("authorization", "Basic YTpi")]).await;
    assert_eq!(house.last().field("authorization"), Some("Basic YTpi"));
    let (listed, _) = house.installation.command(&["access-token", "existing", "--format", "json"]);
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(listed.contains("\"service\":\"dcor\"") && listed.contains("127.0.0.1"), "{listed}");
    let everything = String::from_utf8_lossy(&house.installation.database().bytes()).into_owned();
    for secret in [KEY, uuid] {
        assert!(!everything.contains(secret) && !listed.contains(secret));
    }
}

#[tokio::test]
async fn existing_keys_open_nothing_where_they_are_refused() {
    let house = House::with("refuse").await;
    refused(&house.ask_with(KEY).await);
    refused(&house.ask(Method::GET, ACTION, &[("x-ckan-api-key", "anything")]).await);
    // One of ours that never was, too, wherever keys pass.
    refused(&house.ask_with("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").await);
    assert_eq!(house.reasons(), ["existing-key", "existing-key", "unknown-key"]);
    assert_eq!(house.ckan.received().len(), 0);
}

#[tokio::test]
async fn who_shows_no_key_is_ckans_to_judge_and_their_cookies_pass() {
    let house = House::with("refuse").await;
    let fields = [("cookie", "ckan=abc"), ("referer", "https://localhost/"), ("x-remote-user", "admin")];
    let answer = house.ask(Method::GET, "/dataset/?q=a+b", &fields).await;
    assert_eq!((answer.status.as_u16(), answer.fields["set-cookie"].to_str().unwrap()), (200, "ckan=1"));
    let last = house.last();
    assert_eq!((last.target.as_str(), last.field("cookie")), ("/dataset/?q=a+b", Some("ckan=abc")));
    assert_eq!((last.field("referer"), last.field("x-remote-user")), (Some("https://localhost/"), None));
    assert_eq!(house.bodies("released")[0]["grant"], "open");
    // What they look for stands where it can be erased.
    let released =
        house.installation.events().into_iter().rfind(|event| event.body().contains("\"released\"")).unwrap();
    assert!(!released.body().contains("a+b"), "{}", released.body());
    assert!(released.personal.as_ref().unwrap().contains("\"/dataset/?q=a+b\""), "{released:?}");
}

#[tokio::test]
async fn strangers_who_fill_the_list_of_existing_keys_keep_no_key_that_is_in_use_out_of_it() {
    let house = House::with("pass").await;
    house.installation.database().execute(&fill("2020-01-01T00:00:00.000000Z"));
    house.ask_with(KEY).await;
    let listed = || house.installation.command(&["access-token", "existing"]).0;
    let ours = |listed: &str| listed.lines().next().is_some_and(|line| line.contains("127.0.0.1"));
    let (first, lines) = (listed(), 10_000);
    assert!(ours(&first), "{}", first.lines().next().unwrap());
    assert_eq!(first.lines().count(), lines, "one that was seen once made room");
    // What came once and not for a week goes by itself.
    let door = house.installation.door().await;
    gateward::flows::clean_up::forget_ended(&door, house.installation.now()).await.unwrap();
    let left = listed();
    assert!(ours(&left));
    assert_eq!(left.lines().count(), 2, "{left}");
    assert!(left.contains("twice"), "one that came again stays: {left}");
}

/// Fills the list with keys that were seen at `time` once, and one that came twice.
fn fill(time: &str) -> String {
    let row = |name: &str, last: &str| format!("('{name}', 'dcor', '{time}', '{last}', '192.0.2.1')");
    let once = (1..10_000).map(|number| row(&format!("p{number}"), time));
    let rows: Vec<_> = once.chain([row("twice", "2020-01-02T00:00:00.000000Z")]).collect();
    format!("INSERT INTO existing_key VALUES {}", rows.join(", "))
}

#[tokio::test]
async fn what_changes_something_is_recorded_before_ckan_sees_it_and_what_reads_once() {
    let house = House::with("refuse").await;
    let token = house.make_alive(false).await;
    for (method, target) in [
        (Method::POST, "/api/3/action/package_create"),
        (Method::POST, "/api/3/action/package_show"),
        (Method::PUT, "/x"),
    ] {
        let answer = house.ask(method, target, &[("authorization", &token.key)]).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let paths = |kind: &str| -> Vec<String> {
        let bodies = house.bodies(kind);
        bodies.iter().map(|body| body["path"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(paths("admitted"), ["/api/3/action/package_create", "/x"]);
    assert_eq!(paths("released"), ["/api/3/action/package_show"]);
    assert!(house.ckan.received().iter().all(|asked| asked.field("authorization") == Some(KEY)));
    for method in ["TRACE", "CONNECT", "FOO"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        if method != Method::CONNECT {
            assert_eq!(house.ask(method, "/x", &[]).await.status, 405);
        }
    }
}

#[tokio::test]
async fn who_guesses_keys_waits_and_who_has_one_does_not() {
    let house = House::with("refuse").await;
    let token = house.make_alive(false).await;
    let guess = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for _ in 0..30 {
        assert_eq!(house.ask_with(guess).await.status, 403);
    }
    let waits = house.ask_with(guess).await;
    assert_eq!(waits.status, 429);
    assert!(waits.fields.contains_key("retry-after"));
    assert_eq!(house.ask_with(&token.key).await.status, 200);
}
