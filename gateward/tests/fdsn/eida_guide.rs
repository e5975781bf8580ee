//! docs/eida.md, followed word by word: its commands run, its files are loaded.
//!
//! Only names are others: hosts, ports, folders, the issuer. What belongs to the whole machine, such
//! as a group for nginx's user, is left to the reader.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::archive::ARCHIVE;
use super::data_centre::{Asks, DataCentre};
use super::gnupg::{Gnupg, Issuer};
use super::guide_reader::{self, Reader, section};
use super::installation::{GATEWARD, Installation, gateward};
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

/// The blocks of one language below a heading.
#[track_caller]
fn blocks(heading: &str, language: &str) -> Vec<String> {
    guide_reader::blocks(section(GUIDE, heading), language)
}

/// Who follows the guide as a data centre does: before a data server and a station service.
struct Centre<'a> {
    reader: Reader,
    issuer: &'a Issuer<'a>,
}

impl<'a> Centre<'a> {
    fn new(outer: &Path, issuer: &'a Issuer<'a>, data: &str, station: &str) -> Self {
        let mut reader = Reader::in_folder(outer);
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
        openssl.args(["-addext", "subjectAltName=DNS:localhost", "-keyout", &reader.path("etc/public.key")]);
        run(openssl.args(["-out", &reader.path("etc/public.pem")]), b"").good();
        std::fs::write(reader.at("eas.asc"), &issuer.public).unwrap();
        // Only where it writes and what is free on this machine is not as the guide has it.
        let program = format!(
            "if [ \"$1\" = init ]; then\n\
             set -- \"$@\" --dir {} --store {} --admin-listen 127.0.0.1:0\nfi\nexec {GATEWARD} \"$@\"",
            reader.path("etc"),
            reader.path("state/gateward.db"),
        );
        reader.write_program("gateward", &program);
        for (theirs, ours) in [
            ("http://127.0.0.1:8080/fdsnws/station/1", format!("{station}/fdsnws/station/1")),
            ("http://127.0.0.1:8080", data.to_owned()),
            ("127.0.0.1:9443", "127.0.0.1:0".into()),
            ("C83815158DF0077272F19E1E4169CE9D00970757", issuer.fingerprint.clone()),
            ("0.0.0.0:443", "127.0.0.1:0".into()),
            ("/etc/gateward", reader.path("etc")),
            ("/run/gateward", reader.path("run")),
            ("/var/lib/gateward", reader.path("state")),
            ("/etc/ssl/fdsn.pem", reader.path("etc/public.pem")),
            ("/etc/ssl/private/fdsn.key", reader.path("etc/public.key")),
        ] {
            reader.call(theirs, ours);
        }
        Self { reader, issuer }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.reader.at(name)
    }

    fn here(&self, text: &str) -> String {
        self.reader.here(text)
    }

    /// From now on the host of the guide is this one.
    fn host(&mut self, port: u16) {
        self.reader.call("fdsn.example.org", format!("localhost:{port}"));
    }

    fn isolated<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        let (home, ca) = (self.at(""), self.at("etc/public.pem"));
        isolated(command, &home, &ca);
        command.current_dir(&home).env("CURL_CA_BUNDLE", ca).env("CURL_HOME", home)
    }

    /// Runs what the guide has under a heading, in its order.
    #[track_caller]
    fn follows(&self, heading: &str) -> Ran {
        run(self.isolated(&mut self.reader.shell(&blocks(heading, "sh").concat())), b"").good()
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
    let mut centre = Centre::new(outer.path(), &issuer, &data.url(), &station.url());

    let shown = centre.follows("1. Whom you believe");
    assert!(shown.text().contains(&issuer.fingerprint), "{}", shown.text());
    let made = centre.follows("2. The configuration");
    assert!(made.text().contains("gateward.toml: good"), "{}", made.text());
    let mut written: toml::Table =
        std::fs::read_to_string(centre.at("etc/gateward.toml")).unwrap().parse().unwrap();
    // As measured on this machine.
    assert!(written.remove("passwords").is_some());
    let printed: toml::Table = centre.here(&blocks("2. The configuration", "toml")[0]).parse().unwrap();
    assert_eq!(written, printed);

    let server = Server::start(Installation::at(outer, "etc"));
    let block = centre.here(&blocks("3. nginx in front", "nginx")[0]);
    let nginx =
        Proxy::nginx_with(|port| block.replace("listen 443 ssl;", &format!("listen 127.0.0.1:{port} ssl;")));
    centre.host(nginx.port);

    let refused = centre.curl(RESTRICTED, "127.0.0.5");
    assert_eq!(refused.status, 403, "{}", refused.text());
    centre.follows("4. Who may have what");
    std::fs::write(centre.at("token.asc"), centre.token(&format!("{GROUP};/epos;/"))).unwrap();
    let tried = centre.follows("5. Try it");
    assert!(tried.text().contains("granted            dataselect (ZR:2010-2020)"), "{}", tried.text());
    let read = |name: &str| std::fs::read(centre.at(name)).unwrap();
    assert!(read("open.mseed") == ARCHIVE.waveforms("GE.APE..HHZ", "2016-06-01"));
    assert!(read("restricted.mseed") == ARCHIVE.waveforms("ZR.Z01..HHZ", "2016-06-01"));

    let script = centre.here(&blocks("5. Try it", "python")[0]);
    let obspy = run(centre.isolated(python().args(["-c", &script])), b"").good();
    assert!(obspy.text().contains("ZR.Z01..HHZ"), "{}", obspy.text());

    centre.reader.call("4T7XK-0Q2MB", refused.reference());
    let shown = centre.follows("6. When somebody asks why");
    // nginx, as the guide has it, names its client.
    assert!(shown.text().contains("127.0.0.5"), "{}", shown.text());
    let wadl = centre.curl("/fdsnws/dataselect/1/application.wadl", "127.0.0.1");
    assert!(wadl.text().contains("path=\"auth\""), "{}", wadl.text());
    drop(nginx);
    drop(server);
}

