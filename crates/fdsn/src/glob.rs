//! Wildcards over codes: `*` is any run of characters, also none; `?` is exactly one.

/// Whether `pattern` matches all of `text`.
///
/// In `text`, too, `*` and `?` may stand: then the answer is whether `pattern` matches whatever
/// `text` does (where it is yes; a no may be wrong). Time is at most the product of the lengths.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut read) = (0, 0);
    // Where the last star stands, and what of the text it is not yet tried with.
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(b'?') if text[read] != b'*' => (at, read) = (at + 1, read + 1),
            Some(letter) if *letter == text[read] => (at, read) = (at + 1, read + 1),
            _ => match &mut star {
                Some((place, taken)) => {
                    *taken += 1;
                    (at, read) = (*place + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|letter| *letter == b'*')
}

/// Whether some text is matched by both patterns, neither longer than [`MAX_LEN`].
pub(crate) fn intersect(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    debug_assert!(one.len() <= MAX_LEN && other.len() <= MAX_LEN, "patterns are made by Pattern alone");
    // Bit j of reached[i]: some text is matched by the first i of one and the first j of the other.
    let mut reached = [0_u64; MAX_LEN + 2];
    reached[0] = 1;
    for i in 0..=one.len() {
        for j in 0..=other.len() {
            if reached[i] & (1 << j) == 0 {
                continue;
            }
            let (left, right) = (one.get(i), other.get(j));
            // A star may take nothing more, or one more of what the other side demands.
            if right == Some(&b'*') || (left == Some(&b'*') && right.is_some()) {
                reached[i] |= 1 << (j + 1);
            }
            if left == Some(&b'*') || (right == Some(&b'*') && left.is_some()) {
                reached[i + 1] |= 1 << j;
            }
            if let (Some(left), Some(right)) = (left, right)
                && (left == right || *left == b'?' || *right == b'?')
            {
                reached[i + 1] |= 1 << (j + 1);
            }
        }
    }
    reached[one.len()] & (1 << other.len()) != 0
}

/// Bytes in one pattern: no code is longer than eight characters, and a wildcard between any two
/// of them says all there is to say.
pub(crate) const MAX_LEN: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_star_is_any_run_and_a_question_mark_is_one() {
        for (pattern, text) in
            [("*", ""), ("*", "ABC"), ("A?C", "ABC"), ("*B*", "ABC"), ("A*C", "AC"), ("", "")]
        {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("?", ""), ("A?C", "AC"), ("A", "AB"), ("B*", "AB"), ("*A", "AB"), ("", "A")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn patterns_without_a_text_in_common_are_told_apart() {
        assert!(intersect("A*", "*Z"));
        assert!(intersect("HH?", "?HZ"));
        assert!(intersect("*", ""));
        assert!(!intersect("A*", "B*"));
        assert!(!intersect("A?", "A"));
        assert!(!intersect("??", "A*BC"));
    }

    /// By definition, letter by letter: the text is cut in every way.
    fn by_definition(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|cut| by_definition(rest, &text[cut..])),
            Some((b'?', rest)) => !text.is_empty() && by_definition(rest, &text[1..]),
            Some((letter, rest)) => text.first() == Some(letter) && by_definition(rest, &text[1..]),
        }
    }

    fn texts() -> Vec<String> {
        let mut texts = vec![String::new()];
        for len in 0..4 {
            let longer: Vec<_> = texts.iter().filter(|text| text.len() == len).cloned().collect();
            texts.extend(
                longer.iter().flat_map(|text| ["A", "B", "C"].map(|letter| format!("{text}{letter}"))),
            );
        }
        texts
    }

    proptest! {
        #[test]
        fn matching_is_what_the_definition_says(pattern in "[AB*?]{0,6}", text in "[AB]{0,6}") {
            prop_assert_eq!(matches(&pattern, &text), by_definition(pattern.as_bytes(), text.as_bytes()));
        }

        #[test]
        fn patterns_intersect_if_a_short_text_is_matched_by_both(one in "[AB*?]{0,4}", other in "[AB*?]{0,4}") {
            // Patterns of up to four letters that have a text in common have one of up to four letters
            // in common unless stars hide longer ones; then only a yes can be checked from below.
            let both = texts().iter().any(|text| matches(&one, text) && matches(&other, text));
            if both || (one.len() + other.len() <= 4) {
                prop_assert_eq!(intersect(&one, &other), both);
            }
            prop_assert_eq!(intersect(&one, &other), intersect(&other, &one));
        }

        #[test]
        fn a_pattern_that_covers_another_matches_all_of_its_texts(one in "[AB*?]{0,4}", other in "[AB*?]{0,4}") {
            if matches(&one, &other) {
                for text in texts() {
                    prop_assert!(!matches(&other, &text) || matches(&one, &text), "{}", text);
                }
            }
        }
    }
}
