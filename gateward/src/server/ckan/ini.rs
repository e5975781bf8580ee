//! CKAN's configuration file, as CKAN reads it: Python's `configparser`, section `app:main`, with the files that
//! `use = config:FILE` leads to below it.
//!
//! What CKAN's own process finds in its environment instead (`CKAN_SQLALCHEMY_URL` and the like) is not seen.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// The options of a CKAN.
pub struct Ini {
    path: PathBuf,
    /// As they are written, but for `%(here)s`, which is of the file that it stands in.
    options: BTreeMap<String, Zeroizing<String>>,
}

/// Why there are none.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}", path = .path.display())]
pub struct Unreadable {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// How many files may lie one below the other: more is a circle.
const DEEPEST: usize = 8;

/// How far an option may lead to others, as in `configparser`.
const INTERPOLATIONS: usize = 10;

impl std::fmt::Debug for Ini {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Ini").field(&self.path).finish()
    }
}

impl Ini {
    /// Reads the file at `path` and those below it.
    ///
    /// # Errors
    ///
    /// [`Unreadable`].
    pub fn read(path: &Path) -> Result<Self, Unreadable> {
        let mut next = Some(path.to_owned());
        let mut options = BTreeMap::new();
        for _ in 0..DEEPEST {
            let Some(path) = next.take() else { break };
            let text = match std::fs::read_to_string(&path) {
                Ok(text) => Zeroizing::new(text),
                Err(source) => return Err(Unreadable { path, source }),
            };
            let here = path.parent().unwrap_or(Path::new("/"));
            let file = section(&text, &here.display().to_string());
            let below = file.get("use").and_then(|uses| uses.strip_prefix("config:")).map(str::trim);
            next = below.map(|below| here.join(below));
            for (name, value) in file {
                // The file above wins.
                options.entry(name).or_insert(value);
            }
        }
        Ok(Self { path: path.to_owned(), options })
    }

    /// The option `name`, if it is set to something.
    pub fn option(&self, name: &str) -> Option<Zeroizing<String>> {
        self.interpolated(name, INTERPOLATIONS).filter(|value| !value.is_empty())
    }

    /// Puts in what `%(NAME)s` stands for; `%%` is a percent sign.
    fn interpolated(&self, name: &str, depth: usize) -> Option<Zeroizing<String>> {
        let raw = self.options.get(name)?;
        let mut value = Zeroizing::new(String::new());
        let mut rest = raw.as_str();
        while let Some(at) = rest.find('%') {
            value.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('%') {
                value.push('%');
                rest = after;
            } else if let Some((other, after)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(")s"))
            {
                let other = depth.checked_sub(1).and_then(|depth| self.interpolated(other, depth))?;
                value.push_str(&other);
                rest = after;
            } else {
                // CKAN itself would not start.
                value.push('%');
            }
        }
        value.push_str(rest);
        Some(value)
    }
}

/// The options of `app:main` in `text`, and those of `DEFAULT` that it has not.
fn section(text: &str, here: &str) -> BTreeMap<String, Zeroizing<String>> {
    let here = here.replace('%', "%%");
    let (mut main, mut default) = (BTreeMap::new(), BTreeMap::new());
    let mut section = "";
    let mut option: Option<String> = None;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        let options: &mut BTreeMap<String, Zeroizing<String>> = match section {
            "app:main" => &mut main,
            _ => &mut default,
        };
        if line.starts_with(char::is_whitespace)
            && let Some(value) = option.as_ref().and_then(|name| options.get_mut(name))
        {
            value.push('\n');
            value.push_str(trimmed);
        } else if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            (section, option) = (name, None);
        } else if let Some((name, value)) = trimmed.split_once(['=', ':'])
            && matches!(section, "app:main" | "DEFAULT")
        {
            let name = name.trim().to_owned();
            options.insert(name.clone(), Zeroizing::new(with_here(value.trim(), &here)));
            option = Some(name);
        }
    }
    for (name, value) in default {
        main.entry(name).or_insert(value);
    }
    main
}

/// Puts the folder in for `%(here)s`, and leaves every other `%` as it is.
fn with_here(value: &str, here: &str) -> String {
    let mut with = String::new();
    let mut rest = value;
    while let Some(at) = rest.find('%') {
        with.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("%(here)s") {
            with.push_str(here);
            rest = after;
        } else {
            let end = if rest.starts_with("%%") { 2 } else { 1 };
            with.push_str(&rest[..end]);
            rest = &rest[end..];
        }
    }
    with + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> (tempfile::TempDir, Ini) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let ini = Ini::read(&folder.path().join(files[0].0)).unwrap();
        (folder, ini)
    }

    const FIRST: &str = "
# comment
[DEFAULT]
debug = false
secret: of default
[app:main]
use = config:below.ini
ckan.site_url = https://a.example
; sqlalchemy.url = postgresql://wrong
sqlalchemy.url = postgresql://%(user)s:p%%40w@localhost/ckan%(number)s
user = me
ckan.storage_path = %(here)s/files
ckan.plugins = one
    two
# in between
  three
empty =
url:with = a:b
[other]
ckan.site_url = https://b.example
";
    const BELOW: &str = "[app:main]\nuse = egg:ckan\nckan.site_url = https://c.example\nnumber = 7%%\n";

    #[test]
    fn options_are_read_as_ckan_reads_them() {
        let (folder, ini) = read(&[("first.ini", FIRST), ("below.ini", BELOW)]);
        let here = folder.path().display();
        for (name, value) in [
            ("ckan.site_url", "https://a.example"),
            ("sqlalchemy.url", "postgresql://me:p%40w@localhost/ckan7%"),
            ("ckan.storage_path", &format!("{here}/files")),
            ("ckan.plugins", "one\ntwo\nthree"),
            ("secret", "of default"),
        ] {
            assert_eq!(ini.option(name).as_deref().map(String::as_str), Some(value), "{name}");
        }
        assert!(ini.option("empty").is_none() && ini.option("missing").is_none());
    }

    #[test]
    fn what_leads_to_itself_or_to_nothing_is_no_option() {
        let (_folder, ini) =
            read(&[("a.ini", "[app:main]\nuse = config:a.ini\na = %(a)s\nb = %(c)s\nd = 5%\n")]);
        assert!(ini.option("a").is_none() && ini.option("b").is_none());
        assert_eq!(ini.option("d").unwrap().as_str(), "5%");
    }
}
