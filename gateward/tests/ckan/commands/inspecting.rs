//! What is said of a file, whoever made it, and by which exit status.

use std::path::PathBuf;
use std::process::Command;

use super::gnupg::Somebody;
use super::installation::{HOST, Installation, certificate_of};
use super::program::Said;
use crate::tls_stand_in::TlsStandIn;
use crate::tools::run;

const KEY: &str = "vN3kQ0mW7xTzR5uYb8LpAe2HcJ4sGd6FiOo1ZqXyUKw";
const PASSPHRASE: &str = "31415-92653-58979";

/// Files in the forms that there are.
struct Files {
    ours: Installation,
    key: PathBuf,
}

impl Files {
    fn new() -> Self {
        let ours = Installation::without_ckan();
        let key = ours.secret_file("key", KEY);
        std::fs::write(ours.desk("api_key.txt"), KEY).unwrap();
        std::fs::copy(ours.path("host.pem"), ours.desk("server.cert")).unwrap();
        Self { ours, key }
    }

    /// Makes one; returns its passphrase.
    fn made(&self, more: &[&str]) -> String {
        let create = [&["ann", "--key-file", self.key.to_str().unwrap()], more].concat();
        self.ours.create(&create).good().passphrase("ann").unwrap()
    }

    /// Packs both entries by another program.
    fn packed(&self, program: &str, arguments: &[&str]) -> &'static str {
        let mut pack = Command::new(program);
        pack.current_dir(self.ours.path("desk")).args(arguments);
        run(pack.args(["other.dcor-access", "api_key.txt", "server.cert"]), b"").good();
        "other.dcor-access"
    }

    fn inspect(&self, arguments: &[&str]) -> Said {
        self.ours.call(&[&["access-token", "inspect"], arguments].concat()).run()
    }

    /// Keeps a passphrase in a file.
    fn passphrase_file(&self, passphrase: &str) -> String {
        self.ours.secret_file("passphrase", passphrase).to_str().unwrap().to_owned()
    }
}

/// Where a stand-in listens.
fn place(host: &TlsStandIn) -> String {
    format!("127.0.0.1:{}", host.port())
}

#[test]
fn a_zip_of_ours_is_for_those_who_have_the_passphrase() {
    let files = Files::new();
    let passphrase = files.made(&[]);
    let seen = files.inspect(&["ann.dcor-access.zip"]).good();
    assert!(seen.out.contains("AES-256") && seen.out.contains("Whoever has the passphrase"), "{}", seen.out);
    assert!(!seen.out.contains("\nkey "), "without a passphrase nothing is opened: {}", seen.out);
    let kinds = files.ours.kinds();
    assert_eq!(kinds, ["access_token_begun", "access_token_created"], "nor recorded");

    let file = files.passphrase_file(&passphrase);
    let opened =
        files.inspect(&["ann.dcor-access.zip", "--passphrase-file", &file, "--format", "json"]).good();
    let [json] = opened.json().try_into().unwrap();
    assert_eq!((&json["verdict"], &json["form"]), (&"passphrase-holders".into(), &"zip".into()));
    assert_eq!((&json["opened"]["host"], &json["opened"]["key_kind"]), (&HOST.into(), &"opaque".into()));
    assert!(opened.err.contains(&files.ours.id("ann", "issued")), "{}", opened.err);
    assert_eq!(files.ours.kinds().last().unwrap(), "access_token_opened");
    assert!(!opened.out.contains(KEY) && !opened.err.contains(KEY), "the key is never shown");
}

#[test]
fn a_passphrase_is_asked_for_on_the_terminal_and_not_shown_there() {
    let files = Files::new();
    let passphrase = files.made(&[]);
    let inspect = ["access-token", "inspect", "ann.dcor-access.zip", "--open"];
    let asked = files.ours.on_terminal(&inspect).answering("passphrase:", &passphrase).run().good();
    assert!(asked.out.contains("opaque") && !asked.terminal.contains(&passphrase), "{asked:?}");
    files.ours.call(&inspect).run().refused(2, "--passphrase-file");
}

