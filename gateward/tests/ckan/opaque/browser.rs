//! Browsers log in at CKAN itself, through us.

use serde_json::json;

use super::door::Door;
use crate::site::{Site, USER};
use crate::tools::{python, run};

#[test]
fn a_browser_logs_in_at_ckan_and_its_cookie_passes() {
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
json.dump([before.status_code, entered.status_code, entered.headers.get('Location', '')[-12:], sorted(cookies),
           after.status_code, user + '@example.org' in after.text], sys.stdout)
";
    let ckan = Site::shared();
    let door = Door::before(ckan, "refuse");
    let log_in = |url: String| {
        let asked = json!([url, USER, "of tests only"]).to_string();
        run(python().args(["-W", "ignore", "-c", SCRIPT]), asked.as_bytes()).good().text().to_owned()
    };
    let directly = log_in(ckan.url());
    assert!(directly.ends_with(", 200, true]"), "{directly}");
    assert_eq!(log_in(door.url()), directly);
}
