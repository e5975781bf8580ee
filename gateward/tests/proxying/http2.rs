//! HTTP/2 at the door: what one request does changes nothing for those beside it.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use nix::sys::signal::Signal;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::log::Log as _;
use crate::program::{finish, run};
use crate::stand_in::{StandIn, answer};
use crate::support::Installation;
use crate::things::things;

const MIB: usize = 1024 * 1024;

type Sender = SendRequest<Empty<Bytes>>;

/// A connection that speaks HTTP/2; its windows let no more than 1 MiB wait for each stream.
async fn connect(installation: &Installation) -> Sender {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(installation.path("ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(installation.public_address()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(1024 * 1024)
        .initial_connection_window_size(64 * 1024 * 1024)
        .handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

fn get(path: &str, authorization: &str) -> Request<Empty<Bytes>> {
    let request = Request::get(format!("https://localhost{path}"));
    let (name, value) = authorization.split_once(": ").unwrap();
    request.header(name, value).body(Empty::new()).unwrap()
}

/// An installation that asks nobody by HTTP Digest, or HTTP/2 would not be offered.
fn door(upstream: &StandIn) -> Installation {
    let installation = things(&format!("\"{}\"", upstream.url()), "");
    installation.reconfigure("require = [\"login\"]", "require = [\"user\"]");
    for name in ["anna", "berta"] {
        installation.append(&format!("[[grant]]\nuser = \"{name}\"\nservice = \"things\"\n"));
    }
    let password = installation.path("password");
    std::fs::write(&password, PASSWORD).unwrap();
    for name in ["anna", "berta"] {
        let create = ["user", "create", name, "--password-file", password.to_str().unwrap()];
        let made = run(&installation.config(), &create);
        assert_eq!(made.status, Some(0), "{}", made.err);
    }
    installation
}

const PASSWORD: &str = "seven-grey-geese-at-the-lake";

/// The header field by which a user is known.
fn authorization(user: &str) -> String {
    format!("Authorization: Basic {}", data_encoding::BASE64.encode(format!("{user}:{PASSWORD}").as_bytes()))
}

/// Reads to the end; the error is how it ended otherwise.
async fn length(response: Response<Incoming>) -> Result<usize, hyper::Error> {
    assert_eq!(response.status(), StatusCode::OK);
    let mut body = response.into_body();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        length += frame?.into_data().map_or(0, |data| data.len());
    }
    Ok(length)
}

#[tokio::test(flavor = "multi_thread")]
async fn cutting_one_stream_leaves_its_neighbours_alone() {
    let large = 32 * MIB;
    let upstream = StandIn::saying(answer("200 OK", "", &vec![b'x'; large]));
    let installation = door(&upstream);
    let server = installation.serve();
    let mut sender = connect(&installation).await;
    let path = "/things/large";
    let cut = sender.send_request(get(path, &authorization("anna"))).await.unwrap();
    let whole = sender.send_request(get(path, &authorization("berta"))).await.unwrap();
    // Both wait for their client now, who takes nothing yet.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let said = run(&installation.config(), &["user", "disable", "anna"]);
    assert_eq!(said.status, Some(0), "{}", said.err);
    let ended = installation.log().wait_for("ended", 0, Duration::from_secs(3));
    assert_eq!((ended.text("delivery"), ended.text("who")), ("revoked", "anna"));

    let (cut, whole) = tokio::join!(length(cut), length(whole));
    let error = cut.unwrap_err();
    assert!(format!("{error:?}").contains("Reset"), "{error:?}");
    assert_eq!(whole.unwrap(), large);
    assert_eq!(sender.send_request(get("/version", "X-A: b")).await.unwrap().status(), StatusCode::OK);
    drop(sender);
    server.stop();
    installation.log().check_transactions();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_running_streams_end_and_takes_no_new_ones() {
    let large = 32 * MIB;
    let upstream = StandIn::saying(answer("200 OK", "", &vec![b'x'; large]));
    let installation = door(&upstream);
    let mut server = installation.serve();
    let mut sender = connect(&installation).await;
    let path = "/things/large";
    let running = sender.send_request(get(path, &authorization("anna"))).await.unwrap();
    server.signal(Signal::SIGTERM);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(sender.send_request(get("/version", "X-A: b")).await.is_err(), "a new one was taken");
    assert_eq!(length(running).await.unwrap(), large);
    drop(sender);
    let status = tokio::task::spawn_blocking(move || server.wait(Duration::from_secs(20))).await.unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(installation.log().check_transactions().values().all(|delivery| delivery == "complete"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_for_two_hosts_is_refused_and_recorded() {
    let upstream = StandIn::saying(answer("200 OK", "", b"done"));
    let installation = door(&upstream);
    let _server = installation.serve();
    let mut sender = connect(&installation).await;
    let path = "/things/one";
    for (host, problem) in [("other", "target-host"), ("a, b", "target-host")] {
        let mut request = get(path, &authorization("anna"));
        request.headers_mut().insert("host", host.parse().unwrap());
        let refused = sender.send_request(request).await.unwrap();
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
        let text = refused.into_body().collect().await.unwrap().to_bytes();
        assert!(String::from_utf8_lossy(&text).contains(problem), "{text:?}");
    }
    let recorded = installation.log().wait_for_all(2, "request_refused", 0, Duration::from_secs(2));
    assert!(recorded.iter().all(|event| event.text("reason") == "target-host"));
    assert_eq!(upstream.heads().len(), 0);
    let good = sender.send_request(get(path, &authorization("anna"))).await.unwrap();
    assert_eq!(length(good).await.unwrap(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_requests_back_faster_than_they_are_looked_at_loses_the_connection_alone() {
    let upstream = StandIn::saying(answer("200 OK", "", b"done"));
    let installation = door(&upstream);
    let _server = installation.serve();
    let mut sender = connect(&installation).await;
    let mut neighbour = connect(&installation).await;
    let mut refused = false;
    for _ in 0..5_000 {
        if sender.ready().await.is_err() {
            refused = true;
            break;
        }
        let request = sender.send_request(get("/version", "X-A: b"));
        // Dropped as soon as it is on its way.
        drop(tokio::time::timeout(Duration::ZERO, request).await);
    }
    assert!(refused, "it goes on for ever");
    assert_eq!(neighbour.send_request(get("/version", "X-A: b")).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_streams_that_nobody_reads_take_what_they_may_hold_and_no_more() {
    const STREAMS: usize = 1000;
    let body = Arc::new(answer("200 OK", "", &vec![b'x'; 4 * MIB]));
    let upstream = StandIn::doing(move |asked| asked.say(&body));
    let installation = door(&upstream);
    let server = installation.serve();
    let path = "/things/large";
    let mut connections = Vec::new();
    let mut held = Vec::new();
    // The first one pays for the password.
    held.push(connect(&installation).await.send_request(get(path, &authorization("anna"))).await.unwrap());
    let before = server.forget_peak();
    for _ in 0..STREAMS / 100 {
        let mut sender = connect(&installation).await;
        for _ in 0..100 {
            held.push(sender.send_request(get(path, &authorization("anna"))).await.unwrap());
        }
        connections.push(sender);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let each = (server.peak() - before) / STREAMS as u64;
    println!("{each} bytes for each stream");
    assert!(each < 512 * 1024, "{each} bytes for each stream");
    assert!(held.iter().all(|response| response.status() == StatusCode::OK));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_mebibytes_pass_in_flat_memory() {
    let large = 100 * MIB;
    let body = Arc::new(answer("200 OK", "", &vec![b'x'; large]));
    let upstream = StandIn::doing(move |asked| asked.say(&body));
    let installation = door(&upstream);
    let server = installation.serve();
    let mut sender = connect(&installation).await;
    let ask = || get("/things/large", &authorization("anna"));
    let first = sender.send_request(ask()).await.unwrap();
    assert_eq!(length(first).await.unwrap(), large);
    let before = server.forget_peak();
    let second = sender.send_request(ask()).await.unwrap();
    assert_eq!(length(second).await.unwrap(), large);
    let more = server.peak() - before;
    assert!(more < 16 * MIB as u64, "{more} bytes more");
}

#[test]
fn curl_speaks_http2_and_sends_and_gets_large_bodies() {
    let upstream = StandIn::doing(|asked| {
        let body = asked.body()?;
        let more = if asked.head.method == "GET" { 20 * MIB } else { 0 };
        asked.say(&answer("200 OK", "", &vec![b'y'; body.len() + more]))
    });
    let installation = door(&upstream);
    let _server = installation.serve();
    let file = installation.path("large");
    std::fs::write(&file, vec![b'x'; 20 * MIB]).unwrap();
    let url = format!("https://localhost:{}/things/large", installation.public_address().port());
    let curl = |more: &[&str]| {
        let mut curl = Command::new("curl");
        curl.args(["--disable", "--silent", "--show-error", "--http2", "--max-time", "60", "--cacert"]);
        curl.arg(installation.path("ca.pem")).args(more);
        curl.args(["--output", "/dev/null", "--write-out", "%{http_version} %{http_code} %{size_download}"]);
        let said = finish(curl.arg(&url));
        assert_eq!(said.status, Some(0), "{}", said.err);
        said.out
    };
    let whole = 20 * MIB;
    let user = format!("anna:{PASSWORD}");
    let basic = ["--user", user.as_str()];
    assert_eq!(curl(&basic), format!("2 200 {whole}"));
    let upload = [&basic[..], &["--upload-file", file.to_str().unwrap()]].concat();
    assert_eq!(curl(&upload), format!("2 200 {whole}"));
    assert_eq!(curl(&[&basic[..], &["--head"]].concat()), "2 200 0");
}

#[test]
fn where_people_are_asked_by_digest_clients_keep_to_http1() {
    let installation = things("\"http://127.0.0.1:1\"", "");
    let _server = installation.serve();
    let mut curl = Command::new("curl");
    curl.args([
        "--disable",
        "--silent",
        "--show-error",
        "--http2",
        "--write-out",
        "%{http_version}",
        "--cacert",
    ]);
    curl.arg(installation.path("ca.pem")).args(["--output", "/dev/null"]);
    let url = format!("https://localhost:{}/version", installation.public_address().port());
    assert_eq!(finish(curl.arg(url)).out, "1.1");
}

#[test]
fn what_an_application_tells_a_little_at_a_time_is_heard_while_it_goes_on() {
    let upstream = StandIn::doing(|asked| {
        asked.say(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        )?;
        asked.say(b"e\r\ndata: first\n\n\n\r\n")?;
        std::thread::sleep(Duration::from_secs(1));
        asked.say(b"f\r\ndata: second\n\n\n\r\n")?;
        asked.wait_until_left();
        Ok(())
    });
    let installation = door(&upstream);
    let _server = installation.serve();
    let url = format!("https://localhost:{}/things/events", installation.public_address().port());
    let user = format!("anna:{PASSWORD}");
    for version in ["--http1.1", "--http2"] {
        let mut curl = Command::new("curl");
        curl.args(["--disable", "--silent", "--no-buffer", version, "--max-time", "4", "--user", &user]);
        let said = finish(curl.arg("--cacert").arg(installation.path("ca.pem")).arg(&url));
        assert_eq!(said.out, "data: first\n\n\ndata: second\n\n\n", "{version}");
        assert_eq!(said.status, Some(28), "it has no end: {}", said.err);
    }
}
