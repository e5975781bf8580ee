"""An object store for tests: moto's imitation of S3, which checks signatures and policies of users, not resources.

Prints one line of JSON once it serves, then answers each line on its standard input with one. Ends with its input.
boto3, Amazon's own client, looks at what is there past the program under test.
"""

import hashlib
import json
import os
import sys

os.environ["MOTO_S3_DEFAULT_MAX_KEYS"] = "3"  # a listing has several pages soon

import boto3
import requests
from botocore.config import Config
from moto.server import ThreadedMotoServer

BUCKET = "dcor-backup"


def user(iam, name, actions):
    iam.create_user(UserName=name)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
    iam.put_user_policy(UserName=name, PolicyName="only", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}


def client(service, address, key):
    return boto3.client(
        service,
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id=key["id"],
        aws_secret_access_key=key["secret"],
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )


server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
address = f"http://{host}:{port}"
iam = client("iam", address, {"id": "nobody", "secret": "nothing"})
keys = {
    "owner": user(iam, "owner", ["s3:*"]),
    "writer": user(iam, "writer", ["s3:PutObject", "s3:AbortMultipartUpload"]),
}
s3 = client("s3", address, keys["owner"])
s3.create_bucket(Bucket=BUCKET)
# From here on each signature is checked, and each policy of a user.
requests.post(f"{address}/moto-api/reset-auth", data="0", timeout=10).raise_for_status()


def objects():
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return {found["Key"]: found["Size"] for page in pages for found in page.get("Contents", [])}


def sha256(key):
    body = s3.get_object(Bucket=BUCKET, Key=key)["Body"]
    total = hashlib.sha256()
    for piece in iter(lambda: body.read(1 << 20), b""):
        total.update(piece)
    return total.hexdigest()


def uploads():
    return len(s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []))


def lay(key):
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"somebody else's")


print(json.dumps({"port": port, "keys": keys}), flush=True)
asked = {"objects": objects, "sha256": sha256, "uploads": uploads, "lay": lay}
for line in sys.stdin:
    what, *arguments = line.split()
    print(json.dumps(asked[what](*arguments)), flush=True)
os._exit(0)
