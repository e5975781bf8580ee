//! An object store that speaks Amazon's S3 protocol: AWS' own, Ceph, MinIO, Garage and the like.
//!
//! A file is one object under `PREFIX/YYYY/MM/NAME`. Writing needs the right `s3:PutObject` alone (and
//! `s3:AbortMultipartUpload` to clear up after a failure). Each request is signed over its whole payload, which
//! the server checks; buckets are named in the path. Everything here waits on the calling thread, which must
//! not belong to an asynchronous runtime.

mod answer;
mod asking;
mod explain;
mod layout;
mod objects;
mod patience;
mod reading;
mod settings;
mod signature;
mod upload;

use std::io::Read;
use std::sync::Arc;

use http::Method;

use self::asking::{Asked, Server};
use self::explain::Right;
use self::objects::Object;
pub use self::patience::Patience;
use self::reading::Reading;
pub use self::settings::Unready;
use self::upload::InParts;
use crate::base::backup::FileName;
use crate::base::random::Random;
use crate::base::time::Clock;
use crate::config::S3;
use crate::flows::backup::target::{Error, Found, Target, Upload};

/// One prefix in one bucket.
#[derive(Debug, Clone)]
pub struct ObjectStore(Arc<Server>);

impl ObjectStore {
    /// Prepares to ask; nothing is sent yet.
    ///
    /// `random` marks uploads and spreads repeated attempts.
    ///
    /// # Errors
    ///
    /// [`Unready`].
    pub fn new(s3: &S3, clock: Clock, random: Random, patience: Patience) -> Result<Self, Unready> {
        Server::new(s3, clock, random, patience).map(|server| Self(Arc::new(server)))
    }

    async fn all(&self) -> Result<Vec<Found>, Error> {
        let server = &self.0;
        let doing = "listing it";
        let prefix = &server.address.prefix;
        let slash = if prefix.is_empty() { "" } else { "/" };
        let below = format!("{prefix}{slash}");
        let mut found = Vec::new();
        let mut next = None::<String>;
        loop {
            let mut query = vec![("list-type", "2"), ("prefix", below.as_str())];
            query.extend(next.as_deref().map(|next| ("continuation-token", next)));
            let answer = server.ask(&Asked::new(Method::GET, None, &query)).await.result;
            let answer = answer.map_err(|no| server.failed(doing, &no, Right::List))?;
            let page = answer
                .page()
                .ok_or_else(|| server.failed_because(doing, "its answer is no list of objects"))?;
            found.extend(
                page.found
                    .into_iter()
                    .filter_map(|(key, bytes)| layout::name(prefix, &key).map(|name| Found { name, bytes })),
            );
            if page.next.is_none() {
                break;
            }
            if page.next == next {
                return Err(server.failed_because(doing, "it gives the same page again and again"));
            }
            next = page.next;
        }
        found.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }
}

impl Target for ObjectStore {
    fn place(&self) -> String {
        self.0.address.place()
    }

    /// Where the key may only write, a name that is taken is found out when the file is completed.
    fn begin(&self, name: &FileName) -> Result<Box<dyn Upload>, Error> {
        let object = Object::new(&self.0, name);
        self.0.run(object.is_free(&self.0))?;
        Ok(Box::new(InParts::new(self.0.clone(), object)))
    }

    fn put(&self, name: &FileName, content: &[u8]) -> Result<(), Error> {
        let object = Object::new(&self.0, name);
        self.0.run(object.lay(&self.0, content.to_vec().into()))
    }

    fn list(&self) -> Result<Vec<Found>, Error> {
        self.0.run(self.all())
    }

    fn read(&self, name: &FileName) -> Result<Box<dyn Read + Send>, Error> {
        Ok(Box::new(Reading::open(self.0.clone(), name)?))
    }

    fn remove(&self, name: &FileName) -> Result<(), Error> {
        self.0.run(self.0.remove(name))
    }
}
