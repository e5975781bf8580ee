-- Access tokens (`.dcor-access`) that were made. A program that knows only what was before works on this
-- schema, but ends none of them. Never a key, never a passphrase.
CREATE TABLE access_token (
    id TEXT PRIMARY KEY,  -- AccessTokenId; the name of its key in CKAN holds it
    user_name TEXT NOT NULL,  -- CkanUser
    host TEXT NOT NULL,  -- what it opens: the common name of the certificate
    ckan TEXT,  -- where its key is listed and can be revoked; absent: it was given to us
    key_kind TEXT CHECK (key_kind IN ('jwt', 'uuid', 'opaque')),  -- absent until there is one
    jti TEXT,  -- CKAN's id of the key: it names it, and opens nothing
    certificate TEXT NOT NULL,  -- SHA-256 in hex of what its reader pins
    certificate_ends TEXT NOT NULL,
    form TEXT NOT NULL CHECK (form IN ('zip', 'pgp', 'inner')),
    recipient BLOB,  -- its user's OpenPGP key, as it was given
    sealed_person BLOB NOT NULL,  -- JSON of name, mail and language, sealed to this row
    file TEXT NOT NULL,  -- where it was written
    file_sha256 TEXT,  -- in hex; absent until it lies whole
    state TEXT NOT NULL CHECK (state IN ('making', 'issued', 'ending', 'ended')),
    because TEXT CHECK (because IN ('revoked', 'expired', 'not-made')),  -- why it ends
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL,  -- os:NAME
    expires_at TEXT NOT NULL,
    replaced_by TEXT  -- the AccessTokenId that took its place
) STRICT, WITHOUT ROWID;
-- What is due is looked for every minute, and is little.
CREATE INDEX access_token_alive ON access_token (expires_at) WHERE state <> 'ended';
CREATE INDEX access_token_of_user ON access_token (user_name);
CREATE INDEX access_token_of_file ON access_token (file_sha256);

UPDATE schema_state SET version = 4;
