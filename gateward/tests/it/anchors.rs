//! Places outside that keep checkpoints: a store that is behind them serves nothing, and none of them holds anybody up.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jiff::SignedDuration;

use crate::cluster::patience::eventually;
use crate::support::{Installation, PATIENCE};
use crate::tampering::put_in_another_log;

/// An installation that signs every second, with anchors that were made for it.
async fn anchored(anchors: &[&str]) -> Installation {
    let listed: Vec<String> = anchors.iter().map(|name| format!("\"file:{name}\"")).collect();
    let more = format!("\n[audit]\ncheckpoint = \"1s\"\nanchor = [{}]\n", listed.join(", "));
    let mut door = Installation::with("").await;
    for name in anchors {
        std::fs::write(door.path(name), "").unwrap();
    }
    door.change(|text| text.to_owned() + &more).await;
    door
}

async fn record(door: &Installation, logins: usize) {
    for number in 0..logins {
        let token = door.token(&format!("{number}@example.org"), "/epos/demo", SignedDuration::from_hours(1));
        let login = door.exchange(&token).await;
        assert_eq!(door.fetch(&login).await.status, 200);
    }
}

fn events(door: &Installation) -> u64 {
    door.database().value("SELECT next_position FROM log_head").parse().unwrap()
}

/// The size of the newest note in the file.
fn newest(file: &Path) -> u64 {
    let kept = std::fs::read_to_string(file).unwrap();
    let sizes = kept.split("\n\n").filter_map(|part| part.trim().lines().nth(1)?.parse().ok());
    sizes.max().unwrap_or(0)
}

/// Waits until the anchor has seen `size` events.
fn wait_for(door: &Installation, name: &str, size: u64) {
    eventually("the anchor has it", PATIENCE, || newest(&door.path(name)) >= size);
}

