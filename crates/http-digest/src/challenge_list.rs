//! Several challenges in one `WWW-Authenticate` field, RFC 7235 section 4.1.
//!
//! The comma separates challenges and parameters alike: only a name that no `=` follows begins the
//! next challenge.

use crate::auth_param::{Param, Rest};

/// One challenge of a list, of any scheme. What stands there instead of parameters is dropped.
#[derive(Debug)]
pub(crate) struct Listed<'a> {
    pub(crate) scheme: &'a str,
    pub(crate) params: Vec<Param<'a>>,
}

/// Reads all challenges of one field, in order; `None` if it is no list of challenges.
pub(crate) fn challenges(field: &str) -> Option<Vec<Listed<'_>>> {
    let mut found: Vec<Listed<'_>> = Vec::new();
    let mut rest = Rest(field);
    loop {
        rest.skip_blanks();
        if rest.skip(',') {
            continue;
        }
        if rest.0.is_empty() {
            return Some(found);
        }
        if let Some(param) = whole_param(&mut rest) {
            found.last_mut()?.params.push(param);
            continue;
        }
        found.push(Listed { scheme: rest.token()?, params: Vec::new() });
        if !ends_element(rest) {
            rest.skip(' ').then_some(())?;
            skip_token68(&mut rest);
        }
    }
}

/// Reads a parameter up to the next comma, or nothing.
fn whole_param<'a>(rest: &mut Rest<'a>) -> Option<Param<'a>> {
    let mut after = *rest;
    let param = after.param().filter(|_| ends_element(after))?;
    *rest = after;
    Some(param)
}

/// `token68` of RFC 7235 section 2.1: what Negotiate and Bearer send instead of parameters.
fn skip_token68(rest: &mut Rest<'_>) {
    rest.skip_blanks();
    let letter = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
    let after = Rest(rest.0.trim_start_matches(letter).trim_start_matches('='));
    if ends_element(after) {
        *rest = after;
    }
}

fn ends_element(mut rest: Rest<'_>) -> bool {
    rest.skip_blanks();
    rest.0.is_empty() || rest.0.starts_with(',')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Each challenge as one line.
    fn read(field: &str) -> Option<Vec<String>> {
        let param = |param: &Param<'_>| format!(" {}={}", param.name, param.value);
        let line = |listed: Listed<'_>| {
            listed.scheme.to_owned() + &listed.params.iter().map(param).collect::<String>()
        };
        Some(challenges(field)?.into_iter().map(line).collect())
    }

    #[test]
    fn several_challenges_in_one_field_are_told_apart() {
        let field = r#"Basic realm="a, b", Digest realm="c", nonce=d ,, qop="auth,auth-int",Digest e=f"#;
        let listed = ["Basic realm=a, b", "Digest realm=c nonce=d qop=auth,auth-int", "Digest e=f"];
        assert_eq!(read(field).unwrap(), listed);
    }

    #[test]
    fn what_other_schemes_send_instead_of_parameters_is_passed_over() {
        let field = r#"Negotiate, NTLM TlRMTVNTUAAC+/==, Negotiate YII=,  Digest  realm = "c""#;
        assert_eq!(read(field).unwrap(), ["Negotiate", "NTLM", "Negotiate", "Digest realm=c"]);
    }

    #[test]
    fn what_is_no_list_of_challenges_is_refused() {
        for field in ["a=b", "=", "Digest a=\"b", "Digest a=b c=d", "Digest a=b;c=d", "Digest\ta=b", "\"a\""]
        {
            assert_eq!(read(field), None, "{field:?}");
        }
        assert!(read(" , ").unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn reading_any_field_ends(field in "\\PC*|[a=,\" \\\\\t\n]*") {
            let _ = challenges(&field);
        }
    }
}
