//! The services of the configuration: what is behind each, and what its kind was told.

use std::sync::Arc;

use jiff::Timestamp;

use super::boot::Error;
use super::folder::Folder;
use super::found::Found;
use super::openhim::Mediator;
use super::tls::{Strictness, strictness};
use super::upstream::{Behind, Upstream};
use crate::base::host::HostName;
use crate::base::name::UrlPath;
use crate::base::random::Random;
use crate::config::service::{Inventory, NetworkPattern, Requirement};
use crate::config::{self, Config, ServiceConfig};
use crate::flows::admit::{Order, Require, Service};
use crate::flows::authenticate::Challenge;
use crate::flows::kind::{FdsnSettings, Interpreter, Restriction, Settings, ToldUpstream, Unfit, years};

/// A service where it stands, and what is behind it; one at several paths is there several times.
#[derive(Debug)]
pub struct Protected {
    /// As decisions see it.
    pub service: Service,
    /// The hosts that it is for; none named, for all.
    pub hosts: Vec<HostName>,
    /// What is behind it.
    pub source: Source,
    /// The header in which its upstream is told who asks.
    pub identify_as: Option<http::HeaderName>,
    /// Where its inventory comes from, if it goes by one.
    pub inventory: Option<Inventory>,
    /// As what it answers OpenHIM, if as a mediator.
    pub mediator: Option<Mediator>,
}

impl Protected {
    /// Makes of what was found what an OpenHIM expects, where one passed the request on and is to be answered so.
    pub fn answer_openhim(&self, found: Found, order: &Order, asked_at: Timestamp, now: Timestamp) -> Found {
        match &self.mediator {
            Some(mediator) => mediator.answer(found, order, asked_at, now),
            None => found,
        }
    }

    /// Tells whether it is served here, and not by a proxy that asks.
    pub fn is_served(&self) -> bool {
        !matches!(self.source, Source::BehindProxy)
    }

    /// Tells whether another server is behind it, whose answers may have no length.
    pub fn is_server(&self) -> bool {
        matches!(self.source, Source::Server(_))
    }
}

/// What is behind a service.
#[derive(Debug)]
pub enum Source {
    /// A folder of this machine.
    Folder(Folder),
    /// Another server.
    Server(Box<Upstream>),
    /// Whatever a proxy has that asks us who may; nothing is served here.
    BehindProxy,
}

/// Opens what the services protect.
///
/// # Errors
///
/// [`Error::File`], [`Error::Service`] and what an upstream's own files can be.
pub fn open(config: &Config, random: &Random) -> Result<Arc<[Protected]>, Error> {
    let strictness = strictness(config.mode);
    let urn = config.openhim.as_ref().map(|openhim| openhim.urn.as_str());
    let standing =
        config.service.iter().flat_map(|service| service.path.iter().map(move |path| (service, path)));
    standing.map(|(service, path)| protected(service, path, urn, strictness, random)).collect()
}

/// Opens a service where it stands at `path`.
fn protected(
    config: &ServiceConfig,
    path: &UrlPath,
    urn: Option<&str>,
    strictness: Strictness,
    random: &Random,
) -> Result<Protected, Error> {
    let name = config.name();
    let unfit = |why: String| Error::Service { service: config.name(), why };
    let kind = Interpreter::new(config.kind, &settings(config, path).map_err(unfit)?)
        .map_err(|Unfit(why)| unfit(why.to_owned()))?;
    let identify_as = config.identify_as.as_ref().map(|name| name.0.clone());
    let source = match &config.upstream {
        config::Upstream::Dir(path) => Source::Folder(Folder::open(path).map_err(|source| Error::File {
            what: "folder",
            path: path.clone(),
            source,
        })?),
        config::Upstream::BehindProxy => {
            kind.suits_a_proxy_that_asks().map_err(|Unfit(why)| unfit(why.to_owned()))?;
            Source::BehindProxy
        }
        config::Upstream::Http(http) => Source::Server(Box::new(Upstream::new(Behind {
            config: http,
            path: path.prefix(),
            identify_as: identify_as.clone(),
            form: kind.error_form(),
            strictness,
            random: random.clone(),
        })?)),
    };
    let inventory = config.inventory.clone();
    if config.login.is_some() {
        kind.suits_a_page().map_err(|Unfit(why)| unfit(why.to_owned()))?;
    }
    let mediator = urn.filter(|_| config.openhim).map(|urn| Mediator::new(urn.to_owned(), name.to_string()));
    let challenge = challenge(config, &kind);
    let require = require(config).map_err(unfit)?;
    Ok(Protected {
        service: Service {
            name,
            path: path.clone(),
            kind,
            require,
            challenge,
            from: config.from.clone(),
            maintenance: config.maintenance,
        },
        hosts: config.host.clone(),
        source,
        identify_as,
        inventory,
        mediator,
    })
}

