-- What was cosigned last of the logs of others (c2sp.org/tlog-witness): a checkpoint of one of them is cosigned only if it
-- continues this. Whoever takes a row out lets that log begin again.
CREATE TABLE witnessed (
    origin       TEXT    NOT NULL PRIMARY KEY,
    size         INTEGER NOT NULL CHECK (size >= 0),
    root         BLOB    NOT NULL CHECK (length(root) = 32),
    note         TEXT    NOT NULL,  -- the checkpoint as it came, with our cosignature
    witnessed_at TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

UPDATE schema_state SET version = 11;
