//! The door and nginx before one upstream, nginx twice: with an authoriser that is as quick as can be, and with a
//! usual one.

use std::path::Path;

use crate::certificates::Certificates;
use crate::nginx;
use crate::population::Population;
use crate::process::Process;
use crate::running_nginx::Nginx;
use crate::site::Site;
use crate::{Outcome, authoriser};

/// All of them, open.
pub struct Pair {
    pub site: Site,
    pub certificates: Certificates,
    /// Each nginx with what it asks about tokens.
    peers: [(&'static str, Nginx, Nginx); 2],
    _upstream: Nginx,
}

/// One of them.
pub struct Side<'a> {
    pub name: &'static str,
    pub port: u16,
    pub processes: Vec<&'a Process>,
}

impl Pair {
    pub fn start(dir: &Path) -> Outcome<Self> {
        let certificates = Certificates::make(dir)?;
        let upstream = nginx::upstream(dir)?;
        let home = crate::fresh(dir, "door")?;
        let site = Site::open(&home, &upstream, &certificates, Population::default())?;
        let peer = |name: &'static str, asked: Nginx| -> Outcome<_> {
            let peer = nginx::peer(dir, name, &upstream, &asked, &certificates)?;
            Ok((name, peer, asked))
        };
        let peers = [
            peer("nginx, table", authoriser::quickest(dir, &site.token)?)?,
            peer("nginx, Node", authoriser::usual(dir, &site.token)?)?,
        ];
        Ok(Self { site, certificates, peers, _upstream: upstream })
    }

    /// The door first, then its peers; with all that each needs to answer, the upstream aside.
    pub fn sides(&self) -> Vec<Side<'_>> {
        let door = Side { name: "gateward", port: self.site.port, processes: vec![&self.site.process] };
        let peers = self.peers.iter().map(|(name, peer, asked)| {
            let processes = vec![&peer.process, &asked.process];
            Side { name, port: peer.port, processes }
        });
        std::iter::once(door).chain(peers).collect()
    }
}

impl Side<'_> {
    /// Processor time so far, in seconds.
    pub fn cpu(&self) -> Outcome<f64> {
        self.processes.iter().try_fold(0.0, |sum, process| Ok(sum + process.cpu()?))
    }
}
