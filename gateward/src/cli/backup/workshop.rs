//! What commands about backups have in common: the configuration, the keyring, what is kept between runs.

use anyhow::Context as _;

use super::sought::jobs;
use crate::base::backup::JobName;
use crate::cli::Context;
use crate::cli::access::{become_owner_of, owner};
use crate::cli::terminal::say;
use crate::config::{Backup, Config};
use crate::flows::backup::recipient::Recipients;
use crate::flows::backup::target::Target;
use crate::server::backup::job;
use crate::server::backup::places::{For, places};
use crate::server::backup::recipients::RecipientFolder;
use crate::server::backup::spool::Spool;
use crate::server::backup::state::State;
use crate::server::{boot, system};

/// Everything but the store, which is asked last and may be away.
pub(super) struct Workshop {
    pub config: Config,
    pub job: job::Workshop,
}

impl Workshop {
    pub fn open(context: &Context) -> anyhow::Result<Self> {
        let config = context.config()?;
        let keyring = boot::keyring(&config.keyring)?;
        let folder = &config.backup_state;
        // As it runs by its timer, so it runs for root: with the rights of whoever these backups belong to.
        become_owner_of(folder).with_context(|| format!("becoming the owner of {}", folder.display()))?;
        let state = State::at(folder).with_context(|| format!("making {}", folder.display()))?;
        let host = nix::unistd::gethostname()?.to_string_lossy().into_owned();
        let spool = Spool::make(folder, owner(&config.store)).context("making the spool")?;
        let (clock, random) = (system::clock(), system::random());
        Ok(Self { config, job: job::Workshop { state, spool, keyring, clock, random, host } })
    }

    /// The jobs of these names; all of them if none is named.
    pub fn jobs(&self, names: &[JobName]) -> anyhow::Result<Vec<&Backup>> {
        jobs(&self.config, names)
    }

    /// The same; says so where there are none at all, lest silence be taken for good news.
    pub fn jobs_or_say(&self, names: &[JobName]) -> anyhow::Result<Vec<&Backup>> {
        let jobs = self.jobs(names)?;
        if jobs.is_empty() {
            say(
                "there is no job: [[backup]] in the configuration is one. What `gateward backup run` makes by flags \
                 alone, `verify`, `restore` and `drill` find by the path of its file",
            );
        }
        Ok(jobs)
    }

    /// All places of `job`, to look at what lies there.
    pub fn places(&self, job: &Backup) -> anyhow::Result<Vec<Box<dyn Target>>> {
        Ok(places(job, For::Reading, &self.job.clock, &self.job.random)?)
    }

    /// What is wrong with the recipients of `job` now, and what soon will be.
    pub fn recipients_standing(&self, job: &Backup) -> anyhow::Result<(Vec<String>, Vec<String>)> {
        let now = self.job.now();
        let keys: Vec<_> = job.recipients.iter().map(|key| key.0).collect();
        let known = self.recipients()?;
        let wrong = known.of(&keys, now).err().map(|refused| refused.to_string().replace('\n', "; "));
        let ending = known.standing(&[(job.name.clone(), keys.clone())], now).into_iter().filter_map(|key| {
            let at = key.ends_at().filter(|_| keys.contains(&key.fingerprint) && key.needs_care(now))?;
            Some(format!("recipient {} ends at {at:.0}: have its owner prolong it", key.fingerprint))
        });
        Ok((wrong.into_iter().collect(), ending.collect()))
    }

    /// The keys that backups can be sealed to.
    pub fn recipients(&self) -> anyhow::Result<Recipients> {
        Ok(RecipientFolder::below(&self.config.backup_state).read()?)
    }
}
