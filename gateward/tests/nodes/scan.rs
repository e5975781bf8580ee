//! What a scanner that everybody knows finds at the public listener.

use serde_json::Value;

use super::door::Door;
use super::tools::{python, run};

/// The suites of `version` that the listener took.
fn accepted(scan: &Value, version: &str) -> Vec<String> {
    let result = &scan[version]["result"]["accepted_cipher_suites"];
    let suites = result.as_array().unwrap_or_else(|| panic!("{version}: {}", scan[version]));
    suites.iter().map(|suite| suite["cipher_suite"]["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn sslyze_finds_nothing_below_tls_1_2_and_no_weak_suite() {
    let door = Door::open();
    let report = door.server.file("sslyze.json");
    let mut sslyze = python();
    sslyze.args(["-m", "sslyze", "--sslv2", "--sslv3", "--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3"]);
    sslyze.args([
        "--compression",
        "--early_data",
        "--reneg",
        "--heartbleed",
        "--openssl_ccs",
        "--robot",
        "--ems",
    ]);
    sslyze.args([
        "--elliptic_curves",
        "--json_out",
        report.to_str().unwrap(),
        &format!("localhost:{}", door.server.public),
    ]);
    let ran = run(&mut sslyze, b"");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(report).expect(&ran.stderr)).unwrap();
    let scan = &report["server_scan_results"][0]["scan_result"];
    assert!(scan.is_object(), "{report}");

    for version in
        ["ssl_2_0_cipher_suites", "ssl_3_0_cipher_suites", "tls_1_0_cipher_suites", "tls_1_1_cipher_suites"]
    {
        assert!(accepted(scan, version).is_empty(), "{version}: {:?}", accepted(scan, version));
    }
    let old = accepted(scan, "tls_1_2_cipher_suites");
    assert!(!old.is_empty());
    for suite in &old {
        // Forward secrecy, and authenticated encryption alone (RFC 9325 section 4.2).
        assert!(
            suite.starts_with("TLS_ECDHE_") && (suite.contains("_GCM_") || suite.contains("CHACHA20")),
            "{suite}"
        );
    }
    assert_eq!(accepted(scan, "tls_1_3_cipher_suites").len(), 3);
    let said = |check: &str, field: &str| scan[check]["result"][field].clone();
    assert_eq!(said("tls_compression", "supports_compression"), false);
    assert_eq!(said("tls_1_3_early_data", "supports_early_data"), false);
    assert_eq!(said("heartbleed", "is_vulnerable_to_heartbleed"), false);
    assert_eq!(said("openssl_ccs_injection", "is_vulnerable_to_ccs_injection"), false);
    assert_eq!(said("session_renegotiation", "is_vulnerable_to_client_renegotiation_dos"), false);
    assert_eq!(said("session_renegotiation", "supports_secure_renegotiation"), true);
    assert_eq!(said("tls_extended_master_secret", "supports_ems_extension"), true);
    // No suite has its key exchange.
    assert_eq!(said("robot", "robot_result"), "NOT_VULNERABLE_RSA_NOT_SUPPORTED");
}
