-- The database of networks as RESIF has it (its own name is resifInv-Prod). It does not know the
-- years 1999 to 2001 of XX.
CREATE TABLE networks (
    network_id  bigserial PRIMARY KEY,
    network     text NOT NULL,
    start_year  integer NOT NULL,
    end_year    integer NOT NULL,
    description text
);
CREATE TABLE aut_user (
    user_id    serial PRIMARY KEY,
    network_id bigint DEFAULT 0 REFERENCES networks (network_id) ON DELETE SET DEFAULT,
    network    text NOT NULL,
    start_year integer NOT NULL DEFAULT 0,
    end_year   integer NOT NULL DEFAULT 0,
    name       text NOT NULL,
    UNIQUE (network, start_year, end_year, name)
);
INSERT INTO networks (network_id, network, start_year, end_year) VALUES
    (0, '', 0, 0), (11, 'FR', 1962, 2500), (12, 'Z3', 2015, 2020), (13, '3C', 2019, 2021),
    (14, 'XX', 2014, 2016);
INSERT INTO aut_user (network_id, network, start_year, end_year, name) VALUES
    (11, 'FR', 1962, 2500, 'jane.doe'), (12, 'Z3', 2015, 2020, 'jane.doe'),
    (12, 'Z3', 2015, 2020, 'CCCCCCCCCCCCCC'), (12, 'Z3', 2015, 2020, 'AAAAAAAAAAAAAA');
