//! The part of the file that decides who may reach what, in one spelling: all machines of one
//! installation must agree on it.

use toml::{Table, Value};

/// Tables whose entries decide, and what in each says only where something lies: that may differ
/// from machine to machine.
const LISTS: [(&str, &[&str]); 4] = [
    ("issuer", &["key"]),
    ("oidc", &["jwks", "ca"]),
    ("grant", &[]),
    ("service", &["upstream", "inventory"]),
];

/// Options that decide.
const OPTIONS: [&str; 4] = ["mode", "realm", "digest_sha256", "crl"];

/// Lists of files of which it decides whether there are any: what is in them may lie elsewhere on another machine.
const FILES: [&str; 2] = ["node_ca", "node_crl"];

/// Takes from the text of a file what decides who may reach what, whatever its order and comments.
///
/// Only what the file says counts, no defaults: a newer program with more options, given the same
/// file, makes the same of it.
pub fn text(file: &str) -> String {
    let file: Table = file.parse().unwrap_or_default();
    let mut decides = Table::new();
    for option in OPTIONS {
        decides.extend(file.get(option).map(|value| (option.to_owned(), value.clone())));
    }
    for files in FILES {
        let are_named = file.get(files).and_then(Value::as_array).is_some_and(|files| !files.is_empty());
        decides.extend(are_named.then(|| (files.to_owned(), true.into())));
    }
    // Who makes a login that another one does not write into the same databases makes one that is
    // refused there.
    if let Some(Value::Table(mut exchange)) = file.get("exchange").cloned() {
        exchange.remove("htdigest");
        if let Some(resif) = exchange.get_mut("resif").and_then(Value::as_table_mut) {
            resif.remove("password_file");
        }
        decides.insert("exchange".into(), exchange.into());
    }
    for (list, places) in LISTS {
        let mut entries: Vec<Value> = file.get(list).and_then(Value::as_array).cloned().unwrap_or_default();
        for entry in entries.iter_mut().filter_map(Value::as_table_mut) {
            entry.retain(|name, _| !places.contains(&name));
        }
        // Their order says nothing.
        entries.sort_by_cached_key(ToString::to_string);
        decides.insert(list.into(), entries.into());
    }
    serde_json::to_string(&decides).expect("a table of TOML is an object of JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "listen = \"127.0.0.1:1\"\n[[grant]]\ngroup = \"/a\"\nservice = \"s\"\n\
        [[grant]]\ngroup = \"/b\"\nservice = \"s\"\n[[service]]\nname = \"s\"\nupstream = \"dir:/srv\"\n";

    #[test]
    fn machines_may_differ_in_where_things_lie_and_in_the_order_of_the_file() {
        let other = FILE.replace("127.0.0.1:1", "127.0.0.1:2").replace("/srv", "/mnt");
        assert_eq!(text(FILE), text(&format!("# a comment\n{other}")));
        let here =
            |at: &str| text(&format!("node_ca = [\"{at}/a.pem\"]\nnode_crl = [\"{at}/a.crl\"]\n{FILE}"));
        assert_eq!(here("/etc/gateward"), here("/srv"));
        assert_eq!(text(FILE), text(&format!("node_ca = []\n{FILE}")));
        let (a, b) = ("\"/a\"", "\"/b\"");
        assert_eq!(text(FILE), text(&FILE.replace(a, "x").replace(b, a).replace('x', b)));
    }

    #[test]
    fn machines_may_not_differ_in_who_may_reach_what() {
        for other in [
            FILE.replace("/b", "/c"),
            FILE.replace("name = \"s\"", "name = \"s\"\nunlisted = \"open\""),
            format!("realm = \"X\"\n{FILE}"),
            format!("node_ca = [\"a.pem\"]\n{FILE}"),
            format!("node_crl = [\"a.crl\"]\n{FILE}"),
            format!("{FILE}[exchange]\nstatus_style = \"resif\"\n"),
            format!("{FILE}[exchange.resif]\nauth = \"postgres:///a\"\n"),
            format!("{FILE}[[issuer]]\nkey = \"k\"\nfingerprint = \"F\"\n"),
            format!("{FILE}[[oidc]]\nissuer = \"https://a\"\naudience = [\"b\"]\n"),
        ] {
            assert_ne!(text(FILE), text(&other), "{other}");
        }
    }
}
