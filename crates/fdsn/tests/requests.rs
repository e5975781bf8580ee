//! What requests mean, and that what is written for them means the same.

use fdsn::{MAX_BODY, MAX_CODES, MAX_LINES, MAX_QUERY, NotUnderstood, Request, Service, write};

const SERVICES: [Service; 4] =
    [Service::Dataselect, Service::AvailabilityQuery, Service::AvailabilityExtent, Service::Station];

fn get(query: &str) -> Result<Request, NotUnderstood> {
    Request::from_query(Service::Dataselect, query)
}

fn post(body: &str) -> Result<Request, NotUnderstood> {
    Request::from_post(Service::Dataselect, body.as_bytes())
}

fn written(query: &str) -> String {
    let request = get(query).expect("a good request");
    write::query(&request.options, &request.lines[0])
}

#[test]
fn every_spelling_becomes_the_one_that_we_write() {
    let ours = "network=GE&station=APE&location=--&channel=HH?,BHZ&starttime=2015-01-01T00:00:00&endtime=2015-01-02T12:30:00.500000&format=miniseed&nodata=404";
    for query in [
        ours,
        "net=GE&sta=APE&loc=--&cha=HH?,BHZ&start=2015-01-01&end=2015-01-02T12:30:00.5&format=miniseed&nodata=404",
        "NODATA=404&Format=MiniSEED&END=2015-01-02T12%3A30%3A00.5Z&START=2015-01-01T00:00&cha=hh%3F%2cbhz&loc=%20%20&sta=ape&n%65t=ge",
        "&net=GE&&sta=APE&loc=%2D-&cha=HH?,BHZ,hh?&start=2015-01-01T00:00:00.0000009&end=2015-01-02T12:30:00.499999001&nodata=404&format=miniseed&",
    ] {
        assert_eq!(written(query), ours, "{query}");
    }
}

#[test]
fn what_is_not_said_is_not_written() {
    assert_eq!(written(""), "");
    assert_eq!(written("net=*&end=2015-01-01"), "network=*&endtime=2015-01-01T00:00:00");
}

#[test]
fn a_parameter_is_said_once_and_known() {
    assert_eq!(get("net=GE&network=GE"), Err(NotUnderstood::Twice("network")));
    assert_eq!(get("nodata=204&NODATA=204"), Err(NotUnderstood::Twice("nodata")));
    assert_eq!(get("net=GE&repository=x"), Err(NotUnderstood::Unknown("repository".into())));
    assert_eq!(get("net%20=GE"), Err(NotUnderstood::Unknown("net ".into())));
    assert_eq!(get("net=GE&level=station"), Err(NotUnderstood::Unknown("level".into())));
    assert!(
        Request::from_query(Service::Station, "net=GE&level=station&minlat=-10.5&formatted=TRUE").is_ok()
    );
}

#[test]
fn a_wrong_value_names_its_parameter() {
    for (query, expected) in [
        ("net=", "network"),
        ("net=G+E", "network"),
        ("sta=A;B", "station"),
        ("sta=[AB]", "station"),
        ("cha=HHZ,", "channel"),
        ("loc=", "location"),
        ("loc=%0000", ""),
        ("loc=-", "location"),
        ("start=2015-02-30", "starttime"),
        ("end=now", "endtime"),
        ("format=csv", "format"),
        ("quality=X", "quality"),
        ("minimumlength=-1", "minimumlength"),
        ("longestonly=yes", "longestonly"),
        ("net=GE=GE", "network"),
        ("net=%2547E", "network"),
    ] {
        match get(query).unwrap_err() {
            NotUnderstood::Value { name, .. } => assert_eq!(name, expected, "{query}"),
            other => assert_eq!((other, expected), (NotUnderstood::Characters, ""), "{query}"),
        }
    }
    assert_eq!(get("start=2015-01-02&end=2015-01-01"), Err(NotUnderstood::StartAfterEnd));
    assert!(get("start=2015-01-01&end=2015-01-01").is_ok());
    assert_eq!(get("net"), Err(NotUnderstood::Characters));
    assert_eq!(get("net=G%C3%84"), Err(NotUnderstood::Characters));
}

#[test]
fn an_error_says_what_would_be_right() {
    assert_eq!(
        get("nodata=200").unwrap_err().to_string(),
        "nodata is not understood: expected one of 204, 404"
    );
    assert_eq!(
        post("quality=B\nGE APE -- HHZ 2015-01-01\n").unwrap_err().to_string(),
        "line 2: a line selects by network, station, location, channel, starttime and endtime"
    );
}

#[test]
fn a_bulk_request_is_options_and_then_lines() {
    let body = "quality=B\r\n\r\n minimumlength = 10.5\nGE APE -- HHZ 2015-01-01T00:00:00 2015-01-02\r\n\tge  a*\t00,10 HH? 2015-01-01 2015-01-02 \n\n";
    let request = post(body).unwrap();
    assert_eq!(request.options.value("quality"), Some("B"));
    assert_eq!(request.options.value("minimumlength"), Some("10.5"));
    assert_eq!(
        write::post(&request.options, &request.lines),
        "minimumlength=10.5\nquality=B\n\
         GE APE -- HHZ 2015-01-01T00:00:00 2015-01-02T00:00:00\n\
         GE A* 00 HH? 2015-01-01T00:00:00 2015-01-02T00:00:00\n\
         GE A* 10 HH? 2015-01-01T00:00:00 2015-01-02T00:00:00\n"
    );
}

