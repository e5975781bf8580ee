-- Known machines and known people: nodes, what proves a user besides a password, API tokens, sessions of
-- browsers, keys of our own instead of CKAN's. A program that knows only what was before would let in users who
-- are disabled here: it is not served.
ALTER TABLE users ADD COLUMN disabled_at text COLLATE "C";   -- absent while the account is good
ALTER TABLE users ADD COLUMN role_service text;  -- the one service that the role is for; absent: all of them
-- Before, every user had a password and a role; now '' says: none.

ALTER TABLE grants ADD COLUMN actions text NOT NULL DEFAULT '[]';    -- JSON array; empty: all
ALTER TABLE grants ADD COLUMN resources text NOT NULL DEFAULT '[]';  -- JSON array of types; empty: all
ALTER TABLE grants ADD COLUMN own bigint NOT NULL DEFAULT 0;        -- 1: only what the same node created

ALTER TABLE temporary_login ADD COLUMN sealed_sub bytea;  -- what an OIDC issuer calls the person; absent for signed tokens

-- HTTP Digest of a user: where it was asked for, or imported.
CREATE TABLE user_digest (
    user_name text COLLATE "C" PRIMARY KEY,
    realm text NOT NULL,
    sealed_ha1 bytea NOT NULL,  -- sealed to this row
    origin text NOT NULL CHECK (origin IN ('generated', 'htdigest', 'resif')),
    set_at text COLLATE "C" NOT NULL
);

-- Opaque keys of users for programs. Never the key itself.
CREATE TABLE api_token (
    hash text COLLATE "C" PRIMARY KEY,  -- SHA-256 of the key, in hex
    id text NOT NULL UNIQUE,  -- names it in lists and events, and opens nothing
    user_name text NOT NULL,
    label text NOT NULL,  -- what its owner calls it
    services text NOT NULL,  -- JSON array of names; empty: all
    read_only bigint NOT NULL,  -- 1: opens no changes
    created_at text COLLATE "C" NOT NULL,
    created_by text NOT NULL,
    expires_at text COLLATE "C" NOT NULL,
    last_used_at text COLLATE "C"  -- a minute's grain; absent: never
);
CREATE INDEX api_token_of_user ON api_token (user_name);
CREATE INDEX api_token_by_end ON api_token (expires_at);

-- Browsers that logged in on our page. Never the cookie itself.
CREATE TABLE session (
    hash text COLLATE "C" PRIMARY KEY,  -- SHA-256 of the cookie, in hex
    user_name text NOT NULL,
    created_at text COLLATE "C" NOT NULL,
    last_seen_at text COLLATE "C" NOT NULL,  -- a minute's grain
    expires_at text COLLATE "C" NOT NULL  -- whatever happens
);
CREATE INDEX session_of_user ON session (user_name);
CREATE INDEX session_by_end ON session (expires_at);

-- Machines that may come in.
CREATE TABLE node (
    name text COLLATE "C" PRIMARY KEY,
    roles text NOT NULL,  -- JSON array of 'proxy', 'openhim'
    created_at text COLLATE "C" NOT NULL,
    created_by text NOT NULL,
    revoked_at text COLLATE "C"  -- absent while it may
);

-- What a node is known by; during a renewal it has two.
CREATE TABLE node_credential (
    id text COLLATE "C" PRIMARY KEY,
    node text NOT NULL,
    fingerprint text,  -- SHA-256 of the certificate, in hex: trusted directly
    issuer text,  -- SHA-256 of the authority's name and public key, both DER, in hex: then subject or san says which of its certificates
    subject text,  -- RFC 4514
    san text,  -- 'DNS:...', 'URI:...', 'IP:...', 'email:...'
    certificate bytea,  -- DER, where it was given
    not_after text,  -- the certificate's end, where it was given
    added_at text COLLATE "C" NOT NULL,
    added_by text NOT NULL,
    ends_at text COLLATE "C",  -- the end of an overlap, when it was replaced
    CHECK ((fingerprint IS NULL) <> (issuer IS NULL))
);
CREATE INDEX node_credential_of_node ON node_credential (node);
CREATE UNIQUE INDEX node_credential_by_fingerprint ON node_credential (fingerprint);

-- Which node created what, for grants that open only that.
CREATE TABLE fhir_creation (
    resource text COLLATE "C" PRIMARY KEY,  -- SERVICE, a blank, Type/id
    node text NOT NULL,
    created_at text COLLATE "C" NOT NULL
);

-- Keys of our own in access tokens: what each stands for.
CREATE TABLE opaque_key (
    hash text COLLATE "C" PRIMARY KEY,  -- SHA-256 of the key, in hex
    access_token text NOT NULL UNIQUE,  -- AccessTokenId
    sealed_key bytea NOT NULL,  -- CKAN's own key, sealed to this row
    activated_at text COLLATE "C",  -- absent: dead
    activated_by text,
    binds bigint NOT NULL,  -- 1: to the address range of its first use
    bound_to text,  -- that range
    last_used_at text COLLATE "C"  -- a minute's grain; absent: never
);

-- CKAN's own keys that are still in the field, as they are seen.
CREATE TABLE existing_key (
    pseudonym text COLLATE "C" PRIMARY KEY,  -- a keyed hash: the same key again, nothing to open anything with
    service text NOT NULL,
    first_seen_at text COLLATE "C" NOT NULL,
    last_seen_at text COLLATE "C" NOT NULL,  -- an hour's grain
    last_address text NOT NULL
);

UPDATE schema_state SET version = 4, oldest_binary = 4;
