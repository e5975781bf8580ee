//! Commits what was received, however long that takes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::flows::record::Happened;
use crate::server::gate::{Gate, Opened};
use crate::server::listener::until_true;
use crate::store::event::NewEvent;

/// How long is waited until it is tried again: at first, and at most.
const AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// How long it is tried once the program stops: all that is there, and each part of it at least.
const AT_THE_END: (Duration, Duration) = (Duration::from_secs(5), Duration::from_millis(250));

/// When a receiver has to be done: some seconds after the program stops, however much it has then.
pub struct End {
    stop: watch::Receiver<bool>,
    at: Option<Instant>,
}

impl End {
    pub fn new(stop: watch::Receiver<bool>) -> Self {
        Self { stop, at: None }
    }

    /// Resolves at the end of what began now.
    async fn comes(&mut self) {
        let least = Instant::now() + AT_THE_END.1;
        until_true(&mut self.stop).await;
        let at = *self.at.get_or_insert_with(|| Instant::now() + AT_THE_END.0);
        sleep_until(at.max(least)).await;
    }
}

/// Waits until the door is open; `None` when the program stops first.
pub async fn opened(gate: &Gate, stop: &mut watch::Receiver<bool>) -> Option<Arc<Opened>> {
    loop {
        if let Ok(opened) = gate.opened() {
            return Some(opened);
        }
        tokio::select! {
            () = until_true(stop) => return None,
            () = tokio::time::sleep(AGAIN.0) => {}
        }
    }
}

/// Commits what `happened`, trying until it is on the disk; once the program stops, for a few seconds more.
///
/// The events are made once, so that a commit whose end is unknown is looked for, and not repeated.
pub async fn keep(gate: &Gate, happened: &[Happened], end: &mut End) {
    let count = happened.len();
    tokio::select! {
        () = try_until_kept(gate, happened) => {}
        () = end.comes() => tracing::error!(count, "messages that were received could not be recorded, and are lost"),
    }
}

async fn try_until_kept(gate: &Gate, happened: &[Happened]) {
    let (mut pause, mut made, mut tries) = (AGAIN.0, None, 0_u64);
    loop {
        match try_to_keep(gate, happened, &mut made, tries > 0).await {
            Ok(()) => return,
            Err(reason) if tries == 0 => {
                tracing::warn!(reason, "messages that were received wait to be recorded");
            }
            Err(_) => {}
        }
        tries += 1;
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(AGAIN.1);
    }
}

async fn try_to_keep(
    gate: &Gate,
    happened: &[Happened],
    made: &mut Option<Vec<NewEvent>>,
    is_again: bool,
) -> Result<(), String> {
    let opened = gate.opened()?;
    let recorder = &opened.door.recorder;
    if made.is_none() {
        let now = opened.clock.now().map_err(|unbelieved| unbelieved.to_string())?;
        *made = Some(recorder.make(happened, now).map_err(|error| error.to_string())?);
    }
    let Some(made) = made else { return Ok(()) };
    let appended = recorder.append(&opened.door.store.reader, made, is_again).await;
    appended.map_err(|failed| failed.to_string())
}
