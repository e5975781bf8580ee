//! A file on its way to an object store: part by part, while the next one is being made.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use http::Method;
use tokio::sync::Notify;

use super::asking::{Asked, Server};
use super::explain::Right;
use super::objects::{MARK, Object};
use crate::flows::backup::target::{Error, Upload};

/// How long a part is: one is being filled while another one travels, so that twice this is in memory.
const PART: usize = 16 * 1024 * 1024;

/// How many parts an object has at most ("Amazon S3 multipart upload limits").
///
/// All but the last are of one length, as some servers ask for. So the longest file has 156.25 GiB.
const MOST_PARTS: usize = 10_000;

/// What is not longer than a part is laid there in one request, when it is complete.
#[derive(Debug)]
pub(super) struct InParts {
    server: Arc<Server>,
    object: Arc<Object>,
    part: Vec<u8>,
    sending: Option<Sending>,
}

/// What sends parts, one after the other, on a thread of its own.
#[derive(Debug)]
struct Sending {
    upload: String,
    handed_over: usize,
    parts: Option<SyncSender<Vec<u8>>>,
    stop: Arc<Notify>,
    thread: Option<JoinHandle<Result<Vec<String>, Error>>>,
}

impl InParts {
    pub(super) fn new(server: Arc<Server>, object: Object) -> Self {
        Self { server, object: Arc::new(object), part: Vec::new(), sending: None }
    }

    /// Has the part sent that is filled.
    fn hand_over(&mut self) -> Result<(), Error> {
        let part = std::mem::take(&mut self.part);
        let sending = match &mut self.sending {
            Some(sending) => sending,
            none => none.insert(Sending::begin(&self.server, &self.object)?),
        };
        if sending.handed_over == MOST_PARTS {
            let most = MOST_PARTS * (PART >> 20) / 1024;
            let why =
                format!("it has more than {most} GiB, which is the most that goes into {MOST_PARTS} parts");
            return Err(self.server.failed_because(&format!("laying {} there", self.object.name), &why));
        }
        sending.handed_over += 1;
        if sending.parts.as_ref().is_none_or(|parts| parts.send(part).is_err()) {
            return Err(sending.finish().err().unwrap_or_else(|| self.stopped()));
        }
        self.part.reserve_exact(PART);
        Ok(())
    }

    fn stopped(&self) -> Error {
        self.server.failed_because(&format!("laying {} there", self.object.name), "it failed before")
    }
}

impl Sending {
    fn begin(server: &Arc<Server>, object: &Arc<Object>) -> Result<Self, Error> {
        let upload = server.run(begin(server, object))?;
        // Without room: a part waits here until the one before it has arrived.
        let (parts, to_send) = sync_channel(0);
        let stop = Arc::new(Notify::new());
        let work = {
            let (server, object, upload, stop) =
                (server.clone(), object.clone(), upload.clone(), stop.clone());
            move || send(&server, &object, &upload, &to_send, &stop)
        };
        let thread = std::thread::Builder::new().name("s3 parts".into()).spawn(work).map_err(|error| {
            server.failed_because("starting a thread that sends parts", &error.to_string())
        })?;
        Ok(Self { upload, handed_over: 0, parts: Some(parts), stop, thread: Some(thread) })
    }

    /// Waits until all has arrived that was handed over; gives the tags of the parts.
    fn finish(&mut self) -> Result<Vec<String>, Error> {
        self.parts = None;
        let sent = self.thread.take().map(JoinHandle::join).transpose();
        Ok(sent.expect("sending parts does not panic").transpose()?.unwrap_or_default())
    }
}

async fn begin(server: &Server, object: &Object) -> Result<String, Error> {
    let asked = Asked::new(Method::POST, Some(&object.key), &[("uploads", "")]).field(MARK, &*object.mark);
    let doing = format!("beginning {}", object.name);
    let answer = server.ask(&asked).await.result.map_err(|no| server.failed(&doing, &no, Right::Put))?;
    answer
        .text("InitiateMultipartUploadResult", "UploadId")
        .filter(|upload| !upload.is_empty())
        .ok_or_else(|| server.failed_because(&doing, "it gave no id for an upload: no S3 answers like this"))
}

/// Sends parts as they come, until no more can come.
fn send(
    server: &Server,
    object: &Object,
    upload: &str,
    parts: &Receiver<Vec<u8>>,
    stop: &Notify,
) -> Result<Vec<String>, Error> {
    let mut tags = Vec::new();
    for part in parts {
        let number = (tags.len() + 1).to_string();
        let doing = format!("sending part {number} of {}", object.name);
        let query = [("partNumber", number.as_str()), ("uploadId", upload)];
        let asked = Asked::new(Method::PUT, Some(&object.key), &query).body(part.into());
        let outcome = server.run(async {
            tokio::select! {
                biased;
                () = stop.notified() => None,
                outcome = server.ask(&asked) => Some(outcome),
            }
        });
        let outcome = outcome.ok_or_else(|| server.failed_because(&doing, "it was broken off"))?;
        let answer = outcome.result.map_err(|no| server.failed(&doing, &no, Right::Put))?;
        let tag = answer.field("etag").filter(|tag| !tag.is_empty());
        let tag = tag.ok_or_else(|| {
            server.failed_because(&doing, "it gave no ETag for what it took: no S3 answers like this")
        })?;
        tags.push(tag.to_owned());
    }
    Ok(tags)
}

impl Write for InParts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Not before more comes: the last part is never empty.
        if self.part.len() == PART && !bytes.is_empty() {
            self.hand_over().map_err(io::Error::other)?;
        }
        let taken = bytes.len().min(PART - self.part.len());
        self.part.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Upload for InParts {
    fn complete(mut self: Box<Self>) -> Result<(), Error> {
        if self.sending.is_none() {
            let content = std::mem::take(&mut self.part).into();
            return self.server.run(self.object.lay(&self.server, content));
        }
        self.hand_over()?;
        let sending = self.sending.as_mut().expect("it was there before");
        let tags = sending.finish()?;
        if tags.len() != sending.handed_over {
            return Err(self.stopped());
        }
        self.server.run(self.object.complete(&self.server, &sending.upload, &tags))?;
        // A crash before: nobody finds any of it, and the bucket's lifecycle rule clears the parts away.
        self.sending = None;
        Ok(())
    }
}

impl Drop for InParts {
    fn drop(&mut self) {
        let Some(mut sending) = self.sending.take() else { return };
        sending.stop.notify_one();
        // What went wrong was told to whoever wrote.
        let _ = sending.finish();
        let query = [("uploadId", sending.upload.as_str())];
        let asked = Asked::new(Method::DELETE, Some(&self.object.key), &query);
        self.server.run(self.server.ask_in_passing(&asked));
    }
}