#[test]
fn a_wrong_passphrase_is_told_and_recorded() {
    let files = Files::new();
    files.made(&[]);
    let file = files.passphrase_file("00000-00000");
    let refused = files.inspect(&["ann.dcor-access.zip", "--passphrase-file", &file]);
    refused.refused(1, "passphrase");
    assert_eq!(files.ours.kinds().last().unwrap(), "access_token_opened");
}

#[test]
fn an_openpgp_message_is_for_those_who_have_the_key() {
    let (files, ann) = (Files::new(), Somebody::new());
    files.made(&["--pgp", ann.public_key().to_str().unwrap()]);
    let seen = files.inspect(&["ann.dcor-access.gpg"]).good();
    assert!(seen.out.contains("Whoever has the OpenPGP key"), "{}", seen.out);
}

#[test]
fn an_openpgp_message_that_is_not_encrypted_is_for_anybody() {
    let (files, ann) = (Files::new(), Somebody::new());
    files.made(&["--inner-only"]);
    let inner = files.ours.desk("ann.dcor-access").display().to_string();
    for kind in ["--store", "--sign"] {
        std::fs::write(files.ours.desk("made.asc"), ann.gpg(&["--armor", kind, "--output", "-", &inner]))
            .unwrap();
        let seen = files.inspect(&["made.asc"]);
        seen.refused(1, "ANYBODY");
        seen.refused(1, "not encrypted");
        let json = files.inspect(&["made.asc", "--format", "json"]);
        assert_eq!((json.status, &json.json()[0]["verdict"]), (Some(1), &"anybody".into()), "{kind}");
    }
}

#[test]
fn a_broken_openpgp_message_is_for_nobody_knows_whom() {
    let files = Files::new();
    let begin = "-----BEGIN PGP MESSAGE-----";
    for text in [begin.to_owned(), format!("{begin}\n\n!!!!\n"), format!("{begin}\n\nhF4D\n")] {
        std::fs::write(files.ours.desk("broken.asc"), &text).unwrap();
        let json = files.inspect(&["broken.asc", "--format", "json"]);
        assert_eq!((json.status, &json.json()[0]["verdict"]), (Some(1), &"undecided".into()), "{text}");
    }
}

#[test]
fn an_openpgp_message_that_can_be_changed_unseen_is_not_praised() {
    let files = Files::new();
    // To a passphrase (RFC 9580 section 5.3), and then by the packet that protects nothing (section 5.7).
    let mut message = vec![0xC3, 13, 4, 9, 3, 8, 1, 2, 3, 4, 5, 6, 7, 8, 96, 0xC9, 40];
    message.extend([7; 40]);
    std::fs::write(files.ours.desk("old.gpg"), &message).unwrap();
    let seen = files.inspect(&["old.gpg"]);
    seen.refused(1, "WHOEVER CAN CHANGE THE FILE");
    // The same, with a code that shows changes (section 5.13.1).
    message[15] = 0xD2;
    message[17] = 1;
    std::fs::write(files.ours.desk("old.gpg"), &message).unwrap();
    assert!(files.inspect(&["old.gpg"]).good().out.contains("a passphrase"));
}

#[test]
fn an_openpgp_message_is_not_opened_here_and_nobody_is_asked_for_a_passphrase() {
    let (files, ann) = (Files::new(), Somebody::new());
    files.made(&["--pgp", ann.public_key().to_str().unwrap()]);
    let file = files.passphrase_file(PASSPHRASE);
    let inspect = ["access-token", "inspect", "ann.dcor-access.gpg"];
    let by_file = files.inspect(&["ann.dcor-access.gpg", "--passphrase-file", &file]);
    let asked = files.ours.on_terminal(&[&inspect[..], &["--open"]].concat()).run();
    for refused in [by_file, asked] {
        refused.refused(2, "gpg --output");
        assert!(!refused.terminal.contains("passphrase"), "{refused:?}");
    }
    assert_eq!(files.ours.kinds(), ["access_token_begun", "access_token_created"], "nor is it recorded");
}

