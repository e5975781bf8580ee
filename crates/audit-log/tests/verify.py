#!/usr/bin/env python3
"""Verifies a log of gateward without any of its code: Python's standard library alone.

Written from RFC 6962 (section 2.1), RFC 8032 (section 5.1.7) and the texts at c2sp.org: signed-note, tlog-checkpoint,
tlog-cosignature, tlog-tiles, tlog-proof; and docs/formats.md for exports. The trees are computed by the recursive
definitions, not as the program computes them.

    verify.py checkpoint NOTE KEY [COSIGNER-KEY ...]     each given cosigner must have signed
    verify.py export EXPORT NOTE KEY
    verify.py proof PROOF ENTRY-IN-HEX KEY
    verify.py consistency OLD-NOTE NEW-NOTE PROOF KEY    PROOF: a file, one hash in base64 a line
    verify.py tiles DIRECTORY KEY                        with DIRECTORY/checkpoint, DIRECTORY/tile/...
    verify.py fetch URL CA LOGIN DIRECTORY               takes these from a server; LOGIN: a file, user:password

Exit status: 0 it verifies, 1 something is wrong, 2 wrong usage.
"""

import base64
import hashlib
import json
import pathlib
import re
import ssl
import struct
import sys
import urllib.request


class Wrong(Exception):
    pass


def demand(condition, why):
    if not condition:
        raise Wrong(why)


# --- Ed25519, RFC 8032 section 5.1 ---

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def recover_x(y, sign):
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * SQRT_M1 % P
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    return P - x if x & 1 != sign else x


