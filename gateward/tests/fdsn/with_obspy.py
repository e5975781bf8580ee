"""Does with ObsPy what its users do, and says what came of it.

Usage: with_obspy.py < TASK

The task is a JSON object. `do` says what: `client` and `routing` ask for waveforms over HTTP,
`read` reads a file that is here. Prints one JSON object: {"traces": [[id, start, samples, hash]]},
or {"error": class, "said": text} when ObsPy raised.
"""

import hashlib
import json
import sys
import warnings

import obspy
from obspy.clients.fdsn import Client, RoutingClient
from obspy.clients.fdsn.header import FDSNException

warnings.simplefilter("ignore")


def described(stream):
    """Names each trace and what its samples are, however many records brought it."""
    stream.merge(method=-1)
    stream.sort()
    return [
        [
            trace.id,
            str(trace.stats.starttime),
            trace.stats.npts,
            hashlib.sha256(trace.data.astype("<i4").tobytes()).hexdigest(),
        ]
        for trace in stream
    ]


def lines(task):
    """The lines of a request in the form that ObsPy wants them: a tuple each."""
    asked = [line.split() for line in task["lines"]]
    return [(*line[:4], obspy.UTCDateTime(line[4]), obspy.UTCDateTime(line[5])) for line in asked]


def client(task):
    """One line by GET, several by POST; `raw` takes the answer into a file as it comes."""
    found = Client(task["url"], eida_token=task.get("token"), **task.get("options", {}))
    raw = {"filename": task["raw"]} if "raw" in task else {}
    asked = lines(task)
    if len(asked) == 1:
        return found.get_waveforms(*asked[0], **raw)
    return found.get_waveforms_bulk(asked, **raw)


def routing(task):
    credentials = {"EIDA_TOKEN": task["token"]} if "token" in task else None
    return RoutingClient("eida-routing", url=task["url"], credentials=credentials).get_waveforms_bulk(lines(task))


def read(task):
    stream = obspy.Stream()
    for path in task["paths"]:
        stream += obspy.read(path)
    return stream


def main():
    task = json.load(sys.stdin)
    try:
        stream = {"client": client, "routing": routing, "read": read}[task["do"]](task)
        answer = {"traces": described(stream) if stream is not None else []}
    except FDSNException as error:
        answer = {"error": type(error).__name__, "said": str(error)}
    json.dump(answer, sys.stdout)


main()
