//! `gateward config check`

use std::io::Write;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::ExitCode;

use ::access_token::ServerCertificate;
use nix::unistd::Group;
use serde_json::json;

use crate::cli::access::{block_on, unreadable};
use crate::cli::server_user::ServerUser;
use crate::cli::{Context, YES, no};
use crate::config::service::{Inventory, InventorySource};
use crate::config::{self, Admin, Config, Grant, Oidc};
use crate::flows::access_token::ckan::{Ckan as _, Error};
use crate::flows::access_token::{Envelope, Packing};
use crate::flows::inventory;
use crate::server::backup::programs::Programs;
use crate::server::backup::ready::Around;
use crate::server::{authorities, backup, boot, openhim, services, system, tls};
use crate::store::resif;

pub(super) fn run(context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let findings = match context.read() {
        Ok(config) => {
            if let Some(word) = several_words(&config) {
                eprintln!("gateward: {word}");
            }
            everything(&config, &context.config)
        }
        Err(error @ config::Error::Unreadable { .. }) => return Err(unreadable(&error)),
        Err(error) => vec![error.to_string()],
    };
    for finding in &findings {
        context.print(out, finding, &json!({ "finding": finding }))?;
    }
    if findings.is_empty() {
        context.print(out, &format!("{}: good", context.config.display()), &json!({ "finding": null }))?;
        return Ok(YES);
    }
    Ok(no())
}

/// Looks at everything that the file names, and says what is wrong with each.
fn everything(config: &Config, file: &Path) -> Vec<String> {
    let strictness = tls::strictness(config.mode);
    let mut findings = others(config);
    if let Some(Admin { tls, .. }) = &config.admin {
        findings
            .extend(tls::load(&tls.certificate, &tls.key, strictness).err().map(|error| error.to_string()));
    }
    findings.extend(boot::keyring(&config.keyring).err().map(|error| error.to_string()));
    findings.extend(resif(config));
    findings.extend(htdigest(config));
    findings.extend(ckan(config));
    findings.extend(openhim(config));
    findings.extend(backups(config, file));
    findings
}

/// Says which grants of the file go by the word of several issuers, which may be meant: it is no finding.
fn several_words(config: &Config) -> Option<String> {
    let believed = |claimed: fn(&Oidc) -> bool| {
        let oidc = config.oidc.iter().filter(|oidc| claimed(oidc)).map(|oidc| oidc.issuer.to_string());
        let signed = config.issuer.iter().map(|issuer| issuer.fingerprint.0.to_string());
        oidc.chain(signed).collect::<Vec<_>>()
    };
    let count = |named: fn(&Grant) -> bool| config.grant.iter().filter(|grant| named(grant)).count();
    let kinds = [
        ("group", count(|grant| grant.group.is_some()), believed(|oidc| oidc.groups_claim.is_some())),
        (
            "mail or mail_domain",
            count(|grant| grant.mail.is_some() || grant.mail_domain.is_some()),
            believed(|oidc| oidc.mail_claim.is_some()),
        ),
    ];
    let told = kinds.into_iter().filter(|(_, grants, issuers)| *grants > 0 && issuers.len() > 1);
    let told = told.map(|(kind, grants, issuers)| {
        format!("by {kind} ({grants} in this file) go by the word of each of {}", issuers.join(", "))
    });
    let told: Vec<String> = told.collect();
    let said = format!("grants {}: docs/sign-in.md says what that lets in", told.join("; grants "));
    (!told.is_empty() && !config.oidc.is_empty()).then_some(said)
}

/// Looks at whom backups are sealed to, where they come from and where they go; nothing is backed up.
fn backups(config: &Config, file: &Path) -> Vec<String> {
    let programs = Programs::find(None, |name| std::env::var_os(name));
    let (clock, random) = (system::clock(), system::random());
    let around = Around { config, file, programs: &programs, clock: &clock, random: &random };
    backup::check::check(&around, system::wall_clock())
}

