//! What a request to a FHIR R4 server means, and which patients requests and answers name.
//!
//! A [`Request`] is read completely, and only what it was understood as is written for the server behind: each
//! of its [`Part`]s says what it does to which types of resources, what else it searches, what an answer may
//! hold, and whom it names. A [`Disclosure`] reads the answer as it comes, and gives its bytes back
//! together with the patients that they name. R4 is version 4.0.1, in JSON.
//!
//! Pure on purpose: no clock, no disk, no network.
//!
//! # What this does not prove
//!
//! That nobody else is named: in narrative and other prose, in attachments, in extensions that hold a name or a number.
//! What [`Patient`] says of what counts is all that is looked for.
//!
//! ```
//! use fhir::{Asked, Disclosed, Disclosure, Request};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let request = Request::read(&Asked {
//!     method: "GET",
//!     path: "/Observation",
//!     query: Some("patient=7&_include=Observation:encounter:Encounter&_format=json"),
//!     ..Asked::default()
//! })?;
//! let part = &request.parts[0];
//! assert_eq!(part.words(), "search-type Observation");
//! assert_eq!(part.searches.to_string(), "Encounter Observation");
//! assert_eq!(part.patients[0].to_string(), "Patient/7");
//!
//! let (mut answer, mut disclosed) = (Disclosure::default(), Disclosed::default());
//! answer.push(br#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Pa"#, &mut disclosed)?;
//! assert!(disclosed.bytes.is_empty());
//! answer.push(br#"tient","id":"7"}}]"#, &mut disclosed)?;
//! assert_eq!(disclosed.patients[0].to_string(), "Patient/7");
//! # Ok(())
//! # }
//! ```

mod became;
mod bundle;
mod disclosure;
mod error;
mod form;
mod interaction;
mod json;
mod outcome;
mod part;
mod path;
mod patient;
mod query;
mod r4;
mod request;
mod search;
mod walk;

pub use became::{Became, EntryAnswer};
pub use bundle::{MAX_ENTRIES, MAX_PATIENTS_IN_BUNDLE};
pub use disclosure::{Broken, Disclosed, Disclosure, MAX_ENTRY};
pub use error::{NotJson, NotUnderstood};
pub use form::{FORM, JSON, PATCH, check_answerable, check_json};
pub use interaction::{Action, Interaction, NotAnAction, Part, READING};
pub use json::{ABOUT, DEEPEST};
pub use outcome::{Issue, outcome};
pub use part::MAX_PATIENTS;
pub use patient::Patient;
pub use query::{MAX_PARAMETERS, MAX_QUERY};
pub use r4::{NotAType, Reach, ResourceType};
pub use request::{Asked, Body, Bundle, MAX_BODY, Request, has_body, pattern};
