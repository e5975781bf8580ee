//! The PROXY protocol: HAProxy names its clients, and nobody else can.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::gnupg::Gnupg;
use super::installation::{Installation, RESTRICTED};
use super::proxies::{Proxy, recorded_address, with_tls, without_tls};
use super::server::{Credentials, Server};
use super::statement::Statement;

const UNIX: &str = "trusted_proxies = [\"unix\"]\nproxy_protocol = true";
const LOOPBACK: &str = "trusted_proxies = [\"127.0.0.1\"]\nproxy_protocol = true";
const REFUSED: [&str; 4] = ["--data-binary", "no token", "-H", "X-Forwarded-For: 203.0.113.9"];

/// One request, and the connection ends with its answer.
const ASK: &[u8] = b"GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

fn on_a_socket() -> Server {
    without_tls(Installation::new(), "unix:http.sock", UNIX)
}

/// What the server says to `pieces`, until it ends the connection.
fn said_to(server: &Server, pieces: &[&[u8]]) -> String {
    let mut stream = UnixStream::connect(server.file("http.sock")).unwrap();
    for piece in pieces {
        // It may have heard enough.
        drop(stream.write_all(piece));
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut said = String::new();
    drop(stream.read_to_string(&mut said));
    said
}

#[test]
fn haproxy_carries_tls_and_names_the_client_in_version_2() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = with_tls(Installation::believing(&issuer), LOOPBACK);
    let proxy = Proxy::haproxy(&format!("127.0.0.1:{}", server.public), "send-proxy-v2");
    let token = issuer.sign(&Statement::default());
    let exchanged = proxy.curl(&server, "127.0.0.5", "/auth", &["--data-binary", "@-"], token.as_bytes());
    let user = Credentials::of(&exchanged).to_string();
    let digest = ["--digest", "--user", &user];
    let reply = proxy.curl(&server, "127.0.0.5", "/files/restricted.txt", &digest, b"");
    assert_eq!((reply.status, reply.text().as_str()), (200, RESTRICTED));
    let refused = proxy.curl(&server, "127.0.0.5", "/auth", &REFUSED, b"");
    assert_eq!(recorded_address(&server, &refused), "127.0.0.5");
}

#[test]
fn haproxy_names_the_client_in_version_1() {
    let server = with_tls(Installation::new(), LOOPBACK);
    let proxy = Proxy::haproxy(&format!("127.0.0.1:{}", server.public), "send-proxy");
    let refused = proxy.curl(&server, "127.0.0.5", "/auth", &REFUSED, b"");
    assert_eq!(recorded_address(&server, &refused), "127.0.0.5");
}

#[test]
fn haproxy_may_look_whether_the_server_lives() {
    let server = on_a_socket();
    let socket = server.file("http.sock");
    let place = format!("unix@{}", socket.display());
    let proxy = Proxy::haproxy(&place, "send-proxy-v2 check check-send-proxy inter 50ms");
    std::thread::sleep(Duration::from_millis(300));
    // It comes without TLS here: HAProxy passes on what it gets.
    let reply = proxy.curl_plain("127.0.0.5", "/version");
    assert_eq!(reply.status, 200, "{}", server.log());
    assert!(!server.log().contains("did not say whose"), "{}", server.log());
}

#[test]
fn a_header_in_two_pieces_is_read_and_what_follows_it_is_the_request() {
    let server = on_a_socket();
    let header: &[u8] = b"PROXY TCP4 192.0.2.1 127.0.0.1 567 443\r\n";
    for cut in [1, 11, 12, 13, 30, header.len() - 1, header.len()] {
        let said = said_to(&server, &[&header[..cut], &header[cut..], ASK]);
        assert!(said.starts_with("HTTP/1.1 200 "), "{cut}: {said}");
    }
    let said = said_to(&server, &[&[header, ASK].concat()]);
    assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
    for nobody in [&b"PROXY UNKNOWN\r\n"[..], b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00"] {
        let said = said_to(&server, &[nobody, ASK]);
        assert!(said.starts_with("HTTP/1.1 200 "), "{nobody:?}: {said}");
    }
}

#[test]
fn a_trusted_proxy_that_names_nobody_properly_gets_no_answer() {
    let server = on_a_socket();
    let endless = [b"PROXY UNKNOWN ", &[b'x'; 200][..]].concat();
    let binary: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
    for header in [
        ASK,
        &endless,
        b"PROXY TCP4 192.0.2.1\r\n",
        b"PROXY TCP4 192.0.2.256 127.0.0.1 567 443\r\n",
        &[binary, b"\x21\x11\xff\xff"].concat(),
        &[binary, b"\x21\x11\x00\x04\x01\x02\x03\x04"].concat(),
        &[binary, b"\x31\x11\x00\x00"].concat(),
    ] {
        let begun = Instant::now();
        assert_eq!(said_to(&server, &[header, ASK]), "", "{header:?}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{header:?}");
    }
    assert!(server.log().contains("a trusted proxy did not say whose connection it is"), "{}", server.log());
    assert!(said_to(&server, &[b"PROXY UNKNOWN\r\n", ASK]).starts_with("HTTP/1.1 200 "));
}

#[test]
fn half_a_header_is_not_waited_for_for_ever() {
    let server = on_a_socket();
    let mut half = UnixStream::connect(server.file("http.sock")).unwrap();
    half.write_all(b"PROXY TCP4 192.0.2.1").unwrap();
    let mut half_and_gone = UnixStream::connect(server.file("http.sock")).unwrap();
    half_and_gone.write_all(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c").unwrap();
    half_and_gone.shutdown(Shutdown::Write).unwrap();
    assert_eq!(half_and_gone.read_to_end(&mut Vec::new()).unwrap(), 0);
    half.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(half.read_to_end(&mut Vec::new()).unwrap(), 0);
}

#[test]
fn a_header_from_somebody_else_is_only_bytes_that_make_no_sense() {
    let elsewhere = LOOPBACK.replace("127.0.0.1", "127.0.0.9");
    for server in [
        with_tls(Installation::new(), &elsewhere),
        without_tls(Installation::new(), "127.0.0.1:0", &elsewhere),
    ] {
        for header in
            [&b"PROXY TCP4 192.0.2.1 127.0.0.1 567 443\r\n"[..], b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00"]
        {
            let mut stream = TcpStream::connect(("127.0.0.1", server.public)).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            stream.write_all(&[header, ASK].concat()).unwrap();
            let mut said = Vec::new();
            drop(stream.read_to_end(&mut said));
            assert!(!said.starts_with(b"HTTP/1.1 200"), "{header:?}: {}", String::from_utf8_lossy(&said));
        }
        assert_eq!(server.operators("/readyz", &[]).status, 200);
    }
}

#[test]
fn a_named_client_has_its_share_and_others_have_theirs() {
    let server = on_a_socket();
    let open = |client: &str| {
        let mut stream = UnixStream::connect(server.file("http.sock")).unwrap();
        let head =
            format!("PROXY TCP4 {client} 127.0.0.1 567 443\r\nGET /version HTTP/1.1\r\nHost: x\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut begin = [0; 12];
        stream.read_exact(&mut begin).is_ok().then_some(stream)
    };
    let held: Vec<UnixStream> =
        (0..512).map(|number| open("192.0.2.1").unwrap_or_else(|| panic!("{number}"))).collect();
    assert!(open("192.0.2.1").is_none());
    assert!(open("192.0.2.2").is_some());
    drop(held);
}
