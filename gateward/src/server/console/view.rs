//! What stands on the pages of the console.

use serde_json::{Map, Value};

use super::CONSOLE;
use super::question::{Question, encoded};
use crate::base::html::escaped;
use crate::store::event::Recorded;

/// What an event says in the columns of the list, or to nobody.
const COLUMNS: [&str; 6] = ["kind", "outcome", "service", "who", "transaction", "subject"];

/// How much of an event's own fields stands in the list, in characters.
const SUMMARY: usize = 160;

/// Says that the form cannot be understood, above a fresh one.
pub(super) fn not_understood(why: &str) -> String {
    format!("<p class=\"said\" role=\"alert\">{}</p>\n{}", escaped(why), form(&Question::default()))
}

/// The form, what it found, and the way on.
pub(super) fn list(asked: &Question, found: &[Recorded], older: Option<u64>) -> String {
    let form = form(asked);
    if found.is_empty() {
        return format!("{form}\n<p>Nothing is recorded that fits.</p>");
    }
    let rows: String = found.iter().map(row).collect();
    let older = older.map(|before| {
        format!("<a rel=\"next\" href=\"{CONSOLE}?{}\">Older events</a>", escaped(&asked.older_than(before)))
    });
    format!(
        "{form}\n<table class=\"list\">\n<thead><tr><th>Recorded</th><th>Outcome</th><th>Kind</th><th>Service</th><th>Who</th>\
         <th>What</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n<nav><span></span>{}</nav>",
        older.unwrap_or_default()
    )
}

fn form(asked: &Question) -> String {
    let field = |label: &str, name: &str, kind: &str, value: &str| {
        let value = escaped(value);
        format!("<label>{label}<input name=\"{name}\" type=\"{kind}\" value=\"{value}\"></label>")
    };
    let outcomes = ["", "done", "refused", "failed"].map(|outcome| {
        let selected = if asked.outcome == outcome { " selected" } else { "" };
        let shown = if outcome.is_empty() { "any" } else { outcome };
        format!("<option value=\"{outcome}\"{selected}>{shown}</option>")
    });
    let outcomes = outcomes.concat();
    format!(
        "<form action=\"{CONSOLE}\">{}{}{}{}<label>Outcome<select name=\"outcome\">{outcomes}</select></label>{}\
         <button>Search</button></form>",
        field("Since", "since", "date", &asked.since),
        field("Until, that day too", "until", "date", &asked.until),
        field("Login, user or os:NAME", "who", "text", &asked.who),
        field("Service", "service", "text", &asked.service),
        field("Reference or id", "name", "text", ""),
    )
}

fn row(recorded: &Recorded) -> String {
    let at = escaped(&shortened(&recorded.recorded_at));
    let link = format!("{CONSOLE}/{}", encoded(&recorded.id));
    let Some(body) = fields(Some(recorded.body())) else {
        return format!("<tr><td><a href=\"{link}\">{at}</a></td><td colspan=\"5\">{}</td></tr>\n", erased());
    };
    let word = |name: &str| body.get(name).and_then(Value::as_str).map(escaped).unwrap_or_default();
    format!(
        "<tr class=\"{outcome}\"><td><a href=\"{link}\">{at}</a></td><td class=\"outcome\">{outcome}</td><td>{kind}</td>\
         <td>{service}</td><td>{who}</td><td>{}</td></tr>\n",
        escaped(&summary(&body)),
        outcome = word("outcome"),
        kind = word("kind").replace('_', " "),
        service = word("service"),
        who = word("who"),
    )
}

/// An event's own fields, as far as a line goes.
fn summary(body: &Map<String, Value>) -> String {
    let own = body.iter().filter(|(name, _)| !COLUMNS.contains(&name.as_str()));
    let said: Vec<String> = own.map(|(name, value)| format!("{name}: {}", shown(value))).collect();
    let said = said.join(", ");
    match said.char_indices().nth(SUMMARY) {
        Some((end, _)) => format!("{}…", &said[..end]),
        None => said,
    }
}

