//! Help, for every command there is.

use super::support::gateward;

/// The help of `path`, and of everything below it.
fn help_of(path: &[&str], all: &mut Vec<(String, String)>) {
    let ran = gateward(&[path, &["--help"]].concat(), &[], b"");
    assert_eq!(ran.status, 0, "{path:?}: {}", ran.stderr);
    let below = ran.stdout.split("\nCommands:\n").nth(1).map(|rest| rest.split("\n\n").next().unwrap());
    // A line further in goes on with the one before.
    let names = |line: &&str| line.len() - line.trim_start().len() == 2;
    for line in below.into_iter().flat_map(str::lines).filter(names) {
        let (name, said) = line.trim().split_once("  ").unwrap_or((line.trim(), ""));
        assert!(!said.trim().is_empty(), "{path:?}: {name} is not explained");
        if name != "help" {
            help_of(&[path, &[name]].concat(), all);
        }
    }
    all.push((path.join(" "), ran.stdout));
}

fn everything() -> Vec<(String, String)> {
    let mut all = Vec::new();
    help_of(&[], &mut all);
    all
}

/// What can be given to a command: options with `--`, positions in `<>`.
fn inputs(help: &str) -> Vec<(&str, Option<&str>)> {
    let lines: Vec<&str> = help.lines().collect();
    let is_input = |line: &str| {
        let word = line.trim_start();
        line.starts_with("  ")
            && (word.starts_with('-') && !word.starts_with("- ")
                || word.starts_with('<')
                || word.starts_with('['))
            && line.len() - word.len() <= 6
    };
    let inputs = lines.iter().enumerate().filter(|(_, line)| is_input(line));
    inputs
        .map(|(at, line)| {
            let (name, beside) = line.trim().split_once("  ").unwrap_or((line.trim(), ""));
            let below = lines.get(at + 1).map_or("", |line| line.trim());
            let said = if beside.is_empty() { below } else { beside.trim() };
            let explains = !said.is_empty() && !said.starts_with(['[', '-']) && said != "Possible values:";
            (name, explains.then_some(said))
        })
        .collect()
}

#[test]
fn every_command_and_everything_that_it_takes_is_explained() {
    let all = everything();
    let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    for name in [
        "init",
        "demo",
        "serve",
        "exchange",
        "cleanup",
        "config check",
        "config show",
        "login revoke",
        "audit show",
        "store copy",
    ] {
        assert!(names.contains(&name), "{names:?}");
    }
    for (command, help) in &all {
        let inputs = inputs(help);
        assert!(inputs.len() >= 3, "{command}: {help}");
        for (input, said) in inputs {
            assert!(said.is_some(), "gateward {command}: {input} is not explained");
        }
    }
}

#[test]
fn no_command_takes_a_secret_as_an_argument() {
    // Names of what is no secret itself: an id, a path of a file.
    let harmless = [
        "--token-id <TOKEN_ID>",
        "--key <KEY>",
        "--keyring <FILE>",
        "--resif-password-file <FILE>",
        "--ckan-admin-key <FILE>",
        "--key-file <FILE>",
        "--password-file <FILE>",
        "--no-password",
        "--passphrase-file <FILE>",
        "--key <FILE>",
        // Public keys of OpenPGP, and their names.
        "--key-id <ID|FINGERPRINT>",
        "<KEY>",
        "--passphrases-for <KEY.asc>",
        "--pgp <KEY.asc>",
        // A public key of signatures beside backups.
        "--signer <KEY>",
    ];
    for (command, help) in everything() {
        for (input, _) in inputs(&help) {
            let secret = ["password", "secret", "token", "key", "passphrase", "credential"]
                .iter()
                .any(|word| input.to_lowercase().contains(word));
            assert!(!secret || harmless.contains(&input), "gateward {command} takes {input}");
        }
    }
}

#[test]
fn the_exit_status_is_explained_where_people_look_first() {
    let help = gateward(&["--help"], &[], b"").stdout;
    assert!(help.contains("Exit status: 0 yes or done, 1 no"), "{help}");
}
