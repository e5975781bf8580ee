//! Browsers log in on our page, and go on with a cookie.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gateward::cli::demo::client::Answer;
use http::Request;
use jiff::SignedDuration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::cluster::patience::eventually_beside;
use crate::support::{Installation, PATIENCE};

/// The user that the demo makes.
const USER: &str = "operator";

const PAGE: &str = "/gateward/login";

fn configured(upstream: &str) -> String {
    format!(
        "[[service]]\nkind = \"plain\"\npath = \"/app\"\nupstream = \"{upstream}\"\nrequire = [\"user\"]\nlogin = \"page\"\n\
         [[grant]]\nuser = \"{USER}\"\nservice = \"app\"\n"
    )
}

async fn open() -> Installation {
    Installation::with(&configured("dir:files")).await
}

fn password(door: &Installation) -> String {
    let line = std::fs::read_to_string(door.path("operator.txt")).unwrap();
    line.trim().split_once(':').unwrap().1.to_owned()
}

/// A browser, as far as cookies and forms go.
#[derive(Default, Clone)]
struct Browser(Vec<(String, String)>);

impl Browser {
    async fn send(&mut self, door: &Installation, request: http::request::Builder, body: String) -> Answer {
        let cookies: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request.header("host", "localhost").header("accept", "text/html,*/*;q=0.8");
        let request = if cookies.is_empty() { request } else { request.header("cookie", cookies.join("; ")) };
        let answer = door.connect().await.send(request.body(body.into()).unwrap()).await.unwrap();
        for set in answer.fields.get_all("set-cookie") {
            let set = set.to_str().unwrap();
            for wanted in ["Path=/", "Secure", "HttpOnly", "SameSite="] {
                assert!(set.contains(wanted), "{set}");
            }
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            assert!(name.starts_with("__Host-"), "{set}");
            self.0.retain(|(one, _)| one != name);
            if !set.contains("Max-Age=0") {
                self.0.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    async fn get(&mut self, door: &Installation, path: &str) -> Answer {
        self.send(door, Request::get(format!("https://localhost{path}")), String::new()).await
    }

    async fn post(&mut self, door: &Installation, path: &str, form: &[(&str, &str)]) -> Answer {
        let coded = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
        };
        let body: Vec<_> =
            form.iter().map(|(name, value)| format!("{}={}", coded(name), coded(value))).collect();
        self.send(door, Request::post(format!("https://localhost{path}")), body.join("&")).await
    }

    /// Fills the form in and sends it.
    async fn log_in(&mut self, door: &Installation, name: &str, password: &str, to: &str) -> Answer {
        let page = self.get(door, PAGE).await;
        assert_eq!(page.status, 200);
        let form = hidden(&page.text(), "form");
        self.post(door, PAGE, &[("name", name), ("password", password), ("to", to), ("form", &form)]).await
    }

    fn session(&self) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == "__Host-gateward").map(|(_, value)| value.as_str())
    }
}

async fn logged_in(door: &Installation) -> Browser {
    let mut browser = Browser::default();
    let answer = browser.log_in(door, USER, &password(door), "/app/restricted.txt").await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    browser
}

fn hidden(page: &str, name: &str) -> String {
    let input = page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
    input.split('"').next().unwrap().to_owned()
}

