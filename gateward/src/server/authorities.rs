//! The authorities that vouch for machines, and their lists, from the files of the configuration.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use node_certificate::{
    Certificate, FileError, Lists, RevocationList, Trust, certificates, revocation_lists,
};

use super::boot::{self, Error};
use crate::config::{Config, CrlPolicy};

/// Reads whom the configuration believes about machines.
///
/// # Errors
///
/// [`Error::File`] for what may come; [`Error::Authorities`] for what is no such file.
pub fn load(config: &Config) -> Result<Trust, Error> {
    let authorities = each(&config.node_ca, "node_ca", certificates)?;
    let lists = each(&config.node_crl, "node_crl", revocation_lists)?;
    let asked = match config.crl {
        _ if config.node_crl.is_empty() => Lists::NotAsked,
        Some(CrlPolicy::Optional) => Lists::Optional,
        Some(CrlPolicy::Required) | None => Lists::Required,
    };
    Trust::new(authorities, lists, asked).map_err(|why| Error::Authorities {
        what: "node_ca",
        path: PathBuf::new(),
        why: why.to_string(),
    })
}

fn each<T>(
    paths: &[PathBuf],
    what: &'static str,
    read: impl Fn(&[u8]) -> Result<Vec<T>, FileError>,
) -> Result<Vec<T>, Error> {
    let mut all = Vec::new();
    for path in paths {
        let wrong = |why: FileError| Error::Authorities { what, path: path.clone(), why: why.to_string() };
        all.extend(read(&boot::read(what, path)?).map_err(wrong)?);
    }
    Ok(all)
}

/// What is allowed and not as it should be, one sentence each.
pub fn doubts(trust: &Trust, config: &Config, now: Timestamp) -> Vec<String> {
    if config.crl != Some(CrlPolicy::Optional) {
        return refused(trust, config, now);
    }
    let allowed = "crl = \"optional\": a machine is let in though nobody knows whether it was revoked";
    [vec![allowed.into()], ended(trust, now), unlisted(trust, config, now)].concat()
}

/// Whose machines are refused, whichever they are, one sentence each.
pub fn refused(trust: &Trust, config: &Config, now: Timestamp) -> Vec<String> {
    let mut refused = ended(trust, now);
    // Who says that lists are optional has said so of missing and ended ones.
    if config.crl != Some(CrlPolicy::Optional) {
        refused.extend(unlisted(trust, config, now));
    }
    refused
}

fn ended(trust: &Trust, now: Timestamp) -> Vec<String> {
    let over = trust.authorities().iter().filter(|authority| authority.not_after() < now);
    over.map(|authority| format!("the authority {} has ended: its machines are refused", authority.subject()))
        .collect()
}

/// Which authorities have no current list, where lists are named.
fn unlisted(trust: &Trust, config: &Config, now: Timestamp) -> Vec<String> {
    if config.node_crl.is_empty() {
        return Vec::new();
    }
    let told = |authority: &Certificate| {
        let lists = trust.lists().iter().filter(|list| list.is_of(authority));
        let name = authority.subject();
        match lists.map(RevocationList::next_update).max() {
            Some(end) if end <= now => {
                Some(format!("the list of revoked certificates of {name} ended at {end:.0}"))
            }
            None => Some(format!("there is no list of revoked certificates of {name} in node_crl")),
            Some(_) => None,
        }
    };
    trust.authorities().iter().filter_map(told).collect()
}

/// All files that [`load`] reads.
pub fn files(config: &Config) -> impl Iterator<Item = &Path> {
    config.node_ca.iter().chain(&config.node_crl).map(PathBuf::as_path)
}

/// Whether clients are asked for certificates: some service wants one, an authority vouches for machines, or
/// proxies may ask for others.
pub fn are_asked_for(config: &Config) -> bool {
    use crate::config::service::Requirement::{Either, Node};
    let wants = |required: &[_]| required.iter().any(|required| matches!(required, Node | Either));
    let by_anybody = !config.node_ca.is_empty() || config.verify.is_some() || config.audit.fhir.is_some();
    by_anybody || config.service.iter().any(|service| wants(&service.require))
}
