-- Searches by who, and the policy of the configuration file that is in force. A program that knows
-- only the first schema works on this one, too.

CREATE INDEX search_by_who ON search (who, position) WHERE who IS NOT NULL;

-- What the last server to start read in its configuration file; another that read something else
-- lets nobody in.
CREATE TABLE file_policy (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    digest    TEXT NOT NULL,  -- SHA-256 of the settings that decide who may reach what, hex
    stated_at TEXT NOT NULL,
    stated_by TEXT NOT NULL   -- InstanceId
) STRICT;

UPDATE schema_state SET version = 2;
