//! Real proxies to put in front of a server, each on a free port, stopped when it is dropped.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

use super::cluster::ports::free_port;
use super::installation::Installation;
use super::server::{PATIENCE, Reply, Server, curl};
use super::tools::start;

/// A proxy in front of a server.
pub struct Proxy {
    process: Child,
    pub port: u16,
    _folder: TempDir,
}

impl Proxy {
    /// nginx with the demo's certificate, which speaks plain HTTP to `upstream`, configured as its
    /// documentation says.
    pub fn nginx(installation: &Installation, upstream: &str) -> Self {
        let (certificate, key) = (installation.file("server.pem"), installation.file("server.key"));
        Self::nginx_with(|port| {
            format!(
                "server {{\nlisten 127.0.0.1:{port} ssl;\nssl_certificate {certificate};\nssl_certificate_key {key};\n\
                 location / {{\nproxy_pass http://{upstream};\nproxy_set_header Host $host;\n\
                 proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n}}\n}}\n",
                certificate = certificate.display(),
                key = key.display(),
            )
        })
    }

    /// nginx with `servers` in its `http` block, which listen on the port that they are given.
    pub fn nginx_with(servers: impl FnOnce(u16) -> String) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| {
            let path = folder.path().join(kind);
            format!("{kind}_temp_path {};\n", path.display())
        });
        let configuration = format!(
            "daemon off;\nmaster_process off;\nerror_log stderr;\npid {pid};\nevents {{}}\nhttp {{\naccess_log off;\n{paths}{servers}}}\n",
            pid = folder.path().join("pid").display(),
            paths = paths.concat(),
            servers = servers(port),
        );
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, configuration).unwrap();
        let mut nginx = Command::new("nginx");
        Self::start(nginx.args(["-e", "stderr", "-c"]).arg(file), folder, port)
    }

    /// HAProxy, which carries bytes to `server` and says whose they are, as `how` says.
    pub fn haproxy(server: &str, how: &str) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let configuration = format!(
            "defaults\nmode tcp\ntimeout connect 5s\ntimeout client 60s\ntimeout server 60s\n\
             listen door\nbind 127.0.0.1:{port}\nserver gateward {server} {how}\n"
        );
        let file = folder.path().join("haproxy.cfg");
        std::fs::write(&file, configuration).unwrap();
        let mut haproxy = Command::new("haproxy");
        Self::start(haproxy.args(["-db", "-f"]).arg(file), folder, port)
    }

    /// Starts one that keeps its files in `folder` and listens on `port`.
    pub fn start(command: &mut Command, folder: TempDir, port: u16) -> Self {
        let process = start(command.stdin(Stdio::null()).stdout(Stdio::null()));
        let mut proxy = Self { process, port, _folder: folder };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = proxy.process.try_wait().unwrap();
            assert!(ended.is_none() && begun.elapsed() < PATIENCE, "{command:?}: {ended:?}");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        proxy
    }

    /// curl over plain HTTP through this proxy.
    pub fn curl_plain(&self, from: &str, path: &str) -> Reply {
        let url = format!("http://localhost:{}{path}", self.port);
        curl(&url, "/dev/null", &["--ipv4", "--interface", from], b"")
    }

    /// curl over HTTPS through this proxy, from the address `from`.
    pub fn curl(&self, server: &Server, from: &str, path: &str, more: &[&str], input: &[u8]) -> Reply {
        let url = format!("https://localhost:{}{path}", self.port);
        let arguments = [&["--ipv4", "--interface", from], more].concat();
        curl(&url, server.file("ca.pem").to_str().unwrap(), &arguments, input)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Serves `installation` without TLS at `listen`, with these lines more at the head of the file.
pub fn without_tls(installation: Installation, listen: &str, more: &str) -> Server {
    let tls = "tls = { certificate = \"server.pem\", key = \"server.key\" }\n";
    configured(installation, listen, tls, more)
}

/// Serves `installation` over TLS on a free port, with these lines more at the head of the file.
pub fn with_tls(installation: Installation, more: &str) -> Server {
    configured(installation, "127.0.0.1:0", "", more)
}

fn configured(installation: Installation, listen: &str, without: &str, more: &str) -> Server {
    let file = std::fs::read_to_string(installation.config()).unwrap();
    let place = "listen = \"127.0.0.1:0\"\n";
    assert!(file.contains(place) && file.contains(without), "{file}");
    let file = file.replacen(without, "", 1).replacen(place, &format!("listen = \"{listen}\"\n{more}\n"), 1);
    installation.configure(&file);
    Server::start(installation)
}

/// curl over plain HTTP through a Unix socket.
pub fn curl_unix(socket: &Path, path: &str, more: &[&str], input: &[u8]) -> Reply {
    let arguments = [&["--unix-socket", socket.to_str().unwrap()], more].concat();
    curl(&format!("http://localhost{path}"), "/dev/null", &arguments, input)
}

/// The address that the event of a refused exchange has.
#[track_caller]
pub fn recorded_address(server: &Server, refused: &Reply) -> String {
    assert_eq!(refused.status, 400, "{}", refused.text());
    let shown = server.json(&["audit", "show", &refused.reference()]);
    shown[0]["personal"]["address"].as_str().unwrap().to_owned()
}
