//! The order of system calls: what is recorded is on the disk before the answer is on the wire.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::client::Connection;
use crate::cluster::patience::eventually;
use crate::log::Log as _;
use crate::program::{DEMO_GROUP, SMALL, Server, read};
use crate::support::{Installation, spawn};

/// What the order is read from.
const TRACED: &str =
    "trace=accept4,read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,fsync,fdatasync";

/// strace on a running server.
struct Trace {
    strace: Child,
    calls: PathBuf,
}

impl Trace {
    /// `expressions` say what is traced, and what is tampered with.
    fn attach(installation: &Installation, server: &Server, expressions: &[&str]) -> Self {
        let (calls, said) = (installation.path("calls"), installation.path("strace.log"));
        let mut strace = Command::new("strace");
        strace.args(["-f", "-y", "-p", &server.pid().to_string(), "-o"]).arg(&calls);
        strace.args(expressions.iter().flat_map(|expression| ["-e", expression]));
        strace.stderr(std::fs::File::create(&said).unwrap());
        let strace = spawn(strace.stdin(Stdio::null()).stdout(Stdio::null()), "strace");
        eventually("strace is attached", Duration::from_secs(10), || {
            let said = read(&said);
            assert!(
                !said.contains("not permitted"),
                "tracing needs root or kernel.yama.ptrace_scope=0: {said}"
            );
            said.contains("attached")
        });
        Self { strace, calls }
    }

    /// Detaches and returns the calls in their order.
    fn detach(mut self) -> Vec<Call> {
        kill(Pid::from_raw(i32::try_from(self.strace.id()).unwrap()), Signal::SIGINT).unwrap();
        self.wait();
        calls(&read(&self.calls))
    }

    /// Waits for strace to end: by a signal, or with the server.
    fn wait(&mut self) {
        eventually("strace ends", Duration::from_secs(20), || self.strace.try_wait().unwrap());
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        if self.strace.try_wait().is_ok_and(|ended| ended.is_none()) {
            drop(self.strace.kill());
            drop(self.strace.wait());
        }
    }
}

/// One system call as `strace -f -y` prints it.
#[derive(Debug)]
struct Call {
    name: String,
    arguments: String,
    result: i64,
    /// Numbers of the lines where it began and ended.
    began: usize,
    ended: usize,
}

impl Call {
    /// The file descriptor that it is about.
    fn is_on(&self, descriptor: i64) -> bool {
        self.arguments.starts_with(&format!("{descriptor}<"))
    }

    fn reads(&self) -> bool {
        ["read", "readv", "recvfrom", "recvmsg"].contains(&self.name.as_str()) && self.result > 0
    }

    fn writes(&self) -> bool {
        ["write", "writev", "sendto", "sendmsg"].contains(&self.name.as_str())
    }

    fn syncs_the_log(&self) -> bool {
        ["fsync", "fdatasync"].contains(&self.name.as_str())
            && self.arguments.contains("gateward.db-wal>")
            && self.result == 0
    }

    fn writes_the_log(&self) -> bool {
        self.name == "pwrite64" && self.arguments.contains("gateward.db-wal>")
    }
}

fn calls(trace: &str) -> Vec<Call> {
    let mut unfinished: HashMap<&str, (usize, String)> = HashMap::new();
    let mut calls = Vec::new();
    for (number, line) in trace.lines().enumerate() {
        let Some((thread, said)) = line.split_once(' ') else { continue };
        let said = said.trim_start();
        let (began, whole) = if let Some(beginning) = said.strip_suffix(" <unfinished ...>") {
            unfinished.insert(thread, (number, beginning.to_owned()));
            continue;
        } else if let Some(rest) = said.strip_prefix("<... ") {
            let Some((began, beginning)) = unfinished.remove(thread) else { continue };
            let (_, end) = rest.split_once("resumed>").unwrap();
            (began, beginning + end)
        } else {
            (number, said.to_owned())
        };
        let Some((call, result)) = whole.rsplit_once(" = ") else { continue };
        let Some((name, arguments)) = call.split_once('(') else { continue };
        let digits = result.trim().split(|sign: char| sign != '-' && !sign.is_ascii_digit()).next();
        let Some(result) = digits.and_then(|digits| digits.parse().ok()) else { continue };
        let (name, arguments) = (name.to_owned(), arguments.to_owned());
        calls.push(Call { name, arguments, result, began, ended: number });
    }
    calls
}

