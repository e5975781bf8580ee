//! Whoever sits at the terminal learns a passphrase, or whoever has an OpenPGP key; nobody else.

use super::gnupg::Somebody;
use super::installation::{Installation, deaf, nobody_asked};
use super::users::dclab;

const KEY: &str = "vN3kQ0mW7xTzR5uYb8LpAe2HcJ4sGd6FiOo1ZqXyUKw";

#[test]
fn a_passphrase_stands_on_the_terminal_and_not_where_output_goes() {
    let ours = Installation::without_ckan();
    let input = ours.secret_file("key", KEY);
    for format in ["text", "json"] {
        let user = format!("ann-{format}");
        let create = ["access-token", "create", &user, "--key-file", "-", "--inner-only", "--format", format];
        let made = ours.on_terminal_with_input(&create, &input).run().good();
        let passphrase = made.passphrase(&user).unwrap();
        assert!(
            passphrase.chars().filter(char::is_ascii_digit).count() >= 39,
            "128 bits in digits: {passphrase}"
        );
        assert_eq!(dclab(&ours.desk(&format!("{user}.dcor-access")), &passphrase).key, KEY);
        for group in passphrase.split('-') {
            assert!(!made.out.contains(group) && !made.err.contains(group), "{made:?}");
        }
        assert_eq!(made.terminal.matches(&passphrase).count(), 1, "it is shown once");
    }
}

#[test]
fn where_nobody_could_see_a_passphrase_nothing_is_made_and_nobody_is_asked() {
    let ckan = deaf();
    let ours = Installation::that_asks(&ckan);
    let refused = ours.call(&["access-token", "create", "ann"]).run();
    refused.refused(2, "there is no terminal");
    refused.refused(2, "--passphrases-for");
    assert!(ours.on_desk().is_empty() && ours.tokens().is_empty());
    nobody_asked(&ckan);
}

#[test]
fn passphrases_go_to_an_openpgp_key_where_there_is_no_terminal() {
    let ours = Installation::without_ckan();
    let (key, clerk) = (ours.secret_file("key", KEY), Somebody::new());
    let public = clerk.public_key().display().to_string();
    let create = ["access-token", "create", "ann", "--key-file", key.to_str().unwrap(), "--inner-only"];
    let made = ours.call(&[&create[..], &["--passphrases-for", &public]].concat()).run().good();

    let told = String::from_utf8(clerk.decrypt(&ours.desk("ann.passphrase.asc"))).unwrap();
    let line = |name: &str| told.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    assert_eq!(line("user "), "ann");
    let passphrase = line("passphrase ");
    assert_eq!(dclab(&ours.desk("ann.dcor-access"), &passphrase).key, KEY);
    assert!(line("certificate ").starts_with("SHA256:") || line("certificate ").contains(':'), "{told}");
    assert!(!made.out.contains(&passphrase) && !made.err.contains(&passphrase));
}

#[test]
fn a_key_that_opens_nothing_any_more_is_told_no_passphrase() {
    let ckan = deaf();
    let ours = Installation::that_asks(&ckan);
    let no_key = ours.secret_file("no-key.asc", "no key at all");
    let refused =
        ours.call(&["access-token", "create", "ann", "--passphrases-for", no_key.to_str().unwrap()]).run();
    refused.refused(2, "no-key.asc");
    assert!(ours.on_desk().is_empty());
    nobody_asked(&ckan);
}
