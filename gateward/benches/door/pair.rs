//! The door and nginx before one upstream.

use std::path::Path;

use crate::Outcome;
use crate::certificates::Certificates;
use crate::nginx::{self, Nginx};
use crate::population::Population;
use crate::process::Process;
use crate::site::Site;

/// Both, open.
pub struct Pair {
    pub site: Site,
    pub peer: Nginx,
    pub certificates: Certificates,
    authoriser: Nginx,
    _upstream: Nginx,
}

/// One of the two.
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
        let authoriser = nginx::authoriser(dir, &site.token)?;
        let peer = nginx::peer(dir, &upstream, &authoriser, &certificates)?;
        Ok(Self { site, peer, certificates, authoriser, _upstream: upstream })
    }

    /// The two, with all that each needs to answer, the upstream aside.
    pub fn sides(&self) -> [Side<'_>; 2] {
        let door = Side { name: "gateward", port: self.site.port, processes: vec![&self.site.process] };
        let processes = vec![&self.peer.process, &self.authoriser.process];
        [door, Side { name: "nginx", port: self.peer.port, processes }]
    }
}

impl Side<'_> {
    /// Processor time so far, in seconds.
    pub fn cpu(&self) -> Outcome<f64> {
        self.processes.iter().try_fold(0.0, |sum, process| Ok(sum + process.cpu()?))
    }
}
