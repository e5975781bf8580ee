//! How commands come at the store: with the configuration, the keyring, and a name for the record.
//!
//! No login is asked for: whoever may read the keyring and write the database may do this. A
//! command that root runs reads the keyring first and then becomes the database's owner, so that
//! no file of the database ends up in root's hands.

use std::ffi::CString;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context as _, bail};
use jiff::{SignedDuration, Timestamp};
use nix::unistd::{Gid, Uid, User, initgroups, setgid, setgroups, setuid};
use tokio::runtime::Runtime;

use super::server_user;
use super::{Context, Named};
use crate::base::store_address::StoreAddress;
use crate::config::{self, Config};
use crate::flows::door::Door;
use crate::server::housekeeping::LEASE;
use crate::server::{boot, system};
use crate::store::{ServeLock, instance};

/// An open door for one command.
pub(super) struct Access {
    pub config: Config,
    pub door: Door,
    /// The operating-system user, as events name them.
    pub by: String,
    pub now: Timestamp,
}

/// How far a command's clock may be from the running server's: its lease is renewed every 5 s.
const CLOCKS_APART: SignedDuration = SignedDuration::from_secs(60);

impl Context {
    /// Reads the configuration file; what the command line or the environment names wins over it.
    pub(super) fn read(&self) -> Result<Config, config::Error> {
        let mut config = Config::read(&self.config)?;
        if let Some(keyring) = &self.keyring {
            config.keyring.clone_from(keyring);
        }
        if let Some(store) = &self.store {
            config.store.clone_from(store);
        }
        Ok(config)
    }

    /// Reads the configuration file, or says what to do where there is none.
    pub(super) fn config(&self) -> anyhow::Result<Config> {
        match self.read() {
            Err(error @ config::Error::Unreadable { .. }) => Err(unreadable(&error)),
            read => Ok(read?),
        }
    }

    /// The store that the command line or the environment names, else the configuration.
    pub(super) fn store(&self) -> anyhow::Result<StoreAddress> {
        match &self.store {
            Some(store) => Ok(store.clone()),
            None => Ok(self.config()?.store),
        }
    }

    /// Opens the door for one command, as the owner of the database.
    pub(super) fn access(&self) -> anyhow::Result<Access> {
        block_on(self.open(|config| become_owner(&[&config.store])))?
    }

    /// Opens the door for a command that changes something, unless a server runs here by another
    /// clock: what is recorded under a wrong one would shut the server's door until it comes true.
    pub(super) fn access_to_change(&self) -> anyhow::Result<Access> {
        with_the_servers_clock(self.access()?)
    }

    /// As [`Context::access_to_change`], for commands that write other files, too. On PostgreSQL that is as
    /// the role's own user, whom alone the database may let in.
    pub(super) fn access_to_change_as_we_are(&self) -> anyhow::Result<Access> {
        match self.store()? {
            StoreAddress::Sqlite(_) => with_the_servers_clock(self.access_as_we_are()?),
            StoreAddress::Postgres(_) => self.access_to_change(),
        }
    }

    /// Whether there is a configuration that could say where to record something.
    pub(super) fn has_installation(&self) -> bool {
        self.config_from != Named::Default || self.config.exists()
    }

    /// Opens the door without giving up what we are: for commands that write other files, too.
    /// SQLite itself gives the files that root makes to the database's owner.
    pub(super) fn access_as_we_are(&self) -> anyhow::Result<Access> {
        block_on(self.open(|_| Ok(())))?
    }

    /// Opens the door once `step_down` has given up what only root may.
    pub(super) async fn open(
        &self,
        step_down: impl FnOnce(&Config) -> std::io::Result<()>,
    ) -> anyhow::Result<Access> {
        let by = operating_system_user();
        let config = self.config()?;
        let keys = boot::keys(&config)?;
        step_down(&config).context("becoming the owner of the database")?;
        let clock = system::clock();
        let door = boot::door(&config, keys, &clock, &system::random()).await?;
        // To look at something, any clock is good enough.
        let now = door.store.clock.now().unwrap_or_else(|unbelieved| unbelieved.nearest());
        Ok(Access { config, door, by, now })
    }
}

/// Refuses to change anything under another clock than the running server's.
fn with_the_servers_clock(access: Access) -> anyhow::Result<Access> {
    // On PostgreSQL everybody goes by the database's clock, or does nothing.
    access.door.store.clock.now()?;
    if let Some(file) = access.config.store.file()
        && ServeLock::is_taken(file)?
        && let Some(lease) = block_on(instance::newest_lease(&access.door.store.reader))??
    {
        let off = access.now.duration_since(lease).saturating_add(LEASE);
        if off.abs() > CLOCKS_APART {
            bail!(
                "this clock and the running server's are {off:#} apart: nothing was done; set the clock right"
            );
        }
    }
    Ok(access)
}

/// Says what to do where there is no configuration.
pub(super) fn unreadable(error: &config::Error) -> anyhow::Error {
    anyhow::anyhow!(
        "{error}: name the configuration with --config FILE or GATEWARD_CONFIG; `gateward init` writes one"
    )
}

/// Runs a flow to its end, on the one runtime of this command: connections live on it.
pub(super) fn block_on<T>(flow: impl Future<Output = T>) -> anyhow::Result<T> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = if let Some(runtime) = RUNTIME.get() {
        runtime
    } else {
        let fresh = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        RUNTIME.get_or_init(|| fresh)
    };
    Ok(runtime.block_on(flow))
}

/// Names the user who runs this, as events do: `os:NAME`.
pub(super) fn operating_system_user() -> String {
    let uid = Uid::current();
    let name = User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name);
    format!("os:{name}")
}

/// Gives up root for whoever owns the first of `stores` that somebody is known to own.
pub(super) fn become_owner(stores: &[&StoreAddress]) -> std::io::Result<()> {
    match stores.iter().find_map(|store| owner(store)) {
        Some((uid, gid)) => become_user(uid, gid),
        None => Ok(()),
    }
}

/// Gives up root for whoever owns `folder`; a folder of root's, or one that is not there, leaves us what we are.
pub(super) fn become_owner_of(folder: &Path) -> std::io::Result<()> {
    let there = match std::fs::metadata(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        there => there?,
    };
    become_user(Uid::from_raw(there.uid()), Gid::from_raw(there.gid()))
}

/// Gives up root for `uid`, with all the groups that they are in and `gid` first: what systemd would give them.
fn become_user(uid: Uid, gid: Gid) -> std::io::Result<()> {
    if !Uid::effective().is_root() || uid.is_root() {
        return Ok(());
    }
    match User::from_uid(uid)? {
        Some(user) => initgroups(&CString::new(user.name).expect("a user's name has no zero"), gid)?,
        None => setgroups(&[gid])?,
    }
    setgid(gid)?;
    setuid(uid)?;
    Ok(())
}

/// Finds the owner of a SQLite file, or of the folder where it will be; or the operating-system user
/// whose role the PostgreSQL database knows.
pub(super) fn owner(store: &StoreAddress) -> Option<(Uid, Gid)> {
    match store {
        StoreAddress::Sqlite(path) => {
            let folder = || path.parent().and_then(|folder| std::fs::metadata(folder).ok());
            let metadata = std::fs::metadata(path).ok().or_else(folder)?;
            Some((Uid::from_raw(metadata.uid()), Gid::from_raw(metadata.gid())))
        }
        StoreAddress::Postgres(url) => server_user::of_role(url).map(|user| (user.uid, user.gid)),
    }
}
