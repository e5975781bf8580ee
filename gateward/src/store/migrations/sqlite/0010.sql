-- Events that a place will never take are left out there, so that they hold up nobody: how many there were.
ALTER TABLE feed ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;

UPDATE schema_state SET version = 10;
