//! Whatever the pieces and whatever is in them: the same records, and not a byte too many.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it stands")]

use bytes::Bytes;
use miniseed::{Error, Fate, Header, NotARecord, Splitter, Stream};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// Each stream, and the lengths of its records as libmseed read them.
fn golden() -> Vec<(&'static [u8], Vec<usize>)> {
    let lengths = |table: &str| -> Vec<usize> {
        table.lines().map(|line| line.split(' ').nth(7).unwrap().parse().unwrap()).collect()
    };
    vec![
        (include_bytes!("golden/obspy.mseed"), lengths(include_str!("golden/obspy.txt"))),
        (include_bytes!("golden/libmseed-2.mseed"), lengths(include_str!("golden/libmseed-2.txt"))),
        (include_bytes!("golden/libmseed-3.mseed"), lengths(include_str!("golden/libmseed-3.txt"))),
    ]
}

/// All of them one after the other.
fn mixed() -> (Vec<u8>, Vec<usize>) {
    let golden = golden();
    let stream = golden.iter().flat_map(|(stream, _)| stream.iter().copied()).collect();
    (stream, golden.into_iter().flat_map(|(_, lengths)| lengths).collect())
}

/// What became of a stream.
#[derive(Debug, PartialEq)]
struct Outcome {
    headers: Vec<Header>,
    passed: Vec<u8>,
    end: Result<(), Error>,
}

/// Pushes `stream` in pieces that end at `ends`; `fates` come again and again.
fn split(stream: &[u8], ends: &[usize], fates: &[Fate]) -> Outcome {
    let stream = Bytes::copy_from_slice(stream);
    let mut splitter = Splitter::default();
    let (mut headers, mut passed) = (Vec::new(), Vec::new());
    let mut fates = fates.iter().copied().cycle();
    let mut from = 0;
    for &to in ends.iter().chain([&stream.len()]) {
        let went = splitter.push(&stream.slice(from..to), &mut passed, |header| {
            headers.push(*header);
            fates.next().unwrap()
        });
        from = to;
        if went.is_err() {
            break;
        }
    }
    Outcome { headers, passed: passed.concat(), end: splitter.finish() }
}

fn ends(stream: &[u8], ends: &[Index]) -> Vec<usize> {
    let mut ends: Vec<_> = ends.iter().map(|end| end.index(stream.len() + 1)).collect();
    ends.sort_unstable();
    ends
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![20 => Just(Fate::Pass), 10 => Just(Fate::LeaveOut), 1 => Just(Fate::Cut)]
}

/// What should pass, by the lengths that libmseed read.
fn what_passes(stream: &[u8], lengths: &[usize], fates: &[Fate]) -> Vec<u8> {
    let mut rest = stream;
    let mut passed = Vec::new();
    for (length, fate) in lengths.iter().zip(fates.iter().cycle()) {
        let (record, behind) = rest.split_at(*length);
        match fate {
            Fate::Pass => passed.extend_from_slice(record),
            Fate::LeaveOut => {}
            Fate::Cut => break,
        }
        rest = behind;
    }
    passed
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_pieces_pass_exactly_the_records_that_may(
        pieces in vec(any::<Index>(), 0..60),
        fates in vec(fate(), 1..20),
    ) {
        let (stream, lengths) = mixed();
        let outcome = split(&stream, &ends(&stream, &pieces), &fates);
        prop_assert_eq!(outcome.end, Ok(()));
        prop_assert_eq!(outcome.passed, what_passes(&stream, &lengths, &fates));
    }

    #[test]
    fn a_damaged_stream_gives_the_same_in_any_pieces(
        which in any::<Index>(),
        damage in vec((any::<Index>(), any::<u8>()), 1..12),
        near_a_header in any::<bool>(),
        end in any::<Index>(),
        pieces in vec(any::<Index>(), 0..60),
        fates in vec(fate(), 1..20),
    ) {
        let golden = golden();
        let mut stream = which.get(&golden).0.to_vec();
        for (at, byte) in damage {
            let within = if near_a_header { 80 } else { stream.len() };
            stream[at.index(within)] = byte;
        }
        stream.truncate(stream.len() - end.index(600));
        let whole = split(&stream, &[], &fates);
        prop_assert!(whole.passed.len() <= stream.len());
        prop_assert_eq!(split(&stream, &ends(&stream, &pieces), &fates), whole);
    }

    #[test]
    fn bytes_at_random_are_no_record(stream in vec(any::<u8>(), 1..200)) {
        let outcome = split(&stream, &[], &[Fate::Pass]);
        prop_assert!(outcome.end.is_err());
    }
}

