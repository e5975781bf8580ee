//! Access tokens as administrators make them, by the program, and as their users open them, by programs of
//! other people.

mod disks;
mod envelopes;
mod from_host;
pub mod gnupg;
mod inspecting;
pub mod installation;
mod keys;
mod killed;
pub mod many;
pub mod onlooker;
mod passphrases;
pub mod program;
mod renewing;
mod secrets;
mod serving;
mod typing;
pub mod users;
