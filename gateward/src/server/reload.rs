//! Files that are read again while the program runs: certificates, keys, authorities, lists.
//!
//! Whoever renews a certificate or fetches a list tells nobody: files are looked at every two seconds, and a
//! signal has them read at once. What cannot be read leaves the old in force, which ends by itself.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::authorities;
use super::gate::Gate;
use super::run::Error;
use super::tls::{self, Shown, strictness};
use crate::config::{Config, Tls};

/// How often files are looked at.
const EVERY: Duration = Duration::from_secs(2);

/// What is read again, and where it goes.
#[derive(Debug)]
pub struct Reload {
    /// Which files.
    pub config: Config,
    /// The certificate of the public listener, where it has one.
    pub public: Option<(Tls, Arc<Shown>)>,
    /// That of the operators' listener.
    pub admin: (Tls, Arc<Shown>),
    /// That of the receiver of syslog, where it has its own.
    pub syslog: Option<(Tls, Arc<Shown>)>,
    /// Where authorities go, once it is open.
    pub gate: Arc<Gate>,
}

/// Which file it is, and in what state: another file of the same name and size is another.
type State = (PathBuf, Option<(i64, i64, u64, u64)>);

impl Reload {
    /// Reads everything again.
    ///
    /// # Errors
    ///
    /// The first of them; all are tried, and what cannot be read leaves the old in force.
    pub fn everything(&self) -> Result<(), Error> {
        let certificates = [Some(&self.admin), self.public.as_ref(), self.syslog.as_ref()];
        let all = certificates.map(|listener| self.certificate(listener));
        let all = all.into_iter().chain([self.trust()]);
        all.collect::<Vec<_>>().into_iter().collect()
    }

    fn certificate(&self, listener: Option<&(Tls, Arc<Shown>)>) -> Result<(), Error> {
        let Some((tls, shown)) = listener else { return Ok(()) };
        shown.exchange(tls::load(&tls.certificate, &tls.key, strictness(self.config.mode))?);
        Ok(())
    }

    fn trust(&self) -> Result<(), Error> {
        // Before it opens, opening reads them.
        let Ok(opened) = self.gate.opened() else { return Ok(()) };
        opened.door.trust.exchange(authorities::load(&self.config)?);
        Ok(())
    }

    /// Looks at the files for ever, and reads those again that have changed.
    pub async fn keep(self: Arc<Self>) {
        let pair = |(tls, _): &(Tls, _)| vec![tls.certificate.clone(), tls.key.clone()];
        let groups = [
            Group {
                what: "the certificate of the operators' listener",
                files: pair(&self.admin),
                read: |reload| reload.certificate(Some(&reload.admin)),
            },
            Group {
                what: "the certificate",
                files: self.public.as_ref().map(pair).unwrap_or_default(),
                read: |reload| reload.certificate(reload.public.as_ref()),
            },
            Group {
                what: "the certificate of the receiver of syslog",
                files: self.syslog.as_ref().map(pair).unwrap_or_default(),
                read: |reload| reload.certificate(reload.syslog.as_ref()),
            },
            Group {
                what: "authorities and their lists",
                files: authorities::files(&self.config).map(Path::to_owned).collect(),
                read: Self::trust,
            },
        ];
        let mut known = Vec::new();
        for group in &groups {
            known.push(state(&group.files).await);
        }
        loop {
            tokio::time::sleep(EVERY).await;
            for (group, known) in groups.iter().zip(&mut known) {
                let state = state(&group.files).await;
                if state != *known {
                    *known = state;
                    self.read(group).await;
                }
            }
        }
    }

    async fn read(self: &Arc<Self>, group: &Group) {
        // A list of revoked certificates can be large.
        let (reload, read) = (Arc::clone(self), group.read);
        match tokio::task::spawn_blocking(move || read(&reload)).await {
            Ok(Ok(())) => tracing::info!("{} changed and was loaded", group.what),
            Ok(Err(error)) => {
                tracing::error!(%error, "{} changed and cannot be used: the old stays", group.what);
            }
            Err(error) => tracing::error!(%error, "{} could not be loaded", group.what),
        }
    }
}

/// Files that belong together.
struct Group {
    what: &'static str,
    files: Vec<PathBuf>,
    read: fn(&Reload) -> Result<(), Error>,
}

async fn state(files: &[PathBuf]) -> Vec<State> {
    let mut states = Vec::new();
    for path in files {
        let file = tokio::fs::metadata(path).await.ok();
        let state = file.map(|file| (file.mtime(), file.mtime_nsec(), file.len(), file.ino()));
        states.push((path.clone(), state));
    }
    states
}
