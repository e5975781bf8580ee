//! `--for backup`: backups alone, by commands: nothing is served, and nothing is asked.

use std::path::Path;

use super::{DIR, Init, quoted};
use crate::base::store_address::StoreAddress;

/// What is kept between runs, unless the files go to /etc/gateward: configuration and state are two folders then.
const STATE: &str = "backup";

/// Writes the file.
pub(super) fn text(init: &Init, store: &StoreAddress) -> String {
    let state = if init.dir == Path::new(DIR) {
        String::new()
    } else {
        format!(
            "# Keys of recipients, locks, and what waits to be recorded.\nbackup_state = {}\n",
            quoted(STATE)
        )
    };
    format!(
        "# Gateward makes backups here, by commands; nothing is served. `gateward config check` looks at this file and\n\
         # at everything that it names, `gateward config show` prints every option.\n\
         mode = \"{mode}\"\n\
         # The record of what was backed up, verified and restored.\n\
         store = {store}\n\
         # What manifests are signed with: back this file up apart from the backups.\n\
         keyring = \"keyring.toml\"\n\
         {state}\n\
         # A job; `gateward backup run` makes all of them. First: gateward backup recipient import KEY.asc\n\
         # [[backup]]\n\
         # name = \"database\"\n\
         # database = \"ckan_default\"        # its name on this machine, or postgres://USER@HOST/DATABASE\n\
         # recipients = [\"the full fingerprint\"]   # any one of them can open it\n\
         # folder = \"/var/backups/gateward\"\n\
         # keep = {{ last = 20 }}\n\
         # compress = \"zstd\"                # restored by: gpg --decrypt FILE | zstd -d | pg_restore\n",
        mode = init.mode.word(),
        store = quoted(&store.to_string()),
    )
}
