//! Upstream `dir:`: files of one folder, with ranges and conditions (RFC 9110 sections 13, 14).
//!
//! The folder is a capability: a name is resolved below it by the kernel (`openat2` with
//! `RESOLVE_BENEATH`), so no traversal and no symbolic link leads out of it. Folders are not
//! listed; what is no regular file is not there.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, IF_MATCH,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use nix::errno::Errno;

use super::found::{Content, Found, Source, WHOLE};
use crate::flows::admit::Permit;
use crate::flows::kind::Named;

/// A folder that is served.
#[derive(Debug, Clone)]
pub struct Folder(Arc<Dir>);

impl Folder {
    /// Opens the folder.
    ///
    /// # Errors
    ///
    /// It is not there, or nobody may read it.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        Dir::open_ambient_dir(path, ambient_authority()).map(|dir| Self(Arc::new(dir)))
    }

    /// Looks up what `permit` permits to read; runs where it may block.
    ///
    /// # Errors
    ///
    /// The file system failed; a file that is not there is an answer, not an error.
    pub async fn find(&self, permit: &Permit, method: &Method, asked: &HeaderMap) -> std::io::Result<Found> {
        let dir = Arc::clone(&self.0);
        let (name, method, asked) = (permit.what().to_owned(), method.clone(), asked.clone());
        tokio::task::spawn_blocking(move || find(&dir, &name, &method, &asked))
            .await
            .unwrap_or_else(|error| Err(error.into()))
    }
}

fn find(dir: &Dir, name: &str, method: &Method, asked: &HeaderMap) -> std::io::Result<Found> {
    let Some(file) = open(dir, name)? else {
        return Ok(Found::plain(StatusCode::NOT_FOUND, "There is no such file.\n"));
    };
    let metadata = file.metadata()?;
    let length = metadata.len();
    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    let state = State::of(length, modified);
    let fields = state.fields(name);
    let found = |status, fields, content| Found { status, fields, content, named: Named::default() };
    if !state.is_wanted(asked) {
        return Ok(Found::plain(StatusCode::PRECONDITION_FAILED, "The file has changed.\n"));
    }
    if state.is_known(asked) {
        return Ok(found(StatusCode::NOT_MODIFIED, fields, Content::Whole(Bytes::new(), None)));
    }
    let range = match state.range(asked, method) {
        Range::All => None,
        Range::Part(first, last) => Some((first, last)),
        Range::Unsatisfiable => {
            let mut found = Found::plain(StatusCode::RANGE_NOT_SATISFIABLE, "The file is not that long.\n");
            found.fields.insert(CONTENT_RANGE, text(format!("bytes */{length}")));
            return Ok(found);
        }
    };
    let (status, first, size) = match range {
        None => (StatusCode::OK, 0, length),
        Some((first, last)) => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
    };
    let mut fields = fields;
    if let Some((first, last)) = range {
        fields.insert(CONTENT_RANGE, text(format!("bytes {first}-{last}/{length}")));
    }
    fields.insert(CONTENT_LENGTH, size.into());
    if method == Method::HEAD {
        return Ok(found(status, fields, Content::Whole(Bytes::new(), None)));
    }
    let mut file = file;
    file.seek(SeekFrom::Start(first))?;
    let content = if size <= WHOLE {
        let mut bytes = Vec::new();
        file.take(size).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != size {
            return Err(std::io::Error::other("the file shrank while it was read"));
        }
        Content::Whole(bytes.into(), None)
    } else {
        Content::Running(Source::file(file, size))
    };
    Ok(found(status, fields, content))
}

/// Opens a regular file below `dir`; `None` for everything that is not there for the caller.
fn open(dir: &Dir, name: &str) -> std::io::Result<Option<File>> {
    let name = name.trim_start_matches('/');
    if name.is_empty() || name.ends_with('/') {
        return Ok(None);
    }
    // Not blocking: opening a named pipe would wait for its writer.
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits());
    let file = match dir.open_with(name, &options) {
        Ok(file) => file.into_std(),
        Err(error) => {
            use std::io::ErrorKind::{
                InvalidFilename, InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied,
            };
            let hidden =
                [NotFound, PermissionDenied, NotADirectory, IsADirectory, InvalidInput, InvalidFilename]
                    .contains(&error.kind());
            // A socket or a pipe; links that lead in a circle.
            let odd =
                [Errno::ENXIO, Errno::ELOOP].map(|errno| Some(errno as i32)).contains(&error.raw_os_error());
            return if hidden || odd { Ok(None) } else { Err(error) };
        }
    };
    Ok(file.metadata()?.is_file().then_some(file))
}