/// Asks whether it is ready until the answer has `said`; returns the answer.
async fn until_ready_says(door: &Installation, said: &str) -> (u16, String) {
    let begun = Instant::now();
    loop {
        let answer = door.operators("/readyz").await;
        let text = answer.text();
        if text.contains(said) {
            return (answer.status.as_u16(), text);
        }
        assert!(begun.elapsed() < PATIENCE, "{said}: {text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_behind_its_anchor_serves_nothing_until_a_new_log_says_what_was_lost() {
    let mut door = anchored(&["anchor"]).await;
    let older = door.database().keep();
    record(&door, 2).await;
    let size = events(&door);
    wait_for(&door, "anchor", size);
    door.stop().await;
    let (kept, good) = door.command(&["audit", "checkpoint"]);
    assert!(good);
    std::fs::write(door.path("kept"), &kept).unwrap();
    door.database().put_back(&older);
    let refused = door.try_start().await.unwrap_err().to_string();
    assert!(refused.contains("gateward audit recover") && refused.contains("the store has"), "{refused}");
    let (said, good) = door.command(&["audit", "anchors"]);
    assert!(!good && said.contains("the store is not what it has seen"), "{said}");

    let (said, good) = door.command(&["audit", "recover"]);
    assert!(good, "{said}");
    let (said, good) = door.command(&["audit", "recover"]);
    assert!(!good, "a second time there is nothing to do: {said}");
    door.start().await;
    let recovered = door.bodies("log_recovered");
    assert_eq!(recovered.len(), 1);
    assert_eq!(recovered[0]["old_origin"].as_str().unwrap(), kept.lines().next().unwrap());
    assert!(recovered[0]["old_size"].as_u64().unwrap() >= size);
    let (fresh, good) = door.command(&["audit", "checkpoint"]);
    assert!(good && fresh.lines().next() != kept.lines().next(), "{fresh}");
    let kept = door.path("kept");
    let (said, good) = door.command(&["audit", "verify", "--checkpoint", kept.to_str().unwrap()]);
    assert!(!good && said.contains("the others are lost"), "{said}");
    let (said, good) = door.command(&["audit", "verify"]);
    assert!(good, "{said}");
}

/// Else whoever can write to the store alone could say that what an anchor has seen was lost honestly.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_says_what_was_lost_opens_no_door_without_its_event() {
    let mut door = anchored(&["anchor"]).await;
    let older = door.database().keep();
    record(&door, 2).await;
    wait_for(&door, "anchor", events(&door));
    door.stop().await;
    door.database().put_back(&older);
    put_in_another_log(&door);
    let refused = door.try_start().await.unwrap_err().to_string();
    assert!(refused.contains("no event says that") && refused.contains("goes on from it"), "{refused}");
    let done = door.run(&["audit", "checkpoint"]);
    assert!(!done.status.success() && done.stdout.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_signs_for_a_store_that_is_behind_its_anchor() {
    let mut door = anchored(&["anchor", "missing"]).await;
    std::fs::remove_file(door.path("missing")).unwrap();
    let older = door.database().keep();
    record(&door, 2).await;
    wait_for(&door, "anchor", events(&door));
    door.stop().await;
    door.database().put_back(&older);
    let signed = |door: &Installation| door.database().value("SELECT count(*) FROM checkpoint");
    let (before, id) = (signed(&door), door.database().value("SELECT min(id) FROM event"));
    for command in
        [&["audit", "checkpoint"][..], &["audit", "prove", &id], &["audit", "export", "--format", "ndjson"]]
    {
        let done = door.run(command);
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(1), "{command:?}: {said}");
        assert!(said.contains("nothing is signed") && said.contains("gateward audit recover"), "{said}");
        assert!(said.contains("missing: there is no file"), "{said}");
        assert!(done.stdout.is_empty(), "{command:?}");
    }
    assert_eq!(signed(&door), before);
    // A place that says nothing keeps nobody from signing.
    std::fs::write(door.path("anchor"), "").unwrap();
    for command in [&["audit", "checkpoint"][..], &["audit", "prove", &id]] {
        assert!(door.run(command).status.success(), "{command:?}");
    }
    assert_ne!(signed(&door), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_gets_its_name_in_a_store_of_which_an_anchor_has_seen_more() {
    let mut door = anchored(&["anchor"]).await;
    record(&door, 2).await;
    wait_for(&door, "anchor", events(&door));
    door.stop().await;
    door.database().make_anew();
    let grant = ["grant", "create", "--mail", "b@example.org", "--service", "files"];
    assert!(door.command(&grant).1);
    let logs = |door: &Installation| door.database().value("SELECT count(*) FROM log");
    let refused = door.run(&["audit", "key"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("nothing is signed") && said.contains("gateward audit recover"), "{said}");
    assert_eq!((refused.stdout.is_empty(), logs(&door).as_str()), (true, "0"));
    // The place of another installation, or a fresh one.
    std::fs::write(door.path("anchor"), "").unwrap();
    let (key, good) = door.command(&["audit", "key"]);
    assert!(good && key.starts_with("gateward/"), "{key}");
    assert_eq!(logs(&door), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_put_back_under_the_running_server_shuts_the_door_before_anything_else_is_signed() {
    let mut door = anchored(&["anchor"]).await;
    wait_for(&door, "anchor", 1);
    let older = door.database().keep();
    record(&door, 3).await;
    let size = events(&door);
    wait_for(&door, "anchor", size);
    door.database().put_back(&older);
    let (status, said) = until_ready_says(&door, "audit recover").await;
    assert!(status == 503 && said.contains("file:") && said.contains("the store has"), "{said}");
    let seen = newest(&door.path("anchor"));
    let token = door.token("late@example.org", "/epos/demo", SignedDuration::from_hours(1));
    assert_eq!(door.connect().await.post("/auth", token).await.unwrap().status, 503);
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(newest(&door.path("anchor")), seen, "nothing was handed over any more");
    let signed: u64 = door.database().value("SELECT max(size) FROM checkpoint").parse().unwrap();
    assert!(signed < size, "nothing was signed over another history: {signed}");
    door.stop().await;
    assert!(door.try_start().await.is_err());
    let (said, good) = door.command(&["audit", "recover"]);
    assert!(good, "{said}");
    door.start().await;
    record(&door, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_events_and_others_are_another_history() {
    let mut door = anchored(&["anchor"]).await;
    record(&door, 1).await;
    wait_for(&door, "anchor", events(&door));
    door.stop().await;
    let older = door.database().keep();
    let mut seen = Vec::new();
    for mail in ["a@example.org", "b@example.org"] {
        door.database().put_back(&older);
        // Nobody compares while this one runs.
        door.change(|text| text.replace("file:anchor", "file:nowhere")).await;
        let token = door.token(mail, "/epos/demo", SignedDuration::from_hours(1));
        door.exchange(&token).await;
        door.stop().await;
        let (note, good) = door.command(&["audit", "checkpoint"]);
        assert!(good);
        seen.push(note);
    }
    let lines = |note: &str| note.lines().map(str::to_owned).collect::<Vec<_>>();
    let [one, other] = [lines(&seen[0]), lines(&seen[1])];
    assert!(one[0] == other[0] && one[1] == other[1] && one[2] != other[2], "{seen:?}");
    // The store has the second history, and the anchor the first.
    std::fs::write(door.path("anchor"), format!("{}\n", seen[0])).unwrap();
    let text = std::fs::read_to_string(door.path("gateward.toml")).unwrap();
    std::fs::write(door.path("gateward.toml"), text.replace("file:nowhere", "file:anchor")).unwrap();
    let refused = door.try_start().await.unwrap_err().to_string();
    assert!(refused.contains("other events"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_log_names_the_most_that_any_anchor_has_seen() {
    let mut door = anchored(&["first", "second"]).await;
    wait_for(&door, "second", 1);
    let older = door.database().keep();
    record(&door, 1).await;
    let less = events(&door);
    wait_for(&door, "first", less);
    wait_for(&door, "second", less);
    let first = std::fs::read(door.path("first")).unwrap();
    record(&door, 2).await;
    wait_for(&door, "first", events(&door));
    wait_for(&door, "second", events(&door));
    door.stop().await;
    // The first missed the end, and the second is away.
    std::fs::write(door.path("first"), first).unwrap();
    let [less, most] = ["first", "second"].map(|name| newest(&door.path(name)));
    assert!(less < most);
    std::fs::rename(door.path("second"), door.path("away")).unwrap();
    door.database().put_back(&older);
    let (said, good) = door.command(&["audit", "recover"]);
    assert!(good, "{said}");
    let named = |door: &Installation| {
        let named = door.bodies("log_recovered");
        named.iter().map(|body| body["old_size"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(named(&door), [less]);
    door.start().await;
    door.stop().await;
    // What it has seen is named nowhere.
    std::fs::rename(door.path("away"), door.path("second")).unwrap();
    let refused = door.try_start().await.unwrap_err().to_string();
    assert!(refused.contains(&format!("names {less}")), "{refused}");
    let (said, good) = door.command(&["audit", "recover"]);
    assert!(good, "{said}");
    assert_eq!(named(&door), [less, most]);
    door.start().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_anchor_whose_file_is_missing_gets_none_until_somebody_makes_it() {
    let door = anchored(&["here"]).await;
    wait_for(&door, "here", 1);
    std::fs::remove_file(door.path("here")).unwrap();
    record(&door, 1).await;
    let (status, said) = until_ready_says(&door, "touch").await;
    assert!(status == 200 && said.starts_with("ready\n") && said.contains(" of "), "{said}");
    let (said, good) = door.command(&["audit", "anchors"]);
    assert!(!good && said.contains("there is no file: mount"), "{said}");
    assert!(!door.path("here").exists());
    std::fs::write(door.path("here"), "").unwrap();
    wait_for(&door, "here", events(&door) - 1);
    let begun = Instant::now();
    while door.operators("/readyz").await.text() != "ready\n" {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A file that nobody can open while this is there, as one on a disk that went away: whoever tries waits.
struct Away(Child);

impl Away {
    fn take(file: &Path) -> Self {
        let script = "import fcntl, os, signal, sys\n\
            signal.signal(signal.SIGIO, signal.SIG_IGN)\n\
            file = os.open(sys.argv[1], os.O_RDWR)\n\
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)\n\
            print('taken', flush=True)\n\
            sys.stdin.read()\n";
        let mut python = Command::new("python3");
        python.args(["-c", script]).arg(file).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = python.spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said.trim(), "taken");
        Self(child)
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_anchor_that_does_not_answer_holds_up_nobody_and_shuts_the_door_once_it_can_be_read() {
    let mut door = anchored(&["away", "here"]).await;
    wait_for(&door, "away", 1);
    let older = door.database().keep();
    record(&door, 1).await;
    let size = events(&door);
    wait_for(&door, "away", size);
    wait_for(&door, "here", size);
    door.stop().await;
    door.database().put_back(&older);
    // Only the one that does not answer knows better.
    std::fs::write(door.path("here"), "").unwrap();
    let away = Away::take(&door.path("away"));
    let begun = Instant::now();
    door.start().await;
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    wait_for(&door, "here", 1);
    let (status, said) = until_ready_says(&door, "has not answered").await;
    assert!(status == 200 && said.contains("away: has 0 of"), "{said}");
    record(&door, 1).await;
    let begun = Instant::now();
    let (said, good) = door.command(&["audit", "anchors"]);
    assert!(!good && said.contains("has not answered"), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    drop(away);
    let (status, said) = until_ready_says(&door, "audit recover").await;
    assert!(status == 503 && said.contains("file:") && said.contains("away has seen"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_by_hand_waits_for_no_place_that_hangs_on_sqlite() {
    let mut door = Installation::open().await;
    door.stop().await;
    let fifo = door.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    // Connections are made, and nobody ever answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = silent.local_addr().unwrap();
    let key = door.command(&["audit", "key", "--witness"]).0;
    let file = door.path("gateward.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let anchors = format!(
        "[audit]\nanchor = [\"file:{}\", {{ witness = \"http://{at}/witness\", key = \"{}\" }}]\n",
        fifo.display(),
        key.trim()
    );
    std::fs::write(&file, format!("{text}\n{anchors}")).unwrap();
    let begun = Instant::now();
    let ran = door.run(&["audit", "checkpoint"]);
    let said = String::from_utf8(ran.stderr).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}: {said}", begun.elapsed());
    assert!(ran.status.success() && ran.stdout.starts_with(b"gateward/"), "{said}");
    assert!(said.contains("it is no regular file") && said.contains("did not answer within 5 s"), "{said}");
}
