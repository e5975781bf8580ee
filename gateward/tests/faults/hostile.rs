//! Clients that send too little, too much, or never stop: each is refused clearly, and others are
//! served meanwhile.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::client::Connection;
use crate::program::SMALL;
use crate::support::Installation;

/// The server still serves who behaves, and soon.
fn serves_others(installation: &Installation, login: &(String, String)) {
    let begun = Instant::now();
    assert_eq!(installation.client().get(SMALL, login).unwrap().status, 200);
    assert!(begun.elapsed() < Duration::from_secs(3), "served after {:?}", begun.elapsed());
}

/// Waits until the server ends the connection; it has nothing to say on it.
fn is_ended(connection: &mut Connection) -> bool {
    match connection.tls.read_to_end(&mut Vec::new()) {
        Ok(read) => read == 0,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    }
}

#[test]
fn who_sends_slowly_or_never_ends_is_cut_while_others_are_served() {
    let installation = Installation::make();
    let _server = installation.serve();
    let login = installation.login();
    let client = installation.client();

    let mut idle: Vec<_> = (0..100).map(|_| client.connect().unwrap()).collect();
    let silent: Vec<_> =
        (0..100).map(|_| TcpStream::connect(installation.public_address()).unwrap()).collect();
    let mut half_a_head = client.connect().unwrap();
    half_a_head.write(b"GET /files/restricted.txt HTTP/1.1\r\nHost: local").unwrap();
    let mut half_a_body = client.connect().unwrap();
    half_a_body.write(b"POST /auth HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf").unwrap();
    serves_others(&installation, &login);

    // A byte now and then does not count as going on.
    let mut endless = client.connect().unwrap();
    endless.write(b"POST /auth HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
    endless.tls.sock.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let begun = Instant::now();
    let head = loop {
        endless.write(b"1\r\nx\r\n").unwrap();
        match endless.head() {
            Ok(head) => break head,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => panic!("no answer but {error}"),
        }
        assert!(begun.elapsed() < Duration::from_secs(45), "an endless body is read for ever");
    };
    assert_eq!(head.status, 408);
    serves_others(&installation, &login);

    assert_eq!(half_a_body.answer().unwrap().status, 408);
    assert!(is_ended(&mut half_a_head), "half a head is waited for longer than 45 s");
    assert!(is_ended(&mut idle[0]), "an idle connection is kept longer than 45 s");
    let mut silent = &silent[0];
    silent.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert!(
        matches!(silent.read_to_end(&mut Vec::new()), Ok(0)),
        "a handshake is waited for longer than 45 s"
    );
    serves_others(&installation, &login);
}

#[test]
fn who_sends_too_much_sees_the_refusal_and_no_reset() {
    let installation = Installation::make();
    let _server = installation.serve();
    let login = installation.login();
    let client = installation.client();

    let garbage = vec![b'x'; 1024 * 1024];
    let refused = client.exchange(&garbage).unwrap();
    assert_eq!(refused.status, 413, "{}", refused.text());
    assert!(refused.text().contains("The token is not accepted"), "{}", refused.text());

    // A body where none belongs is read and dropped; the connection goes on.
    let mut connection = client.connect().unwrap();
    connection.send("GET", "/version", &[], &garbage).unwrap();
    assert_eq!(connection.answer().unwrap().status, 200);
    connection.send("GET", "/version", &[], b"").unwrap();
    assert_eq!(connection.answer().unwrap().status, 200);

    let fields: Vec<String> = (0..70).map(|number| format!("X-{number}: x")).collect();
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    assert_eq!(client.ask("GET", SMALL, &fields, b"").unwrap().status, 431);
    let long = format!("X-Long: {}", "x".repeat(40 * 1024));
    assert_eq!(client.ask("GET", SMALL, &[&long], b"").unwrap().status, 431);
    serves_others(&installation, &login);
}

#[test]
fn plain_http_is_told_to_use_https_also_in_the_middle_of_a_long_body() {
    let installation = Installation::make();
    let _server = installation.serve();
    let body = vec![b'x'; 900_000];
    let requests: [(&str, &[u8]); 2] = [
        ("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b""),
        ("POST /auth HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n\r\n", &body),
    ];
    for (head, body) in requests {
        let mut stream = TcpStream::connect(installation.public_address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        // The refusal is there already when the body goes out.
        stream.peek(&mut [0]).unwrap();
        for piece in body.chunks(100_000) {
            stream.write_all(piece).unwrap();
        }
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert!(said.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{said}");
        assert!(said.ends_with("use https:// instead of http://.\n"), "{said}");
    }
}

#[test]
fn who_takes_nothing_of_the_answers_is_cut() {
    let installation = Installation::make();
    let _server = installation.serve();
    let login = installation.login();
    let mut taking_nothing = installation.client().connect().unwrap();
    let asking = b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1000);
    let begun = Instant::now();
    taking_nothing.tls.sock.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
    // Asks until the server no longer reads, because its answers are not taken; then waits.
    loop {
        match taking_nothing.write(&asking) {
            Ok(()) => assert!(begun.elapsed() < Duration::from_secs(60), "nothing ever fills up"),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
            Err(error) => panic!("cut before its time: {error}"),
        }
    }
    serves_others(&installation, &login);
    let socket = taking_nothing.tls.sock.try_clone().unwrap();
    socket.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let stalled = Instant::now();
    loop {
        match (&socket).write(b"x") {
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => break,
            Ok(_) | Err(_) => std::thread::sleep(Duration::from_millis(500)),
        }
        assert!(stalled.elapsed() < Duration::from_secs(90), "a connection that takes nothing is kept");
    }
    serves_others(&installation, &login);
}
