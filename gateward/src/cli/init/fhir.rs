//! `--for fhir`: a FHIR server, as a client registry is one, for machines that show a certificate.

use std::path::{Path, PathBuf};

use super::ask::{Answers, Question, file};
use super::public::Public;
use super::{Init, absolute, listen, quoted};
use crate::base::store_address::StoreAddress;
use crate::cli::shell;
use crate::config::Listen;
use crate::config::upstream::UpstreamUrl;

/// What is said about a FHIR server and who comes to it.
#[derive(Debug, clap::Args)]
#[group(id = "fhir")]
pub(super) struct Options {
    /// The FHIR server that we stand before, R4 in JSON: its base, as in http://127.0.0.1:8080/fhir. With --for
    /// fhir, as all that follow.
    #[arg(long, requires = "purpose", value_name = "URL", value_parser = fhir_server)]
    fhir_server: Option<UpstreamUrl>,
    /// What an https server's certificate leads to or is, PEM.
    #[arg(long, requires = "fhir_server", value_name = "PEM")]
    fhir_server_ca: Option<PathBuf>,
    /// The authority whose certificates machines show, PEM; without one, each machine's own certificate is
    /// registered.
    #[arg(long, requires = "purpose", value_name = "PEM", value_parser = file)]
    node_ca: Option<PathBuf>,
}

/// Everything that the file says.
struct Registry {
    public: Public,
    server: UpstreamUrl,
    server_ca: Option<PathBuf>,
    node_ca: Option<PathBuf>,
}

/// Where machines come to, unless something else is asked for.
const LISTEN: &str = "0.0.0.0:443";

impl Options {
    /// Whether any of them was given.
    pub(super) fn is_given(&self) -> bool {
        let Self { fhir_server, fhir_server_ca, node_ca } = self;
        fhir_server.is_some() || fhir_server_ca.is_some() || node_ca.is_some()
    }
}

fn fhir_server(text: &str) -> Result<UpstreamUrl, String> {
    let url = UpstreamUrl::try_from(text.trim_end_matches('/').to_owned())?;
    if url.is_unread() {
        return Ok(url);
    }
    Err(format!(
        "{text}: whoever listens on the way would read of patients: https, or a server on this machine"
    ))
}

/// Writes the file; what was not given is asked of `answers`.
///
/// # Errors
///
/// What is missing, or cannot be.
pub(super) fn text(init: &Init, store: &StoreAddress, mut answers: Answers<'_>) -> anyhow::Result<String> {
    let learnt = learn(init, &mut answers)?;
    answers.complete()?;
    match learnt {
        Some(learnt) => learnt.text(init, store),
        None => anyhow::bail!("not everything was answered: nothing was written"),
    }
}

fn learn(init: &Init, answers: &mut Answers<'_>) -> anyhow::Result<Option<Registry>> {
    let given = &init.fhir;
    let question = |flag, text| Question { flag, text, default: None };
    let server = answers.get(
        given.fhir_server.clone(),
        &question("--fhir-server", "The FHIR server behind us: its base, as in http://127.0.0.1:8080/fhir."),
        fhir_server,
    )?;
    let server_ca = match &server {
        Some(url) if url.is_https() => answers.get(
            given.fhir_server_ca.clone(),
            &question("--fhir-server-ca", "What its certificate leads to or is, PEM: a file."),
            file,
        )?,
        Some(_) if given.fhir_server_ca.is_some() => {
            anyhow::bail!("--fhir-server-ca goes with an https:// server: nothing was written")
        }
        _ => None,
    };
    let public = learn_public(init, answers)?;
    let node_ca = learn_node_ca(given, answers)?;
    Ok(public.zip(server).map(|(public, server)| Registry { public, server, server_ca, node_ca }))
}

/// Machines show their certificates in our handshake: nobody else can speak TLS in front.
fn learn_public(init: &Init, answers: &mut Answers<'_>) -> anyhow::Result<Option<Public>> {
    let place = init.listen.clone().map_or_else(|| listen(LISTEN), Ok).map_err(anyhow::Error::msg)?;
    if matches!(place, Listen::Unix(_)) {
        anyhow::bail!(
            "with --for fhir machines show their certificates to us: --listen is IP:PORT, with --certificate and --key. \
             A web server in front passes them on otherwise, see docs/forward-auth.md: nothing was written"
        )
    }
    let question = |flag, text| Question { flag, text, default: None };
    let chain = question("--certificate", "What we show: the certificate chain of our host, PEM: a file.");
    let certificate = answers.get(init.certificate.clone(), &chain, file)?;
    let key = answers.get(init.key.clone(), &question("--key", "Its private key, PEM: a file."), file)?;
    let Some((certificate, key)) = certificate.zip(key) else { return Ok(None) };
    Public::new(place, Some(&certificate), Some(&key)).map(Some)
}

