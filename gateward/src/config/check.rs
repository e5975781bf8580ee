//! Whether what stands in a file goes together: what each part says alone, its own type looked at.

use super::AUDIT;
use super::{Config, Listen, Oidc, ServiceConfig, Wrong, listen, nodes};
use crate::base::name::UrlPath;

impl Config {
    /// Looks at everything; `text` is the file, for the lines.
    pub(super) fn check(&self, text: &str) -> Result<(), Wrong> {
        self.check_listeners(text)?;
        self.check_tables(text)?;
        self.check_backups(text)?;
        self.check_oidc(text)?;
        self.check_services(text)?;
        self.check_grants(text)
    }

    fn check_listeners(&self, text: &str) -> Result<(), Wrong> {
        match &self.listen {
            Some(at) => {
                listen::check(at, self.tls.is_some(), &self.trusted_proxies, self.proxy_protocol)
                    .map_err(|reason| Wrong::at(text, &at.to_string(), reason))?;
                if self.admin.is_none() {
                    let reason = "a file that has listen has [admin], the listener for operators, too";
                    return Err(Wrong::at(text, &at.to_string(), reason));
                }
            }
            None => self.serves_nothing().map_err(|what| {
                Wrong::at(text, "", format!("there is {what}, and no `listen`: nothing would be served"))
            })?,
        }
        nodes::check(&self.node_ca, &self.node_crl, self.crl)
            .map_err(|(what, reason)| Wrong::at_option(text, what, reason))?;
        let user = self.verify.iter().flat_map(|verify| &verify.uids).next();
        if let (Some(user), Some(Listen::Address(listen))) = (user, &self.listen) {
            let reason = format!(
                "verify.uids names users of this machine, who are known at a Unix socket and not at {listen}: listen on \
                 unix:PATH, or enroll the proxy as a node with the role proxy"
            );
            return Err(Wrong::at(text, &user.to_string(), reason));
        }
        Ok(())
    }

