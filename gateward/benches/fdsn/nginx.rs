//! nginx, as the upstream of both and as what the door is compared with.

use std::fmt::Write as _;
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

/// The login that the peer knows.
pub const LOGIN: &str = "AAAAAAAAAAAAAA:0123456789abcdef";

/// Sends each of `files` in `dir`, whatever stands behind the question mark, or in a bulk request.
pub fn upstream(dir: &Path, files: &[&str]) -> Outcome<Nginx> {
    let mut locations = String::new();
    for file in files {
        writeln!(locations, "location = /{file}/query {{ alias {}; }}", dir.join(file).display())?;
    }
    let server = format!(
        "access_log off;\nsendfile on;\ntcp_nopush on;\nopen_file_cache max=10;\ntypes {{}}\n\
         default_type application/vnd.fdsn.mseed;\nserver {{\nlisten 127.0.0.1:PORT;\n\
         error_page 405 =200 $uri;\n{locations}}}\n"
    );
    start(dir, "upstream", 1, &server)
}

/// Passes on what `upstream` sends: below `/buffered` and `/unbuffered` to everybody, below `/basic` to
/// [`LOGIN`].
pub fn peer(dir: &Path, upstream: &Nginx) -> Outcome<Nginx> {
    let (login, password) = LOGIN.split_once(':').ok_or("no login")?;
    let passwords = dir.join("htpasswd");
    std::fs::write(&passwords, format!("{login}:{{PLAIN}}{password}\n"))?;
    let server = format!(
        "access_log {log};\n\
         upstream behind {{\nserver 127.0.0.1:{port};\nkeepalive 64;\nkeepalive_requests 100000000;\n}}\n\
         proxy_http_version 1.1;\nproxy_set_header Connection \"\";\nproxy_max_temp_file_size 0;\n\
         proxy_buffers 8 256k;\n\
         server {{\nlisten 127.0.0.1:PORT;\n\
         location /buffered/ {{\nproxy_pass http://behind/;\n\
         proxy_buffer_size 64k;\nproxy_busy_buffers_size 512k;\n}}\n\
         location /unbuffered/ {{\nproxy_pass http://behind/;\nproxy_buffering off;\nproxy_buffer_size 256k;\n}}\n\
         location /basic/ {{\nproxy_pass http://behind/;\n\
         auth_basic FDSN;\nauth_basic_user_file {passwords};\n}}\n}}\n",
        log = dir.join("access.log").display(),
        port = upstream.port,
        passwords = passwords.display(),
    );
    start(dir, "peer", 2, &server)
}

fn start(dir: &Path, name: &str, workers: usize, http: &str) -> Outcome<Nginx> {
    let port = free_port();
    let home = dir.join(name);
    std::fs::create_dir(&home)?;
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {};\n", home.join(kind).display()))
        .concat();
    let file = home.join("nginx.conf");
    let configuration = format!(
        "daemon off;\nworker_processes {workers};\nerror_log stderr;\npid {pid};\n\
         events {{\nworker_connections 1024;\n}}\n\
         http {{\n{temporary}keepalive_requests 100000000;\n{http}}}\n",
        pid = home.join("pid").display(),
        http = http.replace("PORT", &port.to_string()),
    );
    std::fs::write(&file, configuration)?;
    let log = home.join("error.log");
    let child = Command::new("nginx")
        .args(["-e", "stderr", "-c"])
        .arg(&file)
        .stdin(Stdio::null())
        .stderr(std::fs::File::create(&log)?)
        .spawn()?;
    Ok(Nginx { port, process: Process::once_open(child, port, &log)? })
}
