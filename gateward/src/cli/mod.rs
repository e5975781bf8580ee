//! Floor 4: one file a subcommand: translates, decides nothing.
//!
//! The exit status is an answer: 0 yes or done, 1 no, 2 could not find out. What is data goes to
//! standard output, what is for people to standard error.

mod access;
mod access_token;
mod api_token;
mod audit;
mod backup;
mod certificates;
mod cleanup;
mod config;
pub mod demo;
mod exchange;
mod files;
mod grant;
mod init;
mod issuer;
mod key;
mod login;
mod node;
mod serve;
mod server_user;
mod shell;
mod store;
mod terminal;
mod user;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

use crate::base::store_address::StoreAddress;

/// Yes, or done.
const YES: ExitCode = ExitCode::SUCCESS;

/// No: refused, or something was found.
fn no() -> ExitCode {
    ExitCode::from(1)
}

/// What the options of every command stand under in its help, apart from its own.
const EVERYWHERE: &str = "Options of every command";

/// Stands at the door of restricted data: signed tokens in, logins out, every access recorded.
///
/// Exit status: 0 yes or done, 1 no (refused, or something was found), 2 could not find out.
#[derive(Debug, Parser)]
#[command(name = "gateward", version, max_term_width = 100)]
struct Cli {
    /// The configuration file.
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    #[arg(env = "GATEWARD_CONFIG", value_name = "FILE", default_value = "/etc/gateward/gateward.toml")]
    config: PathBuf,
    /// The keyring, instead of the one that the configuration names.
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    #[arg(env = "GATEWARD_KEYRING", value_name = "FILE", value_parser = absolute)]
    keyring: Option<PathBuf>,
    /// The store, instead of the one that the configuration names: a path, sqlite:PATH, or
    /// postgres://USER@HOST/DATABASE.
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    #[arg(env = "GATEWARD_STORE", value_parser = store_address)]
    store: Option<StoreAddress>,
    /// How to print what is data; json is one object a line.
    #[arg(long, global = true, help_heading = EVERYWHERE, value_enum, default_value_t)]
    format: AskedFormat,
    #[command(subcommand)]
    command: Command,
}

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// What `--format` takes: what all commands know, and forms of what leaves the log for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum AskedFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON object a line.
    Json,
    /// `audit export`: one event a line, with what proves it.
    Ndjson,
    /// `audit export` and `audit report`: RFC 4180.
    Csv,
    /// `audit export`: FHIR AuditEvents.
    FhirBundle,
    /// `audit report`: a page to print.
    Html,
}

impl AskedFormat {
    /// As every command knows it; `None` for a form that few have.
    fn common(self) -> Option<Format> {
        match self {
            Self::Text => Some(Format::Text),
            Self::Json => Some(Format::Json),
            Self::Ndjson | Self::Csv | Self::FhirBundle | Self::Html => None,
        }
    }
}

/// What every command gets.
#[derive(Debug)]
struct Context {
    config: PathBuf,
    config_from: Named,
    keyring: Option<PathBuf>,
    /// `None` where the configuration names it.
    keyring_from: Option<Named>,
    store: Option<StoreAddress>,
    /// `None` where the configuration names it.
    store_from: Option<Named>,
    format: Format,
    /// What was asked for, where a command knows more forms than two.
    asked_format: AskedFormat,
}

/// Where a value comes from that no file says; what comes first here wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    /// The command line.
    Flag(&'static str),
    /// A variable of the environment.
    Environment(&'static str),
    /// Nobody.
    Default,
}

impl Named {
    /// Looks where the argument `id` has its value from.
    fn of(arguments: &ArgMatches, id: &str, flag: &'static str, variable: &'static str) -> Self {
        match arguments.value_source(id) {
            Some(ValueSource::CommandLine) => Self::Flag(flag),
            Some(ValueSource::EnvVariable) => Self::Environment(variable),
            _ => Self::Default,
        }
    }
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "flag {name}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Default => f.write_str("default"),
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(Box<init::Init>),
    /// Try everything out on this machine, with throw-away keys.
    Demo(demo::Demo),
    /// Serve, until told to stop.
    Serve(serve::Serve),
    /// Exchange a signed token for a login, and tell everything about it.
    Exchange(exchange::Exchange),
    /// End what is over: expired logins and access tokens.
    Cleanup(cleanup::Cleanup),
    /// Look at the configuration.
    #[command(subcommand)]
    Config(config::Config),
    /// Look at the keyring and change it.
    #[command(subcommand)]
    Key(key::Key),
    /// Look at people with an account, change accounts, end what people hold.
    #[command(subcommand)]
    User(user::User),
    /// Look at temporary logins and end them.
    #[command(subcommand)]
    Login(login::Login),
    /// Keys of users for programs: make them, list them, end them.
    #[command(subcommand)]
    ApiToken(api_token::ApiToken),
    #[command(subcommand)]
    AccessToken(access_token::AccessToken),
    #[command(subcommand)]
    Backup(backup::Backup),
    /// Look at grants and change them.
    #[command(subcommand)]
    Grant(grant::Grant),
    /// Look at machines that may come in, enroll and revoke them.
    #[command(subcommand)]
    Node(node::Node),
    /// Look at issuers of signed tokens and JWTs and take one out.
    #[command(subcommand)]
    Issuer(issuer::Issuer),
    /// Look at what happened, show that nobody changed it, pass it on, and let it go.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Look at the store, bring it up to date, or move it.
    #[command(subcommand)]
    Store(store::Store),
}

impl Command {
    /// Whether it has a form that few have.
    fn knows(&self, format: AskedFormat) -> bool {
        matches!(self, Self::Audit(audit) if audit.knows(format))
    }
}

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    let (cli, arguments) = match parse() {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help and version are no errors; clap knows, and prints to the right stream.
            let status = if error.use_stderr() { 2 } else { 0 };
            return if error.print().is_ok() { ExitCode::from(status) } else { ExitCode::from(2) };
        }
    };
    let mut out = std::io::stdout().lock();
    match run(cli, &arguments, &mut out).and_then(|code| out.flush().map(|()| code).map_err(Into::into)) {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => YES,
        Err(error) => {
            eprintln!("gateward: {}", in_words(&error));
            ExitCode::from(2)
        }
    }
}

