//! Static users of a RESIF database become users here, with the passwords that they have.

use super::databases::Databases;
use super::gnupg::Gnupg;
use super::installation::Installation;
use super::server::Server;

#[test]
fn static_users_log_in_here_as_they_do_there_and_temporary_ones_are_left_alone() {
    let (databases, gnupg) = (Databases::new(), Gnupg::new());
    let issuer = gnupg.issuer();
    let md5 = |text: &str| format!("md5('{text}')");
    let static_user = |login: &str, ends: &str, hash: &str| {
        databases.in_auth(&format!(
            "WITH made AS (INSERT INTO users (login, first_name, last_name, email, expires_at) VALUES \
             ('{login}', 'A', 'B', 'a@example.org', {ends}) RETURNING user_index) \
             INSERT INTO credentials (user_index, wss_hash) SELECT user_index, {hash} FROM made"
        ));
    };
    static_user("ann", "NULL", &md5("ann:FDSN:of ann"));
    static_user("gone", "now() - interval '1 day'", &md5("gone:FDSN:of gone"));
    let installation = Installation::believing(&issuer);
    installation.append(&databases.configuration());
    installation.append("[[grant]]\nuser = \"ann\"\nservice = \"files\"\n");
    let before = databases.users();
    // One of the static users there has a name that a login could have.
    let refused = installation.command(&["user", "import", "--resif"]);
    assert_eq!(refused.status, 1, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("CCCCCCCCCCCCCC has the form of a temporary login"),
        "{}",
        refused.stderr
    );
    let import = ["user", "import", "--resif", "--leave-out", "CCCCCCCCCCCCCC"];
    let imported = installation.json(&import);
    let names: Vec<_> = imported.iter().map(|one| one["user"].as_str().unwrap()).collect();
    assert!(names.contains(&"ann") && !names.contains(&"gone"), "{names:?}");
    assert!(imported.iter().all(|one| one["digest"] == "resif"));
    assert_eq!(databases.users(), before, "nothing is changed there");
    let server = Server::start(installation);
    let path = "/files/restricted.txt";
    assert_eq!(server.curl(path, &["--digest", "--user", "ann:of ann"], b"").status, 200);
    assert_eq!(server.curl(path, &["--digest", "--user", "ann:wrong"], b"").status, 401);
    let again = server.command(&import);
    assert_eq!(again.status, 1);
    assert!(again.stderr.contains("the name ann is taken"), "{}", again.stderr);
}
