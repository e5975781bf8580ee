use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Result<String, NotAName> {
    text.parse::<DistinguishedName>().map(|name| name.0)
}

#[test]
fn the_examples_of_the_standard_are_read_and_written_alike() {
    // RFC 4514 section 4.
    for text in [
        "UID=jsmith,DC=example,DC=net",
        "CN=J. Smith+OU=Sales,DC=example,DC=net",
        "CN=James \\\"Jim\\\" Smith\\, III,DC=example,DC=net",
        "CN=Before\\0DAfter,DC=example,DC=net",
        "CN=Lučić",
    ] {
        assert_eq!(read(text).as_deref(), Ok(text));
    }
    assert_eq!(
        read("OU=Sales+CN=J.  Smith,DC=example,DC=net").unwrap(),
        "CN=J.  Smith+OU=Sales,DC=example,DC=net"
    );
    assert_eq!(read("CN=Lu\\C4\\8Di\\C4\\87").unwrap(), "CN=Lučić");
    assert_eq!(read("CN=#0C00,O=b").unwrap(), "CN=,O=b");
    assert_eq!(read("CN=,O=b").unwrap(), "CN=,O=b");
    assert_eq!(read("1.3.6.1.4.1.1466.0=#04024869").unwrap(), "1.3.6.1.4.1.1466.0=#04024869");
}

#[test]
fn spellings_of_one_name_become_one() {
    let one = "CN=openhim,O=Ministry of Health,C=RW";
    for other in [
        "cn=openhim, o=Ministry of Health, c=RW",
        " CN = openhim , O = Ministry of Health , C = RW ",
        "2.5.4.3=openhim,2.5.4.10=Ministry\\20of\\20Health,2.5.4.6=RW",
        "OID.2.5.4.3=openhim,organizationName=Ministry of Health,countryName=RW",
        "CN=#0C076F70656E68696D,O=Ministry of Health,C=#13025257",
    ] {
        assert_eq!(read(other).as_deref(), Ok(one), "{other}");
    }
}

#[test]
fn other_names_stay_others() {
    let names = [
        "CN=a,O=b",
        "O=b,CN=a",
        "CN=A,O=b",
        "CN=a\\,O=b",
        "CN=a+O=b",
        "CN=a,O=b,O=b",
        "CN=a\\ ,O=b",
        "OU=a,O=b",
    ];
    for (at, one) in names.iter().enumerate() {
        for other in &names[at + 1..] {
            assert_ne!(read(one).unwrap(), read(other).unwrap());
        }
    }
}

#[test]
fn what_is_no_name_is_refused_with_the_reason() {
    assert_eq!(read("  "), Err(NotAName::Empty));
    assert_eq!(read(&format!("CN={}", "a".repeat(MAX_BYTES))), Err(NotAName::TooLong));
    let short_here = format!("1.2.3=#0C8203E8{}", "61".repeat(1000));
    assert_eq!(read(&format!("{short_here},1.2.3={}", "\u{1b}".repeat(1500))), Err(NotAName::TooLong));
    assert_eq!(read("moonshine=a"), Err(NotAName::Attribute("moonshine".into())));
    for text in ["openhim", "CN=a,", "CN=\"a\"", "CN=a\\zz", "CN=a\\", "CN=#", "CN=#0C", "CN=\\FF"] {
        assert!(matches!(read(text), Err(NotAName::Form(_))), "{text}: {:?}", read(text));
    }
    // As openssl prints a subject by default: the other way round, and with a word before it.
    assert!(read("subject=C = RW, CN = openhim").is_err());
}

#[test]
fn what_is_not_seen_is_escaped() {
    assert_eq!(escape("a\u{1b}[2J\u{202e}b\0"), "a\\1B[2J\\E2\\80\\AEb\\00");
    assert_eq!(escape(" #a "), "\\ #a\\ ");
    assert_eq!(escape("#a"), "\\#a");
}

proptest! {
    #[test]
    fn any_value_survives_being_written_and_read(values in prop::collection::vec("\\PC{1,12}|[ #+,;<>=\\\\\"\0-\u{7f}]{1,12}", 1..4)) {
        let parts: Vec<String> = values.iter().map(|value| spell("2.5.4.3", &Value::Text(value.clone()))).collect();
        let text = parts.join(",");
        prop_assert_eq!(read(&text), Ok(text));
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,40}|(CN|2\\.5|O)(=|\\+|,|#|\\\\|[0-9a-f ]){0,20}") {
        if let Ok(name) = text.parse::<DistinguishedName>() {
            prop_assert_eq!(read(name.as_str()), Ok(name.0));
        }
    }
}
