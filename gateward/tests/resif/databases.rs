//! RESIF's two databases, on a server of the tests'.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::OnceLock;

use gateward::base::postgres_url::PostgresUrl;
use gateward::base::resif::Tables;
use gateward::store::resif::Resif;

use super::cluster::Cluster;

/// The role of `eidaws-auth`: it owns nothing.
pub const ROLE: &str = "eidawsauth";
pub const PASSWORD: &str = "of the drop-in";

/// The password of the role `reader`: a data service that looks who comes.
pub const READERS_PASSWORD: &str = "of-readers";

/// The file with the role's password.
fn password_file() -> PathBuf {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| tempfile::tempdir().unwrap());
    let file = folder.path().join("password");
    if !file.exists() {
        let own = folder.path().join(format!("{:?}", std::thread::current().id()));
        std::fs::write(&own, PASSWORD).unwrap();
        std::fs::set_permissions(&own, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::rename(own, &file).unwrap();
    }
    file
}

/// Logins, and privileges, in two databases of one server.
pub struct Databases {
    pub cluster: &'static Cluster,
    pub auth: String,
    pub privileges: String,
}

impl Databases {
    /// As RESIF has them, with the least privileges for the role.
    pub fn new() -> Self {
        Self::on(Cluster::shared())
    }

    /// The same on a server of one's own.
    pub fn on(cluster: &'static Cluster) -> Self {
        let role = format!(
            "DO $$ BEGIN PERFORM pg_advisory_lock(1); IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') \
             THEN CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'; \
             CREATE ROLE reader LOGIN PASSWORD '{READERS_PASSWORD}'; END IF; END $$"
        );
        cluster.psql("postgres", &role);
        let make = |name: &str, sql: &[&str]| {
            let database = cluster.database(name);
            for sql in sql {
                cluster.psql(&database, sql);
            }
            database
        };
        let auth = make("auth", &[include_str!("auth.sql"), include_str!("auth_grants.sql")]);
        cluster.psql(&auth, "GRANT SELECT ON users, credentials TO reader");
        let privileges =
            make("inventory", &[include_str!("privileges.sql"), include_str!("privileges_grants.sql")]);
        Self { cluster, auth, privileges }
    }

    /// A handle that goes by `tables`.
    pub fn with(&self, tables: Tables) -> Resif {
        Resif::new(self.url(&self.auth), self.url(&self.privileges), tables)
    }

    pub fn resif(&self) -> Resif {
        self.with(Tables::default())
    }

    fn url(&self, database: &str) -> PostgresUrl {
        self.url_text(self.cluster.address(), database).parse().unwrap()
    }

    /// As the configuration has it, for whoever listens at `address`.
    pub fn url_text(&self, address: SocketAddr, database: &str) -> String {
        format!("postgres://{ROLE}@{address}/{database}?password_file={}", password_file().display())
    }

    /// As psql takes it.
    pub fn psql_url(&self, database: &str) -> String {
        let password = PASSWORD.replace(' ', "%20");
        format!("postgres://{ROLE}:{password}@{}/{database}", self.cluster.address())
    }

    /// What stands in the configuration file.
    pub fn configuration(&self) -> String {
        self.configuration_through(self.cluster.address(), self.cluster.address())
    }

    /// The same, with something in between.
    pub fn configuration_through(&self, auth: SocketAddr, privileges: SocketAddr) -> String {
        format!(
            "[exchange.resif]\nauth = \"{}\"\nprivileges = \"{}\"\n",
            self.url_text(auth, &self.auth),
            self.url_text(privileges, &self.privileges)
        )
    }

    /// Rows of the database of logins.
    #[track_caller]
    pub fn in_auth(&self, sql: &str) -> Vec<Vec<String>> {
        self.cluster.psql(&self.auth, sql)
    }

    /// Rows of the database of privileges.
    #[track_caller]
    pub fn in_privileges(&self, sql: &str) -> Vec<Vec<String>> {
        self.cluster.psql(&self.privileges, sql)
    }

    /// Everybody who is a user, with hash and end.
    #[track_caller]
    pub fn users(&self) -> BTreeSet<Vec<String>> {
        let sql = "SELECT login, first_name, last_name, email, expires_at, wss_hash FROM users \
                   LEFT JOIN credentials USING (user_index)";
        self.in_auth(sql).into_iter().collect()
    }

    /// Who may have what.
    #[track_caller]
    pub fn privileges(&self) -> BTreeSet<Vec<String>> {
        let sql = "SELECT name, network, start_year, end_year, network_id FROM aut_user";
        self.in_privileges(sql).into_iter().collect()
    }
}
