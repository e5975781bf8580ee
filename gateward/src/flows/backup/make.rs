//! One backup: from its source, through the seal, into its targets.
//!
//! Two threads share the work: one sums up and compresses what the source gives, the other seals it, sums the
//! file up and writes it. Memory use is constant; what is not sealed exists in memory alone.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use backup_manifest::{Compression, Manifest, Measure, Part, RecipientKey, TooLong};
use jiff::Timestamp;
use openpgp::{Recipient, SealError, SealOptions, seal_to};
use signed_note::Signer;

use super::measured::Measured;
use super::pipe::{Inlet, pipe};
use super::source::{self, Source};
use super::target::{self, Target, Upload};
use crate::base::backup::{FileName, JobName};

/// What is to be made.
#[derive(Debug)]
pub struct Order<'a> {
    /// The job.
    pub job: &'a JobName,
    /// The file.
    pub name: FileName,
    /// This machine.
    pub host: String,
    /// How the stream is compressed before it is sealed.
    pub compression: Compression,
    /// Whom it is sealed to.
    pub recipients: &'a [Recipient],
    /// Now.
    pub started_at: Timestamp,
}

/// How far it is, for whoever looks on.
#[derive(Debug, Default)]
pub struct Progress {
    stream: AtomicU64,
    likely: AtomicU64,
}

impl Progress {
    /// How many bytes the source gave.
    pub fn stream_bytes(&self) -> u64 {
        self.stream.load(Ordering::Relaxed)
    }

    /// How many it will likely be; `None` where nobody can guess.
    pub fn likely_bytes(&self) -> Option<u64> {
        Some(self.likely.load(Ordering::Relaxed)).filter(|bytes| *bytes > 0)
    }

    /// Says how many it will likely be.
    pub fn expect(&self, bytes: u64) {
        self.likely.store(bytes, Ordering::Relaxed);
    }
}

/// A backup that lies complete in at least one target.
#[derive(Debug)]
pub struct Made {
    /// What is said of it.
    pub manifest: Manifest,
    /// Where it lies.
    pub places: Vec<String>,
    /// What went wrong in the other targets.
    pub failed: Vec<target::Error>,
}

/// Why there is no backup; nothing of it is found anywhere.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator's.
    #[error(transparent)]
    Source(#[from] source::Error),
    /// The operator's: a recipient.
    #[error("sealing: {0}")]
    Seal(SealError),
    /// The operator's: each of the targets.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Targets(Vec<target::Error>),
    /// The operator's: more tables, or longer names, than a manifest holds.
    #[error(transparent)]
    Manifest(#[from] TooLong),
}

impl Error {
    /// The reason in one word.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Source(_) => "source",
            Self::Seal(_) => "recipient",
            Self::Targets(_) => "target",
            Self::Manifest(_) => "manifest",
        }
    }
}

/// Makes one backup.
///
/// `seed` is 32 fresh bytes. `signer` vouches for the manifest, `now` reads the clock at the end.
///
/// # Errors
///
/// [`Error`]: then no target has anything of it.
pub fn make(
    order: &Order<'_>,
    source: &mut dyn Source,
    targets: &[Box<dyn Target>],
    signer: &Signer,
    now: &dyn Fn() -> Timestamp,
    seed: [u8; 32],
    progress: &Progress,
) -> Result<Made, Error> {
    let out = Out::begin(targets, &order.name)?;
    let mut file = Measured::new(out);
    let (inlet, outlet) = pipe();
    let (poured, sealed) = std::thread::scope(|scope| {
        let pouring = scope.spawn(|| pour(source, inlet, order.compression, &progress.stream));
        let options = SealOptions::default();
        let sealed = seal_to(outlet, &mut file, order.recipients, order.started_at, seed, &options);
        (pouring.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), sealed)
    });
    let (out, file) = file.finish();
    let ((parts, stream), sealed) = match (poured, sealed) {
        (Ok(poured), Ok(sealed)) => (poured, sealed),
        // Whoever stopped first is the cause; the other side only noticed.
        (_, Err(SealError::Output(_))) => return Err(Error::Targets(out.errors)),
        (Ok(_) | Err(source::Error::Output(_)), Err(error)) => return Err(Error::Seal(error)),
        (Err(error), _) => return Err(error.into()),
    };
    let manifest = Manifest {
        backup: order.name.to_string(),
        job: order.job.to_string(),
        host: order.host.clone(),
        made_by: concat!("gateward ", env!("CARGO_PKG_VERSION")).to_owned(),
        started_at: order.started_at,
        finished_at: now().max(order.started_at),
        file,
        stream,
        compression: order.compression,
        protection: sealed.protection.to_string(),
        recipients: order.recipients.iter().map(|it| opener(it, order.started_at)).collect(),
        parts,
    };
    let note = manifest.sign(signer)?;
    let (places, failed) = out.complete(targets, &order.name, &note);
    if places.is_empty() { Err(Error::Targets(failed)) } else { Ok(Made { manifest, places, failed }) }
}

