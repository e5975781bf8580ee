//! What a WADL is made of, and where in its text.

use super::{Edit, Error, tag};
use quick_xml::escape::{escape, unescape};
use quick_xml::events::attributes::AttrError;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

pub(super) const NAMESPACE: Namespace<'static> = Namespace("http://wadl.dev.java.net/2009/02");

/// How deep elements may lie in each other; a WADL needs seven levels.
const MAX_DEPTH: usize = 64;

/// One `resource`.
pub(super) struct Resource {
    /// From `resources` down to it, without slashes around: `query` also where it is written
    /// `<resource path="/"><resource path="/query">`.
    pub(super) path: String,
    /// Whether it lies in no other.
    direct: bool,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Where the value of its own attribute `path` stands.
    pub(super) path_value: Range<usize>,
}

/// The parts of a WADL that matter here.
#[derive(Default)]
pub(super) struct Outline {
    /// The prefix of the namespace with its colon, or nothing.
    pub(super) prefix: String,
    /// The start tag of the one `resources`.
    resources: Option<Range<usize>>,
    found: Vec<Resource>,
    /// Every attribute `id`: where its value stands, and what it is.
    pub(super) ids: Vec<(Range<usize>, String)>,
}

/// An open element.
#[derive(Clone, Copy)]
enum Open {
    Application,
    Resources,
    /// The one of this number.
    Resource(usize),
    Another,
}

impl Outline {
    pub(super) fn read(text: &str) -> Result<Self, Error> {
        let mut reader = NsReader::from_str(text);
        let mut outline = Self::default();
        let mut open = Vec::new();
        let mut ended = false;
        loop {
            let start = position(&reader);
            let broken = |error: quick_xml::Error| Error::Broken { at: start, why: error.to_string() };
            let (namespace, event) = reader.read_resolved_event().map_err(broken)?;
            let ours = namespace == ResolveResult::Bound(NAMESPACE);
            let end = position(&reader);
            match event {
                Event::Start(_) | Event::Empty(_) if ended || open.len() > MAX_DEPTH => {
                    return Err(Error::Broken { at: start, why: "an element too many".to_owned() });
                }
                Event::Start(tag) => open.push(outline.enter(text, start..end, &tag, ours, &open)?),
                Event::Empty(tag) => {
                    let entered = outline.enter(text, start..end, &tag, ours, &open)?;
                    outline.leave(entered, end);
                }
                Event::End(_) => {
                    if let Some(left) = open.pop() {
                        outline.leave(left, end);
                    }
                    ended = open.is_empty();
                }
                Event::Text(said) if said.trim_ascii().is_empty() => {}
                Event::Text(_) | Event::CData(_) if open.is_empty() => return Err(Error::NotWadl),
                Event::DocType(_) => return Err(Error::Entity { at: start }),
                Event::GeneralRef(name) if !is_predefined(&name) => return Err(Error::Entity { at: start }),
                Event::Eof if !open.is_empty() => {
                    return Err(Error::Broken { at: start, why: "it ends in the middle".to_owned() });
                }
                Event::Eof if !ended => return Err(Error::NotWadl),
                Event::Eof => break,
                _ => {}
            }
        }
        if outline.resources.is_some() { Ok(outline) } else { Err(Error::Resources) }
    }

    /// Notes an element whose start tag stands at `at`, inside of those that are `open`.
    fn enter(
        &mut self,
        text: &str,
        at: Range<usize>,
        tag: &BytesStart<'_>,
        ours: bool,
        open: &[Open],
    ) -> Result<Open, Error> {
        if !text.get(at.clone()).is_some_and(|source| source.starts_with('<')) {
            // Behind a second byte order mark positions are not those in the text.
            return Err(Error::Broken { at: at.start, why: "a tag that is not where it is".to_owned() });
        }
        for attribute in tag.attributes() {
            // Twice the same, a missing quote.
            let broken = |error: AttrError| Error::Broken { at: at.start, why: error.to_string() };
            let value = attribute.map_err(broken)?.value;
            unescape(&value).map_err(|_| Error::Entity { at: at.start })?;
        }
        if let Some(id) = attribute(text, &at, "id") {
            self.ids.push((id.clone(), unescaped(text, id)?));
        }
        let name = tag.local_name();
        Ok(match (open.last(), name.as_ref()) {
            (None, "application") if ours => Open::Application,
            (None, _) => return Err(Error::NotWadl),
            (Some(Open::Application), "resources") if ours => {
                let prefix = tag::name(&text[at.clone()]).strip_suffix(name.as_ref());
                prefix.unwrap_or_default().clone_into(&mut self.prefix);
                if self.resources.replace(at).is_some() {
                    return Err(Error::Resources);
                }
                Open::Resources
            }
            (Some(Open::Resources), "resource") if ours => self.enter_resource(text, at, None)?,
            (Some(Open::Resource(above)), "resource") if ours => {
                self.enter_resource(text, at, Some(*above))?
            }
            _ => Open::Another,
        })
    }

