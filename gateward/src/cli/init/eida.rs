//! `--for eida`: what has to be known of a data centre, in five answers.

use std::path::PathBuf;

use clap::ValueEnum;

use super::ask::{Answers, Question, file};
use super::data_centre::{DataCentre, Decided, Resif};
use super::public::{Public, needs_tls};
use super::{Init, listen};
use crate::base::postgres_url::PostgresUrl;
use crate::base::store_address::StoreAddress;
use crate::config::upstream::UpstreamUrl;

/// What is said about a data centre beside what every installation needs.
#[derive(Debug, clap::Args)]
#[group(id = "eida")]
pub(super) struct Options {
    /// The data service that we stand before: http://HOST:PORT, without a path.
    #[arg(long, requires = "purpose", value_name = "URL", value_parser = upstream)]
    upstream: Option<UpstreamUrl>,
    /// Who checks the logins of users (HTTP Digest).
    #[arg(long, requires = "purpose", value_enum)]
    digest: Option<Digest>,
    /// What tells which data are restricted: a StationXML file with level=channel, or the URL of a
    /// station service. For --digest gateward.
    #[arg(long, requires = "purpose", value_name = "FILE|URL")]
    inventory: Option<String>,
    /// What happens to data that the inventory does not know. For --digest gateward.
    #[arg(long, requires = "purpose", value_enum)]
    unlisted: Option<Unlisted>,
    /// RESIF's database of logins: postgres://USER@HOST/DATABASE. For --digest upstream.
    #[arg(long, requires = "purpose", value_name = "URL")]
    resif_auth: Option<PostgresUrl>,
    /// RESIF's database of networks and privileges, if it is another one.
    #[arg(long, requires = "resif_auth", value_name = "URL")]
    resif_privileges: Option<PostgresUrl>,
    /// The file whose first line is the role's password; readable for who serves alone.
    #[arg(long, requires = "resif_auth", value_name = "FILE")]
    pub(super) resif_password_file: Option<PathBuf>,
    /// The data service has fdsnws-availability, too.
    #[arg(long, requires = "purpose")]
    pub(super) availability: bool,
    /// The data service has fdsnws-station, too.
    #[arg(long, requires = "purpose")]
    pub(super) station: bool,
}

impl Options {
    /// Whether any of them was given.
    pub(super) fn is_given(&self) -> bool {
        let Self { upstream, digest, inventory, unlisted, resif_auth, .. } = self;
        let wanted = self.availability || self.station;
        wanted
            || upstream.is_some()
            || digest.is_some()
            || inventory.is_some()
            || unlisted.is_some()
            || resif_auth.is_some()
    }
}

/// Who checks HTTP Digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Digest {
    /// We do, and keep to the restrictions; the data service believes whom we let through.
    Gateward,
    /// The data service does, as RESIF's own; it decides who gets what.
    Upstream,
}

/// What happens to data that the inventory does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Unlisted {
    /// They count as restricted.
    Refuse,
    /// They are open.
    Open,
}

fn upstream(text: &str) -> Result<UpstreamUrl, String> {
    let url = UpstreamUrl::try_from(text.to_owned())?;
    if url.is_https() {
        return Err(format!(
            "{text} speaks TLS: begin with http://, then write upstream = {{ url = ..., ca = ... }} into the file"
        ));
    }
    match url.path() {
        None => Ok(url),
        Some(path) => Err(format!("{text}: take {path} away; http://HOST:PORT is enough")),
    }
}

/// A file that is there, by its full path, or the URL of a station service.
fn inventory(text: &str) -> Result<String, String> {
    if text.contains("://") {
        return match UpstreamUrl::try_from(text.to_owned())? {
            url if url.is_https() => Err(format!("{text}: a station service is asked over http://")),
            url => Ok(url.to_string()),
        };
    }
    let path = std::path::absolute(file(text)?).map_err(|error| format!("{text}: {error}"))?;
    Ok(path.display().to_string())
}

fn word<T: ValueEnum>(text: &str) -> Result<T, String> {
    T::from_str(text, false).map_err(|_| {
        let words: Vec<_> = T::value_variants().iter().filter_map(T::to_possible_value).collect();
        let words: Vec<_> = words.iter().map(clap::builder::PossibleValue::get_name).collect();
        format!("{text} is none of {}", words.join(", "))
    })
}

/// Writes the file; what was not given is asked of `answers`.
///
/// # Errors
///
/// What is missing, or cannot be.
pub(super) fn text(init: &Init, store: &StoreAddress, mut answers: Answers<'_>) -> anyhow::Result<String> {
    let public = learn_public(init, &mut answers)?;
    let issuer = learn_issuer(init, &mut answers)?;
    let upstream = answers.get(
        init.eida.upstream.clone(),
        &Question {
            flag: "--upstream",
            text: "The data service that we stand before: http://HOST:PORT, without a path.",
            default: None,
        },
        upstream,
    )?;
    let digest = learn_digest(&init.eida, &mut answers)?;
    answers.complete()?;
    let (Some(public), Some(issuer), Some(upstream), Some(digest)) = (public, issuer, upstream, digest)
    else {
        anyhow::bail!("not everything was answered: nothing was written");
    };
    DataCentre { public, issuer, upstream, digest }.text(init, store)
}

