//! `--for dcor`: access tokens for the users of a CKAN, by commands alone: nothing is served.

use std::path::{Path, PathBuf};

use super::ask::{Answers, Question, file};
use super::{Init, absolute, quoted};
use crate::base::ckan_url::CkanUrl;
use crate::base::store_address::StoreAddress;
use crate::server::ckan::Program;

/// What is said about access tokens and the CKAN that makes their keys.
#[derive(Debug, clap::Args)]
#[group(id = "dcor")]
pub(super) struct Options {
    /// The host that users of access tokens connect to; its certificate bears this name. With --for dcor, as
    /// all that follow.
    #[arg(long, requires = "purpose")]
    host: Option<String>,
    /// The certificate that this host shows, PEM: each access token pins it.
    #[arg(long, requires = "purpose", value_name = "PEM")]
    host_certificate: Option<PathBuf>,
    /// The CKAN that makes the keys: the address of its site, or on its own machine the path of its
    /// configuration, ckan.ini.
    #[arg(long, requires = "purpose", value_name = "URL|INI", value_parser = ckan)]
    ckan: Option<Ckan>,
    /// The file with the API token of one of its sysadmins. For a URL.
    #[arg(long, requires = "ckan", value_name = "FILE")]
    ckan_admin_key: Option<PathBuf>,
    /// The certificate that its own is or leads to, PEM, unless this machine believes it anyway. For a URL.
    #[arg(long, requires = "ckan", value_name = "PEM")]
    ckan_ca: Option<PathBuf>,
    /// CKAN's own command, unless it is found in PATH or where CKAN's guide has it. For an INI.
    #[arg(long, requires = "ckan", value_name = "PROGRAM", value_parser = file)]
    ckan_program: Option<PathBuf>,
    /// How many days an access token is good.
    #[arg(long, requires = "purpose", value_name = "DAYS")]
    lifetime_days: Option<u16>,
    /// Who gives access tokens out, as letters to their users say it.
    #[arg(long, requires = "purpose")]
    institution: Option<String>,
    /// Whom their users call when a file is lost, or a laptop stolen.
    #[arg(long, requires = "purpose")]
    contact: Option<String>,
}

/// How a CKAN is asked.
#[derive(Debug, Clone)]
enum Ckan {
    Site(CkanUrl),
    Ini(PathBuf),
}

/// Everything that the file says.
struct AccessTokens {
    host: String,
    certificate: PathBuf,
    ckan: Ckan,
    admin_key: Option<PathBuf>,
    ca: Option<PathBuf>,
    program: Option<PathBuf>,
    lifetime_days: u16,
    institution: String,
    contact: String,
}

impl Options {
    /// Whether any of them was given.
    pub(super) fn is_given(&self) -> bool {
        let Self {
            host,
            host_certificate,
            ckan,
            ckan_admin_key,
            ckan_ca,
            ckan_program,
            lifetime_days,
            institution,
            contact,
        } = self;
        let texts = [host, institution, contact].into_iter().any(Option::is_some);
        let files =
            [host_certificate, ckan_admin_key, ckan_ca, ckan_program].into_iter().any(Option::is_some);
        texts || files || ckan.is_some() || lifetime_days.is_some()
    }
}

fn ckan(text: &str) -> Result<Ckan, String> {
    if text.contains("://") {
        return text
            .parse()
            .map(Ckan::Site)
            .map_err(|error: crate::base::ckan_url::NotACkanUrl| error.to_string());
    }
    file(text).map(Ckan::Ini)
}

/// Writes the file; what was not given is asked of `answers`.
///
/// # Errors
///
/// What is missing, or cannot be.
pub(super) fn text(init: &Init, store: &StoreAddress, mut answers: Answers<'_>) -> anyhow::Result<String> {
    let learnt = learn(&init.dcor, &mut answers)?;
    answers.complete()?;
    match learnt {
        Some(learnt) => learnt.text(init, store),
        None => anyhow::bail!("not everything was answered: nothing was written"),
    }
}

