//! Runs the program: listeners first, then the door, then everything in reverse.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

use super::access_tokens;
use super::admin::Admin;
use super::anchors::{self, Ahead, Place};
use super::authorities;
use super::backup::recording;
use super::backup::spool::Spool;
use super::boot;
use super::checkpoints;
use super::ckan::Known;
use super::connection::Protocol;
use super::elsewhere;
use super::feed;
use super::gate::{Gate, Opened};
use super::housekeeping::{keep_house, lease};
use super::htdigest::{self, Htdigest};
use super::inventory;
use super::listener::{Listener, listen};
use super::log_index;
use super::oidc;
use super::openhim;
use super::peer::Proxies;
use super::public::{Public, Version};
use super::reload::Reload;
use super::request_body::LargeBodies;
use super::retention;
use super::services;
use super::socket::Socket;
use super::syslog;
use super::system;
use super::tls::{self, Shown, strictness};
use super::watch::Seen;
use crate::base::random::Random;
use crate::base::time::Clock;
use crate::config::{Config, Listen, Mode, ServiceConfig, Tls};
use crate::flows::admit::end_doubtful;
use crate::flows::close_lapsed::{Whose, close_lapsed};
use crate::flows::door::Door;
use crate::flows::policy::write_file_rules;
use crate::flows::record::{Happened, What};
use crate::store::{Change, Failed, ServeLock, instance};

/// How long we wait before we try again to open what is not there yet.
const RETRY: Duration = Duration::from_secs(1);

/// Why the program does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator's: the file is for commands alone.
    #[error("the configuration has no `listen`: it is for commands, and nothing is served")]
    NothingToServe,
    /// The operator's: somebody else listens there, or nobody may.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: Listen,
        /// What the system said.
        source: std::io::Error,
    },
    /// The operator's: a certificate.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// The operator's: what waiting does not mend.
    #[error(transparent)]
    Boot(#[from] boot::Error),
}

/// Where is listened.
#[derive(Debug, Clone)]
pub struct Bound {
    /// For everybody.
    pub public: Listen,
    /// For operators.
    pub admin: SocketAddr,
}

/// Why a program stops.
#[derive(Debug, Clone, Copy)]
pub struct Stop(pub &'static str);

/// A running program.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub bound: Bound,
    reload: Arc<Reload>,
    reloading: AbortHandle,
    gate: Arc<Gate>,
    stop: watch::Sender<bool>,
    connections: mpsc::Receiver<()>,
    answers: mpsc::Receiver<()>,
    opening: tokio::task::JoinHandle<Result<Helpers, Error>>,
}

/// What runs beside the requests, and the lock that only one program has on a SQLite file.
#[derive(Debug)]
struct Helpers {
    tasks: Vec<AbortHandle>,
    _lock: Option<ServeLock>,
}

