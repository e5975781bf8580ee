//! What is written into RESIF's databases, and what is taken away again.

use std::collections::BTreeSet;

use gateward::base::id::LoginName;
use gateward::base::resif::Tables;
use gateward::base::secret::Secret;
use gateward::store::resif::{Admission, Error, Resif};
use jiff::Timestamp;

use super::databases::Databases;

pub fn login(text: &str) -> LoginName {
    text.parse().unwrap()
}

pub fn admission(name: &str, ends: &str) -> Admission {
    let hash = Secret::new("0123456789abcdef0123456789abcdef".into());
    Admission { login: login(name), hash, ends: ends.parse::<Timestamp>().unwrap() }
}

const ENDS: &str = "2190-11-23T04:00:00.123456Z";
const ANN: &str = "ANN0123456789A";
const BOB: &str = "BOB0123456789B";

/// Gives `name` what `groups` mean, then lets it in.
pub async fn place(resif: &Resif, name: &str, groups: &[&str], ends: &str) -> Result<(), Error> {
    let meant = resif.mean(groups.iter().map(ToString::to_string).collect()).await?;
    resif.grant(login(name), meant.networks).await?;
    resif.admit(admission(name, ends)).await
}

fn added(now: &BTreeSet<Vec<String>>, before: &BTreeSet<Vec<String>>) -> Vec<Vec<String>> {
    assert!(before.is_subset(now), "somebody is gone: {before:#?} {now:#?}");
    now.difference(before).cloned().collect()
}

#[tokio::test]
async fn a_login_stands_there_as_eidaws_auth_wrote_it() {
    let databases = Databases::new();
    let (users, privileges) = (databases.users(), databases.privileges());
    let resif = databases.resif();
    place(&resif, ANN, &["/epos/alparray", "/epos/none"], ENDS).await.unwrap();
    let local = databases.in_auth(&format!("SELECT timestamptz '{ENDS}'::timestamp")).concat().concat();
    let hash = "0123456789abcdef0123456789abcdef";
    let written = [ANN, "Temp", "EIDA", "ANN0123456789A@eida", &local, hash];
    assert_eq!(added(&databases.users(), &users), [written.map(str::to_owned).to_vec()]);
    let networks = [[ANN, "3C", "2019", "2021", "13"], [ANN, "Z3", "2015", "2020", "12"]];
    assert_eq!(
        added(&databases.privileges(), &privileges),
        networks.map(|row| row.map(str::to_owned).to_vec())
    );
}

#[tokio::test]
async fn a_network_that_is_not_there_is_named_and_the_others_are_given() {
    let databases = Databases::new();
    let meant = databases.resif().mean(vec!["/epos/alparray".into(), "/epos/demo".into()]).await.unwrap();
    let texts = |networks: Vec<_>| networks.iter().map(ToString::to_string).collect::<Vec<String>>();
    assert_eq!(texts(meant.unknown), ["XX:1999-2001"]);
    let mut there = texts(meant.networks.into_iter().map(|numbered| numbered.network).collect());
    there.sort();
    assert_eq!(there, ["3C:2019-2021", "FR:1962-2500", "Z3:2015-2020"]);
}

#[tokio::test]
async fn placing_again_changes_nothing_but_the_end_and_what_groups_mean_now() {
    let databases = Databases::new();
    let resif = databases.resif();
    place(&resif, ANN, &["/epos/alparray"], ENDS).await.unwrap();
    let (users, privileges) = (databases.users(), databases.privileges());
    // At once, from two processes as from one; an earlier end does not move a later one back.
    let other = databases.resif();
    let again = || place(&resif, ANN, &["/epos/alparray"], "2190-01-01T00:00:00Z");
    let elsewhere = || place(&other, ANN, &["/epos/alparray"], ENDS);
    let (a, b, c, d) = tokio::join!(again(), elsewhere(), again(), elsewhere());
    assert!([a, b, c, d].iter().all(Result::is_ok));
    assert_eq!((databases.users(), databases.privileges()), (users, privileges));

    databases.in_auth("DELETE FROM epos_fdsn WHERE network = 'Z3'");
    place(&resif, ANN, &["/epos/alparray"], "2191-01-01T00:00:00Z").await.unwrap();
    let count = databases
        .in_auth(&format!("SELECT count(*) FROM users WHERE login = '{ANN}' AND expires_at > '2190-12-30'"));
    assert_eq!(count.concat(), ["1"]);
    let left = databases.in_privileges(&format!("SELECT network FROM aut_user WHERE name = '{ANN}'"));
    assert_eq!(left.concat(), ["3C"]);
}

