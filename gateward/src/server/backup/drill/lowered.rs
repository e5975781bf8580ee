//! Root that has laid down its rights for a while.

use std::ffi::CString;
use std::io;

use nix::unistd::{Gid, Uid, User, getgroups, initgroups, setgroups, setresgid, setresuid};

/// We are somebody else until this is dropped, in all threads.
///
/// Only what the system keeps as the saved user says that we were root. A program that we start does not have even
/// that (execve(2)), and nobody but root may look into us or end us meanwhile (ptrace(2), kill(2)).
#[derive(Debug)]
pub(super) struct Lowered {
    groups: Vec<Gid>,
}

const ROOT: Uid = Uid::from_raw(0);
const ROOTS: Gid = Gid::from_raw(0);

impl Lowered {
    /// Becomes `user`, with all the groups that they are in.
    ///
    /// # Errors
    ///
    /// What the system said: we are root as before.
    pub fn to(user: &User) -> io::Result<Self> {
        let lowered = Self { groups: getgroups()? };
        initgroups(&CString::new(user.name.as_str()).expect("a user's name has no zero"), user.gid)?;
        setresgid(user.gid, user.gid, ROOTS)?;
        setresuid(user.uid, user.uid, ROOT)?;
        Ok(lowered)
    }
}

impl Drop for Lowered {
    fn drop(&mut self) {
        let rise = || {
            // First of all, because the others need it.
            setresuid(ROOT, ROOT, ROOT)?;
            setresgid(ROOTS, ROOTS, ROOTS)?;
            setgroups(&self.groups)
        };
        if let Err(error) = rise() {
            tracing::error!(%error, "root's rights cannot be taken up again");
        }
    }
}
