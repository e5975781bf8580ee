//! nginx, as the upstream of both and as what the door is compared with.

use std::fmt::Write as _;
use std::path::Path;

use crate::Outcome;
use crate::running_nginx::{Nginx, start};

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
