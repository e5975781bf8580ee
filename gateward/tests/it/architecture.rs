//! The house stays as it is: imports run downwards, and third-party crates have floors, too.

use std::path::{Path, PathBuf};

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every Rust file below `folder`, with its path from there and its text.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "{}", folder.display());
    found
}

#[test]
fn imports_run_downwards_only() {
    let floors = [
        ("base", &["config", "store", "flows", "server", "cli"][..]),
        ("config", &["store", "flows", "server", "cli"]),
        ("store", &["config", "flows", "server", "cli"]),
        ("flows", &["config", "server", "cli"]),
        ("server", &["cli"]),
    ];
    for (floor, above) in floors {
        for (name, text) in files(&source().join(floor)) {
            assert!(!text.contains("crate::{"), "{floor}/{name} hides what it imports");
            for higher in above {
                assert!(!text.contains(&format!("crate::{higher}")), "{floor}/{name} uses {higher}");
            }
        }
    }
}

#[test]
fn third_party_crates_keep_to_their_floors() {
    let homes: [(&str, &[&str]); 10] = [
        ("rusqlite::", &["store/"]),
        ("tokio_postgres::", &["store/"]),
        ("tokio_postgres_rustls::", &["store/"]),
        ("deadpool::", &["store/"]),
        ("hyper::", &["server/", "cli/demo/client.rs"]),
        ("tokio_rustls::", &["server/", "cli/demo/client.rs"]),
        ("pgp::", &[]),
        ("minijinja::", &["flows/access_token/letter"]),
        ("anyhow::", &["cli/"]),
        ("clap::", &["cli/"]),
    ];
    for (name, text) in files(&source()) {
        for (library, allowed) in homes {
            let uses = text.match_indices(library).any(|(at, _)| {
                // `openpgp::` is ours; only a whole word counts.
                !text[..at].ends_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_')
            });
            assert!(!uses || allowed.iter().any(|home| name.starts_with(home)), "{name} uses {library}");
        }
    }
}

#[test]
fn crates_know_nothing_of_the_app_nor_of_the_world() {
    let crates = source().parent().unwrap().parent().unwrap().join("crates");
    for entry in std::fs::read_dir(crates).unwrap() {
        for (name, text) in files(&entry.unwrap().path().join("src")) {
            let production = text.split("#[cfg(test)]").next().unwrap();
            for world in ["gateward::", "std::fs", "std::net", "std::env", "SystemTime", "Timestamp::now"] {
                assert!(!production.contains(world), "{name} uses {world}");
            }
        }
    }
}

/// The variants of an enum in a text of ours.
fn variants(text: &str, name: &str) -> Vec<String> {
    let (_, body) = text.split_once(&format!("pub enum {name} {{\n")).unwrap();
    let lines = body.lines().take_while(|line| *line != "}").map(str::trim);
    let named = lines.filter(|line| line.starts_with(|letter: char| letter.is_ascii_uppercase()));
    let found: Vec<String> = named.map(|line| line[..line.find([',', '(']).unwrap()].to_owned()).collect();
    assert!(found.len() >= 4, "{name}: {found:?}");
    found
}

#[test]
fn only_one_place_asks_which_kind_a_service_has() {
    let asked = |of: &str, path: &str| -> Vec<String> {
        let text = std::fs::read_to_string(source().join(path)).unwrap();
        variants(&text, of).iter().map(|variant| format!("{of}::{variant}")).collect()
    };
    let mut kinds = vec!["match kind".to_owned()];
    kinds.extend(asked("Kind", "base/kind.rs"));
    kinds.extend(asked("Interpreter", "flows/kind/mod.rs"));
    // A form is spelled in the one file, and an upstream's answer read by it in the other.
    let forms = asked("ErrorForm", "flows/kind/mod.rs");
    for (name, text) in files(&source()) {
        for (asked, homes) in
            [(&kinds, &[][..]), (&forms, &["server/answer/form.rs", "server/upstream/answer.rs"])]
        {
            let at_home = name.starts_with("flows/kind/") || homes.contains(&name.as_str());
            let found = asked.iter().find(|asked| text.contains(asked.as_str()));
            assert!(at_home || found.is_none(), "{name} asks for the kind of a service: {found:?}");
        }
    }
}

#[test]
fn changes_reach_the_store_through_the_recorder_alone() {
    for (name, text) in files(&source()) {
        let production = text.split("#[cfg(test)]").next().unwrap();
        let writes = production.contains("Proposal {") || production.contains("writer.commit(");
        assert!(
            !writes || name == "flows/record.rs" || name.starts_with("store/writer"),
            "{name} writes past the recorder"
        );
    }
}
