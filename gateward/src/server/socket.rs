//! What a listener listens on: a port, or a Unix socket that is there only while somebody listens.

use std::fs::Permissions;
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixStream};

use super::peer::Peer;
use crate::config::Listen;

/// Who may connect to a Unix socket: its owner and its group.
const MODE: u32 = 0o660;

/// What bytes travel on.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// An open socket.
#[derive(Debug)]
pub enum Socket {
    /// On a port.
    Tcp(TcpListener),
    /// On a file, which goes before the socket does.
    Unix(#[expect(dead_code, reason = "held, never read")] SocketFile, UnixListener),
}

impl Socket {
    /// Begins to listen; returns where, too, because port 0 is any free one.
    ///
    /// # Errors
    ///
    /// The operator's to mend: the place is taken, not there, or forbidden.
    pub async fn bind(listen: &Listen) -> std::io::Result<(Self, Listen)> {
        match listen {
            Listen::Address(address) => {
                let (socket, bound) = Self::bind_address(*address).await?;
                Ok((socket, Listen::Address(bound)))
            }
            Listen::Unix(path) => {
                let (file, listener) = bind_unix(path).await?;
                Ok((Self::Unix(file, listener), listen.clone()))
            }
        }
    }

    /// Begins to listen on a port; returns which.
    ///
    /// # Errors
    ///
    /// As for [`Socket::bind`].
    pub async fn bind_address(address: SocketAddr) -> std::io::Result<(Self, SocketAddr)> {
        let listener = TcpListener::bind(address).await?;
        let bound = listener.local_addr()?;
        Ok((Self::Tcp(listener), bound))
    }

    /// Waits for the next connection.
    pub async fn accept(&self) -> std::io::Result<(Box<dyn Wire>, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, from) = listener.accept().await?;
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection was gone before it began");
                }
                Ok((Box::new(stream), Peer::Ip(from.ip())))
            }
            Self::Unix(_, listener) => {
                let (stream, _) = listener.accept().await?;
                let uid = stream.peer_cred().map(|credentials| credentials.uid()).ok();
                Ok((Box::new(stream), Peer::Unix(uid)))
            }
        }
    }
}

/// Listens at `path`, in place of a socket that a dead server left there.
///
/// The socket is made beside its place and moved there when only those may connect who shall. A
/// crash in between leaves `PATH.new`, which the next start removes.
async fn bind_unix(path: &Path) -> std::io::Result<(SocketFile, UnixListener)> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    if !folder.is_dir() {
        let reason = format!("there is no folder {}: make it, for whom the server runs as", folder.display());
        return Err(Error::new(ErrorKind::NotFound, reason));
    }
    refuse_if_taken(path).await?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    refuse_if_taken(&beside).await?;
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&beside)?;
    std::fs::set_permissions(&beside, Permissions::from_mode(MODE))?;
    let file = SocketFile { path: path.to_owned(), inode: std::fs::metadata(&beside)?.ino() };
    std::fs::rename(&beside, path)?;
    Ok((file, listener))
}

/// Refuses a path where somebody listens, or where something else lies than a socket.
async fn refuse_if_taken(path: &Path) -> std::io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(there) if !there.file_type().is_socket() => {
            let reason = format!("{} is there already and no socket", path.display());
            return Err(Error::new(ErrorKind::AlreadyExists, reason));
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path).await {
        Ok(_) => Err(Error::new(ErrorKind::AddrInUse, "another server listens there")),
        // A dead server's.
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The file of a Unix socket, removed when nobody listens any more.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody else's by now: theirs to remove.
        let ours = std::fs::symlink_metadata(&self.path).is_ok_and(|there| there.ino() == self.inode);
        if !ours {
            return;
        }
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "a socket could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own, and the place of a socket in it.
    fn place() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("http.sock");
        (folder, path)
    }

    async fn bind(path: &Path) -> std::io::Result<Socket> {
        Socket::bind(&Listen::Unix(path.to_owned())).await.map(|(socket, _)| socket)
    }

    fn names(folder: &tempfile::TempDir) -> Vec<String> {
        let entries = std::fs::read_dir(folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[tokio::test]
    async fn a_socket_is_for_owner_and_group_and_goes_with_its_server() {
        let (folder, path) = place();
        let socket = bind(&path).await.unwrap();
        let there = std::fs::metadata(&path).unwrap();
        assert!(there.file_type().is_socket());
        assert_eq!(there.permissions().mode() & 0o777, 0o660);
        assert_eq!(names(&folder), ["http.sock"]);
        let (_, connected) = tokio::join!(socket.accept(), UnixStream::connect(&path));
        connected.unwrap();
        drop(socket);
        assert_eq!(names(&folder), [""; 0]);
    }

    #[tokio::test]
    async fn a_dead_servers_socket_is_replaced_and_a_living_ones_is_not() {
        let (folder, path) = place();
        // Neither is removed by the standard library: what a killed server leaves.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        drop(std::os::unix::net::UnixListener::bind(folder.path().join("http.sock.new")).unwrap());
        let living = bind(&path).await.unwrap();
        let refused = bind(&path).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::AddrInUse, "{refused}");
        let (_, connected) = tokio::join!(living.accept(), UnixStream::connect(&path));
        connected.unwrap();
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_alone() {
        let (_folder, path) = place();
        std::fs::write(&path, "precious").unwrap();
        let refused = bind(&path).await.unwrap_err();
        assert!(refused.to_string().contains("no socket"), "{refused}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_missing_folder_is_named() {
        let (folder, _) = place();
        let refused = bind(&folder.path().join("run/http.sock")).await.unwrap_err();
        assert!(refused.to_string().contains("run: make it"), "{refused}");
    }

    #[tokio::test]
    async fn a_socket_that_another_server_put_in_its_place_stays() {
        let (_folder, path) = place();
        let first = bind(&path).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        let second = bind(&path).await.unwrap();
        drop(first);
        assert!(path.exists());
        drop(second);
        assert!(!path.exists());
    }
}
