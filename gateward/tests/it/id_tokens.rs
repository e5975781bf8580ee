//! People of OpenID Connect issuers: their JWTs open what grants open to them, and nothing else.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use data_encoding::BASE64URL_NOPAD;
use gateward::cli::demo::client::Answer;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::Installation;

const ISSUER: &str = "https://issuer.example.org/realms/eida";

/// An issuer whose keys lie in a file.
struct Issuer {
    pair: Ed25519KeyPair,
    folder: tempfile::TempDir,
}

impl Issuer {
    fn new() -> Self {
        let issuer = Self {
            pair: Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap(),
            folder: tempfile::tempdir().unwrap(),
        };
        let x = BASE64URL_NOPAD.encode(issuer.pair.public_key().as_ref());
        let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "one", "x": x}]});
        std::fs::write(issuer.folder.path().join("jwks.json"), keys.to_string()).unwrap();
        issuer
    }

    /// What stands in the configuration, and `more` about it.
    fn configured(&self, more: &str) -> String {
        let jwks = self.folder.path().join("jwks.json");
        format!(
            "[[oidc]]\nissuer = \"{ISSUER}\"\naudience = [\"fdsn\"]\nalgorithms = [\"EdDSA\"]\njwks = \"{}\"\n{more}\n",
            jwks.display()
        )
    }

    /// Signs a token for `sub`, good for an hour, with `more` claims.
    fn token(&self, door: &Installation, sub: &str, more: &Value) -> String {
        let now = door.now().as_second();
        let mut claims = json!({"iss": ISSUER, "aud": "fdsn", "sub": sub, "iat": now, "exp": now + 3600});
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let coded = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", coded(&json!({"alg": "EdDSA", "kid": "one"})), coded(&claims));
        format!("{signed}.{}", BASE64URL_NOPAD.encode(self.pair.sign(signed.as_bytes()).as_ref()))
    }
}

async fn fetch(door: &Installation, token: &str) -> Answer {
    door.connect().await.get("/files/restricted.txt", Some(format!("Bearer {token}"))).await.unwrap()
}

