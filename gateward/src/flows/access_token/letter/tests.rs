use super::*;

fn ada() -> Letter<'static> {
    Letter { full_name: Some("Ada Lovelace"), ..values::SAMPLE }
}

fn with_own(name: &'static str, text: &'static str) -> Result<Letters, Error> {
    Letters::from_folder_texts(|asked| (asked == name).then(|| text.to_owned()))
}

/// All that is written for one person, in each language and form.
fn all(letter: Letter<'_>) -> Vec<String> {
    let letters = Letters::built_in();
    let mut all = Vec::new();
    for language in [Language::English, Language::German] {
        for form in [Form::Zip, Form::Pgp, Form::Inner] {
            let letter = Letter { form, language, ..letter };
            all.extend([letters.text(&letter).unwrap(), letters.html(&letter).unwrap()]);
            all.push(letters.read_me(&letter).unwrap().1);
        }
    }
    all
}

#[test]
fn a_letter_names_person_account_server_file_contact_end_and_fingerprint() {
    let letters = Letters::built_in();
    let said = [
        "Ada Lovelace",
        "Example Hospital",
        "dcor.example.org",
        "ada.dcor-access.zip",
        "1 January 1970",
        "Data office, +49 30 5550 100",
        "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:",
        "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
    ];
    for letter in [letters.text(&ada()).unwrap(), letters.html(&ada()).unwrap()] {
        for value in said {
            assert!(letter.contains(value), "{value} is missing in {letter}");
        }
    }
}

#[test]
fn each_form_is_opened_as_it_can_be_opened() {
    let letters = Letters::built_in();
    let text = |form, file_name| letters.text(&Letter { file_name, form, ..ada() }).unwrap();

    let zip = text(Form::Zip, "ada.dcor-access.zip");
    assert!(
        zip.contains("7-Zip") && zip.contains("macOS") && zip.contains("7z x ada.dcor-access.zip"),
        "{zip}"
    );
    let pgp = text(Form::Pgp, "ada.dcor-access.gpg");
    assert!(pgp.contains("gpg --output ada.dcor-access --decrypt ada.dcor-access.gpg"), "{pgp}");
    let inner = text(Form::Inner, "ada.dcor-access");
    assert!(inner.contains("without the passphrase. Never send it on."), "{inner}");
    assert!(!inner.contains("7-Zip") && !inner.contains("gpg"), "{inner}");
}

/// A text without marks and line ends.
fn words(text: &str) -> String {
    let bare = text.replace("<b>", "").replace("</b>", "").replace(['"', '“', '”', '„'], "");
    bare.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn everything_written_says_how_a_file_that_is_not_ours_is_found_out() {
    // Readers take any passphrase for a file that is not encrypted at all.
    let letters = Letters::built_in();
    for (language, wrong_passphrase, asks) in [
        (Language::English, "type 1, then Finish. An error must appear.", "It must ask for the passphrase"),
        (
            Language::German,
            "1 eintippen, dann Finish. Es muss ein Fehler",
            "Sie muss nach dem Kennwort fragen",
        ),
    ] {
        for form in [Form::Zip, Form::Pgp, Form::Inner] {
            let letter = Letter { form, language, ..ada() };
            let text = words(&letters.text(&letter).unwrap());
            let html = words(&letters.html(&letter).unwrap());
            let read_me = words(&letters.read_me(&letter).unwrap().1);
            for written in [&text, &html, &read_me] {
                assert!(written.contains(wrong_passphrase), "{written}");
            }
            for letter in [&text, &html] {
                assert_eq!(letter.contains(asks), form == Form::Zip, "{letter}");
            }
        }
    }
}

#[test]
fn a_german_letter_is_german() {
    let letters = Letters::built_in();
    let german =
        Letter { language: Language::German, expires_at: "2027-03-09T23:59:59Z".parse().unwrap(), ..ada() };
    assert!(letters.text(&german).unwrap().contains("gültig bis   9. März 2027\n"));
    assert!(letters.html(&german).unwrap().contains("<html lang=\"de\">"));
    assert_eq!(letters.read_me(&german).unwrap().0, "LIES-MICH.txt");
    assert_eq!(letters.read_me(&ada()).unwrap().0, "READ-ME.txt");
}

#[test]
fn a_person_without_a_name_is_greeted_without_one() {
    let letters = Letters::built_in();
    let nameless = Letter { full_name: None, ..ada() };
    assert!(letters.text(&nameless).unwrap().contains("\nGood day,\n"));
}

#[test]
fn no_letter_asks_for_the_passphrase_or_for_anything_from_elsewhere() {
    assert!(!values::placeholders().iter().any(|name| name.contains("pass") || name.contains("key")));
    for (name, text) in BUILT_IN {
        let lower = text.to_lowercase();
        for foreign in ["<script", "src=", "href=", "url(", "@import", "http:", "https:"] {
            assert!(!lower.contains(foreign), "{name} has {foreign}");
        }
    }
}

#[test]
fn lines_of_texts_fit_a_sheet() {
    for letter in all(ada()) {
        let longest = letter.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(letter.contains("<html") || longest <= 80, "{longest}: {letter}");
        assert!(letter.contains("<html") || letter.lines().count() <= 84, "{letter}");
        assert!(!letter.contains("\n\n\n\n"), "{letter}");
    }
}

#[test]
fn a_hostile_name_stays_text_in_html() {
    let evil = "<script>alert(1)</script>\"'><img src=x onerror=y>&lt;";
    let letters = Letters::built_in();
    let letter = Letter {
        full_name: Some(evil),
        user: evil,
        institution: evil,
        contact: evil,
        file_name: evil,
        host: evil,
        certificate_fingerprint: evil,
        ..ada()
    };
    let tags = |html: &str| html.matches('<').count();
    let html = letters.html(&letter).unwrap();
    assert_eq!(tags(&html), tags(&letters.html(&ada()).unwrap()), "{html}");
    assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("&lt;&gt;"), "{html}");
    assert!(html.contains("&amp;lt;"), "{html}");
}

