-- What the operators of eidaws-auth grant it, and nothing else.
GRANT SELECT, INSERT, UPDATE, DELETE ON aut_user TO eidawsauth;
GRANT SELECT ON networks TO eidawsauth;
GRANT SELECT, UPDATE ON SEQUENCE aut_user_user_id_seq TO eidawsauth;