fn opener(recipient: &Recipient, now: Timestamp) -> RecipientKey {
    let key = recipient.key_at(now).expect("something was sealed to it just now");
    let lower = |fingerprint: openpgp::Fingerprint| fingerprint.to_string().to_lowercase();
    RecipientKey { fingerprint: lower(recipient.fingerprint()), opens_with: lower(key.fingerprint()) }
}

/// Says how much went through, while it does.
struct Watched<'a, W> {
    to: W,
    bytes: &'a AtomicU64,
}

impl<W: Write> Write for Watched<'_, W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.to.write(buffer)?;
        self.bytes.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Runs the source to its end; the stream ends only if all of it is good.
fn pour(
    source: &mut dyn Source,
    inlet: Inlet,
    compression: Compression,
    bytes: &AtomicU64,
) -> Result<(Vec<Part>, Measure), source::Error> {
    let (poured, inlet) = match compression {
        Compression::None => {
            let mut out = Measured::new(Watched { to: inlet, bytes });
            let parts = source.pour(&mut out)?;
            let (Watched { to: inlet, .. }, measure) = out.finish();
            ((parts, measure), inlet)
        }
        Compression::Zstd => {
            let encoder = zstd::Encoder::new(inlet, LEVEL).map_err(source::Error::Output)?;
            let mut out = Measured::new(Watched { to: encoder, bytes });
            let parts = source.pour(&mut out)?;
            let (Watched { to: encoder, .. }, measure) = out.finish();
            ((parts, measure), encoder.finish().map_err(source::Error::Output)?)
        }
    };
    inlet.end().map_err(source::Error::Output)?;
    Ok(poured)
}

/// The usual one of Zstandard's: beyond it each percent costs much.
const LEVEL: i32 = 3;

/// The file, on its way to all targets at once. One that fails is left; the others go on.
struct Out {
    uploads: Vec<Option<Box<dyn Upload>>>,
    places: Vec<String>,
    errors: Vec<target::Error>,
}

impl Out {
    fn begin(targets: &[Box<dyn Target>], name: &FileName) -> Result<Self, Error> {
        let (mut uploads, mut errors) = (Vec::new(), Vec::new());
        for target in targets {
            match target.begin(name) {
                Ok(upload) => uploads.push(Some(upload)),
                Err(error) => {
                    errors.push(error);
                    uploads.push(None);
                }
            }
        }
        if uploads.iter().all(Option::is_none) {
            return Err(Error::Targets(errors));
        }
        let places = targets.iter().map(|target| target.place()).collect();
        Ok(Self { uploads, places, errors })
    }

    /// The manifest first: a crash in between leaves a manifest without its backup, which the next run clears,
    /// and never a backup that nobody vouches for.
    fn complete(
        self,
        targets: &[Box<dyn Target>],
        name: &FileName,
        note: &str,
    ) -> (Vec<String>, Vec<target::Error>) {
        let (mut places, mut errors) = (Vec::new(), self.errors);
        for ((target, upload), place) in targets.iter().zip(self.uploads).zip(self.places) {
            let Some(upload) = upload else { continue };
            if let Err(error) = target.put(&name.manifest(), note.as_bytes()) {
                // What lies there may be another's of that name.
                errors.push(error);
                continue;
            }
            match upload.complete() {
                Ok(()) => places.push(place),
                Err(error) => {
                    errors.push(error);
                    // Where nobody knows whether the file is there, its manifest stays. One that cannot be removed
                    // now, pruning clears.
                    if matches!(target.read(name), Err(target::Error::Missing { .. })) {
                        let _ = target.remove(&name.manifest());
                    }
                }
            }
        }
        (places, errors)
    }
}

/// Some targets say themselves which they are.
fn named(error: io::Error, place: &str) -> target::Error {
    error.downcast().unwrap_or_else(|source| target::Error::Io { place: place.to_owned(), source })
}

impl Write for Out {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        for (upload, place) in self.uploads.iter_mut().zip(&self.places) {
            if let Some(there) = upload
                && let Err(source) = there.write_all(buffer)
            {
                self.errors.push(named(source, place));
                *upload = None;
            }
        }
        if self.uploads.iter().all(Option::is_none) {
            return Err(io::Error::other("no target takes any more"));
        }
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // Each is flushed when it is completed.
        Ok(())
    }
}
