//! What a benchmark is asked for, and what is said of many rounds.
//!
//! Another benchmark takes it in with `#[path = "../fdsn/measuring.rs"] mod measuring;`.
#![allow(dead_code, reason = "shared: no benchmark uses all of it")]

/// The value of `name=value` among the arguments.
pub fn argument(name: &str) -> Option<String> {
    std::env::args().find_map(|argument| Some(argument.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
}

pub fn number(name: &str) -> Option<usize> {
    argument(name)?.parse().ok()
}

/// Whether all of it is asked for, or `ONLY` this part.
pub fn wanted(part: &str) -> bool {
    argument("ONLY").is_none_or(|only| only == part)
}

/// The one in the middle.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