#[tokio::test]
async fn a_hash_that_is_not_the_logins_any_more_is_corrected() {
    let databases = Databases::new();
    let resif = databases.resif();
    place(&resif, ANN, &["/epos/demo"], ENDS).await.unwrap();
    let users = databases.users();
    databases.in_auth(&format!(
        "UPDATE credentials SET wss_hash = 'of another realm' FROM users \
         WHERE users.user_index = credentials.user_index AND login = '{ANN}'"
    ));
    assert_ne!(databases.users(), users);
    place(&resif, ANN, &["/epos/demo"], ENDS).await.unwrap();
    assert_eq!(databases.users(), users);
}

#[tokio::test]
async fn two_who_place_the_same_new_login_at_once_make_one() {
    let databases = Databases::new();
    let handles: Vec<Resif> = (0..8).map(|_| databases.resif()).collect();
    let placed = handles
        .into_iter()
        .map(|resif| tokio::spawn(async move { place(&resif, ANN, &["/epos/alparray"], ENDS).await }));
    for task in placed.collect::<Vec<_>>() {
        task.await.unwrap().unwrap();
    }
    let users = databases.in_auth(&format!("SELECT count(*), count(wss_hash) FROM users JOIN credentials USING (user_index) WHERE login = '{ANN}'"));
    assert_eq!(users.concat(), ["1", "1"]);
    let networks = databases.in_privileges(&format!("SELECT count(*) FROM aut_user WHERE name = '{ANN}'"));
    assert_eq!(networks.concat(), ["2"]);
}

#[tokio::test]
async fn what_was_placed_is_taken_away_and_nothing_else() {
    let databases = Databases::new();
    let (users, privileges) = (databases.users(), databases.privileges());
    let resif = databases.resif();
    place(&resif, ANN, &["/epos/alparray"], ENDS).await.unwrap();
    place(&resif, BOB, &["/epos/demo"], ENDS).await.unwrap();
    // Even asked for, nobody static goes: not the one of that name, and not its neighbours.
    let gone = [ANN, BOB, "AAAAAAAAAAAAAA", "BBBBBBBBBBBBBB", "CCCCCCCCCCCCCC"].map(login);
    resif.dismiss(&gone).await.unwrap();
    resif.deprive(&gone[..2]).await.unwrap();
    resif.dismiss(&gone).await.unwrap();
    assert_eq!((databases.users(), databases.privileges()), (users, privileges));
}

#[tokio::test]
async fn somebody_static_is_never_taken_over() {
    let databases = Databases::new();
    let (users, privileges) = (databases.users(), databases.privileges());
    let refused = databases.resif().admit(admission("AAAAAAAAAAAAAA", ENDS)).await;
    assert!(matches!(refused, Err(Error::Taken(_))), "{refused:?}");
    assert_eq!((databases.users(), databases.privileges()), (users, privileges));
}

#[tokio::test]
async fn other_installations_call_their_tables_otherwise() {
    let databases = Databases::new();
    databases.in_privileges("ALTER TABLE aut_user RENAME TO eida_temp_users; ALTER TABLE eida_temp_users RENAME name TO \"the \"\"login\"\"\"");
    databases.in_auth("CREATE SCHEMA web; GRANT USAGE ON SCHEMA web TO eidawsauth; ALTER TABLE users SET SCHEMA web; ALTER TABLE web.users RENAME expires_at TO until; ALTER TABLE epos_fdsn RENAME epos TO groupe");
    let tables: Tables = toml::from_str(
        "users = { table = \"web.users\", expires_at = \"until\" }\n\
         privileges = { table = \"eida_temp_users\", name = \"the \\\"login\\\"\" }",
    )
    .unwrap();
    let resif = databases.with(tables);
    assert_eq!(resif.check().await.iter().map(ToString::to_string).collect::<Vec<_>>(), [""; 0]);
    place(&resif, ANN, &["/epos/alparray"], ENDS).await.unwrap();
    let count = databases
        .in_privileges("SELECT count(*) FROM eida_temp_users WHERE \"the \"\"login\"\"\" = 'ANN0123456789A'");
    assert_eq!(count.concat(), ["2"]);
}