def decompress(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


def add(a, b):
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = f - e, d - c, d + c, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = recover_x(BASE_Y, 0)
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def ed25519_verifies(public, message, signature):
    if len(signature) != 64:
        return False
    key, point = decompress(public), decompress(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or point is None or scalar >= L:
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    left = times(scalar, BASE)
    right = add(point, times(int.from_bytes(digest, "little") % L, key))
    return not ((left[0] * right[2] - right[0] * left[2]) % P or (left[1] * right[2] - right[1] * left[2]) % P)


# --- c2sp.org/signed-note, tlog-cosignature, tlog-checkpoint ---


def unbase64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as why:
        raise Wrong("not base64: %r" % text) from why
    demand(base64.b64encode(data).decode() == text, "base64 of another form: %r" % text)
    return data


def read_key(text):
    name, key_id, key = text.split("+", 2)
    key = unbase64(key)
    demand(len(key) == 33 and key[0] in (1, 4), "not an Ed25519 key")
    expected = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    demand(expected.hex() == key_id, "the key's id is not that of the key")
    return name, expected, key[0], key[1:]


def signed_text(note, key):
    """The text of a note that the key has signed."""
    name, key_id, kind, public = key
    text, separator, signatures = note.rpartition("\n\n")
    demand(separator and signatures.endswith("\n"), "not a signed note")
    text += "\n"
    found = False
    for line in signatures[:-1].split("\n"):
        demand(line.startswith("\u2014 ") and line.count(" ") == 2, "not a signature line")
        _, by, blob = line.split(" ")
        blob = unbase64(blob)
        if by != name or blob[:4] != key_id:
            continue
        if kind == 4:
            time = struct.unpack(">Q", blob[4:12])[0]
            message, signature = "cosignature/v1\ntime %d\n%s" % (time, text), blob[12:]
        else:
            message, signature = text, blob[4:]
        demand(ed25519_verifies(public, message.encode(), signature), "a signature that does not fit")
        found = True
    demand(found, "not signed by " + name)
    return text


def read_checkpoint(note, key):
    demand(key[2] == 1, "a cosigner's key")
    origin, size, root, *extensions = signed_text(note, key).split("\n")
    demand(origin and extensions[-1:] == [""] and all(extensions[:-1]), "not a checkpoint")
    demand(re.fullmatch("0|[1-9][0-9]*", size), "not a size")
    root = unbase64(root)
    demand(len(root) == 32, "not a root")
    return origin, int(size), root


# --- RFC 6962 section 2.1 ---


def sha256(data):
    return hashlib.sha256(data).digest()


def leaf(entry):
    return sha256(b"\0" + entry)


def node(left, right):
    return sha256(b"\1" + left + right)


def split(count):
    return 1 << (count - 1).bit_length() - 1


def tree(leaves):
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    middle = split(len(leaves))
    return node(tree(leaves[:middle]), tree(leaves[middle:]))


def inclusion_root(index, size, leaf_hash, path):
    if size == 1:
        demand(not path, "the proof is too long")
        return leaf_hash
    demand(path, "the proof is too short")
    middle = split(size)
    if index < middle:
        return node(inclusion_root(index, middle, leaf_hash, path[:-1]), path[-1])
    return node(path[-1], inclusion_root(index - middle, size - middle, leaf_hash, path[:-1]))


def consistent(old, old_root, new, new_root, proof):
    def roots(old, new, path, whole):
        if old == new:
            if whole:
                demand(not path, "the proof is too long")
                return old_root, old_root
            demand(len(path) == 1, "the proof has another length")
            return path[0], path[0]
        demand(path, "the proof is too short")
        middle = split(new)
        if old <= middle:
            first, second = roots(old, middle, path[:-1], whole)
            return first, node(second, path[-1])
        first, second = roots(old - middle, new - middle, path[:-1], False)
        return node(path[-1], first), node(path[-1], second)

    demand(old <= new, "the log has shrunk")
    if old == 0:
        demand(not proof and old_root == sha256(b""), "nothing is the beginning of everything")
    else:
        demand(roots(old, new, proof, True) == (old_root, new_root), "the checkpoints do not agree")


# --- exports, docs/formats.md ---


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def check_event(event, position, before):
    where = "event %d (%s): " % (position, event["id"])
    demand(event["position"] == position, where + "out of its place")
    demand(event["recorded_at"] >= before, where + "time runs back")
    complete = event["body"] is not None and event["personal"] is not None
    demand(complete or event.get("erasure"), where + "a part is missing")
    personal_hash = bytes.fromhex(event["personal_hash"])
    if event["personal"] is not None:
        personal = canonical(event["personal"]).encode()
        demand(sha256(bytes.fromhex(event["personal_salt"]) + personal) == personal_hash, where + "personal part")
    if event["body"] is not None:
        covered = ("body", "format_version", "id", "instance", "occurred_at", "recorded_at")
        text = canonical({name: event[name] for name in covered}).encode()
        entry = sha256(bytes.fromhex(event["salt"]) + personal_hash + text)
        demand(entry.hex() == event["entry"], where + "its parts do not make its entry")
    return leaf(bytes.fromhex(event["entry"])), event["recorded_at"]


def check_erasures(events):
    """Whatever is missing was taken by an erasure that a later event announces, by its position."""
    announced = {"whole": {}, "personal": {}}
    for event in reversed(events):
        if event["body"] is None or event["personal"] is None:
            part = "whole" if event["body"] is None else "personal"
            spans = announced[part].get(event.get("erasure"), [])
            covered = any(first <= event["position"] <= last for first, last in spans)
            demand(covered, "event %d (%s): no event says what took it" % (event["position"], event["id"]))
        body = event["body"]
        if body and body["kind"] in ("log_expired", "person_erased"):
            for part, of in announced.items():
                spans = [[int(end) for end in span.split("-")] for span in body.get(part, [])]
                of.setdefault(body["erasure"], []).extend((span[0], span[-1]) for span in spans)


def check_export(path, note, key):
    origin, size, root = read_checkpoint(note, key)
    lines = pathlib.Path(path).read_text(encoding="utf-8").split("\n")
    demand(lines.pop() == "" and len(lines) >= 2, "cut off")
    header, *events, footer = map(json.loads, lines)
    demand(header["audit_export"] == 1 and header["origin"] == origin, "of another log")
    demand(header["first"] == 0, "this verifier reads whole logs alone")
    demand(footer["events"] == len(events), "another number of events")
    leaves, before = [], ""
    check_erasures(events)
    for position, event in enumerate(events):
        hashed, before = check_event(event, position, before)
        leaves.append(hashed)
    demand(len(leaves) >= size, "the newest events are missing")
    demand(tree(leaves[:size]) == root, "not the events of the checkpoint")


# --- c2sp.org/tlog-proof, tlog-tiles ---


def check_proof(path, entry, key):
    text = pathlib.Path(path).read_text(encoding="utf-8")
    proof, _, note = text.partition("\n\n")
    first, *lines = proof.split("\n")
    demand(first == "c2sp.org/tlog-proof@v1", "not a proof")
    if lines[0].startswith("extra "):
        lines = lines[1:]
    match = re.fullmatch("index (0|[1-9][0-9]*)", lines[0])
    demand(match, "no index")
    _, size, root = read_checkpoint(note, key)
    index, hashes = int(match[1]), [unbase64(line) for line in lines[1:]]
    demand(index < size and all(len(one) == 32 for one in hashes), "not in this tree")
    demand(inclusion_root(index, size, leaf(entry), hashes) == root, "not in this log")


def tile_path(level, index, width):
    groups = ["%03d" % (index % 1000)]
    while index >= 1000:
        index //= 1000
        groups.insert(0, "x%03d" % (index % 1000))
    return "tile/%s/%s%s" % (level, "/".join(groups), "" if width == 256 else ".p/%d" % width)


def check_tiles(directory, key):
    directory = pathlib.Path(directory)
    _, size, root = read_checkpoint((directory / "checkpoint").read_text(encoding="utf-8"), key)
    leaves = []
    for index in range((size + 255) // 256):
        width = min(256, size - index * 256)
        bundle = (directory / tile_path("entries", index, width)).read_bytes()
        for _ in range(width):
            length = int.from_bytes(bundle[:2], "big")
            demand(length == 32 and len(bundle) >= 34, "an entry of another length")
            leaves.append(leaf(bundle[2:34]))
            bundle = bundle[34:]
        demand(not bundle, "a bundle that is too long")
    demand(tree(leaves) == root, "the entries are not those of the checkpoint")
    hashes, level = leaves, 0
    while hashes:
        for index in range((len(hashes) + 255) // 256):
            part = hashes[index * 256 : index * 256 + 256]
            tile = (directory / tile_path(level, index, len(part))).read_bytes()
            demand(tile == b"".join(part), "tile %d/%d is not that of the entries" % (level, index))
        full = len(hashes) // 256
        hashes, level = [tree(hashes[at * 256 : at * 256 + 256]) for at in range(full)], level + 1


def fetch(url, ca, login, directory):
    context = ssl.create_default_context(cafile=ca)
    login = pathlib.Path(login).read_bytes().strip()
    headers = {"Authorization": "Basic " + base64.b64encode(login).decode()}

    def take(path):
        request = urllib.request.Request("%s/%s" % (url, path), headers=headers)
        with urllib.request.urlopen(request, context=context, timeout=30) as answer:
            content = answer.read()
        place = pathlib.Path(directory, path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return content

    count, level = int(take("checkpoint").split(b"\n")[1]), 0
    while count:
        for index in range((count + 255) // 256):
            width = min(256, count - index * 256)
            take(tile_path(level, index, width))
            if level == 0:
                take(tile_path("entries", index, width))
        count, level = count // 256, level + 1


def main(arguments):
    def note(path):
        return pathlib.Path(path).read_text(encoding="utf-8")

    match arguments:
        case ["checkpoint", path, key, *cosigners]:
            read_checkpoint(note(path), read_key(key))
            for cosigner in map(read_key, cosigners):
                demand(cosigner[2] == 4, "not a cosigner's key")
                signed_text(note(path), cosigner)
        case ["export", path, checkpoint, key]:
            check_export(path, note(checkpoint), read_key(key))
        case ["proof", path, entry, key]:
            check_proof(path, bytes.fromhex(entry), read_key(key))
        case ["consistency", old, new, proof, key]:
            old_origin, old, old_root = read_checkpoint(note(old), read_key(key))
            new_origin, new, new_root = read_checkpoint(note(new), read_key(key))
            demand(old_origin == new_origin, "two logs")
            lines = pathlib.Path(proof).read_text(encoding="utf-8").split()
            consistent(old, old_root, new, new_root, [unbase64(line) for line in lines])
        case ["fetch", url, ca, login, directory]:
            fetch(url, ca, login, directory)
        case ["tiles", directory, key]:
            check_tiles(directory, read_key(key))
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (Wrong, ValueError, KeyError, TypeError, IndexError, OSError, struct.error) as why:
        print("wrong: %s" % why, file=sys.stderr)
        sys.exit(1)
