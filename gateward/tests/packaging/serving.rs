//! The installed program as systemd starts it: its user, its credential, its notify socket.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Stdio};
use std::time::Duration;

use super::machine::Machine;
use super::tools::run;

/// How long a start or an end may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// What systemd listens on, without systemd: keeps every message that came.
struct StandInNotifySocket {
    socket: UnixDatagram,
    heard: String,
}

impl StandInNotifySocket {
    const PATH: &'static str = "/run/notify.sock";

    fn listen(machine: &Machine) -> Self {
        let path = machine.path(Self::PATH);
        let socket = UnixDatagram::bind(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, heard: String::new() }
    }

    /// Waits until this line has come.
    #[track_caller]
    fn hear(&mut self, line: &str) {
        let mut message = [0; 4096];
        while !self.heard.lines().any(|heard| heard == line) {
            match self.socket.recv(&mut message) {
                Ok(length) => {
                    self.heard.push_str(std::str::from_utf8(&message[..length]).unwrap());
                    self.heard.push('\n');
                }
                Err(error) => panic!("no {line}: {error}; heard {:?}", self.heard),
            }
        }
    }
}

/// `gateward serve`, as the unit has it.
fn serve(machine: &Machine) -> Child {
    // What LoadCredential= does: a copy that the service's user alone can read.
    machine
        .shell("install -D --owner gateward --mode 400 /etc/gateward/keyring.toml /run/credentials/keyring")
        .good();
    let mut serve = machine.program("gateward:gateward", "GATEWARD_KEYRING=/run/credentials/keyring");
    serve.arg(format!("NOTIFY_SOCKET={}", StandInNotifySocket::PATH)).args(["/usr/bin/gateward", "serve"]);
    serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn the_service_says_when_the_door_is_open_and_when_it_closes() {
    let machine = Machine::new();
    machine.install().configure();
    let mut systemd = StandInNotifySocket::listen(&machine);
    let mut process = serve(&machine);
    systemd.hear("READY=1");

    // Operators' commands work beside it, without a word on where the keyring is.
    let listed = machine.shell("gateward grant list").good().stdout;
    assert!(listed.contains("/epos/test"), "{listed}");

    run(super::tools::as_root("kill").arg(process.id().to_string())).good();
    systemd.hear("STOPPING=1");
    let status = process.wait().unwrap();
    let mut log = String::new();
    process.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(status.success(), "{status}: {log}");
}
