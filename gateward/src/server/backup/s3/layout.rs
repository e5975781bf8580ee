//! Where in a bucket a file lies: `PREFIX/YYYY/MM/NAME`.

use crate::base::backup::FileName;

/// Gives the key of a file; `prefix` has no slash at either end.
///
/// Year and month are the first in the name of the backup that look like them, `2026-11` or `202611`; what
/// belongs to a backup lies beside it. A name without them lies in `PREFIX` itself. So the key follows from the
/// name alone, and nothing has to be looked up.
pub(super) fn key(prefix: &str, name: &FileName) -> String {
    let beside = name.of_manifest().or_else(|| name.of_hold()).or_else(|| name.of_drill());
    let folder = match month(beside.as_ref().unwrap_or(name).as_str()) {
        Some((year, month)) => format!("{year}/{month}/"),
        None => String::new(),
    };
    let slash = if prefix.is_empty() { "" } else { "/" };
    format!("{prefix}{slash}{folder}{name}")
}

/// The file whose key this is; `None` for what is not ours.
pub(super) fn name(prefix: &str, found: &str) -> Option<FileName> {
    let name: FileName = found.rsplit('/').next()?.parse().ok()?;
    (key(prefix, &name) == found).then_some(name)
}

fn month(name: &str) -> Option<(&str, &str)> {
    let is_digit = |at: usize| name.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    (0..name.len()).filter(|&at| at == 0 || !is_digit(at - 1)).find_map(|at| {
        let month_at = if name.get(at + 4..at + 5)? == "-" { at + 5 } else { at + 4 };
        let (year, month) = (name.get(at..at + 4)?, name.get(month_at..month_at + 2)?);
        let are_digits = year.bytes().chain(month.bytes()).all(|byte| byte.is_ascii_digit());
        // No day, or two digits of one: nothing longer is a date.
        let ends = !is_digit(month_at + 2) || month_at == at + 4;
        (are_digits && ends && ("01"..="12").contains(&month)).then_some((year, month))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_lies_under_the_month_in_its_name_and_is_found_by_its_key() {
        for (file, folder) in [
            ("backup_db_ckan_default_2026-11-22_00-02-00_dcor-control.pgc.gpg", "2026/11/"),
            ("backup_instance_2026-02-28_23-59-59_8FD98B2183B2C228_x.tar.zst.gpg", "2026/02/"),
            ("dump20260102T030405.pgc.gpg", "2026/01/"),
            // Not every number is a date.
            ("db_9999-13_2026-03-01_00-00-00.out.gpg", "2026/03/"),
            ("db12026-05_20260401.out.gpg", "2026/04/"),
            ("05-04-2026_00-00-00.out.gpg", ""),
            ("README", ""),
            ("2026", ""),
        ] {
            for end in ["", ".manifest", ".hold", ".2031-07-01_00-00-00.drill"] {
                let file: FileName = format!("{file}{end}").parse().unwrap();
                for (prefix, slash) in [("", ""), ("a/b", "/")] {
                    let key = key(prefix, &file);
                    assert_eq!(key, format!("{prefix}{slash}{folder}{file}"));
                    assert_eq!(name(prefix, &key), Some(file.clone()));
                }
            }
        }
    }

    #[test]
    fn what_lies_elsewhere_is_not_ours() {
        for other in
            ["x/2026/11/a_2026-12-01.gpg", "x/a_2026-12-01.gpg", "2026/12/a_2026-12-01.gpg", "x/", "x"]
        {
            assert_eq!(name("x", other), None, "{other}");
        }
    }
}
