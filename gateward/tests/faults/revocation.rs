//! Rights that end while answers run by them.

use std::time::{Duration, Instant};

use crate::client::Connection;
use crate::log::Log as _;
use crate::program::{DEMO_GROUP, SMALL};
use crate::spelling;
use crate::support::Installation;

/// Longer than all the buffers between us and the server.
const ENDLESS: u64 = 256 * 1024 * 1024;

/// A download that has begun and that nobody reads on.
fn slow_download(installation: &Installation, path: &str, login: &(String, String)) -> Connection {
    let (connection, head) = installation.client().begin(path, login).unwrap();
    assert_eq!(head.status, 200);
    connection
}

/// Checks that the download was cut within a second after the event `kind`, and never arrived whole.
fn assert_cut(installation: &Installation, mut download: Connection, kind: &str, since: u64) {
    let log = installation.log();
    let cause = log.wait_for(kind, since, Duration::from_secs(5));
    let ended = log.wait_for("ended", since, Duration::from_secs(5));
    assert_eq!(ended.text("delivery"), "revoked", "{ended:?}");
    let after = ended.recorded_at.duration_since(cause.recorded_at);
    assert!(after.as_millis() <= 1000, "cut {after:#} after");
    let begun = Instant::now();
    assert!((download.drain() as u64) < ENDLESS);
    assert!(begun.elapsed() < Duration::from_secs(5), "the connection stayed open");
}

#[test]
fn a_revoked_login_is_cut_within_a_second_and_refused_in_every_spelling() {
    let installation = Installation::make();
    let endless = installation.protect("endless.bin", ENDLESS);
    let _server = installation.serve();
    let client = installation.client();
    let form_a = installation.pen().sign(DEMO_GROUP);
    let login = client.exchange(form_a.as_bytes()).unwrap().login();
    let download = slow_download(&installation, &endless, &login);
    let since = installation.log().length();

    installation.run_json(&["login", "revoke", &login.0]);
    let refused = client.get(SMALL, &login).unwrap();
    assert_eq!(refused.status, 401, "{}", refused.text());
    assert_cut(&installation, download, "login_revoked", since);

    let signature = spelling::signature_packet(&form_a);
    let fingerprint = installation.pen().fingerprint();
    let text = spelling::text(&form_a).replace('\n', "\r\n");
    let inline = [
        spelling::one_pass(&signature, fingerprint.as_bytes(), 1),
        spelling::literal(b't', text.as_bytes()),
        signature,
    ];
    let spellings = [
        form_a.clone(),
        form_a.replace('\n', "\r\n"),
        form_a.replacen("}\n", "}  \n", 1),
        spelling::armored(&inline.concat()),
    ];
    for spelt in spellings {
        let refused = client.exchange(spelt.as_bytes()).unwrap();
        assert_eq!(refused.status, 403, "{}\n{spelt}", refused.text());
    }
    installation.log().check_transactions();
}

#[test]
fn a_revoked_grant_cuts_within_a_second_what_runs_by_it() {
    let installation = Installation::make();
    let endless = installation.protect("endless.bin", ENDLESS);
    let _server = installation.serve();
    let client = installation.client();
    let login = client.exchange(installation.pen().sign("/epos/guests").as_bytes()).unwrap().login();
    assert_eq!(client.get(SMALL, &login).unwrap().status, 403);
    let made = installation.run_json(&["grant", "create", "--group", "/epos/guests", "--service", "files"]);
    let download = slow_download(&installation, &endless, &login);
    let since = installation.log().length();

    installation.run_json(&["grant", "revoke", made[0]["grant"].as_str().unwrap()]);
    assert_eq!(client.get(SMALL, &login).unwrap().status, 403);
    assert_cut(&installation, download, "grant_revoked", since);
    installation.log().check_transactions();
}

#[test]
fn a_revoked_issuer_takes_its_logins_and_their_downloads_along() {
    let installation = Installation::make();
    let endless = installation.protect("endless.bin", ENDLESS);
    let server = installation.serve();
    let client = installation.client();
    let pen = installation.pen();
    let login = installation.login();
    let download = slow_download(&installation, &endless, &login);
    let since = installation.log().length();

    installation.run_json(&["issuer", "revoke", &pen.fingerprint().to_string()]);
    assert_eq!(client.get(SMALL, &login).unwrap().status, 401);
    assert_cut(&installation, download, "issuer_revoked", since);
    let refused = |token: String| {
        let refused = client.exchange(token.as_bytes()).unwrap();
        assert_eq!(refused.status, 403, "{}", refused.text());
    };
    refused(pen.sign(DEMO_GROUP));
    // The file still names the issuer; the command outlives a restart.
    server.stop();
    let _server = installation.serve();
    refused(pen.sign(DEMO_GROUP));
    installation.log().check_transactions();
}
