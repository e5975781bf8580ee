//! Every option there is, with the value that is in force: the configuration, written out.
//!
//! Each struct of the configuration is taken apart field by field, without `..`: an option that is
//! not listed here does not compile.

mod audit;
mod backup;

use jiff::SignedDuration;
use toml::Value;

use super::service::{Inventory, InventorySource, NetworkPattern, Restriction, ServiceConfig};
use super::upstream::{BEHIND_PROXY, HttpUpstream, Upstream};
use super::{
    AccessToken, Admin, Ckan, Config, CrlPolicy, Exchange, Grant, Htdigest, Issuer, Oidc, OidcPerson,
    OpenHim, Passwords, Resif, Tls, Verify,
};
use crate::base::maintenance::Maintenance;
use crate::base::resif::{Column, Tables};
use crate::base::sql_name::TableName;

/// One option.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Its full name: `listen`, `tls.key`, `service[0].restriction[1].network`; the first is `[0]`.
    pub name: String,
    /// Its value, as the file would have it.
    pub value: Set,
}

/// Whether an option has a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Set {
    /// It has, be it by default.
    To(Value),
    /// It has not, which means this.
    Not(&'static str),
}

/// Collects options below one name.
struct Below<'a> {
    listing: &'a mut Vec<Setting>,
    prefix: String,
}

impl Below<'_> {
    fn set(&mut self, name: &str, value: impl Into<Value>) {
        let name = format!("{}{name}", self.prefix);
        self.listing.push(Setting { name, value: Set::To(value.into()) });
    }

    fn unset(&mut self, name: &str, means: &'static str) {
        let name = format!("{}{name}", self.prefix);
        self.listing.push(Setting { name, value: Set::Not(means) });
    }

    fn text(&mut self, name: &str, value: impl std::fmt::Display) {
        self.set(name, value.to_string());
    }

    fn optional(&mut self, name: &str, value: Option<impl std::fmt::Display>, unset: &'static str) {
        match value {
            Some(value) => self.text(name, value),
            None => self.unset(name, unset),
        }
    }

    fn below(&mut self, name: &str) -> Below<'_> {
        Below { prefix: format!("{}{name}.", self.prefix), listing: self.listing }
    }

    fn each<T>(&mut self, name: &str, all: &[T], list: impl Fn(&T, &mut Below<'_>)) {
        for (at, one) in all.iter().enumerate() {
            list(one, &mut self.below(&format!("{name}[{at}]")));
        }
    }
}

