//! Whatever a file holds, looking at it and opening it ends, and what opens is whole.

#![no_main]

use std::sync::LazyLock;

use access_token::{Error, Form, MAX_LEN, Passphrase, Verdict, inspect, open, verdict};
use libfuzzer_sys::fuzz_target;

/// What the corpus was made with; it is beside the golden files, too.
static PASSPHRASE: LazyLock<Passphrase> = LazyLock::new(|| {
    Passphrase::parse("31415-92653-58979-32384-62643-38327-95028-84197").expect("a passphrase")
});

fuzz_target!(|file: &[u8]| {
    let inspection = match inspect(file) {
        Ok(inspection) => inspection,
        // What cannot be looked at cannot be opened either, and for the same reason.
        Err(error) => {
            assert!(!error.to_string().contains('\u{1b}'));
            return assert!(open(file, &PASSPHRASE).is_err());
        }
    };
    let packed: usize = inspection.entries.iter().map(|entry| entry.packed).sum();
    assert!(packed <= file.len() && file.len() <= MAX_LEN);
    assert!(inspection.entries.iter().all(|entry| !entry.name.contains(char::is_control)));
    let seen = verdict(&inspection, true);

    match open(file, &PASSPHRASE) {
        Ok(opened) => {
            assert!(matches!(inspection.form, Form::InnerFile | Form::ZipEnvelope));
            assert_ne!(seen, Verdict::Undecided);
            let again = open(opened.inner.as_bytes(), &PASSPHRASE).expect("what was opened opens");
            assert_eq!(again.token, opened.token);
            let pem = opened.token.certificate.pem();
            let certificate = access_token::ServerCertificate::parse(pem.as_bytes()).expect("what we write");
            assert_eq!(certificate, opened.token.certificate);
        }
        Err(Error::NotAnAccessToken(_) | Error::Entries(_)) => {}
        Err(error) => {
            assert!(matches!(inspection.form, Form::InnerFile | Form::ZipEnvelope), "{error}");
        }
    }
});
