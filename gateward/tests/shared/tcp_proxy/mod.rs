//! A bad network between a client and its PostgreSQL server: it loses what is sent, resets
//! connections, and cuts them at a COMMIT so that the client cannot know what became of it.
//!
//! It understands the messages of the protocol (PostgreSQL manual, chapter 55) and therefore
//! refuses TLS, as a server does that has none. Its own kernel acknowledges what a client sends,
//! also what is then lost: TCP_USER_TIMEOUT does not notice; a timeout of the client's does.
#![allow(dead_code, reason = "shared: no test target uses all of it")]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};

use super::cluster::patience::eventually;

mod messages;
use messages::{Answers, Asked, Requests};

/// A TCP proxy on a port of its own; ends, and its connections with it, when dropped.
#[derive(Debug)]
pub struct TcpProxy {
    address: SocketAddr,
    network: Arc<Network>,
    listener: Option<JoinHandle<()>>,
}

/// What becomes of a COMMIT whose connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The server never sees it and rolls back; both connections are closed.
    Undone,
    /// The server did it; its answer is thrown away, then both connections are closed.
    Done,
    /// The server did it; its answer is thrown away and the connections stay open, silent.
    DoneInSilence,
}

#[derive(Debug)]
struct Network {
    server: Mutex<SocketAddr>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    dropping: bool,
    ended: bool,
    /// How many more COMMITs pass, and the fate of the one after them.
    cut: Option<(u32, Fate)>,
    commits: u32,
    connections: Vec<Weak<Connection>>,
}

#[derive(Debug)]
struct Connection {
    client: TcpStream,
    server: TcpStream,
    /// Whose answers no longer reach the client.
    silenced: Mutex<Option<Fate>>,
    over: AtomicBool,
}

/// How long a thread waits for bytes before it looks whether things have changed.
const TURN: Duration = Duration::from_millis(10);