impl Config {
    /// Lists every option, in the order in which a file can have them.
    pub fn settings(&self) -> Vec<Setting> {
        let mut listing = Vec::new();
        let mut all = Below { listing: &mut listing, prefix: String::new() };
        let Self {
            mode,
            listen,
            tls,
            node_ca,
            node_crl,
            crl,
            trusted_proxies,
            proxy_protocol,
            store,
            keyring,
            realm,
            digest_sha256,
            passwords,
            exchange,
            verify,
            admin,
            issuer,
            oidc,
            service,
            grant,
            access_token,
            ckan,
            openhim,
            audit,
            backup,
            backup_state,
            drill_signers,
            // Not an option: made of those.
            policy_text: _,
        } = self;
        all.text("mode", mode.as_str());
        all.optional("listen", listen.as_ref(), "nothing is served");
        match tls {
            Some(tls) => certificate(tls, &mut all.below("tls")),
            None => all.unset("tls", "somebody else speaks TLS in front"),
        }
        let paths = |paths: &[std::path::PathBuf]| -> Vec<String> {
            paths.iter().map(|path| path.display().to_string()).collect()
        };
        all.set("node_ca", paths(node_ca));
        all.set("node_crl", paths(node_crl));
        all.optional("crl", crl.map(CrlPolicy::as_str), "required where node_crl names lists");
        all.set("trusted_proxies", trusted_proxies.texts());
        all.set("proxy_protocol", *proxy_protocol);
        all.text("store", store);
        all.text("keyring", keyring.display());
        all.text("backup_state", backup_state.display());
        all.set("drill_signers", drill_signers.iter().map(|key| key.0.to_string()).collect::<Vec<_>>());
        all.text("realm", &realm.0);
        all.set("digest_sha256", *digest_sha256);
        let Passwords { memory_mib, passes, at_once } = passwords;
        for (name, value) in [("memory_mib", memory_mib), ("passes", passes), ("at_once", at_once)] {
            all.below("passwords").set(name, i64::from(*value));
        }
        list_exchange(exchange, &mut all.below("exchange"));
        match verify {
            Some(Verify { uids, client_certificate }) => {
                all.set("verify.uids", uids.iter().map(ToString::to_string).collect::<Vec<_>>());
                all.set("verify.client_certificate", *client_certificate);
            }
            None => all.unset("verify", "no user of this machine asks for others"),
        }
        match admin {
            Some(Admin { listen, tls }) => {
                all.text("admin.listen", listen);
                certificate(tls, &mut all.below("admin.tls"));
            }
            None => all.unset("admin", "nothing is served"),
        }
        match access_token {
            Some(access_token) => list_access_token(access_token, &mut all.below("access_token")),
            None => all.unset("access_token", "no access tokens are made"),
        }
        match ckan {
            Some(ckan) => list_ckan(ckan, &mut all.below("ckan")),
            None => all.unset("ckan", "no CKAN is asked"),
        }
        match openhim {
            Some(openhim) => list_openhim(openhim, &mut all.below("openhim")),
            None => all.unset("openhim", "we are nobody's mediator"),
        }
        audit::list(audit, &mut all.below("audit"));
        all.each("issuer", issuer, list_issuer);
        all.each("oidc", oidc, list_oidc);
        all.each("service", service, list_service);
        all.each("grant", grant, list_grant);
        all.each("backup", backup, backup::list);
        listing
    }
}

fn certificate(Tls { certificate, key }: &Tls, list: &mut Below<'_>) {
    list.text("certificate", certificate.display());
    list.text("key", key.display());
}

fn list_access_token(access_token: &AccessToken, list: &mut Below<'_>) {
    let AccessToken { host, certificate, lifetime_days, institution, contact, letters } = access_token;
    list.text("host", host);
    let certificate = certificate.as_ref().map(|path| path.display());
    list.optional("certificate", certificate, "each command names one");
    list.set("lifetime_days", i64::from(*lifetime_days));
    list.text("institution", institution);
    list.text("contact", contact);
    list.optional("letters", letters.as_ref().map(|path| path.display()), "the letters that come along");
}

fn list_ckan(ckan: &Ckan, list: &mut Below<'_>) {
    let Ckan { url, admin_key, ca, ini, program } = ckan;
    let path = |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| path.display().to_string());
    list.optional("url", url.as_ref(), "its API is not asked");
    list.optional("admin_key", path(admin_key), "its API is not asked");
    list.optional("ca", path(ca), "the certificates that this system believes");
    list.optional("ini", path(ini), "its command is not used");
    list.optional("program", path(program), "found as ckan");
}

fn list_openhim(openhim: &OpenHim, list: &mut Below<'_>) {
    let OpenHim { api, ca, username, password_file, urn, name, endpoint } = openhim;
    list.text("api", api);
    let ca = ca.as_ref().map(|path| path.display());
    list.optional("ca", ca, "the certificates that this system believes");
    list.text("username", username);
    list.text("password_file", password_file.display());
    list.text("urn", urn);
    list.text("name", name);
    list.text("endpoint", endpoint);
}

fn list_exchange(exchange: &Exchange, list: &mut Below<'_>) {
    let Exchange { path, status_style, contact, resif, htdigest } = exchange;
    list.text("path", path);
    list.set("status_style", word(status_style));
    list.optional("contact", contact.as_ref(), "/version names nobody");
    match resif {
        Some(resif) => list_resif(resif, &mut list.below("resif")),
        None => list.unset("resif", "logins are written to no other database"),
    }
    match htdigest {
        Some(Htdigest { path }) => list.text("htdigest.path", path.display()),
        None => list.unset("htdigest", "logins are written to no file"),
    }
}

