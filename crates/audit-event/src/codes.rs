//! Codes of DICOM, FHIR, IHE and RFC 3881 that events are told in.

/// One code that is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The system's address.
    pub system: &'static str,
    /// The code.
    pub code: &'static str,
    /// What people read.
    pub display: &'static str,
}

/// Codes of one system.
macro_rules! codes {
    ($system:expr; $($(#[$about:meta])* $name:ident = $code:literal $display:literal;)+) => {
        $($(#[$about])* pub const $name: Code = Code { system: $system, code: $code, display: $display };)+
    };
}

/// DICOM (PS3.16), whose name in an audit message is `DCM`.
pub const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";
/// What sort of thing happened, where DICOM has no code.
pub const EVENT_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-event-type";
/// What was asked of a FHIR server.
pub const INTERACTION: &str = "http://hl7.org/fhir/restful-interaction";
/// How somebody took part (HL7 v3).
pub const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
/// How somebody took part in what comes from where.
pub const PROVENANCE: &str = "http://terminology.hl7.org/CodeSystem/provenance-participant-type";
/// Sorts of things that events are about.
pub const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
/// What things were there for.
pub const OBJECT_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";
/// Where in its life something is.
pub const LIFECYCLE: &str = "http://terminology.hl7.org/CodeSystem/dicom-audit-lifecycle";
/// What those who record are.
pub const SOURCE_TYPE: &str = "http://terminology.hl7.org/CodeSystem/security-source-type";
/// What else BALP has events be about.
pub const BALP_ENTITY_TYPE: &str = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType";
/// Sorts of identifiers (RFC 3881 section 5.5.4).
pub const RFC_3881: &str = "urn:ietf:rfc:3881";
/// Sorts of identifiers (HL7 v2, table 0203).
pub const IDENTIFIER_TYPE: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";

// What happened: DICOM's EventID.
codes! { DCM;
    APPLICATION_ACTIVITY = "110100" "Application Activity";
    AUDIT_LOG_USED = "110101" "Audit Log Used";
    EXPORT = "110106" "Export";
    IMPORT = "110107" "Import";
    NETWORK_ENTRY = "110108" "Network Entry";
    PATIENT_RECORD = "110110" "Patient Record";
    QUERY = "110112" "Query";
    SECURITY_ALERT = "110113" "Security Alert";
    USER_AUTHENTICATION = "110114" "User Authentication";
}

// More exactly so: DICOM's EventTypeCode.
codes! { DCM;
    APPLICATION_START = "110120" "Application Start";
    APPLICATION_STOP = "110121" "Application Stop";
    LOGIN = "110122" "Login";
    LOGOUT = "110123" "Logout";
    NODE_AUTHENTICATION = "110126" "Node Authentication";
    EMERGENCY_OVERRIDE = "110127" "Emergency Override Started";
    NETWORK_CONFIGURATION = "110128" "Network Configuration";
    SECURITY_CONFIGURATION = "110129" "Security Configuration";
    HARDWARE_CONFIGURATION = "110130" "Hardware Configuration";
    SOFTWARE_CONFIGURATION = "110131" "Software Configuration";
    RESTRICTED_FUNCTION = "110132" "Use of Restricted Function";
    AUDIT_STOPPED = "110133" "Audit Recording Stopped";
    AUDIT_STARTED = "110134" "Audit Recording Started";
    SECURITY_ROLES_CHANGED = "110136" "Security Roles Changed";
    USER_ATTRIBUTES_CHANGED = "110137" "User security Attributes Changed";
}

// How somebody took part, and which sort of identifier something has.
codes! { DCM;
    APPLICATION = "110150" "Application";
    APPLICATION_LAUNCHER = "110151" "Application Launcher";
    DESTINATION = "110152" "Destination Role ID";
    SOURCE = "110153" "Source Role ID";
    NODE_ID = "110182" "Node ID";
}

codes! { EVENT_TYPE;
    REST = "rest" "RESTful Operation";
}

codes! { INTERACTION;
    CREATE = "create" "create";
    READ = "read" "read";
    VREAD = "vread" "vread";
    UPDATE = "update" "update";
    PATCH = "patch" "patch";
    DELETE = "delete" "delete";
    SEARCH = "search" "search";
    SEARCH_TYPE = "search-type" "search-type";
    SEARCH_SYSTEM = "search-system" "search-system";
    HISTORY = "history" "history";
    HISTORY_INSTANCE = "history-instance" "history-instance";
    HISTORY_TYPE = "history-type" "history-type";
    HISTORY_SYSTEM = "history-system" "history-system";
    CAPABILITIES = "capabilities" "capabilities";
    TRANSACTION = "transaction" "transaction";
    BATCH = "batch" "batch";
    OPERATION = "operation" "operation";
}

codes! { PARTICIPATION;
    AUTHOR = "AUT" "author (originator)";
    INFORMANT = "INF" "informant";
    CUSTODIAN_OF_DATA = "CST" "custodian";
    RECIPIENT = "IRCP" "information recipient";
}

codes! { PROVENANCE;
    CUSTODIAN = "custodian" "Custodian";
}

codes! { ENTITY_TYPE;
    PERSON = "1" "Person";
    SYSTEM_OBJECT = "2" "System Object";
    ORGANIZATION = "3" "Organization";
    OTHER = "4" "Other";
}

codes! { OBJECT_ROLE;
    ROLE_PATIENT = "1" "Patient";
    ROLE_REPORT = "3" "Report";
    ROLE_RESOURCE = "4" "Domain Resource";
    ROLE_MASTER_FILE = "5" "Master file";
    ROLE_USER = "6" "User";
    ROLE_SECURITY_USER = "11" "Security User Entity";
    ROLE_SECURITY_GROUP = "12" "Security User Group";
    ROLE_SECURITY_RESOURCE = "13" "Security Resource";
    ROLE_SECURITY_GRANULARITY = "14" "Security Granularity Definition";
    ROLE_DESTINATION = "16" "Data Destination";
    ROLE_REPOSITORY = "17" "Data Repository";
    ROLE_JOB = "20" "Job";
    ROLE_QUERY = "24" "Query";
}

codes! { LIFECYCLE;
    ORIGINATION = "1" "Origination / Creation";
    IMPORT_COPY = "2" "Import / Copy";
    AMENDMENT = "3" "Amendment";
    VERIFICATION = "4" "Verification";
    ACCESS = "6" "Access / Use";
    EXPORTED = "10" "Export";
    DISCLOSURE = "11" "Disclosure";
    ARCHIVING = "13" "Archiving";
    LOGICAL_DELETION = "14" "Logical deletion";
    ERASURE = "15" "Permanent erasure / Physical destruction";
}

codes! { SOURCE_TYPE;
    WEB_SERVER = "3" "Web Server";
    APPLICATION_SERVER = "4" "Application Server";
    SECURITY_SERVER = "6" "Security Server";
}

codes! { BALP_ENTITY_TYPE;
    X_REQUEST_ID = "XrequestId" "X-Request-Id";
}

codes! { RFC_3881;
    PATIENT_NUMBER = "2" "Patient Number";
    SEARCH_CRITERIA = "10" "Search Criteria";
    USER_IDENTIFIER = "11" "User Identifier";
    URI = "12" "URI";
}

codes! { IDENTIFIER_TYPE;
    UNSPECIFIED = "U" "Unspecified identifier";
}
