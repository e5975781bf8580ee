//! What an upstream keeps waiting for leaves only to whoever may still have it.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;

use jiff::SignedDuration;

use crate::support::Installation;

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_after_its_caller_s_time_stays_here() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = listener.local_addr().unwrap();
    let (asked, is_asked) = mpsc::channel();
    let (go, may_go) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            drop(stream.read(&mut [0; 4096]));
            asked.send(()).unwrap();
            may_go.recv().unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate").unwrap();
        }
    });
    let service = format!(
        "[[service]]\nname = \"late\"\nkind = \"plain\"\npath = \"/late\"\nupstream = \"http://{upstream}\"\n\
         require = [\"login\"]\n[[grant]]\ngroup = \"/epos/demo\"\nservice = \"late\"\n"
    );
    let door = Installation::with(&service).await;
    let login =
        door.exchange(&door.token("a@example.org", "/epos/demo", SignedDuration::from_hours(1))).await;
    for (passes, status) in [(30, 200), (30, 401)] {
        let mut connection = door.connect().await;
        let ours = login.clone();
        let waiting =
            tokio::spawn(
                async move { connection.get_with_digest("/late/x", &ours.0, &ours.1).await.unwrap() },
            );
        tokio::task::block_in_place(|| is_asked.recv().unwrap());
        door.pass(SignedDuration::from_mins(passes));
        go.send(()).unwrap();
        assert_eq!(waiting.await.unwrap().status, status);
    }
    assert_eq!(door.bodies("released").iter().filter(|body| body["service"] == "late").count(), 1);
}
