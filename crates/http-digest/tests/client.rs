//! What we answer to other servers, and what we make of answers to them.

#![allow(clippy::unwrap_used, reason = "what a test sets up itself is known to work")]

use http_digest::client::{Challenge, Unanswerable, answer};
use http_digest::{Algorithm, Credentials, Request};

const GET: Request<'_> = Request { method: "GET", target: "/dir/index.html" };
/// The fields of RFC 7616 section 3.9.1, in its order.
const SHA256: &str = r#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#;
const MD5: &str = r#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#;
const CNONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

fn choose(fields: &[&str]) -> Result<Challenge, Unanswerable> {
    Challenge::choose(fields.iter().copied())
}

fn answer_to(field: &str, login: &str, password: &str) -> String {
    answer(&choose(&[field]).unwrap(), login, password, GET, 1, CNONCE).unwrap()
}

/// RFC 7616 section 3.9.1, for each of its two challenges.
#[test]
fn the_challenges_of_the_rfc_are_answered_as_in_the_rfc() {
    for (field, response) in [
        (MD5, "8ca523f5e9506fed4657c9700eebdbec"),
        (SHA256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ] {
        let header = answer_to(field, "Mufasa", "Circle of Life");
        assert!(header.contains(&format!(r#"response="{response}""#)), "{header}");
        let opaque = r#"opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#;
        assert!(header.contains(opaque), "{header}");
    }
}

#[test]
fn the_strongest_of_all_challenges_is_answered_wherever_it_stands() {
    for fields in [&[SHA256, MD5][..], &[MD5, SHA256], &[&format!("Basic realm=\"a\", {MD5}, {SHA256}")]] {
        assert_eq!(choose(fields).unwrap().algorithm(), Algorithm::Sha256, "{fields:?}");
    }
    let other = r#"Digest realm="other", nonce="b", algorithm=SHA-256"#;
    assert_eq!(choose(&[MD5, SHA256, other]).unwrap().realm(), "http-auth@example.org");
}

#[test]
fn a_challenge_that_cannot_be_answered_or_read_does_not_hide_one_that_can() {
    let sess = r#"Digest realm="a", nonce="b", qop="auth", algorithm=SHA-256-sess"#;
    let other_qop = r#"Digest realm="a", nonce="b", qop="auth-int""#;
    for fields in [[sess, MD5], [MD5, sess], [other_qop, MD5], ["Digest realm=\"", MD5], [MD5, "Digest ="]] {
        assert_eq!(choose(&fields).unwrap().realm(), "http-auth@example.org", "{fields:?}");
    }
}

#[test]
fn a_server_that_asks_for_what_is_not_spoken_here_is_told_from_one_that_asks_for_no_digest() {
    for field in [
        r#"Digest realm="a", nonce="b", algorithm=MD5-sess"#,
        r#"Digest realm="a", nonce="b", algorithm=SHA-512-256"#,
        r#"Digest realm="a", nonce="b", qop="auth-int""#,
        r#"Digest realm="a", nonce="b", qop="""#,
    ] {
        assert_eq!(choose(&["Negotiate", field]), Err(Unanswerable::OtherDigest), "{field}");
    }
    for field in [
        r#"Basic realm="a""#,
        r#"Digest realm="a""#,
        r#"Digest nonce="a""#,
        r#"Digest realm="a", nonce="b", nonce="c""#,
        "Digest",
        "",
        &format!("{MD5}, x=\"{}\"", "x".repeat(32 * 1024)),
    ] {
        assert_eq!(choose(&[field]), Err(Unanswerable::NoDigest), "{field}");
    }
}

#[test]
fn a_challenge_of_old_is_answered_as_of_old() {
    let header = answer_to(
        r#"Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41""#,
        "Mufasa",
        "CircleOfLife",
    );
    // RFC 2069 section 2.4 with the response that its erratum gives.
    let expected = r#"Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", response="1949323746fe6a43ef61f9606e7febea", opaque="5ccc069c403ebaf9f0171e9517f40e41""#;
    assert_eq!(header, expected);
}

#[test]
fn a_realm_and_a_login_with_quotes_are_quoted_and_hashed_without() {
    let field = r#"Digest realm="say \"friend\"", nonce="b", qop=auth"#;
    let header = answer_to(field, r#"a"b\c"#, "d");
    assert!(header.starts_with(r#"Digest username="a\"b\\c", realm="say \"friend\"""#), "{header}");
    let credentials = Credentials::parse(&header).unwrap();
    assert_eq!((credentials.login(), credentials.realm()), (r#"a"b\c"#, r#"say "friend""#));
    assert!(credentials.proves(GET, Some(&credentials.ha1("d"))));
}

#[test]
fn what_no_header_can_carry_is_not_sent() {
    let challenge = choose(&[MD5]).unwrap();
    let send = |login: &str, target: &str, cnonce: &str| {
        answer(&challenge, login, "b", Request { target, ..GET }, 1, cnonce)
            .map_err(|error| error.to_string())
    };
    assert!(send("a", "/", "c").is_ok());
    for login in ["", "a:b", "a\r\nX: y", "caf\u{e9}"] {
        assert!(send(login, "/", "c").unwrap_err().contains("login"), "{login:?}");
    }
    for target in ["", "/\r\n", "/\u{e9}"] {
        assert!(send("a", target, "c").unwrap_err().contains("target"), "{target:?}");
    }
    for cnonce in ["", "\n", &"c".repeat(257)] {
        assert!(send("a", "/", cnonce).unwrap_err().contains("cnonce"), "{cnonce:?}");
    }
}

/// SeisComP's realm is a sentence, RESIF's a word; a stranger's nonce looks like anything.
#[test]
fn an_answer_to_somebody_elses_challenge_proves_the_password_for_this_request_alone() {
    for field in [
        r#"Digest realm="FDSN", nonce="1763800000:0123456789abcdef", qop="auth", algorithm=MD5"#,
        r#"Digest realm="FDSN", nonce="1763800000:0123456789abcdef""#,
        r#"Digest realm="Please provide your credentials (a sentence)", nonce="a b/+=", opaque="-", algorithm=md5, qop="auth""#,
        SHA256,
    ] {
        let header = answer_to(field, "6C41QBN0PQ0G5U", "4MBVVQUNA2RRUZSTVBWUGXJHC4");
        let credentials = Credentials::parse(&header).unwrap();
        let right = credentials.ha1("4MBVVQUNA2RRUZSTVBWUGXJHC4");
        assert!(credentials.proves(GET, Some(&right)), "{field}");
        assert!(!credentials.proves(GET, Some(&credentials.ha1("4MBVV"))), "{field}");
        assert!(!credentials.proves(Request { method: "POST", ..GET }, Some(&right)), "{field}");
        assert!(!credentials.proves(Request { target: "/dir/", ..GET }, Some(&right)), "{field}");
        assert!(!credentials.proves(GET, None), "{field}");

        // Another realm: the same login and password, hashed with other words.
        let moved = Credentials::parse(&header.replace(credentials.realm(), "another")).unwrap();
        assert!(!moved.proves(GET, Some(&moved.ha1("4MBVVQUNA2RRUZSTVBWUGXJHC4"))), "{field}");
    }
}
