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
