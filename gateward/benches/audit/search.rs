//! How long searches of IHE ITI-81 take: one for each parameter, in a month of the log.

use std::collections::BTreeMap;
use std::time::Instant;

use gateward::base::time::stored;
use jiff::SignedDuration;
use serde_json::Value;

use crate::Outcome;
use crate::filled::Filled;
use crate::https::Https;

/// How often each search is made, each time for something else.
const SEARCHES: u64 = 100;

/// How long the stretch is that is searched.
const MONTH: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How many events a page has.
const PAGE: usize = 50;

/// Times in milliseconds, and how many events were found at most.
#[derive(Default)]
struct Took {
    times: Vec<f64>,
    found: usize,
}

/// Prints how long searches take.
pub fn measure(filled: &Filled) -> Outcome<()> {
    let installation = &filled.installation;
    let login = installation.file("auditor");
    let out = login.to_str().ok_or("no text")?;
    installation.run(&["user", "create", "bench", "--role", "auditor", "--generate", "--out", out])?;
    let serving = installation.serve()?;
    let mut auditor = Https::connect(installation, std::fs::read_to_string(&login)?.trim())?;
    let mut all: BTreeMap<&str, Took> = BTreeMap::new();
    for search in 0..SEARCHES {
        let number = filled.events / SEARCHES * search + search * 7 % 100;
        // One event is read, and then looked for by all that it has.
        let at = filled.at(number.min(filled.events - 1));
        let moment = format!("date=ge{}&date=lt{}", stored(at), stored(at + SignedDuration::from_secs(60)));
        let some = auditor.get(&format!("{BASE}?{moment}&_count=1"))?;
        let some = &some["entry"][0]["resource"];
        let month = format!("date=ge{}&date=lt{}", stored(at), stored(at + MONTH));
        let mut timed = |parameter: &'static str, question: &str| -> Outcome<()> {
            let target = format!("{BASE}?{month}&{question}");
            let start = Instant::now();
            let bundle = auditor.get(&target)?;
            let took = all.entry(parameter).or_default();
            took.times.push(start.elapsed().as_secs_f64() * 1e3);
            took.found = took.found.max(bundle["entry"].as_array().map_or(0, Vec::len));
            Ok(())
        };
        timed("date", &format!("_count={PAGE}"))?;
        timed("date, newest first", &format!("_count={PAGE}&_sort=-date"))?;
        timed("patient that has none", &format!("patient=Patient/nobody{search}"))?;
        timed("_summary=count of a patient", &format!("patient={}&_summary=count", patient(some)))?;
        timed("patient, action, outcome", &format!("patient={}&action=R&outcome=0", patient(some)))?;
        for (parameter, value) in values(some) {
            timed(parameter, &format!("{parameter}={value}&_count={PAGE}"))?;
        }
    }
    all.insert("the next page", pages(&mut auditor, filled)?);
    println!("  searches in {} events, ms      median       p99", filled.events);
    for (parameter, took) in &mut all {
        took.times.sort_by(f64::total_cmp);
        let [median, p99] = [50, 99].map(|part| took.times[took.times.len() * part / 100]);
        println!("    {parameter:<30} {median:>7.2}   {p99:>7.2}   {} events at most", took.found);
    }
    println!("    resident at most               {:>9.0} MiB", serving.memory("VmHWM")?);
    Ok(())
}

/// Where events are searched for.
const BASE: &str = "/fhir/AuditEvent";

/// Follows the links from page to page through everything that one machine did.
fn pages(auditor: &mut Https, filled: &Filled) -> Outcome<Took> {
    let began = stored(filled.began);
    let identifier = "urn:x-gateward:node%7Cnode-1";
    let mut next = format!("{BASE}?date=ge{began}&agent.identifier={identifier}&_count={PAGE}");
    let mut pages = Took::default();
    for _ in 0..SEARCHES {
        let start = Instant::now();
        let bundle = auditor.get(&next)?;
        pages.times.push(start.elapsed().as_secs_f64() * 1e3);
        pages.found = pages.found.max(bundle["entry"].as_array().map_or(0, Vec::len));
        let links = bundle["link"].as_array().into_iter().flatten();
        let Some(link) = links.clone().find(|link| link["relation"] == "next") else { break };
        let url = link["url"].as_str().ok_or("a link without an address")?;
        let path = url.find(BASE).ok_or("a link that leads elsewhere")?;
        url[path..].clone_into(&mut next);
    }
    Ok(pages)
}

/// A patient whom `event` names, or one whom nothing names.
fn patient(event: &Value) -> String {
    let entities = event["entity"].as_array().into_iter().flatten();
    let mut named = entities.filter_map(|entity| entity["what"]["reference"].as_str());
    named.find(|name| name.starts_with("Patient/")).unwrap_or("Patient/nobody").to_owned()
}

/// All parameters of the profile that `event` has a value for, each with the first.
fn values(event: &Value) -> BTreeMap<&'static str, String> {
    let mut values = BTreeMap::new();
    let mut put = |parameter: &'static str, value: Option<String>| {
        if let Some(value) = value {
            values.entry(parameter).or_insert_with(|| percent(&value));
        }
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let coding = |value: &Value| Some(format!("{}|{}", value["system"].as_str()?, value["code"].as_str()?));
    let identifier = |value: &Value| {
        let identifier = &value["identifier"];
        let system = identifier["system"].as_str().unwrap_or_default();
        Some(format!("{system}|{}", identifier["value"].as_str()?))
    };
    put("_id", text(&event["id"]));
    put("action", text(&event["action"]));
    put("outcome", text(&event["outcome"]));
    put("type", coding(&event["type"]));
    put("subtype", coding(&event["subtype"][0]));
    put("site", text(&event["source"]["site"]));
    put("source", text(&event["source"]["observer"]["reference"]));
    put("source.identifier", identifier(&event["source"]["observer"]));
    for agent in event["agent"].as_array().into_iter().flatten() {
        put("address", text(&agent["network"]["address"]));
        put("agent", text(&agent["who"]["reference"]));
        put("agent.identifier", identifier(&agent["who"]));
        put("agent-name", text(&agent["name"]));
        put("agent-role", coding(&agent["role"][0]["coding"][0]));
        put("altid", text(&agent["altId"]));
        put("policy", text(&agent["policy"][0]));
    }
    for entity in event["entity"].as_array().into_iter().flatten() {
        let reference = text(&entity["what"]["reference"]);
        put("patient", reference.clone().filter(|name| name.starts_with("Patient/")));
        let is_patient = entity["role"]["code"] == "1";
        put("patient.identifier", identifier(&entity["what"]).filter(|_| is_patient));
        put("entity", reference);
        put("entity.identifier", identifier(&entity["what"]));
        put("entity-name", text(&entity["name"]));
        put("entity-role", coding(&entity["role"]));
        put("entity-type", coding(&entity["type"]));
    }
    values
}

/// Writes a value as a query takes it.
fn percent(value: &str) -> String {
    percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string()
}
