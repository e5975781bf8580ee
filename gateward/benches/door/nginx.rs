//! nginx: the upstream of both, what the door is compared with, and the authoriser that this asks.

use std::path::Path;

use crate::Outcome;
use crate::certificates::Certificates;
use crate::running_nginx::{Nginx, start};

/// What both fetch.
pub const SMALL: &str = "small";

/// And the large one, of so many bytes.
pub const LARGE: (&str, u64) = ("large", 100 << 20);

/// Sends files, by plain HTTP.
pub fn upstream(dir: &Path) -> Outcome<Nginx> {
    let files = dir.join("files");
    std::fs::create_dir(&files)?;
    std::fs::write(files.join(SMALL), vec![b'a'; 1024])?;
    std::fs::File::create(files.join(LARGE.0))?.set_len(LARGE.1)?;
    let server = format!(
        "access_log off;\nsendfile on;\nopen_file_cache max=10;\ntypes {{}}\ndefault_type text/plain;\n\
         server {{\nlisten 127.0.0.1:PORT;\nlocation /data/ {{\nalias {}/;\n}}\n}}\n",
        files.display()
    );
    start(dir, "upstream", 1, &server)
}

/// Says 204 to whoever has `token`.
pub fn authoriser(dir: &Path, token: &str) -> Outcome<Nginx> {
    let server = format!(
        "access_log off;\nmap_hash_bucket_size 128;\nmap $http_authorization $known {{\ndefault 0;\n\
         \"Bearer {token}\" 1;\n}}\nserver {{\nlisten 127.0.0.1:PORT;\nlocation / {{\nif ($known) {{\nreturn 204;\n}}\nreturn 401;\n}}\n}}\n"
    );
    start(dir, "authoriser", 1, &server)
}

/// Passes on what `upstream` sends to whoever shows a certificate and a token that `authoriser` knows.
pub fn peer(
    dir: &Path,
    name: &str,
    upstream: &Nginx,
    authoriser: &Nginx,
    certificates: &Certificates,
) -> Outcome<Nginx> {
    let Certificates { ca, server: [certificate, key], .. } = certificates;
    let keepalive = |name: &str, behind: &Nginx| {
        format!(
            "upstream {name} {{\nserver 127.0.0.1:{};\nkeepalive 64;\nkeepalive_requests 100000000;\n}}\n",
            behind.port
        )
    };
    let server = format!(
        "access_log {log};\n{behind}{asked}\
         proxy_http_version 1.1;\nproxy_set_header Connection \"\";\nproxy_max_temp_file_size 0;\n\
         proxy_buffers 8 256k;\nproxy_buffer_size 64k;\nproxy_busy_buffers_size 512k;\n\
         server {{\nlisten 127.0.0.1:PORT ssl;\nssl_certificate {certificate};\nssl_certificate_key {key};\n\
         ssl_protocols TLSv1.2 TLSv1.3;\nssl_session_cache shared:ssl:10m;\n\
         ssl_client_certificate {ca};\nssl_verify_client on;\n\
         location /data/ {{\nauth_request /authorise;\nproxy_pass http://behind;\n}}\n\
         location = /authorise {{\ninternal;\nproxy_pass http://asked;\nproxy_pass_request_body off;\n\
         proxy_set_header Content-Length \"\";\nproxy_set_header Connection \"\";\n}}\n}}\n",
        log = dir.join(format!("{}.access.log", name.replace(", ", "-"))).display(),
        behind = keepalive("behind", upstream),
        asked = keepalive("asked", authoriser),
        certificate = certificate.display(),
        key = key.display(),
        ca = ca.display(),
    );
    start(dir, &name.replace(", ", "-"), 2, &server)
}
