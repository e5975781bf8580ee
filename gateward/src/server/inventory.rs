//! Keeps the inventories of services fresh: reads files that changed, asks station services.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use tokio::task::AbortHandle;

use super::services::Protected;
use crate::base::time::Clock;
use crate::config::service::{Inventory, InventorySource};
use crate::flows::door::Door;
use crate::flows::inventory;
use crate::flows::kind::Known;

/// How often it is looked whether a file has changed, and how soon a failure is tried again.
const LOOK: Duration = Duration::from_secs(10);

/// How long one reading may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// How long the door waits for the first reading; without one, everything counts as restricted.
const FIRST: Duration = Duration::from_secs(30);

/// How large an inventory may be, in bytes.
const LARGEST: usize = 256 * 1024 * 1024;

/// Why there is no new reading.
#[derive(Debug, thiserror::Error)]
#[error("the inventory {from}: {why}")]
struct Unread {
    from: String,
    why: String,
}

/// Keeps one service's inventory.
struct Keeper {
    door: Arc<Door>,
    clock: Clock,
    services: Arc<[Protected]>,
    at: usize,
    /// What a file looked like when it was read.
    seen: Option<(SystemTime, u64)>,
}

/// Reads every inventory once, and keeps them fresh from then on.
pub async fn keep(services: &Arc<[Protected]>, door: &Arc<Door>, clock: &Clock) -> Vec<AbortHandle> {
    let mut tasks = Vec::new();
    for at in 0..services.len() {
        let mut keeper = Keeper {
            door: Arc::clone(door),
            clock: clock.clone(),
            services: Arc::clone(services),
            at,
            seen: None,
        };
        let Some((known, source)) = keeper.kept() else { continue };
        let first = tokio::time::timeout(FIRST, keeper.read(&known, &source)).await;
        let failed = match first {
            Ok(Ok(())) => false,
            Ok(Err(error)) => {
                tracing::error!(%error, "until it can be read, everything counts as restricted");
                true
            }
            Err(_) => {
                tracing::error!(
                    "an inventory takes long; until it is there, everything counts as restricted"
                );
                true
            }
        };
        tasks.push(tokio::spawn(keeper.run(known, source, failed)).abort_handle());
    }
    tasks
}

impl Keeper {
    fn kept(&self) -> Option<(Known, Inventory)> {
        let service = self.services.get(self.at)?;
        Some((service.service.kind.known()?.clone(), service.inventory.clone()?))
    }

    async fn run(mut self, known: Known, source: Inventory, mut failed: bool) {
        let refresh = Duration::try_from(source.refresh).unwrap_or(LOOK);
        let is_file = matches!(source.source, InventorySource::File(_));
        loop {
            let soon = failed || is_file;
            tokio::time::sleep(if soon { refresh.min(LOOK) } else { refresh }).await;
            let read = self.read(&known, &source).await;
            if let Err(error) = &read
                && !failed
            {
                let believed_for = source.stale_after.as_secs();
                tracing::error!(%error, believed_for_seconds = believed_for, "the last reading is believed for now");
            } else if read.is_ok() && failed {
                tracing::info!("the inventory was read again");
            }
            failed = read.is_err();
        }
    }

    /// Reads the inventory if it may have changed.
    async fn read(&mut self, known: &Known, source: &Inventory) -> Result<(), Unread> {
        // Only a reading that is gone by is found unchanged later.
        let mut read = None;
        let from = match &source.source {
            InventorySource::File(path) => path.display().to_string(),
            InventorySource::Service(url) => url.to_string(),
        };
        let unread = |why: String| Unread { from: from.clone(), why };
        let document = match &source.source {
            InventorySource::File(path) => {
                let looks = looks(path).map_err(|error| unread(error.to_string()))?;
                if self.seen == Some(looks) {
                    inventory::is_still_so(known, self.now().map_err(unread)?);
                    return Ok(());
                }
                let document = read_file(path.clone()).await.map_err(unread)?;
                read = Some(looks);
                document
            }
            InventorySource::Service(url) => {
                let url = query(&url.to_string());
                let asked = tokio::time::timeout(PATIENCE, ask(&url)).await;
                asked.map_err(|_| unread("it takes too long".into()))?.map_err(unread)?
            }
        };
        let parsed = tokio::task::spawn_blocking(move || inventory::parse(&document)).await;
        let parsed = match parsed {
            Ok(Ok(parsed)) => parsed,
            Ok(Err(error)) => return Err(unread(error.to_string())),
            Err(error) => return Err(unread(error.to_string())),
        };
        let now = self.now().map_err(unread)?;
        let name = &self.services[self.at].service.name;
        inventory::take(&self.door, name, known, parsed, now)
            .await
            .map_err(|error| unread(error.to_string()))?;
        self.seen = read;
        Ok(())
    }

    fn now(&self) -> Result<Timestamp, String> {
        self.clock.now().map_err(|stepped| stepped.to_string())
    }
}

/// The query that gives what restrictions need, at a station service.
fn query(url: &str) -> String {
    let endpoint = if url.ends_with("/query") { "" } else { "/query" };
    format!("{url}{endpoint}?level=channel&format=xml&includerestricted=true")
}

fn looks(path: &Path) -> std::io::Result<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.modified()?, metadata.len()))
}

async fn read_file(path: std::path::PathBuf) -> Result<Bytes, String> {
    let read = tokio::task::spawn_blocking(move || {
        let length = std::fs::metadata(&path)?.len();
        if length > LARGEST as u64 {
            return Err(std::io::Error::other(format!("it has more than {} MiB", LARGEST / 1024 / 1024)));
        }
        std::fs::read(&path)
    });
    match read.await {
        Ok(Ok(bytes)) => Ok(bytes.into()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

async fn ask(url: &str) -> Result<Bytes, String> {
    let uri: http::Uri = url.parse().map_err(|_| "no URL".to_owned())?;
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let answer = client.get(uri).await.map_err(|error| error.to_string())?;
    if answer.status() != http::StatusCode::OK {
        return Err(format!("it answered {}", answer.status()));
    }
    let body = Limited::new(answer.into_body(), LARGEST).collect().await;
    body.map(http_body_util::Collected::to_bytes).map_err(|error| error.to_string())
}