/// Says who must be known.
fn require(config: &ServiceConfig) -> Result<Require, String> {
    let wants = |one| config.require.contains(&one);
    let person = wants(Requirement::Login) || wants(Requirement::User);
    if wants(Requirement::Login) && wants(Requirement::User) {
        return Err("require names login (asked by HTTP Digest) or user (asked for Basic), not both".into());
    }
    if wants(Requirement::Either) {
        let alone = !wants(Requirement::Node);
        let all = Require { node: true, person: true, either: true };
        return if alone { Ok(all) } else { Err("require: either says node already".into()) };
    }
    Ok(Require { node: wants(Requirement::Node), person, either: false })
}

/// Says how people are asked who they are.
fn challenge(config: &ServiceConfig, kind: &Interpreter) -> Challenge {
    if config.login == Some(config::service::Login::Page) {
        return Challenge::Page;
    }
    let user = config.require.contains(&Requirement::User);
    let either =
        config.require.contains(&Requirement::Either) && !config.require.contains(&Requirement::Login);
    if (user || either) && kind.clients_know_basic() { Challenge::Basic } else { Challenge::Digest }
}

/// Tells a kind what was decided.
fn settings(config: &ServiceConfig, path: &UrlPath) -> Result<Settings, String> {
    let http = match &config.upstream {
        config::Upstream::Dir(_) | config::Upstream::BehindProxy => None,
        config::Upstream::Http(http) => Some(http),
    };
    Ok(Settings {
        path: path.clone(),
        stands_elsewhere_too: config.path.are_several(),
        reads_folder: matches!(config.upstream, config::Upstream::Dir(_)),
        upstream_has_path: http
            .is_some_and(|http| http.url.path().is_some_and(|other| other != path.as_str())),
        require: require(config)?,
        fdsn: FdsnSettings {
            digest: config.digest,
            inventory: config.inventory.as_ref().map(|inventory| inventory.stale_after),
            unlisted: config.unlisted,
            restrictions: config.restriction.iter().map(restriction).collect::<Result<_, _>>()?,
            restrict_metadata: config.restrict_metadata,
            verify_stream: config.verify_stream,
            queryauth_to: config.queryauth_to,
            pass: config.pass.clone(),
        },
        upstream_is_told: ToldUpstream {
            credential: http.is_some_and(|http| http.credential.is_some()),
            identity: config.identify_as.is_some(),
        },
        existing_keys: config.existing_keys,
    })
}

/// Reads the end of a restriction: a day without a time of day belongs to it as a whole.
fn end_of(text: &str) -> Result<::fdsn::Time, ::fdsn::NotATime> {
    if text.contains('T') {
        return ::fdsn::Time::parse_end(text);
    }
    ::fdsn::Time::parse_end(&format!("{text}T23:59:59.999999"))
}

