-- The log becomes a tree (RFC 6962) whose leaves are the events' entries; see docs/audit-log.md. A program that does not
-- know the tree would append events beside it: it is not served.

-- The tree's right edge: what the next append needs of all that is there.
ALTER TABLE log_head ADD COLUMN edge bytea NOT NULL DEFAULT '';  -- audit_log::Edge of next_position leaves; empty where it has to be made from the events

-- Roots of whole subtrees of 256, 65536, ... leaves. All other nodes are made of these and of the entries when
-- somebody asks for a tile or a proof.
CREATE TABLE log_node (
    level  bigint NOT NULL CHECK (level >= 1),   -- of 256^level leaves
    number bigint NOT NULL CHECK (number >= 0),  -- from the left
    hash   bytea  NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, number)
);

-- Which log this is: the first, or one that was begun after a restored backup had lost what others had seen.
CREATE TABLE log (
    number     bigint PRIMARY KEY CHECK (number >= 1),
    origin     text COLLATE "C" NOT NULL UNIQUE,  -- the first line of its checkpoints
    began_at   text COLLATE "C" NOT NULL,
    took_over  bigint NOT NULL,                   -- how many entries it began with
    old_origin text COLLATE "C",                  -- the log that it goes on from; absent: none
    old_size   bigint,                            -- the newest of that log's checkpoints that is known
    old_root   bytea
);

-- What was signed about the log. Stored before anybody is shown it.
CREATE TABLE checkpoint (
    size      bigint PRIMARY KEY CHECK (size >= 1),
    root      bytea NOT NULL CHECK (length(root) = 32),
    origin    text COLLATE "C" NOT NULL,
    note      text COLLATE "C" NOT NULL,  -- the signed note
    signed_at text COLLATE "C" NOT NULL
);

-- Guards against mistakes, not against whoever owns the database; that is what a checkpoint kept elsewhere is for.
CREATE FUNCTION log_only_grows() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN RAISE EXCEPTION ''what is said of the log is never changed''; END';

CREATE TRIGGER log_node_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON log_node
FOR EACH STATEMENT EXECUTE FUNCTION log_only_grows();
CREATE TRIGGER log_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON log
FOR EACH STATEMENT EXECUTE FUNCTION log_only_grows();
CREATE TRIGGER checkpoint_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoint
FOR EACH STATEMENT EXECUTE FUNCTION log_only_grows();

UPDATE schema_state SET version = 8, oldest_binary = 8;
