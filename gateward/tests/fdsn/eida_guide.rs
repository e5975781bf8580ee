//! docs/eida.md, followed word by word: its commands run, its files are loaded.
//!
//! Only names are others: hosts, ports, folders, the issuer. What belongs to the whole machine, such
//! as a group for nginx's user, is left to the reader.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::apache::{Apache, Asks};
use super::archive::ARCHIVE;
use super::gnupg::{Gnupg, Issuer};
use super::installation::{Installation, gateward};
use super::obspy::isolated;
use super::proxies::Proxy;
use super::server::{Reply, Server, curl};
use super::statement::Statement;
use super::station::Station;
use super::tools::{Ran, python, run};
use super::upstream::Upstream;

const GUIDE: &str = include_str!("../../../docs/eida.md");

/// The group that the guide lets in.
const GROUP: &str = "/epos/zr";

/// The blocks of one language below a heading, up to the next one.
#[track_caller]
fn blocks(heading: &str, language: &str) -> Vec<String> {
    let begin = GUIDE.find(&format!("# {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let section = &GUIDE[begin + 2..];
    let section = &section[..section.find("\n#").unwrap_or(section.len())];
    let fence = format!("```{language}\n");
    let found = section.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    let found: Vec<_> = found.collect();
    assert!(!found.is_empty(), "{heading} has no {language}");
    found
}

/// A machine on which the guide is followed: a folder with what its reader has.
struct Reader<'a> {
    outer: PathBuf,
    issuer: &'a Issuer<'a>,
    /// What stands in the guide, and what it is here.
    names: Vec<(String, String)>,
}

impl<'a> Reader<'a> {
    fn new(outer: &Path, issuer: &'a Issuer<'a>, data: &str, station: &str) -> Self {
        let at = |name: &str| outer.join(name).display().to_string();
        for folder in ["etc", "run", "state", "bin"] {
            std::fs::create_dir(outer.join(folder)).unwrap();
        }
        let mut openssl = Command::new("openssl");
        openssl.args([
            "req",
            "-x509",
            "-nodes",
            "-days",
            "30",
            "-newkey",
            "rsa:2048",
            "-subj",
            "/CN=localhost",
        ]);
        openssl.args(["-addext", "subjectAltName=DNS:localhost", "-keyout", &at("etc/public.key")]);
        run(openssl.args(["-out", &at("etc/public.pem")]), b"").good();
        std::fs::write(outer.join("eas.asc"), &issuer.public).unwrap();
        // Only where it writes and what is free on this machine is not as the guide has it.
        let program = format!(
            "#!/bin/sh\nif [ \"$1\" = init ]; then\n\
             set -- \"$@\" --dir {} --store {} --admin-listen 127.0.0.1:0\nfi\nexec {} \"$@\"\n",
            at("etc"),
            at("state/gateward.db"),
            env!("CARGO_BIN_EXE_gateward")
        );
        for (name, text) in [("gateward", program.as_str()), ("sudo", "#!/bin/sh\nexec \"$@\"\n")] {
            std::fs::write(outer.join("bin").join(name), text).unwrap();
            std::fs::set_permissions(outer.join("bin").join(name), Permissions::from_mode(0o755)).unwrap();
        }
        let names = [
            ("http://127.0.0.1:8080/fdsnws/station/1", format!("{station}/fdsnws/station/1")),
            ("http://127.0.0.1:8080", data.to_owned()),
            ("127.0.0.1:9443", "127.0.0.1:0".into()),
            ("C83815158DF0077272F19E1E4169CE9D00970757", issuer.fingerprint.clone()),
            ("0.0.0.0:443", "127.0.0.1:0".into()),
            ("/etc/gateward", at("etc")),
            ("/run/gateward", at("run")),
            ("/var/lib/gateward", at("state")),
            ("/etc/ssl/fdsn.pem", at("etc/public.pem")),
            ("/etc/ssl/private/fdsn.key", at("etc/public.key")),
        ];
        let names = names.into_iter().map(|(theirs, ours)| (theirs.to_owned(), ours)).collect();
        Self { outer: outer.to_owned(), issuer, names }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.outer.join(name)
    }

    /// The text with the names that things have here.
    fn here(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours))
    }

    /// From now on the host of the guide is this one.
    fn host(&mut self, port: u16) {
        self.names.push(("fdsn.example.org".into(), format!("localhost:{port}")));
    }

    fn isolated<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        let ca = self.at("etc/public.pem");
        isolated(command, &self.outer, &ca);
        command.current_dir(&self.outer).env("CURL_CA_BUNDLE", ca).env("CURL_HOME", &self.outer);
        command.env("GATEWARD_CONFIG", self.at("etc/gateward.toml")).env_remove("GATEWARD_KEYRING")
    }

    /// Runs what the guide has under a heading, in its order; the first failure ends it.
    #[track_caller]
    fn follows(&self, heading: &str) -> Ran {
        let script = self.here(&blocks(heading, "sh").concat());
        let script = format!("PATH={}:$PATH\n{script}", self.at("bin").display());
        let mut shell = Command::new("sh");
        run(self.isolated(shell.args(["-eu", "-c", &script])), b"").good()
    }

    fn token(&self, groups: &str) -> String {
        self.issuer.sign(&Statement { groups: groups.into(), ..Statement::default() })
    }

    /// Asks at the host of the guide, from the address `from`.
    fn curl(&self, path: &str, from: &str) -> Reply {
        let url = self.here(&format!("https://fdsn.example.org{path}"));
        curl(&url, self.at("etc/public.pem").to_str().unwrap(), &["--ipv4", "--interface", from], b"")
    }
}

