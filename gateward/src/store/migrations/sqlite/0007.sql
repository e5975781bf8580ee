-- Where events are sent as well: how far each place has them, and which server sends them there.
CREATE TABLE feed (
    name TEXT PRIMARY KEY,  -- the place: syslog+tls://HOST:PORT and the like
    position INTEGER NOT NULL CHECK (position >= 0),  -- of the first event that it does not have yet
    updated_at TEXT NOT NULL,  -- when that was last known
    failing_since TEXT,  -- absent while it takes them
    last_error TEXT,
    holder TEXT,  -- InstanceId of the server that sends; it has until lease_until
    lease_until TEXT
) STRICT, WITHOUT ROWID;

UPDATE schema_state SET version = 7;
