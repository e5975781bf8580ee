//! `gateward init --for eida`: from five answers, given as flags or on a terminal, to a file that is
//! good at once.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use nix::pty::openpty;

use super::support::{Installation, Ran, gateward};
use crate::cluster::Cluster;
use crate::store_under_test::is_postgres;

const INVENTORY: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/fdsn/tests/golden/stationxml/epochs.xml");

/// The demo's installation lends its issuer and its certificate.
struct Asked {
    demo: Installation,
    fingerprint: String,
}

impl Asked {
    fn new() -> Self {
        let demo = Installation::new();
        let fingerprint = demo.json(&["issuer", "list"])[0]["issuer"].as_str().unwrap().to_owned();
        Self { demo, fingerprint }
    }

    fn config(&self) -> String {
        self.demo.path("etc/gateward.toml")
    }

    fn issuer(&self) -> [String; 4] {
        let key = self.demo.path("issuer.asc");
        ["--issuer".into(), key, "--issuer-fingerprint".into(), self.fingerprint.clone()]
    }

    /// Runs it where nobody can be asked.
    fn init(&self, arguments: &[&str]) -> Ran {
        let dir = self.demo.path("etc");
        gateward(&[&["init", "--for", "eida", "--mode", "test", "--dir", &dir], arguments].concat(), &[], b"")
    }

    fn init_with_issuer(&self, arguments: &[&str]) -> Ran {
        let issuer = self.issuer();
        self.init(&[&issuer.each_ref().map(String::as_str), arguments].concat())
    }

    /// The file that was written, which is good as it is.
    #[track_caller]
    fn written(&self, ran: &Ran) -> toml::Table {
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        let check = gateward(&["config", "check", "--config", &self.config()], &[], b"");
        assert_eq!(
            (check.status, check.stdout),
            (0, format!("{}: good\n", self.config())),
            "{}",
            check.stderr
        );
        std::fs::read_to_string(self.config()).unwrap().parse().unwrap()
    }

    #[track_caller]
    fn refused(&self, ran: &Ran, why: &str) {
        assert_eq!(ran.status, 2, "{}", ran.stdout);
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
        assert!(!Path::new(&self.config()).exists() && !self.demo.file("etc/keyring.toml").exists());
    }
}

const UPSTREAM: [&str; 2] = ["--upstream", "http://127.0.0.1:8080"];
const GATEWARD: [&str; 6] = ["--digest", "gateward", "--inventory", INVENTORY, "--unlisted", "refuse"];

#[test]
fn where_nobody_can_be_asked_everything_that_is_missing_is_listed() {
    let asked = Asked::new();
    let ran = asked.init(&[]);
    asked.refused(&ran, "missing: --issuer, --issuer-fingerprint, --upstream, --digest gateward|upstream");
    asked.refused(
        &asked.init_with_issuer(&["--digest", "gateward"]),
        "missing: --upstream, --inventory, --unlisted;",
    );
    let ran =
        asked.init_with_issuer(&[&UPSTREAM[..], &["--listen", "0.0.0.0:0", "--digest", "upstream"]].concat());
    asked.refused(&ran, "missing: --certificate, --key;");
}

#[test]
fn the_file_for_a_data_centre_that_leaves_logins_to_us_is_good_at_once() {
    let asked = Asked::new();
    let ran = asked.init_with_issuer(&[&UPSTREAM[..], &GATEWARD].concat());
    let file = asked.written(&ran);
    assert_eq!(file["listen"].as_str(), Some("unix:/run/gateward/http.sock"));
    assert_eq!(file["trusted_proxies"][0].as_str(), Some("unix"));
    assert_eq!(file["issuer"][0]["allow_sha1"].as_bool(), Some(true));
    let service = &file["service"][0];
    for (name, value) in [
        ("name", "dataselect"),
        ("kind", "fdsn"),
        ("path", "/fdsnws/dataselect/1"),
        ("upstream", "http://127.0.0.1:8080"),
        ("digest", "gateward"),
        ("inventory", INVENTORY),
        ("unlisted", "refuse"),
    ] {
        assert_eq!(service[name].as_str(), Some(value), "{name}");
    }
    assert_eq!(file["service"].as_array().unwrap().len(), 1);
}

