//! The syntax under every `Authorization` and `WWW-Authenticate` header: RFC 7235 section 2.1.
//!
//! A scheme, then `name=value` pairs between commas, a value being a token or a quoted-string.

use std::borrow::Cow;

/// The authentication scheme of an `Authorization` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// RFC 7616: this crate.
    Digest,
    /// RFC 7617.
    Basic,
    /// RFC 6750.
    Bearer,
    /// Any other, or nothing that reads as a scheme.
    Other,
}

impl Scheme {
    /// Reads the scheme of a header value and nothing after it.
    pub fn of(header_value: &str) -> Self {
        let (scheme, _) = split_scheme(header_value);
        let is = |name: &str| scheme.eq_ignore_ascii_case(name);
        match () {
            () if is("Digest") => Self::Digest,
            () if is("Basic") => Self::Basic,
            () if is("Bearer") => Self::Bearer,
            () => Self::Other,
        }
    }
}

/// The text after `scheme `; `None` if the header has another one.
pub(crate) fn after_scheme<'a>(header_value: &'a str, scheme: &str) -> Option<&'a str> {
    let (found, rest) = split_scheme(header_value);
    found.eq_ignore_ascii_case(scheme).then_some(rest)
}

fn split_scheme(header_value: &str) -> (&str, &str) {
    let text = header_value.trim_matches([' ', '\t']);
    text.split_once(' ').unwrap_or((text, ""))
}

/// One `name=value`, quotes and escapes undone.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Param<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: Cow<'a, str>,
}

/// The text is no list of parameters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotParams {
    /// Bytes from the end of the text, so that it holds whatever stood before.
    pub(crate) left: usize,
}

/// Reads all parameters, in order. Empty list elements are skipped (RFC 7230 section 7).
pub(crate) fn params(text: &str) -> Result<Vec<Param<'_>>, NotParams> {
    let mut found = Vec::new();
    let mut rest = Rest(text);
    loop {
        rest.skip_blanks();
        if rest.skip(',') {
            continue;
        }
        if rest.0.is_empty() {
            return Ok(found);
        }
        found.push(rest.param().ok_or(NotParams { left: rest.0.len() })?);
        rest.skip_blanks();
        if !rest.0.is_empty() && !rest.skip(',') {
            return Err(NotParams { left: rest.0.len() });
        }
    }
}

/// What has not been read yet.
#[derive(Clone, Copy)]
pub(crate) struct Rest<'a>(pub(crate) &'a str);

impl<'a> Rest<'a> {
    /// `auth-param = token BWS "=" BWS ( token / quoted-string )`
    pub(crate) fn param(&mut self) -> Option<Param<'a>> {
        let name = self.token()?;
        self.skip_blanks();
        self.skip('=').then_some(())?;
        self.skip_blanks();
        let value = if self.skip('"') { self.quoted()? } else { Cow::Borrowed(self.token()?) };
        Some(Param { name, value })
    }

    pub(crate) fn token(&mut self) -> Option<&'a str> {
        let end = self.0.find(|c| !is_tchar(c)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }

    /// A quoted-string (RFC 7230 section 3.2.6) after its opening quote. Bytes above ASCII stay
    /// as they are; a backslash makes any other permitted character mean itself.
    fn quoted(&mut self) -> Option<Cow<'a, str>> {
        let whole = self.0;
        let plain = whole.find(['"', '\\'])?;
        if whole[..plain].chars().all(is_text) && whole[plain..].starts_with('"') {
            self.0 = &whole[plain + 1..];
            return Some(Cow::Borrowed(&whole[..plain]));
        }
        let mut value = String::new();
        let mut chars = whole.chars();
        loop {
            let read = match chars.next()? {
                '"' => break,
                '\\' => chars.next()?,
                c => c,
            };
            value.push(Some(read).filter(|c| is_text(*c))?);
        }
        self.0 = chars.as_str();
        Some(Cow::Owned(value))
    }

    pub(crate) fn skip(&mut self, expected: char) -> bool {
        let Some(rest) = self.0.strip_prefix(expected) else {
            return false;
        };
        self.0 = rest;
        true
    }

    pub(crate) fn skip_blanks(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }
}

fn is_tchar(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

/// `HTAB / SP / VCHAR / obs-text`
fn is_text(c: char) -> bool {
    c == '\t' || !c.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Names and values, each pair as one line.
    fn read(text: &str) -> Option<Vec<String>> {
        let line = |param: Param<'_>| format!("{} {}", param.name, param.value);
        Some(params(text).ok()?.into_iter().map(line).collect())
    }

    #[test]
    fn tokens_and_quoted_strings_read_alike() {
        assert_eq!(read(r#"a=b, c="d""#).unwrap(), ["a b", "c d"]);
    }

    #[test]
    fn a_comma_or_an_escaped_quote_inside_quotes_belongs_to_the_value() {
        let params = read(r#"a="b, c=d", e="f\"\\\g""#).unwrap();
        assert_eq!(params, ["a b, c=d", r#"e f"\g"#]);
    }

    #[test]
    fn blanks_and_empty_elements_between_parameters_mean_nothing() {
        assert_eq!(read(",, a = b\t,,c\t=\"\" , ").unwrap(), ["a b", "c "]);
        assert!(read("").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_list_of_parameters_is_refused() {
        for text in [
            "a",
            "a=",
            "=b",
            r#"a="b"#,
            r#"a="b\"#,
            "a=b c=d",
            r#"a="b"c"#,
            "a=b;c=d",
            "a=\"\n\"",
            "a=\"\\\n\"",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_scheme_is_known_in_any_case_and_never_by_its_beginning() {
        assert_eq!(Scheme::of("dIGEST username=\"a\""), Scheme::Digest);
        assert_eq!(Scheme::of("Basic QTpC"), Scheme::Basic);
        assert_eq!(Scheme::of("bearer abc"), Scheme::Bearer);
        for other in ["", "Digested a=b", "Negotiate", "Digest,"] {
            assert_eq!(Scheme::of(other), Scheme::Other, "{other}");
        }
    }

    proptest! {
        #[test]
        fn reading_any_text_ends(text in "\\PC*|[a=,\" \\\\\t\n]*") {
            let _ = params(&text);
        }

        #[test]
        fn every_text_survives_quoting(value in "[ -~\u{a0}-\u{ffff}\t]*") {
            let quoted = value.replace('\\', r"\\").replace('"', r#"\""#);
            prop_assert_eq!(read(&format!("a=\"{quoted}\"")), Some(vec![format!("a {value}")]));
        }
    }
}
