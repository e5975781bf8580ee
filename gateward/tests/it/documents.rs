//! What the documents say, the program does.

use gateward::config::Config;

fn root() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

#[test]
fn the_documented_sample_configuration_loads() {
    let config = Config::read(&root().join("docs/gateward.sample.toml")).unwrap();
    assert_eq!(config.service.len(), 6);
    assert_eq!(config.issuer.len(), 1);
    assert_eq!(config.grant.len(), 5);
    assert_eq!(config.oidc.len(), 2);
}

#[test]
fn every_kind_of_event_is_described() {
    let variants = |file: &str, head: &str| {
        let words = std::fs::read_to_string(root().join("gateward/src/flows/record").join(file)).unwrap();
        words.split(head).nth(1).unwrap().split("\n}").next().unwrap().to_owned()
    };
    let mut all = variants("words.rs", "pub enum What {").replace("\n    Backup(BackupWhat),", "");
    all.push_str(&variants("backup.rs", "pub enum BackupWhat {"));
    let formats = std::fs::read_to_string(root().join("docs/formats.md")).unwrap();
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
        assert!(formats.contains(&format!("`{kind}`")), "docs/formats.md does not describe {kind}");
        kinds += 1;
    }
    assert!(kinds > 15, "the list of kinds was not found");
}