#[test]
fn a_bulk_request_that_servers_could_read_differently_is_refused() {
    let line = "GE APE -- HHZ 2015-01-01 2015-01-02";
    for (body, number) in [
        (format!("{line}\nquality=B"), 2),
        (format!("net=GE\n{line}"), 1),
        (format!("start=2015-01-01\n{line}"), 1),
        (format!("quality=B\nQuality=D\n{line}"), 2),
        (format!("{line} 5"), 1),
        ("GE APE -- HHZ".to_owned(), 1),
        ("GE APE -- HHZ * *".to_owned(), 1),
        ("GE APE HHZ 2015-01-01 2015-01-02".to_owned(), 1),
        (format!("{line}\rGE APE -- HHZ 2015-01-01 2015-01-02"), 1),
        (format!("# comment\n{line}"), 1),
        ("GE APE -- HHZ 2015-01-02 2015-01-01".to_owned(), 1),
        ("GE APE\u{a0}-- HHZ 2015-01-01 2015-01-02".to_owned(), 1),
        ("G%45 APE -- HHZ 2015-01-01 2015-01-02".to_owned(), 1),
    ] {
        let refused = post(&body).unwrap_err();
        assert!(
            matches!(refused, NotUnderstood::Line { number: at, .. } if at == number),
            "{body:?}: {refused}"
        );
    }
    assert_eq!(post("quality=B\n"), Err(NotUnderstood::NothingSelected));
    assert_eq!(post(""), Err(NotUnderstood::NothingSelected));
    assert_eq!(Request::from_post(Service::Dataselect, b"GE \xff"), Err(NotUnderstood::Characters));
}

#[test]
fn lines_without_times_are_for_metadata_and_availability() {
    for service in [Service::Station, Service::AvailabilityQuery, Service::AvailabilityExtent] {
        let request = Request::from_post(service, b"GE * * *\nGE * * * * 2015-01-01\n").unwrap();
        assert_eq!(request.lines[0].span, fdsn::Span::ALWAYS);
        assert_eq!((request.lines[1].span.start, request.lines[1].span.end.is_some()), (None, true));
        assert_eq!(
            write::post(&request.options, &request.lines[..1]),
            "GE * * * 1900-01-01T00:00:00 2199-12-31T23:59:59\n"
        );
    }
}

#[test]
fn an_open_interval_beyond_all_data_is_still_one() {
    let request = get("start=2700-01-01").unwrap();
    let body = write::post(&request.options, &request.lines);
    assert_eq!(body, "* * * * 2700-01-01T00:00:00 9999-12-31T23:59:59.999999\n");
    assert!(post(&body).is_ok());
}

#[test]
fn what_is_too_large_says_so() {
    assert!(get(&format!("sta={}", "A".repeat(MAX_QUERY))).unwrap_err().is_too_large());
    assert!(post(&" ".repeat(MAX_BODY + 1)).unwrap_err().is_too_large());
    let stations: Vec<_> = (0..201).map(|number| format!("S{number}")).collect();
    let list = stations.join(",");
    assert_eq!(get(&format!("net={list}&sta={list}")), Err(NotUnderstood::TooManyLines));
    let lines = "A B C D 2015-01-01 2015-01-02\n".repeat(MAX_LINES);
    assert!(post(&lines).is_ok());
    assert_eq!(post(&format!("{lines}A,B B C D 2015-01-01 2015-01-02")), Err(NotUnderstood::TooManyLines));
    let list = |codes: usize| (0..codes).map(|code| format!("S{code}")).collect::<Vec<_>>().join(",");
    assert!(get(&format!("sta={}", list(MAX_CODES))).is_ok());
    let long = get(&format!("sta={}", list(MAX_CODES + 1))).unwrap_err();
    assert_eq!(long, NotUnderstood::TooManyCodes("station"));
    assert!(long.is_too_large());
    let repeated = "A,".repeat(MAX_CODES);
    let long = post(&format!("GE A * {repeated}A 2015-01-01 2015-01-02")).unwrap_err();
    assert!(long.is_too_large(), "{long}");
    assert_eq!(
        long.to_string(),
        "line 1: channel has more than 1000 codes in one list; ask for less at a time"
    );
    assert!(!get("net=").unwrap_err().is_too_large());
    assert!(!post("GE").unwrap_err().is_too_large());
}

#[test]
fn one_short_line_goes_by_get_and_everything_else_by_post() {
    let short = get("net=GE").unwrap();
    assert!(write::fits_get(&short.options, &short.lines));
    let stations: Vec<_> = (10_000..10_400).map(|number| number.to_string()).collect();
    let long = get(&format!("sta={}", stations.join(","))).unwrap();
    assert!(!write::fits_get(&long.options, &long.lines));
    let two = [short.lines[0].clone(), short.lines[0].clone()];
    assert!(!write::fits_get(&short.options, &two));
    assert!(!write::fits_get(&short.options, &[]));
}

#[test]
fn every_option_of_every_service_reads_back() {
    let station = "startbefore=2015-01-01T00:00:00&minlat=-1&maxlat=1.5&minlon=-180&maxlon=180&lat=0&lon=0&minradius=0&maxradius=180&level=Response&includerestricted=true&includeavailability=FALSE&includecomments=true&updatedafter=2015-01-01&matchtimeseries=true&format=TEXT&formatted=true&nodata=404&startafter=2015-01-01&endbefore=2015-01-01&endafter=2015-01-01";
    let availability = "merge=Quality,samplerate&orderby=latestupdate_desc&limit=5&includerestricted=true&show=latestupdate&format=geocsv&nodata=204&quality=D,*";
    let dataselect = "quality=m&minimumlength=0.0&longestonly=FALSE&format=mseed3&nodata=204";
    for (service, query) in SERVICES.into_iter().zip([dataselect, availability, availability, station]) {
        let request = Request::from_query(service, query).unwrap();
        assert_eq!(request.options.iter().count(), query.split('&').count());
        let again = Request::from_query(service, &write::query(&request.options, &request.lines[0])).unwrap();
        assert_eq!(again, request);
    }
}
