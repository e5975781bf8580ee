//! Who is registered besides the one who asks: written into the store past the program, as it would write it.

use std::path::Path;

use gateward::base::api_token::ApiToken;
use gateward::server::system;
use rusqlite::{Connection, params};

use crate::Outcome;
use crate::measuring::argument;
use crate::site::command;

/// How many there are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Population {
    pub nodes: u32,
    pub users: u32,
    pub tokens: u32,
}

const AT: &str = "2026-01-01T00:00:00.000000Z";
const END: &str = "2099-01-01T00:00:00.000000Z";

impl Population {
    /// Writes them, and returns the API token of `user-0`, who may read.
    pub fn settle(self, dir: &Path, config: &Path) -> Outcome<String> {
        command(config, &["user", "create", "user-0", "--no-password"])?;
        let token = dir.join("token");
        let create = ["api-token", "create", "--user", "user-0", "--label", "bench", "--out"];
        command(config, &[&create[..], &[token.to_str().ok_or("no text")?]].concat())?;
        if self.nodes + self.users + self.tokens > 0 {
            if argument("STORE").is_some() {
                return Err(
                    "very many are written into a SQLite file only: without STORE, or with ONLY=another part"
                        .into(),
                );
            }
            self.write(&dir.join("gateward.db"))?;
        }
        Ok(std::fs::read_to_string(token)?.trim().to_owned())
    }

    fn write(self, store: &Path) -> Outcome<()> {
        let mut connection = Connection::open(store)?;
        let random = system::random();
        let hex = |bytes: [u8; 32]| data_encoding::HEXLOWER.encode(&bytes);
        let all = connection.transaction()?;
        {
            let mut node = all.prepare(
                "INSERT INTO node (name, roles, created_at, created_by) VALUES (?1, '[]', ?2, 'b')",
            )?;
            let mut credential = all.prepare(
                "INSERT INTO node_credential (id, node, fingerprint, added_at, added_by) VALUES (?1, ?2, ?3, ?4, 'b')",
            )?;
            for at in 1..=self.nodes {
                let name = format!("node-{at}");
                node.execute(params![name, AT])?;
                credential.execute(params![format!("c-bench-{at}"), name, hex(random.bytes()), AT])?;
            }
            let mut user = all.prepare(
                "INSERT INTO users (name, password_hash, role, created_at) VALUES (?1, '', '', ?2)",
            )?;
            for at in 1..=self.users {
                user.execute(params![format!("user-{at}"), AT])?;
            }
            let mut token = all.prepare(
                "INSERT INTO api_token (hash, id, user_name, label, services, read_only, created_at, created_by, \
                 expires_at) VALUES (?1, ?2, ?3, 'bench', '[]', 0, ?4, 'b', ?5)",
            )?;
            for at in 1..=self.tokens {
                let hash = ApiToken::new(&random).hash().to_string();
                let user = format!("user-{}", at % self.users.max(1) + 1);
                token.execute(params![hash, format!("t-bench-{at}"), user, AT, END])?;
            }
        }
        all.commit()?;
        Ok(())
    }
}
