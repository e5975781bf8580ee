//! What the tests of several targets stand on: each target compiles all of it and uses a part.
#![allow(dead_code, reason = "each target uses a part of it")]

pub mod apache;
pub mod client;
pub mod cluster;
pub mod disk;
pub mod faketime;
pub mod gnupg;
pub mod guide_reader;
pub mod installation;
pub mod log;
pub mod program;
pub mod proxies;
pub mod server;
pub mod stand_in;
pub mod statement;
pub mod store_under_test;
pub mod support;
pub mod tcp_proxy;
pub mod tools;
pub mod upstream_stand_in;
