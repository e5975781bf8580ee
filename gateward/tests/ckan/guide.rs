//! docs/dcor.md, followed word by word before a real CKAN, on a terminal.
//!
//! Only names are others: the address of CKAN, folders, and the group that the package makes.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use access_token::{Opened, Passphrase, open};
use nix::pty::openpty;
use serde_json::{Value, json};

use super::guide_reader::{self, Reader, section};
use super::site::{Site, program};

const GUIDE: &str = include_str!("../../../docs/dcor.md");
const GATEWARD: &str = env!("CARGO_BIN_EXE_gateward");

/// What somebody sees who runs a block.
struct Seen {
    /// What a pipe or a file would get.
    output: String,
    /// What stands on the terminal beside it.
    terminal: String,
}

/// Who follows the guide.
struct Administrator {
    reader: Reader,
    site: &'static Site,
    /// The blocks of the guide that were run.
    followed: RefCell<BTreeSet<String>>,
}

impl Administrator {
    fn new(folder: &Path) -> Self {
        let site = Site::shared_with_tls();
        let mut reader = Reader::in_folder(folder);
        // Only where it writes is not as the guide has it.
        let program_text = format!(
            "if [ \"$1\" = init ]; then\n    set -- \"$@\" --dir {} --store {}\nfi\nexec {GATEWARD} \"$@\"",
            reader.path("etc"),
            reader.path("state/gateward.db"),
        );
        reader.write_program("gateward", &program_text);
        for (theirs, ours) in [
            ("/usr/lib/ckan/default/bin/ckan", program().display().to_string()),
            ("/etc/ckan/default/ckan.ini", site.ini().display().to_string()),
            ("https://dcor.example.org", site.url()),
            ("/etc/ssl/certs/dcor.pem", reader.path("dcor.pem")),
            ("/etc/ckan/default", reader.path("ckan")),
            ("/var/backups/gateward", reader.path("backups")),
            ("/etc/gateward", reader.path("etc")),
            ("/var/lib/gateward", reader.path("state")),
            (" --group gateward", String::new()),
        ] {
            reader.call(theirs, ours);
        }
        let administrator = Self { reader, site, followed: RefCell::default() };
        // In one file: what users pin, and what CKAN's own certificate leads to here.
        let pinned = administrator.certificate("dcor-2026");
        let both = [std::fs::read(pinned).unwrap(), std::fs::read(Site::ca()).unwrap()].concat();
        std::fs::write(administrator.reader.at("dcor.pem"), both).unwrap();
        administrator.certificate("dcor-2027");
        administrator
    }

    /// Makes a certificate for the host of the guide.
    fn certificate(&self, name: &str) -> PathBuf {
        let path = self.reader.at(&format!("{name}.pem"));
        let mut openssl = Command::new("openssl");
        openssl.args([
            "req",
            "-x509",
            "-nodes",
            "-days",
            "400",
            "-newkey",
            "rsa:2048",
            "-keyout",
            "/dev/null",
        ]);
        openssl.args(["-subj", "/CN=dcor.example.org", "-addext", "subjectAltName=DNS:dcor.example.org"]);
        let made = openssl.arg("-out").arg(&path).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        path
    }

    /// Makes the OpenPGP key of whoever makes the calls.
    fn desk(&self) {
        self.gpg(&[
            "--batch",
            "--passphrase",
            "",
            "--quick-generate-key",
            "desk@example.org",
            "default",
            "default",
        ]);
        std::fs::write(self.reader.at("desk.asc"), self.gpg(&["--armor", "--export", "desk@example.org"]))
            .unwrap();
    }

    fn gpg(&self, arguments: &[&str]) -> String {
        let home = self.reader.at("gnupg");
        std::fs::create_dir_all(&home).unwrap();
        std::fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let ran =
            Command::new("gpg").args(["--quiet"]).args(arguments).env("GNUPGHOME", &home).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    }