fn location(answer: &Answer) -> &str {
    answer.fields.get("location").unwrap().to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_sent_to_the_page_and_back_to_where_it_wanted() {
    let door = open().await;
    let mut browser = Browser::default();
    let sent = browser.get(&door, "/app/restricted.txt?a=b").await;
    assert_eq!(sent.status, 303);
    let page = browser.get(&door, location(&sent)).await;
    assert_eq!(page.status, 200);
    let policy = page.fields.get("content-security-policy").unwrap().to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.fields.get("cache-control").unwrap(), "no-store");
    let (to, form) = (hidden(&page.text(), "to"), hidden(&page.text(), "form"));
    assert_eq!(to, "/app/restricted.txt?a=b");
    let password = password(&door);
    let done = [("name", USER), ("password", &password), ("to", &to), ("form", &form)];
    let back = browser.post(&door, PAGE, &done).await;
    assert_eq!((back.status.as_u16(), location(&back)), (303, "/app/restricted.txt?a=b"));
    assert_eq!(browser.get(&door, "/app/restricted.txt").await.status, 200);
    let released = door.bodies("released");
    assert!(released.iter().any(|body| body["by"] == "session" && body["who"] == USER), "{released:?}");
    assert_eq!(door.bodies("logged_in").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_asked_and_never_sent_to_a_page() {
    let door = open().await;
    let answer = door.connect().await.get("/app/restricted.txt", None).await.unwrap();
    assert_eq!(answer.status, 401);
    let challenge = answer.fields.get("www-authenticate").unwrap().to_str().unwrap();
    assert!(challenge.starts_with("Cookie form-action=\"/gateward/login\""), "{challenge}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_from_elsewhere_logs_nobody_in() {
    let door = open().await;
    let password = password(&door);
    let mut mine = Browser::default();
    let mine_form = hidden(&mine.get(&door, PAGE).await.text(), "form");
    let mut theirs = Browser::default();
    theirs.get(&door, PAGE).await;
    for (mut browser, form) in [
        (Browser::default(), mine_form.as_str()),
        (theirs, mine_form.as_str()),
        (mine, ""),
        (Browser::default(), ""),
    ] {
        let fields = [("name", USER), ("password", password.as_str()), ("form", form)];
        let answer = browser.post(&door, PAGE, &fields).await;
        assert_eq!(answer.status, 403);
        assert_eq!(browser.session(), None);
        let nobody = browser.get(&door, "/gateward/logout").await;
        assert_eq!((nobody.status.as_u16(), location(&nobody)), (303, PAGE), "there is nothing to end");
    }
    assert!(door.bodies("logged_in").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_user_and_a_wrong_password_get_one_answer() {
    let door = open().await;
    let mut answers = Vec::new();
    for name in [USER, "nobody", "<script>"] {
        let mut browser = Browser::default();
        let answer = browser.log_in(&door, name, "wrong", "/app/").await;
        assert_eq!((answer.status.as_u16(), browser.session()), (403, None));
        let text = answer.text();
        let form = hidden(&text, "form");
        let reference = text.split("operator about ").nth(1).unwrap().split('.').next().unwrap().to_owned();
        answers.push(text.replace(&form, "").replace(&reference, ""));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_sent_elsewhere_after_logging_in() {
    let door = open().await;
    let password = password(&door);
    for to in [
        "https://attacker.example/",
        "//attacker.example/app",
        "/\\attacker.example",
        "/app\r\nSet-Cookie: a=b",
        "/application",
        "/files/restricted.txt",
        "javascript:alert(1)",
        "\"><script>",
        "",
    ] {
        let mut browser = Browser::default();
        let answer = browser.log_in(&door, USER, &password, to).await;
        assert_eq!((answer.status.as_u16(), location(&answer)), (303, "/gateward/logout"), "{to:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_it_is_idle_and_after_half_a_day_whatever_happens() {
    let door = open().await;
    let mut browser = logged_in(&door).await;
    door.pass(SignedDuration::from_mins(29));
    assert_eq!(browser.get(&door, "/app/restricted.txt").await.status, 200);
    door.pass(SignedDuration::from_mins(31));
    assert_eq!(browser.get(&door, "/app/restricted.txt").await.status, 303);

    let mut browser = logged_in(&door).await;
    for _ in 0..28 {
        door.pass(SignedDuration::from_mins(25));
        assert_eq!(browser.get(&door, "/app/restricted.txt").await.status, 200);
    }
    door.pass(SignedDuration::from_mins(25));
    assert_eq!(browser.get(&door, "/app/restricted.txt").await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_logs_out_or_in_again_leaves_no_session_behind() {
    let door = open().await;
    let mut browser = logged_in(&door).await;
    let mut before = browser.clone();
    browser.log_in(&door, USER, &password(&door), "").await;
    assert_ne!(browser.session(), before.session());
    assert_eq!(before.get(&door, "/app/restricted.txt").await.status, 303, "its cookie was replaced");
    let mut after = browser.clone();
    assert_eq!(browser.post(&door, "/gateward/logout", &[]).await.status, 303);
    assert_eq!(browser.session(), None);
    assert_eq!(after.get(&door, "/app/restricted.txt").await.status, 303, "its session has ended");
    assert_eq!(door.bodies("logged_out").len(), 1);
    let cookie = after.session().unwrap().as_bytes().to_vec();
    assert!(
        !door.database().bytes().windows(cookie.len()).any(|bytes| bytes == cookie),
        "the cookie is in the store"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_is_nobody_else_s_business() {
    let door = open().await;
    let counter = || door.database().value("SELECT counter FROM revocation");
    let before = counter();
    let mut browser = logged_in(&door).await;
    assert_eq!(browser.get(&door, "/app/restricted.txt").await.status, 200);
    assert_eq!(browser.post(&door, "/gateward/logout", &[]).await.status, 303);
    assert_eq!(counter(), before, "all passwords, policies and answers would be looked at again");
}

/// A server that sends the head of an answer, waits, and then a piece of it every tenth of a second for ever.
async fn endless(wait: Duration) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                // Whoever answers before they are asked is taken for broken.
                let mut asked = Vec::new();
                while !asked.ends_with(b"\r\n\r\n")
                    && stream.read_buf(&mut asked).await.is_ok_and(|read| read > 0)
                {}
                tokio::time::sleep(wait).await;
                let head =
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n";
                let mut sent = stream.write_all(head.as_bytes()).await;
                while sent.is_ok() {
                    sent = stream.write_all(b"5\r\npiece\r\n").await;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_logs_out_ends_what_runs_by_their_session_within_a_second() {
    let port = endless(Duration::ZERO).await;
    let door = Installation::with(&configured(&format!("http://127.0.0.1:{port}"))).await;
    let mut browser = logged_in(&door).await;
    let mut connection = door.connect().await;
    let cookie = format!("__Host-gateward={}", browser.session().unwrap());
    let request =
        Request::get("https://localhost/app/x").header("host", "localhost").header("cookie", cookie);
    let running = connection.send(request.body(String::new().into()).unwrap());
    let log_out = async {
        eventually_beside("they are let in", PATIENCE, || door.bodies("admitted").pop()).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(door.bodies("ended").is_empty(), "it runs while they are logged in");
        assert_eq!(browser.post(&door, "/gateward/logout", &[]).await.status, 303);
        Instant::now()
    };
    let (cut, logged_out) = tokio::join!(async { (running.await, Instant::now()) }, log_out);
    assert!(cut.0.is_err(), "the answer has no end of its own");
    assert!(cut.1 - logged_out < Duration::from_secs(1), "{:?}", cut.1 - logged_out);
    let ended = eventually_beside("its end is recorded", PATIENCE, || door.bodies("ended").pop()).await;
    assert_eq!(ended["delivery"], "revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_after_somebody_logged_out_is_not_for_them() {
    let port = endless(Duration::from_secs(1)).await;
    let door = Installation::with(&configured(&format!("http://127.0.0.1:{port}"))).await;
    let mut browser = logged_in(&door).await;
    let mut asking = browser.clone();
    let log_out = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(browser.post(&door, "/gateward/logout", &[]).await.status, 303);
    };
    let (answer, ()) = tokio::join!(asking.get(&door, "/app/x"), log_out);
    assert_eq!(answer.status, 303, "they are asked to log in");
    let of_app = |kind| door.bodies(kind).iter().filter(|body| body["service"] == "app").count();
    assert_eq!(of_app("admitted") + of_app("released"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_opens_nothing_that_is_not_for_those_who_logged_in_on_the_page() {
    let door = Installation::with(&format!(
        "{}[[grant]]\nuser = \"{USER}\"\nservice = \"files\"\n",
        configured("dir:files")
    ))
    .await;
    let mut browser = logged_in(&door).await;
    assert_eq!(browser.get(&door, "/files/restricted.txt").await.status, 401);
}

/// A server that answers with the head that it was sent.
async fn echo() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heads = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&heads);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            kept.lock().unwrap().push(String::from_utf8(head).unwrap());
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\nok";
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (port, heads)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_application_gets_its_authorization_and_cookies_and_never_ours() {
    let (port, heads) = echo().await;
    let door = Installation::with(&configured(&format!("http://127.0.0.1:{port}"))).await;
    let mut browser = logged_in(&door).await;
    browser.get(&door, PAGE).await;
    browser.0.insert(0, ("theirs".into(), "1".into()));
    let request =
        Request::get("https://localhost/app/x").header("authorization", "Bearer of-the-application");
    let answer = browser.send(&door, request, String::new()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let head = heads.lock().unwrap().pop().unwrap().to_ascii_lowercase();
    assert!(head.contains("authorization: bearer of-the-application"), "{head}");
    assert!(head.contains("cookie: theirs=1\r\n") && !head.contains("gateward"), "{head}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_host_changes_nothing_with_the_cookie() {
    let (port, heads) = echo().await;
    let door = Installation::with(&configured(&format!("http://127.0.0.1:{port}"))).await;
    let mut browser = logged_in(&door).await;
    let mut send = async |name: &str, value: &str| {
        let request = Request::post("https://localhost/app/x").header(name, value);
        browser.send(&door, request, String::new()).await.status.as_u16()
    };
    assert_eq!(send("sec-fetch-site", "same-site").await, 401);
    assert_eq!(send("origin", "https://other.localhost").await, 401);
    assert!(heads.lock().unwrap().is_empty(), "the application hears of none of them");
    assert_eq!(send("sec-fetch-site", "same-origin").await, 200);
    assert_eq!(send("origin", "https://localhost").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_logs_in_again_and_again_has_a_bounded_number_of_sessions() {
    let door = open().await;
    let mut first = logged_in(&door).await;
    for _ in 0..19 {
        door.pass(SignedDuration::from_secs(1));
        logged_in(&door).await;
    }
    assert_eq!(first.get(&door, "/app/restricted.txt").await.status, 200, "twenty live");
    door.pass(SignedDuration::from_secs(1));
    let mut last = logged_in(&door).await;
    assert_eq!(first.get(&door, "/app/restricted.txt").await.status, 303, "the oldest made room");
    assert_eq!(last.get(&door, "/app/restricted.txt").await.status, 200);
}
