//! What a form says (application/x-www-form-urlencoded, in UTF-8).

use percent_encoding::percent_decode_str;

use crate::base::secret::Secret;

/// A filled-in form, or the query that the page was asked for with.
#[derive(Debug, Default)]
pub(super) struct Form {
    /// Who they say they are.
    pub(super) name: Option<String>,
    /// Their password.
    pub(super) password: Option<Secret>,
    /// Where they wanted to.
    pub(super) to: Option<String>,
    /// What must be the same as the form's cookie.
    pub(super) token: Option<String>,
}

impl Form {
    /// Reads one; `None` where it is no form, or says something twice. What else it says is not looked at.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut form = Self::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=')?;
            let value = decoded(value)?;
            let twice = match decoded(name)?.as_str() {
                "name" => form.name.replace(value).is_some(),
                "password" => form.password.replace(Secret::new(value)).is_some(),
                "to" => form.to.replace(value).is_some(),
                "form" => form.token.replace(value).is_some(),
                _ => false,
            };
            if twice {
                return None;
            }
        }
        Some(form)
    }
}

fn decoded(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_browsers_write_it() {
        let form =
            Form::read("name=ann&password=a%2Bb+c%26%C3%A4&to=%2Fcrux%3Fa%3Db&form=x&other=1").unwrap();
        assert_eq!(form.name.as_deref(), Some("ann"));
        assert_eq!(form.password.unwrap().expose(), "a+b c&ä");
        assert_eq!(form.to.as_deref(), Some("/crux?a=b"));
    }

    #[test]
    fn what_is_no_form_or_says_something_twice_is_refused() {
        for text in ["name", "name=a&name=b", "name=%ff", "to=a&%74o=b"] {
            assert!(Form::read(text).is_none(), "{text}");
        }
        assert!(Form::read("").unwrap().name.is_none());
    }
}
