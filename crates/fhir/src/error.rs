//! Why a request means nothing.

/// Why a request means nothing: the caller's to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotUnderstood {
    /// Another method is meant for this place.
    #[error("{method} means nothing here, only {allowed}")]
    Method {
        /// The one that was used.
        method: String,
        /// The value of `Allow` (RFC 9110 section 10.2.1).
        allowed: &'static str,
    },
    /// A path that leads nowhere in FHIR, or could be read in two ways.
    #[error("there is nothing at this path: {0}")]
    Path(String),
    /// Another form of answer than JSON was asked for.
    #[error("{0} cannot be answered in: only JSON, application/fhir+json")]
    NotAcceptable(String),
    /// Another form of body than JSON was sent.
    #[error("a body cannot be read as {0}: only as JSON, application/fhir+json")]
    MediaType(String),
    /// A parameter, or a header field, that has no meaning here or more than one.
    #[error("{0}")]
    Parameter(String),
    /// A body that has no meaning, or more than one.
    #[error("the body: {0}")]
    Body(String),
    /// More than is taken at once.
    #[error("{0}")]
    TooMuch(String),
}

/// Why bytes are no JSON that can be read in one way only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotJson {
    /// They break off.
    #[error("it ends too early")]
    Truncated,
    /// They are something else.
    #[error("it is not JSON")]
    Malformed,
    /// Behind the end there is more.
    #[error("there is something behind its end")]
    Trailing,
    /// It is JSON, but no object.
    #[error("it is not an object")]
    NotAnObject,
    /// The same name stands twice in one object, in whatever case (RFC 8259 section 4: readers differ).
    #[error("a name stands twice in one object")]
    NameTwice,
    /// A name of R4 in another case than R4's: readers differ.
    #[error("a name of R4 is spelled in another case")]
    NameInAnotherCase,
    /// Its entries are no list.
    #[error("its entry is no list")]
    NoList,
    /// It is nested too deep.
    #[error("it is nested too deep")]
    TooDeep,
}
