"""Makes a small seismological archive: waveforms, the index of its server, an inventory.

Usage: archive.py FOLDER

    FOLDER/data/NET.STA.LOC.CHA.DAY.mseed   miniSEED 2, records of 512 bytes, Steim-2
    FOLDER/index.sqlite                     what portable-fdsnws-dataselect looks at
    FOLDER/inventory.xml                    StationXML, restrictedStatus at the level of channels

The samples are arbitrary but always the same; paths in the index begin at FOLDER. Networks, as doors have to know them:

    GE            open
    ZR            restricted
    XR 2015-2017  a temporary network; restricted by whoever configures a door, open in the inventory
    XR 2018-2021  another one with the same code, open; its station is called the same
    CX            open, with one restricted station, HMBCX

and QQ as well as a station of GE, of which the inventory knows nothing.
"""

import random
import sqlite3
import sys
from pathlib import Path

import numpy
from obspy import Trace, UTCDateTime
from obspy.core.inventory import Channel, Inventory, Network, Station

DAYS = ["2015-06-01", "2016-06-01", "2018-06-01", "2020-06-01"]

# Network, first and last year, station, location, channel, restrictedStatus, days.
CHANNELS = [
    ("GE", 1993, None, "APE", "", "HHZ", "open", DAYS),
    ("GE", 1993, None, "APE", "10", "HHZ", "open", DAYS),
    ("GE", 1993, None, "KBS", "00", "BHZ", "open", DAYS),
    ("ZR", 2010, None, "Z01", "", "HHZ", "closed", DAYS),
    ("ZR", 2010, None, "Z02", "", "HHZ", "closed", DAYS),
    ("XR", 2015, 2017, "A01", "", "HHZ", "open", ["2015-06-01", "2016-06-01"]),
    ("XR", 2018, 2021, "A01", "", "HHZ", "open", ["2018-06-01", "2020-06-01"]),
    ("CX", 2006, None, "PB01", "", "BHZ", "open", DAYS),
    ("CX", 2006, None, "HMBCX", "", "BHZ", "closed", DAYS),
]

UNLISTED = [("QQ", "U01", "", "HHZ", "2016-06-01"), ("GE", "NEW", "", "HHZ", "2016-06-01")]

# One recording runs from one network with that code into the next, in one file and across records.
ACROSS = ("XR", "A01", "", "HHZ", "2017-12-31")

NAMES = {"GE": "GEOFON", "ZR": "Restricted", "XR": "Temporary", "CX": "IPOC"}


def waveforms(network, station, location, channel, day):
    """Two hours at one sample a second, from ten o'clock, or from eleven at night across midnight."""
    identity = (network, station, location, channel, day)
    walk = random.Random(".".join(identity))
    samples = [0]
    for _ in range(2 * 3600 - 1):
        samples.append(samples[-1] + walk.randint(-2000, 2000))
    header = dict(network=network, station=station, location=location, channel=channel)
    start = UTCDateTime(day) + (23 if identity == ACROSS else 10) * 3600
    return Trace(numpy.array(samples, dtype=numpy.int32), header | {"starttime": start})


def made(folder):
    """Writes every file of waveforms; yields its row of the index."""
    listed = [(net, sta, loc, cha, day) for net, _, _, sta, loc, cha, _, days in CHANNELS for day in days]
    for identity in [*listed, ACROSS, *UNLISTED]:
        trace = waveforms(*identity)
        name = "data/" + ".".join(identity) + ".mseed"
        trace.write(str(folder / name), format="MSEED", reclen=512, encoding="STEIM2")
        start, end = (str(time)[:-1] for time in (trace.stats.starttime, trace.stats.endtime))
        yield (*identity[:4], "D", 1, start, end, 1.0, name, 0, (folder / name).stat().st_size)


def write_index(folder, rows):
    """Makes the one table of the index, with a row for each file."""
    with sqlite3.connect(folder / "index.sqlite") as index:
        index.execute(
            "CREATE TABLE tsindex (network text, station text, location text, channel text, quality text,"
            " version integer, starttime text, endtime text, samplerate real, filename text,"
            " byteoffset integer, bytes integer, hash text, timeindex text, timespans text,"
            " timerates text, format text, filemodtime text, updated text, scanned text)"
        )
        index.executemany(
            "INSERT INTO tsindex (network, station, location, channel, quality, version, starttime,"
            " endtime, samplerate, filename, byteoffset, bytes) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
            rows,
        )


def inventory():
    """Describes every channel of the archive."""
    networks = {}
    for network, first, last, station, location, channel, status, _ in CHANNELS:
        begin = UTCDateTime(first, 1, 1)
        end = UTCDateTime(last, 12, 31, 23, 59, 59) if last else None
        epoch = dict(start_date=begin, end_date=end)
        here = networks.setdefault(
            (network, first),
            Network(network, description=NAMES[network], restricted_status="open", **epoch),
        )
        place = dict(latitude=37.0, longitude=25.5, elevation=620.0)
        found = [known for known in here.stations if known.code == station]
        if not found:
            here.stations.append(Station(station, **place, restricted_status="open", **epoch))
        here.stations[-1].channels.append(
            Channel(channel, location, **place, depth=0.0, restricted_status=status, sample_rate=1.0, **epoch)
        )
    return Inventory(networks=list(networks.values()), source="archive.py")


def main():
    folder = Path(sys.argv[1]).resolve()
    (folder / "data").mkdir(parents=True)
    write_index(folder, made(folder))
    inventory().write(str(folder / "inventory.xml"), format="STATIONXML", validate=True)


main()