fn list_resif(resif: &Resif, list: &mut Below<'_>) {
    let Resif { auth, privileges, password_file, tables } = resif;
    list.text("auth", auth);
    list.text("privileges", privileges);
    let file = password_file.as_ref().map(|path| path.display());
    list.optional("password_file", file, "the URLs name one, or none is asked for");
    let Tables { users, credentials, epos_fdsn, networks, privileges } = tables;
    let mut list = list.below("tables");
    list_table("users", &users.table, users.columns(), &mut list);
    list_table("credentials", &credentials.table, credentials.columns(), &mut list);
    list_table("epos_fdsn", &epos_fdsn.table, epos_fdsn.columns(), &mut list);
    list_table("networks", &networks.table, networks.columns(), &mut list);
    list_table("privileges", &privileges.table, privileges.columns(), &mut list);
}

fn list_table(name: &str, table: &TableName, columns: Vec<(&'static str, &Column)>, list: &mut Below<'_>) {
    let mut list = list.below(name);
    list.text("table", table);
    for (name, column) in columns {
        match column {
            Column::Named(column) => list.text(name, column),
            Column::At(place) => list.unset(name, place.in_words()),
        }
    }
}

fn list_issuer(Issuer { key, fingerprint, allow_sha1 }: &Issuer, list: &mut Below<'_>) {
    list.text("key", key.display());
    list.text("fingerprint", fingerprint.0);
    list.set("allow_sha1", *allow_sha1);
}

fn list_oidc(oidc: &Oidc, list: &mut Below<'_>) {
    let Oidc { issuer, audience, algorithms, jwks, ca, groups_claim, mail_claim, trust_mail, stale_after } =
        oidc;
    let path = |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| path.display().to_string());
    list.text("issuer", issuer);
    list.set("audience", audience.clone());
    list.set("algorithms", algorithms.iter().map(|algorithm| algorithm.0.to_string()).collect::<Vec<_>>());
    list.optional("jwks", path(jwks), "it is asked for its keys");
    list.optional("ca", path(ca), "the certificates that this system believes");
    list.optional(
        "groups_claim",
        groups_claim.as_ref().map(|claim| &claim.0),
        "it is believed about no group",
    );
    list.optional(
        "mail_claim",
        mail_claim.as_ref().map(|claim| &claim.0),
        "it is believed about no mail address",
    );
    list.set("trust_mail", *trust_mail);
    list.text("stale_after", duration(*stale_after));
}

fn list_grant(grant: &Grant, list: &mut Below<'_>) {
    let Grant { group, mail, mail_domain, user, node, oidc, service, networks, actions, resources, own } =
        grant;
    // Exactly one of them is there.
    let whom = [
        ("group", group.as_ref().map(|group| group.0.to_string())),
        ("mail", mail.as_ref().map(|mail| mail.0.as_str().to_owned())),
        ("mail_domain", mail_domain.clone()),
        ("user", user.as_ref().map(ToString::to_string)),
        ("node", node.as_ref().map(ToString::to_string)),
    ];
    for (name, value) in whom {
        if let Some(value) = value {
            list.set(name, value);
        }
    }
    if let Some(OidcPerson { issuer, sub }) = oidc {
        let mut list = list.below("oidc");
        list.text("issuer", issuer);
        list.text("sub", sub);
    }
    list.text("service", service);
    list.set("networks", networks.iter().map(ToString::to_string).collect::<Vec<_>>());
    list.set("actions", actions.iter().map(|action| action.as_str()).collect::<Vec<_>>());
    list.set("resources", resources.iter().map(ToString::to_string).collect::<Vec<_>>());
    list.set("own", *own);
}

