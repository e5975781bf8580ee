-- The first schema. STRICT, so that a wrong type is refused and not kept. Times are RFC 3339 in
-- UTC with six fraction digits: they sort as text. `users` and `grants` are plural because
-- USER and GRANT are words of SQL.

-- The oldest program that this schema serves: an older one refuses to start on it.
CREATE TABLE schema_state (
    one           INTEGER PRIMARY KEY CHECK (one = 1),
    version       INTEGER NOT NULL,  -- of the newest migration that ran
    oldest_binary INTEGER NOT NULL   -- newest migration that the oldest program served knows
) STRICT;
INSERT INTO schema_state VALUES (1, 1, 1);

-- Moves whenever somebody's rights may have shrunk, or policy changed at all. Whoever decides
-- notes it; the writer refuses what was decided under another value.
CREATE TABLE revocation (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    counter INTEGER NOT NULL
) STRICT;
INSERT INTO revocation VALUES (1, 1);

-- What happened. Append-only: the triggers guard against mistakes, not against whoever owns the
-- file; that is what a head kept elsewhere is for.
CREATE TABLE event (
    position       INTEGER PRIMARY KEY CHECK (position >= 0),  -- from 0, without gaps
    id             TEXT    NOT NULL UNIQUE,                    -- EventId, made before the write
    format_version INTEGER NOT NULL,                           -- audit_log::FORMAT_VERSION
    instance       TEXT    NOT NULL,                           -- InstanceId that wrote it
    occurred_at    TEXT    NOT NULL,                           -- the caller's clock
    recorded_at    TEXT    NOT NULL,                           -- the writer's, never before its predecessor
    salt           BLOB    NOT NULL CHECK (length(salt) = 16),
    body           TEXT    NOT NULL,                           -- canonical JSON, nothing personal
    personal_salt  BLOB    CHECK (length(personal_salt) = 16), -- NULL once the part is erased
    personal       TEXT,                                       -- canonical JSON; NULL once erased
    personal_hash  BLOB    NOT NULL CHECK (length(personal_hash) = 32), -- stays, so that entry can be recomputed
    entry          BLOB    NOT NULL CHECK (length(entry) = 32),         -- audit_log::Event::entry
    CHECK ((personal IS NULL) = (personal_salt IS NULL))
) STRICT;

CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;

CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;

-- What searches look at; made from `event` alone, and rebuildable from it.
CREATE TABLE search (
    position       INTEGER PRIMARY KEY,
    recorded_at    TEXT NOT NULL,
    kind           TEXT NOT NULL,
    outcome        TEXT NOT NULL,  -- done, refused or failed
    service        TEXT,
    who            TEXT,           -- temporary login, user, or operating-system user
    transaction_id TEXT,
    reference      TEXT            -- what a refused caller was given
) STRICT;
CREATE INDEX search_by_time ON search (recorded_at);
CREATE INDEX search_by_transaction ON search (transaction_id) WHERE transaction_id IS NOT NULL;
CREATE INDEX search_by_reference ON search (reference) WHERE reference IS NOT NULL;

-- Running programs. What a lapsed one left open is closed by whoever notices.
CREATE TABLE instance (
    id          TEXT PRIMARY KEY,
    started_at  TEXT NOT NULL,
    lease_until TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Transactions that were admitted and have not ended.
CREATE TABLE open_transaction (
    id        TEXT PRIMARY KEY,
    instance  TEXT NOT NULL,
    service   TEXT NOT NULL,
    who       TEXT NOT NULL,
    opened_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Accounts made from signed tokens. Neither password nor Digest's HA1 is here: the password is a
-- keyed hash over salt and token identity, and its key lies outside the database.
CREATE TABLE temporary_login (
    login       TEXT PRIMARY KEY,      -- LoginName
    identity    BLOB NOT NULL UNIQUE,  -- TokenIdentity: one login per signed text, however spelled
    issuer      TEXT NOT NULL,         -- fingerprint of the OpenPGP key
    token_ids   TEXT NOT NULL,         -- all spellings' ids as SeisComP counts them, a blank between
    key_id      TEXT NOT NULL,         -- key of the keyring that the password is made with
    salt        BLOB NOT NULL CHECK (length(salt) = 16),
    sealed_mail BLOB NOT NULL,         -- sealed to this table, row and column
    subject     TEXT NOT NULL,         -- pseudonym: the same person again, unnamed
    groups      TEXT NOT NULL,         -- JSON array of group paths
    valid_until TEXT NOT NULL,         -- the token's own end: no login outlives it
    created_at  TEXT NOT NULL,
    expires_at  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX temporary_login_by_end ON temporary_login (expires_at);

-- Tokens that make no login any more.
CREATE TABLE token_block (
    token      TEXT PRIMARY KEY,  -- 'identity:<hex>' or 'id:<token id>'
    identity   TEXT,              -- hex; shared by all names of one token; NULL: only its id is known
    blocked_at TEXT NOT NULL,
    blocked_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- People with an account.
CREATE TABLE users (
    name          TEXT PRIMARY KEY,
    password_hash TEXT NOT NULL,  -- Argon2id, PHC form
    role          TEXT NOT NULL,  -- admin, operator or auditor
    created_at    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Who may reach what. Rows of origin 'file' follow the configuration file at every start.
CREATE TABLE grants (
    id           TEXT PRIMARY KEY,
    origin       TEXT NOT NULL,  -- file or command
    subject_kind TEXT NOT NULL,  -- group, mail or mail-domain
    subject      TEXT NOT NULL,
    service      TEXT NOT NULL,
    networks     TEXT NOT NULL,  -- JSON array; empty: the whole service
    created_at   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Issuers of the configuration file, and whether a command took one out.
CREATE TABLE issuer (
    fingerprint TEXT PRIMARY KEY,
    origin      TEXT NOT NULL,
    revoked_at  TEXT             -- NULL while believed
) STRICT, WITHOUT ROWID;
