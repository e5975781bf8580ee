//! What ends is taken away whoever made it, and static users never are.

use serde_json::json;

use super::cluster::patience::eventually;
use super::databases::Databases;
use super::drop_in::{WITHIN, found, installation, token};
use super::gnupg::Gnupg;
use super::server::Server;
use super::statement::Statement;

/// A login that `eidaws-auth` made, as its orphans are.
fn earlier(
    databases: &Databases,
    login: &str,
    ends: &str,
    has_hash: bool,
    privileges: &[&str],
    is_user: bool,
) {
    if is_user {
        databases.in_auth(&format!(
            "INSERT INTO users VALUES (DEFAULT, '{login}', 'Temp', 'EIDA', '{login}@eida', now() + interval '{ends}')"
        ));
    }
    if has_hash {
        databases.in_auth(
            "INSERT INTO credentials VALUES (currval('users_user_index_seq'), NULL, 'x')"
                .replace("currval('users_user_index_seq')", "(SELECT max(user_index) FROM users)")
                .as_str(),
        );
    }
    for network in privileges {
        databases.in_privileges(&format!(
            "INSERT INTO aut_user (network_id, network, start_year, end_year, name) \
             SELECT network_id, network, start_year, end_year, '{login}' FROM networks WHERE network = '{network}'"
        ));
    }
}

#[test]
fn expired_logins_of_others_go_in_any_number_and_nothing_else_does() {
    let (databases, gnupg) = (Databases::new(), Gnupg::new());
    let issuer = gnupg.issuer();
    earlier(&databases, "LIVESSOMEWHERE", "1 hour", true, &["FR", "Z3"], true);
    let before = (databases.users(), databases.privileges());
    databases.in_auth(
        "INSERT INTO users (login, first_name, last_name, email, expires_at) \
         SELECT login, 'Temp', 'EIDA', login || '@eida', now() - interval '1 minute' \
         FROM (SELECT 'E' || lpad(n::text, 13, '0') AS login FROM generate_series(1, 1001) AS n) AS made; \
         INSERT INTO credentials (user_index, wss_hash) SELECT user_index, 'x' FROM users WHERE login LIKE 'E0%'",
    );
    databases.in_privileges(
        "INSERT INTO aut_user (network_id, network, start_year, end_year, name) \
         SELECT 11, 'FR', 1962, 2500, 'E' || lpad(n::text, 13, '0') FROM generate_series(1, 1001) AS n",
    );
    let installation = installation(&databases, &issuer);
    let said = installation.json(&["cleanup"]);
    assert_eq!(said, [json!({ "deleted": 0, "placed": 0, "taken_away": 0, "others_deleted": 1001 })]);
    assert_eq!((databases.users(), databases.privileges()), before);
    let named: usize = installation
        .events("others_logins_cleaned_up")
        .iter()
        .map(|event| event["logins"].as_array().unwrap().len())
        .sum();
    assert_eq!(named, 1001);
}

#[test]
fn a_login_that_cannot_be_placed_keeps_nothing_else_from_being_done() {
    let (databases, gnupg) = (Databases::new(), Gnupg::new());
    let issuer = gnupg.issuer();
    let installation = installation(&databases, &issuer);
    databases.in_privileges(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$; \
         CREATE TRIGGER refuse BEFORE INSERT ON aut_user FOR EACH ROW EXECUTE FUNCTION refuse()",
    );
    for _ in 0..2 {
        let statement = Statement { groups: "/epos/demo".into(), ..Statement::default() };
        std::fs::write(installation.file("token.asc"), issuer.sign(&statement)).unwrap();
        let refused = installation.command(&["exchange", installation.file("token.asc").to_str().unwrap()]);
        assert_ne!(refused.status, 0);
    }
    let store = installation.store();
    let pending =
        |nth: u32| store.value(&format!("SELECT login FROM placement ORDER BY login LIMIT 1 OFFSET {nth}"));
    databases.in_privileges(&format!(
        "DROP TRIGGER refuse ON aut_user; CREATE TRIGGER refuse BEFORE INSERT ON aut_user FOR EACH ROW \
         WHEN (NEW.name = '{}') EXECUTE FUNCTION refuse()",
        pending(0)
    ));
    earlier(&databases, "EXPIREDEARLIER", "-1 hour", true, &[], true);
    let swept = installation.command(&["cleanup"]);
    assert_ne!(swept.status, 0);
    assert!(swept.stderr.contains("not now"), "{}", swept.stderr);
    assert_eq!(found(&databases, &pending(0)).1, [""; 0]);
    assert_eq!(found(&databases, &pending(1)).1, ["FR"]);
    assert!(databases.in_auth("SELECT FROM users WHERE login = 'EXPIREDEARLIER'").is_empty());
}

