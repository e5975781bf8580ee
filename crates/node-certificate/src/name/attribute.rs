//! Attributes that have a short name: those of RFC 4514 section 3, and what authorities use besides.

/// The number, what it is called here, and what OpenSSL calls it where that differs.
const NAMES: [(&str, &str, &str); 17] = [
    ("2.5.4.3", "CN", "commonName"),
    ("2.5.4.7", "L", "localityName"),
    ("2.5.4.8", "ST", "stateOrProvinceName"),
    ("2.5.4.10", "O", "organizationName"),
    ("2.5.4.11", "OU", "organizationalUnitName"),
    ("2.5.4.6", "C", "countryName"),
    ("2.5.4.9", "STREET", "street"),
    ("0.9.2342.19200300.100.1.25", "DC", "domainComponent"),
    ("0.9.2342.19200300.100.1.1", "UID", "userId"),
    ("2.5.4.4", "SN", "surname"),
    ("2.5.4.5", "serialNumber", "serialNumber"),
    ("2.5.4.12", "title", "title"),
    ("2.5.4.15", "businessCategory", "businessCategory"),
    ("2.5.4.42", "GN", "givenName"),
    ("2.5.4.46", "dnQualifier", "dnQualifier"),
    ("2.5.4.97", "organizationIdentifier", "organizationIdentifier"),
    ("1.2.840.113549.1.9.1", "emailAddress", "emailAddress"),
];

pub(super) fn short_name(number: &str) -> Option<&'static str> {
    NAMES.iter().find(|(own, ..)| *own == number).map(|(_, short, _)| *short)
}

/// Names of attributes are the same in any case (RFC 4512 section 2.5).
pub(super) fn number(name: &str) -> Option<&'static str> {
    let same = |own: &str| own.eq_ignore_ascii_case(name);
    NAMES.iter().find(|(_, short, long)| same(short) || same(long)).map(|(number, ..)| *number)
}
