//! docs/opencr.md, followed word by word: its commands run, its files are loaded.
//!
//! Only names are others: hosts, ports, folders. Behind the door a stand-in of the registry gives one Patient.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::cluster::ports::free_port;
use super::echo::Echo;
use super::guide_reader::{self, Reader, section};
use super::him::{OpenHim, PASSWORD, self_signed};
use super::installation::{GATEWARD, Installation};
use super::server::{PATIENCE, Server};
use super::tools::{Ran, run};

const GUIDE: &str = include_str!("../../../docs/opencr.md");

/// Who follows the guide.
struct Registry {
    reader: Reader,
    port: u16,
}

impl Registry {
    fn new(outer: &Path, registry: &Echo) -> Self {
        let mut reader = Reader::in_folder(outer);
        let port = free_port();
        self_signed(&reader.path("etc/cr.pem"), &reader.path("etc/cr.key"), "localhost");
        // Only where it writes and what is free on this machine is not as the guide has it.
        let program = format!(
            "if [ \"$1\" = init ]; then\nset -- \"$@\" --dir {} --store {} --admin-listen 127.0.0.1:0 \
             --listen 127.0.0.1:{port}\nfi\nexec {GATEWARD} \"$@\"",
            reader.path("etc"),
            reader.path("state/gateward.db"),
        );
        reader.write_program("gateward", &program);
        for (theirs, ours) in [
            ("http://127.0.0.1:3000", registry.url()),
            ("127.0.0.1:9443", "127.0.0.1:0".into()),
            ("0.0.0.0:443", format!("127.0.0.1:{port}")),
            ("/etc/ssl/cr.pem", reader.path("etc/cr.pem")),
            ("/etc/ssl/private/cr.key", reader.path("etc/cr.key")),
            ("/var/lib/gateward", reader.path("state")),
            ("cr.example.org", format!("localhost:{port}")),
        ] {
            reader.call(theirs, ours);
        }
        Self { reader, port }
    }

    /// Runs what the guide has under a heading, in its order.
    #[track_caller]
    fn follows(&self, heading: &str) -> Ran {
        let all = guide_reader::blocks(section(GUIDE, heading), "sh").concat();
        run(self.reader.shell(&all).env("CURL_HOME", self.reader.at("")), b"").good()
    }

    /// The status of an answer to a machine with this certificate and key; 0 where no TLS comes about.
    fn status(&self, certificate: &str, key: &str) -> String {
        let mut curl = Command::new("curl");
        curl.args([
            "--disable",
            "--silent",
            "--output",
            "/dev/null",
            "--write-out",
            "%{http_code}",
            "--max-time",
            "30",
        ]);
        curl.arg("--cacert").arg(self.reader.at("etc/cr.pem"));
        curl.arg("--cert").arg(self.reader.at(certificate)).arg("--key").arg(self.reader.at(key));
        let ran = run(curl.arg(format!("https://localhost:{}/fhir/Patient/1", self.port)), b"");
        ran.text().to_owned()
    }

