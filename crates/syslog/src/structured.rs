//! Data in a form that programs read (RFC 5424 section 6.3).

use std::borrow::Cow;

/// The longest SD-NAME.
const LONGEST_NAME: usize = 32;

/// The most elements, and parameters of one, that are read. The standard has no bound; a message has.
const MOST: usize = 1024;

/// An SD-ELEMENT: an id and what is said under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element<'a> {
    /// SD-ID: `name@enterprise number`, or a name that IANA has registered.
    pub id: Cow<'a, str>,
    /// In their order; a name may stand more than once.
    pub parameters: Vec<Parameter<'a>>,
}

/// An SD-PARAM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// PARAM-NAME
    pub name: Cow<'a, str>,
    /// PARAM-VALUE, without its escapes.
    pub value: Cow<'a, str>,
}

/// Reads STRUCTURED-DATA at the beginning of `bytes`; with what follows it.
pub(crate) fn read(bytes: &[u8]) -> Option<(Vec<Element<'_>>, &[u8])> {
    if let Some(rest) = bytes.strip_prefix(b"-") {
        return Some((Vec::new(), rest));
    }
    let (mut elements, mut rest) = (Vec::new(), bytes);
    while let Some(after) = rest.strip_prefix(b"[") {
        let (element, after) = element(after)?;
        elements.push(element);
        rest = after;
        if elements.len() > MOST {
            return None;
        }
    }
    (!elements.is_empty()).then_some((elements, rest))
}

fn element(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (id, mut rest) = name(bytes)?;
    let mut parameters = Vec::new();
    loop {
        if let Some(rest) = rest.strip_prefix(b"]") {
            return Some((Element { id: id.into(), parameters }, rest));
        }
        let (name, after) = name(rest.strip_prefix(b" ")?)?;
        let (value, after) = value(after.strip_prefix(b"=\"")?)?;
        parameters.push(Parameter { name: name.into(), value });
        rest = after;
        if parameters.len() > MOST {
            return None;
        }
    }
}

/// Whether `byte` may stand in an SD-NAME.
const fn names(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'=' | b']' | b'"')
}

fn name(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let length = bytes.iter().take_while(|byte| names(**byte)).count();
    let (name, rest) = bytes.split_at(length);
    let name = std::str::from_utf8(name).ok()?;
    (1..=LONGEST_NAME).contains(&length).then_some((name, rest))
}

/// Reads up to the quotation mark that ends a value. A backslash before anything but `"`, `\` and `]` stands for
/// itself (section 6.3.3).
fn value(bytes: &[u8]) -> Option<(Cow<'_, str>, &[u8])> {
    let (mut end, mut escapes) = (0, false);
    loop {
        match bytes.get(end)? {
            b'"' => break,
            b']' => return None,
            b'\\' if matches!(bytes.get(end + 1), Some(b'"' | b'\\' | b']')) => {
                escapes = true;
                end += 2;
            }
            _ => end += 1,
        }
    }
    let text = std::str::from_utf8(&bytes[..end]).ok()?;
    let rest = &bytes[end + 1..];
    if !escapes {
        return Some((text.into(), rest));
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let next = characters.next_if(|next| character == '\\' && matches!(next, '"' | '\\' | ']'));
        plain.push(next.unwrap_or(character));
    }
    Some((plain.into(), rest))
}

/// Writes `elements`, `-` for none. What may not stand in a name becomes `_`, and names are cut at 32 characters.
pub(crate) fn write(elements: &[Element<'_>], out: &mut Vec<u8>) {
    if elements.is_empty() {
        out.push(b'-');
    }
    for element in elements {
        out.push(b'[');
        write_name(&element.id, out);
        for Parameter { name, value } in &element.parameters {
            out.push(b' ');
            write_name(name, out);
            out.extend_from_slice(b"=\"");
            for byte in value.bytes() {
                if matches!(byte, b'"' | b'\\' | b']') {
                    out.push(b'\\');
                }
                out.push(byte);
            }
            out.push(b'"');
        }
        out.push(b']');
    }
}

fn write_name(name: &str, out: &mut Vec<u8>) {
    let before = out.len();
    out.extend(name.bytes().take(LONGEST_NAME).map(|byte| if names(byte) { byte } else { b'_' }));
    if out.len() == before {
        out.push(b'_');
    }
}
