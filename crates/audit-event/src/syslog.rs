//! Events as syslog messages (IHE ITI-20: RFC 5424 with DICOM's XML in it), written and read.

use std::borrow::Cow;

use syslog::{Message, Priority};

use crate::model::Event;
use crate::{Read, dicom};

/// MSGID of an audit message.
pub const KIND: &str = "IHE+RFC-3881";

/// What senders write for it who follow DICOM (PS3.15 section A.6).
const KIND_OF_DICOM: &str = "DICOM+RFC3881";

/// Who sends a message; what may not stand in its header is written as `_`, what is empty as `-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender<'a> {
    /// The machine.
    pub hostname: &'a str,
    /// The program.
    pub app_name: &'a str,
    /// Its process.
    pub process: &'a str,
}

/// Why a message says no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Something else that somebody logged: nothing is wrong with it.
    #[error("no audit message: its MSGID is not {KIND}")]
    AnotherKind,
    /// An audit message, but one that is wrong: its sender's to mend.
    #[error(transparent)]
    Wrong(#[from] dicom::Error),
}

/// The message that says `event`: facility 10, severity 5, no structured data, DICOM's XML without a byte order mark.
///
/// Its time is that of the event, in microseconds.
pub fn write<'a>(event: &Event, sender: Sender<'a>) -> Message<'a> {
    Message {
        timestamp: Some(event.recorded),
        hostname: Some(Cow::Borrowed(sender.hostname)),
        app_name: Some(Cow::Borrowed(sender.app_name)),
        process: Some(Cow::Borrowed(sender.process)),
        kind: Some(Cow::Borrowed(KIND)),
        ..Message::new(Priority::AUDIT, dicom::write(event).into_bytes())
    }
}

/// Reads the event that `message` says, with or without a byte order mark before it.
///
/// Nothing in the header is looked at but MSGID: the event says itself when it happened and who saw it.
///
/// # Errors
///
/// [`Error::AnotherKind`] is to be kept as it came, and so is [`Error::Wrong`].
pub fn read(message: &Message<'_>) -> Result<Read, Error> {
    match message.kind.as_deref() {
        Some(KIND | KIND_OF_DICOM) => Ok(dicom::read(message.content.as_deref().unwrap_or_default())?),
        _ => Err(Error::AnotherKind),
    }
}