impl TcpProxy {
    /// Stands before `server` and passes everything.
    pub fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let network = Arc::new(Network {
            server: Mutex::new(server),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let accepting = Arc::clone(&network);
        let listener = std::thread::spawn(move || {
            for client in listener.incoming() {
                if accepting.state.lock().unwrap().ended {
                    return;
                }
                let network = Arc::clone(&accepting);
                std::thread::spawn(move || network.join(client.unwrap()));
            }
        });
        Self { address, network, listener: Some(listener) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends new connections to another server.
    pub fn lead_to(&self, server: SocketAddr) {
        *self.network.server.lock().unwrap() = server;
    }

    /// Passes everything again. What was lost meanwhile arrives now, as TCP sends it once more.
    pub fn pass(&self) {
        self.network.change(|state| state.dropping = false);
    }

    /// A black hole: connections are made and stay open, and nothing comes through in either
    /// direction.
    pub fn drop_packets(&self) {
        self.network.change(|state| state.dropping = true);
    }

    /// Ends every connection with RST. New ones are let in.
    pub fn reset(&self) {
        let connections = self.network.connections();
        for connection in &connections {
            connection.reset();
        }
        // Those who were in may have come back already.
        let reset: Vec<_> = connections.iter().map(Arc::downgrade).collect();
        drop(connections);
        let all_gone = || reset.iter().all(|connection| connection.strong_count() == 0);
        eventually("connections are reset", Duration::from_secs(10), all_gone);
    }

    /// Cuts one connection at a COMMIT: at the next one for 1, at the one after it for 2. Once; what
    /// connects afterwards passes.
    pub fn cut_at_commit(&self, nth: u32, fate: Fate) {
        assert!(nth > 0, "COMMITs are counted from 1");
        self.network.change(|state| state.cut = Some((nth - 1, fate)));
    }

    /// Waits until [`TcpProxy::cut_at_commit`] has met its COMMIT.
    pub fn wait_for_cut(&self, within: Duration) {
        eventually("a COMMIT is cut", within, || self.network.state.lock().unwrap().cut.is_none());
    }

    /// How many COMMITs clients have sent, those cut included.
    pub fn commits(&self) -> u32 {
        self.network.state.lock().unwrap().commits
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.network.connections().len()
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.network.change(|state| state.ended = true);
        for connection in self.network.connections() {
            connection.over.store(true, Ordering::Relaxed);
        }
        // Wakes the listener.
        drop(TcpStream::connect(self.address));
        drop(self.listener.take().map(JoinHandle::join));
    }
}

impl Network {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }

    fn connections(&self) -> Vec<Arc<Connection>> {
        let mut state = self.state.lock().unwrap();
        state.connections.retain(|connection| connection.strong_count() > 0);
        state.connections.iter().filter_map(Weak::upgrade).collect()
    }

    /// Returns when packets pass, or when `connection` is over.
    fn wait_while_dropping(&self, connection: &Connection) {
        let mut state = self.state.lock().unwrap();
        while state.dropping && !state.ended && !connection.is_over() {
            state = self.changed.wait_timeout(state, TURN).unwrap().0;
        }
    }

    /// Connects `client` through, and stays with it.
    fn join(&self, client: TcpStream) {
        let server = *self.server.lock().unwrap();
        // A server that is down refuses; so do we, by closing.
        let Ok(server) = TcpStream::connect(server) else { return };
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
            stream.set_read_timeout(Some(TURN)).unwrap();
        }
        let connection = Connection { client, server, silenced: Mutex::new(None), over: false.into() };
        let connection = Arc::new(connection);
        self.state.lock().unwrap().connections.push(Arc::downgrade(&connection));
        std::thread::scope(|scope| {
            scope.spawn(|| self.carry_requests(&connection));
            self.carry_answers(&connection);
        });
    }

    fn carry_requests(&self, connection: &Connection) {
        let mut requests = Requests::default();
        while let Some(bytes) = self.read(connection, &connection.client) {
            for request in requests.split(&bytes) {
                let passed = match request.asks {
                    // Nobody has TLS here; the server is not asked.
                    Asked::Encryption => (&connection.client).write_all(b"N").is_ok(),
                    Asked::Commit => self.carry_commit(connection, &request.bytes),
                    Asked::Other => (&connection.server).write_all(&request.bytes).is_ok(),
                };
                if !passed {
                    return connection.end();
                }
            }
        }
        // The client is done; the server ends the connection.
        if !connection.is_over() {
            drop(connection.server.shutdown(Shutdown::Write));
        }
    }

    /// Passes a COMMIT on unless it is cut before; returns whether the connection goes on.
    fn carry_commit(&self, connection: &Connection, commit: &[u8]) -> bool {
        let fate = {
            let mut state = self.state.lock().unwrap();
            state.commits += 1;
            match state.cut {
                Some((0, fate)) => {
                    state.cut = None;
                    Some(fate)
                }
                Some((passing, fate)) => {
                    state.cut = Some((passing - 1, fate));
                    None
                }
                None => None,
            }
        };
        *connection.silenced.lock().unwrap() = fate;
        fate != Some(Fate::Undone) && (&connection.server).write_all(commit).is_ok()
    }

    fn carry_answers(&self, connection: &Connection) {
        let mut answers = Answers::default();
        while let Some(bytes) = self.read(connection, &connection.server) {
            let commit_answered = answers.take(&bytes);
            let passed = match *connection.silenced.lock().unwrap() {
                None => (&connection.client).write_all(&bytes).is_ok(),
                Some(Fate::DoneInSilence) => true,
                Some(Fate::Done | Fate::Undone) => !commit_answered,
            };
            if !passed {
                return connection.end();
            }
        }
        connection.end();
    }

    /// Reads what `from` sends; `None` at its end and the connection's.
    fn read(&self, connection: &Connection, mut from: &TcpStream) -> Option<Vec<u8>> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            self.wait_while_dropping(connection);
            if connection.is_over() {
                return None;
            }
            match from.read(&mut buffer) {
                Ok(0) => return None,
                Ok(length) => {
                    buffer.truncate(length);
                    // Lost on its way; it is sent once more.
                    self.wait_while_dropping(connection);
                    return (!connection.is_over()).then_some(buffer);
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }
}

impl Connection {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Closes it as a program does that ends; not one that is to be reset.
    fn end(&self) {
        if self.over.swap(true, Ordering::Relaxed) {
            return;
        }
        drop(self.client.shutdown(Shutdown::Both));
        drop(self.server.shutdown(Shutdown::Both));
    }

    /// socket(7): one that lingers for no time at all is reset when it is closed, which is when its
    /// threads let go of it.
    fn reset(&self) {
        let at_once = nix::libc::linger { l_onoff: 1, l_linger: 0 };
        setsockopt(&self.client, sockopt::Linger, &at_once).unwrap();
        setsockopt(&self.server, sockopt::Linger, &at_once).unwrap();
        self.over.store(true, Ordering::Relaxed);
    }
}