    /// Runs one block of the guide on a terminal of its own.
    #[track_caller]
    fn runs(&self, block: &str) -> Seen {
        let terminal = openpty(None, None).unwrap();
        let shell = self.reader.shell(block);
        let mut session = Command::new("setsid");
        session.args(["--ctty", "--wait"]).arg(shell.get_program()).args(shell.get_args());
        session.current_dir(shell.get_current_dir().unwrap());
        for (name, value) in shell.get_envs() {
            match value {
                Some(value) => session.env(name, value),
                None => session.env_remove(name),
            };
        }
        let child =
            session.stdin(terminal.slave).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(session);
        let mut screen = File::from(terminal.master);
        let shown = std::thread::spawn(move || {
            let mut shown = Vec::new();
            // Linux ends a terminal that nobody holds any more with an error.
            let _ = screen.read_to_end(&mut shown);
            String::from_utf8(shown).unwrap()
        });
        let ran = child.wait_with_output().unwrap();
        let seen = Seen { output: String::from_utf8(ran.stdout).unwrap(), terminal: shown.join().unwrap() };
        let errors = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{block}\n{}\n{}\n{errors}", seen.output, seen.terminal);
        seen
    }

    /// Runs the block of a part of the guide that begins with `begin`, after a `mkdir` maybe.
    #[track_caller]
    fn follows(&self, heading: &str, begin: &str) -> Seen {
        let blocks = guide_reader::blocks(section(GUIDE, heading), "sh");
        let command = |block: &&String| {
            let mut lines = block.lines().map(|line| line.trim_start_matches("sudo "));
            lines.any(|line| line.starts_with(begin))
        };
        let found: Vec<_> = blocks.iter().filter(command).collect();
        assert_eq!(found.len(), 1, "{begin} in {heading}");
        self.followed.borrow_mut().insert(found[0].clone());
        self.runs(found[0])
    }

