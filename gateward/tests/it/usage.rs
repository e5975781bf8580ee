//! Figures for reports.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use gateward::base::id::{InstanceId, TransactionId};
use gateward::base::time::{Clock, stored};
use gateward::flows::record::{Access, Asked, Carried, Delivery, Happened, Lines, Outcome, Recorder, What};
use gateward::server::system;
use gateward::store::Store;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::store_under_test::StoreUnderTest;
use crate::support::Installation;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Two records of GE on 2015-06-30, the second from 12:00:06.5 to 12:00:08.99, and one of XX.
const RECORDS: &[u8] = include_bytes!("../../../crates/miniseed/tests/golden/obspy.mseed");

/// GE is open until 12:00:07 of that day and restricted from then on, XX is restricted.
const INVENTORY: &str = r#"<FDSNStationXML xmlns="http://www.fdsn.org/xml/station/1" schemaVersion="1.1">
<Network code="GE"><Station code="WLF">
<Channel code="BHZ" locationCode="" startDate="2000-01-01T00:00:00" endDate="2015-06-30T12:00:07" restrictedStatus="open"/>
<Channel code="BHZ" locationCode="" startDate="2015-06-30T12:00:07" restrictedStatus="closed"/>
</Station></Network>
<Network code="XX"><Station code="A1B2C">
<Channel code="LHE" locationCode="10" startDate="2000-01-01T00:00:00" restrictedStatus="closed"/>
</Station></Network></FDSNStationXML>"#;

/// Answers any request with the records of GE, and with those of XX where it says XX.
fn upstream() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // Ends with the program: nobody connects to it after the test.
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = BufReader::new(stream.try_clone().unwrap());
            let (mut said, mut length) = (String::new(), 0);
            while request.read_line(&mut said).unwrap() > 2 {
                let last = said.lines().last().unwrap().to_ascii_lowercase();
                length = last.strip_prefix("content-length: ").map_or(length, |n| n.parse().unwrap());
            }
            request.take(length).read_to_string(&mut said).unwrap();
            let xx = if said.contains("XX") { &RECORDS[1536..2048] } else { &[] };
            let body = [&RECORDS[..1024], xx].concat();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.fdsn.mseed\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
        }
    });
    port
}

/// A door before a data service, beside the folder of the demo.
async fn data_service() -> (Installation, tempfile::NamedTempFile) {
    let inventory = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(inventory.path(), INVENTORY).unwrap();
    let more = format!(
        "[[service]]\nname = \"dataselect\"\nkind = \"fdsn\"\npath = \"/fdsnws/dataselect/1\"\n\
         upstream = \"http://127.0.0.1:{}\"\ndigest = \"gateward\"\ninventory = \"{}\"\nunlisted = \"refuse\"\n\
         [[grant]]\ngroup = \"/epos/xx\"\nservice = \"dataselect\"\nnetworks = [\"XX\"]\n",
        upstream(),
        inventory.path().display()
    );
    (Installation::with(&more).await, inventory)
}

