-- What may be taken out of the log again, and the record of it. A program that knows only what was before
-- cannot read events that went.

-- An event that expired has neither body nor salts any more.
ALTER TABLE event ALTER COLUMN salt DROP NOT NULL, ALTER COLUMN body DROP NOT NULL,
    ADD CHECK ((body IS NULL) = (salt IS NULL)), ADD CHECK (body IS NOT NULL OR personal IS NULL);

-- Decisions to take something out: each is carried out piece by piece, and what was not finished is
-- finished later. One at a time.
CREATE TABLE erasure (
    id              text COLLATE "C" PRIMARY KEY,  -- ErasureId
    what            text COLLATE "C" NOT NULL CHECK (what IN ('expiry', 'person')),
    recorded_before text COLLATE "C",              -- of an expiry: what was recorded before then goes
    person          text COLLATE "C",              -- of a person: a pseudonym, the same for the same name
    sealed_names    bytea,                         -- of a person: what they are found by, sealed to this row; NULL once done
    next_position   bigint NOT NULL,               -- how far it is
    end_position    bigint NOT NULL,               -- where it is done
    events          bigint NOT NULL,               -- how many events lost something
    held            bigint NOT NULL,               -- how many stayed because they are held
    began_at        text COLLATE "C" NOT NULL,
    began_by        text COLLATE "C" NOT NULL,     -- os:NAME, or '' for the server
    done_at         text COLLATE "C"               -- NULL while it goes on
);
CREATE UNIQUE INDEX erasure_goes_on_alone ON erasure ((done_at IS NULL)) WHERE done_at IS NULL;

-- Stretches of the log that lost their personal part under an erasure; no two overlap.
CREATE TABLE erased_personal (
    first_position bigint PRIMARY KEY,
    last_position  bigint NOT NULL,
    erasure        text COLLATE "C" NOT NULL,
    CHECK (first_position <= last_position)
);

-- Stretches that lost everything but position, id, times and hashes; no two overlap.
CREATE TABLE erased_whole (
    first_position bigint PRIMARY KEY,
    last_position  bigint NOT NULL,
    erasure        text COLLATE "C" NOT NULL,
    CHECK (first_position <= last_position)
);

-- What must not be taken out, for a reason: events of a person, of a time, or of a person in a time.
CREATE TABLE audit_hold (
    id            text COLLATE "C" PRIMARY KEY,  -- HoldId
    sealed_person bytea,                         -- whom the events name, sealed to this row; NULL: anybody, or released
    since         text COLLATE "C",              -- recorded then or later; NULL: from the beginning
    until         text COLLATE "C",              -- recorded before then; NULL: without end
    sealed_reason bytea,                         -- why, sealed to this row; NULL once released
    created_at    text COLLATE "C" NOT NULL,
    created_by    text COLLATE "C" NOT NULL,
    released_at   text COLLATE "C"               -- NULL while it holds
);

-- The triggers guard against mistakes, not against whoever owns the database. An event loses its parts
-- only under a recorded erasure, and never gets others.
CREATE FUNCTION event_is_only_erased() RETURNS trigger LANGUAGE plpgsql AS '
BEGIN
    IF NEW.position = OLD.position AND NEW.id = OLD.id AND NEW.format_version = OLD.format_version
        AND NEW.instance = OLD.instance AND NEW.occurred_at = OLD.occurred_at AND NEW.recorded_at = OLD.recorded_at
        AND NEW.personal_hash = OLD.personal_hash AND NEW.entry = OLD.entry
        AND NEW.personal IS NULL AND NEW.personal_salt IS NULL
        AND (
            NEW.body IS NULL AND NEW.salt IS NULL
            AND (SELECT last_position FROM erased_whole WHERE first_position <= OLD.position
                ORDER BY first_position DESC LIMIT 1) >= OLD.position
            OR NEW.body IS NOT DISTINCT FROM OLD.body AND NEW.salt IS NOT DISTINCT FROM OLD.salt
            AND (SELECT last_position FROM erased_personal WHERE first_position <= OLD.position
                ORDER BY first_position DESC LIMIT 1) >= OLD.position
        )
    THEN RETURN NEW;
    END IF;
    RAISE EXCEPTION ''the event log is append-only: parts go under a recorded erasure alone'';
END';

DROP TRIGGER event_is_never_changed ON event;
CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
FOR EACH ROW EXECUTE FUNCTION event_is_only_erased();
CREATE TRIGGER event_is_never_deleted BEFORE DELETE OR TRUNCATE ON event
FOR EACH STATEMENT EXECUTE FUNCTION event_is_append_only();

-- What searches look at goes with the body.
CREATE FUNCTION search_is_only_erased() RETURNS trigger LANGUAGE plpgsql AS '
BEGIN
    IF NEW.position = OLD.position AND NEW.recorded_at = OLD.recorded_at
        AND NEW.kind = ''erased'' AND NEW.outcome = ''erased'' AND NEW.service IS NULL AND NEW.who IS NULL
        AND NEW.transaction_id IS NULL AND NEW.reference IS NULL
        AND (SELECT last_position FROM erased_whole WHERE first_position <= OLD.position
            ORDER BY first_position DESC LIMIT 1) >= OLD.position
    THEN RETURN NEW;
    END IF;
    RAISE EXCEPTION ''the event log is append-only: parts go under a recorded erasure alone'';
END';

CREATE TRIGGER search_is_never_changed BEFORE UPDATE ON search
FOR EACH ROW EXECUTE FUNCTION search_is_only_erased();

UPDATE schema_state SET version = 5, oldest_binary = 5;
