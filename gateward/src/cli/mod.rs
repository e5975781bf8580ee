//! Floor 4: one file a subcommand: translates, decides nothing.
//!
//! The exit status is an answer: 0 yes or done, 1 no, 2 could not find out. What is data goes to
//! standard output, what is for people to standard error.

mod access;
mod audit;
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
mod serve;
mod server_user;
mod shell;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

/// Yes, or done.
const YES: ExitCode = ExitCode::SUCCESS;

/// No: refused, or something was found.
fn no() -> ExitCode {
    ExitCode::from(1)
}

/// Stands at the door of restricted data: signed tokens in, logins out, every access recorded.
///
/// Exit status: 0 yes or done, 1 no (refused, or something was found), 2 could not find out.
#[derive(Debug, Parser)]
#[command(name = "gateward", version, max_term_width = 100)]
struct Cli {
    /// The configuration file.
    #[arg(long, global = true, env = "GATEWARD_CONFIG", default_value = "/etc/gateward/gateward.toml")]
    config: PathBuf,
    /// The keyring, instead of the one that the configuration names.
    #[arg(long, global = true, env = "GATEWARD_KEYRING", value_name = "FILE", value_parser = absolute)]
    keyring: Option<PathBuf>,
    /// How to print what is data; json is one object a line.
    #[arg(long, global = true, value_enum, default_value_t)]
    format: Format,
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

/// What every command gets.
#[derive(Debug)]
struct Context {
    config: PathBuf,
    keyring: Option<PathBuf>,
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a configuration file, a keyring and the first operator.
    Init(init::Init),
    /// Try everything out on this machine, with throw-away keys.
    Demo(demo::Demo),
    /// Serve, until told to stop.
    Serve(serve::Serve),
    /// Exchange a signed token for a login, and tell everything about it.
    Exchange(exchange::Exchange),
    /// Delete expired logins now.
    Cleanup(cleanup::Cleanup),
    /// Look at the configuration.
    #[command(subcommand)]
    Config(config::Config),
    /// Look at the keyring and change it.
    #[command(subcommand)]
    Key(key::Key),
    /// Look at temporary logins and end them.
    #[command(subcommand)]
    Login(login::Login),
    /// Look at grants and change them.
    #[command(subcommand)]
    Grant(grant::Grant),
    /// Look at issuers of signed tokens and take one out.
    #[command(subcommand)]
    Issuer(issuer::Issuer),
    /// Look at what happened.
    #[command(subcommand)]
    Audit(audit::Audit),
}

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; clap knows, and prints to the right stream.
            let status = if error.use_stderr() { 2 } else { 0 };
            return if error.print().is_ok() { ExitCode::from(status) } else { ExitCode::from(2) };
        }
    };
    let mut out = std::io::stdout().lock();
    match run(cli, &mut out).and_then(|code| out.flush().map(|()| code).map_err(Into::into)) {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => YES,
        Err(error) => {
            eprintln!("gateward: {}", in_words(&error));
            ExitCode::from(2)
        }
    }
}

fn run(cli: Cli, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let context = Context { config: cli.config, keyring: cli.keyring, format: cli.format };
    match cli.command {
        Command::Init(init) => init.run(&context, out),
        Command::Demo(demo) => demo.run(out),
        Command::Serve(serve) => serve.run(&context),
        Command::Exchange(exchange) => exchange.run(&context, out),
        Command::Cleanup(cleanup) => cleanup.run(&context, out),
        Command::Config(config) => config.run(&context, out),
        Command::Key(key) => key.run(&context, out),
        Command::Login(login) => login.run(&context, out),
        Command::Grant(grant) => grant.run(&context, out),
        Command::Issuer(issuer) => issuer.run(&context, out),
        Command::Audit(audit) => audit.run(&context, out),
    }
}

/// Takes a path from where the program was started.
fn absolute(path: &str) -> std::io::Result<PathBuf> {
    std::path::absolute(path)
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
    /// Prints one row: `text` for people, `json` for programs.
    fn print(&self, out: &mut impl Write, text: &str, json: &serde_json::Value) -> std::io::Result<()> {
        match self.format {
            Format::Text => writeln!(out, "{text}"),
            Format::Json => writeln!(out, "{json}"),
        }
    }
}
