//! Which service a request is for, by its host and its path.

use super::services::Protected;
use crate::base::target;

/// Finds the service for a request that names `host`, and what follows its path in `path`.
///
/// A service that is for this host alone wins over one that is for all, and a longer path over a shorter.
/// The path is what it is however needlessly it is escaped, so that no spelling leads elsewhere.
pub fn route(services: &[Protected], host: Option<&str>, path: &str) -> Option<(usize, String)> {
    let path = target::without_needless_escapes(path);
    let candidates = services.iter().enumerate().filter_map(|(at, one)| {
        let named = |authority| one.hosts.iter().any(|host| host.is_named_by(authority));
        let is_for_it = one.hosts.is_empty() || host.is_some_and(named);
        let rest = is_for_it.then(|| one.service.path.strip(&path)).flatten()?;
        Some((at, rest, !one.hosts.is_empty()))
    });
    let best = candidates.max_by_key(|(_, rest, is_its_own)| (*is_its_own, usize::MAX - rest.len()))?;
    Some((best.0, best.1.to_owned()))
}

/// What of the path of a request may be recorded that is nobody's: below a service what its kind says, at whatever
/// host; of others nothing, as nobody knows whom it names.
pub fn recordable(services: &[Protected], path: &str) -> String {
    let path = target::without_needless_escapes(path);
    let below: Vec<(&Protected, &str)> =
        services.iter().filter_map(|one| Some((one, one.service.path.strip(&path)?))).collect();
    let nearest = below.iter().map(|(_, rest)| rest.len()).min().unwrap_or_default();
    let mut said = below.iter().filter(|(_, rest)| rest.len() == nearest).map(|(one, rest)| {
        let before = &path[..path.len() - rest.len()];
        format!("{before}{}", one.service.kind.recordable(rest))
    });
    match said.next() {
        Some(first) if said.all(|other| other == first) => first,
        Some(_) | None => UNKNOWN.into(),
    }
}

/// Stands for a path that nobody knows.
const UNKNOWN: &str = "-";

/// Whether a connection was made for one host and the request on it is for another, whose door asks for
/// something else (RFC 9110 section 7.4): what was shown was shown to the other one.
pub fn is_misdirected(
    services: &[Protected],
    made_for: Option<&str>,
    host: Option<&str>,
    path: &str,
) -> bool {
    let Some(made_for) = made_for else { return false };
    let without_port = host.map(|host| host.split_once(':').map_or(host, |(name, _)| name));
    if without_port.is_some_and(|host| host.eq_ignore_ascii_case(made_for)) {
        return false;
    }
    let door = |host| route(services, host, path).map(|(at, _)| services[at].service.require);
    door(Some(made_for)) != door(host)
}
