#!/usr/bin/env python3
"""Fills corpus/ with the inputs of the test vectors and the samples, so that fuzzing starts behind the first checks."""

import base64
import hashlib
import json
import pathlib
from urllib.parse import unquote

FUZZ = pathlib.Path(__file__).resolve().parent


def read(name):
    return json.loads((FUZZ.parent / "vectors" / name).read_text("utf-8"))


def seed(target, text):
    folder = FUZZ / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    data = text if isinstance(text, bytes) else text.encode()
    (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)


for case in read("jws.json"):
    seed("jws", case["token"])
    seed("frames", json.dumps({"type": "request", "request": case["token"], "cursor": "1"}))
    seed("frames", json.dumps({"type": "decision", "decision": case["token"]}))
for case in read("evidence.json"):
    seed("jws", json.dumps(case["file"]))
for case in read("links.json"):
    seed("link", case["link"])
for case in read("statements.json"):
    request = case["request"]
    details, context = (json.dumps(request.get(name, ""), ensure_ascii=False).strip('"')
                        for name in ("authorization_details", "context"))
    seed("statement", "\0".join([details, request.get("binding_message", ""), context]))
for server in read("privacyidea.json"):
    seed("privacyidea", server["link"])
    for name, answer in server.items():
        if name not in ("server", "link"):
            seed("privacyidea", json.dumps(answer))
    for name in ("poll_answer", "poll_presence"):
        seed("privacyidea", json.dumps(server[name]["result"]["value"][0]))

seed("privacyidea", json.dumps(read("privacyidea-container.json")["sealed"]))
seed("privacyidea", "pia://container/SMPH1?issuer=A&ttl=10&nonce=c238392af49250804c25bbd7d86408839e91fe97&time=2026-11-22T20:48:00%2B00:00"
     "&url=https://id.alder.example/&serial=SMPH1&key_algorithm=secp384r1&hash_algorithm=SHA256&ssl_verify=True&passphrase=")

SAMPLES = FUZZ.parent / "crates" / "codes" / "samples"
for sample in sorted(SAMPLES.iterdir()):
    if sample.suffix not in (".py", ".mjs"):
        seed("import", sample.read_bytes())
for name in ("links.txt", "ente.txt"):
    for line in (SAMPLES / name).read_text("utf-8").splitlines():
        seed("otpauth", line)
for name in ("google.txt", "google-batch.txt"):
    for line in (SAMPLES / name).read_text("utf-8").splitlines():
        seed("migration", base64.b64decode(unquote(line.split("data=")[1])))

for icon in sorted((FUZZ.parent / "icons").glob("*.png")):
    seed("picture", icon.read_bytes())
seed("picture", b"\0\x10" + bytes(range(256)))
