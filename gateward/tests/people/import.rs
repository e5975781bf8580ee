//! Users who keep the passwords that they have elsewhere.

use std::process::Command;

use super::people::{FILES, PAPERS, URLLIB, installation, python_asks};
use super::server::Server;
use super::tools::run;

/// A file that Apache's own program makes.
fn htdigest(folder: &std::path::Path, realm: &str, users: &[(&str, &str)]) -> String {
    let file = folder.join("htdigest");
    for (at, (name, password)) in users.iter().enumerate() {
        let mut command = Command::new("htdigest");
        if at == 0 {
            command.arg("-c");
        }
        run(command.arg(&file).args([realm, name]), format!("{password}\n{password}\n").as_bytes()).good();
    }
    file.to_str().unwrap().to_owned()
}

#[test]
fn users_of_a_file_of_apache_s_go_on_with_their_passwords() {
    let installation = installation();
    let file = htdigest(installation.path(), "FDSN", &[("ann", "secret"), ("bob", "of bob")]);
    let imported = installation.json(&["user", "import", "--htdigest", &file]);
    assert_eq!(imported.len(), 2);
    assert_eq!((&imported[0]["user"], &imported[0]["digest"]), (&"ann".into(), &"htdigest".into()));
    let listed = installation.json(&["user", "list"]);
    let ann = listed.iter().find(|one| one["user"] == "ann").unwrap();
    assert_eq!((&ann["password"], &ann["digest"]), (&false.into(), &"htdigest".into()));
    let server = Server::start(installation);
    assert_eq!(server.curl(FILES, &["--digest", "--user", "ann:secret"], b"").status, 200);
    assert_eq!(python_asks(&server, URLLIB, FILES, "ann", "secret"), "200");
    assert_eq!(
        server.curl(FILES, &["--digest", "--user", "bob:of bob"], b"").status,
        403,
        "nothing is granted"
    );
    assert_eq!(server.curl(FILES, &["--digest", "--user", "ann:of bob"], b"").status, 401);
    assert_eq!(server.curl(PAPERS, &["--basic", "--user", "ann:secret"], b"").status, 401, "Digest alone");
    // What stands in the file does not stand in the database.
    let text = std::fs::read_to_string(&file).unwrap();
    let ha1 = text.lines().next().unwrap().rsplit(':').next().unwrap();
    let database = std::fs::read(server.file("gateward.db")).unwrap_or_default();
    assert!(!database.windows(32).any(|part| part == ha1.as_bytes()));
}

#[test]
fn a_file_of_another_realm_is_refused_line_by_line_and_nobody_is_imported() {
    let installation = installation();
    let file = htdigest(installation.path(), "Elsewhere", &[("ann", "secret"), ("bob", "of bob")]);
    let more = "\nABCDEFGHIJ0123:FDSN:0123456789abcdef0123456789abcdef\ncarl:FDSN:0123\nnonsense\n\
                dora:FDSN:0123456789abcdef0123456789abcdef\n";
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + more).unwrap();
    let refused = installation.command(&["user", "import", "--htdigest", &file]);
    assert_eq!(refused.status, 1, "{}", refused.stderr);
    for said in [
        "line 1: the realm is \"Elsewhere\"",
        "line 2: the realm",
        "line 6: no line of an htdigest file",
        "nobody was",
    ] {
        assert!(refused.stderr.contains(said), "{said}: {}", refused.stderr);
    }
    let file = installation.file("second");
    std::fs::write(
        &file,
        "ABCDEFGHIJ0123:FDSN:0123456789abcdef0123456789abcdef\ncarl:FDSN:0123\noperator:FDSN:0123456789abcdef0123456789abcdef\n\
         dora:FDSN:0123456789abcdef0123456789abcdef\ndora:FDSN:0123456789abcdef0123456789abcdef\n",
    )
    .unwrap();
    let refused = installation.command(&["user", "import", "--htdigest", file.to_str().unwrap()]);
    for said in [
        "line 1: ABCDEFGHIJ0123 has the form of a temporary login",
        "line 2: what stands for the password is no MD5",
        "line 3: the name operator is taken",
        "line 5: dora stands there twice",
        "4 cannot be imported, so nobody was",
    ] {
        assert!(refused.stderr.contains(said), "{said}: {}", refused.stderr);
    }
    assert_eq!(installation.json(&["user", "list"]).len(), 1, "the demo's own");
}
