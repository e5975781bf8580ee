//! `gateward init`, as the first command on a machine.

use std::path::Path;
use std::process::{Command, Stdio};

use super::gnupg::Gnupg;
use super::installation::{Installation, gateward};
use super::production::openssl_certificate;
use super::server::{Credentials, Server, curl};
use super::statement::{GROUP, Statement};
use super::tools::run;

fn init(outer: &Path, fingerprint: &str) -> Command {
    let mut init = gateward();
    init.current_dir(outer).args(["init", "--dir", "etc", "--format", "json"]);
    init.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    init.args(["--certificate", "real.pem", "--key", "real.key"]);
    init.args(["--issuer", "issuer.asc", "--issuer-fingerprint", fingerprint]);
    init.args(["--folder", "data", "--group", GROUP]);
    init.stdin(Stdio::null());
    init
}

/// Every file and what it holds.
fn everything(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect();
    files.sort();
    files
}

#[test]
fn init_makes_an_installation_that_serves_and_makes_it_once() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer_with("eas", "rsa2048", "sign,cert");
    let outer = tempfile::tempdir().unwrap();
    let file = |name: &str| outer.path().join(name);
    openssl_certificate(outer.path(), 2048);
    std::fs::write(file("issuer.asc"), &issuer.public).unwrap();
    std::fs::create_dir(file("data")).unwrap();
    std::fs::write(file("data/hello.txt"), "hello").unwrap();

    let made = run(&mut init(outer.path(), &issuer.fingerprint), b"").good().json().remove(0);
    let config = file("etc/gateward.toml");
    assert_eq!(Path::new(made["config"].as_str().unwrap()), config.canonicalize().unwrap());
    let check = run(gateward().args(["config", "check", "--config"]).arg(&config), b"").good();
    assert!(check.text().contains("good"), "{}", check.text());

    let server = Server::start(Installation::at(outer, "etc"));
    let ca = server.path().join("../real.pem");
    let post = |token: &str| {
        curl(&server.url("/auth"), ca.to_str().unwrap(), &["--data-binary", "@-"], token.as_bytes())
    };
    let login = Credentials::of(&post(&issuer.sign(&Statement::default())));
    let digest = ["--digest", "--user", &login.to_string()];
    let hello = curl(&server.url("/files/hello.txt"), ca.to_str().unwrap(), &digest, b"");
    assert_eq!((hello.status, hello.text().as_str()), (200, "hello"));

    let user = format!("{}:{}", made["operator"].as_str().unwrap(), made["password"].as_str().unwrap());
    let admin = format!("https://localhost:{}/", server.admin);
    let reply = curl(&admin, server.file("admin.pem").to_str().unwrap(), &["--user", &user], b"");
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[test]
fn a_second_init_refuses_and_changes_nothing() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let outer = tempfile::tempdir().unwrap();
    std::fs::write(outer.path().join("issuer.asc"), &issuer.public).unwrap();
    openssl_certificate(outer.path(), 2048);
    run(&mut init(outer.path(), &issuer.fingerprint), b"").good();
    let before = everything(&outer.path().join("etc"));
    let again = run(&mut init(outer.path(), &issuer.fingerprint), b"");
    assert_ne!(again.status, 0);
    assert!(again.stderr.contains("is there already: nothing was changed"), "{}", again.stderr);
    assert!(everything(&outer.path().join("etc")) == before);
}

#[test]
fn what_init_makes_that_is_secret_only_its_owner_can_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let gnupg = Gnupg::new();
    let outer = tempfile::tempdir().unwrap();
    std::fs::write(outer.path().join("issuer.asc"), &gnupg.issuer().public).unwrap();
    openssl_certificate(outer.path(), 2048);
    run(&mut init(outer.path(), &"0".repeat(40)), b"");
    for secret in ["keyring.toml", "admin.key", "gateward.db"] {
        let mode = std::fs::metadata(outer.path().join("etc").join(secret)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{secret}: {mode:o}");
    }
}
