//! Tells OpenHIM that we live, for as long as we do.

use std::time::{Duration, Instant};

use super::api::{Api, Error, Known};

/// How long lies between two heartbeats: OpenHIM's own clients do the same.
const EVERY: Duration = Duration::from_secs(10);

/// How long it is waited at most, once it has failed again and again.
const AGAIN: Duration = Duration::from_secs(60);

/// Registers us, and says that we live, for ever. The door never waits for this.
pub async fn keep(api: Api) {
    let born = Instant::now();
    let mut known = Known::No;
    let mut pause = EVERY;
    let mut troubled = false;
    loop {
        match turn(&api, known, born.elapsed()).await {
            Ok(now) => {
                if known == Known::No && now == Known::Yes {
                    tracing::info!("OpenHIM knows us as one of its mediators");
                } else if troubled {
                    tracing::info!("OpenHIM hears our heartbeat again");
                }
                (known, pause, troubled) = (now, EVERY, false);
            }
            Err(error) => {
                if !troubled {
                    tracing::error!(%error, "OpenHIM does not hear that we live; it goes on trying");
                }
                troubled = true;
                pause = (pause * 2).min(AGAIN);
            }
        }
        tokio::time::sleep(pause).await;
    }
}

async fn turn(api: &Api, known: Known, uptime: Duration) -> Result<Known, Error> {
    if known == Known::No {
        api.register().await?;
    }
    api.heartbeat(uptime).await
}
