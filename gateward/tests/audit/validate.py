"""Validates AuditEvents, one a line, with fhir.resources (R4B: what it has of AuditEvent is R4's). Says a line for each that is wrong."""
import json
import sys

from fhir.resources.R4B.auditevent import AuditEvent

for number, line in enumerate(sys.stdin):
    resource = json.loads(line)
    try:
        read = AuditEvent.model_validate(resource)
        written = json.loads(read.model_dump_json())
        lost = sorted(set(resource) - set(written))
        if lost:
            print(number, "lost", lost)
    except Exception as wrong:
        print(number, str(wrong).replace("\n", " | "))