fn reason(door: &Installation, answer: &Answer) -> String {
    let problem: Value = serde_json::from_str(&answer.text()).unwrap();
    door.command(&["audit", "show", problem["reference"].as_str().unwrap()]).0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jwt_opens_what_is_granted_to_its_person_and_nothing_to_another() {
    let issuer = Issuer::new();
    let door = Installation::with(&issuer.configured("")).await;
    let token = issuer.token(&door, "jo", &json!({}));
    let refused = fetch(&door, &token).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(door.command(&["grant", "create", "--oidc", ISSUER, "jo", "--service", "files"]).1);
    assert_eq!(fetch(&door, &token).await.status, 200);
    assert_eq!(fetch(&door, &issuer.token(&door, "ann", &json!({}))).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_of_a_jwt_count_only_where_the_file_names_their_claim() {
    let issuer = Issuer::new();
    let claims = json!({"realm_access": {"roles": ["epos/demo"]}});
    let door = Installation::with(&issuer.configured("")).await;
    assert_eq!(fetch(&door, &issuer.token(&door, "jo", &claims)).await.status, 403);
    let door = Installation::with(&issuer.configured("groups_claim = \"realm_access.roles\"")).await;
    assert_eq!(fetch(&door, &issuer.token(&door, "jo", &claims)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_address_of_a_jwt_counts_only_where_it_was_verified() {
    let issuer = Issuer::new();
    let door = Installation::with(&issuer.configured("mail_claim = \"email\"")).await;
    assert!(door.command(&["grant", "create", "--mail-domain", "example.org", "--service", "files"]).1);
    for (verified, status) in [(json!(false), 403), (json!("true"), 403), (json!(true), 200)] {
        let claims = json!({"email": "jo@example.org", "email_verified": verified});
        assert_eq!(fetch(&door, &issuer.token(&door, "jo", &claims)).await.status, status, "{verified}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_by_mail_goes_by_the_word_of_no_issuer_that_the_file_does_not_believe_about_mail() {
    let issuer = Issuer::new();
    let door = Installation::with(&issuer.configured("")).await;
    for grant in [["--mail-domain", "example.org"], ["--mail", "jo@example.org"]] {
        assert!(door.command(&[&["grant", "create", "--service", "files"], &grant[..]].concat()).1);
    }
    let claims = json!({"email": "jo@example.org", "email_verified": true});
    assert_eq!(fetch(&door, &issuer.token(&door, "jo", &claims)).await.status, 403);
    let login = door.exchange(&issuer.token(&door, "jo", &claims)).await;
    assert_eq!(door.fetch(&login).await.status, 403, "nor through the exchange");
}

/// What stands in a token besides the usual, at a time.
type Claims = fn(i64) -> Value;

#[tokio::test(flavor = "multi_thread")]
async fn a_jwt_that_proves_nothing_is_refused_and_recorded_with_its_reason() {
    let issuer = Issuer::new();
    let door = Installation::with(&issuer.configured("")).await;
    let wrong: [(Claims, &str); 5] = [
        (|now| json!({"exp": now}), "expired"),
        (|_| json!({"aud": "other"}), "wrong-audience"),
        (|_| json!({"iss": "https://other.example.org"}), "wrong-issuer"),
        (|now| json!({"nbf": now + 61}), "not-yet-valid"),
        (|now| json!({"exp": now + 24 * 3600 + 1}), "too-long-lived"),
    ];
    for (claims, why) in wrong {
        // A command lets time pass where the database has the clock.
        let claims = claims(door.now().as_second());
        let refused = fetch(&door, &issuer.token(&door, "jo", &claims)).await;
        assert_eq!(refused.status, 401, "{claims}");
        let first = refused.fields.get("www-authenticate").unwrap().to_str().unwrap();
        assert!(first.starts_with("Bearer error=\"invalid_token\", error_description="), "{first}");
        let shown = reason(&door, &refused);
        assert!(shown.contains(why) && !shown.contains("other.example"), "{shown}");
    }
    let refused = fetch(&door, "e30.e30.").await;
    assert_eq!(refused.status, 401);
    assert!(reason(&door, &refused).contains("malformed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oidc_issuer_that_was_taken_out_is_believed_no_more() {
    let issuer = Issuer::new();
    let door = Installation::with(&issuer.configured("groups_claim = \"groups\"")).await;
    let token = issuer.token(&door, "jo", &json!({"groups": ["/epos/demo"]}));
    assert_eq!(fetch(&door, &token).await.status, 200);
    assert!(door.command(&["issuer", "list"]).0.contains(&format!("{ISSUER}  OIDC  usable")));
    assert!(door.command(&["issuer", "revoke", ISSUER]).1);
    assert_eq!(fetch(&door, &token).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jwt_that_was_revoked_opens_nothing() {
    let issuer = Issuer::new();
    let door = Installation::with(&issuer.configured("groups_claim = \"groups\"")).await;
    let token = issuer.token(&door, "jo", &json!({"groups": ["/epos/demo"]}));
    assert_eq!(fetch(&door, &token).await.status, 200);
    let released = door.bodies("released");
    let id = released.iter().find_map(|body| body["who"].as_str()?.strip_prefix("jwt:")).unwrap();
    assert!(door.command(&["login", "revoke", "--token-id", id]).1);
    assert_eq!(fetch(&door, &token).await.status, 401);
    assert_eq!(
        fetch(&door, &issuer.token(&door, "jo", &json!({"groups": ["/epos/demo"], "jti": "2"}))).await.status,
        200
    );
    let minute = SignedDuration::from_mins(1);
    door.pass(minute);
    assert_eq!(fetch(&door, &token).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jwt_at_the_exchange_becomes_the_one_login_of_its_person() {
    let issuer = Issuer::new();
    let door = Installation::with(&issuer.configured("")).await;
    assert!(door.command(&["grant", "create", "--oidc", ISSUER, "jo", "--service", "files"]).1);
    let token = issuer.token(&door, "jo", &json!({}));
    let login = door.exchange(&token).await;
    assert_eq!(door.fetch(&login).await.status, 200);
    assert_eq!(door.exchange(&format!("{token}\n")).await, login);
    let ann = door.exchange(&issuer.token(&door, "ann", &json!({}))).await;
    assert_eq!(door.fetch(&ann).await.status, 403);
    let log = door.events();
    let bodies: Vec<_> = log.iter().map(gateward::store::event::Recorded::body).collect();
    assert!(!bodies.iter().any(|body| body.contains("\"jo\"")), "what names a person stands apart");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jwt_in_authorization_is_exchanged_as_one_in_the_body() {
    let issuer = Issuer::new();
    let door = Installation::with(&issuer.configured("")).await;
    let token = issuer.token(&door, "jo", &json!({}));
    let mut connection = door.connect().await;
    let request = http::Request::post("https://localhost/auth")
        .header("host", "localhost")
        .header("authorization", format!("Bearer {token}"));
    let answer = connection.send(request.body(http_body_util::Full::default()).unwrap()).await.unwrap();
    let (login, password) = door.exchange(&token).await;
    assert_eq!(answer.text(), format!("{login}:{password}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_of_a_jwt_ends_with_it_and_can_be_revoked_with_it() {
    let issuer = Issuer::new();
    let door = Installation::with(&issuer.configured("groups_claim = \"groups\"")).await;
    let claims = json!({"groups": ["/epos/demo"]});
    let token = issuer.token(&door, "jo", &claims);
    let login = door.exchange(&token).await;
    assert_eq!(door.fetch(&login).await.status, 200);
    assert!(door.command(&["login", "revoke", &login.0]).1);
    assert_eq!(door.fetch(&login).await.status, 401);
    assert_eq!(door.connect().await.post("/auth", token.clone()).await.unwrap().status, 403);
    assert_eq!(fetch(&door, &token).await.status, 401, "a revoked token opens nothing by itself");

    let login =
        door.exchange(&issuer.token(&door, "jo", &json!({"groups": ["/epos/demo"], "jti": "2"}))).await;
    assert_eq!(door.fetch(&login).await.status, 200);
    door.pass(SignedDuration::from_hours(1));
    assert_eq!(door.fetch(&login).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_brings_a_bad_jwt_to_the_exchange_learns_what_to_do() {
    let issuer = Issuer::new();
    let door = Installation::with(&issuer.configured("")).await;
    let now = door.now().as_second();
    for (claims, said) in [
        (json!({"exp": now - 1}), "Get a new one from its issuer"),
        (json!({"aud": "other"}), "meant for another audience"),
        (json!({"iss": "https://other.example.org"}), "believes other issuers"),
    ] {
        let answer = door.connect().await.post("/auth", issuer.token(&door, "jo", &claims)).await.unwrap();
        assert_eq!(answer.status, 400, "{claims}");
        assert!(answer.text().contains(said), "{}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_jwts_of_a_person_gave_ends_by_what_their_issuer_calls_them() {
    let issuer = Issuer::new();
    let door = Installation::with(&issuer.configured("groups_claim = \"groups\"")).await;
    let exchanged = async |sub: &str, id: &str| {
        let token = issuer.token(&door, sub, &json!({"groups": ["/epos/demo"], "jti": id}));
        let login = door.exchange(&token).await;
        assert_eq!(door.fetch(&login).await.status, 200);
        (token, login)
    };
    let (first, second, other) =
        (exchanged("jo", "1").await, exchanged("jo", "2").await, exchanged("ann", "3").await);
    let end = |issuer: &str, sub: &str| door.command(&["user", "end", "--oidc", issuer, sub]);
    for (issuer, sub) in [(ISSUER, "Jo"), ("https://other.example.org", "jo")] {
        assert_eq!(end(issuer, sub), (String::new(), true), "{issuer} {sub}");
    }
    assert_eq!(door.fetch(&first.1).await.status, 200);
    let (said, yes) = end(ISSUER, "jo");
    assert!(yes && said.lines().count() == 2, "{said}");
    for (token, login) in [first, second] {
        assert!(said.contains(&login.0), "{said}");
        assert_eq!(door.fetch(&login).await.status, 401);
        assert_eq!(door.connect().await.post("/auth", token.clone()).await.unwrap().status, 403);
        assert_eq!(fetch(&door, &token).await.status, 401, "it opens nothing by itself either");
    }
    assert_eq!(door.fetch(&other.1).await.status, 200, "another person of the same issuer stays");
    assert_eq!((door.bodies("login_revoked").len(), door.bodies("user_ended").len()), (2, 0));
    assert!(!door.command(&["user", "end"]).1, "somebody is named");
}
