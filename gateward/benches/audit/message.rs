//! What is sent: a DICOM audit message by syslog, as a laboratory's system tells of a patient's record.

use std::fmt::Write as _;

/// Writes message number `number`, framed by octet counting (RFC 5425 section 4.3); each is unlike all others.
pub fn framed(number: usize) -> String {
    let message = message(number);
    format!("{} {message}", message.len())
}

/// Writes the frames of `count` messages from number `first` on, one after the other.
pub fn all_framed(first: usize, count: usize) -> String {
    (first..first + count).fold(String::new(), |all, number| all + &framed(number))
}

fn message(number: usize) -> String {
    let (patient, user) = (number * 7919 % 1_000_000, number % 500);
    let (hour, minute, second, micro) =
        (number / 3600 % 24, number / 60 % 60, number % 60, number % 1_000_000);
    let at = format!("2026-11-21T{hour:02}:{minute:02}:{second:02}.{micro:06}Z");
    let mut xml = format!(
        r#"<85>1 {at} lis.example.org lis 4711 IHE+RFC-3881 - <AuditMessage><EventIdentification EventActionCode="R" EventDateTime="{at}" EventOutcomeIndicator="0"><EventID csd-code="110110" codeSystemName="DCM" originalText="Patient Record"/><EventTypeCode csd-code="ITI-78" codeSystemName="IHE Transactions" originalText="Mobile Patient Demographics Query"/></EventIdentification>"#
    );
    for (role, name, requestor, address) in
        [("110153", "Source", "false", "10.20.0.7"), ("110152", "Destination", "true", "10.20.30.40")]
    {
        write!(
            xml,
            r#"<ActiveParticipant UserID="https://{name}.example.org/fhir" AlternativeUserID="{number}" UserIsRequestor="{requestor}" NetworkAccessPointID="{address}" NetworkAccessPointTypeCode="2"><RoleIDCode csd-code="{role}" codeSystemName="DCM" originalText="{name}"/></ActiveParticipant>"#
        )
        .expect("texts take whatever is written");
    }
    xml + &format!(
        r#"<ActiveParticipant UserID="user-{user}" UserName="Søren Ångström {user}" UserIsRequestor="true"/><AuditSourceIdentification AuditSourceID="lis.example.org" AuditEnterpriseSiteID="Ærøskøbing"/><ParticipantObjectIdentification ParticipantObjectID="{patient}^^^&amp;2.16.756.5.30.1.127.3.10.3&amp;ISO" ParticipantObjectTypeCode="1" ParticipantObjectTypeCodeRole="1"><ParticipantObjectIDTypeCode csd-code="2" codeSystemName="RFC-3881" originalText="Patient Number"/></ParticipantObjectIdentification></AuditMessage>"#
    )
}
