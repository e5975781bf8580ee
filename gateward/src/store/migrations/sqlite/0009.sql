-- The log becomes a tree (RFC 6962) whose leaves are the events' entries; see docs/audit-log.md. A program that does not
-- know the tree would append events beside it: it is not served.

-- The end of the log, with the tree's right edge: what the next append needs of all that is there.
CREATE TABLE log_head (
    one           INTEGER PRIMARY KEY CHECK (one = 1),
    next_position INTEGER NOT NULL,
    recorded_at   TEXT    NOT NULL,  -- of the newest event
    turn          INTEGER NOT NULL,  -- moved by a commit that only looks what another left
    edge          BLOB    NOT NULL   -- audit_log::Edge of next_position leaves; empty where it has to be made from the events
) STRICT;
INSERT INTO log_head
SELECT 1, coalesce(max(position) + 1, 0), coalesce(max(recorded_at), '0001-01-01T00:00:00.000000Z'), 0, x'' FROM event;

-- Roots of whole subtrees of 256, 65536, ... leaves. All other nodes are made of these and of the entries when
-- somebody asks for a tile or a proof.
CREATE TABLE log_node (
    level  INTEGER NOT NULL CHECK (level >= 1),   -- of 256^level leaves
    number INTEGER NOT NULL CHECK (number >= 0),  -- from the left
    hash   BLOB    NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, number)
) STRICT, WITHOUT ROWID;

-- Which log this is: the first, or one that was begun after a restored backup had lost what others had seen.
CREATE TABLE log (
    number     INTEGER PRIMARY KEY CHECK (number >= 1),
    origin     TEXT    NOT NULL UNIQUE,  -- the first line of its checkpoints
    began_at   TEXT    NOT NULL,
    took_over  INTEGER NOT NULL,         -- how many entries it began with
    old_origin TEXT,                     -- the log that it goes on from; absent: none
    old_size   INTEGER,                  -- the newest of that log's checkpoints that is known
    old_root   BLOB
) STRICT;

-- What was signed about the log. Stored before anybody is shown it.
CREATE TABLE checkpoint (
    size      INTEGER PRIMARY KEY CHECK (size >= 1),
    root      BLOB NOT NULL CHECK (length(root) = 32),
    origin    TEXT NOT NULL,
    note      TEXT NOT NULL,  -- the signed note
    signed_at TEXT NOT NULL
) STRICT;

-- Guards against mistakes, not against whoever owns the file; that is what a checkpoint kept elsewhere is for.
CREATE TRIGGER log_node_is_never_changed BEFORE UPDATE ON log_node
BEGIN SELECT RAISE(ABORT, 'the tree of the log only grows'); END;
CREATE TRIGGER log_node_is_never_deleted BEFORE DELETE ON log_node
BEGIN SELECT RAISE(ABORT, 'the tree of the log only grows'); END;
CREATE TRIGGER log_is_never_changed BEFORE UPDATE ON log
BEGIN SELECT RAISE(ABORT, 'what is said of the log is never changed'); END;
CREATE TRIGGER log_is_never_deleted BEFORE DELETE ON log
BEGIN SELECT RAISE(ABORT, 'what is said of the log is never changed'); END;
CREATE TRIGGER checkpoint_is_never_changed BEFORE UPDATE ON checkpoint
BEGIN SELECT RAISE(ABORT, 'a checkpoint is never changed'); END;
CREATE TRIGGER checkpoint_is_never_deleted BEFORE DELETE ON checkpoint
BEGIN SELECT RAISE(ABORT, 'a checkpoint is never changed'); END;

UPDATE schema_state SET version = 9, oldest_binary = 9;