#[test]
fn no_value_breaks_a_line_or_turns_letters_round() {
    let evil = "Ada\r\n\n\tLove\u{2028}lace\u{1b}[31m\u{7}\u{202e}evil\u{0}\u{85}end";
    let letter =
        |name| Letter { full_name: Some(name), user: name, institution: name, contact: name, ..ada() };
    for (hostile, harmless) in all(letter(evil)).iter().zip(all(letter("Ada"))) {
        assert_eq!(hostile.lines().count(), harmless.lines().count());
        assert!(!hostile.contains(|c: char| c.is_control() && c != '\n'), "{hostile}");
        assert!(!hostile.contains(['\u{2028}', '\u{202e}']), "{hostile}");
        assert!(hostile.contains("Ada Love lace [31m evil end"), "{hostile}");
    }
}

#[test]
fn a_name_of_ten_thousand_letters_is_cut() {
    let long = "ß".repeat(10_000);
    let broad = "a b ".repeat(10_000);
    for name in [&*long, &*broad] {
        let letter = Letter { full_name: Some(name), contact: name, file_name: name, ..ada() };
        for written in all(letter) {
            assert!(written.chars().count() < 10_000, "{} letters", written.chars().count());
            assert!(written.contains('…'));
        }
    }
}

#[test]
fn a_letter_of_ones_own_replaces_that_one_alone() {
    let letters = with_own("letter.en.txt", "Hello {{ user }}\n").unwrap();
    assert_eq!(letters.text(&ada()).unwrap(), "Hello ada\n");
    assert!(letters.html(&ada()).unwrap().contains("Ada Lovelace"));
}

#[test]
fn an_unknown_placeholder_is_named_with_its_line_and_those_there_are() {
    // Also where no sample gets to it, and never for a word outside of braces.
    let own = "Hello {{ user }},\nthe telefone:\n{% if form == \"fax\" %}{{ telefone }}{% endif %}\n";
    let error = with_own("letter.de.txt", own).unwrap_err().to_string();
    assert_eq!(
        error,
        "letter.de.txt, line 3: there is no telefone; there are: contact, dead, expires, file_name, fingerprint, \
         fingerprint_rest, fingerprint_start, form, full_name, host, institution, token_file, user"
    );
}

#[test]
fn a_mistake_in_a_template_is_named_with_its_line() {
    for (own, line, why) in [
        ("one\n{{ user\n", 2, "unexpected"),
        ("one\ntwo\n{% if form %}\n", 3, "unexpected end"),
        ("{{ user|shout }}", 1, "shout"),
        ("\n{{ user.name }}", 2, "undefined"),
        ("{% include \"letter.en.txt\" %}", 1, "include"),
    ] {
        let error = with_own("letter.en.html", own).unwrap_err();
        let Error::Template { file, line: found, why: said } = &error else { panic!("{error:?}") };
        assert_eq!((file.as_str(), *found), ("letter.en.html", line), "{error}");
        assert!(said.contains(why), "{own}: {said}");
        assert!(error.to_string().contains("full_name"), "{error}");
    }
}

#[test]
fn what_ends_as_a_day_begins_is_good_until_the_day_before() {
    for (end, day) in [
        // As `--expires 2027-03-31` makes it.
        ("2027-04-01T00:00:00Z", "31 March 2027"),
        ("2027-01-01T00:00:00Z", "31 December 2026"),
        ("2027-04-01T00:00:01Z", "1 April 2027"),
        ("2027-03-31T23:59:59Z", "31 March 2027"),
    ] {
        let letter = Letters::built_in().text(&Letter { expires_at: end.parse().unwrap(), ..ada() }).unwrap();
        assert!(letter.contains(day), "{end}: {letter}");
    }
}

#[test]
fn who_gets_a_key_that_is_dead_is_told_when_it_lives() {
    let letters = Letters::built_in();
    for (language, said) in [(Language::English, "the key is dead"), (Language::German, "Schlüssel tot")] {
        let letter = |is_dead| Letter { is_dead, language, ..ada() };
        for (dead, alive) in [
            (letters.text(&letter(true)).unwrap(), letters.text(&letter(false)).unwrap()),
            (letters.html(&letter(true)).unwrap(), letters.html(&letter(false)).unwrap()),
        ] {
            assert!(dead.contains(said) && !alive.contains(said), "{dead}");
        }
    }
}
