//! What people with an account may do at the listener for operators.

use crate::base::name::ServiceName;

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Admin,
    /// Look at everything, and change what goes on day by day.
    Operator,
    /// Look at everything.
    Auditor,
}

/// Says that a text is no role: the operator's to mend.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no role: admin, operator or auditor")]
pub struct NotARole(String);

impl Role {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = NotARole;

    fn from_str(text: &str) -> Result<Self, NotARole> {
        let all = [Self::Admin, Self::Operator, Self::Auditor];
        let found = all.into_iter().find(|role| role.as_str() == text);
        found.ok_or_else(|| NotARole(text.chars().take(32).collect()))
    }
}

/// A role as somebody has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRole {
    /// Which.
    pub role: Role,
    /// The one service that it is for; `None` for all that there is.
    pub service: Option<ServiceName>,
}

impl HeldRole {
    /// Whether they may read the log of all services.
    pub fn may_read_the_log(&self) -> bool {
        self.service.is_none() && matches!(self.role, Role::Auditor | Role::Admin)
    }

    /// Whether they may change anything about all services: what is about one service is only part of it.
    pub fn may_change_everything(&self) -> bool {
        self.service.is_none() && self.role != Role::Auditor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_for_one_service_changes_nothing_that_concerns_all() {
        let held = HeldRole { role: Role::Admin, service: Some("files".parse().unwrap()) };
        assert!(!held.may_change_everything());
        assert!(HeldRole { service: None, ..held }.may_change_everything());
    }

    #[test]
    fn an_auditor_changes_nothing() {
        let auditor = HeldRole { role: Role::Auditor, service: None };
        assert!(!auditor.may_change_everything());
    }
}
