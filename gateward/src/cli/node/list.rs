//! `gateward node list` and `show`

use std::collections::HashMap;
use std::io::Write;
use std::process::ExitCode;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::base::identity::{NodeName, NodeRole};
use crate::cli::access::block_on;
use crate::cli::{Context, YES, no};
use crate::flows::nodes::Error;
use crate::store::node::{self, CredentialRow, NodeRow};

/// List machines, with what each is known by; warns of certificates that end within 30 days.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct List {
    /// Revoked ones, too.
    #[arg(long)]
    all: bool,
}

/// Show everything about one machine.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Show {
    /// The machine.
    name: NodeName,
}

/// How long before its end a certificate is warned of.
const SOON: SignedDuration = SignedDuration::from_hours(24 * 30);

impl List {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let access = context.access()?;
        let reader = &access.door.store.reader;
        let mut credentials: HashMap<NodeName, Vec<CredentialRow>> = HashMap::new();
        for row in block_on(node::credentials(reader))?? {
            credentials.entry(row.node.clone()).or_default().push(row);
        }
        for node in block_on(node::all(reader))?? {
            if node.revoked_at.is_some() && !self.all {
                continue;
            }
            let own: Vec<&CredentialRow> = credentials.get(&node.name).into_iter().flatten().collect();
            let living: Vec<&&CredentialRow> = own.iter().filter(|row| lives(row, access.now)).collect();
            let known = living.first().map_or_else(|| "nothing".to_owned(), |row| known_by(row));
            let more =
                if living.len() > 1 { format!(" and {} more", living.len() - 1) } else { String::new() };
            let text = format!("{:<24}  {:<8}  {}{}{more}", node.name, state(&node), roles(&node), known);
            context.print(out, &text, &json(&node, &own))?;
            if node.revoked_at.is_none() {
                warn(&node.name, &living, access.now);
            }
        }
        Ok(YES)
    }
}

impl Show {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let access = context.access()?;
        let reader = &access.door.store.reader;
        let Some(node) = block_on(node::all(reader))??.into_iter().find(|node| node.name == self.name) else {
            eprintln!("gateward: {}", Error::NoSuchNode(self.name.clone()));
            return Ok(no());
        };
        let credentials = block_on(node::credentials(reader))??;
        let own: Vec<&CredentialRow> = credentials.iter().filter(|row| row.node == node.name).collect();
        let mut lines = vec![
            format!("node        {}", node.name),
            format!("state       {}", state(&node)),
            format!("enrolled    {:.0} by {}", node.created_at, node.created_by),
        ];
        lines.extend(node.revoked_at.map(|at| format!("revoked     {at:.0}")));
        lines.extend((!node.roles.is_empty()).then(|| format!("roles       {}", roles(&node).trim_end())));
        for row in &own {
            lines.push(format!("known by    {}  ({}, since {:.0})", known_by(row), row.id, row.added_at));
            lines.extend(row.ends_at.map(|at| {
                let ends = if at <= access.now { "ended" } else { "ends" };
                format!("            {ends} {at:.0}")
            }));
        }
        context.print(out, &lines.join("\n"), &json(&node, &own))?;
        Ok(YES)
    }
}

fn lives(row: &CredentialRow, now: Timestamp) -> bool {
    row.ends_at.is_none_or(|end| end > now)
}

fn state(node: &NodeRow) -> &'static str {
    if node.revoked_at.is_some() { "revoked" } else { "good" }
}

fn roles(node: &NodeRow) -> String {
    node.roles.iter().flat_map(|role| [role.as_str(), " "]).collect()
}

fn known_by(row: &CredentialRow) -> String {
    let until = row.not_after.map(|end| format!(" until {end:.0}")).unwrap_or_default();
    match (&row.fingerprint, &row.subject, &row.san) {
        (Some(fingerprint), ..) => format!("certificate {fingerprint}{until}"),
        (None, Some(name), _) | (None, None, Some(name)) => format!("{name}{until}"),
        (None, None, None) => "nothing".to_owned(),
    }
}

/// Only the last of them to end matters: until then the machine comes in.
fn warn(name: &NodeName, living: &[&&CredentialRow], now: Timestamp) {
    let ends = living.iter().map(|row| [row.not_after, row.ends_at].into_iter().flatten().min());
    // What an authority vouches for has no end of its own.
    let Some(ends) = ends.collect::<Option<Vec<Timestamp>>>() else { return };
    let remedy = format!("gateward node replace {name} --certificate FILE");
    match ends.into_iter().max() {
        Some(end) if end <= now => {
            eprintln!("gateward: {name} cannot come in: its certificate ended {end:.0}: {remedy}");
        }
        Some(end) if end.duration_since(now) < SOON => {
            let days = end.duration_since(now).as_hours() / 24;
            eprintln!("gateward: the certificate of {name} ends in {days} days, {end:.0}: {remedy}");
        }
        Some(_) => {}
        None => eprintln!("gateward: {name} cannot come in: it is known by nothing: {remedy}"),
    }
}

fn json(node: &NodeRow, credentials: &[&CredentialRow]) -> Value {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let known_by: Vec<Value> = credentials
        .iter()
        .map(|row| {
            json!({
                "credential": row.id, "fingerprint": row.fingerprint, "issuer": row.issuer, "subject": row.subject,
                "san": row.san, "not_after": time(row.not_after), "added_at": row.added_at.to_string(),
                "added_by": row.added_by, "ends_at": time(row.ends_at),
            })
        })
        .collect();
    json!({
        "node": node.name, "revoked_at": time(node.revoked_at), "created_at": node.created_at.to_string(),
        "created_by": node.created_by, "roles": node.roles.iter().map(|role| NodeRole::as_str(*role)).collect::<Vec<_>>(),
        "known_by": known_by,
    })
}
