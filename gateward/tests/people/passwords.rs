//! HTTP Basic, as clients speak it.

use super::installation::RESTRICTED;
use super::people::{FILES, PAPERS, PASSWORD, create, installation, python_asks, requests};
use super::server::Server;

#[test]
fn curl_and_python_log_in_with_letters_of_any_script() {
    let installation = installation();
    create(&installation, "ann", &[]);
    let server = Server::start(installation);
    let user = format!("ann:{PASSWORD}");
    for way in ["--basic", "--anyauth"] {
        let reply = server.curl(PAPERS, &[way, "--user", &user], b"");
        assert_eq!((reply.status, reply.text().as_str()), (200, RESTRICTED), "{way}");
    }
    assert_eq!(python_asks(&server, &requests("HTTPBasicAuth"), PAPERS, "ann", PASSWORD), "200");
    assert_eq!(python_asks(&server, &requests("HTTPBasicAuth"), PAPERS, "ann", "wrong"), "401");
    assert_eq!(server.curl(FILES, &["--basic", "--user", &user], b"").status, 200, "a person is a person");
    let released = server.events("released").into_iter().filter(|body| body["who"] == "ann");
    let by: Vec<_> = released.map(|body| body["by"].clone()).collect();
    assert_eq!(by, ["password"; 4]);
}

#[test]
fn a_password_is_nowhere_but_where_its_hash_is() {
    let installation = installation();
    create(&installation, "ann", &[]);
    let server = Server::start(installation);
    for user in [format!("ann:{PASSWORD}"), "ann:a wrong one that was typed".to_owned()] {
        server.curl(PAPERS, &["--basic", "--user", &user], b"");
    }
    let events = server.command(&["audit", "search", "--format", "json"]).good();
    let files = std::fs::read_dir(server.path()).unwrap().map(|entry| entry.unwrap().path());
    let mut written = vec![events.stdout, server.log().into_bytes()];
    written.extend(files.filter(|path| path.is_file()).map(|path| std::fs::read(path).unwrap()));
    for secret in ["correct horse", "a wrong one that was typed"] {
        let found =
            written.iter().any(|text| text.windows(secret.len()).any(|part| part == secret.as_bytes()));
        assert!(!found, "{secret}");
    }
}

#[test]
fn a_download_ends_within_a_second_of_its_user_s_account() {
    let installation = installation();
    create(&installation, "ann", &[]);
    let large = std::fs::File::create(installation.file("files/large")).unwrap();
    large.set_len(64 << 20).unwrap();
    let server = Server::start(installation);
    let user = format!("ann:{PASSWORD}");
    let slow = std::thread::scope(|scope| {
        let url = server.url("/papers/large");
        let (ca, user) = (server.file("ca.pem"), &user);
        let download = scope.spawn(move || {
            let mut curl = std::process::Command::new("curl");
            curl.args([
                "--disable",
                "--silent",
                "--max-time",
                "60",
                "--limit-rate",
                "1M",
                "--output",
                "/dev/null",
            ]);
            curl.arg("--cacert").arg(ca).args(["--basic", "--user", user, &url]).status().unwrap()
        });
        let begun = std::time::Instant::now();
        while server.events("admitted").is_empty() {
            assert!(begun.elapsed() < super::server::PATIENCE, "nothing was admitted");
        }
        server.command(&["user", "disable", "ann"]).good();
        // What the kernel holds for a slow reader is read after that.
        let disabled = std::time::Instant::now();
        while server.events("ended").is_empty() {
            assert!(disabled.elapsed() < super::server::PATIENCE, "nothing was ended");
        }
        let slow = disabled.elapsed();
        let status = download.join().unwrap();
        assert!(!status.success(), "it was cut");
        slow
    });
    assert!(slow < std::time::Duration::from_secs(2), "{slow:?}");
    assert_eq!(server.events("ended")[0]["delivery"], "revoked");
}