#[test]
fn the_file_for_a_data_centre_whose_data_service_checks_logins_is_good_at_once() {
    let asked = Asked::new();
    let ran = asked.init_with_issuer(&[&UPSTREAM[..], &["--digest", "upstream"]].concat());
    let file = asked.written(&ran);
    assert_eq!(file["service"][0]["digest"].as_str(), Some("upstream"));
    assert!(file["service"][0].get("inventory").is_none());
}

#[test]
fn a_data_service_that_looks_logins_up_in_resifs_databases_is_told_of_ours() {
    let asked = Asked::new();
    let resif = [
        "--digest",
        "upstream",
        "--resif-auth",
        "postgres://eidawsauth@localhost/resifAuth",
        "--resif-privileges",
        "postgres://eidawsauth@localhost/resifInv-Prod",
    ];
    let ran = asked.init_with_issuer(&[&UPSTREAM[..], &resif].concat());
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let file: toml::Table = std::fs::read_to_string(asked.config()).unwrap().parse().unwrap();
    let named = |name: &str| file["exchange"]["resif"][name].as_str().map(str::to_owned);
    assert_eq!(named("auth").as_deref(), Some("postgres://eidawsauth@localhost/resifAuth"));
    assert_eq!(named("privileges").as_deref(), Some("postgres://eidawsauth@localhost/resifInv-Prod"));

    let asked = Asked::new();
    let unprotected = ["--digest", "upstream", "--resif-auth", "postgres://eidawsauth@db/resifAuth"];
    let ran = asked.init_with_issuer(&[&UPSTREAM[..], &unprotected].concat());
    assert_eq!((ran.status, ran.stderr.contains("sslmode=verify-full")), (2, true), "{}", ran.stderr);
}

#[test]
fn availability_and_station_come_along_when_asked_for() {
    for digest in [&GATEWARD[..], &["--digest", "upstream"]] {
        let asked = Asked::new();
        let ran = asked.init_with_issuer(&[&UPSTREAM[..], digest, &["--availability", "--station"]].concat());
        let file = asked.written(&ran);
        let paths: Vec<_> = file["service"]
            .as_array()
            .unwrap()
            .iter()
            .map(|service| service["path"].as_str().unwrap())
            .collect();
        assert_eq!(paths, ["/fdsnws/availability/1", "/fdsnws/station/1", "/fdsnws/dataselect/1"]);
    }
}

#[test]
fn the_file_says_what_kind_of_store_it_names() {
    let asked = Asked::new();
    let (store, kind) = if is_postgres() {
        let cluster = Cluster::shared();
        (cluster.socket_url(&cluster.database("init")), "one PostgreSQL database")
    } else {
        (asked.demo.path("other.db"), "one SQLite file")
    };
    let ran = asked.init_with_issuer(&[&UPSTREAM[..], &["--digest", "upstream", "--store", &store]].concat());
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let written = std::fs::read_to_string(asked.config()).unwrap();
    assert!(written.contains(&format!("grants: {kind}.\nstore = \"{store}\"\n")), "{written}");
}

#[test]
fn without_a_web_server_in_front_it_takes_a_certificate() {
    let asked = Asked::new();
    let (certificate, key) = (asked.demo.path("server.pem"), asked.demo.path("server.key"));
    let tls = ["--listen", "0.0.0.0:443", "--certificate", &certificate, "--key", &key];
    let file = asked.written(&asked.init_with_issuer(&[&UPSTREAM[..], &GATEWARD, &tls].concat()));
    assert_eq!(file["tls"]["certificate"].as_str(), Some(certificate.as_str()));
    assert!(file.get("trusted_proxies").is_none());
}

