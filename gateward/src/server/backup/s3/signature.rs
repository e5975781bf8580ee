//! AWS Signature Version 4, as S3 asks for it: in the `Authorization` field, over the whole payload.
//!
//! By "Signature Calculations for the Authorization Header: Transferring Payload in a Single Chunk" of the
//! Amazon S3 API Reference; names of steps are that text's. A server that speaks S3 checks the payload
//! against the SHA-256 that is signed.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::base::secret::Secret;
use crate::base::sha256::Sha256;

/// What `UriEncode` leaves as it is (RFC 3986 section 2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Encodes a path for a URL, its slashes left as they are.
pub(super) fn encoded_path(path: &str) -> String {
    let segments: Vec<String> =
        path.split('/').map(|segment| utf8_percent_encode(segment, ENCODED).to_string()).collect();
    segments.join("/")
}

/// Encodes what is asked for besides the path, in the order of the canonical query string.
pub(super) fn encoded_query(query: &[(&str, &str)]) -> String {
    let encode = |text| utf8_percent_encode(text, ENCODED).to_string();
    let mut pairs: Vec<String> =
        query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.sort_unstable();
    pairs.join("&")
}

/// Who asks.
#[derive(Debug)]
pub(super) struct Credentials {
    pub(super) id: String,
    pub(super) secret: Secret,
}

/// What is signed.
#[derive(Debug)]
pub(super) struct Signed<'a> {
    pub(super) method: &'a str,
    /// By [`encoded_path`].
    pub(super) path: &'a str,
    /// By [`encoded_query`].
    pub(super) query: &'a str,
    /// Names in lower case; `host` and those that begin with `x-amz-` must be among them.
    pub(super) fields: &'a BTreeMap<&'static str, String>,
    pub(super) payload: &'a Sha256,
}

/// Writes `at` as `x-amz-date` has it.
pub(super) fn date(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string()
}

impl Credentials {
    /// Makes the `Authorization` field of what is asked at `date` in `region`.
    pub(super) fn authorize(&self, signed: &Signed<'_>, region: &str, date: &str) -> String {
        let day = &date[..8];
        let scope = format!("{day}/{region}/s3/aws4_request");
        let names: Vec<&str> = signed.fields.keys().copied().collect();
        let names = names.join(";");
        let fields: Vec<String> =
            signed.fields.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
        let fields = fields.concat();
        let Signed { method, path, query, payload, .. } = signed;
        let canonical_request = format!("{method}\n{path}\n{query}\n{fields}\n{names}\n{payload}");
        let string_to_sign =
            format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", Sha256::of(canonical_request.as_bytes()));

        let secret = zeroize::Zeroizing::new(format!("AWS4{}", self.secret.expose()));
        let mut key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        for step in [day, region, "s3", "aws4_request"] {
            key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, step.as_bytes()).as_ref());
        }
        let signature = HEXLOWER.encode(hmac::sign(&key, string_to_sign.as_bytes()).as_ref());
        format!("AWS4-HMAC-SHA256 Credential={}/{scope},SignedHeaders={names},Signature={signature}", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Signs as the examples of the text named above do: their key, bucket, day and region.
    fn signature(
        method: &str,
        path: &str,
        query: &[(&str, &str)],
        more: &[(&'static str, &str)],
        payload: &[u8],
    ) -> String {
        let credentials = Credentials {
            id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into()),
        };
        let at = date("2013-05-24T00:00:00Z".parse().unwrap());
        let payload = Sha256::of(payload);
        let mut fields = BTreeMap::from([
            ("host", "examplebucket.s3.amazonaws.com".to_owned()),
            ("x-amz-content-sha256", payload.to_string()),
            ("x-amz-date", at.clone()),
        ]);
        fields.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let (path, query) = (encoded_path(path), encoded_query(query));
        let signed = Signed { method, path: &path, query: &query, fields: &fields, payload: &payload };
        let authorization = credentials.authorize(&signed, "us-east-1", &at);
        authorization.rsplit_once("Signature=").unwrap().1.to_owned()
    }

    #[test]
    fn signatures_are_those_of_amazons_examples() {
        assert_eq!(
            signature("GET", "/test.txt", &[], &[("range", "bytes=0-9")], b""),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
        let put = [("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")];
        assert_eq!(
            signature("PUT", "/test$file.text", &[], &put, b"Welcome to Amazon S3."),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
        );
        assert_eq!(
            signature("GET", "/", &[("lifecycle", "")], &[], b""),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
        );
        assert_eq!(
            signature("GET", "/", &[("prefix", "J"), ("max-keys", "2")], &[], b""),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        );
    }

    #[test]
    fn only_what_is_unreserved_stays_as_it_is_in_a_url() {
        assert_eq!(encoded_path("/b/a+b ü/~x-y_z.1"), "/b/a%2Bb%20%C3%BC/~x-y_z.1");
        assert_eq!(encoded_query(&[("b", "x/y"), ("a", "=")]), "a=%3D&b=x%2Fy");
    }
}
