//! How fast streams are sealed and opened, beside what OpenSSL does of the bare cipher and what GnuPG does of
//! the same bytes, in the same minutes on the same machine.
//!
//! `cargo bench -p openpgp --bench seal`; needs openssl and gpg; `MIB=n` for another length. Rounds
//! alternate, and the best of each counts, because machines are shared. All by the clock on the
//! wall: sealing with a modification detection code uses two threads, the others one.

use std::{
    io::{self, Read, Write},
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use jiff::Timestamp;
use openpgp::{Certificate, OpeningKey, Recipient, SealOptions, open_to, seal_to};
use pgp::{
    composed::{
        ArmorOptions, EncryptionCaps, KeyType, SecretKeyParamsBuilder, SignedSecretKey, SubkeyParamsBuilder,
    },
    crypto::{aead::AeadAlgorithm, sym::SymmetricKeyAlgorithm},
    ser::Serialize,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

const ROUNDS: usize = 5;
const SECONDS: &str = "2";
/// As long as the pieces that things are sealed in.
const PIECE: &str = "65536";

struct Case {
    name: &'static str,
    openssl: &'static str,
    aead: bool,
    /// What we want of OpenSSL's rate.
    wanted: f64,
}

const CASES: [Case; 2] = [
    Case { name: "SEIPDv1 AES-256", openssl: "aes-256-cfb", aead: false, wanted: 0.8 },
    Case { name: "AEAD AES-256 GCM", openssl: "aes-256-gcm", aead: true, wanted: 0.6 },
];

fn main() {
    let mib = std::env::var_os("MIB")
        .map_or(1024, |mib| mib.to_str().and_then(|mib| mib.parse().ok()).expect("MIB is a number"));
    let gnupg = Gnupg::new();
    println!("{:<18} {:>8} {:>8} {:>6}  wanted   (MB/s, {mib} MiB)", "", "ours", "openssl", "ratio");
    for case in CASES {
        let recipient = recipient(case.aead);
        let (mut ours, mut openssl) = (0_f64, 0_f64);
        for _ in 0..ROUNDS {
            openssl = openssl.max(openssl_rate(case.openssl));
            ours = ours.max(rate(mib, |content| {
                let recipients = std::slice::from_ref(&recipient);
                let options = SealOptions::default();
                seal_to(content, io::sink(), recipients, now(), [7; 32], &options).expect("it is sealed");
            }));
        }
        let Case { name, wanted, .. } = case;
        println!("{name:<18} {ours:>8.0} {openssl:>8.0} {:>6.2}  {wanted:.2}", ours / openssl);
    }
    for aead in [false, true] {
        let opened = (0..ROUNDS).map(|_| opening_rate(mib.min(256), aead)).fold(0_f64, f64::max);
        println!("{:<18} {opened:>8.0}", if aead { "opening GCM" } else { "opening SEIPDv1" });
    }
    let gpg = (0..2).map(|_| rate(mib, |content| gnupg.encrypt(content))).fold(0_f64, f64::max);
    println!("{:<18} {gpg:>8.0}", "gpg -z0");
}

/// Behind the moment at which the library dates what a key says of itself.
fn now() -> Timestamp {
    Timestamp::constant(2_000_000_000, 0)
}

/// Megabytes a second.
fn rate(mib: u32, once: impl FnOnce(Noise)) -> f64 {
    let noise = Noise::new(u64::from(mib) << 20);
    let start = Instant::now();
    once(noise);
    f64::from(mib) * 1.048_576 / start.elapsed().as_secs_f64()
}

/// A mebibyte that does not compress, again and again: made beforehand, so that only a copy is timed.
struct Noise {
    block: Vec<u8>,
    left: u64,
}

impl Noise {
    fn new(bytes: u64) -> Self {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()[0]
        };
        Self { block: std::iter::repeat_with(next).take(1 << 20).collect(), left: bytes }
    }
}

impl Read for Noise {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let at = usize::try_from(self.left).expect("it fits") % self.block.len();
        let rest = &self.block[if at == 0 { 0 } else { self.block.len() - at }..];
        let length = buffer.len().min(rest.len()).min(usize::try_from(self.left).expect("it fits"));
        buffer[..length].copy_from_slice(&rest[..length]);
        self.left -= length as u64;
        Ok(length)
    }
}

