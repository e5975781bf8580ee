//! People in a browser: Chromium, by hand of `browser.mjs`, logs in on our page.

use std::process::Command;

use serde_json::Value;

use super::installation::{Installation, RESTRICTED};
use super::server::Server;
use super::tools::run;
use super::tools_of_npm::{folder, script};

#[test]
fn somebody_in_chromium_logs_in_on_the_page_and_reads_what_they_wanted() {
    let installation = Installation::new();
    installation.append(
        "[[service]]\nkind = \"plain\"\npath = \"/app\"\nupstream = \"dir:files\"\nrequire = [\"user\"]\n\
         login = \"page\"\n[[grant]]\nuser = \"operator\"\nservice = \"app\"\n",
    );
    let server = Server::start(installation);
    let password = std::fs::read_to_string(server.file("operator.txt")).unwrap();
    let password = password.trim().split_once(':').unwrap().1;
    let picture = server.file("page.png");
    let mut node = Command::new("node");
    node.arg(script("browser.mjs")).arg(folder()).arg("/usr/bin/chromium");
    node.args([&server.url("/app/restricted.txt?a=b"), "operator"]).arg(&picture);
    let told: Value = serde_json::from_str(run(&mut node, password.as_bytes()).good().text()).unwrap();
    let text = |name: &str| told[name].as_str().unwrap_or_else(|| panic!("{told}"));
    assert_eq!(text("asked_at"), server.url("/gateward/login?to=%2Fapp%2Frestricted%2Etxt%3Fa%3Db"));
    assert_eq!((text("title"), text("focused")), ("Log in", "name"));
    // The policy of the page lets its own style through.
    assert_eq!(text("background"), "rgb(31, 92, 153)");
    assert!(text("refused").starts_with("Wrong user or password."), "{told}");
    assert_eq!(text("arrived_at"), server.url("/app/restricted.txt?a=b"));
    assert_eq!(text("text").trim(), RESTRICTED.trim());
    assert_eq!(text("cookies_seen_by_scripts"), "");
    let cookie =
        told["cookies"].as_array().unwrap().iter().find(|one| one["name"] == "__Host-gateward").unwrap();
    assert_eq!(
        (&cookie["httpOnly"], &cookie["secure"], &cookie["sameSite"], &cookie["path"]),
        (&true.into(), &true.into(), &"Lax".into(), &"/".into())
    );
    assert!(text("after_logout").contains("/gateward/login?to="), "{told}");
    let complaints: Vec<_> =
        told["complaints"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    // Browsers note each answer that is no success, also for the icon that they ask for; nothing else may come.
    assert!(complaints.iter().all(|said| said.contains("status of 40")), "{complaints:?}");
    assert!(picture.metadata().unwrap().len() > 1000);
}
