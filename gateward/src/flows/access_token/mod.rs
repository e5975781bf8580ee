//! Access tokens: `.dcor-access` files, from the order to the end of the key in them.

pub mod ckan;
