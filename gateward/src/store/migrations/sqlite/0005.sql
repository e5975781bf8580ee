-- Known machines and known people: nodes, what proves a user besides a password, API tokens, sessions of
-- browsers, keys of our own instead of CKAN's. A program that knows only what was before would let in users who
-- are disabled here: it is not served.
ALTER TABLE users ADD COLUMN disabled_at TEXT;   -- absent while the account is good
ALTER TABLE users ADD COLUMN role_service TEXT;  -- the one service that the role is for; absent: all of them
-- Before, every user had a password and a role; now '' says: none.

ALTER TABLE grants ADD COLUMN actions TEXT NOT NULL DEFAULT '[]';    -- JSON array; empty: all
ALTER TABLE grants ADD COLUMN resources TEXT NOT NULL DEFAULT '[]';  -- JSON array of types; empty: all
ALTER TABLE grants ADD COLUMN own INTEGER NOT NULL DEFAULT 0;        -- 1: only what the same node created

ALTER TABLE temporary_login ADD COLUMN sealed_sub BLOB;  -- what an OIDC issuer calls the person; absent for signed tokens

-- HTTP Digest of a user: where it was asked for, or imported.
CREATE TABLE user_digest (
    user_name TEXT PRIMARY KEY,
    realm TEXT NOT NULL,
    sealed_ha1 BLOB NOT NULL,  -- sealed to this row
    origin TEXT NOT NULL CHECK (origin IN ('generated', 'htdigest', 'resif')),
    set_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Opaque keys of users for programs. Never the key itself.
CREATE TABLE api_token (
    hash TEXT PRIMARY KEY,  -- SHA-256 of the key, in hex
    id TEXT NOT NULL UNIQUE,  -- names it in lists and events, and opens nothing
    user_name TEXT NOT NULL,
    label TEXT NOT NULL,  -- what its owner calls it
    services TEXT NOT NULL,  -- JSON array of names; empty: all
    read_only INTEGER NOT NULL,  -- 1: opens no changes
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    last_used_at TEXT  -- a minute's grain; absent: never
) STRICT, WITHOUT ROWID;
CREATE INDEX api_token_of_user ON api_token (user_name);
CREATE INDEX api_token_by_end ON api_token (expires_at);

-- Browsers that logged in on our page. Never the cookie itself.
CREATE TABLE session (
    hash TEXT PRIMARY KEY,  -- SHA-256 of the cookie, in hex
    user_name TEXT NOT NULL,
    created_at TEXT NOT NULL,
    last_seen_at TEXT NOT NULL,  -- a minute's grain
    expires_at TEXT NOT NULL  -- whatever happens
) STRICT, WITHOUT ROWID;
CREATE INDEX session_of_user ON session (user_name);
CREATE INDEX session_by_end ON session (expires_at);

-- Machines that may come in.
CREATE TABLE node (
    name TEXT PRIMARY KEY,
    roles TEXT NOT NULL,  -- JSON array of 'proxy', 'openhim'
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL,
    revoked_at TEXT  -- absent while it may
) STRICT, WITHOUT ROWID;

-- What a node is known by; during a renewal it has two.
CREATE TABLE node_credential (
    id TEXT PRIMARY KEY,
    node TEXT NOT NULL,
    fingerprint TEXT,  -- SHA-256 of the certificate, in hex: trusted directly
    issuer TEXT,  -- SHA-256 of the authority's name and public key, both DER, in hex: then subject or san says which of its certificates
    subject TEXT,  -- RFC 4514
    san TEXT,  -- 'DNS:...', 'URI:...', 'IP:...', 'email:...'
    certificate BLOB,  -- DER, where it was given
    not_after TEXT,  -- the certificate's end, where it was given
    added_at TEXT NOT NULL,
    added_by TEXT NOT NULL,
    ends_at TEXT,  -- the end of an overlap, when it was replaced
    CHECK ((fingerprint IS NULL) <> (issuer IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX node_credential_of_node ON node_credential (node);
CREATE UNIQUE INDEX node_credential_by_fingerprint ON node_credential (fingerprint);

-- Which node created what, for grants that open only that.
CREATE TABLE fhir_creation (
    resource TEXT PRIMARY KEY,  -- SERVICE, a blank, Type/id
    node TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Keys of our own in access tokens: what each stands for.
CREATE TABLE opaque_key (
    hash TEXT PRIMARY KEY,  -- SHA-256 of the key, in hex
    access_token TEXT NOT NULL UNIQUE,  -- AccessTokenId
    sealed_key BLOB NOT NULL,  -- CKAN's own key, sealed to this row
    activated_at TEXT,  -- absent: dead
    activated_by TEXT,
    binds INTEGER NOT NULL,  -- 1: to the address range of its first use
    bound_to TEXT,  -- that range
    last_used_at TEXT  -- a minute's grain; absent: never
) STRICT, WITHOUT ROWID;

-- CKAN's own keys that are still in the field, as they are seen.
CREATE TABLE existing_key (
    pseudonym TEXT PRIMARY KEY,  -- a keyed hash: the same key again, nothing to open anything with
    service TEXT NOT NULL,
    first_seen_at TEXT NOT NULL,
    last_seen_at TEXT NOT NULL,  -- an hour's grain
    last_address TEXT NOT NULL
) STRICT, WITHOUT ROWID;

UPDATE schema_state SET version = 5, oldest_binary = 5;