/// Loads a listener's certificate, waiting while its files are not there.
async fn certificate(tls: &Tls, mode: Mode, gate: &Gate) -> Result<Arc<Shown>, Error> {
    let mut said = false;
    loop {
        match tls::load(&tls.certificate, &tls.key, strictness(mode)) {
            Ok(certified) => return Ok(Shown::new(certified)),
            Err(error @ tls::Error::Unreadable { source: rustls::pki_types::pem::Error::Io(_), .. }) => {
                if !said {
                    tracing::error!(%error, "waiting for a certificate");
                    gate.waits_for(error.to_string());
                    said = true;
                }
                tokio::time::sleep(RETRY).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// The certificate of the receiver of syslog: its own, or the public listener's.
async fn syslog_certificate(
    config: &Config,
    public: Option<&Arc<Shown>>,
    gate: &Gate,
) -> Result<Option<Arc<Shown>>, Error> {
    match config.audit.syslog.as_ref().and_then(|syslog| syslog.tls.as_ref()) {
        Some(own) => certificate(own, config.mode, gate).await.map(Some),
        None => Ok(public.cloned()),
    }
}

/// Starts listening; the door opens as soon as store, keys and folders are there.
///
/// `gate` is shut until then, and says what is waited for.
///
/// # Errors
///
/// [`Error`]: what waiting does not mend.
pub async fn start(config: Config, clock: Clock, random: Random, gate: Arc<Gate>) -> Result<Running, Error> {
    let cannot = |address: Listen| |source| Error::Listen { address, source };
    let (listen_at, admin) = config.listeners().ok_or(Error::NothingToServe)?;
    let admin_tls = admin.tls.clone();
    let (public, public_at) = Socket::bind(listen_at).await.map_err(cannot(listen_at.clone()))?;
    let (admin, admin_at) =
        Socket::bind_address(admin.listen).await.map_err(cannot(Listen::Address(admin.listen)))?;
    let bound = Bound { public: public_at, admin: admin_at };
    let (stop, stopped) = watch::channel(false);
    let (connection, connections) = mpsc::channel(1);
    let (answer, answers) = mpsc::channel(1);
    // The operators' listener first: it says what the other one waits for.
    let admin_shown = certificate(&admin_tls, config.mode, &gate).await?;
    let admin = Listener {
        socket: admin,
        tls: Some(tls::server_config(Arc::clone(&admin_shown), None, Protocol::offered(false))),
        proxies: Proxies::default(),
        answer: Arc::new(Admin::new(Arc::clone(&gate))),
    };
    tokio::spawn(listen(admin, stopped.clone(), connection.clone()));
    let public_shown = match &config.tls {
        Some(tls) => Some(certificate(tls, config.mode, &gate).await?),
        None => None,
    };
    if public_shown.is_none() && config.trusted_proxies.is_empty() {
        tracing::warn!("trusted_proxies names nobody: limits and events take every client for the proxy");
    }
    let syslog_shown = syslog_certificate(&config, public_shown.as_ref(), &gate).await?;
    if let Some(receiver) = &config.audit.syslog {
        syslog::receive(receiver, syslog_shown.clone(), &gate, (&stopped, &connection)).await?;
    }
    let clients = authorities::are_asked_for(&config).then(|| tls::nodes::Nodes::new(Arc::clone(&gate)));
    let offered = Protocol::offered(config.service.iter().any(ServiceConfig::asks_by_digest));
    let public = Listener {
        socket: public,
        tls: public_shown.clone().map(|shown| tls::server_config(shown, clients, offered)),
        proxies: Proxies::new(config.trusted_proxies.clone(), config.proxy_protocol),
        answer: Arc::new(Public {
            gate: Arc::clone(&gate),
            exchange_path: config.exchange.path.clone(),
            status_style: config.exchange.status_style,
            version: Version { mode: config.mode, contact: config.exchange.contact.clone() },
            trusted_proxies: config.trusted_proxies.clone(),
            large: LargeBodies::default(),
        }),
    };
    tokio::spawn(listen(public, stopped, connection));

    let opening = tokio::spawn(open(config.clone(), clock, random, Arc::clone(&gate), answer));
    let reload = Arc::new(Reload {
        public: config.tls.clone().zip(public_shown),
        admin: (admin_tls, admin_shown),
        syslog: config.audit.syslog.as_ref().and_then(|syslog| syslog.tls.clone()).zip(syslog_shown),
        gate: Arc::clone(&gate),
        config,
    });
    let reloading = tokio::spawn(Arc::clone(&reload).keep()).abort_handle();
    Ok(Running { bound, reload, reloading, gate, stop, connections, answers, opening })
}

/// Opens the door, waiting for what may come.
async fn open(
    config: Config,
    clock: Clock,
    random: Random,
    gate: Arc<Gate>,
    running: mpsc::Sender<()>,
) -> Result<Helpers, Error> {
    let mut said = String::new();
    // Made once: what does not answer is asked once, however often the rest is tried.
    let anchors: Arc<[Place]> = Place::all(&config).into();
    loop {
        let error = match try_open(&config, &anchors, (&clock, &random), &running).await {
            Ok((opened, helpers)) => {
                gate.open(opened);
                tracing::info!("the door is open");
                return Ok(helpers);
            }
            Err(error) if error.may_pass() => error.to_string(),
            Err(error) => return Err(error.into()),
        };
        if error != said {
            tracing::error!(error, "not ready; trying again every second");
            gate.waits_for(error.clone());
            said = error;
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn try_open(
    config: &Config,
    anchors: &Arc<[Place]>,
    (clock, random): (&Clock, &Random),
    running: &mpsc::Sender<()>,
) -> Result<(Arc<Opened>, Helpers), boot::Error> {
    let lock = config.store.file().map(ServeLock::take).transpose()?;
    let services = services::open(config, random)?;
    let ckan = boot::ckan(config, None, random)?;
    let openhim = openhim::Api::new(config)?;
    let door = Arc::new(boot::door(config, boot::keys(config)?, clock, random).await?);
    let clock = &door.store.clock;
    let now = clock.now()?;
    look_around(config, &door, anchors, now).await?;
    state_policy(config, &door, now).await?;
    let inventories = inventory::keep(&services, &door, clock).await;
    let issuers = oidc::keep(config, &door.policy.current().oidc, clock).await?;
    let policy = door.policy.refresh().await?;
    let (seen_sender, seen) = watch::channel(Seen {
        revision: policy.revision,
        unreadable_since: None,
        trust: door.trust.current().generation(),
    });
    let htdigest = config.exchange.htdigest.as_ref().map(|file| Htdigest::new(file.path.clone()));
    if let Some(htdigest) = &htdigest {
        htdigest.refresh(&door, now).await?;
    }
    let opened = Arc::new(Opened {
        htdigest,
        door: Arc::clone(&door),
        services,
        verify_uids: boot::verify_uids(config)?,
        verify_certificates: config.verify.as_ref().is_some_and(|verify| verify.client_certificate),
        observer: system::observer(config),
        audit_path: config.audit.fhir.clone(),
        anchors: Arc::clone(anchors),
        witness: config.audit.witness.clone(),
        clock: clock.clone(),
        seen,
        running: running.clone(),
    });
    record_start(config, &opened, lock.is_some(), now).await?;

    let watching = tokio::spawn(super::watch::watch(door, seen_sender)).abort_handle();
    let mediating = openhim.map(|api| tokio::spawn(openhim::keep(api)).abort_handle());
    let tasks = [watching]
        .into_iter()
        .chain(run_beside(config, &opened, ckan, now))
        .chain(feed::keep(config, &opened))
        .chain(mediating)
        .chain(inventories)
        .chain(issuers)
        .collect();
    Ok((opened, Helpers { tasks, _lock: lock }))
}

/// Looks whether what is there can be used as it is, and says aloud what is doubtful.
async fn look_around(
    config: &Config,
    door: &Door,
    anchors: &[Place],
    now: Timestamp,
) -> Result<(), boot::Error> {
    door.trust.exchange(authorities::load(config)?);
    for doubt in authorities::doubts(door.trust.current().trust(), config, now) {
        tracing::warn!("{doubt}");
    }
    boot::check_keys_in_use(config, door).await?;
    let compared = anchors::compare(anchors, door).await?;
    for (anchor, trouble) in compared.unread {
        tracing::warn!(%anchor, %trouble, "whether the store is behind what it has seen is not known yet");
    }
    if let Some(Ahead { anchor, behind, .. }) = compared.ahead {
        return Err(boot::Error::Behind { anchor, behind });
    }
    boot::check_digests(config, door).await?;
    boot::check_seal(config, door)?;
    boot::check_resif(door).await?;
    boot::warn(config, &door.policy.current().issuers, now);
    Ok(())
}

/// States what the file says about who may reach what; the door decides by it, or not at all.
async fn state_policy(config: &Config, door: &Door, now: Timestamp) -> Result<(), boot::Error> {
    let digest = boot::policy_digest(config);
    let (rules, policy) = (boot::rules(config)?, door.policy.current());
    write_file_rules(&door.store.reader, &door.recorder, &rules, &policy, &digest, now).await?;
    door.policy.follow(digest);
    Ok(())
}

/// Closes what a crash left open, and records the start.
async fn record_start(
    config: &Config,
    opened: &Opened,
    is_alone: bool,
    now: Timestamp,
) -> Result<(), boot::Error> {
    let door = &opened.door;
    // The lock says that no other server runs: what is open, a crash left open. Without it others may,
    // and their leases are looked at once they have had the time to renew them.
    let closed = if is_alone { close_lapsed(door, Whose::AllOthers, now).await? } else { 0 };
    if closed > 0 {
        tracing::warn!(closed, "closed transactions that a crash had left open, as unknown");
    }
    let started = Happened::done(What::Started {
        version: env!("CARGO_PKG_VERSION"),
        mode: config.mode.as_str().into(),
    });
    // A crash before: nobody was let in. After it: whoever finds that the lease lapsed, or starts with the
    // lock, closes what is open.
    door.recorder.commit(None, vec![lease(opened, now)], &[started], now).await.map_err(Failed::from)?;
    Ok(())
}

/// Begins what runs beside the requests of an open door.
fn run_beside(
    config: &Config,
    opened: &Arc<Opened>,
    ckan: Option<Known>,
    now: Timestamp,
) -> Vec<AbortHandle> {
    let (theirs, seen) = (|| Arc::clone(opened), || opened.seen.clone());
    let spool = Spool::of(&config.backup_state);
    let file = config.store.file().map(Path::to_owned);
    let mut tasks = vec![
        tokio::spawn(keep_house(theirs(), now)).abort_handle(),
        tokio::spawn(log_index::keep(theirs())).abort_handle(),
        tokio::spawn(checkpoints::keep(theirs(), config.audit.checkpoint)).abort_handle(),
        tokio::spawn(elsewhere::keep_placements(theirs(), seen())).abort_handle(),
        tokio::spawn(htdigest::keep(theirs(), seen())).abort_handle(),
        tokio::spawn(recording::keep(theirs(), spool)).abort_handle(),
        tokio::spawn(retention::keep_log(theirs(), config.audit.keep, file, config.audit.feed_names()))
            .abort_handle(),
    ];
    // Where neither is configured, access tokens are somebody else's to end.
    if config.access_token.is_some() || config.ckan.is_some() {
        tasks.push(tokio::spawn(access_tokens::keep(theirs(), ckan)).abort_handle());
    }
    tasks
}

impl Running {
    /// Waits until the door is open.
    ///
    /// # Errors
    ///
    /// [`Error::Boot`] when it never will be.
    pub async fn opened(&mut self) -> Result<(), Error> {
        while self.gate.opened().is_err() {
            if self.opening.is_finished() {
                self.check_opening().await?;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Resolves when opening the door has failed for good; never once it is open.
    pub async fn failed(&mut self) -> Error {
        loop {
            if let Err(error) = self.opened().await {
                return error;
            }
            std::future::pending::<()>().await;
        }
    }

    async fn check_opening(&mut self) -> Result<(), Error> {
        if self.gate.opened().is_ok() {
            return Ok(());
        }
        match (&mut self.opening).await {
            Ok(Err(error)) => Err(error),
            Ok(Ok(_)) | Err(_) => Ok(()),
        }
    }

    /// Reads certificates, authorities and lists again; connections that run keep the certificate that they saw.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`], [`Error::Boot`]: the old one stays, of each that cannot be read.
    pub fn reload_certificates(&self) -> Result<(), Error> {
        self.reload.everything()
    }

    /// Stops: no new connections, running requests end (for at most 30 s), the end is recorded.
    pub async fn stop(mut self, why: Stop) {
        self.stop.send_replace(true);
        self.reloading.abort();
        // Each connection holds a sender, and none lasts longer than the listener lets it; the last one
        // gone closes the channel.
        while self.connections.recv().await.is_some() {}
        let Ok(opened) = self.gate.opened() else {
            self.opening.abort();
            return;
        };
        if let Ok(Ok(helpers)) = self.opening.await {
            for task in &helpers.tasks {
                task.abort();
            }
            // Answers that were cut still record their end.
            self.gate.shut();
            if let Err(error) = record_stop(opened, &mut self.answers, why).await {
                tracing::error!(%error, "the end could not be recorded; the next start closes what is open");
            }
        }
    }
}

async fn record_stop(
    opened: Arc<Opened>,
    answers: &mut mpsc::Receiver<()>,
    why: Stop,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let door = Arc::clone(&opened.door);
    let clock = opened.clock.clone();
    drop(opened);
    if tokio::time::timeout(Duration::from_secs(5), answers.recv()).await.is_err() {
        tracing::warn!("some answers did not record their end; the next start closes them");
    }
    let now: Timestamp = clock.now()?;
    door.recorder.close_gap(now).await?;
    end_doubtful(&door, now).await?;
    door.record_summaries(true, now).await?;
    // A crash from here on leaves a stop that was recorded or not, and nothing else undone.
    let stopped = Happened::done(What::Stopped { reason: why.0 });
    door.recorder.commit(None, Vec::new(), &[stopped], now).await?;
    // Refused while something of ours is open: the next start closes it.
    let retire = Change::RetireInstance(instance::Retire { instance: door.recorder.instance().to_string() });
    door.recorder.commit(None, vec![retire], &[], now).await?;
    Ok(())
}
