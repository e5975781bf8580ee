-- What was cosigned last of the logs of others (c2sp.org/tlog-witness): a checkpoint of one of them is cosigned only if it
-- continues this. Whoever takes a row out lets that log begin again.
CREATE TABLE witnessed (
    origin       text COLLATE "C" NOT NULL PRIMARY KEY,
    size         bigint NOT NULL CHECK (size >= 0),
    root         bytea NOT NULL CHECK (length(root) = 32),
    note         text COLLATE "C" NOT NULL,  -- the checkpoint as it came, with our cosignature
    witnessed_at text COLLATE "C" NOT NULL
);

UPDATE schema_state SET version = 10;