impl Found {
    fn plain(status: StatusCode, said: &'static str) -> Self {
        let mut fields = HeaderMap::new();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let content = Content::Whole(Bytes::from_static(said.as_bytes()), None);
        Self { status, fields, content, named: Named::default() }
    }
}

fn text(value: String) -> HeaderValue {
    HeaderValue::try_from(value).expect("digits, letters and quotes are a field value")
}

/// The validators of a file (RFC 9110 section 8.8).
struct State {
    length: u64,
    /// In whole seconds, as HTTP dates have it.
    modified: SystemTime,
    tag: String,
}

/// What part of a file is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Range {
    All,
    Part(u64, u64),
    Unsatisfiable,
}

impl State {
    fn of(length: u64, modified: SystemTime) -> Self {
        let since = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let seconds = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(since.as_secs());
        Self { length, modified: seconds, tag: format!("\"{:x}-{length:x}\"", since.as_nanos()) }
    }

    fn fields(&self, name: &str) -> HeaderMap {
        let kind = mime_guess::from_path(name).first_raw().unwrap_or("application/octet-stream");
        let mut fields = HeaderMap::new();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        fields.insert(ETAG, text(self.tag.clone()));
        fields.insert(LAST_MODIFIED, text(httpdate::fmt_http_date(self.modified)));
        fields.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
        fields
    }

    /// RFC 9110 section 13.2.2, steps 1 and 2.
    fn is_wanted(&self, asked: &HeaderMap) -> bool {
        if asked.contains_key(IF_MATCH) {
            return self.has_tag(asked, &IF_MATCH);
        }
        date(asked, &IF_UNMODIFIED_SINCE).is_none_or(|date| self.modified <= date)
    }

    /// RFC 9110 section 13.2.2, steps 3 and 4.
    fn is_known(&self, asked: &HeaderMap) -> bool {
        if asked.contains_key(IF_NONE_MATCH) {
            return self.has_tag(asked, &IF_NONE_MATCH);
        }
        date(asked, &IF_MODIFIED_SINCE).is_some_and(|date| self.modified <= date)
    }

    fn has_tag(&self, asked: &HeaderMap, field: &HeaderName) -> bool {
        let values = asked.get_all(field).iter().filter_map(|value| value.to_str().ok());
        let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
        tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.tag)
    }

    /// RFC 9110 section 14.2: one range of bytes; several, or another unit, are the whole file.
    fn range(&self, asked: &HeaderMap, method: &Method) -> Range {
        let still_valid = match asked.get(IF_RANGE).map(|value| value.to_str()) {
            None => true,
            Some(Ok(tag)) if tag.starts_with('"') => tag == self.tag,
            Some(Ok(_)) => date(asked, &IF_RANGE) == Some(self.modified),
            Some(Err(_)) => false,
        };
        let value = asked.get(RANGE).and_then(|value| value.to_str().ok());
        let Some(spec) = value.and_then(|value| value.strip_prefix("bytes=")) else {
            return Range::All;
        };
        let Some((first, last)) = spec.trim().split_once('-') else {
            return Range::All;
        };
        if !still_valid || method != Method::GET {
            return Range::All;
        }
        let number = |text: &str| {
            if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse::<u64>().ok() } else { None }
        };
        match (number(first), number(last)) {
            (Some(first), _) if last.is_empty() => self.part(first, self.length.saturating_sub(1)),
            (Some(first), Some(last)) if first <= last => {
                self.part(first, last.min(self.length.saturating_sub(1)))
            }
            (None, Some(0)) if first.is_empty() => Range::Unsatisfiable,
            (None, Some(suffix)) if first.is_empty() => {
                self.part(self.length.saturating_sub(suffix), self.length.saturating_sub(1))
            }
            _ => Range::All,
        }
    }

    fn part(&self, first: u64, last: u64) -> Range {
        if first < self.length { Range::Part(first, last) } else { Range::Unsatisfiable }
    }
}

