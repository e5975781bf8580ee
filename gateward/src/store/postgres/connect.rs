//! Opening a connection to a PostgreSQL server: TLS, the password from its file, and the session's
//! settings.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::error::Severity;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::base::postgres_url::{Host, PostgresUrl};
use crate::base::secret::{Secret, is_open_to_everybody};

/// How long one server may take until we are logged in; then the next one is asked.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(2);

/// How long what we sent may stay unacknowledged before the connection is given up (RFC 5482).
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection is silent before it is asked whether the other side is still there.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// Why there is no connection: the operator's, and it may pass.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file that the URL names.
    #[error("{path}: {reason}")]
    File {
        /// Which.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Somebody answered the call and said nothing.
    #[error("no server answered and let us in within {0} s")]
    Silent(u64),
    /// The server, or the way to it.
    #[error("{}", described(.0))]
    Server(#[from] tokio_postgres::Error),
}

impl Error {
    /// Says it with the name of the server that did not let us in, or of the file.
    pub(in crate::store) fn at(&self, url: &PostgresUrl) -> String {
        match self {
            Self::File { .. } => self.to_string(),
            Self::Silent(_) | Self::Server(_) => format!("{}: {self}", url.servers()),
        }
    }
}

/// Says what PostgreSQL said, which its own `Display` leaves out.
pub(in crate::store) fn described(error: &tokio_postgres::Error) -> String {
    use std::error::Error as _;
    match (error.as_db_error(), error.source()) {
        (Some(server), _) => match server.hint() {
            Some(hint) => format!("{} ({}; {hint})", server.message(), server.code().code()),
            None => format!("{} ({})", server.message(), server.code().code()),
        },
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}

/// A database that connections can be opened to; cheap to clone.
#[derive(Clone)]
pub(in crate::store) struct Server {
    url: Arc<PostgresUrl>,
    config: Config,
    tls: Option<MakeRustlsConnect>,
    password: Option<Secret>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Server").field(&self.url).finish()
    }
}

impl Server {
    /// Prepares connections to `url`, whose sessions start with `settings` (`name=value`).
    ///
    /// # Errors
    ///
    /// [`Error::File`]: the certificates to verify the server by cannot be read.
    pub fn new(url: &PostgresUrl, settings: &[&str]) -> Result<Self, Error> {
        let tls = url.root_certificates.as_deref().map(verifying).transpose()?;
        let mut config = Config::new();
        config
            .dbname(&url.database)
            .application_name("gateward")
            .connect_timeout(LOGIN_TIMEOUT)
            .tcp_user_timeout(TCP_USER_TIMEOUT)
            .keepalives_idle(KEEPALIVE)
            .keepalives_interval(KEEPALIVE)
            .keepalives_retries(2)
            .options(settings.iter().map(|setting| format!("-c {setting}")).collect::<Vec<_>>().join(" "))
            .ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        if let Some(user) = &url.user {
            config.user(user);
        }
        if url.read_write {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        Ok(Self { url: Arc::new(url.clone()), config, tls, password: None })
    }

    /// Takes a password that stands elsewhere than in the URL's file.
    pub fn with_password(self, password: Option<Secret>) -> Self {
        Self { password, ..self }
    }

    /// Opens a connection to the first of the servers that lets us in.
    ///
    /// The password is read anew each time, so that a changed one needs no restart.
    ///
    /// # Errors
    ///
    /// [`Error`], of the last server.
    pub async fn connect(&self) -> Result<Connection, Error> {
        let mut config = self.config.clone();
        if let Some(secret) = &self.password {
            config.password(secret.expose());
        } else if let Some(path) = &self.url.password_file {
            config.password(password(path).await?);
        }
        let silent = || Err(Error::Silent(LOGIN_TIMEOUT.as_secs()));
        let mut ended = silent();
        for (host, port) in &self.url.hosts {
            let mut config = config.clone();
            config.port(*port);
            let addresses = match host {
                Host::Socket(folder) => {
                    config.host_path(folder);
                    vec![None]
                }
                Host::Tcp(name) => {
                    config.host(name);
                    addresses(name, *port).await.into_iter().map(Some).collect()
                }
            };
            for address in addresses {
                let mut config = config.clone();
                if let Some(address) = address {
                    config.hostaddr(address);
                }
                // A server that takes the call and then says nothing is not there either.
                let logged_in = timeout(LOGIN_TIMEOUT, Box::pin(self.log_in(&config))).await;
                ended = logged_in.unwrap_or_else(|_| silent());
                if ended.is_ok() {
                    return ended;
                }
            }
        }
        ended
    }

    async fn log_in(&self, config: &Config) -> Result<Connection, Error> {
        Ok(if let Some(tls) = &self.tls {
            let (client, connection) = config.connect(tls.clone()).await?;
            Connection::driving(client, connection)
        } else {
            let (client, connection) = config.connect(NoTls).await?;
            Connection::driving(client, connection)
        })
    }
}

/// Reads the password from its file; refuses one that everybody can read.
pub(in crate::store) async fn password(path: &Path) -> Result<String, Error> {
    let file = |reason: String| Error::File { path: path.display().to_string(), reason };
    let metadata = tokio::fs::metadata(path).await.map_err(|error| file(error.to_string()))?;
    if is_open_to_everybody(&metadata) {
        return Err(file("it can be read by everybody on this machine: chmod o-rwx it".into()));
    }
    let text = tokio::fs::read_to_string(path).await.map_err(|error| file(error.to_string()))?;
    let password = text.lines().next().filter(|line| !line.is_empty());
    Ok(password.ok_or_else(|| file("its first line should be the password".into()))?.to_owned())
}

/// Returns the addresses of `name`, each of which is given its own time; none while it has none.
async fn addresses(name: &str, port: u16) -> Vec<IpAddr> {
    match timeout(LOGIN_TIMEOUT, tokio::net::lookup_host((name, port))).await {
        Ok(Ok(addresses)) => addresses.map(|address| address.ip()).collect(),
        Ok(Err(error)) => {
            tracing::debug!(name, %error, "a name of PostgreSQL's server has no address");
            Vec::new()
        }
        Err(_) => Vec::new(),
    }
}

/// How many statements a connection keeps prepared.
const MOST_PREPARED: usize = 256;

/// A connection with the statements that it has prepared; it ends when this is dropped, whatever
/// the other side does.
#[derive(Debug)]
pub(in crate::store) struct Connection {
    pub client: Client,
    driver: JoinHandle<()>,
    prepared: HashMap<String, Statement>,
    warned: Arc<AtomicBool>,
}

impl Connection {
    fn driving<S, T>(client: Client, connection: tokio_postgres::Connection<S, T>) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let warned = Arc::new(AtomicBool::new(false));
        let driver = tokio::spawn(driven(connection, Arc::clone(&warned)));
        Self { client, driver, prepared: HashMap::new(), warned }
    }

    /// Commits. `Ok` means that the server says so without a word of doubt.
    ///
    /// # Errors
    ///
    /// Whether it is committed is not known, and why.
    pub async fn commit(&self) -> Result<(), String> {
        // What the server warned of when we logged in is not about this.
        self.warned.store(false, Ordering::Relaxed);
        self.client.batch_execute("COMMIT").await.map_err(|error| described(&error))?;
        if self.warned.load(Ordering::Relaxed) {
            // Somebody cancelled the wait for the standby: committed here, and perhaps nowhere else.
            return Err("the server warns that its commit is not on the standby".into());
        }
        Ok(())
    }

    /// Prepares `sql`, whose parameters are `?1`, `?2` and so on; once for each connection.
    ///
    /// # Errors
    ///
    /// What PostgreSQL says to it.
    pub async fn prepare(&mut self, sql: &str) -> Result<Statement, tokio_postgres::Error> {
        if let Some(prepared) = self.prepared.get(sql) {
            return Ok(prepared.clone());
        }
        let prepared = self.client.prepare(&sql.replace('?', "$")).await?;
        // What is dropped is forgotten by the server, too. Searches of the log are of any form.
        if self.prepared.len() >= MOST_PREPARED {
            self.prepared.clear();
        }
        self.prepared.insert(sql.to_owned(), prepared.clone());
        Ok(prepared)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // A server that hangs would keep the driver waiting for its answer.
        self.driver.abort();
    }
}

/// Drives a connection to its end, noting the server's warnings. Whoever waits for an answer is told
/// why it ended.
async fn driven<S, T>(mut connection: tokio_postgres::Connection<S, T>, warned: Arc<AtomicBool>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = std::future::poll_fn(|context| connection.poll_message(context)).await {
        match message {
            // Not by its name, which is in the server's language.
            Ok(AsyncMessage::Notice(notice)) if notice.parsed_severity() == Some(Severity::Warning) => {
                tracing::warn!(warning = notice.message(), "from PostgreSQL");
                warned.store(true, Ordering::Relaxed);
            }
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(error = described(&error), "a connection to PostgreSQL ended");
                return;
            }
        }
    }
}

/// Verifies servers by the certificates in the file at `path`, by their name and their chain.
fn verifying(path: &Path) -> Result<MakeRustlsConnect, Error> {
    let wrong = |reason: String| Error::File { path: path.display().to_string(), reason };
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))? {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("it holds no certificates".into()));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
