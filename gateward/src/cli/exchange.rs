//! `gateward exchange`

use std::collections::BTreeMap;
use std::io::{Read as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::access::block_on;
use super::{Context, YES, no};
use crate::base::id::Reference;
use crate::flows::exchange::{self, Error, From, Insight, Networks};

/// Exchange a signed token or a JWT for a login, and tell everything about it.
#[derive(Debug, clap::Args)]
pub(super) struct Exchange {
    /// Tell, and make nothing.
    #[arg(long)]
    dry_run: bool,
    /// The token's file; - for standard input.
    file: PathBuf,
}

impl Exchange {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let token = self.read().with_context(|| format!("reading {}", self.file.display()))?;
        let access = if self.dry_run { context.access()? } else { context.access_to_change()? };
        let insight = match block_on(exchange::dry_run(&access.door, &token, access.now))? {
            Ok(insight) => insight,
            Err(error) if error.is_ours() => return Err(error.into()),
            Err(error) if self.dry_run => return refused(context, out, &error, None),
            // The refusal is recorded, as it would be at the door.
            Err(_) => return self.exchange(context, &access, &token, None, out),
        };
        if self.dry_run {
            let code = if insight.refusal.is_none() { YES } else { no() };
            let (text, json) = describe(&insight);
            context.print(out, &text, &Value::Object(json))?;
            return Ok(code);
        }
        self.exchange(context, &access, &token, Some(&insight), out)
    }

    fn exchange(
        &self,
        context: &Context,
        access: &super::access::Access,
        token: &[u8],
        insight: Option<&Insight>,
        out: &mut impl Write,
    ) -> anyhow::Result<ExitCode> {
        let from = From::Command(access.by.clone());
        let exchanged = match block_on(exchange::exchange(&access.door, token, &from, access.now))? {
            Ok(exchanged) => exchanged,
            Err(exchange::Refusal { error, .. }) if error.is_ours() => return Err(error.into()),
            Err(refusal) => {
                return refused(context, out, &refusal.error, refusal.reference);
            }
        };
        let (known, mut json) = insight.map_or_else(Default::default, describe);
        let text = format!(
            "{known}\nlogin            {}:{}{}\nlogin ends       {:.0}, later if used",
            exchanged.login,
            exchanged.password.expose(),
            if exchanged.repeated { " (as before)" } else { "" },
            exchanged.expires_at
        );
        json.insert("login".into(), exchanged.login.to_string().into());
        json.insert("password".into(), exchanged.password.expose().into());
        json.insert("expires_at".into(), exchanged.expires_at.to_string().into());
        json.insert("repeated".into(), exchanged.repeated.into());
        context.print(out, text.trim_start(), &Value::Object(json))?;
        Ok(YES)
    }

    fn read(&self) -> std::io::Result<Vec<u8>> {
        // One byte more than is accepted: enough to be refused for its length.
        let most = signed_token::MAX_BODY as u64 + 1;
        let mut token = Vec::new();
        if self.file.as_os_str() == "-" {
            std::io::stdin().take(most).read_to_end(&mut token)?;
        } else {
            std::fs::File::open(&self.file)?.take(most).read_to_end(&mut token)?;
        }
        Ok(token)
    }
}

fn refused(
    context: &Context,
    out: &mut impl Write,
    error: &Error,
    reference: Option<Reference>,
) -> anyhow::Result<ExitCode> {
    let text = match reference {
        Some(reference) => format!(
            "refused          {error}\nreason           {}\nreference        {reference}",
            error.reason()
        ),
        None => format!("refused          {error}\nreason           {}", error.reason()),
    };
    let json = json!({ "accepted": false, "reason": error.reason(), "detail": error.to_string(), "reference": reference });
    context.print(out, &text, &json)?;
    Ok(no())
}

/// Everything that is known of a token, for people and for programs.
fn describe(insight: &Insight) -> (String, serde_json::Map<String, Value>) {
    let token = &insight.token;
    let list = |items: Vec<String>| if items.is_empty() { "none".to_owned() } else { items.join(" ") };
    let groups: Vec<String> = token.groups().iter().map(ToString::to_string).collect();
    let known: Vec<String> = insight.worth.known_groups.iter().map(ToString::to_string).collect();
    let services: Vec<String> =
        insight.worth.services.iter().map(|reach| reach.service.to_string()).collect();
    let granted: Vec<String> = insight.worth.services.iter().map(ToString::to_string).collect();
    let refusal = insight.refusal.as_ref().map(|refusal| &refusal.error);
    let signature = format!("good, by {} with {}", token.issuer(), token.hash());
    let mail = token.mail().map(|mail| mail.as_str().to_owned());
    let verdict = match refusal {
        None => "accepted".to_owned(),
        Some(error) => format!("refused: {error} ({})", error.reason()),
    };
    let rows = [
        ("token id", token.id()),
        ("signature", signature),
        ("signed at", token.signed_at().map_or("not said".to_owned(), |signed| format!("{signed:.0}"))),
        ("issued", token.issued().map_or("not said".to_owned(), |issued| format!("{issued:.0}"))),
        ("valid until", format!("{:.0}", token.valid_until())),
        ("mail", mail.clone().unwrap_or_else(|| "none that counts".to_owned())),
        ("groups", list(groups.clone())),
        ("groups known", list(known.clone())),
        ("granted", if granted.is_empty() { "none".into() } else { granted.join("; ") }),
        ("living login", if insight.login.is_some() { "yes" } else { "no" }.to_owned()),
        ("login would end", format!("{:.0}", insight.login_ends)),
        ("verdict", verdict),
    ];
    let text: Vec<String> = rows.iter().map(|(name, value)| format!("{name:<17}{value}")).collect();
    let networks: BTreeMap<String, &Networks> =
        insight.worth.services.iter().map(|reach| (reach.service.to_string(), &reach.networks)).collect();
    let json = json!({
        "accepted": insight.refusal.is_none(),
        "reason": refusal.map(Error::reason),
        "detail": refusal.map(ToString::to_string),
        "token_id": token.id(),
        "issuer": token.issuer(),
        "hash": token.hash(),
        "signed_at": token.signed_at().map(|signed| signed.to_string()),
        "issued": token.issued().map(|issued| issued.to_string()),
        "valid_until": token.valid_until().to_string(),
        "mail": mail,
        "groups": groups,
        "groups_known": known,
        "services": services,
        "networks": networks,
        "has_login": insight.login.is_some(),
        "login_ends": insight.login_ends.to_string(),
    });
    match json {
        Value::Object(json) => (text.join("\n"), json),
        _ => (text.join("\n"), serde_json::Map::new()),
    }
}
