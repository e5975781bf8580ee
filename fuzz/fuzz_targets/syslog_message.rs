//! Whatever is read as a message is written as one that says the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use syslog::{Message, Priority};

fuzz_target!(|bytes: &[u8]| {
    let priority = Priority::read(bytes);
    match Message::read(bytes) {
        Ok(message) => {
            assert_eq!(Some(message.priority), priority.map(|(priority, _)| priority));
            let again = message.to_bytes();
            assert_eq!(Message::read(&again), Ok(message));
        }
        Err(unread) => assert!(unread.at <= bytes.len()),
    }
});
