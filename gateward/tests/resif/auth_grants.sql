-- What the operators of eidaws-auth grant it, with what they forget: epos_fdsn. Nothing else.
GRANT SELECT, INSERT, UPDATE, DELETE ON users, credentials TO eidawsauth;
GRANT SELECT, UPDATE ON SEQUENCE users_user_index_seq TO eidawsauth;
GRANT SELECT ON epos_fdsn TO eidawsauth;
