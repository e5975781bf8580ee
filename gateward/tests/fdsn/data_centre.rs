//! A data centre that asks itself who comes: Debian's Apache before the data server.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::apache::Apache;
use super::door::DATASELECT;
use super::server::PATIENCE;
use super::tools::run;
use super::upstream::Upstream;

/// How it asks at `queryauth`.
#[derive(Debug, Clone, Copy)]
pub enum Asks {
    Digest,
    Basic,
}

/// Everybody may `query`; whom it knows, `queryauth`.
pub struct DataCentre {
    apache: Apache,
    asks: Asks,
}

impl DataCentre {
    /// Starts it before `data`. It knows nobody yet.
    pub fn before(data: &Upstream, asks: Asks) -> Self {
        let data = data.url();
        let modules = ["log_config", "auth_basic", "proxy", "proxy_http"];
        let apache = Apache::start(&modules, |folder| {
            std::fs::write(folder.join("users"), "").unwrap();
            configuration(folder, &data, asks)
        });
        Self { apache, asks }
    }

    pub fn url(&self) -> String {
        self.apache.url()
    }

    /// Lets `login` in with `password`, from the next request on; whoever had that name is forgotten.
    pub fn admit(&self, login: &str, password: &str) {
        let users = self.apache.file("users");
        let line = match self.asks {
            Asks::Digest => format!("{login}:FDSN:{}", md5(&format!("{login}:FDSN:{password}"))),
            Asks::Basic => {
                let hash =
                    run(Command::new("openssl").args(["passwd", "-apr1", "-stdin"]), password.as_bytes());
                format!("{login}:{}", hash.good().text().trim_end())
            }
        };
        let others = std::fs::read_to_string(&users).unwrap();
        let others = others.lines().filter(|other| !other.starts_with(&format!("{login}:")));
        let all: Vec<_> = others.chain([line.as_str(), ""]).collect();
        // In one step: it may be reading.
        let new = self.apache.file("users.new");
        std::fs::write(&new, all.join("\n")).unwrap();
        std::fs::rename(new, users).unwrap();
    }

    /// A file with `login:password` that only its owner reads.
    pub fn credential(&self, login: &str, password: &str) -> PathBuf {
        let file = self.apache.file("credential");
        std::fs::write(&file, format!("{login}:{password}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        file
    }

    /// What it noted about the first `count` requests, as `status user method target`; `-` is nobody.
    ///
    /// It notes a request after it has answered.
    #[track_caller]
    pub fn noted(&self, count: usize) -> Vec<String> {
        let begun = Instant::now();
        loop {
            let log = std::fs::read_to_string(self.apache.file("log")).unwrap();
            let noted: Vec<_> = log.lines().map(str::to_owned).collect();
            if noted.len() >= count {
                return noted;
            }
            assert!(begun.elapsed() < PATIENCE, "{count} requests were to come: {noted:#?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn configuration(folder: &Path, data: &str, asks: Asks) -> String {
    let folder = folder.display();
    // Short enough for a test to see a challenge grow old.
    let asking = match asks {
        Asks::Digest => "AuthType Digest\nAuthDigestProvider file\nAuthDigestNonceLifetime 2",
        Asks::Basic => "AuthType Basic\nAuthBasicProvider file",
    };
    format!(
        "LogFormat \"%>s %u %m %U%q\" noted\nCustomLog {folder}/log noted\n\
         ProxyPass {DATASELECT}/queryauth {data}{DATASELECT}/query\nProxyPass {DATASELECT} {data}{DATASELECT}\n\
         <Location {DATASELECT}/queryauth>\n{asking}\nAuthName FDSN\nAuthUserFile {folder}/users\n\
         Require valid-user\n</Location>\n"
    )
}

fn md5(text: &str) -> String {
    let sum = run(&mut Command::new("md5sum"), text.as_bytes()).good();
    sum.text().split_whitespace().next().unwrap().to_owned()
}
