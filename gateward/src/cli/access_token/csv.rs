//! Many people in a file: read whole and checked before the first key is asked for.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::Deserialize;

use super::create::key;
use super::wish::{Wish, Wrapping, person};
use crate::base::access_token::Language;
use crate::base::ckan::CkanUser;

/// How many lines are taken: what is more is cut in pieces by whoever looks at the results.
const MOST: usize = 10_000;

/// A line, as its header names it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    user: String,
    name: Option<String>,
    mail: Option<String>,
    language: Option<String>,
    pgp: Option<PathBuf>,
    key_file: Option<PathBuf>,
}

/// Reads a file of people; each is named once.
pub(super) fn read(
    path: &Path,
    language: Language,
    create_user: bool,
    wrapping: &Wrapping,
) -> anyhow::Result<Vec<Wish>> {
    let named = || path.display().to_string();
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut lines = ::csv::ReaderBuilder::new().trim(::csv::Trim::All).from_path(path).with_context(named)?;
    let mut seen = BTreeSet::new();
    let mut wishes = Vec::new();
    for line in lines.deserialize::<Line>() {
        let line = line.with_context(named)?;
        let at = wishes.len() + 2;
        let read = || -> anyhow::Result<Wish> {
            let user: CkanUser = line.user.parse()?;
            Ok(Wish {
                user,
                person: person(
                    line.name.filter(|name| !name.is_empty()),
                    line.mail.filter(|mail| !mail.is_empty()),
                    match line.language.as_deref() {
                        None | Some("") => language,
                        Some(other) => other.parse()?,
                    },
                ),
                create_user,
                key: given(line.key_file).map(|file| key(&folder.join(file))).transpose()?,
                wrapping: match given(line.pgp) {
                    Some(file) => Wrapping::pgp(&folder.join(file))?,
                    None => wrapping.clone(),
                },
                opaque: None,
                replaces: None,
            })
        };
        let wish = read().with_context(|| format!("{}, line {at}", path.display()))?;
        if create_user && wish.key.is_none() && wish.person.mail.is_none() {
            bail!("{}, line {at}: CKAN wants a mail address for the user {}", path.display(), wish.user);
        }
        if !seen.insert(wish.user.clone()) {
            bail!("{}, line {at}: {} stands there twice", path.display(), wish.user);
        }
        wishes.push(wish);
        if wishes.len() > MOST {
            bail!("{} has more than {MOST} people: cut it in pieces", path.display());
        }
    }
    if wishes.is_empty() {
        bail!("{} names nobody: a header with `user`, then a person a line", path.display());
    }
    Ok(wishes)
}

fn given(path: Option<PathBuf>) -> Option<PathBuf> {
    path.filter(|path| path != Path::new(""))
}
