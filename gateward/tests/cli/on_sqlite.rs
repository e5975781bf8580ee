//! What commands say of a store that is a file, and what moves it.

mod store;

use crate::exit_status::{COMMANDS, ends_with};
use crate::support::Installation;

#[test]
fn a_store_that_is_not_there_is_not_made_anew_and_one_that_is_something_else_is_left_alone() {
    let installation = Installation::new();
    for end in ["", "-wal", "-shm"] {
        drop(std::fs::remove_file(installation.file(&format!("gateward.db{end}"))));
    }
    // A server waits for it, as until it is mounted.
    for arguments in COMMANDS.into_iter().filter(|arguments| *arguments != ["serve"]) {
        let ran = installation.run(arguments);
        ends_with(2, arguments, &ran);
        assert!(ran.stderr.contains("`gateward init` makes one"), "{arguments:?}: {}", ran.stderr);
    }
    assert!(!installation.file("gateward.db").exists());
    std::fs::write(installation.file("gateward.db"), "x".repeat(8192)).unwrap();
    for arguments in COMMANDS {
        let ran = installation.run(arguments);
        ends_with(2, arguments, &ran);
        assert!(ran.stderr.contains("gateward.db"), "{arguments:?}: {}", ran.stderr);
    }
}
