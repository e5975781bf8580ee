-- What may be taken out of the log again, and the record of it. A program that knows only what was before
-- cannot read events that went.

-- An event that expired has neither body nor salts any more. To let a column be empty that could not be
-- changes nothing of what is on the disk, so the text of the table's definition is changed and no row is
-- copied (https://sqlite.org/lang_altertable.html#otheralter, the procedure for that case). Whatever is
-- created below in the same transaction makes every other connection read the definition again.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(replace(replace(sql,
    'salt           BLOB    NOT NULL CHECK (length(salt) = 16),',
    'salt           BLOB    CHECK (length(salt) = 16),          -- NULL once the whole event is erased'),
    'body           TEXT    NOT NULL, ', 'body           TEXT,          '),
    'CHECK ((personal IS NULL) = (personal_salt IS NULL))',
    'CHECK ((personal IS NULL) = (personal_salt IS NULL)), CHECK ((body IS NULL) = (salt IS NULL)),
    CHECK (body IS NOT NULL OR personal IS NULL)')
WHERE type = 'table' AND name = 'event';
PRAGMA writable_schema = RESET;

-- Decisions to take something out: each is carried out piece by piece, and what was not finished is
-- finished later. One at a time.
CREATE TABLE erasure (
    id              TEXT    PRIMARY KEY,  -- ErasureId
    what            TEXT    NOT NULL CHECK (what IN ('expiry', 'person')),
    recorded_before TEXT,                 -- of an expiry: what was recorded before then goes
    person          TEXT,                 -- of a person: a pseudonym, the same for the same name
    sealed_names    BLOB,                 -- of a person: what they are found by, sealed to this row; NULL once done
    next_position   INTEGER NOT NULL,     -- how far it is
    end_position    INTEGER NOT NULL,     -- where it is done
    events          INTEGER NOT NULL,     -- how many events lost something
    held            INTEGER NOT NULL,     -- how many stayed because they are held
    began_at        TEXT    NOT NULL,
    began_by        TEXT    NOT NULL,     -- os:NAME, or '' for the server
    done_at         TEXT                  -- NULL while it goes on
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX erasure_goes_on_alone ON erasure ((done_at IS NULL)) WHERE done_at IS NULL;

-- Stretches of the log that lost their personal part under an erasure; no two overlap.
CREATE TABLE erased_personal (
    first_position INTEGER PRIMARY KEY,
    last_position  INTEGER NOT NULL,
    erasure        TEXT    NOT NULL,
    CHECK (first_position <= last_position)
) STRICT;

-- Stretches that lost everything but position, id, times and hashes; no two overlap.
CREATE TABLE erased_whole (
    first_position INTEGER PRIMARY KEY,
    last_position  INTEGER NOT NULL,
    erasure        TEXT    NOT NULL,
    CHECK (first_position <= last_position)
) STRICT;

-- What must not be taken out, for a reason: events of a person, of a time, or of a person in a time.
CREATE TABLE audit_hold (
    id            TEXT PRIMARY KEY,  -- HoldId
    sealed_person BLOB,              -- whom the events name, sealed to this row; NULL: anybody, or released
    since         TEXT,              -- recorded then or later; NULL: from the beginning
    until         TEXT,              -- recorded before then; NULL: without end
    sealed_reason BLOB,              -- why, sealed to this row; NULL once released
    created_at    TEXT NOT NULL,
    created_by    TEXT NOT NULL,
    released_at   TEXT               -- NULL while it holds
) STRICT, WITHOUT ROWID;

-- The triggers guard against mistakes, not against whoever owns the file. An event loses its parts only
-- under a recorded erasure, and never gets others.
DROP TRIGGER event_is_never_changed;
CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
WHEN NOT (
    NEW.position = OLD.position AND NEW.id = OLD.id AND NEW.format_version = OLD.format_version
    AND NEW.instance = OLD.instance AND NEW.occurred_at = OLD.occurred_at AND NEW.recorded_at = OLD.recorded_at
    AND NEW.personal_hash = OLD.personal_hash AND NEW.entry = OLD.entry
    AND NEW.personal IS NULL AND NEW.personal_salt IS NULL
    AND (
        EXISTS (SELECT 1 FROM erased_whole WHERE last_position >= OLD.position AND first_position =
            (SELECT max(first_position) FROM erased_whole WHERE first_position <= OLD.position))
        AND NEW.body IS NULL AND NEW.salt IS NULL
        OR EXISTS (SELECT 1 FROM erased_personal WHERE last_position >= OLD.position AND first_position =
            (SELECT max(first_position) FROM erased_personal WHERE first_position <= OLD.position))
        AND NEW.body IS OLD.body AND NEW.salt IS OLD.salt
    )
)
BEGIN SELECT RAISE(ABORT, 'the event log is append-only: parts go under a recorded erasure alone'); END;

-- What searches look at goes with the body.
CREATE TRIGGER search_is_never_changed BEFORE UPDATE ON search
WHEN NOT (
    NEW.position = OLD.position AND NEW.recorded_at = OLD.recorded_at
    AND NEW.kind = 'erased' AND NEW.outcome = 'erased' AND NEW.service IS NULL AND NEW.who IS NULL
    AND NEW.transaction_id IS NULL AND NEW.reference IS NULL
    AND EXISTS (SELECT 1 FROM erased_whole WHERE last_position >= OLD.position AND first_position =
        (SELECT max(first_position) FROM erased_whole WHERE first_position <= OLD.position))
)
BEGIN SELECT RAISE(ABORT, 'the event log is append-only: parts go under a recorded erasure alone'); END;

UPDATE schema_state SET version = 6, oldest_binary = 6;
