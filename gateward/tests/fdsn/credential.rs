//! `digest = "gateward"` towards an upstream that wants to know who we are, or who asks us.

use std::time::Duration;

use super::archive::ARCHIVE;
use super::conduct::{says, waveforms};
use super::data_centre::{Asks, DataCentre};
use super::door::{DATASELECT, Door, token};
use super::gnupg::{Gnupg, Issuer};
use super::stand_in::{Received, StandIn};
use super::statement::GROUP;
use super::upstream::Upstream;

/// What [`GROUP`] may have and others not.
const QUERY: &str = "net=XR&sta=A01&loc=--&cha=HHZ&start=2016-06-01T00:00:00&end=2016-06-02T00:00:00";

/// What everybody may have.
const OPEN: &str = "net=GE&sta=APE&loc=--&cha=HHZ&start=2016-06-01T00:00:00&end=2016-06-02T00:00:00";

fn asked() -> Vec<u8> {
    ARCHIVE.waveforms("XR.A01..HHZ", "2016-06-01")
}

/// A door that shows this password to Apache, which wants `right`.
fn door(apache: &DataCentre, shown: &str, issuer: &Issuer<'_>) -> Door {
    apache.admit("gateward", "right");
    let credential = apache.credential("gateward", shown);
    let upstream = format!("{{ url = \"{}\", credential = \"{}\" }}", apache.url(), credential.display());
    Door::configured(&upstream, "", issuer)
}

/// Apache before the data, asking in this way, gives what the caller's grant opens.
fn opens(asks: Asks) {
    let (gnupg, data) = (Gnupg::new(), Upstream::start());
    let issuer = gnupg.issuer();
    let apache = DataCentre::before(&data, asks);
    let door = door(&apache, "right", &issuer);
    let login = door.exchange(&token(&issuer, GROUP));
    let target = format!("{DATASELECT}/queryauth?{QUERY}");
    for _ in 0..3 {
        let got = door.get(&target, &login, &[]);
        assert!(got.status == 200 && got.body == asked(), "{}: {}", got.status, got.text());
    }
    // Asked once, and answered unasked from then on; of the caller it heard nothing.
    let noted = apache.noted(4);
    assert_eq!(noted.len(), 4, "{noted:#?}");
    assert!(noted[0].starts_with("401 - GET "), "{noted:#?}");
    for line in &noted[1..] {
        assert!(line.starts_with(&format!("200 gateward GET {DATASELECT}/queryauth?")), "{noted:#?}");
    }
}

#[test]
fn the_upstream_is_shown_our_credential_by_digest() {
    opens(Asks::Digest);
}

#[test]
fn the_upstream_is_shown_our_credential_by_basic() {
    opens(Asks::Basic);
}

#[test]
fn lines_go_to_the_upstream_with_our_credential() {
    let (gnupg, data) = (Gnupg::new(), Upstream::start());
    let issuer = gnupg.issuer();
    let apache = DataCentre::before(&data, Asks::Digest);
    let door = door(&apache, "right", &issuer);
    // Two lines, so that it is a POST upstream as well.
    let lines = "GE APE -- HHZ 2016-06-01T00:00:00 2016-06-02T00:00:00\n\
                 XR A01 -- HHZ 2016-06-01T00:00:00 2016-06-02T00:00:00\n";
    let got = door.query_with(&token(&issuer, GROUP), lines);
    assert_eq!(got.status, 200, "{}", got.text());
    assert!(got.body == [ARCHIVE.waveforms("GE.APE..HHZ", "2016-06-01"), asked()].concat());
    let posted = format!("POST {DATASELECT}/queryauth");
    assert_eq!(apache.noted(2), [format!("401 - {posted}"), format!("200 gateward {posted}")]);
}

