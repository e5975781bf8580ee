//! What `mode = "production"` refuses.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::installation::{Installation, gateward};
use super::server::wait;
use super::tools::{run, start};

/// Makes a certificate for this machine, as an operator would have one.
pub fn openssl_certificate(folder: &Path, bits: u32) {
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-nodes", "-days", "30", "-newkey", &format!("rsa:{bits}")]);
    command.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
    command.arg("-keyout").arg(folder.join("real.key")).arg("-out").arg(folder.join("real.pem"));
    run(&mut command, b"").good();
}

/// An installation in which these words of the configuration are replaced.
fn installation(changes: &[(&str, &str)]) -> Installation {
    let installation = Installation::new();
    let mut file = std::fs::read_to_string(installation.config()).unwrap();
    for (old, new) in changes {
        assert!(file.contains(old), "{file}");
        file = file.replace(old, new);
    }
    installation.configure(&file);
    installation
}

/// What a server says that does not start; one that does is stopped, and the test with it.
fn serve(installation: &Installation) -> String {
    let mut serve = gateward();
    serve.arg("serve").arg("--config").arg(installation.config());
    let mut process = start(serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()));
    assert_eq!(wait(&mut process), 2);
    let mut said = String::new();
    process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    said
}

#[track_caller]
fn refuses(installation: &Installation, reason: &str) {
    let said = serve(installation);
    assert!(said.contains(reason), "{said}");
    let check = installation.command(&["config", "check"]);
    assert_eq!(check.status, 1, "{}", check.text());
    assert!(check.text().contains(reason), "{}", check.text());
}

const PRODUCTION: (&str, &str) = ("mode = \"development\"", "mode = \"production\"");

#[test]
fn production_refuses_a_throw_away_certificate() {
    refuses(&installation(&[PRODUCTION]), "server.pem is a throw-away certificate");
}

#[test]
fn production_refuses_a_throw_away_issuer() {
    let real = installation(&[PRODUCTION, ("server.pem", "real.pem"), ("server.key", "real.key")]);
    openssl_certificate(real.path(), 2048);
    refuses(&real, "issuer.asc: a throw-away key");
}

#[test]
fn production_refuses_a_short_key() {
    let short = installation(&[PRODUCTION, ("server.pem", "real.pem"), ("server.key", "real.key")]);
    openssl_certificate(short.path(), 1024);
    refuses(&short, "has an RSA key of 1024 bits");
}

#[test]
fn production_is_what_a_file_means_that_says_nothing() {
    let silent = installation(&[(PRODUCTION.0, "")]);
    refuses(&silent, "server.pem is a throw-away certificate");
}
