//! Reads the text form of a name (RFC 4514 section 3).

use data_encoding::HEXLOWER_PERMISSIVE;
use x509_parser::asn1_rs::{Any, FromDer as _};

use super::{NotAName, Value, attribute, value_of};

/// The parts of `text` in its order; each has at least one attribute, by its number.
pub(super) fn parts(text: &str) -> Result<Vec<Vec<(String, Value)>>, NotAName> {
    let mut rest = Rest(text);
    let mut parts = vec![Vec::new()];
    loop {
        let kind = rest.kind()?;
        let value = rest.value()?;
        parts.last_mut().expect("there is one from the start").push((kind, value));
        match rest.next() {
            None => return Ok(parts),
            Some('+') => {}
            Some(_) => parts.push(Vec::new()),
        }
    }
}

/// What is still to be read.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn next(&mut self) -> Option<char> {
        let mut letters = self.0.chars();
        let next = letters.next();
        self.0 = letters.as_str();
        next
    }

    fn kind(&mut self) -> Result<String, NotAName> {
        let (kind, rest) = self.0.split_once('=').ok_or(NotAName::Form("an `=` is missing"))?;
        self.0 = rest.trim_start_matches(' ');
        let kind = kind.trim_matches(' ');
        let number = kind.strip_prefix("OID.").unwrap_or(kind);
        if number.contains('.') && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return Ok(number.to_owned());
        }
        attribute::number(kind).map(ToOwned::to_owned).ok_or_else(|| NotAName::Attribute(kind.to_owned()))
    }

    /// Reads up to the `,` or `+` that ends the value, which stays.
    fn value(&mut self) -> Result<Value, NotAName> {
        if let Some(rest) = self.0.strip_prefix('#') {
            self.0 = rest;
            return self.der();
        }
        let mut bytes = Vec::new();
        // Blanks at the end do not count, unless they are escaped (RFC 4514 section 2.4).
        let mut kept = 0;
        while let Some(letter) = self.0.chars().next() {
            match letter {
                ',' | '+' => break,
                '"' | ';' | '<' | '>' => {
                    return Err(NotAName::Form("one of \" ; < > stands in a value without a \\ before it"));
                }
                '\\' => {
                    self.next();
                    self.escaped(&mut bytes)?;
                    kept = bytes.len();
                }
                _ => {
                    self.next();
                    bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                    if letter != ' ' {
                        kept = bytes.len();
                    }
                }
            }
        }
        bytes.truncate(kept);
        String::from_utf8(bytes).map(Value::Text).map_err(|_| NotAName::Form("a value is no UTF-8"))
    }

    /// What follows a `\`: one of the letters that need it, or two hexadecimal digits.
    fn escaped(&mut self, bytes: &mut Vec<u8>) -> Result<(), NotAName> {
        const FORM: NotAName = NotAName::Form("a \\ stands before what needs none");
        if let Some(letter @ ('"' | '+' | ',' | ';' | '<' | '>' | ' ' | '#' | '=' | '\\')) =
            self.0.chars().next()
        {
            self.next();
            bytes.push(u8::try_from(letter).expect("all of these are ASCII"));
            return Ok(());
        }
        let digits = self.0.get(..2).ok_or(FORM)?;
        let byte = HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).map_err(|_| FORM)?;
        self.0 = &self.0[2..];
        bytes.extend(byte);
        Ok(())
    }

    fn der(&mut self) -> Result<Value, NotAName> {
        const FORM: NotAName = NotAName::Form("what follows a # is no value in DER, as hexadecimal digits");
        let end = self.0.find([',', '+']).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest;
        let der = HEXLOWER_PERMISSIVE.decode(digits.trim_end_matches(' ').as_bytes()).map_err(|_| FORM)?;
        match Any::from_der(&der) {
            Ok(([], value)) => Ok(value_of(&value)),
            _ => Err(FORM),
        }
    }
}