const RESTRICTED: &str = "/fdsnws/dataselect/1/query?net=ZR&start=2016-06-01&end=2016-06-02";

#[test]
fn behind_nginx_every_step_of_the_guide_leads_to_the_next() {
    let (gnupg, data, station) = (Gnupg::new(), Upstream::start(), Station::start());
    let issuer = gnupg.issuer_with("eas", "rsa2048", "sign,cert");
    let outer = tempfile::tempdir().unwrap();
    let mut reader = Reader::new(outer.path(), &issuer, &data.url(), &station.url());

    let shown = reader.follows("1. Whom you believe");
    assert!(shown.text().contains(&issuer.fingerprint), "{}", shown.text());
    let made = reader.follows("2. The configuration");
    assert!(made.text().contains("gateward.toml: good"), "{}", made.text());
    let written: toml::Table =
        std::fs::read_to_string(reader.at("etc/gateward.toml")).unwrap().parse().unwrap();
    let printed: toml::Table = reader.here(&blocks("2. The configuration", "toml")[0]).parse().unwrap();
    assert_eq!(written, printed);

    let server = Server::start(Installation::at(outer, "etc"));
    let block = reader.here(&blocks("3. nginx in front", "nginx")[0]);
    let nginx =
        Proxy::nginx_with(|port| block.replace("listen 443 ssl;", &format!("listen 127.0.0.1:{port} ssl;")));
    reader.host(nginx.port);

    let refused = reader.curl(RESTRICTED, "127.0.0.5");
    assert_eq!(refused.status, 403, "{}", refused.text());
    reader.follows("4. Who may have what");
    std::fs::write(reader.at("token.asc"), reader.token(&format!("{GROUP};/epos;/"))).unwrap();
    let tried = reader.follows("5. Try it");
    assert!(tried.text().contains("granted            dataselect (ZR:2010-2020)"), "{}", tried.text());
    let read = |name: &str| std::fs::read(reader.at(name)).unwrap();
    assert!(read("open.mseed") == ARCHIVE.waveforms("GE.APE..HHZ", "2016-06-01"));
    assert!(read("restricted.mseed") == ARCHIVE.waveforms("ZR.Z01..HHZ", "2016-06-01"));

    let script = reader.here(&blocks("5. Try it", "python")[0]);
    let obspy = run(reader.isolated(python().args(["-c", &script])), b"").good();
    assert!(obspy.text().contains("ZR.Z01..HHZ"), "{}", obspy.text());

    reader.names.push(("4T7XK-0Q2MB".into(), refused.reference()));
    let shown = reader.follows("6. When somebody asks why");
    // nginx, as the guide has it, names its client.
    assert!(shown.text().contains("127.0.0.5"), "{}", shown.text());
    let wadl = reader.curl("/fdsnws/dataselect/1/application.wadl", "127.0.0.1");
    assert!(wadl.text().contains("path=\"auth\""), "{}", wadl.text());
    drop(nginx);
    drop(server);
}

