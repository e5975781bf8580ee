//! What the users' programs make of our files, and we of theirs: dclab, Python's zipfile, 7-Zip, Info-ZIP.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod bench;

use std::os::unix::fs::PermissionsExt as _;

use access_token::{Cipher, Passphrase, Verdict, Weakness, inspect, open, verdict};
use bench::{Bench, KEY, run, said};

/// A passphrase of ours, and what people choose.
const PASSPHRASES: [&str; 3] = [
    "31415-92653-58979-32384-62643-38327-95028-84197",
    "with  two blanks & \"quotes\"",
    "Stra\u{df}e-\u{17e}lu\u{165}",
];

#[test]
fn dclab_reads_key_certificate_and_host_of_our_inner_files() {
    const SCRIPT: &str = "
import sys
from dclab.rtdc_dataset.fmt_dcor import access_token
path, passphrase = sys.argv[1:]
print(access_token.get_api_key(path, passphrase))
print(access_token.get_hostname(path, passphrase))
sys.stdout.write(access_token.get_certificate(path, passphrase).decode())
";
    for passphrase in PASSPHRASES {
        let bench = Bench::new(passphrase);
        let inner = bench.keep("jane.dcor-access", &bench.inner());
        let read = said(run("python3").arg("-c").arg(SCRIPT).arg(inner).arg(passphrase));
        assert_eq!(read, format!("{KEY}\ndcor.example.org\n{}", bench.certificate.pem()));
    }
}

#[test]
fn dclab_takes_the_same_host_from_a_certificate_as_we_do() {
    const SCRIPT: &str = "
import sys
from dclab.rtdc_dataset.fmt_dcor import access_token
for path in sys.argv[2:]:
    try:
        print(access_token.get_hostname(path, sys.argv[1]))
    except (KeyError, ValueError):
        print('none')
";
    let mut python = run("python3");
    python.arg("-c").arg(SCRIPT).arg(PASSPHRASES[0]);
    let mut ours = String::new();
    let mut benches = Vec::new();
    for name in ["server", "other", "no-cn", "multi-valued", "wildcard"] {
        let bench = Bench::with_certificate(PASSPHRASES[0], name);
        python.arg(bench.keep("jane.dcor-access", &bench.inner()));
        ours.push_str(bench.certificate.common_name().unwrap_or("none"));
        ours.push('\n');
        benches.push(bench);
    }
    assert_eq!(said(&mut python), ours);
}

#[test]
fn pythons_zipfile_refuses_our_inner_file_without_the_passphrase_and_finds_nothing_wrong_with_it() {
    const SCRIPT: &str = "
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as file:
    for name in file.namelist():
        try:
            file.read(name)
            print('opened', name)
        except RuntimeError:
            pass
    file.setpassword(sys.argv[2].encode())
    print(file.testzip(), *file.namelist())
";
    let bench = Bench::new(PASSPHRASES[0]);
    let inner = bench.keep("jane.dcor-access", &bench.inner());
    let found = said(run("python3").arg("-c").arg(SCRIPT).arg(inner).arg(PASSPHRASES[0]));
    assert_eq!(found, "None api_key.txt server.cert\n");
}

#[test]
fn seven_zip_and_unzip_open_our_inner_file() {
    for passphrase in PASSPHRASES {
        let bench = Bench::new(passphrase);
        let inner = bench.keep("jane.dcor-access", &bench.inner());
        let by_unzip = said(run("unzip").arg("-P").arg(passphrase).arg("-p").arg(&inner).arg("api_key.txt"));
        assert_eq!(by_unzip, KEY);
        // 7-Zip encodes passphrases as old Windows does, unless they are ASCII.
        if passphrase.is_ascii() {
            let mut seven_zip = run("7z");
            seven_zip.args(["x", "-so"]).arg(format!("-p{passphrase}")).arg(&inner).arg("api_key.txt");
            assert_eq!(said(&mut seven_zip), KEY);
        }
    }
}

#[test]
fn seven_zip_opens_our_envelope_with_aes_256_and_what_is_in_it_opens_too() {
    let bench = Bench::new(PASSPHRASES[0]);
    let envelope = bench.keep("jane.zip", &bench.envelope("J\u{f6}rg Jane.dcor-access"));
    let listed = said(run("7z").args(["l", "-slt"]).arg(&envelope));
    assert!(listed.contains("Path = J\u{f6}rg Jane.dcor-access\n"), "{listed}");
    assert!(listed.contains("Method = AES-256 Store"), "{listed}");

    said(run("7z").arg("x").arg(format!("-p{}", PASSPHRASES[0])).arg(bench.to()).arg(&envelope));
    let inner = bench.path("J\u{f6}rg Jane.dcor-access");
    let mode = std::fs::metadata(&inner).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "nobody else on the user's machine reads it");
    opens(&bench, &std::fs::read(inner).unwrap(), Cipher::ZipCrypto);
    assert_eq!(std::fs::read_to_string(bench.path("read-me.txt")).unwrap(), "Open this with 7-Zip.\n");

    let wrong = run("7z").args(["t", "-pwrong"]).arg(&envelope).output().unwrap();
    assert!(!wrong.status.success());
}

#[test]
fn the_notes_of_our_envelope_can_be_read_without_aes() {
    let bench = Bench::new(PASSPHRASES[0]);
    let envelope = bench.keep("jane.zip", &bench.envelope("jane.dcor-access"));
    let note = said(run("unzip").arg("-p").arg(envelope).arg("read-me.txt"));
    assert_eq!(note, "Open this with 7-Zip.\n");
}

#[test]
fn files_made_by_zip_are_read() {
    for options in [&["-e"][..], &["-e", "-0"], &["-e", "-9"], &["-e", "-X"], &["-e", "-fd"]] {
        let bench = Bench::new(PASSPHRASES[0]);
        let (file, (key, certificate)) = (bench.path("made.dcor-access"), bench.unpacked());
        said(run("zip").args(options).args(["-q", "-j", "-P", PASSPHRASES[0]]).args([
            &file,
            &key,
            &certificate,
        ]));
        opens(&bench, &std::fs::read(&file).unwrap(), Cipher::ZipCrypto);
    }
}

#[test]
fn files_made_by_seven_zip_are_read() {
    let ciphers = [("ZipCrypto", Cipher::ZipCrypto), ("AES128", Cipher::Aes128), ("AES256", Cipher::Aes256)];
    for (option, cipher) in ciphers {
        for level in ["-mx=0", "-mx=9"] {
            let bench = Bench::new(PASSPHRASES[0]);
            let (file, (key, certificate)) = (bench.path("made.dcor-access"), bench.unpacked());
            let mut seven_zip = run("7z");
            seven_zip.args(["a", "-tzip", level]).arg(format!("-mem={option}"));
            said(seven_zip.arg(format!("-p{}", PASSPHRASES[0])).args([&file, &key, &certificate]));
            opens(&bench, &std::fs::read(&file).unwrap(), cipher);
        }
    }
}

/// Opens `file`, and says of it what its cipher means.
fn opens(bench: &Bench, file: &[u8], cipher: Cipher) {
    let opened = open(file, &Passphrase::parse(PASSPHRASES[0]).unwrap()).unwrap();
    assert_eq!(opened.token, bench.token());
    let inspection = inspect(file).unwrap();
    assert!(inspection.entries.iter().all(|entry| entry.cipher == cipher), "{inspection:?}");
    let expected = match cipher {
        Cipher::ZipCrypto => Verdict::AnybodyWithTheFile(Weakness::PublicCertificate),
        _ => Verdict::PassphraseHolders,
    };
    assert_eq!(verdict(&inspection, true), expected);
}
