//! No password of a database and no key of an object store stands where others look: arguments, environments,
//! output, log, files.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::cluster::Cluster;
use crate::onlooker::Onlooker;
use crate::shared_keys::Keys;
use crate::site::{Running, Site};

const DATABASE_PASSWORD: &str = "xO4-of-the-database-Vt1";
const OBJECT_STORE_ID: &str = "ID-OF-THE-STORE";
const OBJECT_STORE_SECRET: &str = "9qP-of-the-object-store-7Zu";
const ROLE: &str = "with_a_secret";

/// Somebody who lets nobody in, after a while, and keeps what was said.
fn doorkeeper() -> (SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, heard) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
    let keeps = Arc::clone(&heard);
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (mut connection, mut buffer) = (connection.unwrap(), [0; 8192]);
            let read = connection.read(&mut buffer).unwrap_or(0);
            keeps.lock().unwrap().extend_from_slice(&buffer[..read]);
            std::thread::sleep(Duration::from_millis(500));
            let body = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>";
            let answer = format!(
                "HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            // It may be gone already.
            drop(connection.write_all(format!("{answer}{body}").as_bytes()));
        }
    });
    (address, heard)
}

#[test]
fn nobody_who_looks_on_finds_a_password_or_a_key() {
    let (site, cluster, keys) = (Site::make(), Cluster::shared(), Keys::shared());
    cluster.psql("postgres", &format!("CREATE ROLE {ROLE} LOGIN PASSWORD '{DATABASE_PASSWORD}'"));
    let database = cluster.database_of(ROLE, "secretive");
    cluster.psql(
        &database,
        &format!("CREATE TABLE t AS SELECT repeat(md5(n::text), 9) FROM generate_series(1, 20000) AS n; ALTER TABLE t OWNER TO {ROLE}"),
    );
    let password = site.folder().write("database.password", &format!("{DATABASE_PASSWORD}\n"));
    let url =
        format!("postgres://{ROLE}@{}/{database}?password_file={}", cluster.address(), password.display());
    let credentials = site.folder().write("s3.key", &format!("{OBJECT_STORE_ID}\n{OBJECT_STORE_SECRET}\n"));
    let (address, heard) = doorkeeper();
    site.job_as(&format!(
        "name = \"both\"\ndatabase = \"{url}\"\nformat = \"plain\"\nrecipients = [\"{}\"]\nfolder = \"backups\"\n\
         s3 = {{ endpoint = \"http://{address}\", bucket = \"backups\", credentials = \"s3.key\" }}",
        keys.curve.fingerprint
    ));

    let secrets = [DATABASE_PASSWORD, OBJECT_STORE_SECRET];
    let processes = Onlooker::of_processes(&secrets);
    let files = Onlooker::of_files(&secrets, &site.path(""), &[password, credentials]);
    let run = Running::start(site.command(&["backup", "run"]).env("GATEWARD_LOG", "trace"));
    let said = run.finish();
    let (processes, files) = (processes.saw(), files.saw());

    // The folder has it, the object store has not: the run was a whole one, and failed for that alone.
    assert_eq!(said.status, Some(1), "{}{}", said.out, said.err);
    assert!(said.err.contains("AccessDenied"), "{}", said.err);
    assert!(String::from_utf8(keys.decrypt(&site.the_backup())).unwrap().contains("COPY public.t"));
    let dumps = |arguments: &&String| arguments.contains("pg_dump") && arguments.contains("--snapshot");
    assert!(processes.arguments.iter().any(|arguments| dumps(&arguments)), "nobody saw pg_dump");
    let heard = heard.lock().unwrap().clone();
    let heard = String::from_utf8_lossy(&heard);
    assert!(heard.contains(OBJECT_STORE_ID), "{heard}");

    assert!(processes.processes.is_empty(), "{:?}", processes.processes);
    assert!(files.files.is_empty(), "{:?}", files.files);
    for secret in secrets {
        for text in [&said.out, &said.err, &heard.clone().into_owned()] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