/// The server's descriptor of our connection.
fn descriptor(calls: &[Call], connection: &Connection) -> i64 {
    let port = connection.tls.sock.local_addr().unwrap().port();
    let accepted = calls.iter().find(|call| {
        call.name == "accept4"
            && call.result >= 0
            && call.arguments.contains(&format!("sin_port=htons({port})"))
    });
    accepted.unwrap_or_else(|| panic!("the trace has no connection from port {port}")).result
}

/// For each of `requests`, one after the other on one connection: between the last read of the
/// request and the first write of its answer, the write-ahead log is written and then synced.
fn assert_recorded_first(calls: &[Call], descriptor: i64, recorded: usize) {
    let on_socket: Vec<&Call> = calls.iter().filter(|call| call.is_on(descriptor)).collect();
    // The last read before each first write of an answer.
    let turns = on_socket.windows(2).filter(|pair| pair[0].reads() && pair[1].writes());
    let mut synced = 0;
    for turn in turns {
        let (asked, answered) = (turn[0].ended, turn[1].began);
        let between = |call: &&Call| call.began > asked && call.ended < answered;
        let written =
            calls.iter().filter(between).filter(|call| call.writes_the_log()).map(|call| call.ended).max();
        let sync =
            calls.iter().filter(between).filter(|call| call.syncs_the_log()).map(|call| call.began).max();
        if written.zip(sync).is_some_and(|(written, sync)| written < sync) {
            synced += 1;
        }
    }
    assert_eq!(synced, recorded, "answers that left after a sync of what was recorded");
}

#[test]
fn the_record_is_synced_to_the_disk_before_the_answer_is_written_to_the_socket() {
    const ROUNDS: usize = 5;
    let installation = Installation::make_on_sqlite();
    let large = installation.protect("large.bin", 80 * 1024);
    let server = installation.serve();
    let login = installation.login();
    for path in [SMALL, &large] {
        let trace = Trace::attach(&installation, &server, &[TRACED]);
        let mut connection = installation.client().connect().unwrap();
        for _ in 0..ROUNDS {
            let before = installation.log().length();
            assert_eq!(connection.get(path, &login).unwrap().status, 200);
            if path == large {
                // Its end is recorded on its own; let it pass before the next request.
                installation.log().wait_for("ended", before, Duration::from_secs(5));
            }
        }
        let calls = trace.detach();
        assert_recorded_first(&calls, descriptor(&calls, &connection), ROUNDS);
    }
}

#[test]
fn a_disk_that_fails_to_sync_lets_nothing_leave_and_nothing_half_made_behind() {
    let installation = Installation::make_on_sqlite();
    let large = installation.protect("large.bin", 80 * 1024);
    let server = installation.serve();
    let login = installation.login();
    let client = installation.client();
    let token = installation.pen().sign(DEMO_GROUP);
    for round in 0..2 {
        let before = installation.log().length();
        let mut trace = Trace::attach(&installation, &server, &["inject=fsync,fdatasync:error=EIO"]);
        for answer in
            [client.get(SMALL, &login), client.get(&large, &login), client.exchange(token.as_bytes())]
        {
            let answer = answer.unwrap();
            assert_eq!(answer.status, 503, "round {round}: {}", answer.text());
        }
        assert!(installation.wait_until_not_ready().contains("I/O"));
        let recorded = installation.log().events_from(before);
        assert!(recorded.is_empty(), "round {round}: {recorded:?}");
        if round == 0 {
            trace.detach();
            let gap = installation.log().wait_for("gap", before, Duration::from_secs(10));
            assert!(gap.body["refused"].as_u64().unwrap() >= 3, "{gap:?}");
            installation.wait_until_ready();
            assert_eq!(client.get(&large, &login).unwrap().status, 200);
            installation.log().wait_for("ended", before, Duration::from_secs(5));
        } else {
            // What reached the file without a sync is not taken for recorded by the next start.
            server.signal(Signal::SIGKILL);
            trace.wait();
            let _server = installation.serve();
            let refused = installation.log().events_from(before);
            assert!(refused.iter().all(|event| ["started", "gap"].contains(&event.kind())), "{refused:?}");
            client.exchange(token.as_bytes()).unwrap().login();
            assert_eq!(client.get(SMALL, &login).unwrap().status, 200);
            installation.log().check();
            installation.log().check_transactions();
        }
    }
}