#[test]
fn a_challenge_that_grew_old_is_answered_anew() {
    let (gnupg, data) = (Gnupg::new(), Upstream::start());
    let issuer = gnupg.issuer();
    let apache = DataCentre::before(&data, Asks::Digest);
    let door = door(&apache, "right", &issuer);
    let login = door.exchange(&token(&issuer, GROUP));
    let target = format!("{DATASELECT}/queryauth?{QUERY}");
    assert_eq!(door.get(&target, &login, &[]).status, 200);
    // Apache believes in a challenge for two seconds.
    std::thread::sleep(Duration::from_millis(3_100));
    let got = door.get(&target, &login, &[]);
    assert!(got.status == 200 && got.body == asked(), "{}: {}", got.status, got.text());
    let statuses: Vec<_> = apache.noted(4).iter().map(|line| line[..3].to_owned()).collect();
    assert_eq!(statuses, ["401", "200", "401", "200"]);
}

#[test]
fn a_credential_that_the_upstream_does_not_take_is_our_failure_and_not_the_callers() {
    for asks in [Asks::Digest, Asks::Basic] {
        let (gnupg, data) = (Gnupg::new(), Upstream::start());
        let issuer = gnupg.issuer();
        let apache = DataCentre::before(&data, asks);
        let door = door(&apache, "wrong", &issuer);
        let login = door.exchange(&token(&issuer, GROUP));
        let got = door.get(&format!("{DATASELECT}/queryauth?{QUERY}"), &login, &[]);
        assert_eq!(got.status, 502, "{asks:?}: {}", got.text());
        assert_eq!(got.field("www-authenticate"), None, "{asks:?}");
        // It is shown once, not until somebody locks us out.
        assert_eq!(apache.noted(2).len(), 2, "{asks:?}: {:?}", apache.noted(2));
        let everything = format!("{}{:?}", door.log(), door.json(&["audit", "search"]));
        assert!(!everything.contains("gateward:wrong"), "{asks:?}: the credential was told");
        // What is open goes on being open.
        let got = door.curl(&format!("{DATASELECT}/query?{OPEN}"), &[], b"");
        assert_eq!(got.status, 200, "{asks:?}: {}", got.text());
    }
}

#[test]
fn a_restriction_holds_whatever_our_credential_opens() {
    let (gnupg, data) = (Gnupg::new(), Upstream::start());
    let issuer = gnupg.issuer();
    let apache = DataCentre::before(&data, Asks::Digest);
    let door = door(&apache, "right", &issuer);
    let other = door.exchange(&token(&issuer, "/epos/elsewhere"));
    let got = door.get(&format!("{DATASELECT}/queryauth?{QUERY}"), &other, &[]);
    assert_eq!(got.status, 403, "{}", got.text());
    let got = door.curl(&format!("{DATASELECT}/queryauth?{OPEN}"), &[], b"");
    assert_eq!(got.status, 401, "{}", got.text());
    assert_eq!(apache.noted(0), Vec::<String>::new());
}

#[test]
fn a_credential_that_everybody_can_read_is_refused_before_it_is_used() {
    let gnupg = Gnupg::new();
    let installation = super::installation::Installation::believing(&gnupg.issuer());
    std::fs::write(installation.file("credential"), "gateward:right\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o604);
    std::fs::set_permissions(installation.file("credential"), mode).unwrap();
    installation.append(&format!(
        "[[service]]\nname = \"dataselect\"\nkind = \"fdsn\"\npath = \"{DATASELECT}\"\n\
         upstream = {{ url = \"http://127.0.0.1:9\", credential = \"credential\" }}\n\
         digest = \"gateward\"\ninventory = \"{}\"\nunlisted = \"refuse\"\n",
        ARCHIVE.file("inventory.xml").display()
    ));
    let checked = installation.command(&["config", "check"]);
    assert_eq!(checked.status, 1, "{}", checked.text());
    assert!(checked.text().contains("credential"), "{}", checked.text());
}

/// An upstream that asks nobody, and gives what [`QUERY`] or [`OPEN`] asks for.
fn silent() -> StandIn {
    let open = ARCHIVE.waveforms("GE.APE..HHZ", "2016-06-01");
    StandIn::answering(move |request, stream| {
        let records = if request.target.contains("=GE") { open.clone() } else { asked() };
        says(waveforms(&records))(request, stream)
    })
}

/// An upstream that believes what a header says, and somebody with a login before it.
fn told(more: &str) -> (StandIn, Door, super::server::Credentials) {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let upstream = silent();
    let door = Door::configured(&format!("\"{}\"\n{more}", upstream.url()), "", &issuer);
    let login = door.exchange(&token(&issuer, GROUP));
    (upstream, door, login)
}

/// All that a request says under a name, in any case.
fn all<'a>(request: &'a Received, name: &str) -> Vec<&'a str> {
    let named = request.fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
    named.map(|(_, value)| value.as_str()).collect()
}