    /// Waits until a machine that was registered gets the Patient: within a second, as the guide says.
    #[track_caller]
    fn await_patient(&self, certificate: &str, key: &str) {
        let begun = Instant::now();
        while self.status(certificate, key) != "200" {
            assert!(begun.elapsed() < PATIENCE, "{certificate}: {}", self.status(certificate, key));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn toml(text: &str) -> toml::Table {
    text.parse().unwrap()
}

#[test]
fn every_step_of_the_guide_leads_to_the_next() {
    let echo = Echo::start();
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().to_owned();
    let mut registry = Registry::new(outer.path(), &echo);

    let made = registry.follows("1. The configuration");
    assert!(made.text().contains("gateward.toml: good"), "{}", made.text());
    let written = std::fs::read_to_string(folder.join("etc/gateward.toml")).unwrap();
    let printed = &guide_reader::blocks(section(GUIDE, "1. The configuration"), "toml")[0];
    let mut made = toml(&written);
    // Measured on this machine.
    made.remove("passwords");
    assert_eq!(made, toml(&registry.reader.here(printed)));

    let server = Server::start(Installation::at(outer, "etc"));
    let enrolled = registry.follows("2. A machine gets in");
    assert!(enrolled.text().contains("Fingerprint="), "{}", enrolled.text());
    registry.await_patient("lab-1.pem", "lab-1.key");
    let read = registry.follows("3. The machine reads a Patient");
    assert_eq!(read.text().matches("\"resourceType\":\"Patient\"").count(), 2, "{}", read.text());
    assert!(read.text().contains("lab-1"), "{}", read.text());

    let openhim = OpenHim::before(registry.port);
    std::fs::copy(folder.join("etc/cr.pem"), openhim.file("gateward-ca.pem")).unwrap();
    let openhim = openhim.again();
    for ending in ["pem", "key"] {
        std::fs::copy(openhim.file(&format!("him.{ending}")), folder.join(format!("openhim.{ending}")))
            .unwrap();
    }
    registry.follows("4. OpenHIM in front");
    registry.await_patient("openhim.pem", "openhim.key");
    let reply = openhim.ask("/fhir/Patient/1", Some("clinic-7"), &[]);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(openhim.transactions()[0]["mediatorResponse"].is_null());

    // In the service, and at the end of the file.
    let table = &guide_reader::blocks(section(GUIDE, "5. gateward as OpenHIM's mediator"), "toml")[0];
    registry.reader.call("https://openhim.example.org:8080", openhim.api());
    let _ = openhim.table(&folder.join("etc"), PASSWORD);
    std::fs::copy(openhim.file("api.pem"), folder.join("etc/openhim-api.pem")).unwrap();
    let table = registry.reader.here(table).replace("gateward@example.org", super::him::USERNAME);
    let service = written.replacen("# openhim = true", "openhim = true", 1);
    let console = &guide_reader::blocks(section(GUIDE, "8. People at the console"), "toml")[0];
    server.configure(&format!("{service}\n{table}\n{}", registry.reader.here(console)));
    let mut server = server;
    assert_eq!(server.stop(), 0);
    let server = server.again();
    server.command(&["config", "check"]).good();
    openhim.await_seen("a registration", |seen| seen.iter().any(|one| one["path"] == "/mediators"));
    let reply = openhim.ask("/fhir/Patient/1", Some("clinic-7"), &[]);
    let patient: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(patient["resourceType"], "Patient");
    let answer = &openhim.transactions()[1]["mediatorResponse"];
    let transaction = answer["properties"]["gateward-transaction"].as_str().unwrap();
    let shown = server.command(&["audit", "show", transaction]).good();
    assert!(shown.text().contains("clinic-7") && shown.text().contains("openhim"), "{}", shown.text());

    self_signed(&registry.reader.path("lab-1-new.pem"), &registry.reader.path("lab-1-new.key"), "lab-1");
    let renewed = registry.follows("6. A certificate is renewed");
    assert!(renewed.text().contains("lab-1"), "{}", renewed.text());
    for (certificate, key) in [("lab-1.pem", "lab-1.key"), ("lab-1-new.pem", "lab-1-new.key")] {
        registry.await_patient(certificate, key);
    }
    registry.follows("7. A machine is taken out");
    std::thread::sleep(Duration::from_secs(1));
    for (certificate, key) in [("lab-1.pem", "lab-1.key"), ("lab-1-new.pem", "lab-1-new.key")] {
        assert_ne!(registry.status(certificate, key), "200", "{certificate}");
    }
    assert_eq!(openhim.ask("/fhir/Patient/1", Some("clinic-7"), &[]).status, 200, "nobody else is affected");

    registry.follows("8. People at the console");
    let browser = Browser { registry: &registry };
    assert_eq!(browser.ask("/crux/", &[]), format!("303 {}", browser.at("/gateward/login?to=%2Fcrux%2F")));
    assert_eq!(browser.logs_in("ann", "/crux/"), format!("303 {}", browser.at("/crux/")));
    assert_eq!(browser.ask("/crux/", &[]), "200 ");
    assert_eq!(browser.ask("/ocrux/users", &[]), "200 ");
    // The page opens nothing to whom machines' places are closed.
    assert_eq!(browser.ask("/fhir/Patient/1", &[]), "403 ");
    server.command(&["user", "end", "ann"]).good();
    std::thread::sleep(Duration::from_secs(1));
    assert!(browser.ask("/crux/", &[]).starts_with("303 "));
}

/// A browser without a certificate, as far as forms and cookies go.
struct Browser<'a> {
    registry: &'a Registry,
}

impl Browser<'_> {
    fn at(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.registry.port)
    }

    /// The status of an answer, and where it leads.
    fn ask(&self, path: &str, more: &[&str]) -> String {
        let reader = &self.registry.reader;
        let mut curl = Command::new("curl");
        curl.args(["--disable", "--silent", "--max-time", "30", "--header", "Accept: text/html,*/*;q=0.8"]);
        curl.args(["--write-out", "%{http_code} %{redirect_url}", "--output"]).arg(reader.at("page.html"));
        curl.arg("--cacert").arg(reader.at("etc/cr.pem"));
        let jar = reader.at("cookies");
        curl.arg("--cookie").arg(&jar).arg("--cookie-jar").arg(&jar);
        run(curl.args(more).arg(self.at(path)), b"").text().to_owned()
    }

    /// Fills in the page with the password that lies in its file.
    fn logs_in(&self, name: &str, to: &str) -> String {
        let reader = &self.registry.reader;
        assert_eq!(self.ask("/gateward/login", &[]), "200 ");
        let page = std::fs::read_to_string(reader.at("page.html")).unwrap();
        let token = page.split("name=\"form\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let made = std::fs::read_to_string(reader.at(&format!("{name}.password"))).unwrap();
        let password = made.trim_end().split_once(':').unwrap().1;
        let fields = [("form", token), ("name", name), ("password", password), ("to", to)];
        let fields = fields.map(|(name, value)| format!("{name}={value}"));
        let fields: Vec<&str> = fields.iter().flat_map(|field| ["--data-urlencode", field]).collect();
        self.ask("/gateward/login", &fields)
    }
}