#[test]
fn without_nginx_the_guide_leads_to_the_same_door() {
    let (gnupg, data, station) = (Gnupg::new(), Upstream::start(), Station::start());
    let issuer = gnupg.issuer_with("eas", "rsa2048", "sign,cert");
    let outer = tempfile::tempdir().unwrap();
    let mut reader = Reader::new(outer.path(), &issuer, &data.url(), &station.url());
    reader.follows("1. Whom you believe");
    reader.follows("Without nginx");
    let server = Server::start(Installation::at(outer, "etc"));
    reader.host(server.public);
    reader.follows("4. Who may have what");
    std::fs::write(reader.at("token.asc"), reader.token(&format!("{GROUP};/epos;/"))).unwrap();
    reader.follows("5. Try it");
    let restricted = std::fs::read(reader.at("restricted.mseed")).unwrap();
    assert!(restricted == ARCHIVE.waveforms("ZR.Z01..HHZ", "2016-06-01"));
}

#[test]
fn a_data_service_that_checks_logins_itself_does_so_through_nginx_as_the_guide_has_it() {
    let (gnupg, data) = (Gnupg::new(), Upstream::start());
    let apache = Apache::before(&data, Asks::Digest);
    apache.admit("jane.doe", "her-own");
    let issuer = gnupg.issuer_with("eas", "rsa2048", "sign,cert");
    let outer = tempfile::tempdir().unwrap();
    let mut reader = Reader::new(outer.path(), &issuer, &apache.url(), &apache.url());
    reader.follows("1. Whom you believe");
    reader.follows("2. The configuration");
    // The file of step 2 with the service of step 7.
    let file = std::fs::read_to_string(reader.at("etc/gateward.toml")).unwrap();
    let (head, _) = file.split_once("[[service]]").unwrap();
    let service = reader.here(&blocks("7. When your data service checks logins itself", "toml")[0]);
    std::fs::write(reader.at("etc/gateward.toml"), format!("{head}{service}")).unwrap();
    let check =
        run(gateward().args(["config", "check", "--config"]).arg(reader.at("etc/gateward.toml")), b"");
    check.good();

    let _server = Server::start(Installation::at(outer, "etc"));
    let block = reader.here(&blocks("3. nginx in front", "nginx")[0]);
    let nginx =
        Proxy::nginx_with(|port| block.replace("listen 443 ssl;", &format!("listen 127.0.0.1:{port} ssl;")));
    reader.host(nginx.port);
    // The answer to Digest covers the target as it is written, escapes included.
    let url = reader.here("https://fdsn.example.org/fdsnws/dataselect/1/queryauth?net=ZR&sta=Z01%2CZ09&start=2016-06-01&end=2016-06-02");
    let digest = ["--digest", "--user", "jane.doe:her-own"];
    let got = curl(&url, reader.at("etc/public.pem").to_str().unwrap(), &digest, b"");
    assert_eq!(got.status, 200, "{}", got.text());
    assert!(got.body == ARCHIVE.waveforms("ZR.Z01..HHZ", "2016-06-01"));
}
