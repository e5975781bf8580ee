//! How many whole messages are verified in a second, beside what OpenSSL does of the bare
//! public-key operation in the same minutes on the same machine.
//!
//! `cargo bench -p openpgp --bench verify`; the ratios are what to look at. Rounds alternate
//! between us and OpenSSL, and the best of each counts, because machines are shared. Both count
//! processor time: `openssl speed` does by default, we read it from Linux.

use std::{hint::black_box, process::Command, time::Duration};

use jiff::Timestamp;
use openpgp::{Algorithm, Allowances, Certificate, Limits, SigningKey, TrustedKey, TrustedKeys, verify};

const ROUNDS: usize = 3;
const PER_ROUND: Duration = Duration::from_secs(2);

/// As long as a real token.
const TOKEN: &str = r#"{"valid_until": "2030-12-02T10:11:12.345678Z", "cn": "Jo Doe", "memberof": "/epos/alparray;/epos;/;/epos/switzerland-2020;/epos/greece", "sn": "Doe", "issued": "2026-11-02T10:11:12.345678Z", "mail": "jo.doe@example.org", "givenName": "Jo", "expiration": "1m"}"#;

struct Case {
    /// As `openssl speed` names it.
    openssl: &'static str,
    algorithm: Algorithm,
    /// What we want of OpenSSL's rate.
    wanted: f64,
}

const CASES: [Case; 3] = [
    Case { openssl: "rsa2048", algorithm: Algorithm::Rsa2048, wanted: 0.5 },
    Case { openssl: "rsa4096", algorithm: Algorithm::Rsa4096, wanted: 0.5 },
    Case { openssl: "ed25519", algorithm: Algorithm::Ed25519, wanted: 1.0 },
];

fn main() {
    let now: Timestamp = "2026-11-02T10:11:12Z".parse().expect("a time");
    println!("{:<8} {:>12} {:>12} {:>6}  wanted", "key", "messages/s", "openssl/s", "ratio");
    for case in CASES {
        let (message, trusted) = signed(case.algorithm, now);
        let (mut ours, mut openssl) = (0_f64, 0_f64);
        for _ in 0..ROUNDS {
            openssl = openssl.max(openssl_rate(case.openssl));
            ours = ours.max(rate(|| {
                let verified = verify(black_box(message.as_bytes()), &trusted, Limits::default(), now);
                black_box(verified.expect("the signature is good"));
            }));
        }
        println!(
            "{:<8} {ours:>12.0} {openssl:>12.0} {:>6.2}  {:.2}",
            case.openssl,
            ours / openssl,
            case.wanted
        );
    }
}

fn signed(algorithm: Algorithm, now: Timestamp) -> (String, TrustedKeys) {
    let key = SigningKey::generate("bench", algorithm, now, [7; 32]).expect("a key");
    let public = key.public_armored().expect("a public key");
    let certificate = Certificate::parse(public.as_bytes()).expect("a certificate");
    let trusted = TrustedKey::pin(certificate, &key.fingerprint(), Allowances::default());
    let message = key.sign_cleartext(TOKEN, now).expect("a message");
    (message, [trusted.expect("a good key")].into_iter().collect())
}

fn rate(mut once: impl FnMut()) -> f64 {
    let start = processor_time();
    let mut times = 0_u32;
    loop {
        for _ in 0..500 {
            once();
        }
        times += 500;
        let spent = processor_time().saturating_sub(start);
        if spent >= PER_ROUND {
            return f64::from(times) / spent.as_secs_f64();
        }
    }
}

/// What this thread has used so far.
fn processor_time() -> Duration {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").expect("this is Linux");
    let nanoseconds = statistics.split_whitespace().next().expect("the first number");
    Duration::from_nanos(nanoseconds.parse().expect("a number"))
}

/// The last number of the line about this key is verifications a second.
fn openssl_rate(key: &str) -> f64 {
    let seconds = PER_ROUND.as_secs().to_string();
    let output =
        Command::new("openssl").args(["speed", "-seconds", &seconds, key]).output().expect("openssl runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text
        .lines()
        .rfind(|line| line.trim_start().starts_with("rsa") || line.contains("EdDSA"))
        .expect("openssl prints a line about the key");
    let rate = line.split_whitespace().next_back().expect("a rate");
    rate.parse().expect("a number")
}
