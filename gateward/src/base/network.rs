//! A seismological network in a grant: its code, and the years in which it is meant.
//!
//! Temporary codes are used again by other experiments (FDSN network codes), so a code alone
//! does not name a network.

/// Says why a network from the configuration or a command cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} is no network: a code of 1 to 8 of A-Z and 0-9, then years as in Z3:2015-2020, or Z3:2015- while it runs, or no years"
)]
pub struct NotANetwork(String);

/// A network code with its first and last year, both included; `None` where it has no limit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    code: String,
    first_year: Option<u16>,
    last_year: Option<u16>,
}

impl Network {
    /// The code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The first and the last year, both included; no first year means all of time, no last one that
    /// it still runs.
    pub fn years(&self) -> (Option<i16>, Option<i16>) {
        // Four digits, as they were read.
        let year = |year: u16| i16::try_from(year).unwrap_or(i16::MAX);
        (self.first_year.map(year), self.last_year.map(year))
    }
}

impl TryFrom<String> for Network {
    type Error = NotANetwork;

    fn try_from(text: String) -> Result<Self, NotANetwork> {
        let (code, years) =
            text.split_once(':').map_or((text.as_str(), None), |(code, years)| (code, Some(years)));
        let good_code = (1..=8).contains(&code.len())
            && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        let year = |text: &str| {
            let digits = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse::<u16>().ok()).flatten()
        };
        let years = match years {
            None => Some((None, None)),
            Some(years) => years.split_once('-').and_then(|(first, last)| {
                let first = year(first)?;
                let last = if last.is_empty() { None } else { Some(year(last)?) };
                last.is_none_or(|last| first <= last).then_some((Some(first), last))
            }),
        };
        match years {
            Some((first_year, last_year)) if good_code => {
                Ok(Self { code: code.to_owned(), first_year, last_year })
            }
            _ => Err(NotANetwork(text)),
        }
    }
}

impl std::str::FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        text.to_owned().try_into()
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.code)?;
        match (self.first_year, self.last_year) {
            (Some(first), Some(last)) => write!(f, ":{first:04}-{last:04}"),
            (Some(first), None) => write!(f, ":{first:04}-"),
            (None, _) => Ok(()),
        }
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_reads_back_as_it_was_written() {
        for text in ["FR", "Z3:2015-2020", "Z3:2015-"] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn years_that_run_backwards_are_refused() {
        for bad in ["", "z3", "Z3:", "Z3:2020-2015", "Z3:20-21", "Z3:2015", "TOOLONGCODE"] {
            assert!(bad.parse::<Network>().is_err(), "{bad:?}");
        }
    }
}
