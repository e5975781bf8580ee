//! HTTP Digest of people with an account.

use super::people::{FILES, PAPERS, URLLIB, create_with_digest, installation, python_asks, requests};
use super::server::Server;

#[test]
fn curl_requests_and_urllib_log_in_with_a_password_that_was_made() {
    let installation = installation();
    let password = create_with_digest(&installation, "ann");
    let server = Server::start(installation);
    let user = format!("ann:{password}");
    for way in ["--digest", "--anyauth", "--basic"] {
        assert_eq!(server.curl(FILES, &[way, "--user", &user], b"").status, 200, "{way}");
    }
    assert_eq!(server.curl(PAPERS, &["--basic", "--user", &user], b"").status, 200);
    for script in [requests("HTTPDigestAuth").as_str(), URLLIB] {
        assert_eq!(python_asks(&server, script, FILES, "ann", &password), "200", "{script}");
        assert_eq!(python_asks(&server, script, FILES, "ann", "wrong"), "401", "{script}");
    }
}
