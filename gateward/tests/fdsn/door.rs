//! The door under test: one configuration for all, in front of whatever upstream a test brings.

use std::ops::Deref;

use super::archive::ARCHIVE;
use super::gnupg::Issuer;
use super::installation::Installation;
use super::server::{Reply, Server};
use super::statement::{GROUP, Statement};

/// What callers are told about the network that the configuration restricts.
pub const EMBARGO: &str = "embargo until the end of the project";

/// The group that sees what [`ZR`] restricts; [`GROUP`] sees XR of 2015 to 2017.
///
/// [`ZR`]: super::archive
pub const ZR_GROUP: &str = "/epos/zr";

/// The group that sees the one restricted station of CX.
pub const CX_GROUP: &str = "/epos/ipoc";

/// Where the service under test is.
pub const DATASELECT: &str = "/fdsnws/dataselect/1";

/// What stands in the configuration file about a dataselect service before `upstream`.
///
/// ZR and one station of CX are restricted by the inventory, XR of 2015 to 2017 by this.
fn dataselect(upstream: &str) -> String {
    let inventory = ARCHIVE.file("inventory.xml");
    format!(
        r#"
[[service]]
name = "dataselect"
kind = "fdsn"
path = "{DATASELECT}"
upstream = {upstream}
digest = "gateward"
inventory = "{}"
unlisted = "refuse"

[[service.restriction]]
network = "XR:2015-2017"
station = "*"
reason = "{EMBARGO}"

[[grant]]
group = "{GROUP}"
service = "dataselect"
networks = ["XR:2015-2017"]

[[grant]]
group = "{ZR_GROUP}"
service = "dataselect"
networks = ["ZR"]

[[grant]]
group = "{CX_GROUP}"
service = "dataselect"
networks = ["CX"]
"#,
        inventory.display()
    )
}

/// What stands there about a station service, where a test needs one.
pub fn station(upstream: &str) -> String {
    format!(
        r#"
[[service]]
name = "station"
kind = "fdsn"
path = "/fdsnws/station/1"
upstream = "{upstream}"
digest = "gateward"
"#
    )
}

/// An open door.
pub struct Door(Server);

impl Door {
    /// Stands in front of `upstream`, an address, and believes `issuer`.
    pub fn before(upstream: &str, issuer: &Issuer<'_>) -> Self {
        Self::configured(&format!("\"{upstream}\""), "", issuer)
    }

    /// The same with an upstream as the configuration file has it, and with more in that file.
    pub fn configured(upstream: &str, more: &str, issuer: &Issuer<'_>) -> Self {
        Self::serving(&format!("{}\n{more}", dataselect(upstream)), issuer)
    }

    /// Stands in front of what `services` says as the configuration file has it.
    pub fn serving(services: &str, issuer: &Issuer<'_>) -> Self {
        let installation = Installation::believing(issuer);
        installation.append(services);
        Self(Server::start(installation))
    }

    /// Asks for lines without a login.
    pub fn query(&self, lines: &str) -> Reply {
        self.curl(&format!("{DATASELECT}/query"), &["--data-binary", "@-"], lines.as_bytes())
    }

    /// Asks for lines with the login that `token` becomes at the service's own exchange.
    pub fn query_with(&self, token: &str, lines: &str) -> Reply {
        let exchange = format!("{DATASELECT}/auth");
        let exchanged = self.curl(&exchange, &["--data-binary", "@-"], token.as_bytes());
        assert_eq!(exchanged.status, 200, "{}", exchanged.text());
        let path = format!("{DATASELECT}/queryauth");
        // With --digest alone curl would send nothing at first, and the lines to the challenge only.
        let arguments = ["--anyauth", "--user", &exchanged.text(), "--data-binary", "@-"];
        self.curl(&path, &arguments, lines.as_bytes())
    }
}

impl Deref for Door {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

/// A token whose holder is in `group` and nothing else.
pub fn token(issuer: &Issuer<'_>, group: &str) -> String {
    issuer.sign(&Statement { groups: format!("{group};/epos;/"), ..Statement::default() })
}
