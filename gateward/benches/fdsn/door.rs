//! The door under test, with a service for each file of the upstream.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::ports::free_port;
use crate::process::Process;
use crate::running_nginx::Nginx;
use crate::{Outcome, archive};

/// A door that is open.
pub struct Door {
    pub port: u16,
    pub process: Process,
    /// A signed token whose holder may have the restricted channel.
    pub token: String,
    log: PathBuf,
}

impl Door {
    /// Opens one before `upstream`, with plain HTTP.
    pub fn before(upstream: &Nginx, dir: &Path) -> Outcome<Self> {
        let program = Path::new(env!("CARGO_BIN_EXE_gateward"));
        let install = dir.join("door");
        let listen = ["--public", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--once"];
        let mut demo = Command::new(program);
        demo.arg("demo").arg("--dir").arg(&install).args(listen).stdout(Stdio::null());
        assert!(demo.status()?.success(), "the demo makes an installation");

        std::fs::write(install.join("inventory.xml"), archive::inventory())?;
        let port = free_port();
        let config = configure(&install, port, upstream)?;
        let log = install.join("serve.log");
        let child = Command::new(program)
            .args(["serve", "--config"])
            .arg(config)
            .env("GATEWARD_LOG", "warn")
            .stderr(std::fs::File::create(&log)?)
            .stdout(Stdio::null())
            .spawn()?;
        let process = Process::once_open(child, port, &log)?;
        until_ready(port)?;
        let token = std::fs::read_to_string(install.join("token.asc"))?;
        Ok(Self { port, process, token, log })
    }

    /// What it told the operator.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Where the service for `file` stands.
    pub fn service(file: &str, second_lock: bool) -> String {
        let lock = if second_lock { "locked" } else { "unlocked" };
        format!("/{lock}/{file}/fdsnws/dataselect/1")
    }
}

/// Waits until the door does not only listen but asks who comes.
fn until_ready(port: u16) -> Outcome<()> {
    let path = format!("{}/queryauth?{}", Door::service(archive::SMALL, true), archive::RESTRICTED);
    for _ in 0..1000 {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        if &status == b"HTTP/1.1 401" {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Err("the door does not open".into())
}

fn configure(install: &Path, port: u16, upstream: &Nginx) -> Outcome<PathBuf> {
    let config = install.join("gateward.toml");
    let made = std::fs::read_to_string(&config)?;
    // The first listener is the public one, and its TLS stands below it.
    let (before, rest) = made.split_once("listen = ").ok_or("no listen")?;
    let (_, rest) = rest.split_once("\ntls = ").ok_or("no tls")?;
    let (_, rest) = rest.split_once('\n').ok_or("no end")?;
    let mut text = format!("{before}listen = \"127.0.0.1:{port}\"\n{rest}");
    for file in archive::FILES {
        for second_lock in [true, false] {
            let name = format!("{file}-{second_lock}");
            write!(
                text,
                "\n[[service]]\nname = \"{name}\"\nkind = \"fdsn\"\npath = \"{path}\"\n\
                 upstream = \"http://127.0.0.1:{behind}/{file}\"\ndigest = \"gateward\"\n\
                 inventory = \"inventory.xml\"\nunlisted = \"refuse\"\nverify_stream = {second_lock}\n\n\
                 [[grant]]\ngroup = \"/epos/demo\"\nservice = \"{name}\"\nnetworks = [\"ZR\"]\n",
                path = Door::service(file, second_lock),
                behind = upstream.port,
            )?;
        }
    }
    std::fs::write(&config, text)?;
    Ok(config)
}