#[test]
fn without_nginx_the_guide_leads_to_the_same_door() {
    let (gnupg, data, station) = (Gnupg::new(), Upstream::start(), Station::start());
    let issuer = gnupg.issuer_with("eas", "rsa2048", "sign,cert");
    let outer = tempfile::tempdir().unwrap();
    let mut centre = Centre::new(outer.path(), &issuer, &data.url(), &station.url());
    centre.follows("1. Whom you believe");
    centre.follows("Without nginx");
    let server = Server::start(Installation::at(outer, "etc"));
    centre.host(server.public);
    centre.follows("4. Who may have what");
    std::fs::write(centre.at("token.asc"), centre.token(&format!("{GROUP};/epos;/"))).unwrap();
    centre.follows("5. Try it");
    let restricted = std::fs::read(centre.at("restricted.mseed")).unwrap();
    assert!(restricted == ARCHIVE.waveforms("ZR.Z01..HHZ", "2016-06-01"));
}

#[test]
fn a_data_service_that_checks_logins_itself_does_so_through_nginx_as_the_guide_has_it() {
    let (gnupg, data) = (Gnupg::new(), Upstream::start());
    let apache = DataCentre::before(&data, Asks::Digest);
    apache.admit("jane.doe", "her-own");
    let issuer = gnupg.issuer_with("eas", "rsa2048", "sign,cert");
    let outer = tempfile::tempdir().unwrap();
    let mut centre = Centre::new(outer.path(), &issuer, &apache.url(), &apache.url());
    centre.follows("1. Whom you believe");
    centre.follows("2. The configuration");
    // The file of step 2 with the service of step 7.
    let file = std::fs::read_to_string(centre.at("etc/gateward.toml")).unwrap();
    let (head, _) = file.split_once("[[service]]").unwrap();
    let service = centre.here(&blocks("7. When your data service checks logins itself", "toml")[0]);
    std::fs::write(centre.at("etc/gateward.toml"), format!("{head}{service}")).unwrap();
    let check =
        run(gateward().args(["config", "check", "--config"]).arg(centre.at("etc/gateward.toml")), b"");
    check.good();

    let _server = Server::start(Installation::at(outer, "etc"));
    let block = centre.here(&blocks("3. nginx in front", "nginx")[0]);
    let nginx =
        Proxy::nginx_with(|port| block.replace("listen 443 ssl;", &format!("listen 127.0.0.1:{port} ssl;")));
    centre.host(nginx.port);
    // The answer to Digest covers the target as it is written, escapes included.
    let url = centre.here("https://fdsn.example.org/fdsnws/dataselect/1/queryauth?net=ZR&sta=Z01%2CZ09&start=2016-06-01&end=2016-06-02");
    let digest = ["--digest", "--user", "jane.doe:her-own"];
    let got = curl(&url, centre.at("etc/public.pem").to_str().unwrap(), &digest, b"");
    assert_eq!(got.status, 200, "{}", got.text());
    assert!(got.body == ARCHIVE.waveforms("ZR.Z01..HHZ", "2016-06-01"));
}
