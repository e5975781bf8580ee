//! What is said to the database of logins, in the names that its tables have there.

use crate::base::resif::Tables;
use crate::store::resif::schema::Columns;

/// Statements, ready to be prepared.
pub(super) struct Sql {
    pub mean: String,
    pub admit: String,
    pub forget_hashes: String,
    pub forget_users: String,
    pub ended: String,
    pub temporary: String,
    pub among: String,
    pub permanent: String,
}

impl Sql {
    /// Writes them for `tables`, whose columns were found to be `u`, `c` and `g`.
    pub fn of(tables: &Tables, u: &Columns, c: &Columns, g: &Columns) -> Self {
        let (users, credentials, groups) =
            (tables.users.table.quoted(), tables.credentials.table.quoted(), tables.epos_fdsn.table.quoted());
        let (index, login, first, last) = (&u["user_index"], &u["login"], &u["first_name"], &u["last_name"]);
        let (email, ends, owner, hash) = (&u["email"], &u["expires_at"], &c["user_index"], &c["hash"]);
        // Nobody else looks like this: no end or another name means somebody static.
        let temporary = format!(
            "(u.{first} = 'Temp' AND u.{last} = 'EIDA' AND u.{email} = u.{login} || '@eida' \
             AND u.{login} ~ '^[A-Z0-9]{{14}}$' AND u.{ends} IS NOT NULL)"
        );
        // The local time that others read as `ends`; in the hour that comes twice, one that they read as
        // earlier, never as later.
        let local = "CASE WHEN w.ends::timestamp::timestamptz > w.ends \
                     THEN w.ends::timestamp - (w.ends::timestamp::timestamptz - w.ends) \
                     ELSE w.ends::timestamp END";
        Self {
            mean: format!(
                "SELECT {group}::text, {network}::text, {start}::int4, {end}::int4 FROM {groups} \
                 WHERE {group} = ANY ($1::text[])",
                group = &g["group"],
                network = &g["network"],
                start = &g["start_year"],
                end = &g["end_year"],
            ),
            // Who is there already is looked for once: `login` need have no index.
            admit: format!(
                "WITH w AS (SELECT login, hash, ends::timestamptz FROM unnest($1::text[], $2::text[], $3::text[]) \
                            AS given (login, hash, ends)), \
                 present AS MATERIALIZED (SELECT u.{index} AS number, u.{login}::text AS login FROM {users} AS u \
                                          WHERE u.{login} = ANY ($1::text[])), \
                 known AS (UPDATE {users} AS u SET {ends} = CASE WHEN u.{ends}::timestamptz < w.ends THEN {local} \
                           ELSE u.{ends} END FROM present JOIN w ON w.login = present.login \
                           WHERE u.{index} = present.number AND {temporary} \
                           RETURNING u.{index} AS number, w.login, w.hash), \
                 made AS (INSERT INTO {users} ({login}, {first}, {last}, {email}, {ends}) \
                          SELECT w.login, 'Temp', 'EIDA', w.login || '@eida', {local} FROM w \
                          WHERE NOT EXISTS (SELECT 1 FROM present WHERE present.login = w.login) \
                          RETURNING {index} AS number, {login} AS login), \
                 hashes AS (INSERT INTO {credentials} ({owner}, {hash}) \
                            SELECT made.number, w.hash FROM made JOIN w ON w.login = made.login \
                            UNION ALL SELECT number, hash FROM known WHERE NOT EXISTS \
                            (SELECT 1 FROM {credentials} AS c WHERE c.{owner} = known.number)), \
                 corrected AS (UPDATE {credentials} AS c SET {hash} = known.hash FROM known \
                               WHERE c.{owner} = known.number AND c.{hash} IS DISTINCT FROM known.hash) \
                 SELECT login::text FROM made UNION ALL SELECT login::text FROM known"
            ),
            forget_hashes: format!(
                "DELETE FROM {credentials} WHERE {owner} IN \
                 (SELECT u.{index} FROM {users} AS u WHERE u.{login} = ANY ($1::text[]) AND {temporary})"
            ),
            forget_users: format!(
                "DELETE FROM {users} AS u WHERE u.{login} = ANY ($1::text[]) AND {temporary} \
                 RETURNING u.{login}::text"
            ),
            ended: format!(
                "SELECT u.{login}::text FROM {users} AS u WHERE u.{ends} < now() AND {temporary} \
                 AND u.{login} <> ALL ($1::text[]) ORDER BY u.{index} LIMIT $2"
            ),
            // Whoever makes logins here makes them for a day.
            temporary: format!(
                "SELECT u.{login}::text, EXISTS (SELECT 1 FROM {credentials} AS c WHERE c.{owner} = u.{index}), \
                 u.{ends} < now(), u.{ends} < now() + interval '23 hours 50 minutes' \
                 FROM {users} AS u WHERE {temporary} AND u.{login} <> ALL ($1::text[]) ORDER BY u.{index}"
            ),
            permanent: format!(
                "SELECT u.{login}::text, c.{hash}::text FROM {users} AS u JOIN {credentials} AS c ON c.{owner} = u.{index} \
                 WHERE {temporary} IS NOT TRUE AND (u.{ends} IS NULL OR u.{ends} > now()) ORDER BY 1"
            ),
            among: format!("SELECT {login}::text FROM {users} WHERE {login} = ANY ($1::text[])"),
        }
    }
}