#[test]
fn byte_by_byte_is_as_good_as_at_once() {
    let (stream, lengths) = mixed();
    let ends: Vec<_> = (0..=stream.len()).collect();
    let fates = [Fate::Pass, Fate::LeaveOut, Fate::Pass];
    let outcome = split(&stream, &ends, &fates);
    assert_eq!(outcome.headers.len(), lengths.len());
    assert_eq!(outcome.passed, what_passes(&stream, &lengths, &fates));
}

#[test]
fn records_side_by_side_pass_as_one_slice_of_what_came_in() {
    let (stream, lengths) = mixed();
    let piece = Bytes::from(stream);
    let mut passed = Vec::new();
    let mut fates = [Fate::Pass, Fate::Pass, Fate::LeaveOut].into_iter().chain(std::iter::repeat(Fate::Pass));
    let _ = Splitter::default().push(&piece, &mut passed, |_| fates.next().unwrap()).unwrap();

    let [first, second] = &passed[..] else { panic!("{} pieces", passed.len()) };
    let behind = lengths[..3].iter().sum();
    assert_eq!(first.as_ptr_range(), piece[..lengths[0] + lengths[1]].as_ptr_range());
    assert_eq!(second.as_ptr_range(), piece[behind..].as_ptr_range());
}

#[test]
fn a_record_passes_before_it_is_whole() {
    let (stream, _) = golden()[0];
    let mut passed = Vec::new();
    let mut splitter = Splitter::default();
    let piece = Bytes::from_static(&stream[..100]);
    assert_eq!(splitter.push(&piece, &mut passed, |_| Fate::Pass), Ok(Stream::GoesOn));
    assert_eq!(passed.concat(), &stream[..100]);
}

#[test]
fn a_stream_that_ends_inside_a_record_says_where_and_one_that_is_empty_is_whole() {
    let (stream, _) = golden()[0];
    assert_eq!(split(&stream[..0], &[], &[Fate::Pass]).end, Ok(()));
    for have in [1, 47, 63, 64, 511] {
        for fate in [Fate::Pass, Fate::LeaveOut] {
            let outcome = split(&stream[..512 + have], &[], &[fate]);
            assert_eq!(outcome.end, Err(Error::Truncated { at: 512, have: have as u64 }));
        }
    }
}

#[test]
fn what_follows_the_last_record_and_is_none_is_an_error_at_its_place() {
    let (stream, _) = golden()[0];
    let mut stream = stream[..512].to_vec();
    stream.extend_from_slice(b"<html>");
    let outcome = split(&stream, &[], &[Fate::Pass]);
    let error = Error::NotARecord { at: 512, why: NotARecord::AnotherFormat };
    assert_eq!(outcome.end, Err(error));
    assert_eq!(outcome.passed, &stream[..512]);
    assert_eq!(
        error.to_string(),
        "no miniSEED record at byte 512: neither a data record of miniSEED 2 nor miniSEED 3"
    );
}

#[test]
fn behind_a_cut_or_an_error_nothing_is_looked_at() {
    let (stream, _) = golden()[0];
    let record = Bytes::from_static(&stream[..512]);
    let mut passed = Vec::new();

    let mut cut = Splitter::default();
    assert_eq!(cut.push(&record, &mut passed, |_| Fate::Cut), Ok(Stream::IsCut));
    assert_eq!(cut.push(&record, &mut passed, |_| panic!("asked")), Ok(Stream::IsCut));
    assert_eq!(cut.finish(), Ok(()));

    let mut broken = Splitter::default();
    let error = broken.push(&Bytes::from_static(b"{"), &mut passed, |_| panic!("asked")).unwrap_err();
    assert_eq!(broken.push(&record, &mut passed, |_| panic!("asked")), Err(error));
    assert_eq!(broken.finish(), Err(error));
    assert!(passed.is_empty());
}
