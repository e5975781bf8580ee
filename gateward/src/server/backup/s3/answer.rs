//! What a server answered: XML without a schema that all servers keep, read for the few things that matter.

use http::StatusCode;
use http::header::HeaderMap;
use quick_xml::Reader;
use quick_xml::events::Event;

use crate::server::outwards::one_line;

/// An answer that is whole in hand.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) fields: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// A no, in the server's words ("Error responses" of the Amazon S3 API Reference).
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// The name of the error; empty where the server gave none.
    pub(super) code: String,
    pub(super) message: String,
    /// Where the bucket is, if it is elsewhere.
    pub(super) region: Option<String>,
    /// What the server's clock said.
    pub(super) date: Option<String>,
    /// How often it was said, where that was more than once.
    pub(super) tried: u32,
}

impl Refusal {
    /// One without words.
    pub(super) fn of(status: StatusCode) -> Self {
        Self { status, code: String::new(), message: String::new(), region: None, date: None, tried: 1 }
    }

    /// Whether it may be yes the next time: the server is overloaded, or what it got is not what was sent.
    pub(super) fn may_pass(&self) -> bool {
        const PASSING: [&str; 10] = [
            "BadDigest",
            "ConditionalRequestConflict",
            "IncompleteBody",
            "InternalError",
            "OperationAborted",
            "RequestTimeout",
            "ServiceUnavailable",
            "SlowDown",
            "TooManyRequests",
            "XAmzContentSHA256Mismatch",
        ];
        let is_overloaded = self.status.is_server_error() && self.status != StatusCode::NOT_IMPLEMENTED;
        is_overloaded
            || matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
            || PASSING.contains(&self.code.as_str())
    }

    /// Whether the server does not know what was asked for.
    pub(super) fn is_unknown_to_it(&self) -> bool {
        self.status == StatusCode::NOT_IMPLEMENTED || self.code == "NotImplemented"
    }
}

impl Answer {
    /// Parts yes from no: the status alone does not tell, a 200 may carry an error as well.
    pub(super) fn judge(self) -> Result<Self, Refusal> {
        let leaves = leaves(&self.body).unwrap_or_default();
        let is_error = leaves.first().is_some_and(|leaf| leaf.root == "Error");
        if self.status.is_success() && !is_error {
            return Ok(self);
        }
        let text = |name: &str| {
            let found = leaves.iter().find(|leaf| leaf.root == "Error" && leaf.name == name);
            found.map(|leaf| one_line(&leaf.text)).unwrap_or_default()
        };
        let region = self.field("x-amz-bucket-region").map_or_else(|| text("Region"), one_line);
        Err(Refusal {
            status: self.status,
            code: text("Code"),
            message: text("Message"),
            region: Some(region).filter(|region| !region.is_empty()),
            date: self.field("date").map(one_line),
            tried: 1,
        })
    }

    /// The text of a field of the head.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name)?.to_str().ok()
    }

    /// The text of an element right beneath the root.
    pub(super) fn text(&self, root: &str, name: &str) -> Option<String> {
        let leaves = leaves(&self.body)?;
        let mut found = leaves.into_iter().filter(|leaf| leaf.root == root && leaf.parent == root);
        found.find(|leaf| leaf.name == name).map(|leaf| leaf.text)
    }

    /// Reads a page of a listing (`ListObjectsV2`): keys with lengths, and where the next page begins.
    pub(super) fn page(&self) -> Option<Page> {
        let mut page = Page::default();
        let leaves = leaves(&self.body)?;
        if leaves.first()?.root != "ListBucketResult" {
            return None;
        }
        let mut is_truncated = false;
        for leaf in leaves {
            match (leaf.parent.as_str(), leaf.name.as_str()) {
                ("Contents", "Key") => page.found.push((leaf.text, 0)),
                ("Contents", "Size") => page.found.last_mut()?.1 = leaf.text.parse().ok()?,
                ("ListBucketResult", "NextContinuationToken") => page.next = Some(leaf.text),
                ("ListBucketResult", "IsTruncated") => is_truncated = leaf.text == "true",
                _ => {}
            }
        }
        // Half a list would be taken for the whole.
        (is_truncated == page.next.is_some()).then_some(page)
    }
}

/// One page of a listing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) found: Vec<(String, u64)>,
    pub(super) next: Option<String>,
}

/// An element without others in it.
struct Leaf {
    root: String,
    parent: String,
    name: String,
    text: String,
}

/// How deep an answer may be nested.
const DEEPEST: usize = 16;

/// Reads all leaves in their order; `None` where it is no XML. Bounded by the length of the answer.
fn leaves(xml: &[u8]) -> Option<Vec<Leaf>> {
    let mut reader = Reader::from_str(std::str::from_utf8(xml).ok()?);
    let mut open: Vec<String> = Vec::new();
    let (mut text, mut is_leaf) = (String::new(), false);
    let mut leaves = Vec::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) if open.len() < DEEPEST => {
                open.push(tag.local_name().as_ref().to_owned());
                text.clear();
                is_leaf = true;
            }
            Event::Text(said) => text.push_str(&said.xml10_content()),
            Event::CData(said) => text.push_str(&said.xml10_content()),
            Event::GeneralRef(name) => text.push(character(&name)),
            Event::End(_) => {
                let name = open.pop()?;
                if let Some(parent) = open.last().filter(|_| is_leaf) {
                    let (root, parent) = (open.first()?.clone(), parent.clone());
                    leaves.push(Leaf { root, parent, name, text: std::mem::take(&mut text) });
                }
                is_leaf = false;
            }
            Event::Eof if open.is_empty() => return Some(leaves),
            Event::Start(_) | Event::DocType(_) | Event::Eof => return None,
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

