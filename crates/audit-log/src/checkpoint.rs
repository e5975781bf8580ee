//! Checkpoints (c2sp.org/tlog-checkpoint): what a log says of itself at one size, signed.

use signed_note::{NotAText, OpenError, Signer, VerifierKey};

use crate::edge::{Edge, MAX_SIZE};
use crate::hash::{Hash, decimal};

/// What a log had at one size: which log, how many leaves, and the root over them.
///
/// A log never signs two that do not agree. Whoever finds two has proven that it lied, or forked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    extensions: Vec<String>,
}

/// Why a text says nothing of a log. Whoever wrote or copied it acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a checkpoint: {0}")]
pub struct NotACheckpoint(pub(crate) &'static str);

/// Why a checkpoint is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// It is no note, or not signed as it must be.
    #[error(transparent)]
    Note(#[from] OpenError),
    /// A known key signed something else.
    #[error(transparent)]
    Form(#[from] NotACheckpoint),
}

impl Checkpoint {
    /// Says what `edge` has, for the log that is called `origin`.
    ///
    /// # Errors
    ///
    /// [`NotACheckpoint`]: the origin is empty or is more than one line.
    pub fn of(origin: &str, edge: &Edge) -> Result<Self, NotACheckpoint> {
        Self::new(origin, edge.size(), edge.root())
    }

    /// Says that the log called `origin` has `size` leaves under `root`.
    ///
    /// # Errors
    ///
    /// [`NotACheckpoint`]: the origin is empty or is more than one line, or no tree has this size.
    pub fn new(origin: &str, size: u64, root: Hash) -> Result<Self, NotACheckpoint> {
        if origin.is_empty() || origin.chars().any(|letter| letter < ' ') {
            return Err(NotACheckpoint("the origin of a log is one line"));
        }
        if size > MAX_SIZE {
            return Err(NotACheckpoint("no log has that many entries"));
        }
        if size == 0 && root != Hash::EMPTY {
            return Err(NotACheckpoint("the root of a log without entries is SHA-256 of nothing"));
        }
        Ok(Self { origin: origin.to_owned(), size, root, extensions: Vec::new() })
    }

    /// Which log it is.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many leaves the log had.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root over them.
    pub fn root(&self) -> Hash {
        self.root
    }

    /// Lines that other logs have below the root, kept as they are. Ours has none.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// Writes it as it is signed, with a newline at its end.
    pub fn text(&self) -> String {
        let Self { origin, size, root, extensions } = self;
        let mut text = format!("{origin}\n{size}\n{root}\n");
        for line in extensions {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Reads the text of a checkpoint. It proves nothing: [`Checkpoint::open`] asks for a signature.
    ///
    /// # Errors
    ///
    /// [`NotACheckpoint`].
    pub fn read(text: &str) -> Result<Self, NotACheckpoint> {
        let text = text.strip_suffix('\n').ok_or(NotACheckpoint("it does not end with a newline"))?;
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(NotACheckpoint("it has fewer than three lines"));
        };
        let size = decimal(size).ok_or(NotACheckpoint("its second line is no number of entries"))?;
        let root = Hash::from_base64(root).ok_or(NotACheckpoint("its third line is no hash"))?;
        let extensions: Vec<_> = lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) {
            return Err(NotACheckpoint("it has an empty line"));
        }
        Ok(Self { extensions, ..Self::new(origin, size, root)? })
    }

    /// Signs it. The same checkpoint gives the same note.
    ///
    /// # Errors
    ///
    /// [`NotAText`]: the origin is so long that no note holds it.
    pub fn sign(&self, signer: &Signer) -> Result<String, NotAText> {
        signer.sign(&self.text())
    }

    /// Reads the note of a checkpoint that one of the keys in `known` has signed.
    ///
    /// The keys are those of one log: compare [`Checkpoint::origin`] where they serve several. Nothing
    /// is said about when it was signed, nor that there is no newer one.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`]: nothing of it is to be believed.
    pub fn open(note: &[u8], known: &[VerifierKey]) -> Result<Self, CheckpointError> {
        Ok(Self::read(signed_note::open(note, known)?.text)?)
    }
}
