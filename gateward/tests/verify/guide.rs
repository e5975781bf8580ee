//! docs/forward-auth.md, followed word by word: its files are loaded as they are printed. Only names are others.

use std::process::{Command, Stdio};

use super::application::Application;
use super::cluster::ports::free_port;
use super::guide_reader::{blocks, section};
use super::installation::{GATEWARD, Installation, gateward};
use super::proxies::Proxy;
use super::server::{Credentials, Reply, Server, curl};
use super::tools::run;

const GUIDE: &str = include_str!("../../../docs/forward-auth.md");

/// The first block of one language below a heading.
#[track_caller]
pub fn block(heading: &str, language: &str) -> String {
    blocks(section(GUIDE, heading), language).remove(0)
}

/// A server with the lines of the guide, at a Unix socket.
pub fn configured(service: &str, prepare: impl FnOnce(&Installation)) -> Server {
    let installation = Installation::new();
    prepare(&installation);
    let socket = installation.file("http.sock").display().to_string();
    let uid = nix::unistd::getuid().to_string();
    let service = service.replace("/run/gateward/http.sock", &socket).replace("\"www-data\"", &uid);
    begin(installation, &service, |line| line.starts_with("listen =") || line.starts_with("tls ="))
}

/// A server with the lines of the guide for a proxy elsewhere, over TLS on a free port.
pub fn configured_over_tls(service: &str, prepare: impl FnOnce(&Installation)) -> Server {
    let users = block("1. The configuration of gateward", "toml");
    let users = users.lines().find(|line| line.starts_with("uids =")).unwrap();
    let socket = "listen = \"unix:/run/gateward/http.sock\"\n";
    assert!(service.contains(socket) && service.contains(users));
    let installation = Installation::new();
    prepare(&installation);
    begin(installation, &service.replace(socket, "").replace(users, ""), |_| false)
}

/// Puts lines of the guide into a configuration, in place of those at its head that are `replaced`.
fn begin(installation: Installation, service: &str, replaced: impl Fn(&str) -> bool) -> Server {
    let file = std::fs::read_to_string(installation.config()).unwrap();
    let (head, tables) = file.split_once("[admin]").unwrap();
    let head: Vec<&str> = head.lines().filter(|line| !replaced(line)).collect();
    let tables: Vec<&str> = tables.lines().filter(|line| !line.starts_with("[verify]")).collect();
    let (head, tables) = (head.join("\n"), tables.join("\n"));
    let (first, rest) = service.split_once("[verify]").unwrap();
    installation.configure(&format!("{first}\n{head}\n[verify]{rest}\n[admin]{tables}\n"));
    let checked = installation.command(&["config", "check"]);
    assert!(checked.text().ends_with("good\n"), "{}", checked.text());
    Server::start(installation)
}

/// Gateward, a proxy that asks it, and an application behind that.
pub struct Site {
    pub server: Server,
    pub proxy: Proxy,
    pub application: Application,
}

impl Site {
    /// One with nginx and one with Caddy, for what holds before either.
    pub fn each() -> [Self; 2] {
        Self::each_with(str::to_owned, |_| ())
    }

    /// The same, with another configuration of gateward, and what was done about it before it serves.
    pub fn each_with(change: impl Fn(&str) -> String, prepare: impl Fn(&Installation)) -> [Self; 2] {
        let server = || configured(&change(&block("1. The configuration of gateward", "toml")), &prepare);
        let (first, second) = (server(), server());
        let (behind_nginx, behind_caddy) = (Application::start(), Application::start());
        let nginx = nginx_with(&first, &block("2. nginx", "nginx"), &behind_nginx);
        let caddy = caddy_with(&second, &block("3. Caddy", "caddyfile"), &behind_caddy);
        [
            Self { server: first, proxy: nginx, application: behind_nginx },
            Self { server: second, proxy: caddy, application: behind_caddy },
        ]
    }

    /// Asks at the proxy.
    pub fn curl(&self, path: &str, arguments: &[&str]) -> Reply {
        self.send(path, arguments, b"")
    }

