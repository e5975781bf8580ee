-- The same tables as SQLite's, with what only PostgreSQL needs. Text is compared byte by byte
-- (COLLATE "C"), so that times sort as they do there whatever the database's locale. Times are
-- RFC 3339 in UTC with six fraction digits: they sort as text. `users` and `grants` are plural
-- because USER and GRANT are words of SQL.

-- The oldest program that this schema serves: an older one refuses to start on it.
CREATE TABLE schema_state (
    one           bigint PRIMARY KEY CHECK (one = 1),
    version       bigint NOT NULL,  -- of the newest migration that ran
    oldest_binary bigint NOT NULL   -- newest migration that the oldest program served knows
);
INSERT INTO schema_state VALUES (1, 1, 1);

-- The database's clock, by which all machines decide and record.
CREATE FUNCTION gateward_now() RETURNS text LANGUAGE sql VOLATILE
RETURN to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

-- The end of the log. Whoever writes locks this row first: that is the one order of all machines.
-- It is changed with every commit, on its own page.
CREATE TABLE log_head (
    one           bigint PRIMARY KEY CHECK (one = 1),
    next_position bigint NOT NULL,
    recorded_at   text COLLATE "C" NOT NULL,  -- of the newest event
    turn          bigint NOT NULL             -- moved by a commit that only looks what another left
) WITH (fillfactor = 10);
INSERT INTO log_head VALUES (1, 0, '0001-01-01T00:00:00.000000Z', 0);

-- Moves whenever somebody's rights may have shrunk, or policy changed at all. Whoever decides
-- notes it; the writer refuses what was decided under another value.
CREATE TABLE revocation (
    one     bigint PRIMARY KEY CHECK (one = 1),
    counter bigint NOT NULL
);
INSERT INTO revocation VALUES (1, 1);

-- What happened. Append-only: the trigger guards against mistakes, not against whoever owns the
-- database; that is what a head kept elsewhere is for.
CREATE TABLE event (
    position       bigint PRIMARY KEY CHECK (position >= 0),  -- from 0, without gaps
    id             text COLLATE "C" NOT NULL UNIQUE,          -- EventId, made before the write
    format_version bigint NOT NULL,                           -- audit_log::FORMAT_VERSION
    instance       text COLLATE "C" NOT NULL,                 -- InstanceId that wrote it
    occurred_at    text COLLATE "C" NOT NULL,                 -- the caller's clock
    recorded_at    text COLLATE "C" NOT NULL,                 -- the database's, never before its predecessor
    salt           bytea NOT NULL CHECK (length(salt) = 16),
    body           text COLLATE "C" NOT NULL,                 -- canonical JSON, nothing personal
    personal_salt  bytea CHECK (length(personal_salt) = 16),  -- NULL once the part is erased
    personal       text COLLATE "C",                          -- canonical JSON; NULL once erased
    personal_hash  bytea NOT NULL CHECK (length(personal_hash) = 32), -- stays, so that entry can be recomputed
    entry          bytea NOT NULL CHECK (length(entry) = 32),         -- audit_log::Event::entry
    CHECK ((personal IS NULL) = (personal_salt IS NULL))
);

CREATE FUNCTION event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN RAISE EXCEPTION ''the event log is append-only''; END';

CREATE TRIGGER event_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON event
FOR EACH STATEMENT EXECUTE FUNCTION event_is_append_only();

-- What searches look at; made from `event` alone, and rebuildable from it.
CREATE TABLE search (
    position       bigint PRIMARY KEY,
    recorded_at    text COLLATE "C" NOT NULL,
    kind           text COLLATE "C" NOT NULL,
    outcome        text COLLATE "C" NOT NULL,  -- done, refused or failed
    service        text COLLATE "C",
    who            text COLLATE "C",           -- temporary login, user, or operating-system user
    transaction_id text COLLATE "C",
    reference      text COLLATE "C"            -- what a refused caller was given
);
CREATE INDEX search_by_time ON search (recorded_at, position);
CREATE INDEX search_by_who ON search (who, position) WHERE who IS NOT NULL;
CREATE INDEX search_by_transaction ON search (transaction_id) WHERE transaction_id IS NOT NULL;
CREATE INDEX search_by_reference ON search (reference) WHERE reference IS NOT NULL;