#[test]
fn what_the_database_does_not_let_go_is_neither_named_nor_tried_for_ever() {
    let (databases, gnupg) = (Databases::new(), Gnupg::new());
    let issuer = gnupg.issuer();
    let installation = installation(&databases, &issuer);
    earlier(&databases, "EXPIREDEARLIER", "-1 hour", false, &[], true);
    databases.in_auth(
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; \
         CREATE TRIGGER keep BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION keep()",
    );
    let said = installation.json(&["cleanup"]);
    assert_eq!(said, [json!({ "deleted": 0, "placed": 0, "taken_away": 0, "others_deleted": 0 })]);
    assert!(installation.events("others_logins_cleaned_up").is_empty());
}

#[test]
fn orphans_are_listed_first_and_then_go() {
    let (databases, gnupg) = (Databases::new(), Gnupg::new());
    let issuer = gnupg.issuer();
    let server = Server::start(installation(&databases, &issuer));
    // Ours, one of them without any network: neither is an orphan.
    server.exchange(&token(&issuer, "/epos/alparray"));
    server.exchange(&token(&issuer, "/epos/nothing"));
    earlier(&databases, "LIVESSOMEWHERE", "1 hour", true, &["FR"], true);
    earlier(&databases, "BEINGMADENOW00", "24 hours", true, &[], true);
    let before = (databases.users(), databases.privileges());
    earlier(&databases, "WITHOUTNETWORK", "1 hour", true, &[], true);
    earlier(&databases, "WITHOUTHASH000", "1 hour", false, &["FR"], true);
    earlier(&databases, "WITHOUTUSER000", "", false, &["FR", "Z3"], false);

    let listed = server.json(&["cleanup", "--orphans", "--dry-run"]);
    let why = |login: &str| {
        let found = listed.iter().find(|line| line["login"] == login);
        found.map(|line| line["why"].as_str().unwrap().to_owned())
    };
    assert_eq!(why("WITHOUTNETWORK").as_deref(), Some("has no hash or no privileges"));
    assert_eq!(why("WITHOUTHASH000").as_deref(), Some("has no hash or no privileges"));
    assert_eq!(why("WITHOUTUSER000").as_deref(), Some("has privileges and is no user"));
    assert_eq!(listed.len(), 3, "{listed:#?}");
    assert!(listed.iter().all(|line| line["done"] == "would be deleted"));
    assert_eq!(databases.privileges().len(), before.1.len() + 3);

    server.command(&["cleanup", "--orphans"]).good();
    assert_eq!((databases.users(), databases.privileges()), before);
}

#[test]
fn an_operator_cleans_up_by_a_post_and_nobody_else() {
    let (databases, gnupg) = (Databases::new(), Gnupg::new());
    let issuer = gnupg.issuer();
    let before = databases.users();
    earlier(&databases, "EXPIREDATSTART", "-1 hour", true, &["FR"], true);
    let server = Server::start(installation(&databases, &issuer));
    // The next one is half a minute later.
    eventually("the first sweep is over", WITHIN, || server.log().contains("databases were swept"));
    let operator = std::fs::read_to_string(server.file("operator.txt")).unwrap();
    let operator = operator.trim();
    assert_eq!(server.operators("/cleanup", &["--request", "POST"]).status, 401);
    assert_eq!(server.operators("/cleanup", &["--user", operator]).status, 405);
    assert_eq!(server.curl("/cleanup", &["--request", "POST"], b"").status, 404);
    // Now, or the server's own sweep would come first.
    earlier(&databases, "EXPIREDEARLIER", "-1 hour", true, &["FR"], true);
    let done = server.operators("/cleanup", &["--request", "POST", "--user", operator]);
    assert_eq!((done.status, done.text().as_str()), (200, "Deleted 1 temporary accounts.\n"));
    assert_eq!(databases.users(), before);
    let named = server.events("others_logins_cleaned_up").pop().unwrap();
    assert_eq!(
        (&named["who"], &named["logins"]),
        (&json!(operator.split(':').next()), &json!(["EXPIREDEARLIER"]))
    );
}