#[test]
fn the_upstream_is_told_who_logged_in_and_nobody_else_tells_it() {
    let (upstream, door, login) = told("identify_as = \"X-Archive-User\"");
    let forged = ["--header", "x-archive-user: admin", "--header", "X-ARCHIVE-USER: root"];
    let got = door.get(&format!("{DATASELECT}/queryauth?{QUERY}"), &login, &forged);
    assert!(got.status == 200 && got.body == asked(), "{}", got.text());
    let received = upstream.received();
    assert_eq!(received.len(), 1, "{received:#?}");
    assert_eq!(all(&received[0], "x-archive-user"), [login.login.as_str()]);
    assert_eq!(all(&received[0], "authorization"), Vec::<&str>::new());
}

#[test]
fn whoever_did_not_log_in_is_nobody_to_the_upstream() {
    let (upstream, door, login) = told("identify_as = \"X-Archive-User\"");
    let answer = format!("Authorization: Digest username=\"{}\"", login.login);
    let forged = ["--header", "X-Archive-User: admin", "--header", &answer];
    for rest in [&format!("query?{OPEN}"), "version", "application.wadl"] {
        door.curl(&format!("{DATASELECT}/{rest}"), &forged, b"");
    }
    let received = upstream.received();
    assert_eq!(received.len(), 3, "{received:#?}");
    for request in &received {
        assert_eq!(all(request, "x-archive-user"), Vec::<&str>::new(), "{request:?}");
        assert_eq!(all(request, "authorization"), Vec::<&str>::new(), "{request:?}");
    }
}

#[test]
fn queryauth_is_asked_where_the_upstream_has_it() {
    let credential = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(credential.path(), "gateward:right").unwrap();
    let shown = format!("credential = \"{}\"", credential.path().display());
    for (shown, more, path) in [
        ("", "", "query"),
        ("", "queryauth_to = \"query\"", "query"),
        ("", "queryauth_to = \"queryauth\"", "queryauth"),
        (&shown, "", "queryauth"),
        (&shown, "queryauth_to = \"query\"", "query"),
        (&shown, "queryauth_to = \"queryauth\"", "queryauth"),
    ] {
        let gnupg = Gnupg::new();
        let issuer = gnupg.issuer();
        let upstream = silent();
        let comma = if shown.is_empty() { "" } else { ", " };
        let table = format!("{{ url = \"{}\"{comma}{shown} }}\n{more}", upstream.url());
        let door = Door::configured(&table, "", &issuer);
        let login = door.exchange(&token(&issuer, GROUP));
        let got = door.get(&format!("{DATASELECT}/queryauth?{QUERY}"), &login, &[]);
        assert_eq!(got.status, 200, "{shown:?} {more:?}: {}", got.text());
        let got = door.curl(&format!("{DATASELECT}/query?{OPEN}"), &[], b"");
        assert_eq!(got.status, 200, "{shown:?} {more:?}: {}", got.text());
        let received = upstream.received();
        let paths: Vec<_> =
            received.iter().map(|request| request.target.split('?').next().unwrap()).collect();
        let expected = [format!("{DATASELECT}/{path}"), format!("{DATASELECT}/query")];
        assert_eq!(paths, expected, "{shown:?} {more:?}");
    }
}
