//! Names the nearest right name when a wrong one was written.

/// How alike two names must be (Jaro-Winkler) to be taken for a slip.
const ALIKE: f64 = 0.75;

/// Rewrites serde's "unknown field" into a question and says what an address looks like; other
/// messages stay.
pub(super) fn suggest(message: &str) -> String {
    if message == "invalid socket address syntax" {
        return "no address with a port, as in 127.0.0.1:8443".into();
    }
    let mut names = message.split('`').skip(1).step_by(2);
    let unknown = ["unknown field", "unknown variant"].iter().any(|start| message.starts_with(start));
    let (true, Some(wrong)) = (unknown, names.next()) else {
        return message.to_owned();
    };
    let right: Vec<&str> = names.collect();
    let nearest =
        right.iter().map(|name| (strsim::jaro_winkler(wrong, name), name)).max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((alike, name)) if alike > ALIKE => {
            format!("unknown name `{wrong}`: did you mean `{name}`?")
        }
        _ => format!("unknown name `{wrong}`; here stand {}", right.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_answered_with_the_name_that_was_meant() {
        let said = suggest("unknown field `lisen`, expected one of `listen`, `tls`");
        assert_eq!(said, "unknown name `lisen`: did you mean `listen`?");
        let said = suggest("unknown field `zzz`, expected one of `listen`, `tls`");
        assert_eq!(said, "unknown name `zzz`; here stand listen, tls");
        assert_eq!(suggest("missing field `tls`"), "missing field `tls`");
    }
}
