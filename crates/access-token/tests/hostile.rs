//! Files that somebody damaged, or built to deceive: each is refused, and says why.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod hostile_zip;

use std::sync::LazyLock;

use access_token::{
    AccessToken, Error, Form, MAX_LEN, NotACertificate, NotAnApiKey, Opened, Passphrase, ServerCertificate,
    inspect, open, verdict, write_inner, write_zip_envelope,
};
use hostile_zip::{Item, archive, zip};
use proptest::prelude::*;

const KEY: &str = "vN3kQ0mW7xTzR5uYb8LpAe2HcJ4sGd6FiOo1ZqXyUKw";
const SERVER: &str = include_str!("golden/server.pem");
const NOW: jiff::Timestamp = jiff::Timestamp::constant(1_795_348_800, 0);

fn passphrase() -> Passphrase {
    Passphrase::parse("31415-92653-58979-32384-62643-38327-95028-84197").unwrap()
}

fn token() -> AccessToken {
    AccessToken {
        api_key: KEY.parse().unwrap(),
        certificate: ServerCertificate::parse(SERVER.as_bytes()).unwrap(),
    }
}

fn inner() -> Vec<u8> {
    write_inner(&token(), &passphrase(), NOW, &mut |bytes| bytes.fill(1)).into_bytes()
}

fn envelope() -> Vec<u8> {
    let inner = write_inner(&token(), &passphrase(), NOW, &mut |bytes| bytes.fill(1));
    let notes = [("read-me.txt", "Open this with 7-Zip.")];
    write_zip_envelope(&inner, "jane.dcor-access", &notes, &passphrase(), NOW, &mut |bytes| bytes.fill(2))
        .unwrap()
}

fn refused(file: &[u8]) -> Error {
    match open(file, &passphrase()) {
        Err(error) => error,
        Ok(opened) => panic!("opened: {opened:?}"),
    }
}

/// What an inner file in the clear with these contents is refused for.
fn refused_contents(key: &[u8], certificate: &[u8]) -> Error {
    refused(&zip(&[("api_key.txt", key), ("server.cert", certificate)]))
}

#[test]
fn the_test_can_build_a_file_that_opens() {
    let file = zip(&[("api_key.txt", KEY.as_bytes()), ("server.cert", SERVER.as_bytes())]);
    assert_eq!(open(&file, &passphrase()).unwrap().token, token());
}

#[test]
fn what_stands_before_or_behind_an_archive_is_refused() {
    let file = inner();
    for (before, behind) in [(&b"x"[..], &b""[..]), (b"", b"x"), (b"MZ a program", b""), (b"", &[0; 22])] {
        let error = refused(&[before, &file, behind].concat());
        assert!(
            matches!(error, Error::Ambiguous(_) | Error::Damaged(_) | Error::NotAnAccessToken(_)),
            "{error}"
        );
    }
    assert!(matches!(refused(&[inner(), envelope()].concat()), Error::Ambiguous(_)));
    assert!(matches!(refused(&[inner(), inner()].concat()), Error::Ambiguous(_)));
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for file in [inner(), envelope()] {
        for length in 0..file.len() {
            let error = refused(&file[..length]);
            assert!(matches!(error, Error::Damaged(_) | Error::NotAnAccessToken(_)), "{length}: {error}");
        }
    }
}

#[test]
fn a_header_unlike_the_directory_is_refused() {
    let file = inner();
    // Of the first local header: flags, method, time, checksum, both sizes, name.
    for at in [6, 8, 10, 14, 18, 22, 30] {
        let mut changed = file.clone();
        changed[at] ^= 1;
        let error = refused(&changed);
        assert!(matches!(error, Error::Ambiguous(_)), "byte {at}: {error}");
    }
}

#[test]
fn an_entry_that_the_directory_does_not_name_is_refused() {
    let file = zip(&[("api_key.txt", KEY.as_bytes()), ("server.cert", SERVER.as_bytes())]);
    // The header of the certificate behind the header, the name and the content of the key.
    let at = 30 + "api_key.txt".len() + KEY.len();
    let directory = file.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let hidden = &file[at..directory];
    let mut twice = [&file[..at], hidden, &file[at..]].concat();
    // The directory and the entry that it names have moved.
    let end = twice.len() - 22;
    let named = directory + hidden.len() + 46 + "api_key.txt".len();
    hostile_zip::add(&mut twice[end + 16..], hidden.len());
    hostile_zip::add(&mut twice[named + 42..], hidden.len());
    assert!(matches!(refused(&twice), Error::Ambiguous(why) if why.contains("leave room for others")));
}