fn learn_public(init: &Init, answers: &mut Answers<'_>) -> anyhow::Result<Option<Public>> {
    const SOCKET: &str = "unix:/run/gateward/http.sock";
    let given = match &init.listen {
        None if answers.nobody_is_there() => Some(listen(SOCKET).map_err(anyhow::Error::msg)?),
        given => given.clone(),
    };
    let question = Question {
        flag: "--listen",
        text: "Where to listen: unix:PATH behind nginx or another web server, or IP:PORT with a certificate.",
        default: Some(SOCKET),
    };
    let Some(place) = answers.get(given, &question, listen)? else { return Ok(None) };
    if !needs_tls(&place) {
        return Public::new(place, init.certificate.as_deref(), init.key.as_deref()).map(Some);
    }
    let question = |flag, text| Question { flag, text, default: None };
    let chain = question("--certificate", "The certificate chain, PEM: a file.");
    let certificate = answers.get(init.certificate.clone(), &chain, file)?;
    let key = answers.get(init.key.clone(), &question("--key", "Its private key, PEM: a file."), file)?;
    match (certificate, key) {
        (Some(certificate), Some(key)) => Public::new(place, Some(&certificate), Some(&key)).map(Some),
        _ => Ok(None),
    }
}

fn learn_issuer(
    init: &Init,
    answers: &mut Answers<'_>,
) -> anyhow::Result<Option<(PathBuf, openpgp::Fingerprint)>> {
    let key = answers.get(
        init.issuer.clone(),
        &Question {
            flag: "--issuer",
            text: "The OpenPGP key of the issuer whose tokens are believed: a file.",
            default: None,
        },
        file,
    )?;
    let fingerprint = answers.get(
        init.issuer_fingerprint,
        &Question {
            flag: "--issuer-fingerprint",
            text: "Its full fingerprint, from somewhere else than the key: it decides who is believed.",
            default: None,
        },
        |text| text.parse().map_err(|error| format!("{text}: {error}")),
    )?;
    Ok(key.zip(fingerprint))
}

/// Learns where RESIF's databases are; most data centres have none.
fn learn_resif(given: &Options, answers: &mut Answers<'_>) -> anyhow::Result<Option<Box<Resif>>> {
    const NONE: &str = "none";
    let url = |text: &str| text.parse::<PostgresUrl>().map_err(|error| error.to_string());
    if answers.nobody_is_there() && given.resif_auth.is_none() {
        return Ok(None);
    }
    let auth = answers.get(
        given.resif_auth.clone().map(Some),
        &Question {
            flag: "--resif-auth",
            text: "Does it look logins up in RESIF's databases? Then the one of logins, as in\n\
                   postgres://eidawsauth@localhost/resifAuth.",
            default: Some(NONE),
        },
        |text| if text == NONE { Ok(None) } else { url(text).map(Some) },
    )?;
    let Some(auth) = auth.flatten() else { return Ok(None) };
    let same = auth.to_string();
    let privileges = match (&given.resif_privileges, answers.nobody_is_there()) {
        (None, true) => Some(auth.clone()),
        (privileges, _) => answers.get(
            privileges.clone(),
            &Question {
                flag: "--resif-privileges",
                text: "And the one of networks and privileges, as in postgres://eidawsauth@localhost/resifInv-Prod.",
                default: Some(&same),
            },
            url,
        )?,
    };
    Ok(privileges.map(|privileges| Box::new(Resif { auth, privileges })))
}

fn learn_digest(given: &Options, answers: &mut Answers<'_>) -> anyhow::Result<Option<Decided>> {
    let digest = answers.get(
        given.digest,
        &Question {
            flag: "--digest gateward|upstream (with gateward also --inventory and --unlisted)",
            text: "Who checks the logins of users (HTTP Digest)?\n\
                   gateward: we do, and keep to the restrictions; the data service believes whom we let through.\n\
                   upstream: the data service does, and decides who gets what.",
            default: None,
        },
        word::<Digest>,
    )?;
    match digest {
        None => return Ok(None),
        Some(Digest::Upstream) if given.inventory.is_some() || given.unlisted.is_some() => {
            anyhow::bail!("--inventory and --unlisted go with --digest gateward: nothing was written")
        }
        Some(Digest::Upstream) => {
            return learn_resif(given, answers).map(|resif| Some(Decided::Upstream(resif)));
        }
        Some(Digest::Gateward) if given.resif_auth.is_some() => {
            anyhow::bail!("--resif-auth goes with --digest upstream: nothing was written")
        }
        Some(Digest::Gateward) => {}
    }
    let flag = given.inventory.as_deref().map(inventory).transpose().map_err(anyhow::Error::msg)?;
    let inventory = answers.get(
        flag,
        &Question {
            flag: "--inventory",
            text: "What tells which data are restricted: a StationXML file with level=channel, or the URL of a \
                   station\nservice, as in http://127.0.0.1:8080/fdsnws/station/1.",
            default: None,
        },
        inventory,
    )?;
    let unlisted = answers.get(
        given.unlisted,
        &Question {
            flag: "--unlisted",
            text: "What happens to data that the inventory does not know?\n\
                   refuse: they count as restricted. open: everybody gets them.",
            default: None,
        },
        word::<Unlisted>,
    )?;
    Ok(inventory.zip(unlisted).map(|(inventory, unlisted)| Decided::Gateward { inventory, unlisted }))
}
