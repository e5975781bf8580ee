//! A thousand exchanges at once, and the server killed ten times among them.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gateward::server::system;
use http_digest::{Algorithm, Ha1};
use jiff::SignedDuration;
use openpgp::SigningKey;
use serde_json::json;

use super::databases::Databases;
use super::installation::Installation;
use super::proxies::without_tls;

/// How many exchange at once, each one token after the other.
const HOLDERS: usize = 1_000;
const KILLS: u64 = 10;

/// How long all of it may take on a busy machine.
const WITHIN: Duration = Duration::from_secs(240);

/// Signs distinct tokens, all of `/epos/alparray`.
struct Pen {
    issuer: SigningKey,
    signed: AtomicUsize,
}

impl Pen {
    /// One that `installation` believes.
    fn believed_by(installation: &Installation) -> Self {
        let now = system::wall_clock();
        let mut seed = [0; 32];
        seed[..16].copy_from_slice(&now.as_nanosecond().to_le_bytes());
        let issuer =
            SigningKey::generate("load NON-PRODUCTION", openpgp::Algorithm::Ed25519, now, seed).unwrap();
        std::fs::write(installation.file("load.asc"), issuer.public_armored().unwrap()).unwrap();
        let fingerprint = issuer.fingerprint();
        installation.append(&format!("[[issuer]]\nkey = \"load.asc\"\nfingerprint = \"{fingerprint}\"\n"));
        Self { issuer, signed: AtomicUsize::new(0) }
    }

    fn sign(&self) -> String {
        let (now, number) = (system::wall_clock(), self.signed.fetch_add(1, Ordering::Relaxed));
        let valid_until = now + SignedDuration::from_hours(48);
        let text = format!(
            r#"{{"valid_until": "{valid_until:.6}", "memberof": "/epos/alparray;/epos;/", "issued": "{now:.6}", "mail": "p{number}@example.org", "cn": "P"}}"#
        );
        self.issuer.sign_cleartext(&text, now).unwrap()
    }
}

/// Posts `token` once; `None` when the server went away.
fn post(socket: &Path, token: &str) -> Option<(u16, String)> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    let length = token.len();
    let head =
        format!("POST /auth HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(token.as_bytes())).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

#[test]
fn a_thousand_exchanges_at_once_and_ten_kills_leave_whole_logins_and_no_orphan() {
    let databases = Databases::new();
    let installation = Installation::new();
    installation.append(&databases.configuration());
    let pen = Pen::believed_by(&installation);
    let socket = installation.file("http.sock");
    let mut server = Some(without_tls(installation, "unix:http.sock", "trusted_proxies = [\"unix\"]"));
    let before = (databases.users(), databases.privileges());
    let answered: Mutex<Vec<(String, String)>> = Mutex::default();
    let unavailable = AtomicUsize::new(0);
    let begun = Instant::now();
    let killing = AtomicBool::new(true);
    let exchange = || {
        let token = pen.sign();
        while begun.elapsed() < WITHIN {
            match post(&socket, &token) {
                Some((200, login)) => {
                    let (login, password) = login.split_once(':').unwrap();
                    answered.lock().unwrap().push((login.to_owned(), password.to_owned()));
                    return;
                }
                Some((503, _)) => drop(unavailable.fetch_add(1, Ordering::SeqCst)),
                Some(other) => panic!("{other:?}"),
                None => {}
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    let mut interrupted = 0;
    std::thread::scope(|scope| {
        for _ in 0..HOLDERS {
            let small = std::thread::Builder::new().stack_size(256 * 1024);
            let holder = || {
                exchange();
                while killing.load(Ordering::SeqCst) {
                    exchange();
                }
            };
            small.spawn_scoped(scope, holder).unwrap();
        }
        for kill in 1..=KILLS {
            let mut running = server.take().unwrap();
            let before = answered.lock().unwrap().len();
            let patience = begun.elapsed() + Duration::from_secs(60);
            while answered.lock().unwrap().len() == before {
                assert!(begun.elapsed() < patience, "nobody is answered before kill {kill}");
                std::thread::sleep(Duration::from_millis(1));
            }
            // Each at another instant of what it does then.
            std::thread::sleep(Duration::from_millis(7 * kill));
            running.kill();
            let pending = running.store().value("SELECT count(*) FROM placement WHERE state = 'pending'");
            println!("kill {kill}: {} answered, {pending} pending", answered.lock().unwrap().len());
            interrupted += u32::from(pending != "0");
            server = Some(running.again());
        }
        killing.store(false, Ordering::SeqCst);
    });
    assert!(interrupted >= 5, "only {interrupted} kills came in between");
    let mut server = server.unwrap();
    let answered = answered.into_inner().unwrap();
    let tokens = pen.signed.load(Ordering::SeqCst);
    assert_eq!(answered.len(), tokens, "{} times 503", unavailable.load(Ordering::SeqCst));
    assert_eq!(server.stop(), 0);
    let swept = server.command(&["cleanup"]).good();
    println!(
        "{tokens} tokens; {} times 503; {}",
        unavailable.load(Ordering::SeqCst),
        swept.text().trim_end()
    );

    // Every answer has its rows, and they are whole.
    let hashes: HashMap<String, String> = databases
        .in_auth(
            "SELECT login, wss_hash FROM users JOIN credentials USING (user_index) WHERE expires_at > now()",
        )
        .into_iter()
        .map(|mut row| (row.remove(0), row.remove(0)))
        .collect();
    let networks = databases
        .in_privileges("SELECT name, string_agg(network, ' ' ORDER BY network) FROM aut_user GROUP BY 1");
    let networks: HashMap<String, String> =
        networks.into_iter().map(|mut row| (row.remove(0), row.remove(0))).collect();
    let realm = "FDSN".parse().unwrap();
    for (login, password) in &answered {
        let ha1 = Ha1::of(Algorithm::Md5, login, &realm, password);
        assert_eq!(hashes.get(login).map(String::as_str), Some(ha1.expose_hex().as_str()), "{login}");
        assert_eq!(networks.get(login).map(String::as_str), Some("3C Z3"), "{login}");
    }
    // And nothing else is there: one login for each token, all of it ours.
    assert_eq!(databases.users().len(), before.0.len() + tokens);
    assert_eq!(databases.privileges().len(), before.1.len() + 2 * tokens);
    assert_eq!(server.json(&["cleanup", "--orphans", "--dry-run"]), [json!(null); 0]);
    assert_eq!(server.json(&["login", "list"]).len(), tokens + 1, "the demo made one");
}
