//! `gateward init --for dcor`: a configuration for commands alone, from answers given as flags or on a
//! terminal.

use std::fs::{File, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::pty::openpty;
use rcgen::{CertificateParams, DnType, KeyPair};
use tempfile::TempDir;

use super::support::{Ran, gateward};

/// What an administrator of a CKAN has: the host's certificate, and a sysadmin's API token.
struct Asked(TempDir);

impl Asked {
    fn new() -> Self {
        let asked = Self(tempfile::tempdir().unwrap());
        let mut params = CertificateParams::new(vec!["dcor.example.org".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "dcor.example.org");
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem();
        std::fs::write(asked.file("dcor.pem"), certificate).unwrap();
        std::fs::write(asked.file("ckan.key"), "eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiJ4In0.of-tests-only\n")
            .unwrap();
        std::fs::set_permissions(asked.file("ckan.key"), Permissions::from_mode(0o600)).unwrap();
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
        gateward(
            &[&["init", "--for", "dcor", "--dir", &dir, "--store", &store], arguments].concat(),
            &[],
            b"",
        )
    }

    fn init_with_all(&self, arguments: &[&str]) -> Ran {
        let (certificate, key) = (self.path("dcor.pem"), self.path("ckan.key"));
        let all = [
            ["--host", "dcor.example.org"],
            ["--host-certificate", &certificate],
            ["--ckan", "https://dcor.example.org"],
            ["--ckan-admin-key", &key],
            ["--lifetime-days", "365"],
            ["--institution", "Example Hospital"],
            ["--contact", "Data office, +49 30 5550 100"],
        ];
        // What is asked for once more is given once.
        let all = all.iter().filter(|[flag, _]| !arguments.contains(flag)).flatten().copied();
        self.init(&all.chain(arguments.iter().copied()).collect::<Vec<_>>())
    }

    #[track_caller]
    fn written(&self, ran: &Ran) -> toml::Table {
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        std::fs::read_to_string(self.file("etc/gateward.toml")).unwrap().parse().unwrap()
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

#[test]
fn where_nobody_can_be_asked_everything_that_is_missing_is_listed() {
    let asked = Asked::new();
    let all = "missing: --host, --host-certificate, --ckan, --lifetime-days, --institution, --contact;";
    asked.refused(&asked.init(&[]), all);
    let ran = asked.init(&["--ckan", "https://dcor.example.org"]);
    asked.refused(&ran, "--host-certificate, --ckan-admin-key, --lifetime-days");
}

#[test]
fn what_is_made_is_for_commands_alone_and_they_work_at_once() {
    let asked = Asked::new();
    let ran = asked.init_with_all(&[]);
    let file = asked.written(&ran);
    for absent in ["listen", "tls", "admin", "issuer", "service"] {
        assert!(!file.contains_key(absent), "{absent}");
    }
    let told = |table: &str, name: &str| file[table][name].as_str().map(str::to_owned);
    assert_eq!(told("access_token", "host").as_deref(), Some("dcor.example.org"));
    assert_eq!(told("access_token", "certificate"), Some(asked.path("dcor.pem")));
    assert_eq!(file["access_token"]["lifetime_days"].as_integer(), Some(365));
    assert_eq!(told("ckan", "url").as_deref(), Some("https://dcor.example.org"));
    assert_eq!(told("ckan", "admin_key"), Some(asked.path("ckan.key")));
    assert!(!asked.file("etc/admin.key").exists() && !ran.stdout.contains("password"), "{}", ran.stdout);

    let config = asked.path("etc/gateward.toml");
    assert!(
        ran.stdout.contains(&format!("gateward access-token create --config {config}")),
        "{}",
        ran.stdout
    );
    let list = gateward(&["access-token", "list", "--config", &config], &[], b"");
    assert_eq!((list.status, list.stdout.as_str()), (0, ""), "{}", list.stderr);
}

#[test]
fn the_command_of_a_ckan_on_this_machine_needs_no_key_and_is_written_down_wherever_it_is() {
    for is_in_path in [true, false] {
        let asked = Asked::new();
        std::fs::write(asked.file("ckan.ini"), "[app:main]\n").unwrap();
        let folder = asked.file("bin");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("ckan"), "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(folder.join("ckan"), Permissions::from_mode(0o755)).unwrap();
        let (dir, store) = (asked.path("etc"), asked.path("gateward.db"));
        let (certificate, ini, program) =
            (asked.path("dcor.pem"), asked.path("ckan.ini"), asked.path("bin/ckan"));
        let init = [
            &["init", "--for", "dcor", "--dir", &dir, "--store", &store, "--host", "dcor.example.org"][..],
            &["--host-certificate", &certificate, "--ckan", &ini, "--lifetime-days", "30"],
            &["--institution", "Example Hospital", "--contact", "Data office"],
        ]
        .concat();
        let file = if is_in_path {
            let path = format!("{}:/usr/bin:/bin", folder.display());
            asked.written(&gateward(&init, &[("PATH", &path)], b""))
        } else {
            let elsewhere = [("PATH", "/usr/bin:/bin")];
            // Nobody is asked where CKAN's guide has it.
            if !Path::new("/usr/lib/ckan/default/bin/ckan").exists() {
                asked.refused(&gateward(&init, &elsewhere, b""), "missing: --ckan-program;");
            }
            let named = |program| [&init[..], &["--ckan-program", program]].concat();
            asked.refused(&gateward(&named("/nowhere/ckan"), &elsewhere, b""), "/nowhere/ckan: No such file");
            asked.written(&gateward(&named(&program), &elsewhere, b""))
        };
        let ckan = file["ckan"].as_table().unwrap();
        assert_eq!(ckan["ini"].as_str(), Some(ini.as_str()));
        assert_eq!(ckan["program"].as_str(), Some(program.as_str()));
        assert_eq!(ckan.len(), 2);
    }
}

#[test]
fn what_would_not_work_is_refused_before_anything_is_written() {
    let asked = Asked::new();
    asked.refused(&asked.init_with_all(&["--ckan-admin-key", "/nowhere.key"]), "/nowhere.key");
    asked.refused(&asked.init_with_all(&["--host", "other.example.org"]), "other.example.org");
    asked.refused(&asked.init_with_all(&["--ckan", "http://dcor.example.org"]), "http only to this machine");
    asked.refused(&asked.init_with_all(&["--ckan", "/nowhere.ini"]), "/nowhere.ini: No such file");
    asked.refused(&asked.init_with_all(&["--ckan-program", "/bin/true"]), "--ckan-program goes with an INI");
    asked.refused(&asked.init_with_all(&["--ckan-ca", "/nowhere.pem"]), "gateward: [ckan]: ca /nowhere.pem");
    asked.refused(&asked.init_with_all(&["--lifetime-days", "0"]), "lies between 1 and 3650");
    std::fs::set_permissions(asked.file("ckan.key"), Permissions::from_mode(0o644)).unwrap();
    asked.refused(&asked.init_with_all(&[]), "ckan.key");
}

#[test]
fn what_belongs_to_another_purpose_is_refused_and_not_passed_over() {
    let asked = Asked::new();
    asked.refused(&asked.init_with_all(&["--listen", "0.0.0.0:443"]), "nothing is served");
    asked.refused(&asked.init_with_all(&["--upstream", "http://127.0.0.1:8080"]), "go with --for eida");
    let (dir, store) = (asked.path("etc"), asked.path("gateward.db"));
    let eida = ["init", "--for", "eida", "--dir", &dir, "--store", &store, "--host", "dcor.example.org"];
    asked.refused(&gateward(&eida, &[], b""), "go with --for dcor");
}

#[test]
fn on_a_terminal_eight_questions_make_the_file() {
    let asked = Asked::new();
    let (certificate, key) = (asked.path("dcor.pem"), asked.path("ckan.key"));
    // An empty answer is the default, and a wrong one is asked for again.
    let answers = [
        "dcor.example.org",
        "/nowhere.pem",
        &certificate,
        "https://dcor.example.org/",
        &key,
        &certificate,
        "",
        "Example \"Hospital\"",
        "Data office, +49 30 5550 100",
    ];
    let terminal = openpty(None, None).unwrap();
    let mut keyboard = File::from(terminal.master);
    keyboard.write_all((answers.join("\n") + "\n").as_bytes()).unwrap();
    let mut init = Command::new(env!("CARGO_BIN_EXE_gateward"));
    init.args(["init", "--for", "dcor", "--dir", &asked.path("etc"), "--store", &asked.path("gateward.db")]);
    let mut init = init.stdin(terminal.slave).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut ran = Ran { status: -1, stdout: String::new(), stderr: String::new() };
    init.stderr.take().unwrap().read_to_string(&mut ran.stderr).unwrap();
    ran.status = init.wait().unwrap().code().unwrap();
    let file = asked.written(&ran);
    assert!(ran.stderr.contains("/nowhere.pem: No such file"), "{}", ran.stderr);
    assert_eq!(file["access_token"]["lifetime_days"].as_integer(), Some(365));
    assert_eq!(file["access_token"]["institution"].as_str(), Some("Example \"Hospital\""));
    assert_eq!(file["ckan"]["ca"].as_str(), Some(certificate.as_str()));
}
