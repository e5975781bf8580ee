//! Files that are not there at the start, or not as they should be.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use crate::cluster::patience::eventually;
use crate::program::{DEMO_GROUP, SMALL};
use crate::store_under_test::StoreUnderTest;
use crate::support::Installation;

#[test]
fn a_missing_keyring_shuts_the_door_until_it_is_put_back() {
    let installation = Installation::make();
    let (keyring, away) = (installation.path("keyring.toml"), installation.path("away.toml"));
    std::fs::rename(&keyring, &away).unwrap();
    let _server = installation.start(&mut installation.serving());

    let reason = installation.wait_until_not_ready();
    let reason = if reason.contains("starting") { installation.wait_until_not_ready() } else { reason };
    assert!(reason.contains("keyring.toml"), "{reason}");
    let token = installation.pen().sign(DEMO_GROUP);
    let client = installation.client();
    for answer in [client.exchange(token.as_bytes()), client.ask("GET", SMALL, &[], b"")] {
        let answer = answer.unwrap();
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(answer.head.field("retry-after").is_some());
        assert!(!answer.text().contains("keyring"), "strangers learn: {}", answer.text());
    }

    std::fs::rename(&away, &keyring).unwrap();
    installation.wait_until_ready();
    let login = client.exchange(token.as_bytes()).unwrap().login();
    assert_eq!(client.get(SMALL, &login).unwrap().status, 200);
}

#[test]
fn a_keyring_without_a_key_in_use_is_refused_by_the_key_s_name() {
    let installation = Installation::make();
    let old = installation.run_json(&["key", "list"]).remove(0);
    let old = old["key"].as_str().unwrap();
    installation.run_json(&["key", "rotate"]);
    let keyring = installation.path("keyring.toml");
    let text = std::fs::read_to_string(&keyring).unwrap();
    let kept: Vec<&str> = text.split("[[key]]").filter(|key| !key.contains(old)).collect();
    std::fs::write(&keyring, kept.join("[[key]]")).unwrap();

    let mut server = installation.start(&mut installation.serving());
    assert_eq!(server.wait(Duration::from_secs(20)).code(), Some(2));
    assert!(server.said().contains(old), "{}", server.said());
}

#[test]
fn a_keyring_that_everybody_can_read_is_refused() {
    let installation = Installation::make();
    let keyring = installation.path("keyring.toml");
    std::fs::set_permissions(&keyring, std::fs::Permissions::from_mode(0o604)).unwrap();
    let mut server = installation.start(&mut installation.serving());
    assert_eq!(server.wait(Duration::from_secs(20)).code(), Some(2));
    assert!(server.said().contains("keyring.toml can be read by everybody"), "{}", server.said());
}

#[test]
fn whatever_is_missing_at_the_start_is_waited_for() {
    let installation = Installation::make();
    let mut all = vec!["files", "issuer.asc", "server.pem", "server.key"];
    if let StoreUnderTest::Sqlite(file) = installation.store() {
        installation.reconfigure("store = \"gateward.db\"", "store = \"data/gateward.db\"");
        std::fs::create_dir(installation.path("data")).unwrap();
        std::fs::copy(file, installation.path("data/gateward.db")).unwrap();
        all.extend(["data", "data/gateward.db"]);
    }
    for missing in all {
        let (path, away) = (installation.path(missing), installation.path("away"));
        std::fs::rename(&path, &away).unwrap();
        let server = installation.start(&mut installation.serving());
        eventually("the server says what it waits for", Duration::from_secs(20), || {
            server.said().contains(&path.display().to_string())
        });
        // Without a certificate nobody can be answered.
        if !missing.starts_with("server") {
            let reason = installation.wait_until_not_ready();
            assert!(reason.contains(missing), "{reason}");
        }
        std::fs::rename(&away, &path).unwrap();
        installation.wait_until_ready();
        server.stop();
    }
}
