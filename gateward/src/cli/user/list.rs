//! `gateward user list`, `gateward user show`

use std::io::Write;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::refused;
use crate::base::identity::UserName;
use crate::cli::access::block_on;
use crate::cli::{Context, YES};
use crate::flows::users::{Error, Origin};
use crate::store::grant::{self, GrantRow};
use crate::store::user::{self, Listed};

/// How many accounts are read at once.
const PAGE: u32 = 1000;

pub(super) fn list(context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let access = context.access()?;
    let mut after = String::new();
    loop {
        let page = block_on(user::page(&access.door.store.reader, &after, PAGE))??;
        for listed in &page {
            context.print(out, &line(listed), &describe(listed))?;
        }
        match page.last() {
            Some(last) => after.clone_from(&last.user.name),
            None => return Ok(YES),
        }
    }
}

fn line(listed: &Listed) -> String {
    let Listed { user, digest, .. } = listed;
    let role = match (user.role.as_str(), &user.role_service) {
        ("", _) => "-".to_owned(),
        (role, None) => role.to_owned(),
        (role, Some(service)) => format!("{role} of {service}"),
    };
    let password = (!user.password_hash.is_empty()).then(|| "password".to_owned());
    let digest = digest.map(|origin| format!("digest ({})", origin.as_str()));
    let by: Vec<String> = password.into_iter().chain(digest).collect();
    let by = if by.is_empty() { "-".to_owned() } else { by.join(", ") };
    let disabled = user.disabled_at.map_or(String::new(), |at| format!("  disabled since {at:.0}"));
    format!("{}  {role}  {by}{disabled}", user.name)
}

fn describe(listed: &Listed) -> Value {
    let Listed { user, created_at, digest } = listed;
    json!({
        "user": user.name,
        "role": (!user.role.is_empty()).then_some(&user.role),
        "role_service": user.role_service,
        "password": !user.password_hash.is_empty(),
        "digest": digest.map(Origin::as_str),
        "disabled_at": user.disabled_at.map(|at| at.to_string()),
        "created_at": created_at.to_string(),
    })
}

pub(super) fn show(context: &Context, out: &mut impl Write, name: &UserName) -> anyhow::Result<ExitCode> {
    let access = context.access()?;
    let reader = &access.door.store.reader;
    let Some(listed) = block_on(user::listed(reader, name.as_str()))?? else {
        return refused(Error::NoSuchUser(name.clone()));
    };
    let holdings = block_on(user::holdings(reader, name.as_str()))??;
    let names_them = |row: &GrantRow| row.subject_kind == "user" && row.subject == name.as_str();
    let grants: Vec<String> =
        block_on(grant::all(reader))??.into_iter().filter(names_them).map(|row| row.id).collect();
    let mut json = describe(&listed);
    json["sessions"] = holdings.sessions.into();
    json["api_tokens"] = holdings.api_tokens.into();
    json["grants"] = grants.into();
    let rows = json.as_object().into_iter().flatten();
    let text: Vec<String> = rows.map(|(name, value)| format!("{name:<12} {}", plain(value))).collect();
    context.print(out, &text.join("\n"), &json)?;
    Ok(YES)
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}