/// One event, or all of one request, with everything that is known of them.
pub(super) fn in_full(name: &str, found: &[Recorded]) -> String {
    if found.is_empty() {
        return format!(
            "<p>Nothing is recorded under {}.</p>\n{}",
            escaped(name),
            form(&Question::default())
        );
    }
    found.iter().map(event).collect()
}

fn event(recorded: &Recorded) -> String {
    let line = |name: &str, value: &str| {
        format!("<tr><th>{}</th><td><pre>{}</pre></td></tr>\n", escaped(&name.replace('_', " ")), value)
    };
    let mut rows = line("recorded", &escaped(&recorded.recorded_at));
    rows += &line("occurred", &escaped(&recorded.occurred_at));
    for (part, text) in [("what happened", Some(recorded.body())), ("personal", recorded.personal.as_deref())]
    {
        match fields(text) {
            Some(fields) => {
                let first = COLUMNS.iter().filter_map(|name| fields.get_key_value(*name));
                let rest = fields.iter().filter(|(name, _)| !COLUMNS.contains(&name.as_str()));
                rows.extend(first.chain(rest).map(|(name, value)| line(name, &escaped(&shown(value)))));
                if fields.contains_key("sealed_to") {
                    rows += &line("sealed", SEALED);
                }
            }
            None => rows += &line(part, erased()),
        }
    }
    rows += &line("id", &escaped(&recorded.id));
    rows += &line("position", &recorded.position.to_string());
    rows += &line("instance", &escaped(&recorded.instance));
    format!("<table class=\"part\"><tbody>\n{rows}</tbody></table>\n")
}

/// What is said where parameters can be read by an auditor's key alone.
const SEALED: &str = "What was asked is sealed to this OpenPGP key: gpg --decrypt shows it to its owner. It cannot be \
     searched for here.";

fn erased() -> &'static str {
    "erased: it expired, or somebody in it was erased"
}

/// Reads a part of an event; `None` where it is gone.
fn fields(text: Option<&str>) -> Option<Map<String, Value>> {
    serde_json::from_str(text?).ok()
}

/// A time without its fraction.
fn shortened(time: &str) -> String {
    time.split('.').next().unwrap_or(time).replacen('T', " ", 1)
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(shown).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(body: Option<&str>, personal: Option<&str>) -> Recorded {
        Recorded {
            position: 7,
            id: "0".into(),
            instance: "1".into(),
            occurred_at: "2026-11-21T20:30:00.000000Z".into(),
            recorded_at: "2026-11-21T20:30:00.000000Z".into(),
            body: body.map(str::to_owned),
            personal: personal.map(str::to_owned),
        }
    }

    #[test]
    fn nothing_that_a_stranger_wrote_becomes_markup() {
        let body = r#"{"kind":"<b>","outcome":"\"><i>","path":"<script>alert(1)</script>","who":"<u>"}"#;
        let event = recorded(Some(body), Some(r#"{"target":"<script>"}"#));
        let asked = Question { who: "\"><script>".into(), ..Question::default() };
        let pages = list(&asked, std::slice::from_ref(&event), Some(7))
            + &in_full("<script>", &[event])
            + &in_full("<script>", &[]);
        for never in ["<script", "<b>", "<i>", "<u>"] {
            assert!(!pages.contains(never), "{never}: {pages}");
        }
    }

    #[test]
    fn what_was_erased_or_sealed_is_said() {
        let gone = list(&Question::default(), &[recorded(None, None)], None);
        assert!(gone.contains("erased"), "{gone}");
        let sealed = in_full("0", &[recorded(Some(r#"{"kind":"admitted","sealed_to":"AB"}"#), None)]);
        assert!(sealed.contains("cannot be searched for here") && sealed.contains("erased"), "{sealed}");
    }
}