fn learn(given: &Options, answers: &mut Answers<'_>) -> anyhow::Result<Option<AccessTokens>> {
    let question = |flag, text| Question { flag, text, default: None };
    let words = |text: &str| Ok(text.to_owned());
    let host = answers.get(
        given.host.clone(),
        &question("--host", "The host that users connect to, as in dcor.example.org."),
        words,
    )?;
    let certificate = answers.get(
        given.host_certificate.clone(),
        &question("--host-certificate", "The certificate that it shows, PEM: a file. Access tokens pin it."),
        file,
    )?;
    let ckan = answers.get(
        given.ckan.clone(),
        &question(
            "--ckan",
            "CKAN, which makes the keys: the address of its site, as in https://dcor.example.org, or on its own\n\
             machine the path of its configuration, as in /etc/ckan/default/ckan.ini.",
        ),
        ckan,
    )?;
    let (admin_key, ca) = match ckan {
        Some(Ckan::Site(_)) if given.ckan_program.is_some() => {
            anyhow::bail!("--ckan-program goes with an INI: nothing was written")
        }
        Some(Ckan::Site(ref url)) => learn_site(given, url, answers)?,
        Some(Ckan::Ini(_)) if given.ckan_admin_key.is_some() || given.ckan_ca.is_some() => {
            anyhow::bail!("--ckan-admin-key and --ckan-ca go with a URL: nothing was written")
        }
        Some(Ckan::Ini(_)) | None => (None, None),
    };
    let program = match ckan {
        Some(Ckan::Ini(_)) => learn_program(given, answers)?,
        Some(Ckan::Site(_)) | None => None,
    };
    let lifetime_days = answers.get(
        given.lifetime_days,
        &Question {
            flag: "--lifetime-days",
            text: "How many days is an access token good? Then its key is revoked, and its user gets a new one.",
            default: Some("365"),
        },
        |text| text.parse::<u16>().map_err(|_| format!("{text} is no number of days")),
    )?;
    let institution = answers.get(
        given.institution.clone(),
        &question("--institution", "Who gives them out, as letters to users say it, as in Example Hospital."),
        words,
    )?;
    let contact = answers.get(
        given.contact.clone(),
        &question(
            "--contact",
            "Whom users call when a file is lost or a laptop stolen: a name and a telephone number.",
        ),
        words,
    )?;
    let (Some(host), Some(certificate), Some(ckan), Some(lifetime_days), Some(institution), Some(contact)) =
        (host, certificate, ckan, lifetime_days, institution, contact)
    else {
        return Ok(None);
    };
    Ok(Some(AccessTokens {
        host,
        certificate,
        ckan,
        admin_key,
        ca,
        program,
        lifetime_days,
        institution,
        contact,
    }))
}

/// Learns what a CKAN is asked with over its API: the key, and whom to believe that it is the one.
fn learn_site(
    given: &Options,
    url: &CkanUrl,
    answers: &mut Answers<'_>,
) -> anyhow::Result<(Option<PathBuf>, Option<PathBuf>)> {
    const ANYWAY: &str = "none";
    let key = answers.get(
        given.ckan_admin_key.clone(),
        &Question {
            flag: "--ckan-admin-key",
            text: "The API token of one of its sysadmins: a file.",
            default: None,
        },
        file,
    )?;
    // Most have a certificate that every machine believes: where nobody can be asked, it is one of those.
    if given.ckan_ca.is_some() || !url.is_https() || answers.nobody_is_there() {
        return Ok((key, given.ckan_ca.clone()));
    }
    let ca = answers.get(
        None,
        &Question {
            flag: "--ckan-ca",
            text: "Does this machine believe its certificate? If not, a file with it, or with the one that it leads to.",
            default: Some(ANYWAY),
        },
        |text| if text == ANYWAY { Ok(None) } else { file(text).map(Some) },
    )?;
    Ok((key, ca.flatten()))
}

/// Learns which program asks a CKAN on this machine. It is written down also where it is found: the sweep
/// may run with another PATH.
fn learn_program(given: &Options, answers: &mut Answers<'_>) -> anyhow::Result<Option<PathBuf>> {
    let found = || Program::find(std::env::var_os("PATH").as_deref());
    answers.get(
        given.ckan_program.clone().or_else(found),
        &Question {
            flag: "--ckan-program",
            text: "CKAN's own command, which is not in PATH: a file, as in /usr/lib/ckan/default/bin/ckan.",
            default: None,
        },
        file,
    )
}

impl AccessTokens {
    fn text(&self, init: &Init, store: &StoreAddress) -> anyhow::Result<String> {
        Ok(format!(
            "# Gateward makes access tokens (.dcor-access files) here, by commands; nothing is served. `gateward config\n\
             # check` looks at this file and at everything that it names, `gateward config show` prints every option.\n\
             mode = \"{mode}\"\n\
             # Who got what, and the record of it.\n\
             store = {store}\n\
             # The keys that lie outside it: back this file up apart from it.\n\
             keyring = \"keyring.toml\"\n\n\
             [access_token]\n\
             host = {host}\n\
             certificate = {certificate}  # what users pin: before it changes, see `access-token list --pinned-to`\n\
             lifetime_days = {days}\n\
             # What letters say; `gateward access-token letters` writes them out to be edited.\n\
             institution = {institution}\n\
             contact = {contact}\n\
             # letters = \"letters\"\n\n\
             # Where keys are made and revoked: CKAN itself. A gateward in front of it ([[service]], kind ckan) takes keys\n\
             # of its own, which end at once and are dead until activated: `create --opaque`, docs/dcor.md.\n\
             [ckan]\n\
             {ckan}",
            mode = init.mode.word(),
            store = quoted(&store.to_string()),
            host = quoted(&self.host),
            certificate = absolute(&self.certificate)?,
            days = self.lifetime_days,
            institution = quoted(&self.institution),
            contact = quoted(&self.contact),
            ckan = self.ckan()?,
        ))
    }

    fn ckan(&self) -> anyhow::Result<String> {
        let line = |name: &str, path: Option<&Path>| match path {
            Some(path) => absolute(path).map(|path| format!("{name} = {path}\n")),
            None => Ok(String::new()),
        };
        Ok(match &self.ckan {
            Ckan::Site(url) => [
                format!("url = {}\n", quoted(&url.to_string())),
                line("admin_key", self.admin_key.as_deref())?,
                line("ca", self.ca.as_deref())?,
            ]
            .concat(),
            Ckan::Ini(ini) => [line("ini", Some(ini))?, line("program", self.program.as_deref())?].concat(),
        })
    }
}
