//! The page to print: whole in itself, nothing is fetched, nothing runs.

use jiff::Timestamp;

use crate::base::html::escaped;
use crate::flows::audit::report::{Entry, Whom};

/// What the page says of itself.
pub(super) struct About<'a> {
    pub whom: Whom,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub made_at: Timestamp,
    pub made_by: &'a str,
}

/// Writes the page.
pub(super) fn page(about: &About<'_>, entries: &[Entry]) -> String {
    let (title, whom) = match &about.whom {
        Whom::Patient(patient) => ("Accounting of disclosures", patient),
        Whom::Person(person) => ("What the log says of", person),
    };
    let end = |at: Option<Timestamp>, open: &str| at.map_or_else(|| open.to_owned(), |at| at.to_string());
    let (since, until) = (end(about.since, "the beginning of the log"), end(about.until, "now"));
    let rows: String = entries.iter().map(row).collect();
    let none = "<p>Nothing is recorded.</p>";
    let table = format!(
        "<table>\n<thead><tr><th>When (UTC)</th><th>Who</th><th>Service</th><th>What</th><th>Came out</th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>"
    );
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title} {whom}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}<br><small>{whom}</small></h1>\n\
         <p>From {since} until {until}: {count}.<br>Made {made_at:.0} by {made_by}.</p>\n{table}\n\
         <p class=\"note\">Each line is a request, or something done to an account, as the event log has it. \
         <code>gateward audit show ID</code> shows all of it; the ids stand under the times.</p>\n</body>\n</html>\n",
        whom = escaped(whom),
        count = if entries.len() == 1 { "1 entry".to_owned() } else { format!("{} entries", entries.len()) },
        made_at = about.made_at,
        made_by = escaped(about.made_by),
        table = if entries.is_empty() { none } else { &table },
    )
}

fn row(entry: &Entry) -> String {
    let or_nothing = |text: &Option<String>| text.as_deref().map(escaped).unwrap_or_default();
    let line = |label: &str, text: &Option<String>| {
        text.as_deref().map(|text| format!("<br><span>{label} {}</span>", escaped(text))).unwrap_or_default()
    };
    let kind = entry.kind.replace('_', " ");
    let what = match entry.what.as_str() {
        "" => escaped(&kind),
        what => format!("{}<br><span>{}</span>", escaped(what), escaped(&kind)),
    };
    let by_node = entry.who.as_deref().and_then(|who| who.strip_prefix("node:"));
    let node = entry.node.clone().filter(|node| by_node != Some(node));
    let came_out = match (entry.outcome.as_str(), entry.named_in_answer) {
        ("done", true) => "answered; the answer names the person",
        ("done", false) => "done",
        ("refused", _) => "refused",
        _ => "failed",
    };
    format!(
        "<tr class=\"{outcome}\"><td>{at}<br><code>{id}</code></td><td>{who}{node}{address}</td><td>{service}</td>\
         <td>{what}</td><td>{came_out}{why}{reference}</td></tr>\n",
        outcome = escaped(&entry.outcome),
        at = escaped(&entry.at.replacen('T', " ", 1)),
        id = escaped(&entry.id),
        who = or_nothing(&entry.who),
        node = line("machine", &node),
        address = line("from", &entry.address),
        service = or_nothing(&entry.service),
        why = line("because:", &entry.why),
        reference = line("reference", &entry.reference),
    )
}

const STYLE: &str = "
body { font: 15px/1.45 'Source Sans 3', 'Segoe UI', Arial, sans-serif; color: #16202a; margin: 2.5rem auto; max-width: 76rem; padding: 0 1.5rem }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .6rem } h1 small { font-weight: 400; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100%; margin: 1.4rem 0; table-layout: fixed }
th, td { text-align: left; vertical-align: top; padding: .5rem .7rem .5rem 0; border-bottom: 1px solid #c9d1d8; overflow-wrap: anywhere }
th { border-bottom: 2px solid #16202a; font-size: .85rem } td { font-variant-numeric: tabular-nums }
th:nth-child(1) { width: 17% } th:nth-child(2) { width: 20% } th:nth-child(3) { width: 11% } th:nth-child(5) { width: 22% }
span, code, .note { color: #53616e; font-size: .82rem } code { font-family: 'Source Code Pro', Consolas, monospace; font-size: .72rem }
tr.refused td:last-child, tr.failed td:last-child { font-weight: 600 } tr td:last-child span { font-weight: 400 }
@media print { body { font-size: 9.5pt; margin: 0; max-width: none; padding: 0 } tr { break-inside: avoid } thead { display: table-header-group } }
@page { size: A4 landscape; margin: 14mm }
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_stranger_wrote_becomes_markup() {
        let evil = "<script>alert(1)</script>\"'&\u{202e}".to_owned();
        let entry =
            Entry { what: evil.clone(), who: Some(evil.clone()), outcome: evil.clone(), ..Entry::default() };
        let about = About {
            whom: Whom::Patient(evil),
            since: None,
            until: None,
            made_at: Timestamp::UNIX_EPOCH,
            made_by: "os:<b>",
        };
        let page = page(&about, &[entry]);
        assert!(!page.contains("<script") && !page.contains("<b>") && !page.contains('\u{202e}'), "{page}");
    }
}
