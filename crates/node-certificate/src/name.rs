//! Distinguished names as text (RFC 4514): one spelling for each name, so that spellings can be compared.

mod attribute;
mod read;

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXUPPER;
use x509_parser::asn1_rs::{Any, Tag, ToDer as _};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// A subject or issuer in the one spelling that is compared: `CN=openhim,O=Ministry of Health,C=RW`.
///
/// The last part of the name stands first (RFC 4514 section 2.1), attributes that have a short name are
/// called by it, and what could trick a terminal is escaped. Letters are compared as they are: `CN=a` is
/// not `CN=A`. Which string type a certificate used makes no difference.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DistinguishedName(String);

/// Why a text is no distinguished name. Whoever wrote it acts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAName {
    /// Nothing would be compared.
    #[error("a subject that is empty names nobody")]
    Empty,
    /// It is longer than any name.
    #[error("a subject has at most {MAX_BYTES} bytes")]
    TooLong,
    /// It is not written so.
    #[error(
        "a subject is written as CN=openhim,O=Ministry of Health,C=RW, the last part of the name first \
         (openssl x509 -in FILE -noout -subject -nameopt RFC2253): {0}"
    )]
    Form(&'static str),
    /// An attribute without a short name here.
    #[error("{0:?} is no attribute that is known by name: write its number, as in 2.5.4.3")]
    Attribute(String),
}

/// How long a name may be that people write, in bytes.
pub const MAX_BYTES: usize = 4096;

/// What is in one attribute of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Text(String),
    /// No text, or of a type that has none: its DER form.
    Der(Vec<u8>),
}

impl DistinguishedName {
    pub(crate) fn of(name: &X509Name<'_>) -> Self {
        let parts = name.iter().map(|part| spell_part(part.iter().map(attribute_of)));
        Self::from_parts(parts.collect())
    }

    /// Parts come in the order of the certificate.
    fn from_parts(mut parts: Vec<String>) -> Self {
        parts.reverse();
        Self(parts.join(","))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads the form of RFC 4514, with the blanks around `,` and `=` that RFC 2253 and people allow.
impl FromStr for DistinguishedName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        if text.len() > MAX_BYTES {
            return Err(NotAName::TooLong);
        }
        if text.trim().is_empty() {
            return Err(NotAName::Empty);
        }
        let mut parts: Vec<String> = read::parts(text)?.into_iter().map(spell_part).collect();
        parts.reverse();
        let name = Self::from_parts(parts);
        // What is stored has to be read again, and its one spelling can be longer than this one.
        if name.0.len() > MAX_BYTES { Err(NotAName::TooLong) } else { Ok(name) }
    }
}

fn attribute_of(attribute: &AttributeTypeAndValue<'_>) -> (String, Value) {
    (attribute.attr_type().to_id_string(), value_of(attribute.attr_value()))
}

fn value_of(value: &Any<'_>) -> Value {
    let text = match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString | Tag::VisibleString => {
            std::str::from_utf8(value.data).ok().map(ToOwned::to_owned)
        }
        Tag::BmpString if value.data.len().is_multiple_of(2) => {
            let units: Vec<u16> =
                value.data.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            String::from_utf16(&units).ok()
        }
        // T.61 is read as nobody meant it by one program or another: its bytes are compared.
        _ => None,
    };
    text.map_or_else(|| Value::Der(value.to_der_vec().unwrap_or_default()), Value::Text)
}

/// Writes one part; several attributes in it have no order (RFC 4514 section 2.2), so they are given one.
fn spell_part(attributes: impl IntoIterator<Item = (String, Value)>) -> String {
    let mut spelled: Vec<String> = attributes.into_iter().map(|(kind, value)| spell(&kind, &value)).collect();
    spelled.sort();
    spelled.join("+")
}

/// RFC 4514 sections 2.3 and 2.4.
fn spell(kind: &str, value: &Value) -> String {
    match (attribute::short_name(kind), value) {
        (Some(short), Value::Text(text)) => format!("{short}={}", escape(text)),
        (Some(short), Value::Der(der)) => format!("{short}=#{}", HEXUPPER.encode(der)),
        (None, Value::Text(text)) => format!("{kind}=#{}", HEXUPPER.encode(&as_utf8_string(text))),
        (None, Value::Der(der)) => format!("{kind}=#{}", HEXUPPER.encode(der)),
    }
}

/// One DER form for a text, whatever string type it had.
fn as_utf8_string(text: &str) -> Vec<u8> {
    Any::from_tag_and_data(Tag::Utf8String, text.as_bytes()).to_der_vec().expect("a text has a DER form")
}

/// RFC 4514 section 2.4, and what is not seen itself is escaped besides.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let last = text.chars().count().saturating_sub(1);
    for (at, letter) in text.chars().enumerate() {
        match letter {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => escaped.extend(['\\', letter]),
            ' ' | '#' if at == 0 => escaped.extend(['\\', letter]),
            ' ' if at == last => escaped.push_str("\\ "),
            _ if is_unseen(letter) => {
                let mut bytes = [0; 4];
                for byte in letter.encode_utf8(&mut bytes).bytes() {
                    escaped.push('\\');
                    escaped.push_str(&HEXUPPER.encode(&[byte]));
                }
            }
            _ => escaped.push(letter),
        }
    }
    escaped
}

/// Controls, directions, joiners, fillers, tags: they move the cursor or change how others are shown.
fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests;
