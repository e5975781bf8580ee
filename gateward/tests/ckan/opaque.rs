//! A key of ours opens a real CKAN for a client that asks as DCOR-Aid does, while it lives, and nobody else
//! ever sees it, or what it stands for.

mod browser;
mod client;
mod door;
mod existing;
mod nginx;
mod secrets;
