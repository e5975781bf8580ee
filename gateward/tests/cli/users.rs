//! What commands about people with an account say.

use super::support::{Installation, Ran, gateward};

const PASSWORD: &str = "correct horse battery staple";

fn reading(installation: &Installation, arguments: &[&str], input: &str) -> Ran {
    gateward(&[arguments, &["--config", &installation.config()]].concat(), &[], input.as_bytes())
}

#[track_caller]
fn says(ran: &Ran, status: i32, stdout: &str, stderr: &str) {
    assert_eq!((ran.status, ran.stdout.as_str(), ran.stderr.as_str()), (status, stdout, stderr));
}

#[test]
fn a_grant_to_somebody_whom_nobody_knows_yet_says_so() {
    let installation = Installation::new();
    for who in [["--user", "bob"], ["--node", "lab-9"]] {
        let ran = installation.run(&["grant", "create", who[0], who[1], "--service", "files"]);
        let said = format!(
            "gateward: there is no {} {} yet: the grant opens nothing until there is\n",
            &who[0][2..],
            who[1]
        );
        assert_eq!((ran.status, ran.stderr), (0, said));
    }
}

#[test]
fn an_account_from_its_first_day_to_its_last() {
    let installation = Installation::new();
    let run = |arguments: &[&str]| reading(&installation, arguments, &format!("{PASSWORD}\n"));
    says(
        &run(&["user", "create", "ann", "--role", "operator", "--role-service", "files"]),
        0,
        "ann made\n",
        "",
    );
    says(&run(&["user", "create", "ann"]), 1, "", "gateward: the name ann is taken\n");
    says(&run(&["user", "list"]), 0, "ann  operator of files  password\noperator  admin  password\n", "");
    let granted = run(&["grant", "create", "--user", "ann", "--service", "files"]);
    assert_eq!(granted.stderr, "", "they are known");
    let grant = granted.stdout;
    let grant = grant.split(' ').next().unwrap();
    let shown = run(&["user", "show", "ann"]).stdout;
    assert!(shown.contains(&format!("grants       {grant}\n")), "{shown}");
    assert!(!shown.contains("argon2"), "{shown}");
    says(&run(&["user", "disable", "ann"]), 0, "ann disabled\n", "");
    says(&run(&["user", "disable", "ann"]), 1, "", "gateward: the account of ann is disabled already\n");
    says(&run(&["user", "enable", "ann"]), 0, "ann enabled\n", "");
    says(&run(&["user", "enable", "ann"]), 1, "", "gateward: the account of ann is not disabled\n");
    says(&run(&["user", "password", "ann"]), 0, "ann has another password\n", "");
    says(
        &run(&["user", "end", "ann"]),
        0,
        "",
        "gateward: there was nothing of ann to end\n\
         gateward: the account itself stays good: `gateward user disable ann` shuts it\n",
    );
    says(&run(&["user", "delete", "ann"]), 0, &format!("{grant}  revoked\nann deleted\n"), "");
    let missing = "gateward: there is no user ann: `gateward user list` shows those there are\n";
    for command in ["show", "disable", "enable", "password", "delete"] {
        says(&run(&["user", command, "ann"]), 1, "", missing);
    }
    let last = "gateward: operator is the last administrator who can log in: make another one first, or say --force\n";
    says(&run(&["user", "delete", "operator"]), 1, "", last);
    says(&run(&["user", "disable", "operator"]), 1, "", last);
    let kinds: Vec<_> = installation
        .json(&["audit", "search"])
        .into_iter()
        .map(|event| event["body"]["kind"].clone())
        .collect();
    for kind in ["user_created", "user_disabled", "user_enabled", "user_password_changed", "user_deleted"] {
        assert!(kinds.iter().any(|found| found == kind), "{kind}: {kinds:?}");
    }
}

#[test]
fn a_password_that_nobody_may_have_is_refused_with_the_reason() {
    let installation = Installation::new();
    let create = |password: &str| reading(&installation, &["user", "create", "seismologist"], password);
    for (password, said) in [
        ("short", "gateward: a password has at least 10 letters\n"),
        (
            "Password123",
            "gateward: the password is one of the most common, or little more than that: choose several words, or have one made\n",
        ),
        ("seismologist", "gateward: the password says little more than the user's name\n"),
    ] {
        says(&create(password), 1, "", said);
    }
    says(&create(""), 2, "", "gateward: there is no password on standard input, or in the file\n");
    says(
        &create("correct horse\nbattery"),
        2,
        "",
        "gateward: a password is one line, and there are several\n",
    );
    says(
        &reading(&installation, &["user", "create", "ABCDEFGHIJ0123"], PASSWORD),
        1,
        "",
        "gateward: ABCDEFGHIJ0123 has the form of a temporary login, which no user may have\n",
    );
}

#[test]
fn a_password_that_is_made_stands_in_its_file_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let installation = Installation::new();
    let file = installation.file("ann.password");
    let path = file.to_str().unwrap();
    let made = installation.run(&["user", "create", "ann", "--generate", "--out", path]);
    assert_eq!((made.status, made.stdout.as_str()), (0, "ann made\n"), "{}", made.stderr);
    let text = std::fs::read_to_string(&file).unwrap();
    let password = text.strip_prefix("ann:").unwrap().trim_end();
    assert_eq!(password.len(), 31);
    assert!(!made.stderr.contains(password));
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    // Over nothing that is there; and a file whose password never counted does not stay.
    assert_eq!(installation.run(&["user", "create", "bob", "--digest", "--out", path]).status, 2);
    let other = installation.file("other");
    let taken = ["user", "password", "nobody", "--generate", "--out", other.to_str().unwrap()];
    assert_eq!(installation.run(&taken).status, 1);
    assert!(!other.exists());
}

#[test]
fn users_are_listed_for_programs_one_a_line() {
    let installation = Installation::new();
    assert_eq!(installation.run(&["user", "create", "key-only", "--no-password"]).status, 0);
    let listed = installation.json(&["user", "list"]);
    assert_eq!(listed.len(), 2);
    let alone = &listed[0];
    assert_eq!(alone["user"], "key-only");
    assert_eq!(
        (&alone["password"], &alone["role"], &alone["digest"]),
        (&false.into(), &().into(), &().into())
    );
}
