//! Real servers and strange ones behind the door: how they are reached, and what passes both ways.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::client::Answer;
use crate::cluster::patience::eventually;
use crate::cluster::ports::free_port;
use crate::log::Log as _;
use crate::stand_in::{StandIn, answer};
use crate::support::{Installation, spawn};
use crate::things::things;

/// A running nginx, ended when it is dropped.
struct Nginx(Child);

impl Nginx {
    /// Runs nginx with `servers` in its `http` block; `folder` is for what it writes.
    fn start(folder: &Path, servers: &str) -> Self {
        let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {};\n", folder.join(kind).display()))
            .concat();
        let pid = folder.join("nginx.pid");
        let file = folder.join("nginx.conf");
        let text = format!(
            "daemon off;\nmaster_process off;\nerror_log stderr;\npid {};\nevents {{}}\nhttp {{\naccess_log off;\n\
             client_max_body_size 0;\n{paths}{servers}}}\n",
            pid.display()
        );
        std::fs::write(&file, text).unwrap();
        let mut nginx = Command::new("nginx");
        nginx.args(["-e", "stderr", "-c"]).arg(&file).stdin(Stdio::null()).stdout(Stdio::null());
        let nginx = Self(spawn(&mut nginx, "nginx-light"));
        eventually("nginx runs", Duration::from_secs(10), || pid.exists());
        nginx
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It is ours, by its handle; what it leaves is in a folder that goes.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[track_caller]
fn get(installation: &Installation, login: &(String, String), path: &str) -> Answer {
    installation.client().get(path, login).unwrap()
}

#[test]
fn a_server_behind_a_unix_socket_is_asked_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("app.sock");
    let installation = things(&format!("\"unix:{}\"", socket.display()), "");
    let _server = installation.serve();
    let login = installation.login();
    let away = get(&installation, &login, "/things/one");
    assert_eq!(away.status, 503, "{}", away.text());

    let served = format!(
        "server {{\nlisten unix:{};\nlocation / {{ return 200 \"$request_uri\"; }}\n}}\n",
        socket.display()
    );
    let _nginx = Nginx::start(folder.path(), &served);
    let there = get(&installation, &login, "/things/one?a=b");
    assert_eq!((there.status, there.text().as_str()), (200, "/things/one?a=b"));
}

/// Makes throw-away certificates in `folder`: an authority, the server's and two of ours.
fn certificates(folder: &Path) {
    let script = r#"
set -e
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 \
    -subj "/CN=NON-PRODUCTION authority"
for name in server first second; do
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $name.key -out $name.csr -subj "/CN=$name"
    printf 'subjectAltName=DNS:localhost\n' > $name.ext
    openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out $name.pem -days 2 -extfile $name.ext
done
"#;
    let made = Command::new("sh").args(["-c", script]).current_dir(folder).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// Shows this certificate of ours from now on, as a tool that renews it would.
fn show(folder: &Path, name: &str) {
    for ending in ["key", "pem"] {
        let fresh = folder.join(format!("ours.{ending}.new"));
        std::fs::copy(folder.join(format!("{name}.{ending}")), &fresh).unwrap();
        std::fs::rename(fresh, folder.join(format!("ours.{ending}"))).unwrap();
    }
}

#[test]
fn an_https_server_is_believed_by_its_authority_alone_and_shown_our_certificate_of_today() {
    let folder = tempfile::tempdir().unwrap();
    let there = |name: &str| folder.path().join(name).display().to_string();
    certificates(folder.path());
    show(folder.path(), "first");
    let port = free_port();
    let nginx = format!(
        "server {{\nlisten 127.0.0.1:{port} ssl;\nssl_certificate {};\nssl_certificate_key {};\n\
         ssl_client_certificate {};\nssl_verify_client on;\nkeepalive_timeout 0;\n\
         location / {{ return 200 \"$ssl_client_s_dn\"; }}\n}}\n",
        there("server.pem"),
        there("server.key"),
        there("ca.pem"),
    );
    let _nginx = Nginx::start(folder.path(), &nginx);
    let upstream = |ca: &str| {
        format!(
            "{{ url = \"https://localhost:{port}\", ca = \"{}\", certificate = \"{}\", key = \"{}\" }}",
            there(ca),
            there("ours.pem"),
            there("ours.key"),
        )
    };
    let installation = things(&upstream("ca.pem"), "");
    let server = installation.serve();
    let login = installation.login();
    assert_eq!(get(&installation, &login, "/things/one").text(), "CN=first");
    show(folder.path(), "second");
    assert_eq!(get(&installation, &login, "/things/one").text(), "CN=second");
    // Half a renewal: what was good is shown on.
    std::fs::write(folder.path().join("ours.key"), "no key").unwrap();
    assert_eq!(get(&installation, &login, "/things/one").text(), "CN=second");
    assert!(server.said().contains("certificate of before"), "{}", server.said());
    server.stop();

    show(folder.path(), "first");
    installation.reconfigure(&upstream("ca.pem"), &upstream("first.pem"));
    let _server = installation.serve();
    let refused = get(&installation, &login, "/things/one");
    assert_eq!(refused.status, 503, "another authority is believed: {}", refused.text());
}

#[test]
fn ranges_heads_and_conditions_are_the_upstreams_to_answer() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("things")).unwrap();
    std::fs::write(folder.path().join("things/file"), "0123456789").unwrap();
    let (free, things_at) = (free_port(), folder.path().display());
    let files = format!("server {{\nlisten 127.0.0.1:{free};\nroot {things_at};\n}}\n");
    let _nginx = Nginx::start(folder.path(), &files);
    let installation = things(&format!("\"http://127.0.0.1:{free}\""), "");
    let _server = installation.serve();
    let login = installation.login();
    let ask = |method: &str, fields: &[&str]| {
        let mut connection = installation.client().connect().unwrap();
        let authorization = connection.authorization_to(method, "/things/file", &login).unwrap();
        connection.send(method, "/things/file", &[&[authorization.as_str()], fields].concat(), b"").unwrap();
        let head = connection.head().unwrap();
        let bodiless = method == "HEAD" || head.status == 304;
        let body = if bodiless { Vec::new() } else { connection.body(&head).unwrap() };
        // Nothing is left over: the connection goes on.
        connection.send("GET", "/version", &[], b"").unwrap();
        assert_eq!(connection.answer().unwrap().status, 200);
        (head, String::from_utf8(body).unwrap())
    };
    let (whole, body) = ask("GET", &[]);
    assert_eq!((whole.status, body.as_str()), (200, "0123456789"));
    let etag = whole.field("etag").unwrap().to_owned();
    let (part, body) = ask("GET", &["Range: bytes=2-4"]);
    assert_eq!((part.status, body.as_str(), part.field("content-range")), (206, "234", Some("bytes 2-4/10")));
    let (part, body) = ask("GET", &["Range: bytes=2-4", &format!("If-Range: {etag}")]);
    assert_eq!((part.status, body.as_str()), (206, "234"));
    let (whole, _) = ask("GET", &["Range: bytes=2-4", "If-Range: \"another\""]);
    assert_eq!(whole.status, 200);
    let (head, _) = ask("HEAD", &[]);
    assert_eq!((head.status, head.field("content-length")), (200, Some("10")));
    let (same, _) = ask("GET", &[&format!("If-None-Match: {etag}")]);
    assert_eq!(same.status, 304);
}