/// XML 1.0 section 4.6; what names no character stands for something that no key of ours has.
fn character(name: &quick_xml::events::BytesRef<'_>) -> char {
    match name.as_ref() {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        _ => name.resolve_char_ref().ok().flatten().unwrap_or(char::REPLACEMENT_CHARACTER),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let status = StatusCode::from_u16(status).unwrap();
        Answer { status, fields: HeaderMap::new(), body: body.into() }
    }

    #[test]
    fn an_error_is_a_no_whatever_the_status_says() {
        let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\n<Error><Code>InternalError</Code>\
            <Message>We &amp; you\u{1b}</Message><RequestId>1</RequestId></Error>";
        for status in [200, 500] {
            let no = answer(status, body).judge().unwrap_err();
            assert_eq!((no.code.as_str(), no.message.as_str()), ("InternalError", "We & you"));
        }
        assert_eq!(answer(502, "<html><p>Bad").judge().unwrap_err().code, "");
        assert!(answer(200, "").judge().is_ok());
        assert!(answer(204, "").judge().is_ok());
        assert!(answer(307, "").judge().is_err());
    }

    #[test]
    fn a_listing_is_read_with_the_place_where_it_goes_on() {
        let page = "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>\
            <IsTruncated>true</IsTruncated><Contents><Key>a&amp;&#98;</Key><Owner><ID>x</ID></Owner>\
            <Size>7</Size></Contents><Contents><Key>c</Key><Size>0</Size></Contents>\
            <NextContinuationToken>t==</NextContinuationToken></ListBucketResult>";
        let read = answer(200, page).page().unwrap();
        assert_eq!(read.found, [("a&b".to_owned(), 7), ("c".to_owned(), 0)]);
        assert_eq!(read.next.as_deref(), Some("t=="));
        assert_eq!(answer(200, page).text("ListBucketResult", "Name").as_deref(), Some("b"));
    }

    #[test]
    fn half_a_listing_or_none_is_none() {
        for body in [
            "",
            "<html></html>",
            "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
            "<ListBucketResult><IsTruncated>false</IsTruncated>",
            "<ListBucketResult><Contents><Key>a</Key><Size>x</Size></Contents></ListBucketResult>",
        ] {
            assert_eq!(answer(200, body).page(), None, "{body}");
        }
    }

    /// What answers are made of, and what they are not.
    const PIECES: [&str; 24] = [
        "<ListBucketResult>",
        "</ListBucketResult>",
        "<Contents>",
        "</Contents>",
        "<Key>",
        "</Key>",
        "<Size>",
        "</Size>",
        "<IsTruncated>",
        "</IsTruncated>",
        "<NextContinuationToken>",
        "</NextContinuationToken>",
        "<Error>",
        "</Error>",
        "<Code>",
        "</Code>",
        "<Key/>",
        "<![CDATA[a]]>",
        "<!-- a -->",
        "<!DOCTYPE a [<!ENTITY b \"c\">]>",
        "&b;",
        "&#0;&#xd800;&lt",
        "true",
        "18446744073709551616",
    ];

    proptest! {
        #[test]
        fn no_answer_makes_it_stumble_or_is_read_as_more_than_it_is(
            pieces in prop::collection::vec(
                prop_oneof![8 => prop::sample::select(&PIECES[..]).prop_map(str::to_owned), 1 => any::<String>()],
                0..60,
            ),
            status in prop::sample::select(vec![200, 404, 500]),
        ) {
            let body = pieces.concat();
            if let Some(page) = answer(status, &body).page() {
                let keys: usize = page.found.iter().map(|(key, _)| key.len()).sum();
                prop_assert!(keys <= body.len() * 3, "an unknown entity stands for three bytes");
                prop_assert!(body.contains("<ListBucketResult>"));

            }
            match answer(status, &body).judge() {
                Ok(_) => prop_assert_eq!(status, 200),
                Err(no) => {
                    let is_one_line = !(no.code + &no.message).contains(char::is_control);
                    prop_assert!(is_one_line);
                }
            }
        }

        #[test]
        fn no_part_of_a_listing_is_read_as_all_of_it(keys in prop::collection::vec("[a-z&<]{1,9}", 0..4), at: prop::sample::Index) {
            let escaped = keys.iter().map(|key| key.replace('&', "&amp;").replace('<', "&lt;"));
            let found: Vec<_> =
                escaped.map(|key| format!("<Contents><Key>{key}</Key><Size>7</Size></Contents>")).collect();
            let found = found.concat();
            let page = format!("<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>");
            let read = answer(200, &page).page().unwrap();
            let expected: Vec<_> = keys.iter().map(|key| (key.clone(), 7)).collect();
            prop_assert_eq!(read.found, expected);
            prop_assert_eq!(answer(200, &page[..at.index(page.len())]).page(), None);
        }
    }
}
