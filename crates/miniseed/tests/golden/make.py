#!/usr/bin/env python3
"""Makes the golden streams, and the table of what libmseed reads in them.

    python3 -m venv venv && venv/bin/pip install obspy==1.5.1 pymseed==1.0.1
    venv/bin/python make.py

obspy writes miniSEED 2 (its libmseed 2.19), pymseed writes both versions (its libmseed 3).
A few records are changed by hand afterwards, where neither writes what instruments write. Every
line of a table is read by pymseed: offset, codes (`-` for blank), start and end in nanoseconds
since 1970, length and version of one record.
"""

import io
import struct
from pathlib import Path

import numpy as np
from obspy import Stream, Trace, UTCDateTime
from obspy.io.mseed.util import get_record_information
from pymseed import DataEncoding, MS3Record, sourceid2nslc

HERE = Path(__file__).parent


def obspy_records(codes, start, rate, samples, **how):
    """One trace as obspy writes it."""
    data = np.arange(samples) % 50
    dtype = {"FLOAT64": "float64", "FLOAT32": "float32", "INT16": "int16", "ASCII": "|S1"}
    data = data.astype(dtype.get(how["encoding"], "int32"))
    header = dict(zip(("network", "station", "location", "channel"), codes.split(".")))
    trace = Trace(data, {**header, "starttime": UTCDateTime(start), "sampling_rate": rate})
    out = io.BytesIO()
    Stream([trace]).write(out, "MSEED", **how)
    return out.getvalue()


def pymseed_records(version, identifier, start, rate, samples, length=512, **extra):
    """One trace as pymseed writes it. A negative rate is a period."""
    record = MS3Record(reclen=length, encoding=DataEncoding.STEIM2)
    record.formatversion = version
    record.sourceid = identifier
    record.set_starttime_str(start)
    record.samprate = rate
    if extra:
        record.extra = extra["extra"]
    return b"".join(record.generate([n % 50 for n in range(samples)], "i"))


def changed(record, *changes):
    """A record with other bytes at some offsets."""
    record = bytearray(record)
    for offset, value in changes:
        record[offset : offset + len(value)] = value
    return bytes(record)


def obspy_stream():
    yield obspy_records("GE.WLF..BHZ", "2015-06-30T12:00:00", 100, 900, encoding="STEIM2", reclen=512, byteorder=">")
    yield obspy_records("GE.WLF.00.BHN", "2015-12-31T23:59:58.123456", 20, 200, encoding="STEIM1", reclen=256, byteorder="<")
    yield obspy_records("XX.A1B2C.10.LHE", "2016-02-29T00:00:00", 1, 100, encoding="INT32", reclen=512, byteorder="<")
    yield obspy_records("7F.ABC.00.VHZ", "2000-12-31T23:59:59.9999", 0.1, 100, encoding="FLOAT64", reclen=1024, byteorder=">")
    yield obspy_records("7F.ABC.00.UHZ", "1969-12-31T23:00:00.000001", 0.01, 30, encoding="FLOAT32", reclen=256, byteorder=">")
    yield obspy_records("Z3.A.--.HHZ", "2024-02-29T23:59:59.999999", 99.987654, 50, encoding="INT16", reclen=256, byteorder=">")
    yield obspy_records("Z3.A..EHZ", "2100-12-31T00:00:00", 1000.5, 300, encoding="INT32", reclen=4096, byteorder="<")
    yield obspy_records("GE.WLF..LOG", "2015-06-30T12:00:00", 1, 60, encoding="ASCII", reclen=256, byteorder=">")
    # Times at the ends of what the two orders of bytes make of a year.
    yield obspy_records("GE.WLF..BHZ", "1900-01-01T00:00:00", 40, 1, encoding="INT32", reclen=256, byteorder=">")
    yield obspy_records("GE.WLF..BHZ", "2056-01-02T00:00:00", 40, 2, encoding="INT32", reclen=256, byteorder=">")
    # 2056 is 0x0808; the sixth of January is no day of a year in the other order.
    yield obspy_records("GE.WLF..BHZ", "2056-01-06T00:00:00", 40, 2, encoding="INT32", reclen=256, byteorder="<")

    plain = obspy_records("GE.WLF..BHZ", "2015-06-30T12:00:00", 100, 20, encoding="INT32", reclen=256, byteorder=">")
    # A time correction of 1.5 s, then one that is in the start already, then a negative one.
    yield changed(plain, (40, struct.pack(">i", 15000)))
    yield changed(plain, (40, struct.pack(">i", 15000)), (36, b"\x02"))
    yield changed(plain, (40, struct.pack(">i", -15000)))
    # Other spellings of sample rates: factor and multiplier.
    for factor, multiplier in ((33, -10), (-10, 1), (-10, -6), (50, 2), (-1, 50), (10, 0), (0, 1)):
        yield changed(plain, (32, struct.pack(">hh", factor, multiplier)))
    # No samples; sequence numbers and qualities as others write them.
    yield changed(plain, (30, b"\0\0"))
    for sequence, quality in ((b"      ", b"R"), (b"999999", b"Q"), (b"00001 ", b"M")):
        yield changed(plain, (0, sequence), (6, quality))