/// A server that takes one request until `end`, keeps what it got, and says `answer`.
fn raw(end: &'static str, answer: &'static str) -> (String, Arc<Mutex<String>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let got = Arc::<Mutex<String>>::default();
    let keep = Arc::clone(&got);
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut piece = [0; 4096];
        loop {
            let length = stream.read(&mut piece).unwrap();
            let mut got = keep.lock().unwrap();
            got.push_str(&String::from_utf8_lossy(&piece[..length]));
            if got.ends_with(end) {
                break;
            }
        }
        stream.write_all(answer.as_bytes()).unwrap();
    });
    (url, got)
}

#[test]
fn fields_behind_a_body_pass_in_both_directions_if_they_name_nobody() {
    let said = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Digest, X-Remote-User\r\n\r\n3\r\nabc\r\n0\r\n\
                Digest: theirs\r\nX-Remote-User: admin\r\n\r\n";
    let (url, got) = raw("\r\n0\r\ndigest: ours\r\n\r\n", said);
    let installation = things(&format!("\"{url}\""), "");
    let _server = installation.serve();
    let mut connection = installation.client().connect().unwrap();
    let authorization = connection.authorization_to("POST", "/things/one", &installation.login()).unwrap();
    let head = format!(
        "POST /things/one HTTP/1.1\r\nHost: h\r\n{authorization}\r\nTE: trailers\r\nConnection: TE\r\nTrailer: Digest\r\n\
         Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nDigest: ours\r\n\r\n"
    );
    connection.write(head.as_bytes()).unwrap();
    let mut said = Vec::new();
    let mut piece = [0; 64];
    while !said.ends_with(b"theirs\r\n\r\n") {
        let length = connection.tls.read(&mut piece).unwrap();
        assert!(length > 0, "{}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&piece[..length]);
    }
    let said = String::from_utf8_lossy(&said);
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n") && said.contains("\r\ntrailer: Digest\r\n"), "{said}");
    assert!(said.ends_with("0\r\ndigest: theirs\r\n\r\n"), "{said}");
    let got = got.lock().unwrap().to_lowercase();
    assert!(got.contains("\r\ntrailer: digest\r\n") && got.contains("\r\nte: trailers\r\n"), "{got}");
}

#[test]
fn a_read_is_asked_again_where_a_kept_connection_was_gone_and_a_change_never() {
    let count = Arc::new(AtomicUsize::new(0));
    let upstream = StandIn::doing(move |asked| {
        asked.body()?;
        // Every second one finds that the connection ends under it.
        if count.fetch_add(1, Ordering::SeqCst) % 2 == 1 {
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        asked.say(&answer("200 OK", "", b"done"))
    });
    let installation = things(&format!("\"{}\"", upstream.url()), "");
    let _server = installation.serve();
    let login = installation.login();
    let ask = |method: &str| {
        let mut connection = installation.client().connect().unwrap();
        let authorization = connection.authorization_to(method, "/things/one", &login).unwrap();
        connection.send(method, "/things/one", &[&authorization], b"").unwrap();
        connection.answer().unwrap().status
    };
    assert_eq!(ask("GET"), 200);
    assert_eq!(ask("GET"), 200, "it was not asked again");
    assert_eq!(upstream.heads().len(), 3);
    assert_eq!(ask("POST"), 502, "a change was sent twice");
    let posts = upstream.heads().iter().filter(|head| head.method == "POST").count();
    assert_eq!(posts, 1);
    let ended = installation.log().wait_for("ended", 0, Duration::from_secs(2));
    assert_eq!(ended.text("delivery"), "upstream_failed");
}

#[test]
fn who_is_away_is_left_alone_for_a_moment_and_found_when_back() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("app.sock");
    let installation = things(&format!("\"unix:{}\"", socket.display()), "");
    let _server = installation.serve();
    let login = installation.login();
    for _ in 0..4 {
        let away = get(&installation, &login, "/things/one");
        assert_eq!(away.status, 503);
        assert!(away.head.field("retry-after").is_some());
    }
    let failed = installation.log().wait_for_all(5, "released", 0, Duration::from_secs(2));
    assert!(failed[failed.len() - 1].text("detail").contains("not tried"), "{failed:?}");
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            drop(stream.read(&mut [0; 4096]));
            drop(stream.write_all(&answer("200 OK", "Connection: close\r\n", b"back")));
        }
    });
    eventually("it is found", Duration::from_secs(4), || {
        let there = get(&installation, &login, "/things/one");
        (there.status == 200).then_some(there.text())
    });
}