fn learn_node_ca(given: &Options, answers: &mut Answers<'_>) -> anyhow::Result<Option<PathBuf>> {
    const NONE: &str = "none";
    if answers.nobody_is_there() {
        return Ok(given.node_ca.clone());
    }
    let question = Question {
        flag: "--node-ca",
        text: "The authority that certifies the machines, PEM: a file. With none, each machine's own certificate is\n\
               registered, self-signed or not. Either way only who is registered comes in.",
        default: Some(NONE),
    };
    let read = |text: &str| if text == NONE { Ok(None) } else { file(text).map(Some) };
    Ok(answers.get(given.node_ca.clone().map(Some), &question, read)?.flatten())
}

impl Registry {
    fn text(&self, init: &Init, store: &StoreAddress) -> anyhow::Result<String> {
        Ok(format!(
            "# Gateward before a FHIR server. `gateward config check` looks at this file and at everything that it\n\
             # names, `gateward config show` prints every option there is; a restart takes changes up.\n\
             mode = \"{mode}\"\n\n\
             {public}\n\
             {node_ca}\n\
             # The record, who is registered, and the grants: {kind}.\n\
             store = {store}\n\
             # The keys that lie outside it: back this file up apart from it.\n\
             keyring = \"keyring.toml\"\n\n\
             # For operators: /healthz and /readyz for everybody, the rest with a user's password.\n\
             {admin}\n\
             # The FHIR server: R4, in JSON.\n\
             [[service]]\n\
             name = \"fhir\"\n\
             kind = \"fhir\"\n\
             path = \"/fhir\"\n\
             upstream = {upstream}\n\
             require = [\"node\"]  # a registered machine; [\"node\", \"user\"] for a person besides\n\
             identify_as = \"X-OpenHIM-ClientID\"  # how it learns who asks; nobody else can say so\n\
             # openhim = true  # with [openhim] below\n\
             {GRANTS}",
            mode = init.mode.word(),
            public = self.public.text()?,
            node_ca = self.authorities()?,
            kind = match store {
                StoreAddress::Sqlite(_) => "one SQLite file",
                StoreAddress::Postgres(_) => "one PostgreSQL database",
            },
            store = quoted(&store.to_string()),
            admin = init.admin(),
            upstream = self.upstream()?,
        ))
    }

    fn authorities(&self) -> anyhow::Result<String> {
        let Some(ca) = &self.node_ca else {
            return Ok(
                "# Machines are registered by their own certificates. An authority that certifies them:\n\
                       # node_ca = [\"moh-ca.pem\"]\n\
                       # node_crl = [\"moh-ca.crl\"]  # the certificates that it revoked\n"
                    .into(),
            );
        };
        Ok(format!(
            "# Who certifies the machines. Only who is registered comes in, whoever it has certified besides.\n\
             node_ca = [{}]\n\
             # node_crl = [\"moh-ca.crl\"]  # the certificates that it revoked\n",
            absolute(ca)?
        ))
    }

    fn upstream(&self) -> anyhow::Result<String> {
        let url = quoted(&self.server.to_string());
        Ok(match &self.server_ca {
            Some(ca) => format!("{{ url = {url}, ca = {} }}", absolute(ca)?),
            None => url,
        })
    }
}

/// What to write next.
const GRANTS: &str = "
# Who may do what; without a grant a registered machine may do nothing. `gateward grant create` makes more while
# the server runs. Actions are read, search, create, update, ...; docs/fhir.md lists them.
# [[grant]]
# node = \"lab-1\"
# service = \"fhir\"
# actions = [\"read\", \"search\", \"create\", \"update\"]
# resources = [\"Patient\"]

# OpenHIM, where we are one of its mediators; docs/opencr.md takes a registry through it.
# [openhim]
# api = \"https://openhim.example.org:8080\"
# ca = \"openhim-ca.pem\"
# username = \"gateward@example.org\"
# password_file = \"openhim.pass\"
# urn = \"urn:mediator:gateward\"
# endpoint = \"https://cr.example.org\"
";

/// What comes after the server runs, for a first machine.
pub(super) fn next(config: &Path) -> String {
    let config = shell::word(&config.display().to_string());
    format!(
        "\nfor each machine, as in lab-1, whose key stays with it:\n           \
         gateward node enroll lab-1 --certificate lab-1.pem --config {config}\n           \
         gateward grant create --node lab-1 --service fhir --action read --action search --resource Patient \
         --config {config}\n           \
         openssl pkcs12 -export -inkey lab-1.key -in lab-1.pem -out lab-1.p12\n           \
         curl --cert-type P12 --cert lab-1.p12 https://cr.example.org/fhir/Patient"
    )
}
