//! One message, and the parts of its header.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::{Element, Priority};

/// One message (RFC 5424 section 6), written from its parts or read into them.
///
/// A part of the header that is `None` is the NILVALUE, `-`: the sender did not know it, or had reasons
/// not to tell. Nothing of it is proven: who sent a message is what the connection says that brought it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// Facility and severity.
    pub priority: Priority,
    /// When the sender says that it happened; whole microseconds, also where more was known.
    pub timestamp: Option<Timestamp>,
    /// HOSTNAME: the machine that sends it; at most 255 characters.
    pub hostname: Option<Cow<'a, str>>,
    /// APP-NAME: the program; at most 48 characters.
    pub app_name: Option<Cow<'a, str>>,
    /// PROCID: the process, or whatever its sender puts there; at most 128 characters.
    pub process: Option<Cow<'a, str>>,
    /// MSGID: what kind of message it is (`IHE+RFC-3881` of audit messages); at most 32 characters.
    pub kind: Option<Cow<'a, str>>,
    /// STRUCTURED-DATA; empty for none.
    pub structured: Vec<Element<'a>>,
    /// MSG: any bytes; `None` where the message ends with its header.
    pub content: Option<Cow<'a, [u8]>>,
}

impl<'a> Message<'a> {
    /// A message of which nothing is known but `priority` and `content`.
    pub fn new(priority: Priority, content: impl Into<Cow<'a, [u8]>>) -> Self {
        Self {
            priority,
            timestamp: None,
            hostname: None,
            app_name: None,
            process: None,
            kind: None,
            structured: Vec::new(),
            content: Some(content.into()),
        }
    }

    /// The content as text, without the byte order mark that some senders put before it (section 6.4).
    ///
    /// `None` where there is no content, or its bytes are no UTF-8, whatever the mark promised.
    pub fn text(&self) -> Option<&str> {
        let content = self.content.as_deref()?;
        std::str::from_utf8(content.strip_prefix(BOM).unwrap_or(content)).ok()
    }
}

/// U+FEFF in UTF-8.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// A part of the header, as errors name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `<PRIVAL>`
    Priority,
    /// VERSION, which is 1.
    Version,
    /// TIMESTAMP
    Timestamp,
    /// HOSTNAME
    Hostname,
    /// APP-NAME
    AppName,
    /// PROCID
    Process,
    /// MSGID
    Kind,
    /// STRUCTURED-DATA
    Structured,
}

impl Part {
    /// The most characters that it may have (section 6, ABNF); `None` where no one number says it.
    pub(crate) const fn most(self) -> Option<usize> {
        match self {
            Self::Hostname => Some(255),
            Self::AppName => Some(48),
            Self::Process => Some(128),
            Self::Kind => Some(32),
            Self::Priority | Self::Version | Self::Timestamp | Self::Structured => None,
        }
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Priority => "PRI",
            Self::Version => "VERSION",
            Self::Timestamp => "TIMESTAMP",
            Self::Hostname => "HOSTNAME",
            Self::AppName => "APP-NAME",
            Self::Process => "PROCID",
            Self::Kind => "MSGID",
            Self::Structured => "STRUCTURED-DATA",
        })
    }
}
