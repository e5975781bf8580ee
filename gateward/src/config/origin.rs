//! On which line of the file each option stands.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::line_of;

/// The text of a configuration file, with what stands where.
#[derive(Debug)]
pub struct Origins<'a> {
    text: &'a str,
    root: DeTable<'a>,
}

impl<'a> Origins<'a> {
    /// Reads `text`, which is the text of a configuration; what is no TOML has no options.
    pub fn of(text: &'a str) -> Self {
        let root = DeTable::parse(text).map(Spanned::into_inner).unwrap_or_default();
        Self { text, root }
    }

    /// Returns the line (from 1) of the option that a [`Setting`](super::settings::Setting) calls
    /// `name`; `None` where the file does not say it.
    pub fn line(&self, name: &str) -> Option<usize> {
        let mut table = &self.root;
        let mut segments = name.split('.').peekable();
        while let Some(segment) = segments.next() {
            let (key, at) = match segment.strip_suffix(']').and_then(|segment| segment.split_once('[')) {
                Some((key, at)) => (key, at.parse::<usize>().ok()),
                None => (segment, None),
            };
            let (key, mut value) = table.iter().find(|(found, _)| found.get_ref() == key)?;
            if let (Some(at), DeValue::Array(array)) = (at, value.get_ref()) {
                value = array.get(at)?;
            }
            match (value.get_ref(), segments.peek()) {
                (_, None) => return Some(line_of(self.text, key.span().start)),
                (DeValue::Table(below), Some(_)) => table = below,
                // `upstream = "http://..."` is short for `upstream.url`, `inventory = "..."` for either, and the
                // name of a table for `table`.
                (DeValue::String(_), Some(&"url" | &"file" | &"table")) => {
                    return Some(line_of(self.text, key.span().start));
                }
                _ => return None,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"listen = "unix:http.sock"
tls = { certificate = "a.pem",
        key = "a.key" }
[admin]
listen = "127.0.0.1:9443"

[[service]]
path = "/a"
upstream = "http://127.0.0.1:1"
[[service]]
path = "/b"
inventory = { url = "http://127.0.0.1:1", refresh = "2h" }
[[service.restriction]]
network = "XX"
[[service.restriction]]
network = "YY"
"#;

    #[test]
    fn every_option_of_a_file_is_found_on_its_line() {
        let origins = Origins::of(FILE);
        for (name, line) in [
            ("listen", 1),
            ("tls.certificate", 2),
            ("tls.key", 3),
            ("admin.listen", 5),
            ("service[0].upstream.url", 9),
            ("service[1].path", 11),
            ("service[1].inventory.refresh", 12),
            ("service[1].restriction[1].network", 16),
        ] {
            assert_eq!(origins.line(name), Some(line), "{name}");
        }
    }

    #[test]
    fn what_the_file_does_not_say_has_no_line() {
        let origins = Origins::of(FILE);
        for name in [
            "realm",
            "admin.tls.key",
            "service[0].upstream.timeout",
            "service[0].inventory.url",
            "service[1].inventory.stale_after",
            "service[2].path",
        ] {
            assert_eq!(origins.line(name), None, "{name}");
        }
    }
}