#[test]
fn names_in_a_certificate_move_no_cursor() {
    let files = Files::new();
    let odd = crate::tls_stand_in::certificate(&[HOST, "b\u{1b}[2J"], |params| {
        params.distinguished_name.push(rcgen::DnType::CommonName, "c\u{1b}[2J");
    });
    std::fs::copy(odd.path(), files.ours.desk("server.cert")).unwrap();
    let file = files.packed("zip", &["-q", "-j", "-e", "-P", PASSPHRASE]);
    let passphrase = files.passphrase_file(PASSPHRASE);
    let opened = files.inspect(&[file, "--passphrase-file", &passphrase]);
    opened.refused(1, "b\\u{1b}[2J");
    assert!(!opened.out.contains('\u{1b}') && !opened.err.contains('\u{1b}'), "{opened:?}");
}

#[test]
fn an_inner_file_is_for_whoever_gets_it_and_its_hosts_certificate_says_so() {
    let files = Files::new();
    let passphrase = files.made(&["--inner-only"]);
    let alone = files.inspect(&["ann.dcor-access"]);
    alone.refused(1, "WHOEVER HAS THE FILE");

    let (host, other) =
        (TlsStandIn::showing(&files.ours.certificate), TlsStandIn::showing(&certificate_of(HOST)));
    let file = files.passphrase_file(&passphrase);
    for (place, words) in [
        (place(&host), "shows the very certificate that is inside"),
        (place(&other), "shows ANOTHER certificate"),
    ] {
        let seen = files.inspect(&["ann.dcor-access", "--host", &place, "--passphrase-file", &file]);
        seen.refused(1, words);
    }
    assert_eq!(host.heard() + &other.heard(), "", "nothing is sent there");
}

#[test]
fn what_zip_encrypts_is_for_whoever_gets_it_and_without_its_passphrase_too_the_host_says_so() {
    let files = Files::new();
    let host = TlsStandIn::showing(&files.ours.certificate);
    let file = files.packed("zip", &["-q", "-j", "-e", "-P", PASSPHRASE]);
    let seen = files.inspect(&[file, "--host", &place(&host)]);
    seen.refused(1, "a certificate that its host shows to everybody");
    seen.refused(1, "deflated");

    let passphrase = files.passphrase_file(PASSPHRASE);
    let opened = files.inspect(&[file, "--passphrase-file", &passphrase]);
    opened.refused(1, "opaque");
    assert!(opened.err.contains("it was not made here"), "{}", opened.err);
}

#[test]
fn what_is_not_encrypted_is_for_anybody() {
    let files = Files::new();
    let file = files.packed("zip", &["-q", "-j"]);
    files.inspect(&[file]).refused(1, "ANYBODY can read the key");
}

#[test]
fn a_certificate_in_the_clear_can_be_swapped() {
    let files = Files::new();
    let zip = |arguments: &[&str]| {
        let mut zip = Command::new("zip");
        run(zip.current_dir(files.ours.path("desk")).args(arguments), b"").good();
    };
    zip(&["-q", "-P", PASSPHRASE, "other.dcor-access", "api_key.txt"]);
    zip(&["-q", "other.dcor-access", "server.cert"]);
    files.inspect(&["other.dcor-access"]).refused(1, "another can be put in");
}

#[test]
fn what_is_no_access_token_is_called_so_and_what_is_not_there_cannot_be_found_out() {
    let files = Files::new();
    std::fs::write(files.ours.desk("noise"), [7; 1000]).unwrap();
    files.inspect(&["noise"]).refused(1, "no access token");
    files.inspect(&["nowhere"]).refused(2, "nowhere");
    let nobody = crate::cluster::ports::free_port();
    let refused = files.inspect(&["noise", "--host", &format!("127.0.0.1:{nobody}")]);
    refused.refused(2, "127.0.0.1");
}
