//! Why a request is refused.

/// What about a request has no one reading; always whoever sent it has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A bare line feed, or a carriage return inside a line (RFC 9112 section 2.2).
    #[error("a line does not end with CR LF, or has one of them inside")]
    LineEnd,
    /// Neither a method, a space, a target, a space and a version, nor anything near it.
    #[error("the request line is not METHOD SP TARGET SP VERSION")]
    RequestLine,
    /// No token, or one longer than any method is.
    #[error("the method is no token")]
    Method,
    /// Not a path, an absolute URL, or `*` for OPTIONS (RFC 9112 section 3.2).
    #[error("the target is neither a path nor an http URL")]
    Target,
    /// A request for a tunnel.
    #[error("CONNECT is not served")]
    Connect,
    /// Neither 1.0 nor 1.1.
    #[error("the version is neither HTTP/1.1 nor HTTP/1.0")]
    Version,
    /// The request line is longer than [`LONGEST_LINE`](crate::LONGEST_LINE).
    #[error("the request line is too long")]
    LineTooLong,
    /// More than [`MOST_HEAD`](crate::MOST_HEAD) bytes, or [`MOST_FIELDS`](crate::MOST_FIELDS) fields.
    #[error("the head is too large")]
    HeadTooLarge,
    /// No colon, no name before it, or a name that is no token.
    #[error("a header field has no name that is a token")]
    FieldName,
    /// Some take the space for part of the name, others drop it (RFC 9112 section 5.1).
    #[error("a header field has a space before its colon")]
    SpaceBeforeColon,
    /// A line that goes on with the one before (obs-fold, RFC 9112 section 5.2).
    #[error("a header field is folded over several lines")]
    Folded,
    /// NUL or another control character in a field.
    #[error("a header field has a control character")]
    Control,
    /// None, several, or one that is no host with an optional port (RFC 9112 section 3.2).
    #[error("Host is missing, there more than once, or no host")]
    Host,
    /// The target names another server than `Host`.
    #[error("the target names another host than Host does")]
    TargetHost,
    /// Repeated, or anything but digits after at most one space.
    #[error("Content-Length is not one plain number")]
    ContentLength,
    /// Anything but exactly `chunked`, or in HTTP/1.0.
    #[error("Transfer-Encoding is not exactly chunked, in HTTP/1.1")]
    TransferEncoding,
    /// Two lengths (RFC 9112 section 6.3).
    #[error("there are both Content-Length and Transfer-Encoding")]
    BothLengths,
    /// A chunk's size that is not one to eight hexadecimal digits and CR LF; extensions are refused.
    #[error("the size of a chunk is not plain hexadecimal digits")]
    ChunkSize,
    /// A chunk whose bytes are not followed by CR LF.
    #[error("a chunk does not end where its size says")]
    ChunkEnd,
    /// A trailer that frames, routes or names somebody, or too many of them (RFC 9110 section 6.5.1).
    #[error("a trailer field may not come after the body")]
    Trailer,
}

impl Fault {
    /// The reason in one word, as records count it.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::LineEnd => "line-end",
            Self::RequestLine => "request-line",
            Self::Method => "method-token",
            Self::Target => "target",
            Self::Connect => "connect",
            Self::Version => "version",
            Self::LineTooLong => "line-too-long",
            Self::HeadTooLarge => "head-too-large",
            Self::FieldName => "field-name",
            Self::SpaceBeforeColon => "space-before-colon",
            Self::Folded => "folded",
            Self::Control => "control-character",
            Self::Host => "host",
            Self::TargetHost => "target-host",
            Self::ContentLength => "content-length",
            Self::TransferEncoding => "transfer-encoding",
            Self::BothLengths => "both-lengths",
            Self::ChunkSize => "chunk-size",
            Self::ChunkEnd => "chunk-end",
            Self::Trailer => "trailer",
        }
    }

    /// The status to answer with.
    pub const fn status(self) -> u16 {
        match self {
            Self::LineTooLong => 414,
            Self::HeadTooLarge => 431,
            Self::Connect => 501,
            Self::Version => 505,
            Self::LineEnd
            | Self::RequestLine
            | Self::Method
            | Self::Target
            | Self::FieldName
            | Self::SpaceBeforeColon
            | Self::Folded
            | Self::Control
            | Self::Host
            | Self::TargetHost
            | Self::ContentLength
            | Self::TransferEncoding
            | Self::BothLengths
            | Self::ChunkSize
            | Self::ChunkEnd
            | Self::Trailer => 400,
        }
    }
}
