//! Station inventories as FDSN StationXML 1.0 to 1.2: which channels there are, and which are restricted.
//!
//! Of a document only networks, stations and channels are read: their codes, their dates and
//! `restrictedStatus`. It is read as it comes, so an inventory with all its responses costs no more
//! memory than its epochs.

use crate::{Epoch, Span};
use element::{Element, Status};
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;
use std::io::BufRead;

mod element;

/// The most text that is read, in bytes.
pub const MAX_TEXT: u64 = 256 * 1024 * 1024;
/// The most channel epochs that are read. All of EIDA has some hundred thousands.
pub const MAX_EPOCHS: usize = 2_000_000;
/// How deep elements may lie in each other; StationXML needs about a dozen levels.
pub const MAX_DEPTH: usize = 64;

const NAMESPACE: Namespace<'static> = Namespace("http://www.fdsn.org/xml/station/1");

/// The way down to a channel.
const LEVELS: [&str; 4] = ["FDSNStationXML", "Network", "Station", "Channel"];

/// Why a text is no inventory. Whoever answers for the station service or the file must act.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Something else, perhaps an error page.
    #[error("this is no StationXML: no FDSNStationXML element in the namespace {namespace}", namespace = NAMESPACE.0)]
    NotStationXml,
    /// The form that `format=text` gives.
    #[error("the text form of an inventory does not say what is restricted: ask for StationXML")]
    TextForm,
    /// An inventory of networks or stations alone.
    #[error("no channel in this inventory: ask with level=channel")]
    NoChannels,
    /// Damaged, or cut off.
    #[error("XML is broken at byte {at}: {why}")]
    Broken {
        /// Offset in the text.
        at: u64,
        /// What the parser says.
        why: String,
    },
    /// A document type could declare entities, which are never resolved.
    #[error("a document type at byte {at}: inventories have none")]
    DocumentType {
        /// Offset in the text.
        at: u64,
    },
    /// Missing where it must be, or not of its type.
    #[error("{attribute} of a {element} is missing or unreadable at byte {at}")]
    Attribute {
        /// Offset in the text.
        at: u64,
        /// The element's name.
        element: &'static str,
        /// The attribute's name.
        attribute: &'static str,
    },
    /// Beyond what any inventory needs.
    #[error("more than {0}")]
    TooMuch(&'static str),
    /// Reading failed.
    #[error("the inventory cannot be read: {0}")]
    Unreadable(String),
}

/// Reads the channel epochs of an inventory that was asked for with `level=channel` or more.
///
/// An epoch is restricted if the `restrictedStatus` of its network, its station or its own is `closed`
/// or a word that we do not know: each of the three has a flag of its own in the servers that write
/// inventories, and an `open` below takes none of them back. Of a network or station that is `partial`
/// some is restricted, so that all below it is, except where the nearest word is `open`. A channel that
/// is `partial` itself is restricted. Without any word all is open.
///
/// A channel lasts as its own dates say; without a `startDate` it begins with its station, or else
/// with its network. An `endDate` that is missing or after the year 2499 is none. A restricted epoch
/// that ends before it begins is taken the other way round, an open one covers nothing.
///
/// # Errors
///
/// [`Error`]; nothing of an inventory that cannot be read to its end counts.
pub fn read(text: impl BufRead) -> Result<Vec<Epoch>, Error> {
    let mut text = text.take(MAX_TEXT + 1);
    if is_text_form(text.fill_buf().map_err(|error| Error::Unreadable(error.to_string()))?) {
        return Err(Error::TextForm);
    }
    let mut reader = NsReader::from_reader(text);
    reader.config_mut().expand_empty_elements = true;
    let mut buffer = Vec::new();
    let mut place = Place::default();
    loop {
        buffer.clear();
        let at = reader.buffer_position();
        let event = reader.read_resolved_event_into(&mut buffer);
        let (namespace, event) = event.map_err(|error| broken(at, error))?;
        match event {
            Event::Start(tag) => {
                let ours = namespace == ResolveResult::Bound(NAMESPACE);
                place.enter(at, ours.then_some(&tag))?;
            }
            Event::End(_) => place.leave(),
            // Beside the root there may be nothing but white space.
            Event::Text(text) if text.trim_ascii().is_empty() => {}
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => place.say(at)?,
            Event::DocType(_) => return Err(Error::DocumentType { at }),
            Event::Eof => return place.end(at),
            _ => {}
        }
        if reader.buffer_position() > MAX_TEXT {
            return Err(Error::TooMuch("256 MiB of text"));
        }
    }
}

