//! Every table with its columns, for what carries all of them; and pages of their rows.
//!
//! Both engines have these tables. Besides them each has `schema_state`, and `log_head`, `log_node`, `audit_index`,
//! `audit_term` and `audit_again`, which are made from `event`.

use super::Error;
use super::sql::{Row, Unfit};

/// One table.
#[derive(Debug)]
pub(super) struct Table {
    pub name: &'static str,
    /// All of them; the first is the primary key.
    pub columns: &'static [Column],
    /// Whether a fresh schema has its one row already.
    pub has_first_row: bool,
}

/// One column.
#[derive(Debug)]
pub(super) struct Column {
    pub name: &'static str,
    pub kind: Kind,
}

/// What a column holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Integer,
    Text,
    Bytes,
}

const fn integer(name: &'static str) -> Column {
    Column { name, kind: Kind::Integer }
}

const fn text(name: &'static str) -> Column {
    Column { name, kind: Kind::Text }
}

const fn bytes(name: &'static str) -> Column {
    Column { name, kind: Kind::Bytes }
}

/// The log; [`event`](super::event) knows what its columns mean.
pub(super) const EVENT: Table = Table {
    name: "event",
    columns: &[
        integer("position"),
        text("id"),
        integer("format_version"),
        text("instance"),
        text("occurred_at"),
        text("recorded_at"),
        bytes("salt"),
        text("body"),
        bytes("personal_salt"),
        text("personal"),
        bytes("personal_hash"),
        bytes("entry"),
    ],
    has_first_row: false,
};

/// What was signed about the log; [`checkpoint`](super::checkpoint) knows what its columns mean.
pub(super) const CHECKPOINT: Table = Table {
    name: "checkpoint",
    columns: &[integer("size"), bytes("root"), text("origin"), text("note"), text("signed_at")],
    has_first_row: false,
};

/// All tables but the log.
pub(super) const OTHERS: &[Table] = &[
    CHECKPOINT,
    Table {
        name: "log",
        columns: &[
            integer("number"),
            text("origin"),
            text("began_at"),
            integer("took_over"),
            text("old_origin"),
            integer("old_size"),
            bytes("old_root"),
        ],
        has_first_row: false,
    },
    Table {
        name: "search",
        columns: &[
            integer("position"),
            text("recorded_at"),
            text("kind"),
            text("outcome"),
            text("service"),
            text("who"),
            text("transaction_id"),
            text("reference"),
        ],
        has_first_row: false,
    },
    Table { name: "revocation", columns: &[integer("one"), integer("counter")], has_first_row: true },
    Table {
        name: "file_policy",
        columns: &[integer("one"), text("digest"), text("stated_at"), text("stated_by")],
        has_first_row: false,
    },
    Table {
        name: "instance",
        columns: &[text("id"), text("started_at"), text("lease_until")],
        has_first_row: false,
    },
    Table {
        name: "open_transaction",
        columns: &[text("id"), text("instance"), text("service"), text("who"), text("opened_at")],
        has_first_row: false,
    },
    Table {
        name: "placement",
        columns: &[text("login"), text("state"), text("since"), text("expires_at")],
        has_first_row: false,
    },
    Table {
        name: "access_token",
        columns: &[
            text("id"),
            text("user_name"),
            text("host"),
            text("ckan"),
            text("key_kind"),
            text("jti"),
            text("certificate"),
            text("certificate_ends"),
            text("form"),
            bytes("recipient"),
            bytes("sealed_person"),
            text("file"),
            text("file_sha256"),
            text("state"),
            text("because"),
            text("created_at"),
            text("created_by"),
            text("expires_at"),
            text("replaced_by"),
        ],
        has_first_row: false,
    },
    Table {
        name: "temporary_login",
        columns: &[
            text("login"),
            bytes("identity"),
            text("issuer"),
            text("token_ids"),
            text("key_id"),
            bytes("salt"),
            bytes("sealed_mail"),
            text("subject"),
            text("groups"),
            text("valid_until"),
            text("created_at"),
            text("expires_at"),
            bytes("sealed_sub"),
        ],
        has_first_row: false,
    },
    Table {
        name: "token_block",
        columns: &[text("token"), text("identity"), text("blocked_at"), text("blocked_by")],
        has_first_row: false,
    },
    Table {
        name: "users",
        columns: &[
            text("name"),
            text("password_hash"),
            text("role"),
            text("created_at"),
            text("disabled_at"),
            text("role_service"),
        ],
        has_first_row: false,
    },
    Table {
        name: "grants",
        columns: &[
            text("id"),
            text("origin"),
            text("subject_kind"),
            text("subject"),
            text("service"),
            text("networks"),
            text("created_at"),
            text("actions"),
            text("resources"),
            integer("own"),
        ],
        has_first_row: false,
    },
    Table {
        name: "issuer",
        columns: &[text("fingerprint"), text("origin"), text("revoked_at")],
        has_first_row: false,
    },
    Table {
        name: "user_digest",
        columns: &[text("user_name"), text("realm"), bytes("sealed_ha1"), text("origin"), text("set_at")],
        has_first_row: false,
    },
    Table {
        name: "api_token",
        columns: &[
            text("hash"),
            text("id"),
            text("user_name"),
            text("label"),
            text("services"),
            integer("read_only"),
            text("created_at"),
            text("created_by"),
            text("expires_at"),
            text("last_used_at"),
        ],
        has_first_row: false,
    },
    Table {
        name: "session",
        columns: &[
            text("hash"),
            text("user_name"),
            text("created_at"),
            text("last_seen_at"),
            text("expires_at"),
        ],
        has_first_row: false,
    },
    Table {
        name: "node",
        columns: &[text("name"), text("roles"), text("created_at"), text("created_by"), text("revoked_at")],
        has_first_row: false,
    },
    Table {
        name: "node_credential",
        columns: &[
            text("id"),
            text("node"),
            text("fingerprint"),
            text("issuer"),
            text("subject"),
            text("san"),
            bytes("certificate"),
            text("not_after"),
            text("added_at"),
            text("added_by"),
            text("ends_at"),
        ],
        has_first_row: false,
    },
    Table {
        name: "fhir_creation",
        columns: &[text("resource"), text("node"), text("created_at")],
        has_first_row: false,
    },
    Table {
        name: "opaque_key",
        columns: &[
            text("hash"),
            text("access_token"),
            bytes("sealed_key"),
            text("activated_at"),
            text("activated_by"),
            integer("binds"),
            text("bound_to"),
            text("last_used_at"),
        ],
        has_first_row: false,
    },
    Table {
        name: "witnessed",
        columns: &[text("origin"), integer("size"), bytes("root"), text("note"), text("witnessed_at")],
        has_first_row: false,
    },
    Table {
        name: "feed",
        columns: &[
            text("name"),
            integer("position"),
            text("updated_at"),
            text("failing_since"),
            text("last_error"),
            text("holder"),
            text("lease_until"),
            integer("refused"),
        ],
        has_first_row: false,
    },
    Table {
        name: "existing_key",
        columns: &[
            text("pseudonym"),
            text("service"),
            text("first_seen_at"),
            text("last_seen_at"),
            text("last_address"),
        ],
        has_first_row: false,
    },
    Table {
        name: "erasure",
        columns: &[
            text("id"),
            text("what"),
            text("recorded_before"),
            text("person"),
            bytes("sealed_names"),
            integer("next_position"),
            integer("end_position"),
            integer("events"),
            integer("held"),
            text("began_at"),
            text("began_by"),
            text("done_at"),
        ],
        has_first_row: false,
    },
    Table {
        name: "erased_personal",
        columns: &[integer("first_position"), integer("last_position"), text("erasure")],
        has_first_row: false,
    },
    Table {
        name: "erased_whole",
        columns: &[integer("first_position"), integer("last_position"), text("erasure")],
        has_first_row: false,
    },
    Table {
        name: "audit_hold",
        columns: &[
            text("id"),
            bytes("sealed_person"),
            text("since"),
            text("until"),
            bytes("sealed_reason"),
            text("created_at"),
            text("created_by"),
            text("released_at"),
        ],
        has_first_row: false,
    },
];

