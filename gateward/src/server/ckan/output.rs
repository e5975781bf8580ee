//! What the `ckan` command of CKAN 2.9 to 2.11 writes.
//!
//! To its standard output goes what was asked for, below whatever an extension writes when it is loaded;
//! to its standard error go a hundred lines of log, and at the end what went wrong.

use crate::flows::access_token::ckan::Listed;
use crate::server::outwards::one_line;

use super::is_key;

/// How many of the last lines of an error are told.
const LAST: usize = 3;

/// Reads the API token at the end of `ckan user token add`; `None` where there is none.
pub(super) fn key(output: &str) -> Option<&str> {
    let (_, key) = output.rsplit_once("API Token created:\n\t")?;
    key.strip_suffix('\n').filter(|key| is_key(key))
}

/// Reads `ckan user token list`; `None` where it is not exactly that.
pub(super) fn keys(output: &str) -> Option<Vec<Listed>> {
    let none = "No tokens have been created for user yet\n";
    if output == none || output.ends_with(&format!("\n{none}")) {
        return Some(Vec::new());
    }
    let title = "Tokens([id] name - lastAccess):\n";
    let (before, list) = output.split_once(title)?;
    let begins_a_line = before.is_empty() || before.ends_with('\n');
    let list = begins_a_line.then_some(list)?.strip_suffix('\n')?;
    list.split('\n')
        .map(|line| {
            let (jti, rest) = line.strip_prefix("\t[")?.split_once("] ")?;
            // The name is the owner's to choose, what stands behind it is not.
            let (name, _) = rest.rsplit_once(" - ")?;
            Some(Listed { jti: jti.to_owned(), name: name.to_owned() })
        })
        .collect()
}

/// Finds a name in `ckan user list`, which has those who are active; `None` where it is not exactly that.
pub(super) fn has_user(output: &str, name: &str) -> Option<bool> {
    let (_, list) = output.split_once("Users:\ncount = ")?;
    let (_, list) = list.split_once('\n')?;
    let named = |line: &str| line.strip_prefix("name=").and_then(|rest| rest.split(' ').next()) == Some(name);
    Some(list.split('\n').any(named))
}

/// What is said at the end of an error, below the log.
pub(super) fn last_words(error: &str) -> String {
    let lines = error.lines().rev().map(str::trim).take_while(|line| !is_of_log(line));
    let said = lines.filter(|line| !line.is_empty() && *line != "Aborted!");
    let mut said: Vec<&str> = said.take(LAST).collect();
    said.reverse();
    one_line(&said.join(" "))
}

/// As CKAN's own configuration has its log: `2026-11-22 07:28:37,558 ERROR [ckan.lib.redis] ...`.
fn is_of_log(line: &str) -> bool {
    let mut words = line.split(' ');
    let (date, time) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let digits_and = |text: &str, others: &[u8]| {
        text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_digit() || others.contains(&byte))
    };
    digits_and(date, b"-") && digits_and(time, b":,")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_from_the_end_and_nowhere_else() {
        let created = "API Token created:\n\teyJh.bGci-OiJI_UzI1NiIs\n";
        assert_eq!(key(created), Some("eyJh.bGci-OiJI_UzI1NiIs"));
        assert_eq!(key(&format!("an extension speaks\n{created}")), Some("eyJh.bGci-OiJI_UzI1NiIs"));
        for bad in [
            "",
            "API Token created:\n\t\n",
            "API Token created:\n\teyJh.bGci-OiJI_UzI1NiIs",
            "API Token created:\n\teyJh.bGci OiJI_UzI1NiIs\n",
            &format!("{created}an extension speaks\n"),
        ] {
            assert_eq!(key(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_list_is_read_whole_or_not_at_all() {
        let list = "Tokens([id] name - lastAccess):\n\t[a-1] first - Never\n\t[b_2] of - two - 2026-11-22 07:28:37\n";
        let listed = |jti: &str, name: &str| Listed { jti: jti.into(), name: name.into() };
        assert_eq!(keys(list), Some(vec![listed("a-1", "first"), listed("b_2", "of - two")]));
        assert_eq!(keys("No tokens have been created for user yet\n"), Some(Vec::new()));
        for bad in ["", "Tokens([id] name - lastAccess):\n", &list.replace("\n\t[b", "\n[b"), &list[..70]] {
            assert_eq!(keys(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_user_is_found_by_the_whole_name() {
        let list = "Users:\ncount = 2\nname=ann\nname=bob display=name=joe name=jim\n";
        for (name, there) in [("ann", true), ("bob", true), ("an", false), ("joe", false), ("jim", false)] {
            assert_eq!(has_user(list, name), Some(there), "{name}");
        }
        assert_eq!(has_user("name=ann\n", "ann"), None);
    }

    #[test]
    fn last_words_are_what_stands_below_the_log() {
        let error = "2026-11-22 07:29:08,225 CRITI [ckan.config.environment] Could not connect to Redis.\n\
                     User not found\nAborted!\n";
        assert_eq!(last_words(error), "User not found");
        assert_eq!(last_words("1\n2\n\n3\n\x1b[31m4\x1b[0m\n"), "2 3 [31m4[0m");
    }
}