#[test]
fn names_that_another_program_would_take_for_ours_are_refused() {
    let key = ("api_key.txt", KEY.as_bytes());
    let certificate = ("server.cert", SERVER.as_bytes());
    let wrong: [&[(&str, &[u8])]; 9] = [
        &[key],
        &[certificate],
        &[key, certificate, ("API_KEY.txt", b"")],
        &[key, certificate, key],
        &[key, certificate, ("notes.txt", b"")],
        &[("./api_key.txt", key.1), certificate],
        &[("token/api_key.txt", key.1), ("token/server.cert", certificate.1)],
        &[("token/", b""), key, certificate],
        &[("api_key.txt ", key.1), certificate],
    ];
    for entries in wrong {
        let error = refused(&zip(entries));
        assert!(matches!(error, Error::Entries(_)), "{error}");
        assert!(matches!(inspect(&zip(entries)).unwrap().form, Form::OtherArchive(_)));
    }
}

#[test]
fn links_and_folders_are_refused_whatever_they_are_named() {
    for attributes in [0xA1FF_0000, 0x41ED_0000, 0x10] {
        let key = Item { attributes, ..Item::new("api_key.txt", KEY.as_bytes()) };
        let file = archive(&[key, Item::new("server.cert", SERVER.as_bytes())]);
        let said = refused(&file).to_string();
        assert!(said.contains("api_key.txt is no file but a folder or a link"), "{said}");
    }
}

#[test]
fn a_second_name_for_an_entry_is_refused() {
    // Info-ZIP's Unicode path, which Python believes, over a name that needs none.
    let mut extra = vec![0x75, 0x70, 16, 0, 1];
    extra.extend_from_slice(&hostile_zip::crc32(b"harmless.txt").to_le_bytes());
    extra.extend_from_slice(b"api_key.txt");
    let key = Item { extra, ..Item::new("harmless.txt", KEY.as_bytes()) };
    let file = archive(&[key, Item::new("server.cert", SERVER.as_bytes())]);
    assert!(matches!(refused(&file), Error::Ambiguous(_)));
}

#[test]
fn a_second_directory_or_second_sizes_are_refused() {
    let mut locator = b"PK\x06\x07".to_vec();
    locator.resize(20, 0);
    let certificate = Item { comment: locator, ..Item::new("server.cert", SERVER.as_bytes()) };
    let file = archive(&[Item::new("api_key.txt", KEY.as_bytes()), certificate]);
    assert_eq!(refused(&file), Error::Ambiguous("it points to a second directory"));

    let key =
        Item { extra: vec![1, 0, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0], ..Item::new("api_key.txt", KEY.as_bytes()) };
    let file = archive(&[key, Item::new("server.cert", SERVER.as_bytes())]);
    assert!(matches!(refused(&file), Error::Ambiguous(why) if why.contains("zip64")));
}

#[test]
fn a_bomb_is_refused_before_it_is_unpacked() {
    let honest = Item::deflated("api_key.txt", &vec![b'a'; 900_000]);
    let lying = Item { size: Some(43), ..Item::deflated("api_key.txt", &vec![b'a'; 900_000]) };
    let certificate = || Item::new("server.cert", SERVER.as_bytes());
    assert!(matches!(refused(&archive(&[honest, certificate()])), Error::TooLarge { limit: 4096, .. }));
    assert!(matches!(refused(&archive(&[lying, certificate()])), Error::Damaged(_)));
}

#[test]
fn what_stands_behind_compressed_content_is_refused() {
    let file = |behind: &[u8]| {
        let mut key = Item::deflated("api_key.txt", KEY.as_bytes());
        key.data.extend_from_slice(behind);
        archive(&[key, Item::new("server.cert", SERVER.as_bytes())])
    };
    assert_eq!(open(&file(b""), &passphrase()).unwrap().token, token());
    assert!(matches!(refused(&file(b"x")), Error::Damaged(_)));
}

