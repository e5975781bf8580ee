//! The file for a folder of files, or for nothing yet.

use std::path::Path;

use super::public::Public;
use super::{Init, absolute, issuer, listen, quoted};
use crate::base::store_address::StoreAddress;

/// Where the public listener listens unless something else is asked for.
const LISTEN: &str = "0.0.0.0:443";

/// Writes the file.
pub(super) fn text(init: &Init, store: &StoreAddress) -> anyhow::Result<String> {
    let place = init.listen.clone().map_or_else(|| listen(LISTEN), Ok).map_err(anyhow::Error::msg)?;
    let public = Public::new(place, init.certificate.as_deref(), init.key.as_deref())?;
    Ok([head(init, &public, store)?, issuers(init)?, service(init)?].concat())
}

fn head(init: &Init, public: &Public, store: &StoreAddress) -> anyhow::Result<String> {
    Ok(format!(
        "# Gateward's configuration; `gateward config check` looks at it, a restart takes it up.\n\
         mode = \"{mode}\"\n\
         {public}\
         store = {store}\n\
         keyring = \"keyring.toml\"  # back it up apart from the database\n\n\
         [exchange]\npath = \"/auth\"  # POST a signed token, get login:password\n\n\
         {admin}",
        mode = init.mode.word(),
        public = public.text()?,
        store = quoted(&store.to_string()),
        admin = init.admin(),
    ))
}

fn issuers(init: &Init) -> anyhow::Result<String> {
    let head = "\n# Whose signed tokens are believed.\n";
    let (Some(key), Some(fingerprint)) = (&init.issuer, &init.issuer_fingerprint) else {
        let sample = "# [[issuer]]\n# key = \"eas.asc\"\n# fingerprint = \"its full fingerprint\"\n";
        return Ok([head, sample].concat());
    };
    let sha1 = if init.allow_sha1 { "allow_sha1 = true\n" } else { "" };
    Ok([head, &issuer(&absolute(key)?, fingerprint), sha1].concat())
}

/// The service that was asked for, or one as a comment.
fn service(init: &Init) -> anyhow::Result<String> {
    let (hash, folder, group) = match (&init.folder, &init.group) {
        (Some(folder), Some(group)) => ("", folder.as_path(), group.to_string()),
        _ => ("# ", Path::new("/srv/restricted"), "/epos/alparray".to_owned()),
    };
    let name = init.path.service_name();
    Ok(format!(
        "\n# What is protected, and who may reach it.\n\
         {hash}[[service]]\n{hash}name = \"{name}\"\n{hash}kind = \"plain\"\n{hash}path = \"{path}\"\n\
         {hash}upstream = {folder}\n{hash}require = [\"login\"]\n\
         {hash}[[grant]]\n{hash}group = {group}\n{hash}service = \"{name}\"\n",
        path = init.path,
        folder = quoted(&format!("dir:{}", std::path::absolute(folder)?.display())),
        group = quoted(&group),
    ))
}
