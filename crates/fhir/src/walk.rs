//! A resource as its bytes come: member by member, and where it is a Bundle, entry by entry.
//!
//! Only the outermost braces and the list of entries are followed here; whatever stands between them is cut
//! out as one span and read by [`json`](crate::json), which refuses spans that are not one value.

use bytes::{Bytes, BytesMut};

use crate::json::{At, Fields, Found, Seen, read};
use crate::{NotJson, ResourceType};

/// A resource of which a part has come.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// What has come and was not taken away.
    held: BytesMut,
    /// How far in it was looked.
    at: usize,
    place: Place,
    /// The member whose value is read.
    name: String,
    /// What the resource says of itself.
    pub(crate) fields: Fields,
    pub(crate) found: Found,
    entries: Entries,
}

/// Whose `entry` is followed entry by entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Entries {
    /// That of a resource that has said that it is a Bundle: of any other it is a member as all are.
    #[default]
    OfBundles,
    /// Whatever it says: all of it is there before anything is done.
    OfAll,
}

#[derive(Debug, Default)]
enum Place {
    /// Before the first brace.
    #[default]
    Start,
    /// Behind a brace, where a name or the end may stand.
    FirstName,
    /// Behind a comma.
    Name,
    Colon,
    Value,
    AfterValue,
    FirstEntry,
    Entry,
    AfterEntry,
    /// In the midst of a value.
    Within(What, Span),
    End,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Name,
    Member,
    Entry,
}

/// How far it went.
pub(crate) enum Step {
    /// More has to come.
    Waits,
    /// A name or a member is done.
    Went,
    /// An entry is done; what it says of itself.
    Entry(Box<Fields>),
}

impl Walk {
    pub(crate) fn new(entries: Entries) -> Self {
        Self { entries, ..Self::default() }
    }

    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.held.extend_from_slice(piece);
    }

    pub(crate) fn held(&self) -> &[u8] {
        &self.held
    }

    /// How much of what is held was understood.
    pub(crate) fn looked_at(&self) -> usize {
        self.at
    }

    /// Takes away what is held up to `end`, which was understood.
    pub(crate) fn take(&mut self, end: usize) -> Bytes {
        self.at -= end;
        if let Place::Within(_, span) = &mut self.place {
            span.from -= end;
        }
        self.held.split_to(end).freeze()
    }

    /// Goes on until a name, a member or an entry is done.
    pub(crate) fn step(&mut self) -> Result<Step, NotJson> {
        loop {
            if let Place::Within(what, span) = &mut self.place {
                let what = *what;
                let Some(end) = span.find_end(&self.held, &mut self.at)? else { return Ok(Step::Waits) };
                let span = span.from..end;
                return self.value(what, span);
            }
            let Some(byte) = self.next_byte() else { return Ok(Step::Waits) };
            self.place = match (&self.place, byte) {
                (Place::Start, b'{') => Place::FirstName,
                (Place::Start, b'[' | b'"' | b'0'..=b'9' | b'-' | b't' | b'f' | b'n') => {
                    return Err(NotJson::NotAnObject);
                }
                (Place::FirstName | Place::Name, b'"') => Place::Within(What::Name, Span::at(self.at)),
                (Place::FirstName | Place::AfterValue, b'}') => {
                    self.fields.end(At::TOP, &mut self.found);
                    Place::End
                }
                (Place::Colon, b':') => Place::Value,
                (Place::Value, b'[') if self.name == "entry" && self.has_entries() => Place::FirstEntry,
                (Place::Value, _) => Place::Within(What::Member, Span::at(self.at)),
                (Place::AfterValue, b',') => Place::Name,
                (Place::FirstEntry | Place::AfterEntry, b']') => Place::AfterValue,
                (Place::FirstEntry | Place::Entry, _) => Place::Within(What::Entry, Span::at(self.at)),
                (Place::AfterEntry, b',') => Place::Entry,
                (Place::End, _) => return Err(NotJson::Trailing),
                _ => return Err(NotJson::Malformed),
            };
            if !matches!(self.place, Place::Within(..)) {
                self.at += 1;
            }
        }
    }

    fn value(&mut self, what: What, span: std::ops::Range<usize>) -> Result<Step, NotJson> {
        let json = &self.held[span.clone()];
        match what {
            What::Name => {
                let Seen::Text(name) = read(json, At::TOP, 1, &mut Found::default())? else {
                    return Err(NotJson::Malformed);
                };
                self.fields.begin(&name)?;
                self.name = name.into_owned();
                self.place = Place::Colon;
                Ok(Step::Went)
            }
            What::Member => {
                if self.name == "entry" && self.entries == Entries::OfAll {
                    // Some servers go through an object as through a list.
                    return Err(NotJson::NoList);
                }
                let seen = read(json, At::TOP.member(&self.name), 1, &mut self.found)?;
                self.fields.take(&self.name, seen, &mut self.found);
                self.place = Place::AfterValue;
                Ok(Step::Went)
            }
            What::Entry => {
                let seen = read(json, At::ENTRY, 2, &mut self.found)?;
                self.place = Place::AfterEntry;
                match seen {
                    Seen::Object(fields) => Ok(Step::Entry(fields)),
                    // R4 has objects here only; whoever reads on might stumble.
                    Seen::Text(_) | Seen::List(_) | Seen::Other => Err(NotJson::Malformed),
                }
            }
        }
    }

    fn has_entries(&self) -> bool {
        let is_bundle = self.fields.resource_type.as_deref() == Some(ResourceType::BUNDLE.as_str());
        is_bundle || self.entries == Entries::OfAll
    }

    /// The next byte that is no blank (RFC 8259 section 2).
    fn next_byte(&mut self) -> Option<u8> {
        let rest = self.held.get(self.at..)?;
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.at += blanks;
        rest.get(blanks).copied()
    }

    /// Ends it.
    ///
    /// # Errors
    ///
    /// [`NotJson::Truncated`], unless nothing came at all.
    pub(crate) fn finish(&self) -> Result<(), NotJson> {
        match self.place {
            Place::End => Ok(()),
            Place::Start if self.held.is_empty() => Ok(()),
            _ => Err(NotJson::Truncated),
        }
    }
}

