//! One request never changes what another may do: whatever is asked, in any order and at once.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::connection::{Connection, shows};
use super::door::{Door, FILE};

/// Every path that the public listener answers by itself, and what is below each service of the
/// configuration: as the router finds them.
fn routes(door: &Door) -> Vec<String> {
    let settings = door.server.json(&["config", "show"]);
    let value = |setting: &serde_json::Value| setting["value"].as_str().unwrap_or_default().to_owned();
    let is_path =
        |name: &str| name == "exchange.path" || name.starts_with("service[") && name.ends_with("].path");
    let named = settings.iter().filter(|setting| is_path(setting["name"].as_str().unwrap_or_default()));
    let mut routes: Vec<String> = named.map(value).collect();
    assert!(routes.len() >= 2, "{settings:?}");
    for path in routes.clone() {
        routes.extend(
            ["", "/", "/restricted.txt", "/none", "/auth", "/query", "/version", "?a=b", "/%2e%2e/"]
                .map(|below| format!("{path}{below}")),
        );
    }
    routes.extend(
        ["/", "/version", "/verify", "/healthz", "/none", "/cleanup", "//", "/login"].map(String::from),
    );
    routes
}

#[test]
fn whatever_is_asked_in_any_order_and_at_once_changes_what_nobody_else_may_do() {
    let door = Door::open();
    let routes = routes(&door);
    let (lab, stranger) = (door.lab(), door.authority.issue(super::authority::params("stranger")));
    let wrong = AtomicUsize::new(0);
    let (door, routes) = (&door, &routes);
    std::thread::scope(|scope| {
        // Some ask for everything there is, each in another order, as nobody, as a stranger and as the node.
        for shift in 0..6 {
            let shown = match shift % 3 {
                0 => None,
                1 => Some(shows(&stranger, &stranger)),
                _ => Some(shows(&lab, &lab)),
            };
            scope.spawn(move || {
                let mut connection = Connection::new(&door.server, shown.clone());
                let step = [1, 5, 7, 11, 13, 17][shift];
                for at in 0..2 * routes.len() {
                    let path = &routes[(at * step + shift) % routes.len()];
                    if connection.get(path).is_err() {
                        connection = Connection::new(&door.server, shown.clone());
                    }
                }
            });
        }
        // Meanwhile the node gets its file, and nobody else does.
        for shown in [Some(shows(&lab, &lab)), Some(shows(&stranger, &stranger)), None] {
            let wrong = &wrong;
            let is_lab = shown.as_ref().is_some_and(|shown| shown.cert[0].as_ref() == lab.der.as_slice());
            scope.spawn(move || {
                for _ in 0..10 {
                    let mut connection = Connection::new(&door.server, shown.clone());
                    for _ in 0..10 {
                        let status = connection.get(FILE).unwrap().0;
                        if status != if is_lab { 200 } else { 403 } {
                            wrong.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    assert_eq!(wrong.into_inner(), 0);
}