/// Asks CKAN something harmless, as a command would.
fn ckan(config: &Config) -> Option<String> {
    // What is wrong before anybody is asked is told with the other files.
    let ckan = boot::ckan(config, None, &system::random()).ok().flatten()?;
    let asked = || -> anyhow::Result<()> {
        let nobody = "gateward-asks-whether-you-are-there".parse()?;
        // What anybody may ask would not tell whether the key is an administrator's.
        match block_on(ckan.keys(&nobody))? {
            Ok(_) | Err(Error::NoSuchUser(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    };
    asked().err().map(|error| format!("[ckan]: {error}"))
}

/// Asks OpenHIM whether it knows us, which nobody may but who may register us.
fn openhim(config: &Config) -> Option<String> {
    // What is wrong before anybody is asked is told with the other files.
    let api = openhim::Api::new(config).ok().flatten()?;
    let asked = || -> anyhow::Result<()> { Ok(block_on(api.look())?.map(drop)?) };
    asked().err().map(|error| format!("[openhim]: {error}"))
}

/// Looks at what access tokens are made of.
fn access_token(config: &Config) -> Vec<String> {
    let Some(settings) = &config.access_token else { return Vec::new() };
    let mut findings = Vec::new();
    findings.extend(boot::letters(settings).err().map(|error| error.to_string()));
    if let Some(path) = &settings.certificate {
        let wrong = |why: String| format!("[access_token] {}: {why}", path.display());
        let read = std::fs::read(path).map_err(|error| error.to_string());
        let parsed = read.and_then(|pem| ServerCertificate::parse(&pem).map_err(|error| error.to_string()));
        let packing = parsed.map(|certificate| Packing {
            host: settings.host.clone(),
            certificate,
            envelope: Envelope::Nothing,
        });
        let checked = packing
            .and_then(|packing| packing.check(system::wall_clock()).map_err(|error| error.to_string()));
        findings.extend(checked.err().map(wrong));
    }
    findings
}

/// Looks at what the file names and others made: all but the keyring, the admin listener's
/// certificate, the store, and where logins are written to beside it.
pub(in crate::cli) fn others(config: &Config) -> Vec<String> {
    let mut findings = Vec::new();
    if let Some(tls) = &config.tls {
        let strictness = tls::strictness(config.mode);
        findings
            .extend(tls::load(&tls.certificate, &tls.key, strictness).err().map(|error| error.to_string()));
    }
    findings.extend(boot::rules(config).err().map(|error| error.to_string()));
    findings.extend(machines(config));
    findings.extend(boot::verify_uids(config).err().map(|error| error.to_string()));
    findings.extend(services::open(config, &system::random()).err().map(|error| error.to_string()));
    findings.extend(issuers(config));
    findings.extend(boot::look_at_seal(config, system::wall_clock()).err().map(|error| error.to_string()));
    findings.extend(access_token(config));
    findings.extend(boot::ckan(config, None, &system::random()).err().map(|error| error.to_string()));
    findings.extend(openhim::Api::new(config).err().map(|error| error.to_string()));

    findings.extend(config.service.iter().filter_map(|service| unread(service.inventory.as_ref()?)));
    // Services share an inventory more often than not.
    findings.dedup();
    findings
}

/// Says why a data service cannot come at the htdigest file: its folder is not there, or one above it, or
/// itself, lets the file's group not in.
fn htdigest(config: &Config) -> Option<String> {
    let folder = config.exchange.htdigest.as_ref()?.path.parent()?;
    let Some(metadata) = std::fs::metadata(folder).ok().filter(std::fs::Metadata::is_dir) else {
        return Some(format!("exchange.htdigest: there is no folder {}", folder.display()));
    };
    // A folder with this bit gives its group to new files, any other that of whoever makes them.
    let inherited = metadata.mode() & SET_GROUP_ID != 0;
    let group = if inherited { metadata.gid() } else { ServerUser::of(&config.store).ok()?.group() };
    let shut = folder.ancestors().find(|folder| !lets_in(folder, group))?;
    let name = Group::from_gid(group.into()).ok().flatten().map_or(group.to_string(), |group| group.name);
    Some(format!(
        "exchange.htdigest: the group {name}, which may read the file, cannot enter {}",
        shut.display()
    ))
}

/// The bits of a mode (inode(7)).
const SET_GROUP_ID: u32 = 0o2000;
const GROUP_ENTERS: u32 = 0o010;
const OTHERS_ENTER: u32 = 0o001;

/// Whether members of `group` may enter a folder that is not theirs otherwise.
fn lets_in(folder: &Path, group: u32) -> bool {
    // The first ancestor of a relative path is nowhere.
    let Ok(metadata) = std::fs::metadata(folder) else { return true };
    let bit = if metadata.gid() == group { GROUP_ENTERS } else { OTHERS_ENTER };
    metadata.mode() & bit != 0
}

/// Says what is missing in RESIF's databases, each with what mends it.
fn resif(config: &Config) -> Vec<String> {
    let Some(resif) = &config.exchange.resif else { return Vec::new() };
    match block_on(boot::known_resif(resif).check()) {
        Ok(errors) => errors.iter().flat_map(told).collect(),
        Err(error) => vec![error.to_string()],
    }
}

fn told(error: &resif::Error) -> Vec<String> {
    match error {
        resif::Error::Unfit { database, lacks } => {
            lacks.iter().map(|lack| format!("exchange.resif: {database}: {lack}")).collect()
        }
        other => vec![format!("exchange.resif: {other}")],
    }
}

/// Says whose machines would be refused.
fn machines(config: &Config) -> Vec<String> {
    match authorities::load(config) {
        Ok(trust) => authorities::refused(&trust, config, system::wall_clock()),
        Err(error) => vec![error.to_string()],
    }
}

fn issuers(config: &Config) -> Vec<String> {
    let issuers = match boot::issuers(config) {
        Ok(issuers) => issuers,
        Err(error) => return vec![error.to_string()],
    };
    let now = system::wall_clock();
    let unfit = |key: &openpgp::TrustedKey| match key.status(now) {
        openpgp::KeyStatus::Usable { .. } => None,
        status => Some(format!("issuer {} makes no login: {status}", key.fingerprint())),
    };
    issuers.iter().filter_map(unfit).collect()
}

/// Says why an inventory's file cannot be gone by. A station service is not asked: it may not run yet.
fn unread(inventory: &Inventory) -> Option<String> {
    let InventorySource::File(path) = &inventory.source else { return None };
    let wrong = |why: String| format!("inventory {}: {why}", path.display());
    let document = match std::fs::read(path) {
        Ok(document) => document,
        Err(error) => return Some(wrong(error.to_string())),
    };
    inventory::parse(&document).err().map(|error| wrong(error.to_string()))
}