    pub fn send(&self, path: &str, arguments: &[&str], input: &[u8]) -> Reply {
        let url = format!("https://localhost:{}{path}", self.proxy.port);
        let arguments = [&["--ipv4", "--path-as-is"], arguments].concat();
        curl(&url, self.server.file("ca.pem").to_str().unwrap(), &arguments, input)
    }

    /// Exchanges the demo's token, through the proxy.
    #[track_caller]
    pub fn login(&self) -> Credentials {
        let token = std::fs::read(self.server.file("token.asc")).unwrap();
        Credentials::of(&self.send("/auth", &["--data-binary", "@-"], &token))
    }
}

/// nginx with this block, with the demo's certificate.
pub fn nginx_with(server: &Server, block: &str, application: &Application) -> Proxy {
    Proxy::nginx_with(|port| {
        let block = here(server, block, application);
        block.replace("listen 443 ssl;", &format!("listen 127.0.0.1:{port} ssl;"))
    })
}

/// Caddy with this block, with the demo's certificate.
pub fn caddy_with(server: &Server, block: &str, application: &Application) -> Proxy {
    caddy_for(|port| {
        let block = here(server, block, application);
        block.replace("app.example.org {", &format!("https://localhost:{port} {{\nbind 127.0.0.1"))
    })
}

/// The text with the names that things have here.
fn here(server: &Server, text: &str, application: &Application) -> String {
    let file = |name: &str| server.file(name).display().to_string();
    text.replace("/run/gateward/http.sock", &file("http.sock"))
        .replace("/etc/ssl/app.pem", &file("server.pem"))
        .replace("/etc/ssl/private/app.key", &file("server.key"))
        .replace("127.0.0.1:3000", &format!("127.0.0.1:{}", application.port))
}

#[test]
fn the_demo_answers_a_proxy_as_the_page_says() {
    let outer = tempfile::tempdir().unwrap();
    let (place, folder) = (outer.path().to_owned(), outer.path().join("demo"));
    let made = ["demo", "--public", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--once", "--dir"];
    run(gateward().args(made).arg(&folder), b"").good();
    let commands = block("Try it with the demo", "sh");
    let (enroll, ask) = commands.split_once("\ncurl").unwrap();
    let shell = |command: &str| {
        let mut bash = Command::new("bash");
        bash.args(["-euc", &command.replace("gateward node", &format!("{GATEWARD} node"))]);
        run(bash.current_dir(&place), b"").good()
    };
    shell(enroll);
    let server = Server::start(Installation::at(outer, "demo"));
    let port = server.public.to_string();
    let answered = shell(&format!("curl{}", ask.replace("8443", &port)));
    assert!(answered.text().contains("401"), "{}", answered.text());
    assert!(answered.text().contains("who-are-you"), "{}", answered.text());
}

#[test]
fn caddy_reads_its_block_as_it_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("Caddyfile");
    // Formatting is what Caddy itself makes of it, so nothing in it means something else than it seems.
    std::fs::write(&file, block("3. Caddy", "caddyfile")).unwrap();
    let mut adapt = Command::new("caddy");
    adapt.args(["adapt", "--adapter", "caddyfile", "--config"]).arg(&file).env("HOME", folder.path());
    run(&mut adapt, b"").good();
}

/// Caddy with `sites`, which listen on the port that they are given.
fn caddy_for(sites: impl FnOnce(u16) -> String) -> Proxy {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let options = "admin off\nauto_https off\nlog {\noutput discard\n}";
    let file = folder.path().join("Caddyfile");
    std::fs::write(&file, format!("{{\n{options}\n}}\n{}", sites(port))).unwrap();
    let mut caddy = Command::new("caddy");
    // It keeps things at home.
    caddy.env("HOME", folder.path()).env_remove("XDG_CONFIG_HOME").env_remove("XDG_DATA_HOME");
    caddy.args(["run", "--adapter", "caddyfile", "--config"]).arg(file).stderr(Stdio::null());
    Proxy::start(&mut caddy, folder, port)
}