/// Reads the command line, and keeps where each argument has its value from.
fn parse() -> Result<(Cli, ArgMatches), clap::Error> {
    let arguments = Cli::command().try_get_matches()?;
    let cli = Cli::from_arg_matches(&arguments).map_err(|error| error.format(&mut Cli::command()))?;
    Ok((cli, arguments))
}

fn run(cli: Cli, arguments: &ArgMatches, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let keyring_from = Named::of(arguments, "keyring", "--keyring", "GATEWARD_KEYRING");
    let store_from = Named::of(arguments, "store", "--store", "GATEWARD_STORE");
    let context = Context {
        config: cli.config,
        config_from: Named::of(arguments, "config", "--config", "GATEWARD_CONFIG"),
        keyring_from: cli.keyring.is_some().then_some(keyring_from),
        keyring: cli.keyring,
        store_from: cli.store.is_some().then_some(store_from),
        store: cli.store,
        format: cli.format.common().unwrap_or_default(),
        asked_format: cli.format,
    };
    if cli.format.common().is_none() && !cli.command.knows(cli.format) {
        anyhow::bail!(
            "this command prints text or json; ndjson, csv, fhir-bundle and html are of `gateward audit`"
        );
    }
    match cli.command {
        Command::Init(init) => init.run(&context, out),
        Command::Demo(demo) => demo.run(out),
        Command::Serve(serve) => serve.run(&context),
        Command::Exchange(exchange) => exchange.run(&context, out),
        Command::Cleanup(cleanup) => cleanup.run(&context, out),
        Command::Config(config) => config.run(&context, out),
        Command::Key(key) => key.run(&context, out),
        Command::User(user) => user.run(&context, out),
        Command::Login(login) => login.run(&context, out),
        Command::ApiToken(access_token) => access_token.run(&context, out),
        Command::AccessToken(access_token) => access_token.run(&context, out),
        Command::Backup(backup) => backup.run(&context, out),
        Command::Grant(grant) => grant.run(&context, out),
        Command::Node(node) => node.run(&context, out),
        Command::Issuer(issuer) => issuer.run(&context, out),
        Command::Audit(audit) => audit.run(&context, out),
        Command::Store(store) => store.run(&context, out),
    }
}

/// Takes a path from where the program was started.
fn absolute(path: &str) -> std::io::Result<PathBuf> {
    std::path::absolute(path)
}

/// Takes a store, a relative path from where the program was started.
fn store_address(text: &str) -> Result<StoreAddress, String> {
    let mut store: StoreAddress = text.parse()?;
    store.anchor(&std::env::current_dir().map_err(|error| error.to_string())?);
    Ok(store)
}

/// Says what went wrong, each cause once: many errors name theirs already.
fn in_words(error: &anyhow::Error) -> String {
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !said.contains(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    said
}

/// Whoever reads our output has seen enough: no error.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

impl Context {
    /// Makes one for a configuration of which nothing else was said.
    fn by_default(config: PathBuf) -> Self {
        let config_from = Named::Default;
        Self {
            config,
            config_from,
            keyring: None,
            keyring_from: None,
            store: None,
            store_from: None,
            format: Format::Text,
            asked_format: AskedFormat::Text,
        }
    }

    /// Prints one row: `text` for people, `json` for programs.
    fn print(&self, out: &mut impl Write, text: &str, json: &serde_json::Value) -> std::io::Result<()> {
        match self.format {
            Format::Text => writeln!(out, "{text}"),
            Format::Json => writeln!(out, "{json}"),
        }
    }
}
