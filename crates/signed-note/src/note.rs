//! The note: its text, and the lines under it.

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::key::{KeyId, Signer, VerifierKey, check_name};

/// How long a note may be, with its signatures.
pub const MAX_BYTES: usize = 4 << 20;

/// How many signatures a note may have; the specification asks for at least 16.
pub const MAX_SIGNATURES: usize = 64;

/// How every signature line begins: an em dash and a space.
pub(crate) const SIGNATURE: &str = "\u{2014} ";

/// A note that at least one of the keys that count has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note<'a> {
    /// What was signed, with the newline at its end.
    pub text: &'a str,
    /// The keys that count and have signed it, each once, in the order of their lines.
    pub signed_by: Vec<&'a VerifierKey>,
}

/// Why a text cannot be signed as a note. Whoever wrote it acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAText {
    /// A signature could not be told from it.
    #[error("the text of a note ends with a newline")]
    Newline,
    /// Readers would refuse it.
    #[error("the text of a note has no control characters but newlines")]
    Control,
    /// Readers would refuse it.
    #[error("the text of a note with its signature has at most {MAX_BYTES} bytes")]
    TooLarge,
}

/// Why a note is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Another file, or one that was cut or changed on its way.
    #[error("not a signed note: {0}")]
    NotANote(&'static str),
    /// No note is that long.
    #[error("longer than {MAX_BYTES} bytes, which no note is")]
    TooLarge,
    /// Somebody signed it whom the reader does not know: a key is missing, or it is not from where it should be.
    #[error("signed by none of the known keys, but by {}", list(.0))]
    Unknown(Vec<KeyId>),
    /// The text or the signature was changed, or somebody put a known name under their own.
    #[error("the signature of {0} does not belong to this text")]
    BadSignature(KeyId),
}

fn list(keys: &[KeyId]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Says whether `text` may have signatures under it.
pub(crate) fn check_text(text: &str) -> Result<(), NotAText> {
    if !text.ends_with('\n') {
        return Err(NotAText::Newline);
    }
    // Control characters are those below U+0020 in the specification; DEL is none of them.
    if text.bytes().any(|byte| byte < b' ' && byte != b'\n') {
        return Err(NotAText::Control);
    }
    Ok(())
}

impl Signer {
    /// Writes the note of `text`, signed by this key alone.
    ///
    /// The same text gives the same note.
    ///
    /// # Errors
    ///
    /// [`NotAText`]: [`open`] would refuse it.
    pub fn sign(&self, text: &str) -> Result<String, NotAText> {
        check_text(text)?;
        let name = &self.verifier_key().id().name;
        let note = format!("{text}\n{SIGNATURE}{name} {}\n", self.signature_over(text));
        if note.len() > MAX_BYTES { Err(NotAText::TooLarge) } else { Ok(note) }
    }
}

/// Reads a note that must be signed by one of the keys in `known`.
///
/// Signatures of other keys are passed over. One of a known key that does not fit refuses the whole note,
/// whatever else is under it. Nothing is said about *when* it was signed.
///
/// # Errors
///
/// [`OpenError`]: none of the text is to be believed.
pub fn open<'a>(note: &'a [u8], known: &'a [VerifierKey]) -> Result<Note<'a>, OpenError> {
    let (text, lines) = split(note)?;
    let mut signed_by: Vec<&VerifierKey> = Vec::new();
    for line in &lines {
        // Name and id together, as the specification has it: two keys may share either.
        let mut keys = known.iter().filter(|key| *key.id() == line.by).peekable();
        if keys.peek().is_none() {
            continue;
        }
        let key = keys
            .find(|key| key.accepts(text, &line.signature))
            .ok_or_else(|| OpenError::BadSignature(line.by.clone()))?;
        if !signed_by.contains(&key) {
            signed_by.push(key);
        }
    }
    if signed_by.is_empty() {
        return Err(OpenError::Unknown(lines.into_iter().map(|line| line.by).collect()));
    }
    Ok(Note { text, signed_by })
}

/// Takes a note apart, into its text and the lines under it. Nothing of it is believed yet.
pub(crate) fn split(note: &[u8]) -> Result<(&str, Vec<Line<'_>>), OpenError> {
    if note.len() > MAX_BYTES {
        return Err(OpenError::TooLarge);
    }
    let note = str::from_utf8(note).map_err(|_| OpenError::NotANote("it is not UTF-8"))?;
    check_text(note).map_err(|why| match why {
        NotAText::Newline => OpenError::NotANote("it does not end with a newline"),
        NotAText::Control | NotAText::TooLarge => OpenError::NotANote("it has control characters"),
    })?;
    // The last empty line: a text may have others.
    let (text, signatures) = note
        .rfind("\n\n")
        .map(|at| (&note[..=at], &note[at + 2..]))
        .ok_or(OpenError::NotANote(NO_SIGNATURE))?;
    let lines = signatures.lines().map(Line::read).collect::<Result<Vec<_>, _>>()?;
    match lines.len() {
        0 => return Err(OpenError::NotANote(NO_SIGNATURE)),
        1..=MAX_SIGNATURES => {}
        _ => return Err(OpenError::NotANote("it has too many signatures")),
    }
    Ok((text, lines))
}

const NO_SIGNATURE: &str = "there is no signature under it";

/// One signature: em dash, space, name, space, base64 of the key's id and the signature.
pub(crate) struct Line<'a> {
    pub(crate) text: &'a str,
    pub(crate) by: KeyId,
    pub(crate) signature: Vec<u8>,
}

impl<'a> Line<'a> {
    fn read(line: &'a str) -> Result<Self, OpenError> {
        Self::parse(line).ok_or(OpenError::NotANote("a line under it is no signature"))
    }

    fn parse(text: &'a str) -> Option<Self> {
        let (name, blob) = text.strip_prefix(SIGNATURE)?.split_once(' ')?;
        check_name(name).ok()?;
        // Padding and unused bits have one right form: no byte can be changed unseen.
        let blob = BASE64_STANDARD.decode(blob).ok()?;
        let (id, signature) = blob.split_first_chunk::<4>()?;
        if signature.is_empty() {
            return None;
        }
        Some(Self { text, by: KeyId { name: name.to_owned(), id: *id }, signature: signature.to_vec() })
    }
}
