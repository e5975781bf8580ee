//! `gateward serve`

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::{Context, YES};
use crate::server::{self, Gate, Running, Stop, system};

/// Serve, until SIGTERM or SIGINT; SIGHUP loads the certificates again.
#[derive(Debug, clap::Args)]
pub(super) struct Serve {}

impl Serve {
    pub(super) fn run(&self, context: &Context) -> anyhow::Result<ExitCode> {
        log_to_stderr("info")?;
        let config = context.config()?;
        runtime()?.block_on(async {
            let mut signals = Signals::listen()?;
            let clock = system::clock();
            let gate = Gate::new(clock.clone());
            if std::env::var_os("NOTIFY_SOCKET").is_some() {
                tokio::spawn(tell_systemd(Arc::clone(&gate)));
            }
            let running = tokio::select! {
                running = server::start(config, clock, system::random(), gate) => running?,
                // While it waits for a certificate, nothing has begun that would have to end.
                _ = signals.stop() => return Ok(YES),
            };
            tracing::info!(public = %running.bound.public, admin = %running.bound.admin, "listening");
            serve_until_told(running, signals).await
        })
    }
}

/// How often it is looked whether what systemd was told is still so.
const LOOK: Duration = Duration::from_millis(200);

/// Tells systemd that the door is open, and until then, and whenever it shuts, what it waits for.
async fn tell_systemd(gate: Arc<Gate>) {
    let mut told = String::new();
    loop {
        let status = match gate.ready() {
            Ok(()) => "the door is open".to_owned(),
            Err(reason) => format!("the door is shut: {}", reason.replace('\n', " ")),
        };
        if status != told {
            notify(&[NotifyState::Status(&status)]);
            if gate.opened().is_ok() {
                notify(&[NotifyState::Ready]);
            }
            told = status;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Tells systemd, if it started us as `Type=notify`: then `NOTIFY_SOCKET` says where.
fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd cannot be told");
    }
}

/// The runtime that requests run on.
pub(super) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// Writes the program's log to standard error, coloured on a terminal only; `GATEWARD_LOG` says
/// how much.
pub(super) fn log_to_stderr(default: &str) -> anyhow::Result<()> {
    let filter = match std::env::var_os("GATEWARD_LOG") {
        None => EnvFilter::new(default),
        Some(wanted) => {
            let wanted = wanted.to_string_lossy();
            EnvFilter::try_new(&wanted).with_context(|| {
                format!("GATEWARD_LOG is {wanted:?}: take error, warn, info, debug or trace")
            })?
        }
    };
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(colours)
        .with_writer(std::io::stderr)
        .init();
    Ok(())
}

/// The signals that operators send.
pub(super) struct Signals {
    hang_up: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens from now on: a signal that comes earlier ends the process without a word.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            hang_up: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Resolves when somebody says to stop.
    async fn stop(&mut self) -> Stop {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return Stop("SIGTERM"),
                _ = self.interrupt.recv() => return Stop("SIGINT"),
                _ = self.hang_up.recv() => {}
            }
        }
    }
}

/// Serves until a signal says to stop, or the door can never open.
pub(super) async fn serve_until_told(mut running: Running, mut signals: Signals) -> anyhow::Result<ExitCode> {
    let why = loop {
        tokio::select! {
            _ = signals.hang_up.recv() => match running.reload_certificates() {
                Ok(()) => tracing::info!("certificates loaded again"),
                Err(error) => tracing::error!(%error, "the old certificates stay"),
            },
            _ = signals.terminate.recv() => break Stop("SIGTERM"),
            _ = signals.interrupt.recv() => break Stop("SIGINT"),
            error = running.failed() => return Err(error.into()),
        }
    };
    tracing::info!(signal = why.0, "stopping");
    notify(&[NotifyState::Stopping]);
    running.stop(why).await;
    Ok(YES)
}
