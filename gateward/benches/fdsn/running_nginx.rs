//! A real nginx of a benchmark's own.
//!
//! Another benchmark takes it in with `#[path = "../fdsn/running_nginx.rs"] mod running_nginx;`.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::Outcome;
use crate::ports::free_port;
use crate::process::Process;

/// A running nginx.
pub struct Nginx {
    pub port: u16,
    pub process: Process,
}

/// Starts one in a folder of its own below `dir`; `PORT` in what its `http` block says becomes its port.
pub fn start(dir: &Path, name: &str, workers: usize, http: &str) -> Outcome<Nginx> {
    let port = free_port();
    let home = dir.join(name);
    std::fs::create_dir(&home)?;
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {};\n", home.join(kind).display()))
        .concat();
    let file = home.join("nginx.conf");
    let configuration = format!(
        "daemon off;\nworker_processes {workers};\nerror_log stderr;\npid {pid};\nworker_rlimit_nofile 8192;\n\
         events {{\nworker_connections 4096;\n}}\nhttp {{\n{temporary}keepalive_requests 100000000;\n{http}}}\n",
        pid = home.join("pid").display(),
        http = http.replace("PORT", &port.to_string()),
    );
    std::fs::write(&file, configuration)?;
    let log = home.join("error.log");
    let mut nginx = Command::new("nginx");
    nginx.args(["-e", "stderr", "-c"]).arg(&file).stdin(Stdio::null()).stderr(std::fs::File::create(&log)?);
    Ok(Nginx { port, process: Process::once_open(nginx.spawn()?, port, &log)? })
}