    /// Notes a resource, which may lie in the one with the number `above`.
    fn enter_resource(&mut self, text: &str, at: Range<usize>, above: Option<usize>) -> Result<Open, Error> {
        let Some(path_value) = attribute(text, &at, "path") else { return Ok(Open::Another) };
        let own = unescaped(text, path_value.clone())?;
        let above = above.and_then(|number| self.found.get(number));
        let path = format!("{}/{}", above.map_or("", |above| &above.path), own.trim_matches('/'));
        let (direct, path) = (above.is_none(), path.trim_matches('/').to_owned());
        self.found.push(Resource { path, direct, start: at.start, end: at.end, path_value });
        Ok(Open::Resource(self.found.len() - 1))
    }

    /// Notes that an element ends at `end`.
    fn leave(&mut self, left: Open, end: usize) {
        if let Open::Resource(number) = left
            && let Some(resource) = self.found.get_mut(number)
        {
            resource.end = end;
        }
    }

    pub(super) fn find(&self, path: &str) -> Option<&Resource> {
        self.found.iter().find(|resource| resource.path == path)
    }

    /// Whether `auth` stands where clients look for it.
    pub(super) fn has_auth(&self, text: &str) -> bool {
        // They compare the text, not the path it means.
        self.found.iter().any(|resource| resource.direct && &text[resource.path_value.clone()] == "auth")
    }

    /// The last resource that lies in no other; there is one if there is any.
    pub(super) fn last_direct(&self) -> Option<&Resource> {
        self.found.iter().rfind(|resource| resource.direct)
    }

    /// `wished`, or as much like it as no `id` of the document is.
    pub(super) fn unused_id(&self, wished: &str) -> String {
        let used: BTreeSet<_> = self.ids.iter().map(|(_, id)| id.as_str()).collect();
        let mut id = wished.to_owned();
        while used.contains(id.as_str()) {
            id.push('_');
        }
        id
    }

    /// Puts `base` in the place of the upstream's own.
    pub(super) fn base_edit(&self, text: &str, base: &str) -> Edit {
        let at = self.resources.clone().unwrap_or_default();
        let source = &text[at.clone()];
        let base = escape(base);
        let behind_name = at.start + 1 + tag::name(source).len();
        match attribute(text, &at, "base") {
            Some(value) => (value, base.into_owned()),
            None => (behind_name..behind_name, format!(r#" base="{base}""#)),
        }
    }
}

/// Where the value of an attribute stands, in the start tag at `at`.
fn attribute(text: &str, at: &Range<usize>, name: &str) -> Option<Range<usize>> {
    let value = tag::value(&text[at.clone()], name)?;
    Some(at.start + value.start..at.start + value.end)
}

/// The value at `at`, with the references of XML itself resolved: there are no others.
fn unescaped(text: &str, at: Range<usize>) -> Result<String, Error> {
    let entity = Error::Entity { at: at.start };
    unescape(&text[at]).map(Cow::into_owned).map_err(|_| entity)
}

fn position(reader: &NsReader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).expect("positions lie in a text in memory")
}

/// `&amp;` and its like, and characters by number.
fn is_predefined(reference: &str) -> bool {
    reference.starts_with('#') || matches!(reference, "amp" | "lt" | "gt" | "quot" | "apos")
}
