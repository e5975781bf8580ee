//! A small XML document as a tree: bounded, without entities of its own.

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::{Error, MAX_BYTES};
use crate::text::is_held;

/// The deepest nesting; a message needs four levels.
const MAX_DEPTH: usize = 16;
/// All elements, and all attributes.
const MAX_PARTS: usize = 16_384;

/// One element.
#[derive(Debug, Default)]
pub(super) struct Element {
    /// Without a prefix.
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) children: Vec<Element>,
    pub(super) text: String,
}

impl Element {
    /// Reads the one element that a document is.
    pub(super) fn read(document: &[u8]) -> Result<Self, Error> {
        if document.len() > MAX_BYTES {
            return Err(Error::TooMuch("bytes"));
        }
        let document = document.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(document);
        let text = str::from_utf8(document).map_err(|_| Error::NotXml("it is not UTF-8".to_owned()))?;
        let mut reader = Reader::from_str(text);
        let mut tree = Tree::default();
        loop {
            let event = reader.read_event().map_err(|error| Error::NotXml(error.to_string()))?;
            if matches!(event, Event::Eof) {
                return tree.whole.filter(|_| tree.open.is_empty()).ok_or_else(|| not_xml("it breaks off"));
            }
            tree.take(event)?;
        }
    }

    /// The value of an attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct Tree {
    open: Vec<Element>,
    whole: Option<Element>,
    parts: usize,
}

impl Tree {
    fn take(&mut self, event: Event<'_>) -> Result<(), Error> {
        match event {
            Event::Start(tag) => {
                let element = self.enter(&tag)?;
                self.open.push(element);
            }
            Event::Empty(tag) => {
                let element = self.enter(&tag)?;
                self.leave(element);
            }
            Event::End(_) => {
                let element = self.open.pop().ok_or_else(|| not_xml("an element ends that never began"))?;
                self.leave(element);
            }
            Event::Text(text) => self.say(&text.xml10_content())?,
            Event::CData(text) => self.say(&text.xml10_content())?,
            Event::GeneralRef(name) => self.say(character(&name)?.encode_utf8(&mut [0; 4]))?,
            Event::DocType(_) => return Err(not_xml("a document type: none is read")),
            Event::Decl(declaration) => {
                if let Some(Ok(encoding)) = declaration.encoding()
                    && !["utf-8", "us-ascii"].iter().any(|known| encoding.eq_ignore_ascii_case(known))
                {
                    return Err(not_xml("another encoding than UTF-8"));
                }
            }
            Event::Comment(_) | Event::PI(_) | Event::Eof => {}
        }
        Ok(())
    }

    fn enter(&mut self, tag: &BytesStart<'_>) -> Result<Element, Error> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Error::TooMuch("nested elements"));
        }
        if self.open.is_empty() && self.whole.is_some() {
            return Err(not_xml("a second element stands behind the first"));
        }
        let mut element = Element { name: local(tag.name().as_ref()).to_owned(), ..Element::default() };
        self.count()?;
        for attribute in tag.attributes() {
            self.count()?;
            let attribute = attribute.map_err(|error| Error::NotXml(error.to_string()))?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            let value = value.map_err(|error| Error::NotXml(error.to_string()))?;
            let name = attribute.key.as_ref();
            // Namespaces, and where their schema is said to lie.
            let says_nothing = name == "xmlns" || name.starts_with("xmlns:") || name.starts_with("xsi:");
            if !says_nothing {
                check(&value)?;
                element.attributes.push((name.to_owned(), value.into_owned()));
            }
        }
        Ok(element)
    }

    fn leave(&mut self, element: Element) {
        match self.open.last_mut() {
            Some(above) => above.children.push(element),
            None => self.whole = Some(element),
        }
    }

    fn say(&mut self, text: &str) -> Result<(), Error> {
        check(text)?;
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(not_xml("text stands outside of all elements")),
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), Error> {
        self.parts += 1;
        if self.parts > MAX_PARTS { Err(Error::TooMuch("elements and attributes")) } else { Ok(()) }
    }
}

/// A name without its prefix.
fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// What a reference stands for: those of XML itself, and of characters (XML 1.0 section 4.6).
fn character(name: &BytesRef<'_>) -> Result<char, Error> {
    if let Ok(Some(char)) = name.resolve_char_ref() {
        return Ok(char);
    }
    match name.as_ref() {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => Err(not_xml("an entity that XML does not have")),
    }
}

fn check(text: &str) -> Result<(), Error> {
    if text.chars().all(is_held) { Ok(()) } else { Err(not_xml("a character that XML 1.0 does not have")) }
}

fn not_xml(why: &str) -> Error {
    Error::NotXml(why.to_owned())
}
