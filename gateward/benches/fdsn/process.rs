//! What a program under test uses.
//!
//! Another benchmark takes it in with `#[path = "../fdsn/process.rs"] mod process;`.
#![allow(dead_code, reason = "shared: no benchmark uses all of it")]

use std::net::TcpStream;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Outcome;

/// How long a program may take until it listens.
const PATIENCE: Duration = Duration::from_secs(20);

/// A program, stopped when this is dropped.
pub struct Process(Child);

impl Process {
    pub fn of(child: Child) -> Self {
        Self(child)
    }

    /// Takes a program, and waits until it listens on `port` of the loopback device; why it does not
    /// stands in `log`.
    pub fn once_open(child: Child, port: u16, log: &Path) -> Outcome<Self> {
        let mut process = Self(child);
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if process.0.try_wait()?.is_some() || begun.elapsed() > PATIENCE {
                return Err(std::fs::read_to_string(log)?.into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(process)
    }

    /// Processor time in seconds, user and system, with that of the processes that it started.
    pub fn cpu(&self) -> Outcome<f64> {
        let id = self.0.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        children.split_whitespace().try_fold(cpu(&id.to_string())?, |sum, child| Ok(sum + cpu(child)?))
    }

    /// A field of `/proc/PID/status` in MiB: `VmRSS`, what is resident now, or `VmHWM`, what ever was.
    pub fn memory(&self, field: &str) -> Outcome<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let kib = value.and_then(|value| value.split_whitespace().next()).ok_or("no such field")?;
        Ok(kib.parse::<f64>()? / 1024.0)
    }
}

fn cpu(id: &str) -> Outcome<f64> {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
    let fields: Vec<&str> = text.rsplit(')').next().ok_or("no stat")?.split_whitespace().collect();
    // utime and stime, in ticks of 10 ms (proc(5), CLK_TCK = 100 on Linux).
    Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / 100.0)
}

impl Drop for Process {
    fn drop(&mut self) {
        // Not SIGKILL: nginx's workers are its own to stop.
        let id = i32::try_from(self.0.id()).map(Pid::from_raw);
        let stopped = id.map(|id| kill(id, Signal::SIGTERM)).map(|_| self.0.wait());
        if !matches!(stopped, Ok(Ok(_))) {
            eprintln!("a program could not be stopped");
        }
    }
}
