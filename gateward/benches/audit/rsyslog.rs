//! Debian's rsyslogd: TLS with client certificates in, rows of PostgreSQL out.

use std::path::Path;
use std::process::{Command, Stdio};

use tokio_postgres::{Client, NoTls};

use crate::certificates::Certificates;
use crate::cluster::Cluster;
use crate::cluster::ports::free_port;
use crate::measuring::argument;
use crate::process::Process;
use crate::{Outcome, raw};

/// One that listens, and a look into its table.
pub struct Rsyslog {
    pub port: u16,
    pub process: Process,
    database: Client,
}

/// The table as Debian's rsyslog-pgsql makes it.
const TABLE: &str = "CREATE TABLE systemevents (
    id serial NOT NULL PRIMARY KEY, customerid bigint, receivedat timestamp without time zone NULL,
    devicereportedtime timestamp without time zone NULL, facility smallint NULL, priority smallint NULL,
    fromhost varchar(60) NULL, message text, ntseverity int NULL, importance int NULL, eventsource varchar(60),
    eventuser varchar(60) NULL, eventcategory int NULL, eventid int NULL, eventbinarydata text NULL,
    maxavailable int NULL, currusage int NULL, minusage int NULL, maxusage int NULL, infounitid int NULL,
    syslogtag varchar(60), eventlogtype varchar(60), genericfilename varchar(60), systemid int NULL)";

impl Rsyslog {
    /// Starts one that writes to a fresh database of `cluster`: by its own statement, in batches, by two workers.
    pub async fn start(dir: &Path, cluster: &Cluster, certificates: &Certificates) -> Outcome<Self> {
        std::fs::create_dir(dir)?;
        let name = cluster.database("rsyslog");
        let (database, connection) = raw::config(cluster, &name).connect(NoTls).await?;
        tokio::spawn(connection);
        database.batch_execute(TABLE).await?;
        let port = free_port();
        let driver = argument("DRIVER").unwrap_or_else(|| "gtls".to_owned());
        let Certificates { ca, server: [certificate, key], .. } = certificates;
        let configuration = format!(
            "global(workDirectory=\"{home}\" maxMessageSize=\"64k\" DefaultNetstreamDriver=\"{driver}\"\n\
             DefaultNetstreamDriverCAFile=\"{ca}\" DefaultNetstreamDriverCertFile=\"{certificate}\"\n\
             DefaultNetstreamDriverKeyFile=\"{key}\")\n\
             main_queue(queue.type=\"LinkedList\" queue.size=\"100000\" queue.dequeueBatchSize=\"1024\"\n\
             queue.workerThreads=\"{workers}\" queue.workerThreadMinimumMessages=\"2000\")\n\
             module(load=\"imtcp\" StreamDriver.Name=\"{driver}\" StreamDriver.Mode=\"1\"\n\
             StreamDriver.AuthMode=\"x509/name\" PermittedPeer=[\"node-0\"])\n\
             module(load=\"ompgsql\")\n\
             input(type=\"imtcp\" port=\"{port}\" address=\"127.0.0.1\")\n\
             action(type=\"ompgsql\" server=\"{server}\" port=\"{server_port}\" db=\"{name}\" uid=\"{role}\" pass=\"\")\n",
            home = dir.display(),
            ca = ca.display(),
            certificate = certificate.display(),
            key = key.display(),
            workers = argument("WORKERS").unwrap_or_else(|| "2".to_owned()),
            server = cluster.socket_folder().display(),
            server_port = cluster.address().port(),
            role = crate::cluster::ROLE,
        );
        let file = dir.join("rsyslog.conf");
        std::fs::write(&file, configuration)?;
        let log = dir.join("log");
        let mut rsyslogd = Command::new("/usr/sbin/rsyslogd");
        rsyslogd.arg("-n").arg("-f").arg(&file).arg("-i").arg(dir.join("pid")).stdin(Stdio::null());
        let said = std::fs::File::create(&log)?;
        rsyslogd.stdout(said.try_clone()?).stderr(said);
        Ok(Self { port, process: Process::once_open(rsyslogd.spawn()?, port, &log)?, database })
    }

    /// How many messages there are in its table.
    pub async fn kept(&self) -> Outcome<i64> {
        Ok(self.database.query_one("SELECT count(*) FROM systemevents", &[]).await?.get(0))
    }

    /// Empties the table, so that counting stays cheap.
    pub async fn forget(&self) -> Outcome<()> {
        Ok(self.database.batch_execute("TRUNCATE systemevents").await?)
    }
}
