//! An installation with a service for people with an account, and Python at its door.

use super::installation::Installation;
use super::server::Server;
use super::tools::{Ran, python, run};

/// What people choose.
pub const PASSWORD: &str = "Zürich: correct horse";

/// Where a file lies for people with an account, and where the same one for logins.
pub const PAPERS: &str = "/papers/restricted.txt";
pub const FILES: &str = "/files/restricted.txt";

/// An installation where `ann` may read both, once there is such a user.
pub fn installation() -> Installation {
    let installation = Installation::new();
    installation.append(
        "[[service]]\nname = \"papers\"\nkind = \"plain\"\npath = \"/papers\"\nupstream = \"dir:files\"\n\
         require = [\"user\"]\n[[grant]]\nuser = \"ann\"\nservice = \"papers\"\n[[grant]]\nuser = \"ann\"\n\
         service = \"files\"\n",
    );
    installation
}

/// Makes a user with [`PASSWORD`].
pub fn create(installation: &Installation, name: &str, more: &[&str]) {
    let create = [&["user", "create", name], more].concat();
    installation.command_reading(&create, format!("{PASSWORD}\n").as_bytes()).good();
}

/// Makes a user who has HTTP Digest, and returns the password that was made.
pub fn create_with_digest(installation: &Installation, name: &str) -> String {
    let file = installation.file(&format!("{name}.password"));
    installation.command(&["user", "create", name, "--digest", "--out", file.to_str().unwrap()]).good();
    let text = std::fs::read_to_string(file).unwrap();
    text.trim_end().split_once(':').unwrap().1.to_owned()
}

/// Runs a script of Python's that asks `url`; what it prints is the status.
pub fn python_asks(server: &Server, script: &str, path: &str, name: &str, password: &str) -> String {
    let mut command = python();
    command.args(["-c", script, &server.url(path), name]);
    command.env("CA", server.file("ca.pem"));
    let Ran { stdout, .. } = run(&mut command, password.as_bytes()).good();
    String::from_utf8(stdout).unwrap().trim().to_owned()
}

/// `requests`, by the way that is named in its stead.
pub fn requests(way: &str) -> String {
    format!(
        "import os, sys, requests\n\
         url, name, password = sys.argv[1], sys.argv[2], sys.stdin.buffer.read()\n\
         password = password.decode() if '{way}' == 'HTTPDigestAuth' else password\n\
         auth = requests.auth.{way}(name, password)\n\
         print(requests.get(url, auth=auth, verify=os.environ['CA']).status_code)\n"
    )
}

/// What ObsPy's FDSN client does: urllib with a handler for Digest.
pub const URLLIB: &str = "\
import os, ssl, sys, urllib.request, urllib.error
url, name, password = sys.argv[1], sys.argv[2], sys.stdin.read()
passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
passwords.add_password(None, url, name, password)
context = ssl.create_default_context(cafile=os.environ['CA'])
opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), urllib.request.HTTPDigestAuthHandler(passwords))
try:
    print(opener.open(url).status)
except urllib.error.HTTPError as error:
    print(error.code)
";
