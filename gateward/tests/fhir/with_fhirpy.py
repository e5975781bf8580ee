"""Works with patients as programs do that are written with fhirpy; says what it saw, in JSON.

with_fhirpy.py BASE CA CERTIFICATE KEY < USER:PASSWORD
"""
import base64
import json
import sys

from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import ResourceNotFound

base, ca, certificate, key = sys.argv[1:]
authorization = "Basic " + base64.b64encode(sys.stdin.read().strip().encode()).decode()
client = SyncFHIRClient(
    base, authorization=authorization, requests_config={"verify": ca, "cert": (certificate, key), "timeout": 60}
)

patient = client.resource("Patient", name=[{"family": "Roe"}], identifier=[{"system": "urn:ids", "value": "9"}])
patient.save()
read = client.reference("Patient", patient.id).to_resource()
patient["name"][0]["family"] = "Poe"
patient.save()
found = client.resources("Patient").search(family="poe").fetch_all()
observation = client.resource(
    "Observation", status="final", code={"text": "x"}, subject=patient.to_reference()
)
observation.save()
of_patient = client.resources("Observation").search(patient=f"Patient/{patient.id}").fetch_raw()
transaction = client.execute(
    "",
    method="post",
    data={
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"request": {"method": "POST", "url": "Observation"}, "resource": {
                "resourceType": "Observation", "status": "final", "code": {"text": "y"},
                "subject": {"reference": f"Patient/{patient.id}"}}},
            {"request": {"method": "DELETE", "url": f"Observation/{observation.id}"}},
        ],
    },
)
id = patient.id
patient.delete()
try:
    client.reference("Patient", id).to_resource()
    gone = False
except Exception as error:
    gone = type(error).__name__

print(json.dumps({
    "id": id,
    "read": read["name"][0]["family"],
    "found": [one.id for one in found],
    "of_patient": sorted(entry["resource"]["resourceType"] for entry in of_patient["entry"]),
    "transaction": [entry["response"]["status"] for entry in transaction["entry"]],
    "gone": gone,
}))
