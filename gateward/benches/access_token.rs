//! A thousand access tokens from a file of people, beside `zip -e` and 7-Zip doing the same.
//!
//! `cargo bench -p gateward --bench access_token` makes an installation, a certificate and a key for each
//! person, and runs `gateward access-token create --from-csv`: each file durable and recorded before it is
//! reported, with its letter; the passphrases go to a terminal (`script`). In the same run, a shell does for
//! each person what an administrator does today: the two files copied into a folder, then `zip` with
//! ZipCrypto (`zip -P`, which is `zip -e` without the question), and `7z a -mem=AES256`; once as they come
//! and once with a `sync` of each file, which is what ours waits for. `PEOPLE=n` for another number. Needs
//! `zip`, `7z`, `openssl` and `script`.

#![expect(clippy::cast_precision_loss, reason = "counts and seconds, printed with three digits")]

#[path = "fdsn/measuring.rs"]
mod measuring;

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use measuring::number;

/// How many people there are.
const PEOPLE: usize = 1_000;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let people = number("PEOPLE").unwrap_or(PEOPLE);
    let folder = tempfile::tempdir()?;
    let dir = folder.path();
    prepare(dir, people)?;
    let ours = rate(people, || gateward(dir))?;
    let made = std::fs::read_dir(dir.join("ours"))?.flatten();
    let made = made.filter(|file| file.file_name().to_string_lossy().ends_with(".dcor-access.zip")).count();
    if made != people {
        return Err(format!("{made} of {people} were made").into());
    }
    println!("gateward                   {ours:>9.0} a second, each durable, recorded, with its letter");
    for (name, program) in
        [("zip -e", "zip -q -P"), ("7z -mem=AES256", "7z a -bso0 -bsp0 -tzip -mem=AES256 -p")]
    {
        for (how, sync) in [("", ""), (", synced", "sync \"$file\";")] {
            let theirs = rate(people, || shell(dir, program, sync))?;
            println!("{:<27}{theirs:>9.0} a second; ratio {:.2}", format!("{name}{how}"), ours / theirs);
        }
    }
    Ok(())
}

/// How many a second `work` does.
fn rate(people: usize, work: impl FnOnce() -> Outcome<()>) -> Outcome<f64> {
    let begun = Instant::now();
    work()?;
    Ok(people as f64 / begun.elapsed().as_secs_f64())
}

fn done(command: &mut Command) -> Outcome<()> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}

/// An installation, a certificate, a key for each person, and the file that names them.
fn prepare(dir: &Path, people: usize) -> Outcome<()> {
    let openssl = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "400", "-subj"];
    let host = ["/CN=dcor.example.org", "-addext", "subjectAltName=DNS:dcor.example.org", "-keyout"];
    done(Command::new("openssl").current_dir(dir).args(openssl).args(host).args([
        "key.pem",
        "-out",
        "server.pem",
    ]))?;
    let gateward = Command::new(env!("CARGO_BIN_EXE_gateward"));
    let mut init = gateward;
    let listen = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    done(init.current_dir(dir).args(["init", "--dir", "full"]).args(listen))?;
    for file in ["gateward.db", "keyring.toml"] {
        std::fs::rename(dir.join("full").join(file), dir.join(file))?;
    }
    std::fs::write(
        dir.join("gateward.toml"),
        "store = \"gateward.db\"\nkeyring = \"keyring.toml\"\n[access_token]\nhost = \"dcor.example.org\"\n\
         certificate = \"server.pem\"\nlifetime_days = 365\ninstitution = \"Example\"\ncontact = \"Ann\"\n",
    )?;
    std::fs::create_dir(dir.join("keys"))?;
    std::fs::create_dir(dir.join("ours"))?;
    let mut csv = String::from("user,name,key_file\n");
    for person in 0..people {
        writeln!(csv, "person-{person},Person {person},keys/person-{person}")?;
        // As CKAN's: a JSON Web Token of 175 characters; throw-away.
        let claims = data_encoding::BASE64URL_NOPAD
            .encode(format!("{{\"jti\":\"{person:064}\",\"iat\":1790000000}}").as_bytes());
        let key = format!("eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.{claims}.{person:0>43}");
        std::fs::write(dir.join("keys").join(format!("person-{person}")), key)?;
    }
    std::fs::write(dir.join("people.csv"), csv)?;
    Ok(())
}

fn gateward(dir: &Path) -> Outcome<()> {
    let program = env!("CARGO_BIN_EXE_gateward");
    let command =
        format!("{program} --config gateward.toml access-token create --from-csv people.csv --to ours");
    done(Command::new("script").current_dir(dir).args(["-qec", &command, "/dev/null"]))
}

/// What an administrator's loop does, with the passphrase where every program sees it.
fn shell(dir: &Path, program: &str, sync: &str) -> Outcome<()> {
    // 7z takes the passphrase without a blank before it.
    let blank = if program.ends_with("-P") { " " } else { "" };
    let script = format!(
        "set -e; rm -rf theirs; mkdir -p theirs/work; cd theirs/work\n\
         for key in ../../keys/*; do\n\
         cp \"$key\" api_key.txt; cp ../../server.pem server.cert; file=../${{key##*/}}.dcor-access\n\
         {program}{blank}12345-67890-12345-67890-12345-67890-12345-67890 \"$file\" api_key.txt server.cert\n\
         {sync}\ndone"
    );
    done(Command::new("sh").current_dir(dir).args(["-c", &script]))
}
