//! Another gateward, or any witness (c2sp.org/tlog-witness), that cosigns checkpoints and keeps the last.

use std::time::Duration;

use audit_log::{AddCheckpoint, Plan, add_cosignatures};
use bytes::Bytes;
use http::header::USER_AGENT;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};

use super::Trouble;
use crate::config::Witness;
use crate::server::witness::{ADD_CHECKPOINT, CHECKPOINT};
use crate::server::{outwards, trust};
use crate::store::checkpoint::StoredCheckpoint;
use crate::store::{Reader, tree};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How much of an answer is read, in bytes.
const LARGEST: usize = 64 << 10;

/// Why a witness says nothing, or does not cosign.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator of one of both, or it passes.
    #[error("{0}")]
    Unreachable(String),
    /// The operator of the witness: it does not know this log.
    #[error(
        "it does not cosign this log: give it the key that `gateward audit key` prints, for its [audit] witness"
    )]
    UnknownLog,
    /// Ours: the store is older than what was cosigned, or another server signs in this log's name.
    #[error("it has cosigned {cosigned} events of this log, and the newest checkpoint here has {here}")]
    Behind {
        /// How many it has seen.
        cosigned: u64,
        /// How many there are.
        here: u64,
    },
    /// Others ask it at the same time; it is tried again.
    #[error("what it cosigned last changes while it is asked")]
    Moves,
    /// It refuses it.
    #[error("it answered {status}: {words}")]
    Refused {
        /// The status.
        status: StatusCode,
        /// Its own words.
        words: String,
    },
    /// The operator's: another key than the configuration names.
    #[error("its cosignature is not to be believed: {0}")]
    NotBelieved(String),
}

/// What it answered.
enum Answer {
    /// The lines that go under the checkpoint.
    Lines(String),
    /// How many entries the last one has that it cosigned: the proof has to begin there.
    Last(u64),
}

/// Has `witness` cosign `newest`, of whose log it has `has` events as far as is known; returns its line.
pub async fn cosigned(
    witness: &Witness,
    reader: &Reader,
    newest: &StoredCheckpoint,
    has: u64,
) -> Result<String, Trouble> {
    let (size, mut old) = (newest.size.unsigned_abs(), has);
    // What it has is known from itself, but for a witness that tells only when it is asked to cosign.
    for _ in 0..2 {
        if old > size {
            return Err(Error::Behind { cosigned: old, here: size }.into());
        }
        let proof = match Plan::consistency(old, size) {
            Ok(plan) if old > 0 => tree::proof(reader, &plan, size).await?,
            _ => Vec::new(),
        };
        let request = AddCheckpoint { old, proof, checkpoint: newest.note.clone() };
        match cosign(witness, &request).await? {
            Answer::Lines(lines) => return Ok(believed(witness, &newest.note, &lines)?),
            Answer::Last(last) => old = last,
        }
    }
    Err(Error::Moves.into())
}

/// The line of `lines` that is of the witness's key, and over `note`.
fn believed(witness: &Witness, note: &str, lines: &str) -> Result<String, Error> {
    let known = std::slice::from_ref(&witness.key);
    let (cosigned, _) =
        add_cosignatures(note, lines, known).map_err(|error| Error::NotBelieved(error.to_string()))?;
    match cosigned.strip_prefix(note) {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        _ => Err(Error::NotBelieved(format!("none is of {}", witness.key))),
    }
}

/// Returns the checkpoint that `witness` cosigned last of the log `origin`; `None` where it has none, or tells nobody.
pub async fn last(witness: &Witness, origin: &str) -> Result<Option<String>, Error> {
    match ask(witness, Method::GET, &format!("{CHECKPOINT}{origin}"), String::new()).await? {
        (StatusCode::OK, note) => Ok(Some(note)),
        (StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED, _) => Ok(None),
        (status, words) => Err(Error::Refused { status, words: outwards::one_line(&words) }),
    }
}

/// Has `witness` cosign a checkpoint.
async fn cosign(witness: &Witness, request: &AddCheckpoint) -> Result<Answer, Error> {
    let (status, words) = ask(witness, Method::POST, ADD_CHECKPOINT, request.to_string()).await?;
    match (status, words.trim_end().parse()) {
        (StatusCode::OK, _) => Ok(Answer::Lines(words)),
        (StatusCode::NOT_FOUND, _) => Err(Error::UnknownLog),
        (StatusCode::CONFLICT, Ok(last)) => Ok(Answer::Last(last)),
        _ => Err(Error::Refused { status, words: outwards::one_line(&words) }),
    }
}

async fn ask(
    witness: &Witness,
    method: Method,
    path: &str,
    body: String,
) -> Result<(StatusCode, String), Error> {
    let unreachable = |error: &(dyn std::error::Error + 'static)| {
        let told = trust::what_is_wrong(error, &witness.url).unwrap_or_else(|| outwards::whole(error));
        Error::Unreachable(told)
    };
    // Read anew, so that a renewed certificate is believed.
    let tls = trust::tls(witness.url.starts_with("https:"), witness.ca.as_deref());
    let client = outwards::client::<Full<Bytes>>(tls.map_err(|error| unreachable(&error))?);
    let request = Request::builder()
        .method(method)
        .uri(format!("{}/{path}", witness.url))
        .header(USER_AGENT, concat!("gateward/", env!("CARGO_PKG_VERSION")))
        .body(Full::from(body))
        .map_err(|error| unreachable(&error))?;
    let answer = async {
        let response = client.request(request).await.map_err(|error| unreachable(&error))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LARGEST).collect().await;
        let body = body.map_err(|error| Error::Unreachable(outwards::whole(&*error)))?.to_bytes();
        Ok((head.status, String::from_utf8_lossy(&body).into_owned()))
    };
    let late = |_| Error::Unreachable(format!("it did not answer within {} s", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, answer).await.map_err(late)?
}