    /// Makes sure that nothing stands in a file without listeners that only they would look at.
    fn serves_nothing(&self) -> Result<(), &'static str> {
        let stands = [
            (self.tls.is_some(), "tls"),
            (self.admin.is_some(), "[admin]"),
            (!self.service.is_empty(), "a [[service]]"),
            (!self.issuer.is_empty(), "an [[issuer]]"),
            (!self.oidc.is_empty(), "an [[oidc]]"),
            (self.audit.syslog.is_some(), "[audit.syslog]"),
            (!self.audit.feed.is_empty(), "a feed of [audit]"),
        ];
        stands.into_iter().find(|(stands, _)| *stands).map_or(Ok(()), |(_, what)| Err(what))
    }

    /// What stands there once, each part for itself.
    fn check_tables(&self, text: &str) -> Result<(), Wrong> {
        let at = |(what, reason): (&str, String)| Wrong::at(text, what, reason);
        let in_table = |name: &'static str| move |reason: String| Wrong::at_table(text, name, reason);
        if let Some(access_token) = &self.access_token {
            access_token.check().map_err(at)?;
        }
        if let Some(ckan) = &self.ckan {
            ckan.check().map_err(in_table("ckan"))?;
        }
        if let Some(openhim) = &self.openhim {
            openhim.check().map_err(in_table("openhim"))?;
        }
        self.audit.check(self.tls.is_some()).map_err(in_table("audit"))?;
        self.exchange.check().map_err(at)?;
        self.passwords.check().map_err(in_table("passwords"))
    }

    fn check_backups(&self, text: &str) -> Result<(), Wrong> {
        if let Some(job) = twice(&self.backup, |job| job.name.as_str()) {
            let name = job.name.as_str();
            return Err(Wrong::at(text, name, format!("there are two backups {name}")));
        }
        let check = |(what, reason): (&str, String)| Wrong::at(text, what, reason);
        self.backup.iter().try_for_each(|job| job.check().map_err(check))
    }

    fn check_oidc(&self, text: &str) -> Result<(), Wrong> {
        let wrong = |issuer: &str, reason: &str| Wrong::at(text, issuer, format!("{issuer}: {reason}"));
        if let Some(oidc) = twice(&self.oidc, |oidc| oidc.issuer.as_str()) {
            return Err(wrong(oidc.issuer.as_str(), "the same issuer stands twice"));
        }
        let check = |oidc: &Oidc| oidc.check().map_err(|reason| wrong(oidc.issuer.as_str(), reason));
        self.oidc.iter().try_for_each(check)
    }

    fn check_services(&self, text: &str) -> Result<(), Wrong> {
        if let Some(service) = self.service.iter().find(|service| service.name().as_str() == AUDIT)
            && self.audit.fhir.is_some()
        {
            let reason =
                "audit is what grants on the log itself name: give this service another name".to_owned();
            return Err(Wrong::at(text, service.name().as_str(), reason));
        }
        if let Some(service) = twice(&self.service, ServiceConfig::name) {
            let name = service.name();
            return Err(Wrong::at(text, name.as_str(), format!("there are two services {name}")));
        }
        for (at, service) in self.service.iter().enumerate() {
            let before = &self.service[..at];
            self.check_places(service, before)
                .map_err(|(path, reason)| Wrong::at(text, path.as_str(), reason))?;
            let wrong = |reason| Wrong::at(text, service.path.first().as_str(), reason);
            service.check().map_err(wrong)?;
            self.check_neighbours(service, before).map_err(wrong)?;
        }
        Ok(())
    }

    /// Makes sure that nobody else stands where `service` does: none of those `before` it, nor we.
    fn check_places(
        &self,
        service: &ServiceConfig,
        before: &[ServiceConfig],
    ) -> Result<(), (UrlPath, String)> {
        if let Some((theirs, own)) = before.iter().find_map(|other| other.meets(service)) {
            let reason = format!("the services at {theirs} and {own} overlap");
            return Err((own, reason));
        }
        for (place, what) in self.own_places() {
            let overlap = |path: &&UrlPath| {
                path.strip(place.as_str()).is_some() || place.strip(path.as_str()).is_some()
            };
            // One at the root gets what is nobody else's.
            if let Some(path) = service.path.iter().filter(|path| !path.is_root()).find(overlap) {
                let reason = format!("the service at {path} and {what} at {place} overlap");
                return Err((path.clone(), reason));
            }
        }
        Ok(())
    }

    /// Makes sure that `service` goes with those `before` it, and with the tables that it needs.
    fn check_neighbours(&self, service: &ServiceConfig, before: &[ServiceConfig]) -> Result<(), String> {
        // A key of ours stands for one of the CKAN that [ckan] names: it is shown to no other.
        let has_other_ckan = |other: &ServiceConfig| {
            other.existing_keys.is_some()
                && service.existing_keys.is_some()
                && other.upstream != service.upstream
        };
        if before.iter().any(has_other_ckan) {
            return Err("the services of kind ckan have one CKAN behind them, and so one upstream".into());
        }
        if service.openhim && self.openhim.is_none() {
            let name = service.name();
            return Err(format!("{name} answers OpenHIM as a mediator does: [openhim] says of which"));
        }
        Ok(())
    }

    fn check_grants(&self, text: &str) -> Result<(), Wrong> {
        for grant in &self.grant {
            let service = grant.service.as_str();
            grant.check().map_err(|reason| Wrong::at(text, service, reason))?;
            if self.kind_of(&grant.service).is_none() {
                return Err(Wrong::at(text, service, format!("there is no service {service}")));
            }
        }
        Ok(())
    }
}