def with_blockette_100(record, rate):
    """Puts the actual sample rate into a chain 1000 → 100 of a record without other blockettes."""
    assert record[39] == 1 and struct.unpack(">H", record[46:48]) == (48,)
    blockette = struct.pack(">HHfBBBB", 100, 0, rate, 0, 0, 0, 0)
    return changed(record, (39, b"\x02"), (44, b"\0\x80"), (50, b"\0\x40"), (64, blockette))


def libmseed_2_stream():
    yield pymseed_records(2, "FDSN:GE_WLF__B_H_Z", "2015-06-30T12:00:00Z", 100, 500)
    yield pymseed_records(2, "FDSN:GE_WLF_00_B_H_Z", "2015-12-31T23:59:58.123456Z", 20, 100, 256)
    yield pymseed_records(2, "FDSN:GE_WLF_00_V_H_Z", "2015-12-31T23:59:58.123456Z", -10, 100, 256)
    yield pymseed_records(2, "FDSN:GE_WLF_00_B_H_Z", "1999-12-31T23:59:58Z", 33.3333, 100, 4096)
    plain = pymseed_records(2, "FDSN:GE_WLF_00_B_H_Z", "1999-12-31T23:59:58Z", 20, 20, 256)
    for rate in (19.99, 20.0, 0.004, 0.0):
        yield with_blockette_100(plain, rate)


def libmseed_3_stream():
    yield pymseed_records(3, "FDSN:GE_WLF__B_H_Z", "2015-06-30T12:00:00Z", 100, 900)
    yield pymseed_records(3, "FDSN:7F2018_ABCDEFGH_00-01_B_HX_Z", "2015-12-31T23:59:58.123456789Z", 20, 300)
    yield pymseed_records(3, "FDSN:GE_WLF_00_V_H_Z", "2016-02-29T00:00:00.000000001Z", -10, 100, 4096)
    yield pymseed_records(3, "FDSN:GE_WLF_00_B_H_Z", "1969-12-31T23:59:59.9999999Z", 3.3333333333, 100)
    yield pymseed_records(3, "FDSN:GE_WLF_00_B_H_Z", "1889-04-17T17:21:00Z", 1 / 3, 10)
    extra = '{"FDSN":{"Time":{"Quality":100},"Event":{"Begin":true}},"Operator":{"Text":"' + "x" * 300 + '"}}'
    yield pymseed_records(3, "FDSN:GE_WLF_00_B_H_Z", "2015-06-30T12:00:00Z", 100, 10, 4096, extra=extra)
    yield pymseed_records(3, "FDSN:GE_WLF_00_L_O_G", "2015-06-30T12:00:00Z", 0, 1)


def leap_second_stream():
    """Into the leap second at the end of 2016, in it, and across it."""
    plain = obspy_records("GE.WLF..BHZ", "2015-06-30T12:00:00", 100, 20, encoding="INT32", reclen=256, byteorder=">")
    for second, fraction in ((59, 9000), (60, 0), (60, 5000), (60, 9999)):
        yield changed(plain, (20, struct.pack(">HHBBBBH", 2016, 366, 23, 59, second, 0, fraction)))
    yield pymseed_records(2, "FDSN:GE_WLF__B_H_Z", "2016-12-31T23:59:58Z", 20, 100, 256)
    yield pymseed_records(3, "FDSN:GE_WLF__B_H_Z", "2016-12-31T23:59:58Z", 20, 100, 512)


def table(stream):
    """What pymseed reads in a stream, record by record."""
    offset = 0
    while offset < len(stream):
        # The CRC of a record changed by hand is not at issue, and miniSEED 2 has none.
        record = next(iter(MS3Record.from_buffer(stream[offset:])))
        network, station, location, channel = (code or "-" for code in sourceid2nslc(record.sourceid))
        codes = f"{network} {station} {location} {channel}"
        yield f"{offset} {codes} {record.starttime} {record.endtime} {record.reclen} {record.formatversion}"
        in_leap_second = stream[offset + 26] == 60
        if record.formatversion == 2 and not in_leap_second:
            agree(stream, offset, record)
        offset += record.reclen


def agree(stream, offset, record):
    """obspy reads a header in Python, and means the same (but in a leap second, where it differs)."""
    other = get_record_information(io.BytesIO(stream[offset:]))
    assert other["record_length"] == record.reclen, (offset, other)
    assert abs(other["starttime"].ns - record.starttime) < 1000, (offset, other)


STREAMS = {
    "obspy": obspy_stream,
    "libmseed-2": libmseed_2_stream,
    "libmseed-3": libmseed_3_stream,
    "leap-second": leap_second_stream,
}
for name, parts in STREAMS.items():
    stream = b"".join(parts())
    (HERE / f"{name}.mseed").write_bytes(stream)
    (HERE / f"{name}.txt").write_text("".join(f"{line}\n" for line in table(stream)))
