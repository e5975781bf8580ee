-- The database of logins as RESIF has it (its own name is resifAuth): static users beside temporary
-- ones. Nothing but the numbers is unique, so whoever writes twice writes double.
CREATE TABLE users (
    user_index serial PRIMARY KEY,
    login      text NOT NULL,
    first_name text,
    last_name  text,
    email      text,
    expires_at timestamp DEFAULT NULL
);
CREATE TABLE credentials (
    user_index integer NOT NULL REFERENCES users,
    password   text,
    wss_hash   text
);
CREATE TABLE epos_fdsn (
    epos       text NOT NULL,
    network    text NOT NULL,
    start_year integer NOT NULL,
    end_year   integer NOT NULL
);
INSERT INTO users (login, first_name, last_name, email, expires_at) VALUES
    ('jane.doe', 'Jane', 'Doe', 'jane@example.org', NULL),
    ('guest', 'Temp', 'EIDA', 'guest@eida', NULL),
    ('STATICLOOKS14', 'Temp', 'EIDA', 'STATICLOOKS14@eida', '2001-01-01'),
    ('AAAAAAAAAAAAAA', 'Temp', 'Worker', 'AAAAAAAAAAAAAA@eida', '2001-01-01'),
    ('BBBBBBBBBBBBBB', 'Temp', 'EIDA', 'b@example.org', '2001-01-01'),
    ('CCCCCCCCCCCCCC', 'Temp', 'EIDA', 'CCCCCCCCCCCCCC@eida', NULL);
INSERT INTO credentials (user_index, wss_hash) SELECT user_index, md5(login || ':FDSN:static') FROM users;
INSERT INTO epos_fdsn VALUES
    ('/epos/alparray', 'Z3', 2015, 2020),
    ('/epos/alparray', '3C', 2019, 2021),
    ('/epos/alparray', 'XX', 1999, 2001),
    ('/epos/demo', 'FR', 1962, 2500);