fn restriction(config: &config::service::Restriction) -> Result<Restriction, String> {
    let wrong = |what: &str, text: &str, error| format!("restriction: {what} {text:?}: {error}");
    let pattern = |what, text: &str| ::fdsn::Pattern::code(text).map_err(|error| wrong(what, text, error));
    let time = |text: &Option<String>, read: fn(&str) -> Result<::fdsn::Time, ::fdsn::NotATime>| {
        text.as_deref().map(read).transpose().map_err(|error| format!("restriction: {error}"))
    };
    let (network, years) = match &config.network {
        NetworkPattern::Pattern(text) => (pattern("network", text)?, ::fdsn::Span::ALWAYS),
        NetworkPattern::Network(network) => (pattern("network", network.code())?, years(network)),
    };
    let span = ::fdsn::Span { start: time(&config.start, str::parse)?, end: time(&config.end, end_of)? };
    let what = ::fdsn::Restriction {
        network,
        years,
        station: pattern("station", &config.station)?,
        location: ::fdsn::Pattern::location(&config.location)
            .map_err(|error| wrong("location", &config.location, error))?,
        channel: pattern("channel", &config.channel)?,
        span,
    };
    Ok(Restriction { what, reason: config.reason.clone() })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::SMALL;
    use crate::server::system;

    fn refusal(service: &str) -> String {
        let config = Config::parse(&format!("{SMALL}[[service]]\n{service}"), Path::new("/")).unwrap();
        open(&config, &system::random()).err().map(|error| error.to_string()).unwrap_or_default()
    }

    const FDSN: &str =
        "kind = \"fdsn\"\npath = \"/fdsnws/dataselect/1\"\nupstream = \"http://127.0.0.1:1\"\n";

    #[test]
    fn a_service_without_a_word_on_who_may_enter_is_refused() {
        let plain = "kind = \"plain\"\npath = \"/files\"\nupstream = \"dir:/\"\n";
        assert!(refusal(plain).contains("say who may enter"), "{}", refusal(plain));
        assert_eq!(refusal(&format!("{plain}require = [\"login\"]")), "");
    }

    #[test]
    fn an_fdsn_service_is_refused_until_all_that_decides_about_safety_is_decided() {
        let gateward = format!("{FDSN}digest = \"gateward\"\n");
        let listed = format!("{gateward}inventory = \"i.xml\"\n");
        for (service, missing) in
            [(FDSN, "who checks HTTP Digest"), (&gateward, "inventory"), (&listed, "unlisted")]
        {
            assert!(refusal(service).contains(missing), "{missing}: {}", refusal(service));
        }
        assert_eq!(refusal(&format!("{listed}unlisted = \"refuse\"")), "");
    }

    #[test]
    fn a_proxy_may_ask_only_where_what_it_carries_is_what_was_permitted() {
        let fdsn = format!("{FDSN}digest = \"gateward\"\ninventory = \"i.xml\"\nunlisted = \"open\"\n")
            .replace("http://127.0.0.1:1", "verify");
        assert!(refusal(&fdsn).contains("has to carry them itself"), "{}", refusal(&fdsn));
        let fhir = "kind = \"fhir\"\npath = \"/fhir\"\nupstream = \"verify\"\nrequire = [\"node\"]";
        assert!(refusal(fhir).contains("has to carry them itself"), "{}", refusal(fhir));
        let plain = "kind = \"plain\"\npath = \"/app\"\nupstream = \"verify\"\nrequire = [\"login\"]";
        assert_eq!(refusal(plain), "");
    }

    #[test]
    fn a_fhir_service_is_a_server_and_says_who_may_enter() {
        let fhir = "kind = \"fhir\"\npath = \"/fhir\"\nupstream = \"http://127.0.0.1:1\"\n";
        assert!(refusal(fhir).contains("say who may enter"), "{}", refusal(fhir));
        let node = format!("{fhir}require = [\"node\"]\n");
        assert_eq!(refusal(&node), "");
        assert!(refusal(&format!("{node}verify_stream = true")).contains("kind fdsn"));
        let folder = node.replace("http://127.0.0.1:1", "dir:/");
        assert!(refusal(&folder).contains("no FHIR server"), "{}", refusal(&folder));
    }

    #[test]
    fn a_ckan_service_is_refused_until_it_is_decided_what_becomes_of_existing_keys() {
        let ckan = "kind = \"ckan\"\npath = \"/\"\nupstream = \"http://127.0.0.1:1\"\n";
        assert!(refusal(ckan).contains("existing_keys"), "{}", refusal(ckan));
        let decided = format!("{ckan}existing_keys = \"refuse\"\n");
        for good in ["", "require = [\"node\"]\n"] {
            assert_eq!(refusal(&format!("{decided}{good}")), "", "{good}");
        }
        for (more, why) in [
            ("require = [\"user\"]\n", "nobody but a node"),
            ("identify_as = \"X-Remote-User\"\n", "its own keys"),
            ("unlisted = \"open\"\n", "kind fdsn"),
        ] {
            assert!(refusal(&format!("{decided}{more}")).contains(why), "{more}");
        }
        let folder = decided.replace("http://127.0.0.1:1", "dir:/");
        assert!(refusal(&folder).contains("no folder"), "{}", refusal(&folder));
        let plain = "kind = \"plain\"\npath = \"/a\"\nupstream = \"dir:/\"\nrequire = [\"login\"]\n";
        assert!(refusal(&format!("{plain}existing_keys = \"pass\"")).contains("kind ckan"));
    }

    #[test]
    fn what_the_upstream_decides_is_not_decided_here_too() {
        let upstream = format!("{FDSN}digest = \"upstream\"\n");
        assert_eq!(refusal(&upstream), "");
        for both in [
            "inventory = \"i.xml\"",
            "unlisted = \"open\"",
            "verify_stream = true",
            "[[service.restriction]]\nnetwork = \"XX\"",
            "queryauth_to = \"query\"",
            "identify_as = \"X-User\"",
        ] {
            assert!(refusal(&format!("{upstream}{both}")).contains("digest = \"upstream\""), "{both}");
        }
    }

    #[test]
    fn the_last_day_of_a_restriction_belongs_to_it() {
        assert_eq!(end_of("2014-12-31"), "2014-12-31T23:59:59.999999".parse());
        assert_eq!(end_of("2014-12-31T12:00"), "2014-12-31T12:00".parse());
    }

    #[test]
    fn a_restriction_that_cannot_be_read_is_refused() {
        let service = format!("{FDSN}digest = \"gateward\"\ninventory = \"i.xml\"\nunlisted = \"open\"\n");
        for bad in ["station = \"A!\"", "location = \"0 0\"", "start = \"2015\"", "channel = \"\""] {
            let refused =
                refusal(&format!("{service}[[service.restriction]]\nnetwork = \"XX:2015-\"\n{bad}"));
            assert!(refused.contains("restriction"), "{bad}: {refused}");
        }
    }
}
