-- Temporary logins that stand in other databases, too (RESIF's), and how far we came with each. A
-- program that knows only what was before works on this schema, but writes to no other database.
-- No foreign key to temporary_login: a row stays when its login goes, and says so what is to be
-- taken away there.
CREATE TABLE placement (
    login      text COLLATE "C" PRIMARY KEY,  -- LoginName
    state      text NOT NULL CHECK (state IN ('pending', 'active', 'leaving')),
    since      text COLLATE "C" NOT NULL,     -- when it came to be so
    expires_at text COLLATE "C" NOT NULL      -- the end that stands there, or shall
);
CREATE INDEX placement_by_state ON placement (state, since);

UPDATE schema_state SET version = 2;
