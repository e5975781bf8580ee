#!/usr/bin/env python3
"""Writes what real clients answer to challenge.txt, one file a client, beside this script; and,
as *-sha-256.txt, to that and challenge-sha-256.txt in two fields.

Needs curl, wget and Python's requests. The tests read the files and never run this.
"""

import http.server
import pathlib
import subprocess
import threading
import urllib.request

import requests
import requests.auth

HERE = pathlib.Path(__file__).parent
MD5, SHA256 = [(HERE / f"challenge{name}.txt").read_text().strip() for name in ["", "-sha-256"]]
LOGIN, PASSWORD = "6C41QBN0PQ0G5U", "4MBVVQUNA2RRUZSTVBWUGXJHC4"
TARGET = "/fdsnws/dataselect/1/queryauth?net=ZS&sta=*&loc=--&start=2015-07-01T00:00:00&end=2015-07-02"
BULK = b"quality=B\nZS D125 -- HHZ 2015-07-01T00:00:00 2015-07-02T00:00:00\n"

seen = []
challenges = []


class Server(http.server.BaseHTTPRequestHandler):
    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        header = self.headers.get("Authorization")
        self.send_response(200 if header else 401)
        if header:
            seen.append(f"{self.command} {self.path}\n{header}\n")
        else:
            for challenge in challenges:
                self.send_header("WWW-Authenticate", challenge)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}"
url = base + TARGET


def with_curl():
    subprocess.run(["curl", "-sSg", "--digest", "-u", f"{LOGIN}:{PASSWORD}", url], check=True)


def with_wget():
    subprocess.run(
        ["wget", "-qO", "/dev/null", f"--user={LOGIN}", f"--password={PASSWORD}", url], check=True
    )


def with_urllib(body=None):
    # As obspy does it.
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, base, LOGIN, PASSWORD)
    handler = urllib.request.HTTPDigestAuthHandler(passwords)
    urllib.request.build_opener(handler).open(url, body).read()


def with_urllib_bulk():
    with_urllib(BULK)


def with_requests():
    digest = requests.auth.HTTPDigestAuth(LOGIN, PASSWORD)
    requests.get(url, auth=digest).raise_for_status()


for suffix, offered in [("", [MD5]), ("-sha-256", [MD5, SHA256])]:
    challenges[:] = offered
    for client in [with_curl, with_wget, with_urllib, with_urllib_bulk, with_requests]:
        seen.clear()
        client()
        name = client.__name__.removeprefix("with_").replace("_", "-")
        (HERE / f"{name}{suffix}.txt").write_text("".join(seen))
