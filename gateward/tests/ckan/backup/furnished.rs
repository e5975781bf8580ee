//! A CKAN with something in it: an organisation, a member with an API token, a package that is theirs alone,
//! and a file.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::empty_index;
use crate::prepared::good;
use crate::site::Site;

/// What the members and the package are called.
const ORGANISATION: &str = "institute-of-examples";
pub const MEMBER: &str = "ada";
pub const PACKAGE: &str = "measured-cells";

/// It, and what there is in it.
pub struct Furnished {
    pub site: Site,
    /// The member's API token.
    pub token: String,
    /// What the file has.
    pub file: Vec<u8>,
}

/// What a CKAN shows of all this to its member; the same in each CKAN that has the same.
#[derive(Debug, PartialEq, Eq)]
pub struct Shown {
    package: Value,
    member: Value,
    organisation: Value,
}

impl Furnished {
    pub fn start() -> Self {
        let site = Site::stopped();
        site.set(&[format!("solr_url = {}", empty_index::url())]);
        site.power_on();
        let done = |action: &str, key: &str, asked: &Value| result(&site, action, key, asked);
        let user = json!({ "name": MEMBER, "email": "ada@example.org", "fullname": "Ada Lövelace",
            "password": "of tests only" });
        done("user_create", &site.key, &user);
        done("organization_create", &site.key, &json!({ "name": ORGANISATION, "title": "Beispiele" }));
        let member = json!({ "id": ORGANISATION, "username": MEMBER, "role": "editor" });
        done("organization_member_create", &site.key, &member);
        let token = done("api_token_create", &site.key, &json!({ "user": MEMBER, "name": "measuring" }));
        let token = token["token"].as_str().unwrap().to_owned();
        let package = json!({ "name": PACKAGE, "title": "Zellen, gemessen", "owner_org": ORGANISATION,
            "private": true, "notes": "as many as there were" });
        done("package_create", &token, &package);
        let file = content(1, 100_000);
        let furnished = Self { site, token, file };
        furnished.upload("cells.rtdc", &furnished.file);
        furnished
    }

    /// Adds a file to the package; returns its id.
    pub fn upload(&self, name: &str, content: &[u8]) -> String {
        let fields = [format!("package_id={PACKAGE}"), format!("name={name}")];
        self.send("resource_create", &fields, name, content)
    }

    /// Replaces a file of the package.
    pub fn replace(&self, id: &str, content: &[u8]) {
        self.send("resource_patch", &[format!("id={id}")], "replaced", content);
    }

    /// As a browser sends it.
    fn send(&self, action: &str, fields: &[String], name: &str, content: &[u8]) -> String {
        let path = self.site.folder().join(name);
        std::fs::write(&path, content).unwrap();
        let mut curl = curl(&self.token);
        for field in fields {
            curl.args(["--form", field]);
        }
        curl.arg("--form").arg(format!("upload=@{}", path.display()));
        let said = good(curl.arg(format!("{}/api/3/action/{action}", self.site.url())));
        let answer: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
        assert_eq!(answer["success"], true, "{answer}");
        answer["result"]["id"].as_str().unwrap().to_owned()
    }

    /// What `site` shows of what there is in this one, to whoever has the token that was made here.
    pub fn seen_at(&self, site: &Site) -> Shown {
        let shown = |action: &str, name: &str| {
            let mut shown = result(site, action, &self.token, &json!({ "id": name }));
            // Whoever asks is active.
            shown.as_object_mut().unwrap().remove("last_active");
            let shown = shown.to_string().replace(&site.url(), "https://ckan.example.org");
            serde_json::from_str(&shown).unwrap()
        };
        Shown {
            package: shown("package_show", PACKAGE),
            member: shown("user_show", MEMBER),
            organisation: shown("organization_show", ORGANISATION),
        }
    }

    /// The file of the package, as `site` hands it out to whoever has this token; `None` if it does not.
    pub fn download(site: &Site, token: &str, to: &Path) -> Option<Vec<u8>> {
        let package = result(site, "package_show", &site.key, &json!({ "id": PACKAGE }));
        let url = package["resources"][0]["url"].as_str().unwrap();
        let mut curl = curl(token);
        curl.args(["--write-out", "%{http_code}", "--output"]).arg(to);
        (good(curl.arg(url)) == "200").then(|| std::fs::read(to).unwrap())
    }
}

/// Asks and gets.
#[track_caller]
fn result(site: &Site, action: &str, key: &str, asked: &Value) -> Value {
    let (status, answer) = site.post(action, key, asked);
    assert_eq!(status, 200, "{action}: {answer}");
    answer["result"].clone()
}

fn curl(token: &str) -> Command {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--max-time", "60", "--header"]);
    curl.arg(format!("Authorization: {token}"));
    curl
}

/// Bytes that nothing makes shorter, others for each `seed`.
pub fn content(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    std::iter::repeat_with(|| {
        // xorshift32 (Marsaglia 2003).
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    })
    .take(length)
    .collect()
}