/// How many rows are read at once.
pub(super) const PAGE: usize = 500;

impl Table {
    /// Writes the query of one page, in the order of the primary key; after `?1` unless it is the first.
    pub fn page(&self, is_first: bool) -> String {
        let Self { name, columns, .. } = self;
        let key = columns[0].name;
        let after = if is_first { String::new() } else { format!(" WHERE {key} > ?1") };
        format!("SELECT {} FROM {name}{after} ORDER BY {key} LIMIT {PAGE}", self.column_names())
    }

    /// Its columns' names, a comma between.
    pub fn column_names(&self) -> String {
        self.columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ")
    }

    /// Where the column `name` stands.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Says that one of its rows holds what this program never writes.
    pub fn damaged(&self, unfit: &Unfit) -> Error {
        let column = self.columns.get(unfit.column).map_or("?", |column| column.name);
        Error::Damaged { table: self.name, reason: format!("column {column}: {}", unfit.reason) }
    }
}

/// Some rows of one table, column by column.
#[derive(Debug)]
pub(super) struct Page {
    pub rows: usize,
    pub columns: Vec<Cells>,
}

/// What one column holds in the rows of a page.
#[derive(Debug)]
pub(super) enum Cells {
    Integer(Vec<Option<i64>>),
    Text(Vec<Option<String>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

impl Page {
    pub fn of(table: &Table) -> Self {
        let cells = |column: &Column| match column.kind {
            Kind::Integer => Cells::Integer(Vec::new()),
            Kind::Text => Cells::Text(Vec::new()),
            Kind::Bytes => Cells::Bytes(Vec::new()),
        };
        Self { rows: 0, columns: table.columns.iter().map(cells).collect() }
    }

    /// Takes in one more row.
    pub fn push(&mut self, row: &Row<'_>) -> Result<(), Unfit> {
        for (at, cells) in self.columns.iter_mut().enumerate() {
            match cells {
                Cells::Integer(cells) => cells.push(row.integer_if_any(at)?),
                Cells::Text(cells) => cells.push(row.text_if_any(at)?.map(str::to_owned)),
                Cells::Bytes(cells) => cells.push(row.bytes_if_any(at)?.map(<[u8]>::to_vec)),
            }
        }
        self.rows += 1;
        Ok(())
    }

    pub fn integer(&self, column: usize, row: usize) -> Option<i64> {
        match &self.columns[column] {
            Cells::Integer(cells) => cells[row],
            Cells::Text(_) | Cells::Bytes(_) => None,
        }
    }

    pub fn text(&self, column: usize, row: usize) -> Option<&str> {
        match &self.columns[column] {
            Cells::Text(cells) => cells[row].as_deref(),
            Cells::Integer(_) | Cells::Bytes(_) => None,
        }
    }

    pub fn bytes(&self, column: usize, row: usize) -> Option<&[u8]> {
        match &self.columns[column] {
            Cells::Bytes(cells) => cells[row].as_deref(),
            Cells::Integer(_) | Cells::Text(_) => None,
        }
    }
}
