//! Installations with things behind the door that can be read and written.

use crate::program::DEMO_GROUP;
use crate::support::Installation;

/// One whose service `things` has this upstream, as the configuration has it; `more` is about the service.
pub fn things(upstream: &str, more: &str) -> Installation {
    let installation = Installation::make();
    add(&installation, "things", "\"/things\"", upstream, more);
    installation
}

/// Adds a service that the demo's group may enter.
pub fn add(installation: &Installation, name: &str, path: &str, upstream: &str, more: &str) {
    installation.append(&format!(
        r#"
[[service]]
name = "{name}"
kind = "plain"
path = {path}
upstream = {upstream}
require = ["login"]
{more}

[[grant]]
group = "{DEMO_GROUP}"
service = "{name}"
"#
    ));
}
