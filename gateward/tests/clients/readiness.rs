//! What systemd is told about a server that it started as `Type=notify`.

use std::os::unix::net::UnixDatagram;
use std::process::Stdio;

use nix::sys::signal::Signal;

use super::installation::{Installation, gateward};
use super::server::{PATIENCE, wait};
use super::tools::{send, start};

/// Receives what is said to systemd, in its place.
struct SystemdStandIn(UnixDatagram);

impl SystemdStandIn {
    /// Waits until `text` has been said, and returns everything until then.
    #[track_caller]
    fn hears(&self, text: &str) -> String {
        let mut heard = String::new();
        let mut datagram = [0; 4096];
        while !heard.contains(text) {
            let size = self.0.recv(&mut datagram).unwrap_or_else(|error| panic!("{error}; heard: {heard}"));
            heard.push_str(&String::from_utf8_lossy(&datagram[..size]));
            heard.push('\n');
        }
        heard
    }
}

#[test]
fn systemd_hears_what_is_waited_for_when_the_door_opens_and_when_it_ends() {
    let installation = Installation::new();
    let socket = installation.file("notify.sock");
    let systemd = SystemdStandIn(UnixDatagram::bind(&socket).unwrap());
    systemd.0.set_read_timeout(Some(PATIENCE)).unwrap();
    let (keyring, elsewhere) = (installation.file("keyring.toml"), installation.file("elsewhere.toml"));
    std::fs::rename(&keyring, &elsewhere).unwrap();

    let mut serve = gateward();
    serve.args(["serve", "--config"]).arg(installation.config()).env("NOTIFY_SOCKET", &socket);
    let mut process = start(serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));
    let waiting = systemd.hears("keyring.toml");
    assert!(waiting.contains("STATUS=the door is shut: "), "{waiting}");
    std::fs::rename(&elsewhere, &keyring).unwrap();
    let opening = systemd.hears("READY=1");
    assert!(
        !waiting.contains("READY=1") && opening.contains("STATUS=the door is open"),
        "{waiting}{opening}"
    );

    send(Signal::SIGTERM, &process);
    systemd.hears("STOPPING=1");
    assert_eq!(wait(&mut process), 0);
}
