//! Who gets which records: what is open to everybody, the rest to whoever has a grant.

use super::archive::ARCHIVE;
use super::door::{CX_GROUP, DATASELECT, Door, EMBARGO, ZR_GROUP, token};
use super::gnupg::Gnupg;
use super::server::Reply;
use super::statement::{GROUP, Statement, from_now};
use super::upstream::Upstream;

const DAY: &str = "2016-06-01";

/// Everything of that day.
const EVERYTHING: &str = "* * * * 2016-06-01T00:00:00 2016-06-02T00:00:00\n";

/// What is open on that day, in the order of the upstream's answers.
const OPEN: [&str; 4] = ["CX.PB01..BHZ", "GE.APE..HHZ", "GE.APE.10.HHZ", "GE.KBS.00.BHZ"];

/// Holds an answer against the archive: these channels, bit for bit, and nothing else.
#[track_caller]
fn has(reply: &Reply, channels: &[&str], day: &str) {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let archived: Vec<u8> = channels.iter().flat_map(|channel| ARCHIVE.waveforms(channel, day)).collect();
    let brought: Vec<_> = reply.body.chunks(512).map(identity).collect();
    assert!(reply.body == archived, "{} of {} bytes: {brought:?}", reply.body.len(), archived.len());
}

/// Which channel a record of miniSEED 2 is of.
fn identity(record: &[u8]) -> String {
    String::from_utf8_lossy(&record[8..20]).into_owned()
}

#[track_caller]
fn is_refused(reply: &Reply, said: &str) {
    let text = reply.text();
    assert_eq!(reply.status, 403, "{text:.300?}");
    assert!(text.starts_with("Error 403: Forbidden\n\n"), "{text}");
    assert!(text.contains(said), "{text}");
}

#[test]
fn everybody_gets_what_is_open_of_everything() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let door = Door::before(&upstream.url(), &gnupg.issuer());
    has(&door.query(EVERYTHING), &OPEN, DAY);
}

#[test]
fn without_the_second_lock_the_lines_alone_keep_back_what_is_restricted() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let unlocked = format!("\"{}\"\nverify_stream = false", upstream.url());
    let door = Door::configured(&unlocked, "", &gnupg.issuer());
    has(&door.query(EVERYTHING), &OPEN, DAY);
}

#[test]
fn each_group_gets_its_own_besides_and_not_the_others() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let issuer = gnupg.issuer();
    let door = Door::before(&upstream.url(), &issuer);
    for (group, own) in [
        (GROUP, &["XR.A01..HHZ"][..]),
        (ZR_GROUP, &["ZR.Z01..HHZ", "ZR.Z02..HHZ"]),
        (CX_GROUP, &["CX.HMBCX..BHZ"]),
        ("/epos/elsewhere", &[]),
        ("/epos", &[]),
    ] {
        let mut channels = [&OPEN[..], own].concat();
        // The upstream sorts by network, then by station.
        channels.sort_unstable();
        has(&door.query_with(&token(&issuer, group), EVERYTHING), &channels, DAY);
    }
}

#[test]
fn a_token_of_another_group_is_refused_what_is_restricted_with_the_reason() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let issuer = gnupg.issuer();
    let door = Door::before(&upstream.url(), &issuer);
    let line = "XR A01 -- HHZ 2016-06-01T00:00:00 2016-06-02T00:00:00\n";
    is_refused(&door.query_with(&token(&issuer, ZR_GROUP), line), EMBARGO);
}

#[test]
fn a_refusal_has_a_reference_that_the_operator_finds() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let door = Door::before(&upstream.url(), &gnupg.issuer());
    let reply = door.query("ZR * * * 2016-06-01T00:00:00 2016-06-02T00:00:00\n");
    is_refused(&reply, "Reference:\n");
    let shown = door.json(&["audit", "show", &reply.reference()]);
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0]["body"]["outcome"], "refused", "{}", shown[0]);
}

#[test]
fn an_expired_token_gets_the_reason_and_no_login() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let issuer = gnupg.issuer();
    let door = Door::before(&upstream.url(), &issuer);
    let expired = Statement { issued: from_now(-86_400), valid_until: from_now(-1), ..Statement::default() };
    let token = issuer.sign(&expired);
    let auth = format!("{DATASELECT}/auth");
    let reply = door.curl(&auth, &["--data-binary", "@-"], token.as_bytes());
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert!(reply.text().contains("expired"), "{}", reply.text());
}

#[test]
fn both_exchanges_give_one_login_for_one_token() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let issuer = gnupg.issuer();
    let door = Door::before(&upstream.url(), &issuer);
    let token = token(&issuer, GROUP);
    let auth = format!("{DATASELECT}/auth");
    let own = door.curl(&auth, &["--data-binary", "@-"], token.as_bytes());
    assert_eq!(own.text(), door.exchange(&token).to_string());
}

