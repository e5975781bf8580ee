//! What a letter says of its person, made fit to stand in a line.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::base::access_token::{Form, Language};
use crate::base::time::later;
use crate::base::unseen::is_unseen;

/// What one letter is about.
#[derive(Debug, Clone, Copy)]
pub struct Letter<'a> {
    /// The person's own name.
    pub full_name: Option<&'a str>,
    /// The account.
    pub user: &'a str,
    /// The server, as people name it.
    pub host: &'a str,
    /// Who gives the file out.
    pub institution: &'a str,
    /// Whom to call.
    pub contact: &'a str,
    /// The file as it travels.
    pub file_name: &'a str,
    /// What is around the inner file.
    pub form: Form,
    /// SHA-256 of the server's certificate, in pairs of digits with colons.
    pub certificate_fingerprint: &'a str,
    /// When the key is revoked: the first moment in which it is good no more.
    pub expires_at: Timestamp,
    /// The key in it is one of ours, and dead until somebody has spoken with them.
    pub is_dead: bool,
    /// The language of the letter.
    pub language: Language,
}

/// Tries templates out.
pub(super) const SAMPLE: Letter<'static> = Letter {
    full_name: None,
    user: "ada",
    host: "dcor.example.org",
    institution: "Example Hospital",
    contact: "Data office, +49 30 5550 100",
    file_name: "ada.dcor-access.zip",
    form: Form::Zip,
    certificate_fingerprint: "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:\
                              00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
    expires_at: Timestamp::constant(24 * 60 * 60, 0),
    is_dead: false,
    language: Language::English,
};

/// The names that a template may use.
pub(super) fn placeholders() -> Vec<&'static str> {
    SAMPLE.values().into_keys().collect()
}

impl Letter<'_> {
    /// The values that a template may use, each on one line; empty where there is none.
    pub(super) fn values(&self) -> BTreeMap<&'static str, String> {
        let name = |text| one_line(text, LONGEST_NAME);
        let fingerprint = name(self.certificate_fingerprint);
        let (start, rest) = in_halves(&fingerprint);
        BTreeMap::from([
            ("full_name", name(self.full_name.unwrap_or_default())),
            ("user", name(self.user)),
            ("host", name(self.host)),
            ("institution", name(self.institution)),
            ("contact", one_line(self.contact, LONGEST_CONTACT)),
            ("file_name", name(self.file_name)),
            ("token_file", name(self.token_file())),
            ("form", self.form.to_string()),
            ("fingerprint_start", start.to_owned()),
            ("fingerprint_rest", rest.to_owned()),
            ("fingerprint", fingerprint.clone()),
            // As a condition: empty is no.
            ("dead", if self.is_dead { "yes" } else { "" }.to_owned()),
            ("expires", last_day(self.expires_at, self.language)),
        ])
    }

    /// The file that DCOR-Aid takes: what lies in the one that travels, under its name without the wrapping.
    fn token_file(&self) -> &str {
        match self.form {
            Form::Inner => self.file_name,
            Form::Zip | Form::Pgp => {
                self.file_name.rsplit_once('.').map_or(self.file_name, |(inner, _)| inner)
            }
        }
    }
}

/// CKAN's names have up to 100 letters, and endings come on top.
const LONGEST_NAME: usize = 128;
const LONGEST_CONTACT: usize = 300;

/// Makes one line of any text, of at most `longest` letters, without what moves the cursor or turns letters round.
fn one_line(text: &str, longest: usize) -> String {
    let gap = |letter: char| letter.is_whitespace() || is_unseen(letter);
    let mut line = String::new();
    for word in text.split(gap).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        // What is longer is cut below; no need to gather all of it.
        if line.chars().count() > longest {
            break;
        }
    }
    if line.chars().count() > longest {
        line = line.chars().take(longest - 1).chain(['…']).collect();
    }
    line
}

/// Parts a fingerprint at its middle, so that each part fits a line of a letter.
fn in_halves(fingerprint: &str) -> (&str, &str) {
    let mut after_middle = fingerprint.char_indices().skip(fingerprint.chars().count() / 2);
    let colon = after_middle.find(|(_, letter)| *letter == ':');
    colon.map_or((fingerprint, ""), |(at, _)| fingerprint.split_at(at + 1))
}

/// The last day in UTC of what ends at `end`, as the language writes it: what ends as a day begins was good
/// until the day before.
fn last_day(end: Timestamp, language: Language) -> String {
    let last = later(end, SignedDuration::from_secs(-1));
    let date: Date = last.to_zoned(TimeZone::UTC).date();
    let month = usize::try_from(date.month() - 1).expect("months run from 1 to 12");
    match language {
        Language::English => format!("{} {} {}", date.day(), ENGLISH[month], date.year()),
        Language::German => format!("{}. {} {}", date.day(), GERMAN[month], date.year()),
    }
}

const ENGLISH: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const GERMAN: [&str; 12] = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
];