/// The first of `all` whose name another one before it has.
fn twice<'a, T, N: PartialEq>(all: &'a [T], name: impl Fn(&'a T) -> N) -> Option<&'a T> {
    let stood_before = |(at, one): &(usize, &'a T)| all[..*at].iter().any(|other| name(other) == name(one));
    all.iter().enumerate().find(stood_before).map(|(_, one)| one)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::SMALL;

    fn refusal(more: &str) -> String {
        Config::parse(&format!("{SMALL}{more}"), Path::new("/etc/gateward")).unwrap_err().reason
    }

    /// The smallest file there is: for commands alone.
    const COMMANDS: &str = "store = \"gateward.db\"\nkeyring = \"keyring.toml\"\n";

    #[test]
    fn a_file_for_commands_alone_has_no_listener_and_nothing_that_only_a_listener_looks_at() {
        let folder = Path::new("/etc/gateward");
        let text = format!("{COMMANDS}[ckan]\nurl = \"https://ckan.example.org\"\nadmin_key = \"admin\"\n");
        let config = Config::parse(&text, folder).unwrap();
        assert!(config.listeners().is_none());
        assert_eq!(config.ckan.unwrap().admin_key, Some("/etc/gateward/admin".into()));
        let admin = SMALL.split_once("[admin]").unwrap().1;
        for (more, what) in [
            (format!("[admin]{admin}"), "[admin]"),
            (SERVICE.to_owned(), "[[service]]"),
            ("tls = { certificate = \"a\", key = \"b\" }\n".to_owned(), "tls"),
        ] {
            let wrong = Config::parse(&format!("{COMMANDS}{more}"), folder).unwrap_err();
            assert!(wrong.reason.contains(what) && wrong.reason.contains("`listen`"), "{wrong}");
        }
        let listening = SMALL.split_once("[admin]").unwrap().0;
        assert!(Config::parse(listening, folder).unwrap_err().reason.contains("[admin]"));
    }

    const SERVICE: &str =
        "[[service]]\nkind = \"plain\"\npath = \"/a\"\nupstream = \"dir:/srv\"\nrequire = [\"login\"]\n";

    #[test]
    fn a_ckan_is_named_wholly_and_its_key_is_never_shown_on_the_way() {
        let refusal = |ckan: &str, at: usize| {
            let wrong = Config::parse(&format!("{COMMANDS}[ckan]\n{ckan}"), Path::new("/")).unwrap_err();
            assert_eq!(wrong.line, at, "{wrong}");
            wrong.reason
        };
        assert!(refusal("admin_key = \"k\"\n", 3).contains("url"));
        assert!(refusal("url = \"https://a\"\n", 3).contains("admin_key"));
        assert!(refusal("url = \"http://ckan.example.org\"\nadmin_key = \"k\"\n", 4).contains("https"));
        assert!(refusal("url = \"https://a\"\nadmin_key = \"k\"\nprogram = \"p\"\n", 3).contains("ini"));
    }

    #[test]
    fn plain_http_to_the_network_is_refused_with_its_line() {
        let tls = "tls = { certificate = \"a.pem\", key = \"a.key\" }\n";
        let text = SMALL.replacen("127.0.0.1:8443", "0.0.0.0:8080", 1).replacen(tls, "", 1);
        let wrong = Config::parse(&text, Path::new("/etc/gateward")).unwrap_err();
        assert_eq!(wrong.line, 2, "{wrong}");
        assert!(wrong.reason.contains("plain HTTP"), "{wrong}");
    }

    #[test]
    fn services_that_overlap_are_refused() {
        let service = |path: &str| {
            format!(
                "[[service]]\nkind = \"plain\"\npath = \"{path}\"\nupstream = \"dir:/srv\"\nrequire = [\"login\"]\n"
            )
        };
        for pair in [("/a", "/a/b"), ("/a/b", "/a"), ("/auth", "/x"), ("/x", "/auth/y"), ("/", "/")] {
            let reason = refusal(&format!("{}{}", service(pair.0), service(pair.1)));
            assert!(reason.contains("overlap") || reason.contains("two services"), "{pair:?}: {reason}");
        }
        let beside = format!("{}{}", service("/"), service("/a"));
        Config::parse(&format!("{SMALL}{beside}"), Path::new("/")).unwrap();
    }

    #[test]
    fn keys_of_one_ckan_are_shown_to_no_other() {
        let service = |path: &str, port: u16| {
            format!(
                "[[service]]\nkind = \"ckan\"\npath = \"{path}\"\nupstream = \"http://127.0.0.1:{port}\"\n\
                 existing_keys = \"refuse\"\n"
            )
        };
        let two = |other| format!("{SMALL}{}{}", service("/a", 5000), service("/b", other));
        Config::parse(&two(5000), Path::new("/")).unwrap();
        assert!(Config::parse(&two(5001), Path::new("/")).unwrap_err().reason.contains("one CKAN"));
    }

    #[test]
    fn where_we_stand_ourselves_no_service_does() {
        for (path, place) in [
            ("/verify", "where proxies ask"),
            ("/verify/x", "where proxies ask"),
            ("/version", "where our version stands"),
            ("/gateward/app", "our login page"),
        ] {
            let service = format!(
                "[[service]]\nkind = \"plain\"\npath = \"{path}\"\nupstream = \"verify\"\nrequire = [\"login\"]\n"
            );
            assert!(refusal(&service).contains(place), "{path}");
        }
    }

    #[test]
    fn users_of_this_machine_are_proxies_at_a_unix_socket_alone() {
        for user in ["33", "\"www-data\""] {
            let verify = format!("[verify]\nuids = [{user}]\n");
            assert!(refusal(&verify).contains("listen on unix:PATH"), "{user}");
            let tls = "tls = { certificate = \"a.pem\", key = \"a.key\" }\n";
            let socket = SMALL.replacen("127.0.0.1:8443", "unix:http.sock", 1).replacen(tls, "", 1);
            let config = Config::parse(&format!("{socket}{verify}"), Path::new("/")).unwrap();
            assert_eq!(config.verify.unwrap().uids[0].to_string(), user.trim_matches('"'));
        }
    }

    #[test]
    fn a_grant_for_nobody_or_for_a_service_that_is_not_there_is_refused() {
        assert!(refusal("[[grant]]\nservice = \"files\"\n").contains("exactly one"));
        assert!(
            refusal("[[grant]]\ngroup = \"/epos/x\"\nservice = \"files\"\n").contains("no service files")
        );
    }
}
