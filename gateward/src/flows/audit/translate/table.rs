//! Which kind of event is told how; docs/audit.md has the same table for those who read the events.

use audit_event::Action;
use audit_event::kinds::Change;

/// How a kind of event is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pattern {
    /// The program began.
    Started,
    /// The program ended.
    Stopped,
    /// A signed token, and what became of it.
    Exchange,
    /// Somebody proved who they are, or did not.
    Login,
    /// Somebody left.
    Logout,
    /// A request that was permitted: to a FHIR server in the patterns of BALP, anything else as data that left or came.
    Request,
    /// Patients that an answer names: one event for each.
    Disclosed,
    /// Resources that were made: one event for each.
    Created,
    /// How an answer ended.
    Ended,
    /// Somebody asked for what they may not have, or too often.
    Refused,
    /// A machine that nobody knows.
    NotANode,
    /// Who may do what was changed.
    Changed(Change, Action),
    /// Something was looked at, or done, that changes nobody's rights.
    Activity,
    /// Nothing could be recorded for a while.
    NotRecorded,
    /// The log was read.
    LogRead,
    /// The log forgot something.
    LogExpired,
    /// Another machine told us something, as FHIR has it.
    Received,
    /// Somebody told us something by syslog: an event for each patient whom it names.
    Message,
    /// A backup was made, or not.
    BackedUp,
    /// A backup was written out.
    Restored,
}

/// Finds how the kind of this word is told; `None` for a kind that this program does not know.
#[expect(clippy::match_same_arms, reason = "a table: what belongs together stands together")]
pub(super) fn pattern(word: &str) -> Option<Pattern> {
    use Action::{Create, Delete, Read, Update};
    use Change::{Configuration, Roles, Software, Trust, Users};
    Some(match word {
        "started" => Pattern::Started,
        "stopped" => Pattern::Stopped,
        "policy_loaded" | "inventory_loaded" => Pattern::Changed(Configuration, Update),
        "exchanged" | "token_checked" | "exchange_refused" => Pattern::Exchange,
        "authentication_failed" | "logged_in" => Pattern::Login,
        "logged_out" => Pattern::Logout,
        "admitted" | "released" | "entry_admitted" | "verified" => Pattern::Request,
        "disclosed" => Pattern::Disclosed,
        "resources_created" => Pattern::Created,
        "ended" => Pattern::Ended,
        "upstream_overstepped"
        | "request_refused"
        | "failures_summarised"
        | "failures_counted"
        | "stream_refused"
        | "log_forked" => Pattern::Refused,
        "node_authentication_failed" | "handshake_failed" => Pattern::NotANode,
        "node_enrolled" => Pattern::Changed(Trust, Create),
        "node_replaced" => Pattern::Changed(Trust, Update),
        "node_revoked" | "issuer_revoked" => Pattern::Changed(Trust, Delete),
        "gap" | "messages_dropped" | "feed_missed" | "feed_refused" => Pattern::NotRecorded,
        "login_revoked" | "logins_cleaned_up" | "others_logins_cleaned_up" | "token_blocked" => {
            Pattern::Changed(Users, Delete)
        }
        "token_allowed_again" => Pattern::Changed(Users, Create),
        "grant_created" => Pattern::Changed(Roles, Create),
        "grant_revoked" => Pattern::Changed(Roles, Delete),
        "user_created" | "api_token_created" | "ckan_user_created" => Pattern::Changed(Users, Create),
        "user_disabled" | "user_enabled" | "user_password_changed" | "user_hash_raised" => {
            Pattern::Changed(Users, Update)
        }
        "user_deleted" | "user_ended" | "api_token_revoked" => Pattern::Changed(Users, Delete),
        "access_token_begun" | "access_token_created" | "access_token_failed" => {
            Pattern::Changed(Users, Create)
        }
        "access_token_activated" | "access_token_renewed" => Pattern::Changed(Users, Update),
        "access_token_opened" => Pattern::Changed(Users, Read),
        "access_token_revoked" | "access_token_ended" => Pattern::Changed(Users, Delete),
        "key_rotated" | "log_key_added" | "backup_recipient_imported" => Pattern::Changed(Trust, Create),
        "key_retired" | "backup_recipient_removed" => Pattern::Changed(Trust, Delete),
        "operator_request" | "backups_pruned" | "backup_held" | "backup_released" | "backup_verified"
        | "backup_drilled" => Pattern::Activity,
        "backup_made" | "backup_failed" => Pattern::BackedUp,
        "backup_restored" => Pattern::Restored,
        "store_copied" | "log_recovered" => Pattern::Changed(Software, Update),
        "event_received" => Pattern::Received,
        "message_received" => Pattern::Message,
        "log_read" => Pattern::LogRead,
        "log_expired" | "person_erased" => Pattern::LogExpired,
        "hold_created" | "hold_released" => Pattern::Changed(Configuration, Update),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The variants of an enum, as the text of the program has them, in the words of the log.
    fn variants(text: &str, of: &str) -> Vec<String> {
        let body = text.split(&format!("pub enum {of} {{\n")).nth(1).unwrap().split("\n}\n").next().unwrap();
        let names = body.lines().filter_map(|line| {
            let line = line.strip_prefix("    ")?;
            line.starts_with(|letter: char| letter.is_ascii_uppercase())
                .then(|| line.split(['(', ' ', ',', '{']).next().unwrap())
        });
        names.filter(|name| !["Backup", "Syslog"].contains(name)).map(snake).collect()
    }

    fn snake(name: &str) -> String {
        let mut word = String::new();
        for letter in name.chars() {
            if letter.is_ascii_uppercase() && !word.is_empty() {
                word.push('_');
            }
            word.push(letter.to_ascii_lowercase());
        }
        word
    }

    #[test]
    fn every_kind_of_event_is_told() {
        let mut kinds = variants(include_str!("../../record/words.rs"), "What");
        kinds.extend(variants(include_str!("../../record/backup.rs"), "BackupWhat"));
        kinds.extend(variants(include_str!("../../record/syslog.rs"), "SyslogWhat"));
        assert!(kinds.len() > 60, "{kinds:?}");
        let untold: Vec<_> = kinds.iter().filter(|kind| pattern(kind).is_none()).collect();
        assert!(untold.is_empty(), "give these a pattern, a line in docs/audit.md and a sample: {untold:?}");
    }
}