#[test]
fn more_than_anybody_needs_is_refused() {
    let names: Vec<String> = (0..65).map(|at| format!("{at}.txt")).collect();
    let entries: Vec<_> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    assert!(inspect(&zip(&entries[..64])).is_ok());
    assert!(matches!(inspect(&zip(&entries)), Err(Error::Entries(_))));
    assert_eq!(inspect(&vec![0; MAX_LEN + 1]), Err(Error::TooLarge { what: "the file", limit: MAX_LEN }));
    assert!(matches!(refused_contents(&[b'a'; 4097], b""), Error::TooLarge { limit: 4096, .. }));
    let certificate = vec![b' '; 64 * 1024 + 1];
    assert!(matches!(refused_contents(KEY.as_bytes(), &certificate), Error::TooLarge { limit: 65536, .. }));
    let inner = vec![b' '; 128 * 1024 + 1];
    assert!(matches!(refused(&zip(&[("a.dcor-access", &inner)])), Error::TooLarge { limit: 131_072, .. }));
}

#[test]
fn what_is_inside_has_to_be_a_key_and_a_certificate() {
    let server = SERVER.as_bytes();
    assert_eq!(refused_contents(b"two words and more", server), Error::ApiKey(NotAnApiKey::Character(4)));
    assert_eq!(
        refused_contents("schl\u{fc}ssel-\u{fc}".as_bytes(), server),
        Error::ApiKey(NotAnApiKey::Character(5))
    );
    assert_eq!(refused_contents(b"0123456789012345\xff", server), Error::ApiKey(NotAnApiKey::Character(17)));
    assert_eq!(refused_contents(b"", server), Error::ApiKey(NotAnApiKey::Length(0)));
    let missing = Error::Certificate(NotACertificate::Missing);
    assert_eq!(refused_contents(KEY.as_bytes(), b"not one"), missing);
}

#[test]
fn an_envelope_in_an_envelope_is_refused() {
    let twice = zip(&[("jane.dcor-access", &envelope())]);
    assert_eq!(refused(&twice), Error::NotAnAccessToken("an envelope in an envelope; unpack the outer one"));
    let thrice = zip(&[("jane.dcor-access", &twice)]);
    assert!(matches!(refused(&thrice), Error::NotAnAccessToken(_)));
    assert_eq!(verdict(&inspect(&twice).unwrap(), true), access_token::Verdict::PassphraseHolders);
}

#[test]
fn other_ways_to_encrypt_and_compress_are_named() {
    let certificate = || Item::new("server.cert", SERVER.as_bytes());
    let bzip2 = Item { method: 12, ..Item::new("api_key.txt", KEY.as_bytes()) };
    let said = refused(&archive(&[bzip2, certificate()])).to_string();
    assert!(said.contains("api_key.txt is compressed in an unusual way (method 12)"), "{said}");
    let strong = Item { flags: 1 | 1 << 6, ..Item::new("api_key.txt", KEY.as_bytes()) };
    let said = refused(&archive(&[strong, certificate()])).to_string();
    assert!(said.contains("api_key.txt is encrypted in an unusual way"), "{said}");
}

#[test]
fn changed_aes_content_is_refused_even_with_the_passphrase() {
    let mut file = envelope();
    let at = 200;
    file[at] ^= 1;
    assert_eq!(refused(&file), Error::Passphrase("jane.dcor-access".to_owned()));
}

static ENVELOPE: LazyLock<Vec<u8>> = LazyLock::new(envelope);

proptest! {
    // PBKDF2 is slow without optimisation.
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn one_changed_byte_never_gives_another_key_or_certificate(at: prop::sample::Index, to: u8, enveloped: bool) {
        let mut file = if enveloped { ENVELOPE.clone() } else { inner() };
        let at = at.index(file.len());
        file[at] = to;
        if let Ok(Opened { token: opened, .. }) = open(&file, &passphrase()) {
            prop_assert_eq!(opened, token());
        }
        if let Ok(inspection) = inspect(&file) {
            prop_assert!(inspection.entries.iter().all(|entry| entry.packed <= file.len()));
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_token_comes_out_as_it_went_in(key in "[A-Za-z0-9._-]{37,200}", words in "\\PC{1,40}", seed: u8) {
        let token = AccessToken { api_key: key.parse().unwrap(), ..token() };
        let passphrase = Passphrase::parse(&words).unwrap();
        let mut random = |bytes: &mut [u8]| bytes.fill(seed);
        let inner = write_inner(&token, &passphrase, NOW, &mut random);
        let file = write_zip_envelope(&inner, "a.dcor-access", &[], &passphrase, NOW, &mut random).unwrap();
        let opened = open(&file, &passphrase).unwrap();
        prop_assert_eq!(&opened.token, &token);
        prop_assert_eq!(&opened.inner, &inner);
        let opened = open(inner.as_bytes(), &passphrase).unwrap();
        prop_assert_eq!((opened.token, opened.was_enveloped), (token, false));
    }
}
