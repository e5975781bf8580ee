//! One request never changes what another may do: whatever is asked, by whomever, in any order and at once.

use std::sync::Arc;

use data_encoding::BASE64;
use gateward::config::Config;
use rustls::sign::CertifiedKey;

use super::authority::params;
use super::connection::{Connection, shows};
use super::door::{Door, FILE};
use super::http2::Http2;
use super::installation::Installation;

/// A place of each kind and each way in; behind those that have an upstream, nobody is.
const SERVICES: &str = r#"
[[service]]
name = "papers"
kind = "plain"
path = "/papers"
upstream = "dir:files"
require = ["user"]

[[service]]
name = "app"
kind = "plain"
path = "/app"
upstream = "dir:files"
require = ["user"]
login = "page"

[[service]]
name = "fhir"
kind = "fhir"
path = "/fhir"
upstream = "http://127.0.0.1:1"
require = ["either"]

[[service]]
name = "ckan"
kind = "ckan"
path = "/ckan"
upstream = "http://127.0.0.1:1"
existing_keys = "refuse"

[[grant]]
user = "ann"
service = "papers"

[[grant]]
user = "ann"
service = "app"
"#;

/// Those that ask by HTTP Digest, beside which nobody is offered HTTP/2.
const BY_DIGEST: &str = r#"
[[service]]
name = "digest"
kind = "plain"
path = "/digest"
upstream = "dir:files"
require = ["login"]

[[service]]
name = "dataselect"
kind = "fdsn"
path = "/fdsnws/dataselect/1"
upstream = "http://127.0.0.1:1"
digest = "upstream"
"#;

const PASSWORD: &str = "anteater-plays-oboe";

/// Where a file lies for whoever logged in on the page, and for whoever has an account.
const APP: &str = "/app/restricted.txt";
const PAPERS: &str = "/papers/restricted.txt";

/// What anybody may send; those that change something, or are nobody's, too.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"];

fn prepare(installation: &Installation, speaks: Speaks) {
    installation.append(SERVICES);
    if speaks == Speaks::Http1 {
        installation.append(BY_DIGEST);
    }
    installation.command_reading(&["user", "create", "ann"], format!("{PASSWORD}\n").as_bytes()).good();
}

/// Every place of the public listener: ours and those of the services, as the configuration has them, and what any of
/// them knows below itself.
fn routes(door: &Door) -> Vec<String> {
    let config = Config::read(&door.server.config()).unwrap();
    let mut places: Vec<String> = config.own_places().iter().map(|(path, _)| path.to_string()).collect();
    places.extend(config.service.iter().flat_map(|service| service.path.iter().map(ToString::to_string)));
    assert!(places.len() > config.service.len(), "{places:?}");
    let below = [
        "",
        "/",
        "/restricted.txt",
        "/login",
        "/logout",
        "/auth",
        "/queryauth?net=XX&start=2020-01-01&end=2020-01-02",
        "/api/3/action/status_show",
        "/Patient/1",
        "/%2e%2e/",
    ];
    let below = |place: &String| below.map(|below| format!("{place}{below}"));
    let mut routes: Vec<String> = places.iter().flat_map(below).collect();
    routes.extend(["/", "/healthz", "/none", "/cleanup", "//"].map(String::from));
    routes
}

/// Somebody who comes: with a certificate or without, and with these lines in every head.
struct Caller {
    shown: Option<Arc<CertifiedKey>>,
    fields: String,
    /// What they get of [`FILE`], [`PAPERS`] and [`APP`].
    gets: [u16; 3],
}

/// What everybody speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaks {
    Http1,
    Http2,
}

/// A method, a path, and lines of the head.
type Asked<'a> = (&'a str, &'a str, &'a str);

/// Asks all of this behind one certificate: one after the other, or on one connection at once. Some answers close a
/// connection, and leave the next without one.
fn ask(
    door: &Door,
    speaks: Speaks,
    shown: Option<&Arc<CertifiedKey>>,
    asked: &[Asked<'_>],
) -> Vec<Option<u16>> {
    let connect = || Connection::new(&door.server, shown.cloned());
    if speaks == Speaks::Http2 {
        return Http2::new(&door.server, shown.cloned()).send(asked);
    }
    let mut connection = connect();
    let one = |(method, path, fields): &Asked<'_>| {
        connection.send(method, path, fields, "").map(|answer| answer.0).ok().or_else(|| {
            connection = connect();
            connection.send(method, path, fields, "").map(|answer| answer.0).ok()
        })
    };
    asked.iter().map(one).collect()
}

