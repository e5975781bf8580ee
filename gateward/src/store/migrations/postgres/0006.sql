-- Where events are sent as well: how far each place has them, and which server sends them there.
CREATE TABLE feed (
    name text COLLATE "C" PRIMARY KEY,  -- the place: syslog+tls://HOST:PORT and the like
    position bigint NOT NULL CHECK (position >= 0),  -- of the first event that it does not have yet
    updated_at text COLLATE "C" NOT NULL,  -- when that was last known
    failing_since text COLLATE "C",  -- absent while it takes them
    last_error text,
    holder text,  -- InstanceId of the server that sends; it has until lease_until
    lease_until text COLLATE "C"
);

UPDATE schema_state SET version = 6;
