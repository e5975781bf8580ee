//! WADLs as data services write them, and what clients see of them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it stands")]

use fdsn::wadl::{Error, MAX_DOCUMENT, with_auth};
use proptest::prelude::*;

/// Flat, with a login for the data but without `auth`.
const FLAT: &str = r##"<?xml version="1.0"?>
<application xmlns="http://wadl.dev.java.net/2009/02"
             xmlns:xsd="http://www.w3.org/2001/XMLSchema">
	<doc title="dataselect &amp; more"/>
	<resources base="http://localhost:8080/fdsnws/dataselect/1/">
		<resource path="query">
			<method name="GET" id="query">
				<request>
					<param name="starttime" style="query" type="xsd:dateTime" required="true"/>
					<param name="nodata" style="query" type="xsd:int" default="204"><option value="204"/><option value="404"/></param>
				</request>
				<response status="200"><representation mediaType="application/vnd.fdsn.mseed"/></response>
			</method>
			<method href="#post"/>
		</resource>
		<resource path="queryauth">
			<method href="#post"/>
		</resource>
		<!-- <resource path="auth"/> -->
	</resources>
	<method name="POST" id="post"/>
</application>
"##;

/// In one resource for all, as many services have it, with slashes, prefix and another login's names.
const NESTED: &str = r#"<w:application xmlns:w='http://wadl.dev.java.net/2009/02'>
  <w:resources base = 'http://10.0.0.1/fdsnws/availability/1'>
    <w:resource path="/">
      <w:method id="root" name="GET"/>
      <w:resource path="/query">
        <w:method id="query" name="GET"/>
        <w:method id='postQuery' name="POST"/>
      </w:resource>
      <w:resource path="/extent/">
        <w:method id="extent" name="GET"/>
      </w:resource>
      <w:resource path="login"><w:method id="auth" name="POST"/></w:resource>
    </w:resource>
  </w:resources>
</w:application>
"#;

const BASE: &str = "https://eida.example.org/fdsnws/dataselect/1/";

fn written(wadl: &str) -> String {
    String::from_utf8(with_auth(wadl.as_bytes(), BASE).unwrap()).unwrap()
}

#[test]
fn auth_is_added_directly_below_resources_and_nothing_else_changes_but_the_base() {
    let expected = FLAT.replace("http://localhost:8080/fdsnws/dataselect/1/", BASE).replace(
        "\n\t\t<!--",
        r#"
		<resource path="auth">
		  <method name="POST" id="auth">
		    <request>
		      <representation mediaType="text/plain"/>
		    </request>
		    <response status="200">
		      <representation mediaType="text/plain"/>
		    </response>
		  </method>
		</resource>
		<!--"#,
    );
    assert_eq!(written(FLAT), expected);
}

#[test]
fn what_needs_a_login_is_a_copy_of_what_does_not_with_ids_of_its_own() {
    let expected = r#"<w:application xmlns:w='http://wadl.dev.java.net/2009/02'>
  <w:resources base = 'https://eida.example.org/fdsnws/dataselect/1/'>
    <w:resource path="/">
      <w:method id="root" name="GET"/>
      <w:resource path="/query">
        <w:method id="query" name="GET"/>
        <w:method id='postQuery' name="POST"/>
      </w:resource>
      <w:resource path="/queryauth">
        <w:method id="queryAuth" name="GET"/>
        <w:method id='postQueryAuth' name="POST"/>
      </w:resource>
      <w:resource path="/extent/">
        <w:method id="extent" name="GET"/>
      </w:resource>
      <w:resource path="/extentauth">
        <w:method id="extentAuth" name="GET"/>
      </w:resource>
      <w:resource path="login"><w:method id="auth" name="POST"/></w:resource>
    </w:resource>
    <w:resource path="auth">
      <w:method name="POST" id="auth_">
        <w:request>
          <w:representation mediaType="text/plain"/>
        </w:request>
        <w:response status="200">
          <w:representation mediaType="text/plain"/>
        </w:response>
      </w:method>
    </w:resource>
  </w:resources>
</w:application>
"#;
    assert_eq!(written(NESTED), expected);
}

#[test]
fn what_is_complete_stays_as_it_is() {
    for wadl in [FLAT, NESTED] {
        assert_eq!(written(&written(wadl)), written(wadl));
    }
}

