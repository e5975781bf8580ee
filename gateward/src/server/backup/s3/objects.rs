//! What can be done with one object: laid there whole, looked at, completed from parts, taken away.

use bytes::Bytes;
use data_encoding::HEXLOWER;
use http::{Method, StatusCode};

use super::answer::Answer;
use super::asking::{Asked, No, Outcome, Server};
use super::explain::Right;
use crate::base::backup::FileName;
use crate::flows::backup::target::Error;

/// By what one of our uploads is known again: kept with the object, so that an answer that was lost can be
/// told from an object that somebody else laid there.
pub(super) const MARK: &str = "x-amz-meta-upload";

/// One object of ours, before anybody knows whether it will be there.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) name: FileName,
    pub(super) key: String,
    pub(super) mark: String,
}

impl Object {
    pub(super) fn new(server: &Server, name: &FileName) -> Self {
        let mark = HEXLOWER.encode(&server.random.bytes::<16>());
        Self { name: name.clone(), key: super::layout::key(&server.address.prefix, name), mark }
    }

    fn doing(&self) -> String {
        format!("laying {} there", self.name)
    }

    fn exists(&self, server: &Server) -> Error {
        Error::Exists { place: server.address.place(), name: self.name.clone() }
    }

    /// Refuses a name that is taken, as far as we may look.
    pub(super) async fn is_free(&self, server: &Server) -> Result<(), Error> {
        match server.mark_of(&self.key).await {
            Ok(Some(_)) => Err(self.exists(server)),
            Ok(None) => Ok(()),
            // Whoever may only write may not look; what is wrong besides shows when something is written.
            Err(No::Refused(refusal)) if refusal.status.is_client_error() => Ok(()),
            Err(no) => Err(server.failed(&self.doing(), &no, Right::Get)),
        }
    }

    /// Lays the object there whole, in one request.
    pub(super) async fn lay(&self, server: &Server, content: Bytes) -> Result<(), Error> {
        let asked = Asked::new(Method::PUT, Some(&self.key), &[]).field(MARK, &*self.mark).body(content);
        let outcome = self.ask_unless_taken(server, asked).await?;
        self.settle(server, outcome).await
    }

    /// Makes an object of the parts that were sent as `upload`, whose tags these are.
    pub(super) async fn complete(&self, server: &Server, upload: &str, tags: &[String]) -> Result<(), Error> {
        let parts: String = (1..).zip(tags).map(|(number, tag)| part(number, tag)).collect();
        let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>").into();
        let query = [("uploadId", upload)];
        // A server may take minutes to join many parts.
        let patience = server.patience.answer * 9;
        let asked = Asked { body, patience, ..Asked::new(Method::POST, Some(&self.key), &query) };
        let mut outcome = self.ask_unless_taken(server, asked).await?;
        if let Ok(answer) = &outcome.result
            && let Err(why) = is_whole(answer, tags.len())
        {
            outcome = Outcome { result: Err(No::Lost(why.to_owned())), is_doubtful: true };
        }
        self.settle(server, outcome).await
    }

    /// Asks for the object to be made unless there is one under its key.
    ///
    /// A server that does not know how (it answers 501) is asked first whether there is one, as far as we may
    /// look: then two who begin at the same moment are not told apart.
    async fn ask_unless_taken(&self, server: &Server, asked: Asked<'_>) -> Result<Outcome, Error> {
        let asked = asked.field("if-none-match", "*");
        let outcome = server.ask(&asked).await;
        match &outcome.result {
            Err(No::Refused(refusal)) if refusal.is_unknown_to_it() => {}
            _ => return Ok(outcome),
        }
        self.is_free(server).await?;
        let mut asked = asked;
        asked.fields.retain(|(name, _)| *name != "if-none-match");
        Ok(server.ask(&asked).await)
    }

    /// Finds out whether the object is there now, if what came of asking does not say so.
    async fn settle(&self, server: &Server, outcome: Outcome) -> Result<(), Error> {
        let Err(no) = outcome.result else { return Ok(()) };
        let is_taken =
            matches!(&no, No::Refused(refusal) if refusal.status == StatusCode::PRECONDITION_FAILED);
        let doing = self.doing();
        if !outcome.is_doubtful {
            return Err(if is_taken { self.exists(server) } else { server.failed(&doing, &no, Right::Put) });
        }
        // An attempt whose answer was lost may be what stands in the way now, or what is complete already.
        match server.mark_of(&self.key).await {
            Ok(Some(mark)) if mark == self.mark => Ok(()),
            Ok(Some(_)) if is_taken => Err(self.exists(server)),
            Ok(_) => Err(server.failed(&doing, &no, Right::Put)),
            Err(unseen) => {
                let why = server.failed(&doing, &no, Right::Put);
                let unseen = server.failed("looking", &unseen, Right::Get);
                Err(server.failed_because(
                    &doing,
                    &format!("nobody knows whether it is there now. First: {why}. Then: {unseen}"),
                ))
            }
        }
    }
}

impl Server {
    /// The mark of the object under a key, empty where somebody else laid it there; `None` where there is none.
    async fn mark_of(&self, key: &str) -> Result<Option<String>, No> {
        match self.ask(&Asked::new(Method::HEAD, Some(key), &[])).await.result {
            Ok(answer) => Ok(Some(answer.field(MARK).unwrap_or_default().to_owned())),
            Err(No::Refused(refusal)) if refusal.status == StatusCode::NOT_FOUND => Ok(None),
            Err(no) => Err(no),
        }
    }

    /// Takes an object away; that there is none is as good.
    pub(super) async fn remove(&self, name: &FileName) -> Result<(), Error> {
        let key = super::layout::key(&self.address.prefix, name);
        match self.ask(&Asked::new(Method::DELETE, Some(&key), &[])).await.result {
            Err(No::Refused(refusal)) if refusal.code == "NoSuchKey" => Ok(()),
            Err(no) => Err(self.failed(&format!("removing {name}"), &no, Right::Delete)),
            Ok(_) => Ok(()),
        }
    }
}

/// Only what this root says is a completed object: a 200 alone is sent before a server knows.
fn is_whole(answer: &Answer, parts: usize) -> Result<(), &'static str> {
    let tag =
        answer.text("CompleteMultipartUploadResult", "ETag").ok_or("it does not say that it is whole")?;
    // Where a tag counts the parts, it is of so many.
    let counted = tag.trim_matches('"').rsplit_once('-').and_then(|(_, count)| count.parse::<usize>().ok());
    match counted {
        Some(count) if count != parts => Err("it was made of another number of parts than were sent"),
        _ => Ok(()),
    }
}

fn part(number: usize, tag: &str) -> String {
    let tag = tag.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>")
}