    /// Writes the job of the guide into the configuration.
    fn adds_the_job(&self) {
        let config = self.reader.at("etc/gateward.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        let state = self.reader.path("backup-state");
        let job = guide_reader::blocks(section(GUIDE, "Backups"), "toml").remove(0);
        // What is kept between runs does not go where this machine's own is.
        let text = format!("backup_state = \"{state}\"\n{text}\n{}", self.reader.here(&job));
        std::fs::write(config, text).unwrap();
    }

    /// Makes the key that opens backups, and CKAN's folders, which who installs CKAN makes.
    fn backup_key(&mut self) {
        let listed = self.gpg(&["--with-colons", "--list-keys", "desk@example.org"]);
        let fingerprint = listed.lines().find_map(|line| line.strip_prefix("fpr:")).unwrap();
        self.reader.call("8FD98B2183B2C2288FD98B2183B2C2288FD98B21", fingerprint.trim_matches(':'));
        std::fs::copy(self.reader.at("desk.asc"), self.reader.at("backup-key.asc")).unwrap();
        std::fs::create_dir_all(self.site.storage()).unwrap();
        std::fs::create_dir(self.reader.at("ckan")).unwrap();
        std::fs::copy(self.site.ini(), self.reader.at("ckan/ckan.ini")).unwrap();
    }

    fn opens(&self, file: &str, passphrase: &str) -> Opened {
        let bytes = std::fs::read(self.reader.at(file)).unwrap();
        open(&bytes, &Passphrase::parse(passphrase).unwrap()).unwrap()
    }

    /// Whether CKAN takes the key in an access token, as DCOR-Aid sends it.
    fn is_let_in(&self, user: &str, opened: &Opened) -> bool {
        let key = opened.token.api_key.as_str();
        let fields = [format!("Authorization: {key}"), format!("X-CKAN-API-Key: {key}")];
        let (status, answer) = self.site.post_with("api_token_list", &fields, &json!({ "user_id": user }));
        assert!([200, 403].contains(&status), "{answer}");
        status == 200
    }

    fn list(&self, more: &str) -> Vec<Value> {
        let listed = self.runs(&format!("gateward --format json access-token list {more}"));
        listed.output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// The passphrases that a terminal showed, each with its user.
fn passphrases(terminal: &str) -> Vec<(String, String)> {
    let after = |line: &str, name: &str| line.trim().strip_prefix(name).map(|rest| rest.trim().to_owned());
    let users = terminal.lines().filter_map(|line| after(line, "For "));
    let users = users.map(|line| line.split(',').next().unwrap().to_owned());
    users.zip(terminal.lines().filter_map(|line| after(line, "passphrase "))).collect()
}

#[test]
fn every_step_of_the_guide_leads_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let mut administrator = Administrator::new(folder.path());
    administrator.desk();
    administrator.backup_key();
    let administrator = administrator;
    let at = |name: &str| administrator.reader.at(name);

    administrator.follows("2. A key for gateward", "install");
    let made = administrator.follows("3. The configuration", "gateward init");
    assert!(made.output.contains("gateward.toml: good"), "{}", made.output);
    let written: toml::Table = std::fs::read_to_string(at("etc/gateward.toml")).unwrap().parse().unwrap();
    let printed = guide_reader::blocks(section(GUIDE, "3. The configuration"), "toml").remove(0);
    assert_eq!(written, administrator.reader.here(&printed).parse().unwrap());

    let first = administrator.follows("4. The first access token", "gateward access-token create");
    let (user, passphrase) = passphrases(&first.terminal).remove(0);
    assert_eq!(user, "a-lovelace", "{}", first.terminal);
    assert!(!first.output.contains(&passphrase));
    let opened = administrator.opens("tokens/a-lovelace.dcor-access.zip", &passphrase);
    assert_eq!(opened.token.certificate.host().unwrap(), "dcor.example.org");
    assert!(administrator.is_let_in("a-lovelace", &opened));
    let letter = std::fs::read_to_string(at("tokens/a-lovelace.letter.txt")).unwrap();
    assert!(letter.contains("Ada Lovelace") && letter.contains("Data office, +49 30 5550 100"), "{letter}");
    assert!(!letter.contains(&passphrase));
    let inspected = administrator.follows("4. The first access token", "gateward access-token inspect");
    assert!(inspected.output.contains("AES-256") && inspected.output.contains("Whoever has the passphrase"));

    let people = guide_reader::blocks(section(GUIDE, "5. Many at once"), "csv").remove(0);
    std::fs::write(at("course.csv"), people).unwrap();
    let course = administrator.follows("5. Many at once", "gateward access-token create");
    assert_eq!(passphrases(&course.terminal), []);
    let told =
        administrator.gpg(&["--decrypt", at("tokens/course/b-babbage.passphrase.asc").to_str().unwrap()]);
    let told = told.lines().find_map(|line| line.strip_prefix("passphrase ")).unwrap();
    let babbage = administrator.opens("tokens/course/b-babbage.dcor-access.zip", told);
    assert!(administrator.is_let_in("b-babbage", &babbage));
    let german = std::fs::read_to_string(at("tokens/course/e-noether.letter.txt")).unwrap();
    assert!(german.contains("Guten Tag Emmy Noether"), "{german}");

    let all = administrator.follows("6. Afterwards", "gateward audit search");
    assert!(
        all.output.contains("b-babbage") && all.output.contains("access_token_created"),
        "{}",
        all.output
    );
    administrator.follows("6. Afterwards", "gateward access-token revoke");
    assert!(!administrator.is_let_in("a-lovelace", &opened), "it is refused at once");
    let keys = administrator.follows("6. Afterwards", "/usr/lib/ckan");
    assert!(!keys.output.contains("gateward"), "{}", keys.output);

    let renewed = administrator.follows("6. Afterwards", "gateward access-token renew --all --before");
    let shown = passphrases(&renewed.terminal);
    let (user, passphrase) = shown.iter().find(|(user, _)| user == "b-babbage").unwrap();
    let newer = administrator.opens("tokens/renewed/b-babbage.dcor-access.zip", passphrase);
    assert!(
        administrator.is_let_in(user, &newer) && administrator.is_let_in(user, &babbage),
        "both for a while"
    );
    assert_eq!(shown.len(), 2, "{shown:?}");

    let pinned = administrator.follows("6. Afterwards", "gateward access-token list --pinned-to");
    assert!(pinned.output.contains("e-noether"), "{}", pinned.output);
    administrator.follows("6. Afterwards", "gateward access-token renew --all --pinned-to");
    let living = administrator.list("--pinned-to dcor-2027.pem");
    let users: Vec<_> = living.iter().map(|token| token["user"].as_str().unwrap()).collect();
    assert_eq!(users.len(), 2, "{living:?}");

    administrator.follows("7. The sweep", "systemctl enable");
    let swept = administrator.follows("7. The sweep", "gateward cleanup");
    assert!(swept.output.contains("access tokens ended: 0"), "{}", swept.output);
    administrator.follows("Letters of your own", "gateward access-token letters");
    assert!(at("letters/letter.de.html").exists());

    administrator.adds_the_job();
    administrator.follows("Backups", "gateward backup recipient import");
    let listed = administrator.runs("gateward backup list instance; gateward backup verify --job instance");
    assert!(listed.output.contains(".tar.zst.gpg") && listed.output.contains(": good"), "{}", listed.output);

    let all: BTreeSet<_> = guide_reader::blocks(GUIDE, "sh").into_iter().collect();
    assert_eq!(*administrator.followed.borrow(), all, "every block is followed");
}
