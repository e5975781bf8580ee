//! One request never changes what another may do: whatever is asked, by whomever, in any order and at once.

use std::sync::Arc;

use data_encoding::BASE64;
use gateward::config::Config;

use super::authority::params;
use super::connection::{Connection, shows};
use super::door::{Door, FILE};
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
name = "digest"
kind = "plain"
path = "/digest"
upstream = "dir:files"
require = ["login"]

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

[[service]]
name = "dataselect"
kind = "fdsn"
path = "/fdsnws/dataselect/1"
upstream = "http://127.0.0.1:1"
digest = "upstream"

[[grant]]
user = "ann"
service = "papers"

[[grant]]
user = "ann"
service = "app"
"#;

const PASSWORD: &str = "anteater-plays-oboe";

/// Where a file lies for whoever logged in on the page, and for whoever has an account.
const APP: &str = "/app/restricted.txt";
const PAPERS: &str = "/papers/restricted.txt";

/// What anybody may send; those that change something, or are nobody's, too.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"];

fn prepare(installation: &Installation) {
    installation.append(SERVICES);
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
    shown: Option<Arc<rustls::sign::CertifiedKey>>,
    fields: String,
    /// What they get of [`FILE`], [`PAPERS`] and [`APP`].
    gets: [u16; 3],
}

impl Caller {
    fn connect(&self, door: &Door) -> Connection {
        Connection::new(&door.server, self.shown.clone())
    }
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

/// Nobody, a machine that nobody knows, the one that is let in, a user with each request, and one in a browser.
fn callers(door: &Door) -> [Caller; 5] {
    let (lab, stranger) = (door.lab(), door.authority.issue(params("stranger")));
    let basic = BASE64.encode(format!("ann:{PASSWORD}").as_bytes());
    let caller = |shown, fields, gets| Caller { shown, fields, gets };
    [
        caller(None, String::new(), [403, 401, 401]),
        caller(Some(shows(&stranger, &stranger)), String::new(), [403, 401, 401]),
        caller(Some(shows(&lab, &lab)), String::new(), [200, 401, 401]),
        caller(None, format!("Authorization: Basic {basic}\r\n"), [403, 200, 401]),
        caller(None, session(door), [403, 401, 200]),
    ]
}

/// Asks for everything there is, in an order of its own.
fn ask_for_everything(door: &Door, caller: &Caller, routes: &[String], turn: usize) {
    let all = routes.len() * METHODS.len();
    let mut connection = caller.connect(door);
    // Primes, larger than any divisor of how many there are: none is left out.
    let step = [10_007, 10_009, 10_037, 10_039, 10_061][turn];
    for at in 0..all {
        let next = (at * step + turn) % all;
        let (path, method) = (&routes[next / METHODS.len()], METHODS[next % METHODS.len()]);
        // Some answers close the connection; nobody is asked twice on one that is closing.
        if connection.send(method, path, &caller.fields, "").is_err() {
            connection = caller.connect(door);
            let _ = connection.send(method, path, &caller.fields, "");
        }
    }
}

#[test]
fn whatever_is_asked_in_any_order_and_at_once_changes_what_nobody_else_may_do() {
    let door = Door::beside(prepare);
    let routes = routes(&door);
    let askers = callers(&door);
    // They have sessions of their own: one that is logged out is over, as it should be.
    let callers = callers(&door);
    let mut wrong = Vec::new();
    let (door, routes) = (&door, &routes);
    std::thread::scope(|scope| {
        let asking = askers.iter().enumerate();
        let asking =
            asking.map(|(turn, asker)| scope.spawn(move || ask_for_everything(door, asker, routes, turn)));
        let asking: Vec<_> = asking.collect();
        // Meanwhile everybody gets what is theirs, and nothing else.
        while !asking.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            for caller in &callers {
                let mut connection = caller.connect(door);
                for (path, gets) in [FILE, PAPERS, APP].into_iter().zip(caller.gets) {
                    let status = connection.send("GET", path, &caller.fields, "").map(|answer| answer.0);
                    if !status.as_ref().is_ok_and(|status| *status == gets) {
                        wrong.push(format!("{path}: {status:?}, not {gets}"));
                    }
                }
            }
        }
    });
    assert!(wrong.is_empty(), "{wrong:?}");
}