#[test]
fn what_would_not_work_is_refused_before_anything_is_written() {
    let asked = Asked::new();
    let with = |arguments: &[&str]| asked.init_with_issuer(&[&UPSTREAM[..], arguments].concat());
    let gone = ["--digest", "gateward", "--inventory", "/nowhere.xml", "--unlisted", "refuse"];
    asked.refused(&with(&gone), "/nowhere.xml: No such file");
    let issuer = asked.demo.path("issuer.asc");
    let no_inventory = ["--digest", "gateward", "--inventory", &issuer, "--unlisted", "refuse"];
    asked.refused(&with(&no_inventory), &format!("inventory {issuer}: "));
    asked.refused(&with(&["--digest", "upstream", "--unlisted", "open"]), "go with --digest gateward");
    let zeros = "0".repeat(40);
    let other = ["--issuer", &issuer, "--issuer-fingerprint", &zeros, "--digest", "upstream"];
    asked.refused(&asked.init(&[&UPSTREAM[..], &other].concat()), "get the right key");
    let path = ["--upstream", "http://127.0.0.1:8080/fdsnws", "--digest", "upstream"];
    asked.refused(&asked.init_with_issuer(&path), "take /fdsnws away");
    // A throw-away issuer is for trying things out.
    let production = ["--digest", "upstream", "--mode", "production"];
    let dir = asked.demo.path("etc");
    let flags = asked.issuer();
    let flags = flags.each_ref().map(String::as_str);
    let ran = gateward(
        &[&["init", "--for", "eida", "--dir", &dir], &flags[..], &UPSTREAM, &production].concat(),
        &[],
        b"",
    );
    asked.refused(&ran, "throw-away key");
}

#[test]
fn on_a_terminal_five_questions_make_the_file() {
    let asked = Asked::new();
    let issuer = asked.demo.path("issuer.asc");
    // An empty answer is the default, and a wrong one is asked for again.
    let answers = [
        "",
        "/nowhere.asc",
        &issuer,
        &asked.fingerprint,
        "http://127.0.0.1:8080",
        "gateward",
        INVENTORY,
        "maybe",
        "open",
    ];
    let terminal = openpty(None, None).unwrap();
    let mut keyboard = File::from(terminal.master);
    keyboard.write_all((answers.join("\n") + "\n").as_bytes()).unwrap();
    let mut init = Command::new(env!("CARGO_BIN_EXE_gateward"));
    init.args(["init", "--for", "eida", "--mode", "test", "--dir", &asked.demo.path("etc")]);
    let mut init = init.stdin(terminal.slave).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut ran = Ran { status: -1, stdout: String::new(), stderr: String::new() };
    init.stderr.take().unwrap().read_to_string(&mut ran.stderr).unwrap();
    ran.status = init.wait().unwrap().code().unwrap();
    let file = asked.written(&ran);
    assert!(ran.stderr.contains("/nowhere.asc: No such file"), "{}", ran.stderr);
    assert!(ran.stderr.contains("maybe is none of refuse, open"), "{}", ran.stderr);
    assert_eq!(file["listen"].as_str(), Some("unix:/run/gateward/http.sock"));
    assert_eq!(file["service"][0]["unlisted"].as_str(), Some("open"));
}

#[test]
fn also_for_a_folder_of_files_it_takes_a_socket() {
    let demo = Installation::new();
    let dir = demo.path("etc");
    let init = ["init", "--dir", &dir, "--folder", &demo.path("files"), "--group", "/epos/x", "--listen"];
    let ran = gateward(&[&init[..], &["0.0.0.0:443"]].concat(), &[], b"");
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("--certificate and --key"), "{}", ran.stderr);
    let ran = gateward(&[&init[..], &["unix:/run/gateward/http.sock"]].concat(), &[], b"");
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let check = gateward(&["config", "check", "--config", &format!("{dir}/gateward.toml")], &[], b"");
    assert_eq!(check.status, 0, "{}", check.stdout);
}
