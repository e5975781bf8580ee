//! What goes into a backup, against the programs that read it: `pg_restore`, `psql`, Debian's tar, `sqlite3`.

mod databases;
mod folders;
mod jobs;
