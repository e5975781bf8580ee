//! What a no of an object store means, and what the operator can do about it.

use std::fmt::Write as _;

use http::StatusCode;

use super::answer::Refusal;
use super::asking::{No, Server};
use crate::flows::backup::target::Error;

/// A right that a key of the store's has or has not, by the name that policies give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    Put,
    Get,
    List,
    Delete,
}

impl Right {
    /// What a policy has to allow, on which resource.
    fn needed(self, server: &Server) -> String {
        let bucket = &server.address.bucket;
        let slash = if server.address.prefix.is_empty() { "" } else { "/" };
        let objects = format!("arn:aws:s3:::{bucket}/{}{slash}*", server.address.prefix);
        match self {
            Self::Put => format!("s3:PutObject on {objects}"),
            Self::Get => format!("s3:GetObject on {objects}"),
            Self::List => format!("s3:ListBucket on arn:aws:s3:::{bucket}"),
            Self::Delete => format!("s3:DeleteObject on {objects}"),
        }
    }
}

impl Server {
    /// Makes the error of what was being done (`laying NAME there`), for which `right` is needed.
    pub(super) fn failed(&self, doing: &str, no: &No, right: Right) -> Error {
        let why = match no {
            No::Lost(why) => why.clone(),
            No::Refused(refusal) => self.meaning(refusal, right),
        };
        self.failed_because(doing, &why)
    }

    pub(super) fn failed_because(&self, doing: &str, why: &str) -> Error {
        Error::Failed { place: self.address.place(), why: format!("{doing}: {why}") }
    }

    fn meaning(&self, refusal: &Refusal, right: Right) -> String {
        let said = said(refusal);
        let bucket = &self.address.bucket;
        let advice = match refusal.code.as_str() {
            "InvalidAccessKeyId" => "the server knows no key of the id in the credentials' file".to_owned(),
            "SignatureDoesNotMatch" => {
                "the secret in the credentials' file is not that of the key, or a proxy changes what is asked"
                    .to_owned()
            }
            "RequestTimeTooSkewed" => {
                let theirs = refusal.date.as_deref().unwrap_or("another time");
                format!(
                    "this machine's clock says {:.0}, the server's {theirs}: set the wrong one right",
                    self.now()
                )
            }
            "NoSuchBucket" => format!("there is no bucket {bucket}: make it, or name another one"),
            "AuthorizationHeaderMalformed" | "PermanentRedirect" | "IllegalLocationConstraintException" => {
                let there = refusal.region.as_deref().unwrap_or("another one");
                format!("the bucket is not in region {} but in {there}", self.address.region)
            }
            "EntityTooLarge" | "QuotaExceeded" => "there is no room for it".to_owned(),
            _ if refusal.status == StatusCode::FORBIDDEN => {
                format!("the key may not do this, it needs {}", right.needed(self))
            }
            _ if refusal.status.is_redirection() => {
                "it points elsewhere, and the signature is not sent after it: give the bucket's own endpoint \
                 and region"
                    .to_owned()
            }
            "" if refusal.status == StatusCode::NOT_FOUND => {
                format!("there is no bucket {bucket}, or no S3 behind this address")
            }
            "" if !refusal.status.is_server_error() => {
                "that is no answer of S3's: look at the endpoint".to_owned()
            }
            _ => return said,
        };
        format!("{advice} ({said})")
    }
}

/// The server's own words.
fn said(refusal: &Refusal) -> String {
    let mut said = format!("it answered {}", refusal.status.as_u16());
    for words in [&refusal.code, &refusal.message] {
        if !words.is_empty() {
            let _ = write!(said, " {words}");
        }
    }
    if refusal.tried > 1 {
        let _ = write!(said, ", {} times", refusal.tried);
    }
    said
}
