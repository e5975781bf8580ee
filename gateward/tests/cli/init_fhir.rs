//! `gateward init --for fhir`: a configuration for a FHIR server before which machines show certificates.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use tempfile::TempDir;

use super::support::{Ran, gateward};

/// What whoever runs a registry has: a certificate of its host, and an authority's.
struct Asked(TempDir);

impl Asked {
    fn new() -> Self {
        let asked = Self(tempfile::tempdir().unwrap());
        for name in ["cr", "ca"] {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(vec![format!("{name}.example.org")]).unwrap();
            if name == "ca" {
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            }
            std::fs::write(asked.file(&format!("{name}.pem")), params.self_signed(&key).unwrap().pem())
                .unwrap();
            std::fs::write(asked.file(&format!("{name}.key")), key.serialize_pem()).unwrap();
        }
        asked
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn path(&self, name: &str) -> String {
        self.file(name).to_str().unwrap().to_owned()
    }

    /// Runs it where nobody can be asked.
    fn init(&self, arguments: &[&str]) -> Ran {
        let (dir, store) = (self.path("etc"), self.path("gateward.db"));
        let begin = ["init", "--for", "fhir", "--mode", "test", "--dir", &dir, "--store", &store];
        gateward(&[&begin, arguments].concat(), &[], b"")
    }

    fn init_with_certificate(&self, arguments: &[&str]) -> Ran {
        let (certificate, key) = (self.path("cr.pem"), self.path("cr.key"));
        self.init(&[&["--certificate", &certificate, "--key", &key], arguments].concat())
    }

    /// The file that was written, which is good as it is.
    #[track_caller]
    fn written(&self, ran: &Ran) -> toml::Table {
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        let config = self.path("etc/gateward.toml");
        let check = gateward(&["config", "check", "--config", &config], &[], b"");
        assert_eq!((check.status, check.stdout), (0, format!("{config}: good\n")), "{}", check.stderr);
        std::fs::read_to_string(config).unwrap().parse().unwrap()
    }

    #[track_caller]
    fn refused(&self, ran: &Ran, why: &str) {
        assert_eq!(ran.status, 2, "{}", ran.stdout);
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
        for name in ["etc/gateward.toml", "etc/keyring.toml", "gateward.db"] {
            assert!(!self.file(name).exists(), "{name}");
        }
    }
}

const SERVER: [&str; 2] = ["--fhir-server", "http://127.0.0.1:8080/fhir/"];

#[test]
fn a_fhir_server_on_this_machine_needs_its_address_and_our_certificate() {
    let asked = Asked::new();
    let ran = asked.init_with_certificate(&SERVER);
    let written = asked.written(&ran);
    let service = &written["service"][0];
    assert_eq!(service["kind"].as_str(), Some("fhir"));
    assert_eq!(service["upstream"].as_str(), Some("http://127.0.0.1:8080/fhir"));
    assert_eq!(
        service["require"].as_array().unwrap()[0].as_str(),
        Some("node"),
        "nobody without a certificate"
    );
    assert_eq!(written["listen"].as_str(), Some("0.0.0.0:443"));
    assert!(!written.contains_key("grant") && !written.contains_key("openhim"), "nothing is granted yet");
    for next in [
        "gateward serve",
        "gateward node enroll",
        "gateward grant create",
        "openssl pkcs12",
        "curl --cert-type P12",
    ] {
        assert!(ran.stdout.contains(next), "{next}: {}", ran.stdout);
    }
}

#[test]
fn an_authority_and_a_server_elsewhere_are_written_down_with_their_certificates() {
    let asked = Asked::new();
    let ca = asked.path("ca.pem");
    let server =
        ["--fhir-server", "https://hapi.example.org/fhir", "--fhir-server-ca", &ca, "--node-ca", &ca];
    let written = asked.written(&asked.init_with_certificate(&server));
    assert_eq!(written["node_ca"].as_array().unwrap()[0].as_str(), Some(ca.as_str()));
    assert_eq!(written["service"][0]["upstream"]["ca"].as_str(), Some(ca.as_str()));
}

#[test]
fn what_is_missing_is_named_at_once_where_nobody_can_be_asked() {
    let asked = Asked::new();
    asked.refused(&asked.init(&[]), "missing: --fhir-server, --certificate, --key;");
    let elsewhere = ["--fhir-server", "https://hapi.example.org/fhir"];
    asked.refused(&asked.init_with_certificate(&elsewhere), "missing: --fhir-server-ca;");
}

#[test]
fn what_would_let_patients_be_read_on_the_way_or_hide_certificates_is_refused() {
    let asked = Asked::new();
    let open = ["--fhir-server", "http://hapi.example.org/fhir"];
    asked.refused(&asked.init_with_certificate(&open), "would read of patients");
    let socket = [&SERVER[..], &["--listen", "unix:/run/gateward/http.sock"]].concat();
    asked.refused(&asked.init_with_certificate(&socket), "machines show their certificates to us");
}

#[test]
fn what_belongs_to_another_purpose_is_refused() {
    let asked = Asked::new();
    let eida = [&SERVER[..], &["--upstream", "http://127.0.0.1:8080"]].concat();
    asked.refused(&asked.init_with_certificate(&eida), "--for eida");
    let dir = asked.path("etc");
    let backup = gateward(&[&["init", "--for", "backup", "--dir", &dir], &SERVER[..]].concat(), &[], b"");
    asked.refused(&backup, "--for fhir");
}
