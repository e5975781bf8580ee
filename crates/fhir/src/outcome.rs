//! What a FHIR client is told when there is no answer (R4 section 2.29, OperationOutcome).

use serde::Serialize;

/// What kind of thing went wrong (value set issue-type).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Issue {
    /// The request cannot be read.
    Invalid,
    /// The request means something that is not done here.
    NotSupported,
    /// There is nothing there.
    NotFound,
    /// More than is taken at once.
    TooLong,
    /// It is not known who asks.
    Login,
    /// Whoever asks may not.
    Forbidden,
    /// Too many asked.
    Throttled,
    /// It may work later.
    Transient,
    /// What is behind us fails.
    Exception,
}

/// Writes an OperationOutcome: `said` is a sentence for people.
pub fn outcome(issue: Issue, said: &str) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct OperationOutcome<'a> {
        resource_type: &'static str,
        issue: [Line<'a>; 1],
    }
    #[derive(Serialize)]
    struct Line<'a> {
        severity: &'static str,
        code: Issue,
        diagnostics: &'a str,
    }
    let issue = [Line { severity: "error", code: issue, diagnostics: said }];
    let written = OperationOutcome { resource_type: "OperationOutcome", issue };
    serde_json::to_string(&written).expect("it is made of texts")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_what_fhir_clients_expect() {
        assert_eq!(
            outcome(Issue::NotSupported, "Only \"JSON\"."),
            r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-supported","diagnostics":"Only \"JSON\"."}]}"#
        );
    }
}