/// What `audit usage` prints as JSON.
#[track_caller]
fn usage(door: &Installation, arguments: &[&str]) -> Vec<Value> {
    let (printed, yes) = door.command(&[&["audit", "usage", "--format", "json"], arguments].concat());
    assert!(yes, "{printed}");
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const GE: &str = "net=GE&sta=WLF&cha=BHZ&start=2015-06-30T12:00:00&end=2015-06-30T12:01:00";
const BOTH: &str = "net=GE,XX&sta=WLF,A1B2C&cha=BHZ,LHE&start=2015-01-01&end=2017-01-01";
const XX: &str = "net=XX&sta=A1B2C&cha=LHE&start=2015-01-01&end=2017-01-01";

#[tokio::test(flavor = "multi_thread")]
async fn figures_count_what_left_and_to_how_many_by_network_service_and_month() {
    let (door, _inventory) = data_service().await;
    // The demo itself made requests: they are another test's.
    door.pass(DAY);
    let since = door.now().to_string();
    let ann = [DAY, DAY * 2].map(|life| door.token("ann@example.org", "/epos/xx;/epos/demo", life));
    let ann = [door.exchange(&ann[0]).await, door.exchange(&ann[1]).await];
    let bob = door.exchange(&door.token("bob@example.org", "/epos/other", DAY)).await;
    assert_ne!(ann[0].0, ann[1].0, "two logins of one person");

    let mut connection = door.connect().await;
    let query = format!("/fdsnws/dataselect/1/query?{GE}");
    let open = connection.get(&query, None).await.unwrap();
    assert_eq!((open.status.as_u16(), open.body.len()), (200, 512), "{}", open.text());
    for ((login, password), asked, status, length) in
        [(&ann[0], BOTH, 200, 1024), (&ann[1], BOTH, 200, 1024), (&bob, GE, 200, 512), (&bob, XX, 403, 0)]
    {
        let path = format!("/fdsnws/dataselect/1/queryauth?{asked}");
        let answer = connection.get_with_digest(&path, login, password).await.unwrap();
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(status != 200 || answer.body.len() == length, "{} bytes", answer.body.len());
    }
    std::fs::write(door.path("files/large.bin"), vec![7; 1 << 20]).unwrap();
    for path in ["/files/restricted.txt", "/files/large.bin"] {
        let answer = connection.get_with_digest(path, &ann[0].0, &ann[0].1).await.unwrap();
        assert_eq!(answer.status, 200);
    }
    assert_eq!(door.fetch(&bob).await.status, 403);
    let mut door = door;
    door.stop().await;

    let small = std::fs::metadata(door.path("files/restricted.txt")).unwrap().len();
    let files = (1 << 20) + small;
    let month = &since[..7];
    let row = |key: Value, figures: [u64; 6]| {
        let [requests, anonymous, persons, bytes, refused, left_out] = figures;
        let mut row = json!({
            "requests": requests, "anonymous": anonymous, "persons": persons, "bytes": bytes,
            "refused": refused, "records_left_out": left_out,
        });
        row.as_object_mut().unwrap().extend(key.as_object().unwrap().clone());
        row
    };
    let window = ["--since", &since];
    let by = |by: &str| usage(&door, &[&["--by", by], &window[..]].concat());
    let all = [6, 1, 2, 3072 + files, 2, 4];
    assert_eq!(usage(&door, &window), [row(json!({}), all)]);
    assert_eq!(by("month"), [row(json!({ "month": month }), all)]);
    assert_eq!(
        by("service"),
        [
            row(json!({ "service": "dataselect" }), [4, 1, 2, 3072, 1, 4]),
            row(json!({ "service": "files" }), [2, 0, 1, files, 1, 0]),
        ]
    );
    assert_eq!(
        by("network"),
        [
            row(json!({ "network": null }), [2, 0, 1, files, 2, 4]),
            row(json!({ "network": "GE" }), [4, 1, 2, 2048, 0, 0]),
            row(json!({ "network": "XX" }), [2, 0, 1, 1024, 0, 0]),
        ]
    );
    assert_eq!(
        by("month,network")[1],
        row(json!({ "month": month, "network": "GE" }), [4, 1, 2, 2048, 0, 0])
    );
    let (table, _) = door.command(&["audit", "usage", "--by", "service,network", "--since", &since]);
    let drawn = format!(
        "service     network  requests  anonymous  persons    bytes  refused  records_left_out\n\
         dataselect  -               0          0        0        0        1                 4\n\
         dataselect  GE              4          1        2     2048        0                 0\n\
         dataselect  XX              2          0        1     1024        0                 0\n\
         files       -               2          0        1  {files}        1                 0\n"
    );
    assert_eq!(table, drawn);
    // Nothing in them names anybody.
    let printed = table + &Value::from(by("network")).to_string();
    for name in ["ann", "bob", "127.0.0.1", &ann[0].0, &bob.0] {
        assert!(!printed.contains(name), "{name}: {printed}");
    }
    for event in door.bodies("exchanged") {
        assert!(!printed.contains(event["subject"].as_str().unwrap()), "{printed}");
    }
}

/// Writes events at times of its own into the log of an installation.
struct Log {
    recorder: Recorder,
    database: StoreUnderTest,
    now: Arc<Mutex<Timestamp>>,
}

impl Log {
    async fn of(door: &Installation) -> Self {
        let now = Arc::new(Mutex::new(door.now()));
        let clock = Arc::clone(&now);
        let clock = Clock::new(move || Ok(*clock.lock().unwrap()));
        let store = Store::open(&door.store(), clock).await.unwrap();
        let instance = InstanceId::new(door.now(), &system::random());
        let recorder = Recorder::new(store.writer, system::random(), instance);
        Self { recorder, database: door.database(), now }
    }

    async fn write(&self, at: &str, transaction: TransactionId, what: What) {
        let at = at.parse().unwrap();
        *self.now.lock().unwrap() = at;
        self.database.stop_clock_at(&stored(at));
        let happened = Happened {
            service: Some("availability".parse().unwrap()),
            transaction: Some(transaction),
            outcome: Outcome::Done,
            ..Happened::done(what)
        };
        self.recorder.commit(None, Vec::new(), &[happened], at).await.unwrap();
    }
}

fn transaction() -> TransactionId {
    TransactionId::new(system::wall_clock(), &system::random())
}

/// Somebody asked for these lines.
fn access(person: &str, lines: &[&str]) -> Access {
    let asked = Lines {
        asked: lines.iter().map(|line| (*line).to_owned()).collect(),
        asked_lines: lines.len() as u64,
        forwarded_lines: lines.len() as u64,
        left_out: Vec::new(),
    };
    Access {
        method: "GET".into(),
        path: "query".into(),
        grant: "open".into(),
        subject: Some(person.into()),
        node: None,
        by: Some("digest"),
        openhim_client: None,
        openhim_transaction: None,
        asked: Some(Asked::Lines(asked)),
    }
}

fn carried(bytes: u64) -> Carried {
    Carried {
        status: 200,
        bytes,
        bytes_up: None,
        duration_us: 1,
        delivery: Delivery::Complete,
        inspected: None,
        detail: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_counts_once_in_the_month_in_which_its_answer_ended() {
    let mut door = Installation::open().await;
    door.stop().await;
    let log = Log::of(&door).await;
    let (first, running) = (transaction(), transaction());
    log.write("2031-01-31T23:59:59Z", first, What::Admitted(access("ann", &[]))).await;
    log.write("2031-02-01T00:00:01Z", first, What::Ended(carried(7))).await;
    log.write(
        "2031-02-02T00:00:00Z",
        transaction(),
        What::Released { access: access("bob", &[]), carried: carried(5) },
    )
    .await;
    log.write("2031-02-28T23:59:59Z", running, What::Admitted(access("eve", &[]))).await;
    let figures = |arguments: &[&str]| {
        let rows = usage(&door, &[&["--by", "month"], arguments].concat());
        let row = |row: &Value| {
            ["requests", "anonymous", "persons", "bytes"].map(|name| row[name].as_u64().unwrap())
        };
        rows.iter().map(|one| (one["month"].as_str().unwrap().to_owned(), row(one))).collect::<Vec<_>>()
    };
    let february = ("2031-02".to_owned(), [2, 0, 2, 12]);
    assert_eq!(figures(&["--since", "2031-01-01"]), std::slice::from_ref(&february));
    // Also where the beginning of the request is before the time that is looked at.
    assert_eq!(figures(&["--since", "2031-02-01", "--until", "2031-03-01"]), std::slice::from_ref(&february));
    log.write("2031-03-01T00:00:01Z", running, What::Ended(carried(1))).await;
    let march = ("2031-03".to_owned(), [1, 0, 1, 1]);
    assert_eq!(figures(&["--since", "2031-01-01"]), [february, march]);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_looked_into_an_answer_the_one_network_that_was_asked_for_has_it() {
    let mut door = Installation::open().await;
    door.stop().await;
    let log = Log::of(&door).await;
    for (lines, bytes) in [
        (&["network=GE&station=*", "network=GE&station=WLF"][..], 1),
        (&["network=GE"], 2),
        (&["network=GE"], 0),
        (&["network=GE", "network=FR"], 10),
        (&["network=GE,FR&station=*"], 20),
        (&["network=G*"], 40),
        (&["station=WLF"], 80),
        (&[], 100),
    ] {
        let what = What::Released { access: access("ann", lines), carried: carried(bytes) };
        log.write("2031-01-01T00:00:00Z", transaction(), what).await;
    }
    let mut many = access("ann", &["network=GE"]);
    let Some(Asked::Lines(lines)) = many.asked.as_mut() else { panic!("it asks for data") };
    lines.asked_lines = 21;
    log.write("2031-01-01T00:00:00Z", transaction(), What::Released { access: many, carried: carried(200) })
        .await;
    let rows = usage(&door, &["--by", "network", "--since", "2031-01-01"]);
    let rows: Vec<_> = rows.iter().map(|row| (&row["network"], &row["requests"], &row["bytes"])).collect();
    assert_eq!(rows, [(&Value::Null, &7.into(), &450.into()), (&"GE".into(), &2.into(), &3.into())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_beyond_the_first_ten_of_a_flood_count_too() {
    let mut door = Installation::open().await;
    let login = door.exchange(&door.token("a@example.org", "/epos/other", DAY)).await;
    for _ in 0..15 {
        assert_eq!(door.fetch(&login).await.status, 403);
    }
    // Garbage at the exchange is no request.
    for _ in 0..15 {
        assert_eq!(door.connect().await.post("/auth", "garbage").await.unwrap().status, 400);
    }
    door.stop().await;
    let rows = usage(&door, &["--by", "service"]);
    let refused: Vec<_> = rows.iter().map(|row| (&row["service"], &row["refused"])).collect();
    // The demo was refused once itself.
    let before = door.bodies("request_refused").len() as u64 - 10;
    assert_eq!(refused, [(&Value::Null, &5.into()), (&"files".into(), &(10 + before).into())]);
}
