//! What the upstream has: synthetic miniSEED 2, and the inventory that describes it.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use crate::Outcome;

/// A file of many records.
#[derive(Clone, Copy)]
pub struct Large {
    pub name: &'static str,
    pub record_length: usize,
}

/// The two lengths of records that archives have.
pub const LARGE: [Large; 2] =
    [Large { name: "512", record_length: 512 }, Large { name: "4096", record_length: 4096 }];

/// Two records of 512 bytes of a restricted channel.
pub const SMALL: &str = "small";

/// How many bytes that is.
pub const SMALL_SIZE: usize = 1024;

/// All files.
pub const FILES: [&str; 3] = [LARGE[0].name, LARGE[1].name, SMALL];

/// How many open channels there are, one a station.
const CHANNELS: usize = 64;

/// How many records of one channel lie side by side: archives have a file for each day.
const RUN: usize = 64;

/// What to ask for so that all open records are meant.
pub const OPEN: &str = "net=GE&cha=HHZ&start=2019-12-31&end=2021-01-01";

/// What to ask for so that the restricted ones are.
pub const RESTRICTED: &str = "net=ZR&sta=Z01&cha=HHZ&start=2020-01-01&end=2020-01-02";

/// Samples a second.
const RATE: u16 = 100;

/// Writes `size` bytes of records of the open channels, from the beginning of 2020 on.
pub fn write_large(path: &Path, record_length: usize, size: usize) -> Outcome<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let samples = samples(record_length);
    for at in 0..size / record_length {
        let run = at / RUN;
        // Where this channel's own stream of records is.
        let turn = run / CHANNELS * RUN + at % RUN;
        let seconds = u32::try_from(turn)? * u32::from(samples) / u32::from(RATE);
        file.write_all(&record("GE", &station(run % CHANNELS), seconds, record_length))?;
    }
    Ok(file.flush()?)
}

/// Writes [`SMALL`].
pub fn write_small(path: &Path) -> Outcome<()> {
    let seconds = u32::from(samples(512) / RATE);
    Ok(std::fs::write(path, [record("ZR", "Z01", 0, 512), record("ZR", "Z01", seconds, 512)].concat())?)
}

fn station(number: usize) -> String {
    format!("S{number:03}")
}

/// How many samples a record holds, as Steim-2 makes of quiet ground: about one a byte.
fn samples(record_length: usize) -> u16 {
    u16::try_from(record_length / 512 * 500).unwrap_or(u16::MAX)
}

/// One record, big endian, with blockettes 1000 and 1001; its samples are noise.
fn record(network: &str, station: &str, seconds: u32, length: usize) -> Vec<u8> {
    let mut record = Vec::with_capacity(length);
    // SEED 2.4 manual, chapter 8, "Fixed Section of Data Header".
    record.extend(format!("000001D {station:<5}  HHZ{network:<2}").bytes());
    let (day, rest) = (1 + seconds / 86_400, seconds % 86_400);
    let [_, _, day_high, day_low] = day.to_be_bytes();
    let clock = [rest / 3600, rest / 60 % 60, rest % 60].map(|part| part.to_le_bytes()[0]);
    record.extend([0x07, 0xE4, day_high, day_low, clock[0], clock[1], clock[2], 0, 0, 0]);
    record.extend(samples(length).to_be_bytes());
    record.extend(RATE.to_be_bytes());
    record.extend([0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 64, 0, 48]);
    let exponent = length.ilog2().to_le_bytes()[0];
    record.extend([0x03, 0xE8, 0, 56, 11, 1, exponent, 0]);
    record.extend([0x03, 0xE9, 0, 0, 100, 0, 0, 7]);
    let mut noise = u64::from(seconds) | 1;
    while record.len() < length {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        record.extend(noise.to_be_bytes());
    }
    record
}

/// Describes every channel as StationXML.
pub fn inventory() -> String {
    let mut xml =
        String::from("<FDSNStationXML xmlns=\"http://www.fdsn.org/xml/station/1\" schemaVersion=\"1.1\">\n");
    let open: Vec<String> = (0..CHANNELS).map(station).collect();
    for (network, stations, status) in [("GE", open, "open"), ("ZR", vec!["Z01".into()], "closed")] {
        let _ = writeln!(xml, "<Network code=\"{network}\" startDate=\"2000-01-01T00:00:00\">");
        for station in stations {
            let _ = writeln!(
                xml,
                "<Station code=\"{station}\" startDate=\"2000-01-01T00:00:00\"><Channel code=\"HHZ\" locationCode=\"\" \
                 restrictedStatus=\"{status}\" startDate=\"2000-01-01T00:00:00\"/></Station>"
            );
        }
        xml.push_str("</Network>\n");
    }
    xml.push_str("</FDSNStationXML>\n");
    xml
}