/// A value whose end is looked for.
#[derive(Debug)]
struct Span {
    from: usize,
    depth: usize,
    in_text: bool,
    begun: bool,
}

impl Span {
    fn at(from: usize) -> Self {
        Self { from, depth: 0, in_text: false, begun: false }
    }

    /// Goes on at `at`; gives the end once it is there. Brackets are counted, not matched: whoever reads the
    /// span does that.
    fn find_end(&mut self, bytes: &[u8], at: &mut usize) -> Result<Option<usize>, NotJson> {
        while let Some(byte) = bytes.get(*at) {
            if self.in_text {
                let rest = &bytes[*at..];
                let Some(next) = memchr::memchr2(b'"', b'\\', rest) else {
                    *at = bytes.len();
                    return Ok(None);
                };
                if rest[next] == b'"' {
                    *at += next + 1;
                    self.in_text = false;
                    if self.depth == 0 {
                        return Ok(Some(*at));
                    }
                } else if next + 1 < rest.len() {
                    // Whatever is escaped ends nothing.
                    *at += next + 2;
                } else {
                    *at += next;
                    return Ok(None);
                }
                continue;
            }
            match byte {
                b'"' | b'{' | b'[' if self.depth == 0 && self.begun => return Ok(Some(*at)),
                b'"' => self.in_text = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth > 1 => self.depth -= 1,
                b'}' | b']' if self.depth == 1 => {
                    *at += 1;
                    return Ok(Some(*at));
                }
                b'}' | b']' | b',' | b':' if self.depth == 0 && !self.begun => {
                    return Err(NotJson::Malformed);
                }
                b'}' | b']' | b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if self.depth == 0 => {
                    return Ok(Some(*at));
                }
                _ => {}
            }
            self.begun = true;
            *at += 1;
        }
        Ok(None)
    }
}