/// From memory to nowhere.
fn opening_rate(mib: u32, aead: bool) -> f64 {
    let key = key(aead);
    let opener = OpeningKey::parse(&key.to_bytes().expect("a key"), None).expect("a secret key");
    let (mut sealed, options) = (Vec::new(), SealOptions::default());
    let content = Noise::new(u64::from(mib) << 20);
    seal_to(content, &mut sealed, &[recipient(aead)], now(), [7; 32], &options).expect("it is sealed");
    let start = Instant::now();
    open_to(&sealed[..], io::sink(), &opener, u64::MAX).expect("it opens");
    f64::from(mib) * 1.048_576 / start.elapsed().as_secs_f64()
}

fn recipient(aead: bool) -> Recipient {
    let public = key(aead).to_public_key().to_armored_string(ArmorOptions::default()).expect("armor");
    let certificate = Certificate::parse(public.as_bytes()).expect("a certificate");
    let fingerprint = certificate.fingerprint();
    Recipient::pin(certificate, &fingerprint).expect("a good key")
}

/// Of Curve25519; with `aead` it says that its owner reads that.
fn key(aead: bool) -> SignedSecretKey {
    let mut key = SecretKeyParamsBuilder::default();
    key.key_type(KeyType::Ed25519Legacy)
        .can_certify(true)
        .can_sign(true)
        .created_at(pgp::types::Timestamp::from_secs(1_767_225_600))
        .primary_user_id("bench".into())
        .subkey(
            SubkeyParamsBuilder::default()
                .key_type(KeyType::ECDH(pgp::crypto::ecc_curve::ECCCurve::Curve25519Legacy))
                .created_at(pgp::types::Timestamp::from_secs(1_767_225_600))
                .can_encrypt(EncryptionCaps::All)
                .build()
                .expect("a subkey"),
        );
    if aead {
        key.feature_seipd_v2(true)
            .preferred_aead_algorithms(vec![(SymmetricKeyAlgorithm::AES256, AeadAlgorithm::Gcm)].into());
    }
    key.build().expect("a key").generate(ChaCha20Rng::from_seed([1; 32])).expect("a key")
}

/// The last number of the last line, in thousands of bytes a second.
fn openssl_rate(cipher: &str) -> f64 {
    let output = Command::new("openssl")
        .args(["speed", "-elapsed", "-seconds", SECONDS, "-bytes", PIECE, "-evp", cipher])
        .output()
        .expect("openssl runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let rate = text.split_whitespace().next_back().and_then(|rate| rate.strip_suffix('k'));
    rate.expect("a rate").parse::<f64>().expect("a number") / 1e3
}

struct Gnupg {
    home: tempfile::TempDir,
}

impl Gnupg {
    fn new() -> Self {
        let this = Self { home: tempfile::Builder::new().prefix("gw").tempdir_in("/tmp").expect("a folder") };
        let made = this
            .gpg(&["--passphrase", "", "--quick-gen-key", "bench", "future-default", "default", "never"])
            .status();
        assert!(made.expect("gpg runs").success());
        this
    }

    fn gpg(&self, arguments: &[&str]) -> Command {
        let home: &Path = self.home.path();
        let mut gpg = Command::new("gpg");
        gpg.env("GNUPGHOME", home)
            .args(["--batch", "--quiet", "--no-permission-warning", "--trust-model", "always"])
            .args(arguments);
        gpg
    }

    fn encrypt(&self, mut content: Noise) {
        let mut gpg = self
            .gpg(&["-z", "0", "--recipient", "bench", "--encrypt"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("gpg runs");
        let mut stdin = gpg.stdin.take().expect("it was asked for");
        let mut buffer = vec![0; 1 << 18];
        loop {
            match content.read(&mut buffer).expect("noise does not end early") {
                0 => break,
                length => stdin.write_all(&buffer[..length]).expect("gpg reads"),
            }
        }
        drop(stdin);
        assert!(gpg.wait().expect("gpg ends").success());
    }
}

impl Drop for Gnupg {
    fn drop(&mut self) {
        let kill =
            Command::new("gpgconf").env("GNUPGHOME", self.home.path()).args(["--kill", "all"]).status();
        assert!(kill.expect("gpgconf runs").success(), "gpg-agent was not stopped");
    }
}
