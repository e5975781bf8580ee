//! `gateward demo`

pub mod client;
mod folder;

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use http::StatusCode;

use self::client::Client;
use self::folder::Folder;
use super::serve::{Signals, log_to_stderr, runtime, serve_until_told};
use super::{Context, YES, shell};
use crate::config::{Config, Listen};
use crate::server::{self, Gate, Stop, system};
use crate::store::event;

/// Try everything out on this machine, with throw-away keys, loopback only.
#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    /// Keep everything in this folder, and use it again; a temporary folder unless given.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Where the public listener listens: 127.0.0.1:8443, or as before in a folder that is used
    /// again; port 0 takes a free one.
    #[arg(long, value_parser = loopback)]
    public: Option<SocketAddr>,
    /// Where the listener for operators listens: 127.0.0.1:9443, or as before; port 0 takes a free
    /// one.
    #[arg(long, value_parser = loopback)]
    admin: Option<SocketAddr>,
    /// Stop after the round trip.
    #[arg(long)]
    once: bool,
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "an address with a port, as in 127.0.0.1:8443".to_owned())?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("the demo listens on loopback only: its keys are no secrets".into())
    }
}

impl Demo {
    pub(super) fn run(&self, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        log_to_stderr("warn")?;
        let temporary = match self.dir {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("gateward-demo-").tempdir()?),
        };
        let path = self
            .dir
            .as_deref()
            .or_else(|| temporary.as_ref().map(tempfile::TempDir::path))
            .context("no folder")?;
        let folder = Folder::prepare(path, self.public, self.admin)?;
        let config = Config::read(&folder.config())?;
        runtime()?.block_on(async {
            let clock = system::clock();
            let gate = Gate::new(clock.clone());
            let mut running = server::start(config, clock, system::random(), gate).await?;
            running.opened().await?;
            let signals = Signals::listen()?;
            // Only now: whoever waits for this file finds the door open.
            folder.write_token(system::wall_clock())?;
            let Listen::Address(public) = running.bound.public else {
                bail!("the demo speaks HTTPS on a port, not on {}", running.bound.public);
            };
            writeln!(
                out,
                "gateward demo: throw-away keys, loopback only; everything is in {}\n",
                folder.path().display()
            )?;
            writeln!(out, "  public listener   https://localhost:{}", public.port())?;
            writeln!(
                out,
                "  admin listener    https://localhost:{}   (operator.txt)",
                running.bound.admin.port()
            )?;
            writeln!(
                out,
                "  proxies ask at    https://localhost:{}/verify   (proxy.pem; see docs/forward-auth.md)\n",
                public.port()
            )?;
            out.flush()?;
            let credentials = round_trip(&folder, public, out).await?;
            Box::pin(show_events(&folder, out)).await?;
            if self.once {
                running.stop(Stop("the demo is over")).await;
                return Ok(YES);
            }
            print_commands(&folder, public, &credentials, out)?;
            out.flush()?;
            serve_until_told(running, signals).await
        })
    }
}

/// Exchanges the token and fetches the restricted file, with the login and without.
async fn round_trip(folder: &Folder, public: SocketAddr, out: &mut impl Write) -> anyhow::Result<String> {
    let mut door = Client::trusting(&folder.ca()?)?.connect(public).await?;
    writeln!(out, "1. The demo issuer signed a token                {}", folder.token().display())?;
    let exchanged = door.post("/auth", std::fs::read(folder.token())?).await?;
    ensure!(
        exchanged.status == StatusCode::OK,
        "the exchange answered {}: {}",
        exchanged.status,
        exchanged.text()
    );
    let credentials = exchanged.text();
    let (login, password) = credentials.split_once(':').context("the exchange answers login:password")?;
    writeln!(out, "2. POST /auth exchanged it for a login           {login}:{password}")?;
    let without = door.get(folder::RESTRICTED, None).await?;
    ensure!(without.status == StatusCode::UNAUTHORIZED, "without a login: {}", without.status);
    writeln!(out, "3. Without the login, {} is refused   {}", folder::RESTRICTED, without.status)?;
    let with = door.get_with_digest(folder::RESTRICTED, login, password).await?;
    ensure!(with.status == StatusCode::OK, "with the login: {}: {}", with.status, with.text());
    writeln!(out, "4. With it (HTTP Digest), it is served           {:?}", with.text().trim_end())?;
    Ok(credentials)
}

async fn show_events(folder: &Folder, out: &mut impl Write) -> anyhow::Result<()> {
    writeln!(out, "5. And this is what was recorded, before anything left:\n")?;
    let access = Context::by_default(folder.config()).open(|_| Ok(())).await?;
    let mut search = event::Search::begin(&access.door.store.reader, event::Filter::default()).await?;
    let mut lines = Vec::new();
    loop {
        let page = search.page().await?;
        if page.is_empty() {
            break;
        }
        lines.extend(page.iter().map(super::audit::line));
    }
    // A folder that is used again has a long past.
    for line in lines.iter().skip(lines.len().saturating_sub(8)) {
        writeln!(out, "   {}", line.as_deref().unwrap_or("an event that cannot be read"))?;
    }
    Ok(())
}

fn print_commands(
    folder: &Folder,
    public: SocketAddr,
    credentials: &str,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let word = |path: &Path| shell::word(&path.display().to_string());
    let program = word(&std::env::current_exe()?);
    let ca = word(&folder.path().join("ca.pem"));
    let token = word(&folder.token());
    let body = shell::word(&format!("@{}", folder.token().display()));
    let config = word(&folder.config());
    let port = public.port();
    let restricted = folder::RESTRICTED;
    writeln!(
        out,
        "\nIt serves until Ctrl-C. Try it, in another terminal:\n\n\
         curl --cacert {ca} --data-binary {body} https://localhost:{port}/auth; echo\n\
         curl --cacert {ca} --digest --user '{credentials}' https://localhost:{port}{restricted}\n\
         curl --cacert {ca} https://localhost:{port}{restricted}\n\
         {program} exchange --dry-run {token} --config {config}\n\
         {program} login list --config {config}\n\
         {program} audit search --since 10m --config {config}\n"
    )?;
    Ok(())
}