#[test]
fn auth_in_another_resource_is_none_because_clients_do_not_see_it() {
    let nested = NESTED.replace(r#"path="login""#, r#"path="auth""#);
    assert_eq!(written(&nested).matches(r#"path="auth""#).count(), 2);
    let slash = FLAT.replace("queryauth", "/auth");
    assert!(written(&slash).contains(r#"path="auth""#));
}

#[test]
fn a_document_without_line_ends_or_base_is_completed_too() {
    let wadl = concat!(
        r#"<application xmlns="http://wadl.dev.java.net/2009/02"><resources>"#,
        r#"<resource path="query"/></resources></application>"#
    );
    let written = written(wadl);
    let start = r#"<application xmlns="http://wadl.dev.java.net/2009/02"><resources base="https://eida"#;
    assert!(written.starts_with(start), "{written}");
    assert!(written.contains(r#"<resource path="query"/><resource path="auth">"#), "{written}");
    assert!(
        written.ends_with(r#"</resource><resource path="queryauth"/></resources></application>"#),
        "{written}"
    );
}

#[test]
fn a_byte_order_mark_stays_and_a_second_one_is_refused() {
    let marked = |text: &str| format!("\u{feff}{text}");
    assert_eq!(written(&marked(NESTED)), marked(&written(NESTED)));
    assert!(with_auth(marked(&marked(NESTED)).as_bytes(), BASE).is_err());
}

#[test]
fn a_base_that_would_end_its_attribute_is_escaped() {
    for (wadl, quote) in [(FLAT, '"'), (NESTED, '\'')] {
        let written = with_auth(wadl.as_bytes(), r#"https://a/?b=<'">&c"#).unwrap();
        let expected = format!("{quote}https://a/?b=&lt;&apos;&quot;&gt;&amp;c{quote}");
        assert!(String::from_utf8(written).unwrap().contains(&expected));
    }
}

#[test]
fn what_is_no_wadl_is_refused_with_the_reason() {
    let refused = |text: &str| with_auth(text.as_bytes(), BASE).unwrap_err();
    for text in ["", "Error 404", "<html/>", "<application/>"] {
        assert_eq!(refused(text), Error::NotWadl, "{text}");
    }
    for beside in [format!("OK {NESTED}"), format!("{NESTED}OK"), format!("{NESTED}<![CDATA[]]>")] {
        assert_eq!(refused(&beside), Error::NotWadl, "{beside}");
    }
    // Version 2006 is in another namespace, and so is what only looks like a resource.
    assert_eq!(refused(&FLAT.replace("net/2009/02", "net/2006/10")), Error::NotWadl);
    assert_eq!(refused(&FLAT.replace("resources", "grammars")), Error::Resources);
    assert_eq!(
        refused(&FLAT.replace("<method name=\"POST\" id=\"post\"/>", "<resources/>")),
        Error::Resources
    );
    assert_eq!(refused(&FLAT.replace("\"query\"", "\"catalogs\"")), Error::NoQuery);
    let foreign = FLAT.replace("<resource path=\"query\">", "<resource xmlns=\"urn:x\" path=\"query\">");
    assert_eq!(refused(&foreign), Error::NoQuery);
}

#[test]
fn a_document_type_and_entities_are_refused() {
    let declared = FLAT.replace("?>", "?><!DOCTYPE application>");
    assert_eq!(with_auth(declared.as_bytes(), BASE), Err(Error::Entity { at: 21 }));
    for (from, to) in [("&amp;", "&more;"), ("\"query\">", "\"&query;\">"), ("<!-- ", "&file;<!-- ")] {
        let refused = with_auth(FLAT.replace(from, to).as_bytes(), BASE);
        assert!(matches!(refused, Err(Error::Entity { .. })), "{to}: {refused:?}");
    }
}

#[test]
fn a_document_that_is_cut_off_broken_or_too_large_is_refused() {
    for end in 60..FLAT.trim_end().len() {
        assert!(with_auth(&FLAT.as_bytes()[..end], BASE).is_err(), "{end}");
    }
    let broken = |text: &str| matches!(with_auth(text.as_bytes(), BASE), Err(Error::Broken { .. }));
    assert!(broken(&FLAT.replace("</resources>", "")));
    assert!(broken(&FLAT.replace("name=\"GET\"", "name=\"GET\" name=\"GET\"")));
    assert!(broken(&format!("{FLAT}<application/>")));
    assert!(broken(&FLAT.replace("<response", &format!("{}<response", "<a>".repeat(100)))));
    assert!(matches!(with_auth(b"<a>\xFF</a>", BASE), Err(Error::Broken { at: 3, .. })));
    let large = format!("{FLAT}{}", " ".repeat(MAX_DOCUMENT));
    assert_eq!(with_auth(large.as_bytes(), BASE), Err(Error::TooLarge));
}

proptest! {
    #[test]
    fn whatever_is_written_of_a_damaged_document_can_be_read_again(
        at in any::<proptest::sample::Index>(),
        with in "\\PC{0,4}|[<>&\"' /=]{1,3}",
        nested in any::<bool>(),
    ) {
        let mut text = if nested { NESTED } else { FLAT }.to_owned();
        text.insert_str(at.index(text.len()), &with);
        if let Ok(written) = with_auth(text.as_bytes(), BASE) {
            prop_assert_eq!(with_auth(&written, BASE), Ok(written));
        }
    }
}
