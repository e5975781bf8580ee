//! Messages of others, in the words of the log.

use serde::Serialize;

use crate::base::identity::NodeName;

/// What happened to messages of others; the name of the variant, in snake case, is the event's `kind`.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "docs/formats.md describes each kind and field")]
pub enum SyslogWhat {
    /// One message; its bytes stand in the personal part.
    MessageReceived {
        transport: Transport,
        /// The node whose certificate brought it, whatever it says of itself; nobody's by UDP.
        #[serde(skip_serializing_if = "Option::is_none")]
        node: Option<NodeName>,
        form: Form,
        #[serde(skip_serializing_if = "Option::is_none")]
        facility: Option<u8>,
        #[serde(skip_serializing_if = "Option::is_none")]
        severity: Option<u8>,
        /// The code of the event that a DICOM audit message tells of, as it says.
        #[serde(skip_serializing_if = "Option::is_none")]
        event_code: Option<String>,
        /// How that event came out, as it says: 0, 4, 8 or 12.
        #[serde(skip_serializing_if = "Option::is_none")]
        event_outcome: Option<u8>,
    },
    /// What a node sent cannot be read on; its connection was closed.
    StreamRefused { node: NodeName, detail: String },
    /// Events were gone before a place that they were to be sent to took them.
    FeedMissed { feed: String, events: u64, from: u64, to: u64 },
    /// A place will never take these; it got what came after them.
    FeedRefused { feed: String, events: Vec<String> },
    /// Datagrams that came and were not kept: too many at once.
    MessagesDropped { count: u64, since: String, until: String },
}

/// How a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// RFC 5425, from a registered node.
    Tls,
    /// RFC 5426, from anybody.
    Udp,
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// An RFC 5424 message with a DICOM audit message in it.
    Dicom,
    /// Anything else.
    Raw,
}