/// Whether a text begins like `#Network|Station|...` or a line of that table, and not like XML.
fn is_text_form(beginning: &[u8]) -> bool {
    let beginning = beginning.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(beginning);
    let line = beginning.trim_ascii_start();
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or(line);
    line.starts_with(b"#") || (!line.starts_with(b"<") && line.contains(&b'|'))
}

fn broken(at: u64, error: quick_xml::Error) -> Error {
    match error {
        quick_xml::Error::Io(error) => Error::Unreadable(error.to_string()),
        error => Error::Broken { at, why: error.to_string() },
    }
}

/// Where in the document reading is, and what was found up to there.
#[derive(Default)]
struct Place {
    depth: usize,
    /// Those of the open elements that lie on the way down to a channel.
    way: Vec<Element>,
    has_root: bool,
    epochs: Vec<Epoch>,
}

impl Place {
    /// Goes into an element; `tag` is `None` if it is in another namespace.
    fn enter(&mut self, at: u64, tag: Option<&BytesStart<'_>>) -> Result<(), Error> {
        let on_the_way = self.way.len() == self.depth;
        let level = LEVELS.get(self.depth).filter(|_| on_the_way);
        match (level, tag) {
            (Some(level), Some(tag)) if tag.local_name().as_ref() == *level => {
                let element = Element::read(at, level, tag, self.way.last())?;
                if self.depth + 1 == LEVELS.len() {
                    self.epochs.push(epoch(&self.way, &element));
                }
                self.way.push(element);
            }
            _ if self.depth == 0 => return Err(Error::NotStationXml),
            _ => {}
        }
        if self.depth == 0 && std::mem::replace(&mut self.has_root, true) {
            return Err(Error::Broken { at, why: "a second document".to_owned() });
        }
        self.depth += 1;
        match () {
            () if self.depth > MAX_DEPTH => Err(Error::TooMuch("64 elements in each other")),
            () if self.epochs.len() > MAX_EPOCHS => Err(Error::TooMuch("two million channel epochs")),
            () => Ok(()),
        }
    }

    /// Comes by text that is not blank.
    fn say(&self, at: u64) -> Result<(), Error> {
        match self {
            Self { depth: 1.., .. } => Ok(()),
            Self { has_root: false, .. } => Err(Error::NotStationXml),
            Self { has_root: true, .. } => {
                Err(Error::Broken { at, why: "text behind the document".to_owned() })
            }
        }
    }

    fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.way.truncate(self.depth);
    }

    fn end(self, at: u64) -> Result<Vec<Epoch>, Error> {
        match self {
            Self { has_root: false, .. } => Err(Error::NotStationXml),
            Self { depth: 1.., .. } => Err(Error::Broken { at, why: "it ends in the middle".to_owned() }),
            Self { epochs, .. } if epochs.is_empty() => Err(Error::NoChannels),
            Self { epochs, .. } => Ok(epochs),
        }
    }
}

/// The epoch of a channel below `way`.
fn epoch(way: &[Element], channel: &Element) -> Epoch {
    let code = |level: usize| way.get(level).map_or("", |element| element.code.as_str());
    let codes = crate::CodesRef {
        network: code(1),
        station: code(2),
        location: &channel.location,
        channel: &channel.code,
    };
    let restricted = channel.status != Status::Open;
    let span = Span { start: channel.start, end: channel.end };
    let backwards = restricted && span.is_empty();
    let span = if backwards { Span { start: span.end, end: span.start } } else { span };
    Epoch { codes: codes.normalised(), span, restricted }
}