#[test]
fn a_body_is_asked_for_only_once_it_is_admitted() {
    let upstream = StandIn::saying(answer("201 Created", "", b"made"));
    let installation = things(&format!("\"{}\"", upstream.url()), "");
    let _server = installation.serve();
    let login = installation.login();
    let ask = |authorization: &str| {
        let mut connection = installation.client().connect().unwrap();
        let head = format!(
            "PUT /things/one HTTP/1.1\r\nHost: h\r\n{authorization}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"
        );
        connection.write(head.as_bytes()).unwrap();
        (connection.head().unwrap(), connection)
    };
    let (refused, _) = ask("");
    assert_eq!(refused.status, 401, "it was asked for the body before");
    let authorization =
        installation.client().connect().unwrap().authorization_to("PUT", "/things/one", &login);
    let (go_on, mut connection) = ask(&format!("{}\r\n", authorization.unwrap()));
    assert_eq!(go_on.status, 100);
    connection.write(b"abc").unwrap();
    assert_eq!(connection.answer().unwrap().status, 201);
    let heads = upstream.heads();
    assert_eq!((heads.len(), heads[0].field("expect")), (1, None));
}

#[test]
fn an_upstream_is_told_the_way_once_and_by_us() {
    let upstream = StandIn::saying(answer("200 OK", "", b"done"));
    let installation = things(&format!("\"{}\"", upstream.url()), "identify_as = \"X-Person\"");
    let _server = installation.serve();
    let login = installation.login();
    let mut connection = installation.client().connect().unwrap();
    let authorization = connection.authorization("/things/one", &login).unwrap();
    let forged = [
        &authorization,
        "X-Forwarded-For: 192.0.2.1",
        "X_Forwarded_For: 192.0.2.1",
        "X-Forwarded-Proto: gopher",
        "X-Forwarded-Host: evil",
        "Forwarded: for=192.0.2.1",
        "X-Person: root",
        "X_PERSON: root",
        "x--person: root",
        "X-Real-IP: 192.0.2.1",
        "Cookie: a=b; __Host-gateward=secret",
        "X-HTTP-Method-Override: DELETE",
    ];
    connection.send("GET", "/things/one", &forged, b"").unwrap();
    assert_eq!(connection.answer().unwrap().status, 200);
    let mut fields = upstream.heads().swap_remove(0).fields;
    for (name, _) in &mut fields {
        name.make_ascii_lowercase();
    }
    fields.retain(|(name, _)| name != "host");
    fields.sort();
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        fields,
        [
            ("cookie", "a=b"),
            ("forwarded", "for=127.0.0.1;host=\"localhost\";proto=https"),
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-host", "localhost"),
            ("x-forwarded-proto", "https"),
            ("x-person", login.0.as_str()),
        ]
    );
}
