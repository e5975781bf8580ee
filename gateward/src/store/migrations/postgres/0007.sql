-- What searches through the FHIR interface look at. Made from `event` alone in the background, and
-- rebuildable from it: delete all of `audit_term` and set `next_position` to 0.
CREATE TABLE audit_term (
    term     bigint NOT NULL,  -- 6 bytes of a keyed hash of parameter and value: tells nothing without the keyring
    at_us    bigint NOT NULL,  -- AuditEvent.recorded, microseconds since 1970
    position bigint NOT NULL,  -- of the event
    part     bigint NOT NULL,  -- which of the AuditEvents that it is told as, from 0
    PRIMARY KEY (term, at_us, position, part)
);
CREATE INDEX audit_term_by_position ON audit_term (position);

-- How far it has come.
CREATE TABLE audit_index (
    one           bigint PRIMARY KEY CHECK (one = 1),
    next_position bigint NOT NULL  -- every event before it is there
);
INSERT INTO audit_index VALUES (1, 0);

-- Stretches of events of which a part was erased: what is left of them is to be indexed anew.
CREATE TABLE audit_again (
    first_position bigint NOT NULL,
    last_position  bigint NOT NULL,
    PRIMARY KEY (first_position, last_position)
);

UPDATE schema_state SET version = 7;
