#!/usr/bin/env python3
"""Checks *.json with another implementation (jwcrypto, rfc8785), and signs what Countersign must accept.

Its `statement` is written from docs/protocol.md, section 4, alone: both must give the same bytes.
Run: pip install --require-hashes -r requirements.txt, then this file. Exit code 0 only if everything agrees.
"""

import base64
import copy
import hashlib
import ipaddress
import json
import pathlib
import re
import subprocess
import sys

import rfc8785
from jwcrypto.common import json_decode
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS, InvalidJWSObject, InvalidJWSSignature

VECTORS = pathlib.Path(__file__).resolve().parent
ALGORITHMS = ["ES256", "EdDSA"]


def read(name):
    return json.loads((VECTORS / name).read_text("utf-8"))


def sha256(data):
    digest = hashlib.sha256(data if isinstance(data, bytes) else data.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def agree(found, expected, name):
    if found != expected:
        sys.exit(f"{name}: found {found!r}, not {expected!r}")


def header_of(token):
    part = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def verify(token, pinned):
    """Verifies with the pinned key that the header names, or with the header's own where none is pinned."""
    header = header_of(token)
    keys = [JWK(**key) for key in pinned]
    named = [key for key in keys if key.thumbprint() == header.get("kid")]
    key = named[0] if named else JWK(**header["jwk"])
    message = JWS()
    message.allowed_algs = ALGORITHMS
    message.deserialize(token, key)
    return json_decode(message.payload)


# --- Section 4, from the text ---------------------------------------------------------------------------------------


class Refused(Exception):
    """The request cannot be shown."""


INVISIBLE = re.compile(
    "[\u0000-\u001f\u007f-\u009f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u00ad\u180e\u200b"
    "\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e007f\ufdd0-\ufdef]"
)
MARKS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{5}")


def plain(text, longest=1024):
    bad = (
        not isinstance(text, str)
        or not 1 <= len(text) <= longest
        or INVISIBLE.search(text)
        or any(ord(c) & 0xFFFE == 0xFFFE for c in text)
        or MARKS.search(text)
        or text != text.strip()
    )
    if bad:
        raise Refused(text)
    return text


def is_integer(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == int(value)


def a_text(value):
    return ("text", plain(value))


def a_list(value):
    if not isinstance(value, list) or not 1 <= len(value) <= 16:
        raise Refused(value)
    return ("list", [plain(item) for item in value])


def a_count(value):
    if not is_integer(value):
        raise Refused(value)
    return ("count", int(value))


def a_duration(value):
    if not is_integer(value) or value < 0:
        raise Refused(value)
    return ("duration", int(value))


def an_amount(value):
    if not isinstance(value, dict) or set(value) != {"amount", "currency"}:
        raise Refused(value)
    matching(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,8})?", value["amount"])
    matching(r"[A-Z]{3}", value["currency"])
    return ("amount", value)


def an_account(value):
    if not isinstance(value, dict):
        raise Refused(value)
    return ("text", matching(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", value.get("iban")))


def a_date(value):
    return ("text", matching(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value))


def matching(pattern, text):
    if not isinstance(text, str) or not re.fullmatch(pattern, text):
        raise Refused(text)
    return text


REGISTERED = {
    "payment_initiation": [
        ("instructedAmount", "payment.amount", an_amount),
        ("creditorName", "payment.payee", a_text),
        ("creditorAccount", "payment.iban", an_account),
        ("remittanceInformationUnstructured", "payment.reference", a_text),
        ("debtorAccount", "payment.from", an_account),
        ("requestedExecutionDate", "payment.date", a_date),
    ],
    "access": [
        ("resource", "access.resource", a_text),
        ("actions", "access.actions", a_list),
        ("locations", "access.locations", a_list),
        ("datatypes", "access.datatypes", a_list),
        ("privileges", "access.privileges", a_list),
        ("identifier", "access.identifier", a_text),
        ("reason", "access.reason", a_text),
        ("valid_for", "access.valid_for", a_duration),
    ],
    "data_export": [
        ("dataset", "export.dataset", a_text),
        ("records", "export.records", a_count),
        ("destination", "export.destination", a_text),
        ("format", "export.format", a_text),
        ("contains", "export.contains", a_list),
        ("reason", "export.reason", a_text),
    ],
    "deployment": [
        ("service", "deployment.service", a_text),
        ("version", "deployment.version", a_text),
        ("environment", "deployment.environment", a_text),
        ("commit", "deployment.commit", a_text),
        ("changes", "deployment.changes", a_count),
        ("approver", "deployment.approver", a_text),
    ],
    "sign_in": [
        ("application", "signin.application", a_text),
        ("access", "signin.access", a_text),
        ("valid_for", "signin.valid_for", a_duration),
    ],
}


def by_name(members):
    return sorted(members.items(), key=lambda member: member[0].encode("utf-16-be", "surrogatepass"))


def field(path, value, depth):
    """The field lines of one value."""
    if depth > 6:
        raise Refused(path)
    if isinstance(value, dict) and value:
        for name, inner in by_name(value):
            yield from field(f"{path}.{name}", inner, depth + 1)
        return
    strings = isinstance(value, list) and 1 <= len(value) <= 16 and all(isinstance(item, str) for item in value)
    if isinstance(value, list) and value and not strings:
        for index, inner in enumerate(value):
            yield from field(f"{path}[{index}]", inner, depth + 1)
        return
    if strings:
        kind, value = a_list(value)
    elif isinstance(value, bool):
        kind = "flag"
    elif isinstance(value, (int, float)):
        kind, value = ("count", int(value)) if is_integer(value) else ("text", rfc8785.dumps(value).decode())
    elif value is None:
        kind, value = "text", "null"
    elif value in ({}, []):
        kind, value = "text", "{}" if value == {} else "[]"
    else:
        kind, value = a_text(value)
    yield {"key": "field", "name": plain(path, 128), "type": kind, "value": value}


def detail_lines(detail):
    registered = REGISTERED.get(detail["type"], [])
    yield {"key": "action", "type": "text", "value": plain(detail["type"])}
    for member, key, form in registered:
        if member in detail:
            kind, value = form(detail[member])
            yield {"key": key, "type": kind, "value": value}
    forms = {member: form for member, _, form in registered}
    for member, value in by_name(detail):
        if forms.get(member) is an_account:
            for name, inner in by_name(value):
                if name != "iban":
                    yield from field(f"{member}.{name}", inner, 2)
        elif member != "type" and member not in forms:
            yield from field(member, value, 1)


def context_lines(context):
    for member, kind, longest in [
        ("origin", "text", 14),
        ("place", "text", 128),
        ("ip", "text", 45),
        ("agent", "text", 128),
        ("started_at", "instant", None),
        ("risk", "text", 6),
    ]:
        if member == "ip" and member in context:
            ipaddress.ip_address(context[member])
        if member in context:
            value = plain(context[member], longest) if longest else context[member]
            yield {"key": f"context.{member}", "type": kind, "value": value}
    for hint in context.get("hints", []):
        yield {"key": "context.hint", "type": "text", "value": plain(hint, 64)}


def statement(request):
    """The lines of a request; raises Refused."""
    if set(request["client"]) != {"id", "name"}:
        raise Refused("client")
    lines = [
        {"key": "client", "type": "text", "value": plain(request["client"]["name"], 64)},
        {"key": "account", "type": "text", "value": plain(request["sub"], 128)},
    ]
    if "binding_message" in request:
        lines.append({"key": "message", "type": "text", "value": plain(request["binding_message"], 256)})
    for detail in request.get("authorization_details", []):
        lines.extend(detail_lines(detail))
    lines.extend(context_lines(request.get("context", {})))
    if "acr" in request:
        lines.append({"key": "acr", "type": "text", "value": plain(request["acr"], 128)})
    if len(lines) > 64:
        raise Refused("more than 64 lines")
    return lines


def statement_hash(lines):
    return sha256(rfc8785.dumps({"lines": lines, "version": 1}))


# --- The checks -----------------------------------------------------------------------------------------------------


def check_messages():
    keys = {name: {k: v for k, v in key.items() if k != "d"} for name, key in read("keys.json").items()}
    checked = 0
    for case in read("jws.json"):
        pinned = [keys[name] for name in case["keys"]]
        if "claims" in case:
            agree(verify(case["token"], pinned), case["claims"], case["name"])
            checked += 1
        elif case["refused"] == "Signature":
            try:
                verify(case["token"], pinned)
            except (InvalidJWSSignature, InvalidJWSObject, ValueError):
                checked += 1
            else:
                sys.exit(f"{case['name']}: accepted")
    return checked


def check_statements():
    cases = read("statements.json")
    for case in cases:
        try:
            lines = statement(case["request"])
        except Refused:
            agree("refused" in case, True, case["name"])
        else:
            agree(lines, case.get("lines"), case["name"])
            agree(statement_hash(lines), case["hash"], case["name"])
    return len(cases)


def check_texts():
    cases = read("texts.json")
    for case in cases:
        try:
            plain(case["text"], case["max"])
            agree(True, case["accepted"], case["name"])
        except Refused:
            agree(False, case["accepted"], case["name"])
    return len(cases)


def check_hashes():
    checked = 0
    for case in read("thumbprints.json"):
        if "thumbprint" in case:
            agree(JWK(**case["jwk"]).thumbprint(), case["thumbprint"], case["name"])
            checked += 1
    for case in read("jcs.json"):
        agree(rfc8785.dumps(json.loads(case["json"])).decode(), case["canonical"], case["name"])
        checked += 1
    return checked


def check_evidence():
    checked = 0
    for case in read("evidence.json"):
        if "statement_hash" not in case:
            continue
        file, name = case["file"], case["name"]
        request = verify(file["request"], file["issuer_keys"])
        receipt = verify(file["receipt"], file["issuer_keys"])
        shown = statement_hash(statement(request))
        agree(shown, case["statement_hash"], name)
        agree((receipt["request_hash"], receipt["statement_hash"]), (sha256(file["request"]), shown), name)
        if "decision" in file:
            decision = verify(file["decision"], [file["device_key"]])
            agree((decision["request_hash"], decision["statement_hash"]), (sha256(file["request"]), shown), name)
            agree(receipt["decision_hash"], sha256(file["decision"]), name)
        checked += 1
    return checked


def sign(claims, typ, key, embed=False):
    named = {"jwk": key.export_public(as_dict=True)} if embed else {"kid": key.thumbprint()}
    alg = "ES256" if key["kty"] == "EC" else "EdDSA"
    message = JWS(json.dumps(claims))
    message.allowed_algs = ALGORITHMS
    message.add_signature(key, None, json.dumps({"alg": alg, "typ": typ, **named}))
    return message.serialize(compact=True)


def new_key(alg):
    return JWK.generate(kty="EC", crv="P-256") if alg == "ES256" else JWK.generate(kty="OKP", crv="Ed25519")


def fresh_messages():
    """One message of each accepted kind, signed here with new keys."""
    for case in read("jws.json"):
        if "claims" not in case:
            continue
        header = header_of(case["token"])
        key = new_key(header["alg"])
        token = sign(case["claims"], header["typ"], key, embed=not case["keys"])
        yield {**case, "token": token, "pinned": [key.export_public(as_dict=True)]}


def fresh_evidence():
    """A whole approval, made here."""
    file = copy.deepcopy(read("evidence.json")[0]["file"])
    issuer, device = new_key("EdDSA"), new_key("ES256")
    claims = {part: verify(file[part], file["issuer_keys"] + [file["device_key"]])
              for part in ("request", "decision", "receipt")}
    file["issuer_keys"] = [issuer.export_public(as_dict=True)]
    file["device_key"] = device.export_public(as_dict=True)
    claims["request"]["binding_message"] = "Signed elsewhere"
    file["request"] = sign(claims["request"], "approval-request+jwt", issuer)
    hashes = {
        "request_hash": sha256(file["request"]),
        "statement_hash": statement_hash(statement(claims["request"])),
    }
    file["decision"] = sign({**claims["decision"], **hashes}, "approval-decision+jwt", device)
    receipt = {**claims["receipt"], **hashes, "decision_hash": sha256(file["decision"])}
    file["receipt"] = sign(receipt, "approval-receipt+jwt", issuer)
    return {"name": "evidence", "file": file, "statement_hash": hashes["statement_hash"]}


def accept(messages):
    """Has Countersign verify messages, one JSON object a line."""
    command = ["cargo", "run", "--quiet", "--package", "countersign-protocol", "--example", "vectors", "--", "accept"]
    lines = "".join(json.dumps(message) + "\n" for message in messages)
    subprocess.run(command, cwd=VECTORS.parent, input=lines.encode(), check=True)


def main():
    counts = [check_messages(), check_statements(), check_texts(), check_hashes(), check_evidence()]
    accept([*fresh_messages(), fresh_evidence()])
    agree(all(count >= least for count, least in zip(counts, [20, 74, 90, 15, 3])), True, "too few cases")
    print("python: {} messages, {} statements, {} texts, {} hashes, {} evidence files agree".format(*counts))


if __name__ == "__main__":
    main()