fn date(asked: &HeaderMap, field: &HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(asked.get(field)?.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Dir) {
        let outer = tempfile::tempdir().unwrap();
        let inner = outer.path().join("served");
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(outer.path().join("secret"), "secret").unwrap();
        std::fs::write(inner.join("data.txt"), "0123456789").unwrap();
        std::fs::create_dir(inner.join("sub")).unwrap();
        std::os::unix::fs::symlink("../secret", inner.join("out")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", inner.join("absolute")).unwrap();
        std::os::unix::fs::symlink("data.txt", inner.join("within")).unwrap();
        std::os::unix::fs::symlink("circle", inner.join("circle")).unwrap();
        nix::unistd::mkfifo(&inner.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let dir = Dir::open_ambient_dir(&inner, ambient_authority()).unwrap();
        (outer, dir)
    }

    fn ask(fields: &[(HeaderName, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    fn whole(found: &Found) -> &[u8] {
        match &found.content {
            Content::Whole(bytes, _) => bytes,
            Content::Running(..) => panic!("a small answer runs"),
        }
    }

    #[test]
    fn nothing_outside_of_the_folder_is_ever_found() {
        let (_outer, dir) = folder();
        for name in [
            "/out",
            "/absolute",
            "/../secret",
            "/sub/../../secret",
            "//etc/passwd",
            "/circle",
            "/pipe",
            "/sub",
            "/sub/",
            "/",
            "",
            "/none",
            "/data.txt/x",
        ] {
            let found = find(&dir, name, &Method::GET, &HeaderMap::new()).unwrap();
            assert_eq!(found.status, StatusCode::NOT_FOUND, "{name}");
        }
        let found = find(&dir, "/within", &Method::GET, &HeaderMap::new()).unwrap();
        assert_eq!(whole(&found), b"0123456789");
    }

    #[test]
    fn a_range_is_cut_out_exactly() {
        let (_outer, dir) = folder();
        let cases: [(&str, StatusCode, &[u8]); 8] = [
            ("bytes=0-3", StatusCode::PARTIAL_CONTENT, b"0123"),
            ("bytes=8-", StatusCode::PARTIAL_CONTENT, b"89"),
            ("bytes=-3", StatusCode::PARTIAL_CONTENT, b"789"),
            ("bytes=-30", StatusCode::PARTIAL_CONTENT, b"0123456789"),
            ("bytes=5-99", StatusCode::PARTIAL_CONTENT, b"56789"),
            ("bytes=10-", StatusCode::RANGE_NOT_SATISFIABLE, b"The file is not that long.\n"),
            ("bytes=5-2", StatusCode::OK, b"0123456789"),
            ("bytes=0-1,3-4", StatusCode::OK, b"0123456789"),
        ];
        for (range, status, content) in cases {
            let found = find(&dir, "/data.txt", &Method::GET, &ask(&[(RANGE, range)])).unwrap();
            assert_eq!((found.status, whole(&found)), (status, content), "{range}");
        }
    }

    #[test]
    fn conditions_are_weighed_in_the_order_of_rfc_9110() {
        let (_outer, dir) = folder();
        let first = find(&dir, "/data.txt", &Method::GET, &HeaderMap::new()).unwrap();
        let tag = first.fields[ETAG].to_str().unwrap();
        let date = first.fields[LAST_MODIFIED].to_str().unwrap();
        let old = "Thu, 01 Jan 1970 00:00:00 GMT";
        let status = |fields: &[(HeaderName, &str)]| {
            find(&dir, "/data.txt", &Method::GET, &ask(fields)).unwrap().status
        };
        assert_eq!(status(&[(IF_NONE_MATCH, tag)]), StatusCode::NOT_MODIFIED);
        assert_eq!(status(&[(IF_NONE_MATCH, "\"other\""), (IF_MODIFIED_SINCE, date)]), StatusCode::OK);
        assert_eq!(status(&[(IF_MODIFIED_SINCE, date)]), StatusCode::NOT_MODIFIED);
        assert_eq!(status(&[(IF_MODIFIED_SINCE, old)]), StatusCode::OK);
        assert_eq!(status(&[(IF_MATCH, "\"other\"")]), StatusCode::PRECONDITION_FAILED);
        assert_eq!(status(&[(IF_UNMODIFIED_SINCE, old)]), StatusCode::PRECONDITION_FAILED);
        assert_eq!(status(&[(RANGE, "bytes=0-1"), (IF_RANGE, tag)]), StatusCode::PARTIAL_CONTENT);
        assert_eq!(status(&[(RANGE, "bytes=0-1"), (IF_RANGE, "\"other\"")]), StatusCode::OK);
    }

    #[test]
    fn head_says_what_get_would_and_sends_nothing() {
        let (_outer, dir) = folder();
        let found = find(&dir, "/data.txt", &Method::HEAD, &HeaderMap::new()).unwrap();
        assert_eq!(found.fields[CONTENT_LENGTH], "10");
        assert!(whole(&found).is_empty());
    }
}
