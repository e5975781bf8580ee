//! What the documents say, the program does.

use std::collections::BTreeMap;

use gateward::config::Config;
use gateward::config::origin::Origins;

fn root() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

#[test]
fn the_documented_sample_configuration_loads() {
    let config = Config::read(&root().join("docs/gateward.sample.toml")).unwrap();
    assert_eq!(config.service.len(), 7);
    assert_eq!(config.issuer.len(), 1);
    assert_eq!(config.grant.len(), 8);
    assert_eq!(config.oidc.len(), 2);
}

#[test]
fn every_option_stands_in_the_documented_sample_configuration() {
    let file = root().join("docs/gateward.sample.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let origins = Origins::of(&text);
    // Of a table that stands there several times, one that says it is enough.
    let mut said: BTreeMap<String, bool> = BTreeMap::new();
    for setting in Config::read(&file).unwrap().settings() {
        let names = setting.name.split('.').map(|name| name.split('[').next().unwrap());
        let option = names.collect::<Vec<_>>().join(".");
        // A default that would be wrong for most is shown as a comment.
        let own = option.rsplit('.').next().unwrap();
        let told = origins.line(&setting.name).is_some() || text.contains(&format!("\n# {own} = "));
        *said.entry(option).or_default() |= told;
    }
    // A table is there if anything of it is.
    let below =
        |table: &str| said.iter().any(|(option, said)| *said && option.starts_with(&format!("{table}.")));
    let missing = said.iter().filter(|(option, said)| !**said && !below(option));
    let missing: Vec<&String> = missing.map(|(option, _)| option).collect();
    assert!(missing.is_empty(), "docs/gateward.sample.toml does not show {missing:?}");
    assert!(said.len() > 100, "{said:?}");
}

#[test]
fn whoever_may_be_asked_for_or_granted_something_stands_in_the_documented_sample_configuration() {
    let text = std::fs::read_to_string(root().join("docs/gateward.sample.toml")).unwrap();
    let sample: toml::Table = text.parse().unwrap();
    let of = |tables: &str, key: &str| {
        let tables = sample[tables].as_array().unwrap().iter();
        tables.filter_map(|table| table.get(key).cloned()).collect::<Vec<_>>()
    };
    let required = of("service", "require");
    for word in ["login", "user", "node", "either"] {
        assert!(required.contains(&vec![word].into()), "{word}: {required:?}");
    }
    for subject in ["group", "mail", "mail_domain", "user", "node", "oidc"] {
        assert!(!of("grant", subject).is_empty(), "{subject}");
    }
}

#[test]
fn every_kind_of_event_is_described_once() {
    let variants = |file: &str, head: &str| {
        let words = std::fs::read_to_string(root().join("gateward/src/flows/record").join(file)).unwrap();
        words.split(head).nth(1).unwrap().split("\n}").next().unwrap().to_owned()
    };
    let mut all = variants("words.rs", "pub enum What {")
        .replace("\n    Backup(BackupWhat),", "")
        .replace("\n    Syslog(SyslogWhat),", "");
    all.push_str(&variants("backup.rs", "pub enum BackupWhat {"));
    all.push_str(&variants("syslog.rs", "pub enum SyslogWhat {"));
    let formats = std::fs::read_to_string(root().join("docs/formats.md")).unwrap();
    let table = formats.split("| kind | what happened |").nth(1).unwrap().split("\n\n").next().unwrap();
    let first_cells: Vec<&str> = table.lines().filter_map(|row| row.split('|').nth(1)).collect();
    let mut kinds = 0;
    for line in all.lines().filter(|line| line.starts_with("    ") && !line.starts_with("     ")) {
        let name: String = line.trim().chars().take_while(char::is_ascii_alphanumeric).collect();
        if name.is_empty() {
            continue;
        }
        let mut kind = String::new();
        for letter in name.chars() {
            if letter.is_ascii_uppercase() && !kind.is_empty() {
                kind.push('_');
            }
            kind.push(letter.to_ascii_lowercase());
        }
        let rows = first_cells.iter().filter(|cell| cell.contains(&format!("`{kind}`"))).count();
        assert_eq!(rows, 1, "rows of docs/formats.md that describe {kind}");
        kinds += 1;
    }
    assert!(kinds > 15, "the list of kinds was not found");
}

#[test]
fn every_table_of_the_database_stands_in_the_architecture() {
    let architecture = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let list = architecture.split("\n**What is in it**").nth(1).unwrap().split("\n\nWhen").next().unwrap();
    let (mut tables, mut missing) = (0, Vec::new());
    for file in std::fs::read_dir(root().join("gateward/src/store/migrations/sqlite")).unwrap() {
        let sql = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for made in sql.split("\nCREATE TABLE ").skip(1) {
            let name = made.split(' ').next().unwrap();
            tables += 1;
            if !list.contains(&format!("`{name}`")) {
                missing.push(name.to_owned());
            }
        }
    }
    assert!(missing.is_empty(), "ARCHITECTURE.md does not say what is in {missing:?}");
    assert!(tables > 30, "the migrations were not read");
}
