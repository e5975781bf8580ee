#!/usr/bin/env python3
"""Writes inventories with obspy, and the table of what obspy reads in them.

    python3 -m venv venv && venv/bin/pip install obspy==1.5.1
    venv/bin/python make.py

Every line of a table: codes (`-` for blank), start and end (`-` for none), own, station's and
network's restricted status of one channel epoch.
"""

from pathlib import Path

import obspy
from obspy import UTCDateTime as T
from obspy.core.inventory import Channel, Equipment, Inventory, Network, Site, Station
from obspy.core.inventory.response import InstrumentSensitivity, PolesZerosResponseStage, Response

HERE = Path(__file__).parent
LATER = {"latitude": 50.1, "longitude": 6.2, "elevation": 300.0}


def response():
    stage = PolesZerosResponseStage(
        1, 1500.0, 1.0, "M/S", "V", "LAPLACE (RADIANS/SECOND)", 1.0, [0, 0], [-0.037 + 0.037j, -0.037 - 0.037j]
    )
    sensitivity = InstrumentSensitivity(1500.0, 1.0, "M/S", "V")
    return Response(instrument_sensitivity=sensitivity, response_stages=[stage])


def channel(code, location, start, end=None, status=None, **more):
    return Channel(
        code, location, depth=0.0, azimuth=0.0, dip=-90.0, sample_rate=100.0, restricted_status=status,
        start_date=start and T(start), end_date=end and T(end), sensor=Equipment(description="STS-2 & <others>"),
        **LATER, **more,
    )


def station(code, channels, start="2010-01-01", status=None):
    site = Site(name="Wälferdange")
    return Station(code, channels=channels, site=site, start_date=start and T(start), restricted_status=status, **LATER)


def levels():
    """Every status, or none, at every level."""
    words = (None, "open", "closed", "partial")
    for number, of_network in enumerate(words):
        stations = []
        for of_station in words:
            channels = [
                channel(f"HH{'Z12N'[n]}", f"{n}0", "2011-02-03T04:05:06.789", status=of_channel)
                for n, of_channel in enumerate(words)
            ]
            stations.append(station(f"S{of_station or 'none'}".upper()[:5], channels, status=of_station))
        yield Network(f"N{number}", stations=stations, restricted_status=of_network, start_date=T("2009-01-01"))


def epochs():
    """Reused codes, blank locations, epochs one after the other, dates that are missing or far away."""
    wlf = station("WLF", [
        channel("BHZ", "", "2010-01-01", "2012-05-31T23:59:59.999999", response=response()),
        channel("BHZ", "", "2012-06-01", "2599-12-31T23:59:59", status="closed"),
        channel("BHZ", "00", "1999-12-31T23:59:59.123456", "2499-12-31T23:59:59"),
        channel("BHN", "00", None, None),
    ])
    no_dates = station("NODAT", [channel("HHZ", "10", None, None, status="open")], start=None)
    no_channels = station("EMPTY", [])
    yield Network("GE", stations=[wlf, no_dates, no_channels], start_date=T("1993-01-01"))
    for first, last, status in (("2005", "2007", "closed"), ("2012", "2014", "open")):
        a = station("A001", [channel("EHZ", "", f"{first}-03-01", f"{last}-10-01")], start=f"{first}-01-01")
        yield Network("Z3", stations=[a], restricted_status=status, start_date=T(f"{first}-01-01"), end_date=T(f"{last}-12-31"))


def table(inventory):
    for network in inventory:
        for sta in network:
            for cha in sta:
                start = cha.start_date or sta.start_date or network.start_date
                codes = (network.code, sta.code, cha.location_code or "-", cha.code)
                times = (start or "-", cha.end_date or "-")
                status = (level.restricted_status or "-" for level in (cha, sta, network))
                yield " ".join(map(str, (*codes, *times, *status)))


for name, networks in (("levels", levels()), ("epochs", epochs())):
    file = HERE / f"{name}.xml"
    Inventory(networks=list(networks), source="obspy").write(str(file), "STATIONXML", validate=True)
    read = obspy.read_inventory(str(file))
    (HERE / f"{name}.txt").write_text("".join(f"{line}\n" for line in table(read)))
