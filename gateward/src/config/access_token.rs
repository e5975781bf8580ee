//! Access tokens for people, and the CKAN that their keys are made by.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::base::ckan_url::CkanUrl;

/// What every access token has in common.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessToken {
    /// The host that people use; the certificate in a token must bear its name.
    pub host: String,
    /// The certificate that this host shows, PEM; else each command names one.
    pub certificate: Option<PathBuf>,
    /// How long a token is good, in days; its key is revoked then.
    pub lifetime_days: u16,
    /// Who gives the tokens out, as letters say it.
    pub institution: String,
    /// Whom its users call, and by whom they are called: a name, a telephone number, an address.
    pub contact: String,
    /// A folder with letters of one's own, instead of those that come along.
    pub letters: Option<PathBuf>,
}

/// A CKAN: by its API, by its own command on this machine, or by both.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ckan {
    /// The address of the site: `https://host`, or `http://` on this machine.
    pub url: Option<CkanUrl>,
    /// The file with a sysadmin's API token.
    pub admin_key: Option<PathBuf>,
    /// The certificates that the site's own must lead to, PEM; the system's unless named.
    pub ca: Option<PathBuf>,
    /// CKAN's own configuration, where it runs on this machine.
    pub ini: Option<PathBuf>,
    /// Its command, unless it is found as `ckan`.
    pub program: Option<PathBuf>,
}

impl AccessToken {
    pub(super) fn check(&self) -> Result<(), (&str, String)> {
        if self.lifetime_days == 0 || self.lifetime_days > LONGEST_DAYS {
            let reason = format!("lifetime_days of an access token lies between 1 and {LONGEST_DAYS}");
            return Err((&self.host, reason));
        }
        if !is_host(&self.host) {
            return Err((&self.host, format!("{:?} is no host name", self.host)));
        }
        Ok(())
    }

    pub(super) fn anchor(&mut self, folder: &Path) {
        for path in [&mut self.certificate, &mut self.letters].into_iter().flatten() {
            *path = folder.join(&*path);
        }
    }
}

/// Ten years: what is to last longer is to be looked at again.
const LONGEST_DAYS: u16 = 3650;

fn is_host(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    (1..=253).contains(&text.len()) && text.bytes().all(good) && !text.starts_with(['-', '.'])
}

impl Ckan {
    pub(super) fn check(&self) -> Result<(), String> {
        let url = self.url.as_ref();
        if url.is_none() && self.ini.is_none() {
            return Err("[ckan] names a url, or the ini of a CKAN on this machine".into());
        }
        if url.is_none() && (self.admin_key.is_some() || self.ca.is_some()) {
            return Err("admin_key and ca of [ckan] belong to a url".into());
        }
        if url.is_some() && self.admin_key.is_none() && self.ini.is_none() {
            return Err("the url of [ckan] needs admin_key, a file with a sysadmin's API token".into());
        }
        if self.program.is_some() && self.ini.is_none() {
            return Err("program of [ckan] belongs to an ini".into());
        }
        Ok(())
    }

    pub(super) fn anchor(&mut self, folder: &Path) {
        let Self { url: _, admin_key, ca, ini, program } = self;
        for path in [admin_key, ca, ini, program].into_iter().flatten() {
            *path = folder.join(&*path);
        }
    }
}