/// The cookie of a browser in which `ann` logged in.
fn session(door: &Door) -> String {
    let mut connection = Connection::new(&door.server, None);
    let (status, head, page) = connection.send("GET", "/gateward/login", "", "").unwrap();
    assert_eq!(status, 200, "{page}");
    let cookie = |head: &str, name: &str| {
        let set = head.lines().filter_map(|line| line.split_once(": ").map(|(_, value)| value));
        let set = set.filter_map(|value| value.split(';').next()).find(|value| value.starts_with(name));
        set.unwrap_or_else(|| panic!("{head}")).to_owned()
    };
    let token = page.split("name=\"form\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let form = format!("name=ann&password={PASSWORD}&form={token}&to=%2Fapp");
    let fields = format!(
        "Cookie: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n",
        cookie(&head, "__Host-gateward-")
    );
    let (status, head, said) = connection.send("POST", "/gateward/login", &fields, &form).unwrap();
    assert_eq!(status, 303, "{said}");
    format!("Cookie: {}\r\n", cookie(&head, "__Host-gateward="))
}

/// Nobody, a machine that nobody knows, the one that is let in, a user with each request, a program of theirs, and the
/// same user in a browser.
fn callers(door: &Door) -> [Caller; 6] {
    let (lab, stranger) = (door.lab(), door.authority.issue(params("stranger")));
    let basic = BASE64.encode(format!("ann:{PASSWORD}").as_bytes());
    let made = door.server.json(&["api-token", "create", "--user", "ann", "--label", "a program"]).remove(0);
    let token = made["token"].as_str().unwrap();
    let caller = |shown, fields, gets| Caller { shown, fields, gets };
    [
        caller(None, String::new(), [403, 401, 401]),
        caller(Some(shows(&stranger, &stranger)), String::new(), [403, 401, 401]),
        caller(Some(shows(&lab, &lab)), String::new(), [200, 401, 401]),
        caller(None, format!("Authorization: Basic {basic}\r\n"), [403, 200, 401]),
        caller(None, format!("Authorization: Bearer {token}\r\n"), [403, 200, 401]),
        caller(None, session(door), [403, 401, 200]),
    ]
}

/// Asks for everything there is, in an order of its own, and so much at a time.
fn ask_for_everything(door: &Door, speaks: Speaks, caller: &Caller, routes: &[String], turn: usize) {
    let all = routes.len() * METHODS.len();
    // Primes, larger than any divisor of how many there are: none is left out.
    let step = [10_007, 10_009, 10_037, 10_039, 10_061, 10_067][turn];
    let asked: Vec<Asked<'_>> = (0..all)
        .map(|at| {
            let next = (at * step + turn) % all;
            (METHODS[next % METHODS.len()], routes[next / METHODS.len()].as_str(), caller.fields.as_str())
        })
        .collect();
    for asked in asked.chunks(24) {
        ask(door, speaks, caller.shown.as_ref(), asked);
    }
}

/// Everybody asks for what is theirs and for what is others'; returns what they got and should not have, or the
/// other way round. Who shows no certificate shares a connection with all the others.
fn look_around(door: &Door, speaks: Speaks, callers: &[Caller]) -> Vec<String> {
    let (without, with): (Vec<&Caller>, Vec<&Caller>) =
        callers.iter().partition(|caller| caller.shown.is_none());
    let groups = std::iter::once(without).chain(with.into_iter().map(|caller| vec![caller]));
    let look = |group: Vec<&Caller>| {
        let wanted = group.iter().flat_map(|caller| {
            [FILE, PAPERS, APP]
                .into_iter()
                .zip(caller.gets)
                .map(|(path, gets)| (("GET", path, caller.fields.as_str()), gets))
        });
        let (asked, wanted): (Vec<_>, Vec<u16>) = wanted.unzip();
        let got = ask(door, speaks, group[0].shown.as_ref(), &asked);
        let compared = asked.iter().zip(got).zip(wanted);
        let wrong = compared.filter(|((_, got), wanted)| *got != Some(*wanted));
        wrong
            .map(|(((_, path, _), got), wanted)| format!("{path}: {got:?}, not {wanted}"))
            .collect::<Vec<_>>()
    };
    groups.flat_map(look).collect()
}

/// Lets everybody ask for everything, and meanwhile for what is theirs.
fn nobody_loses_by_it(speaks: Speaks) {
    let door = Door::beside(|installation| prepare(installation, speaks));
    let routes = routes(&door);
    let askers = callers(&door);
    // They have sessions of their own: one that is logged out is over, as it should be.
    let callers = callers(&door);
    assert_eq!(look_around(&door, speaks, &callers), [""; 0], "before anybody asks");
    let mut wrong = Vec::new();
    let (door, routes) = (&door, &routes);
    std::thread::scope(|scope| {
        let asking = askers
            .iter()
            .enumerate()
            .map(|(turn, asker)| scope.spawn(move || ask_for_everything(door, speaks, asker, routes, turn)));
        let asking: Vec<_> = asking.collect();
        while !asking.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            wrong.extend(look_around(door, speaks, &callers));
        }
    });
    wrong.extend(look_around(door, speaks, &callers));
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn whatever_is_asked_in_any_order_and_at_once_changes_what_nobody_else_may_do() {
    nobody_loses_by_it(Speaks::Http1);
}

#[test]
fn whoever_shares_a_connection_of_http_2_changes_what_nobody_else_on_it_may_do() {
    nobody_loses_by_it(Speaks::Http2);
}
