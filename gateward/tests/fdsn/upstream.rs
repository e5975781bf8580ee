//! A real data server, `portable-fdsnws-dataselect`, which knows nothing of restrictions.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use tempfile::TempDir;

use super::archive::ARCHIVE;
use super::cluster::ports::free_port;
use super::tools::{python, start};

/// The server with the whole archive, stopped when it is dropped.
pub struct Upstream {
    process: Child,
    /// Its configuration and its log.
    folder: TempDir,
    port: u16,
}

impl Upstream {
    /// Starts it, and returns once it listens.
    pub fn start() -> Self {
        // Somebody else may take the port in between.
        (0..5).find_map(|_| Self::start_at(free_port())).expect("a free port was found five times and lost")
    }

    fn start_at(port: u16) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let configuration = folder.path().join("server.ini");
        let index = ARCHIVE.file("index.sqlite");
        let text = format!(
            "[index_db]\npath = {}\nsummary_table = summary\n\
             [server]\ninterface = 127.0.0.1\nport = {port}\n\
             [logging]\npath = {}\nlevel = DEBUG\n",
            index.display(),
            folder.path().join("log").display()
        );
        std::fs::write(&configuration, text).unwrap();
        let mut server = python();
        server.args(["-u", "-m", "portable_fdsnws_dataselect.server"]).arg(configuration);
        // Paths in the index begin there.
        server.current_dir(&ARCHIVE.folder);
        let mut process = start(server.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()));
        let mut said = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let upstream = Self { process, folder, port };
        said.contains("Started dataselect server").then_some(upstream)
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it wrote about the requests that it got.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        if std::thread::panicking() {
            eprintln!("the upstream's log:\n{}", self.log());
        }
    }
}
