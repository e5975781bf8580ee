//! Browsers log in at CKAN itself, through us.

use serde_json::{Value, json};

use super::door::Door;
use crate::site::{Site, USER};
use crate::tools::{python, run};

/// Logs in on CKAN's page as a browser does.
const SCRIPT: &str = "
import json, re, requests, sys
url, user, password = json.load(sys.stdin)
cookies = {}
def ask(method, path, **more):
    answer = requests.request(method, url + path, headers={'Referer': url + '/user/login', 'Cookie': '; '.join(
        name + '=' + value for name, value in cookies.items())}, allow_redirects=False, timeout=60, **more)
    # As browsers keep them, by hand: this one is not bound to the port.
    for line in answer.raw.headers.getlist('Set-Cookie'):
        name, value = line.split(';')[0].split('=', 1)
        cookies[name.strip()] = value
    return answer
page = ask('GET', '/user/login').text
token = (re.search(r'name=\"_csrf_token\"[^>]*value=\"([^\"]+)\"', page)
         or re.search(r'name=\"_csrf_token\" content=\"([^\"]+)\"', page))
form = {'login': user, 'password': password, '_csrf_token': token.group(1)}
before = ask('GET', '/user/edit/' + user)
entered = ask('POST', '/user/login', data=form)
after = ask('GET', '/user/edit/' + user)
seen = [before.status_code, entered.status_code, entered.headers.get('Location', '')[-12:], sorted(cookies),
        after.status_code, user + '@example.org' in after.text]
json.dump([seen, cookies], sys.stdout)
";

/// Logs [`USER`] in at `url`; returns what a browser sees of it, and its cookies.
pub fn log_in(url: &str) -> (Value, Value) {
    let asked = json!([url, USER, "of tests only"]).to_string();
    let ran = run(python().args(["-W", "ignore", "-c", SCRIPT]), asked.as_bytes());
    serde_json::from_str(ran.good().text()).unwrap()
}

#[test]
fn a_browser_logs_in_at_ckan_and_its_cookie_passes() {
    let ckan = Site::shared();
    let door = Door::before(ckan, "refuse");
    let (directly, _) = log_in(&ckan.url());
    assert_eq!((&directly[4], &directly[5]), (&200.into(), &true.into()), "{directly}");
    assert_eq!(log_in(&door.url()).0, directly);
}