-- What the last server to start read in its configuration file; another that read something else
-- lets nobody in.
CREATE TABLE file_policy (
    one       bigint PRIMARY KEY CHECK (one = 1),
    digest    text COLLATE "C" NOT NULL,  -- SHA-256 of the settings that decide who may reach what, hex
    stated_at text COLLATE "C" NOT NULL,
    stated_by text COLLATE "C" NOT NULL   -- InstanceId
);

-- Running programs. What a lapsed one left open is closed by whoever notices.
CREATE TABLE instance (
    id          text COLLATE "C" PRIMARY KEY,
    started_at  text COLLATE "C" NOT NULL,
    lease_until text COLLATE "C" NOT NULL
);

-- Transactions that were admitted and have not ended.
CREATE TABLE open_transaction (
    id        text COLLATE "C" PRIMARY KEY,
    instance  text COLLATE "C" NOT NULL,
    service   text COLLATE "C" NOT NULL,
    who       text COLLATE "C" NOT NULL,
    opened_at text COLLATE "C" NOT NULL
);
CREATE INDEX open_transaction_by_instance ON open_transaction (instance);

-- Accounts made from signed tokens. Neither password nor Digest's HA1 is here: the password is a
-- keyed hash over salt and token identity, and its key lies outside the database.
CREATE TABLE temporary_login (
    login       text COLLATE "C" PRIMARY KEY,  -- LoginName
    identity    bytea NOT NULL UNIQUE,         -- TokenIdentity: one login per signed text, however spelled
    issuer      text COLLATE "C" NOT NULL,     -- fingerprint of the OpenPGP key
    token_ids   text COLLATE "C" NOT NULL,     -- all spellings' ids as SeisComP counts them, a blank between
    key_id      text COLLATE "C" NOT NULL,     -- key of the keyring that the password is made with
    salt        bytea NOT NULL CHECK (length(salt) = 16),
    sealed_mail bytea NOT NULL,                -- sealed to this table, row and column
    subject     text COLLATE "C" NOT NULL,     -- pseudonym: the same person again, unnamed
    groups      text COLLATE "C" NOT NULL,     -- JSON array of group paths
    valid_until text COLLATE "C" NOT NULL,     -- the token's own end: no login outlives it
    created_at  text COLLATE "C" NOT NULL,
    expires_at  text COLLATE "C" NOT NULL
);
CREATE INDEX temporary_login_by_end ON temporary_login (expires_at);

-- Tokens that make no login any more.
CREATE TABLE token_block (
    token      text COLLATE "C" PRIMARY KEY,  -- 'identity:<hex>' or 'id:<token id>'
    identity   text COLLATE "C",              -- hex; shared by all names of one token; NULL: only its id is known
    blocked_at text COLLATE "C" NOT NULL,
    blocked_by text COLLATE "C" NOT NULL
);

-- People with an account.
CREATE TABLE users (
    name          text COLLATE "C" PRIMARY KEY,
    password_hash text COLLATE "C" NOT NULL,  -- Argon2id, PHC form
    role          text COLLATE "C" NOT NULL,  -- admin, operator or auditor
    created_at    text COLLATE "C" NOT NULL
);

-- Who may reach what. Rows of origin 'file' follow the configuration file at every start.
CREATE TABLE grants (
    id           text COLLATE "C" PRIMARY KEY,
    origin       text COLLATE "C" NOT NULL,  -- file or command
    subject_kind text COLLATE "C" NOT NULL,  -- group, mail or mail-domain
    subject      text COLLATE "C" NOT NULL,
    service      text COLLATE "C" NOT NULL,
    networks     text COLLATE "C" NOT NULL,  -- JSON array; empty: the whole service
    created_at   text COLLATE "C" NOT NULL
);

-- Issuers of the configuration file, and whether a command took one out.
CREATE TABLE issuer (
    fingerprint text COLLATE "C" PRIMARY KEY,
    origin      text COLLATE "C" NOT NULL,
    revoked_at  text COLLATE "C"             -- NULL while believed
);
