//! `gateward config show`

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::json;

use crate::cli::{Context, YES};
use crate::config::origin::Origins;
use crate::config::settings::{Set, Setting};

/// Print every option with the value that is in force, as the file would have it.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Show {
    /// Say where each value comes from: a flag, the environment, a line of the file, or a default.
    #[arg(long)]
    origin: bool,
}

impl Show {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let settings = context.config()?.settings();
        let file = context.config.display().to_string();
        let text = std::fs::read_to_string(&context.config).with_context(|| file.clone())?;
        let origins = Origins::of(&text);
        let named_by = context.config_from.to_string();
        context.print(
            out,
            &format!("# the configuration in force: {file}, named by {named_by}"),
            &json!({ "name": "config", "value": file, "origin": named_by }),
        )?;
        let mut table = String::new();
        for setting in &settings {
            let named = match setting.name.as_str() {
                "keyring" => context.keyring_from,
                "store" => context.store_from,
                _ => None,
            };
            let origin = match (named, setting.name.as_str()) {
                (Some(from), _) => from.to_string(),
                (None, name) => match origins.line(name) {
                    Some(line) => format!("{file}:{line}"),
                    None => "default".to_owned(),
                },
            };
            let mut line = toml_line(setting, &mut table);
            if self.origin {
                let end = if matches!(setting.value, Set::Not(_)) { "; " } else { "  # " };
                line = format!("{line}{end}{origin}");
            }
            let value = match &setting.value {
                Set::To(value) => serde_json::to_value(value)?,
                Set::Not(_) => serde_json::Value::Null,
            };
            context.print(out, &line, &json!({ "name": setting.name, "value": value, "origin": origin }))?;
        }
        Ok(YES)
    }
}

/// Writes one option so that all of them together are a configuration file; `table` is the table
/// that the line before stood in, as in `service[0]`.
fn toml_line(Setting { name, value }: &Setting, table: &mut String) -> String {
    let (own, name) = match name.rfind("].") {
        Some(end) => (&name[..=end], &name[end + 2..]),
        None => ("", name.as_str()),
    };
    let mut header = String::new();
    if own != table {
        own.clone_into(table);
        let names: Vec<&str> =
            own.split('.').map(|name| name.split_once('[').map_or(name, |split| split.0)).collect();
        header = format!("\n[[{}]]\n", names.join("."));
    }
    match value {
        Set::To(value) => format!("{header}{name} = {value}"),
        Set::Not(means) => format!("{header}# {name} is not set: {means}"),
    }
}
