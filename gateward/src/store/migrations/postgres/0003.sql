-- Access tokens (`.dcor-access`) that were made. A program that knows only what was before works on this
-- schema, but ends none of them. Never a key, never a passphrase.
CREATE TABLE access_token (
    id text COLLATE "C" PRIMARY KEY,  -- AccessTokenId; the name of its key in CKAN holds it
    user_name text NOT NULL,  -- CkanUser
    host text NOT NULL,  -- what it opens: the common name of the certificate
    ckan text,  -- where its key is listed and can be revoked; absent: it was given to us
    key_kind text CHECK (key_kind IN ('jwt', 'uuid', 'opaque')),  -- absent until there is one
    jti text,  -- CKAN's id of the key: it names it, and opens nothing
    certificate text NOT NULL,  -- SHA-256 in hex of what its reader pins
    certificate_ends text COLLATE "C" NOT NULL,
    form text NOT NULL CHECK (form IN ('zip', 'pgp', 'inner')),
    recipient bytea,  -- its user's OpenPGP key, as it was given
    sealed_person bytea NOT NULL,  -- JSON of name, mail and language, sealed to this row
    file text NOT NULL,  -- where it was written
    file_sha256 text,  -- in hex; absent until it lies whole
    state text NOT NULL CHECK (state IN ('making', 'issued', 'ending', 'ended')),
    because text CHECK (because IN ('revoked', 'expired', 'not-made')),  -- why it ends
    created_at text COLLATE "C" NOT NULL,
    created_by text NOT NULL,  -- os:NAME
    expires_at text COLLATE "C" NOT NULL,
    replaced_by text  -- the AccessTokenId that took its place
);
-- What is due is looked for every minute, and is little.
CREATE INDEX access_token_alive ON access_token (expires_at) WHERE state <> 'ended';
CREATE INDEX access_token_of_user ON access_token (user_name);
CREATE INDEX access_token_of_file ON access_token (file_sha256);

UPDATE schema_state SET version = 3;
