//! The role may do what `eidaws-auth` was granted, and reads `epos_fdsn`; what is missing is named.

use gateward::store::resif::{Database, Error};

use super::databases::Databases;

/// What is missing in each of the two, as it is told.
async fn lacks(databases: &Databases) -> Vec<(Database, String)> {
    let told = databases.resif().check().await.into_iter().map(|error| match error {
        Error::Unfit { database, lacks } => (database, lacks.join("\n")),
        other => panic!("{other}"),
    });
    told.collect()
}

#[tokio::test]
async fn the_least_privileges_suffice() {
    assert_eq!(lacks(&Databases::new()).await, []);
}

#[tokio::test]
async fn what_may_not_be_done_is_named_with_the_statement_that_grants_it() {
    for (where_, revoke, grants) in [
        (Database::Auth, "SELECT ON epos_fdsn", "GRANT SELECT ON \"epos_fdsn\" TO \"eidawsauth\";"),
        (Database::Auth, "INSERT, DELETE ON users", "GRANT INSERT, DELETE ON \"users\" TO \"eidawsauth\";"),
        (Database::Auth, "UPDATE ON users", "GRANT UPDATE ON \"users\" TO \"eidawsauth\";"),
        (Database::Auth, "DELETE ON credentials", "GRANT DELETE ON \"credentials\" TO \"eidawsauth\";"),
        (Database::Auth, "UPDATE ON credentials", "GRANT UPDATE ON \"credentials\" TO \"eidawsauth\";"),
        (
            Database::Auth,
            "ALL ON SEQUENCE users_user_index_seq",
            "GRANT SELECT, UPDATE ON SEQUENCE users_user_index_seq TO \"eidawsauth\";",
        ),
        (Database::Privileges, "SELECT ON networks", "GRANT SELECT ON \"networks\" TO \"eidawsauth\";"),
        (Database::Privileges, "INSERT ON aut_user", "GRANT INSERT ON \"aut_user\" TO \"eidawsauth\";"),
        (
            Database::Privileges,
            "ALL ON SEQUENCE aut_user_user_id_seq",
            "GRANT SELECT, UPDATE ON SEQUENCE aut_user_user_id_seq TO \"eidawsauth\";",
        ),
    ] {
        let databases = Databases::new();
        let revoke = format!("REVOKE {revoke} FROM eidawsauth");
        match where_ {
            Database::Auth => databases.in_auth(&revoke),
            Database::Privileges => databases.in_privileges(&revoke),
        };
        let told = lacks(&databases).await;
        assert_eq!(told.len(), 1, "{revoke}: {told:?}");
        assert_eq!(told[0].0, where_, "{revoke}");
        assert!(told[0].1.contains(grants), "{revoke}: {}", told[0].1);
        // What it says mends it.
        match where_ {
            Database::Auth => databases.in_auth(grants),
            Database::Privileges => databases.in_privileges(grants),
        };
        assert_eq!(lacks(&databases).await, [], "{grants}");
    }
}

#[tokio::test]
async fn a_table_or_column_that_is_not_there_is_named_with_where_to_correct_it() {
    for (sql, said) in [
        (
            "ALTER TABLE users RENAME expires_at TO until",
            "lacks the column \"expires_at\": name the right one as users.expires_at",
        ),
        (
            "ALTER TABLE credentials DROP COLUMN wss_hash",
            "lacks the third column: name the right one as credentials.hash",
        ),
        (
            "ALTER TABLE epos_fdsn RENAME TO groups",
            "There is no table \"epos_fdsn\": name the right one as epos_fdsn",
        ),
        (
            "ALTER TABLE users ADD country text NOT NULL DEFAULT 'FR'; ALTER TABLE users ALTER country DROP DEFAULT",
            "into the column \"country\"",
        ),
    ] {
        let databases = Databases::new();
        databases.in_auth(sql);
        let told = lacks(&databases).await;
        assert!(told.len() == 1 && told[0].1.contains(said), "{sql}: {told:?}");
    }
}

#[tokio::test]
async fn everything_that_is_missing_is_told_at_once() {
    let databases = Databases::new();
    databases.in_auth("REVOKE ALL ON epos_fdsn, credentials FROM eidawsauth");
    databases.in_privileges("DROP TABLE aut_user");
    let told = lacks(&databases).await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].1.contains("epos_fdsn") && told[0].1.contains("credentials"), "{}", told[0].1);
}