fn list_service(config: &ServiceConfig, list: &mut Below<'_>) {
    let ServiceConfig {
        name: _,
        kind,
        path,
        host,
        from,
        maintenance,
        upstream,
        require,
        login,
        digest,
        inventory,
        unlisted,
        restriction,
        restrict_metadata,
        verify_stream,
        queryauth_to,
        identify_as,
        openhim,
        pass,
        existing_keys,
    } = config;
    list.text("name", config.name());
    list.set("kind", word(kind));
    if path.are_several() {
        list.set("path", path.iter().map(ToString::to_string).collect::<Vec<_>>());
    } else {
        list.text("path", path.first());
    }
    list.set("host", host.iter().map(ToString::to_string).collect::<Vec<_>>());
    list.set("from", from.texts());
    match maintenance {
        None => list.set("maintenance", false),
        Some(Maintenance::On) => list.set("maintenance", true),
        Some(Maintenance::Until(end)) => list.text("maintenance", end),
    }
    list_upstream(upstream, list);
    list.set("require", require.iter().map(word).collect::<Vec<_>>());
    list.optional("login", login.as_ref().map(word), "no page is shown");
    list.optional("digest", digest.as_ref().map(word), "this kind of service has no say in it");
    match inventory {
        Some(inventory) => list_inventory(inventory, &mut list.below("inventory")),
        None => list.unset("inventory", "nothing tells which data are restricted"),
    }
    list.optional("unlisted", unlisted.as_ref().map(word), "nothing is looked up");
    list.optional(
        "existing_keys",
        existing_keys.as_ref().map(word),
        "this kind of service knows no keys of CKAN's",
    );
    list.set("restrict_metadata", *restrict_metadata);
    match verify_stream {
        Some(verify) => list.set("verify_stream", *verify),
        None => list.unset("verify_stream", "true for dataselect with digest = \"gateward\", else false"),
    }
    list.optional(
        "queryauth_to",
        queryauth_to.as_ref().map(word),
        "\"queryauth\" where the upstream is shown a credential, else \"query\"",
    );
    list.optional(
        "identify_as",
        identify_as.as_ref().map(|name| &name.0),
        "the upstream is not told who asks",
    );
    list.set("openhim", *openhim);
    list.set("pass", pass.iter().map(ToString::to_string).collect::<Vec<_>>());
    list.each("restriction", restriction, list_restriction);
}

fn list_upstream(upstream: &Upstream, list: &mut Below<'_>) {
    let HttpUpstream { url, timeout, credential, ca, certificate, key } = match upstream {
        Upstream::Dir(path) => return list.text("upstream", format_args!("dir:{}", path.display())),
        Upstream::BehindProxy => return list.text("upstream", BEHIND_PROXY),
        Upstream::Http(http) => http,
    };
    let mut list = list.below("upstream");
    list.text("url", url);
    list.text("timeout", duration(*timeout));
    list.optional("credential", credential.as_ref().map(|path| path.display()), "it is shown none");
    list.optional("ca", ca.as_ref().map(|path| path.display()), "it is asked over plain HTTP");
    let shown = "it is shown none of ours";
    list.optional("certificate", certificate.as_ref().map(|path| path.display()), shown);
    list.optional("key", key.as_ref().map(|path| path.display()), shown);
}

fn list_inventory(inventory: &Inventory, list: &mut Below<'_>) {
    let Inventory { source, refresh, stale_after } = inventory;
    match source {
        InventorySource::File(path) => list.text("file", path.display()),
        InventorySource::Service(url) => list.text("url", url),
    }
    list.text("refresh", duration(*refresh));
    list.text("stale_after", duration(*stale_after));
}

fn list_restriction(restriction: &Restriction, list: &mut Below<'_>) {
    let Restriction { network, station, location, channel, start, end, reason } = restriction;
    match network {
        NetworkPattern::Network(network) => list.text("network", network),
        NetworkPattern::Pattern(pattern) => list.text("network", pattern),
    }
    list.text("station", station);
    list.text("location", location);
    list.text("channel", channel);
    list.optional("start", start.as_ref(), "from the beginning");
    list.optional("end", end.as_ref(), "without end");
    list.optional("reason", reason.as_ref(), "callers are told no more than that it is restricted");
}

fn duration(duration: SignedDuration) -> String {
    format!("{duration:#}")
}

/// Writes one of a few words as the file has it.
fn word<T: serde::Serialize>(word: &T) -> String {
    Value::try_from(word).ok().and_then(|value| value.as_str().map(str::to_owned)).expect("a word is text")
}
