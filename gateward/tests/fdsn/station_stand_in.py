"""A stand-in for a station service: tells what is in an inventory.

Usage: station_stand_in.py INVENTORY

Listens on a free port of the loopback device and prints it. Answers `query` by GET and POST in
StationXML at any level, and `version` and `application.wadl`; knows the parameters below.
"""

import io
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import obspy

PREFIX = "/fdsnws/station/1/"
SHORT = {"net": "network", "sta": "station", "loc": "location", "cha": "channel",
         "start": "starttime", "end": "endtime"}
PARAMETERS = ["starttime", "endtime", "network", "station", "location", "channel", "level",
              "minlatitude", "maxlatitude", "minlongitude", "maxlongitude"]

WADL = """<?xml version="1.0" encoding="UTF-8"?>
<application xmlns="http://wadl.dev.java.net/2009/02" xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <resources base="http://localhost/fdsnws/station/1/">
    <resource path="query">
      <method id="query" name="GET"><request>{}</request></method>
      <method id="postQuery" name="POST"/>
    </resource>
    <resource path="version"><method name="GET"/></resource>
    <resource path="application.wadl"><method name="GET"/></resource>
  </resources>
</application>
""".format("".join(f'<param name="{name}" style="query" type="xs:string"/>' for name in PARAMETERS))


def selected(inventory, lines):
    found = obspy.Inventory()
    for network, station, location, channel, start, end in lines:
        found += inventory.select(
            network=network,
            station=station,
            location="" if location == "--" else location,
            channel=channel,
            starttime=obspy.UTCDateTime(start) if start != "*" else None,
            endtime=obspy.UTCDateTime(end) if end != "*" else None,
        )
    return found


def written(inventory, level):
    text = io.BytesIO()
    inventory.write(text, format="STATIONXML", level=level)
    return text.getvalue()


class Station(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        target = urlsplit(self.path)
        if target.path == PREFIX + "version":
            self.answer(200, "text/plain", b"1.1.1\n")
        elif target.path == PREFIX + "application.wadl":
            self.answer(200, "application/xml", WADL.encode())
        else:
            asked = {SHORT.get(key, key): value for key, value in parse_qsl(target.query)}
            line = [asked.get(name, "*") for name in
                    ("network", "station", "location", "channel", "starttime", "endtime")]
            self.query(target.path, [line], asked.get("level", "station"))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        said = [line.strip() for line in body.splitlines() if line.strip()]
        asked = dict(line.split("=", 1) for line in said if "=" in line)
        lines = [line.split() for line in said if "=" not in line]
        self.query(self.path, lines, asked.get("level", "station"))

    def query(self, path, lines, level):
        if path != PREFIX + "query":
            return self.answer(404, "text/plain", b"Error 404: Not Found\n")
        found = selected(self.server.inventory, lines)
        if not found.networks:
            return self.answer(204, None, b"")
        return self.answer(200, "application/xml", written(found, level))

    def answer(self, status, kind, body):
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Station)
server.inventory = obspy.read_inventory(sys.argv[1])
print(server.server_port, flush=True)
server.serve_forever()
