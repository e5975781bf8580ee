//! What users do with what they got: unpack it, have dclab read it, ask CKAN as DCOR-Aid does.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use serde_json::json;

use crate::site::Site;
use crate::tools::{python, run};

/// What dclab reads in an inner file.
#[derive(Debug, PartialEq, Eq)]
pub struct Read {
    pub key: String,
    pub host: String,
    pub certificate: String,
}

/// Reads an inner file by dclab's own functions.
#[track_caller]
pub fn dclab(inner: &Path, passphrase: &str) -> Read {
    dclab_reads(&[(inner.to_owned(), passphrase.to_owned())]).remove(0)
}

/// Reads many, each with its passphrase; these go by standard input.
#[track_caller]
pub fn dclab_reads(files: &[(PathBuf, String)]) -> Vec<Read> {
    const SCRIPT: &str = "
import json, sys
from dclab.rtdc_dataset.fmt_dcor import access_token
json.dump([[access_token.get_api_key(*file), access_token.get_hostname(*file),
            access_token.get_certificate(*file).decode()] for file in json.load(sys.stdin)], sys.stdout)
";
    let asked = serde_json::to_vec(files).unwrap();
    let ran = run(python().args(["-W", "ignore", "-c", SCRIPT]), &asked).good();
    let read: Vec<[String; 3]> = serde_json::from_slice(&ran.stdout).unwrap();
    read.into_iter().map(|[key, host, certificate]| Read { key, host, certificate }).collect()
}

/// Unpacks a zip by 7-Zip into a new folder `to`; returns the inner file.
#[track_caller]
pub fn unzip(envelope: &Path, passphrase: &str, to: &Path) -> PathBuf {
    let mut seven_zip = Command::new("7z");
    seven_zip.env("LC_ALL", "C.UTF-8").arg("x").arg(format!("-p{passphrase}"));
    run(seven_zip.arg(format!("-o{}", to.display())).arg(envelope), b"").good();
    let inner = to.join(envelope.file_stem().unwrap());
    assert!(inner.is_file(), "{:?}", super::installation::names(to));
    inner
}

/// Asks CKAN, as DCOR-Aid does, for what only the owner of a key may see; tells whether it opens.
#[track_caller]
pub fn opens(ckan: &Site, key: &str, owner: &str) -> bool {
    const SCRIPT: &str = "
import json, requests, sys
asked = json.load(sys.stdin)
headers = {'Authorization': asked['key'], 'X-CKAN-API-Key': asked['key']}
answer = requests.get(asked['url'] + '/api/3/action/api_token_list', params={'user_id': asked['owner']},
                      headers=headers, timeout=60)
print(answer.status_code)
";
    let asked = json!({ "url": ckan.url(), "key": key, "owner": owner }).to_string();
    let ran = run(python().args(["-c", SCRIPT]), asked.as_bytes()).good();
    match ran.text().trim() {
        "200" => true,
        "403" => false,
        other => panic!("CKAN answers {other}"),
    }
}

/// The API tokens that CKAN lists of a user, by name.
#[track_caller]
pub fn keys_of(ckan: &Site, owner: &str) -> Vec<String> {
    let rows = ckan.psql(&format!(
        "SELECT t.name FROM api_token t JOIN \"user\" u ON u.id = t.user_id WHERE u.name = '{owner}' ORDER BY 1"
    ));
    rows.into_iter().flatten().collect()
}

/// The id that CKAN knows a key by: it stands in the key (RFC 7519 section 4.1.7).
#[track_caller]
pub fn jti(key: &str) -> String {
    let claims = key.split('.').nth(1).unwrap();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    claims["jti"].as_str().unwrap().to_owned()
}