#[test]
fn whoever_has_no_login_is_asked_for_one_where_logins_are_looked_at() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let door = Door::before(&upstream.url(), &gnupg.issuer());
    let path = format!("{DATASELECT}/queryauth?net=GE&start=2016-06-01&end=2016-06-02");
    let reply = door.curl(&path, &[], b"");
    assert_eq!(reply.status, 401, "{}", reply.text());
    let challenge = reply.field("www-authenticate").unwrap();
    assert!(challenge.starts_with("Digest ") && challenge.contains("realm=\"FDSN\""), "{challenge}");
}

#[test]
fn a_code_is_restricted_in_the_years_of_one_network_and_open_in_those_of_another() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let door = Door::before(&upstream.url(), &gnupg.issuer());
    for day in ["2015-06-01", "2016-06-01"] {
        is_refused(&door.query(&format!("XR * * * {day}T00:00:00 {day}T23:59:59\n")), EMBARGO);
    }
    for day in ["2018-06-01", "2020-06-01"] {
        has(&door.query(&format!("XR * * * {day}T00:00:00 {day}T23:59:59\n")), &["XR.A01..HHZ"], day);
    }
}

#[test]
fn an_interval_across_a_limit_is_cut_there_for_everybody_else() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let issuer = gnupg.issuer();
    let door = Door::before(&upstream.url(), &issuer);
    let line = "XR A01 -- HHZ 2017-12-31T22:00:00 2018-01-01T02:00:00\n";
    let reply = door.query(line);
    assert_eq!(reply.status, 200, "{}", reply.text());
    // Year and day of the year in a record's header, big-endian: nothing of 2017 is left.
    let years: Vec<_> = reply.body.chunks(512).map(|record| [record[20], record[21]]).collect();
    assert!(!years.is_empty() && years.iter().all(|year| u16::from_be_bytes(*year) == 2018), "{years:?}");
    // Three records of 2018 at the least are left as they were.
    let whole = ARCHIVE.waveforms("XR.A01..HHZ", "2017-12-31");
    assert!(reply.body.ends_with(&whole[whole.len() - 3 * 512..]));
    let granted = door.query_with(&token(&issuer, GROUP), line);
    assert_eq!(granted.status, 200, "{}", granted.text());
    assert!(
        granted.body.starts_with(&whole[..3 * 512])
            && granted.body.ends_with(&whole[whole.len() - 3 * 512..])
    );
}

#[test]
fn one_restricted_station_is_left_out_of_lists_and_patterns() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let door = Door::before(&upstream.url(), &gnupg.issuer());
    for stations in ["*", "PB01,HMBCX", "HMBCX,PB01", "?????,PB*", "HMBCX,P?01"] {
        let reply = door.query(&format!("CX {stations} * * 2016-06-01T00:00:00 2016-06-02T00:00:00\n"));
        has(&reply, &["CX.PB01..BHZ"], DAY);
    }
    for stations in ["HMBCX", "H*", "?????", "HMB*,HMBC?"] {
        let line = format!("CX {stations} * * 2016-06-01T00:00:00 2016-06-02T00:00:00\n");
        is_refused(&door.query(&line), "");
    }
}

#[test]
fn what_the_inventory_does_not_know_is_refused() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let door = Door::before(&upstream.url(), &gnupg.issuer());
    for unlisted in ["QQ U01", "QQ *", "GE NEW", "GE N*"] {
        let reply = door.query(&format!("{unlisted} * * 2016-06-01T00:00:00 2016-06-02T00:00:00\n"));
        is_refused(&reply, "");
    }
    has(&door.query("QQ,GE U01,NEW,KBS * * 2016-06-01 2016-06-02\n"), &["GE.KBS.00.BHZ"], DAY);
    has(&door.query("GE * * BHZ,HHZ 2016-06-01 2016-06-02\n"), &OPEN[1..], DAY);
}

#[test]
fn where_nothing_was_recorded_there_is_no_content_or_not_found_as_asked() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let door = Door::before(&upstream.url(), &gnupg.issuer());
    let line = "GE APE -- HHZ 2019-06-01T00:00:00 2019-06-02T00:00:00\n";
    let reply = door.query(line);
    assert_eq!((reply.status, reply.body.len()), (204, 0), "{}", reply.text());
    let reply = door.query(&format!("nodata=404\n{line}"));
    assert_eq!(reply.status, 404, "{}", reply.text());
    assert!(reply.text().starts_with("Error 404"), "{}", reply.text());
}

#[test]
fn a_request_without_an_end_that_becomes_several_lines_gets_everything_since() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let door = Door::before(&upstream.url(), &gnupg.issuer());
    let target = format!("{DATASELECT}/query?net=CX,GE&sta=HMBCX,PB01,KBS&start=2020-01-01");
    has(&door.curl(&target, &[], b""), &["CX.PB01..BHZ", "GE.KBS.00.BHZ"], "2020-06-01");
}
