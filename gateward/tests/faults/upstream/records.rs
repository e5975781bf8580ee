//! miniSEED and StationXML, as little of them as a door looks at.

/// How long a record is, in bytes.
pub const RECORD: usize = 4096;

/// A record of a second from 2016-06-01T00:00:00 of channel HHZ (SEED 2.4 manual, chapter 8).
pub fn record(network: &str, station: &str) -> Vec<u8> {
    let mut record = vec![0; RECORD];
    record[..20].copy_from_slice(format!("000001D {station:<5}  HHZ{network:<2}").as_bytes());
    // Year, day, hour, minute, second, a byte unused, 0.1 ms.
    record[20..30].copy_from_slice(&[0x07, 0xE0, 0, 153, 0, 0, 0, 0, 0, 0]);
    record[30..36].copy_from_slice(&[0, 100, 0, 100, 0, 1]); // 100 samples, 100 Hz
    record[39] = 1;
    record[44..48].copy_from_slice(&[0, 64, 0, 48]);
    record[48..56].copy_from_slice(&[0x03, 0xE8, 0, 0, 10, 1, 12, 0]); // blockette 1000: 2^12 bytes
    record
}

/// So many records of one channel.
pub fn records(network: &str, station: &str, count: usize) -> Vec<u8> {
    record(network, station).repeat(count)
}

/// An inventory with station `STA`, channel HHZ, of each of these networks.
pub fn inventory(networks: &[(&str, &str)]) -> String {
    let network = |(code, status): &(&str, &str)| {
        let channel = r#"<Channel code="HHZ" locationCode="" startDate="2010-01-01T00:00:00"/>"#;
        let station = format!(r#"<Station code="STA" startDate="2010-01-01T00:00:00">{channel}</Station>"#);
        format!(
            r#"<Network code="{code}" startDate="2010-01-01T00:00:00" restrictedStatus="{status}">{station}</Network>"#
        )
    };
    let networks: Vec<String> = networks.iter().map(network).collect();
    format!(
        r#"<?xml version="1.0"?><FDSNStationXML xmlns="http://www.fdsn.org/xml/station/1" schemaVersion="1.1"><Source>test</Source><Created>2026-01-01T00:00:00</Created>{}</FDSNStationXML>"#,
        networks.concat()
    )
}
