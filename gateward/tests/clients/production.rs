//! What `mode = "production"` refuses.

use std::path::Path;
use std::process::Command;

use super::installation::{Installation, gateward};
use super::tools::{Ran, run};

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

fn serve(installation: &Installation) -> Ran {
    let serve = run(gateward().arg("serve").arg("--config").arg(installation.config()), b"");
    assert_eq!(serve.status, 2, "{}", serve.stderr);
    serve
}

#[track_caller]
fn refuses(installation: &Installation, reason: &str) {
    let serve = serve(installation);
    assert!(serve.stderr.contains(reason), "{}", serve.stderr);
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
