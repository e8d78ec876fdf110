#!/usr/bin/env python3
"""Writes the samples that the import tests read: what each app would export, made without any of our code.

Run it where `cryptography` (44 or newer) and libsodium are: `python3 make.py`. Same output each time: salts, nonces and keys are
from a seeded generator, for these files protect nothing. Every password is "correct horse".
"""

import base64
import ctypes
import ctypes.util
import hashlib
import hmac
import json
import pathlib
import random
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

HERE = pathlib.Path(__file__).resolve().parent
PASSWORD = b"correct horse"
RANDOM = random.Random(4226)

# issuer, account, type, algorithm, digits, period or counter, secret
BANK = ("Example Bank", "ada@example.com", "totp", "SHA1", 6, 30, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
CLOUD = ("Müller Cloud", "ada:admin", "totp", "SHA256", 8, 60, "MZXW6YTBOJRGC6RAMFXGI43FMNZGK5DT")
DOOR = ("Door", "ada", "hotp", "SHA512", 6, 41, "JBSWY3DPEHPK3PXP")
STEAM = ("Steam", "ada", "steam", "SHA1", 5, 30, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
ALL = [BANK, CLOUD, DOOR, STEAM]


def b64(data):
    return base64.b64encode(data).decode()


def write(name, data):
    if not isinstance(data, (bytes, str)):
        data = json.dumps(data, indent=1, ensure_ascii=False) + "\n"
    (HERE / name).write_bytes(data.encode() if isinstance(data, str) else data)


def link(entry, **more):
    issuer, account, kind, algorithm, digits, number, secret = entry
    query = {"secret": secret, "issuer": issuer, "algorithm": algorithm, "digits": digits}
    query["counter" if kind == "hotp" else "period"] = number
    return f"otpauth://{kind}/{quote(issuer)}:{quote(account)}?{urlencode({**query, **more}, quote_via=quote)}"


# --- links -------------------------------------------------------------------------------------------------------------

write("links.txt", "# a list\n\n" + "\n".join(map(link, ALL)) + "\notpauth://totp/Old:ada?secret=MZXW6YTB&algorithm=MD5\n")


# --- Google Authenticator ----------------------------------------------------------------------------------------------

def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def google(entry):
    issuer, account, kind, algorithm, digits, number, secret = entry
    message = field(1, base64.b32decode(secret)) + field(2, f"{issuer}:{account}".encode()) + field(3, issuer.encode())
    message += field(4, ["", "SHA1", "SHA256", "SHA512", "MD5"].index(algorithm)) + field(5, {6: 1, 8: 2}[digits])
    message += field(6, {"hotp": 1, "totp": 2}[kind])
    return field(1, message + (field(7, number) if kind == "hotp" else b""))


def migration(entries, size, index):
    payload = b"".join(map(google, entries)) + field(2, 1) + field(3, size)
    payload += (field(4, index) if index else b"") + field(5, 0xFFFFFFFF80000123 if size > 1 else 5)
    return "otpauth-migration://offline?data=" + quote(b64(payload), safe="")


OLD = ("Old", "ada", "totp", "MD5", 6, 30, "MZXW6YTB")
write("google.txt", migration([BANK, CLOUD, DOOR, OLD], 1, 0) + "\n")
write("google-batch.txt", migration([BANK, CLOUD], 2, 0) + "\n" + migration([DOOR], 2, 1) + "\n")
write("google-batch-part.txt", migration([BANK, CLOUD], 2, 0) + "\n")


# --- Aegis -------------------------------------------------------------------------------------------------------------

def aegis_entry(entry, **more):
    issuer, account, kind, algorithm, digits, number, secret = entry
    return {
        "type": kind, "uuid": "01234567-89ab-cdef-0123-456789abcdef", "name": account, "issuer": issuer, "note": "",
        "favorite": False, "icon": None, "icon_mime": None, "icon_hash": None,
        "info": {"secret": secret, "algo": algorithm, "digits": digits,
                 "counter" if kind == "hotp" else "period": number},
        "groups": [], **more,
    }


group = "11111111-2222-4333-8444-555555555555"
db = {
    "version": 3,
    "entries": [aegis_entry(BANK, favorite=True, note="two\nlines", groups=[group]), *map(aegis_entry, ALL[1:]),
                aegis_entry(("Old", "ada", "motp", "MD5", 6, 10, "MZXW6YTB"))],
    "groups": [{"uuid": group, "name": "Work"}],
    "icons_optimized": True,
}
write("aegis.json", {"version": 1, "header": {"slots": None, "params": None}, "db": db})
db2 = {"version": 2, "entries": [{k: v for k, v in aegis_entry(BANK, group="Work").items() if k != "groups"}]}
write("aegis-v2.json", {"version": 1, "header": {"slots": None, "params": None}, "db": db2})


def gcm(key, text):
    nonce = RANDOM.randbytes(12)
    sealed = AESGCM(key).encrypt(nonce, text, None)
    return sealed[:-16], {"nonce": nonce.hex(), "tag": sealed[-16:].hex()}


def slot(password, master):
    salt = RANDOM.randbytes(32)
    key, params = gcm(Scrypt(salt, 32, 2**15, 8, 1).derive(password), master)
    return {"type": 1, "uuid": group, "key": key.hex(), "key_params": params, "n": 2**15, "r": 8, "p": 1,
            "salt": salt.hex(), "repaired": True, "is_backup": False}


master = RANDOM.randbytes(32)
content, params = gcm(master, json.dumps(db).encode())
biometric = {"type": 2, "uuid": group, "key": "00" * 32, "key_params": {"nonce": "00" * 12, "tag": "00" * 16}}
write("aegis-encrypted.json", {
    "version": 1,
    "header": {"slots": [biometric, slot(b"another one", master), slot(PASSWORD, master)], "params": params},
    "db": b64(content),
})


# --- 2FAS --------------------------------------------------------------------------------------------------------------

def twofas(position, entry, **more):
    issuer, account, kind, algorithm, digits, number, secret = entry
    otp = {"link": link(entry), "label": account, "account": account, "issuer": issuer, "digits": digits,
           "algorithm": algorithm, "tokenType": kind.upper(), "source": "Link"}
    otp["counter" if kind == "hotp" else "period"] = number
    return {"name": issuer, "secret": secret, "updatedAt": 1754403086333, "otp": otp, "order": {"position": position},
            "icon": {"selected": "Label", "label": {"text": "CN", "backgroundColor": "Pink"}}, **more}


services = [twofas(i, entry) for i, entry in enumerate(ALL)]
services[0]["groupId"] = group
services.append(twofas(4, ("Old", "ada", "totp", "SHA384", 6, 30, "MZXW6YTB")))
backup = {"groups": [{"id": group, "name": "Work", "isExpanded": True}], "updatedAt": 1754403287750, "schemaVersion": 4,
          "appVersionCode": 5000030, "appVersionName": "5.4.9", "appOrigin": "android"}
write("2fas.2fas", {"services": services, **backup})
salt, nonce = RANDOM.randbytes(256), RANDOM.randbytes(12)
key = hashlib.pbkdf2_hmac("sha256", PASSWORD, salt, 10_000, 32)
encrypted = ":".join(map(b64, [AESGCM(key).encrypt(nonce, json.dumps(services).encode(), None), salt, nonce]))
write("2fas-encrypted.2fas", {"services": [], **backup, "servicesEncrypted": encrypted, "reference": "x"})


# --- Ente --------------------------------------------------------------------------------------------------------------

def display(**more):
    usual = {"pinned": False, "trashed": False, "lastUsedAt": 0, "tapCount": 0, "tags": [], "note": "", "position": 0,
             "iconSrc": "", "iconID": ""}
    return {"codeDisplay": json.dumps({**usual, **more})}


ente = "\n".join([link(BANK, **display(pinned=True, tags=["Work"], note="two\nlines")), link(CLOUD, **display()),
                  link(DOOR, **display()), link(STEAM, **display()),
                  link(("Old", "ada", "totp", "SHA1", 6, 30, "MZXW6YTB"), **display(trashed=True))])
write("ente.txt", ente)
sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
sodium.sodium_init()


def ente_encrypted(text, memory, passes):
    salt, key = RANDOM.randbytes(16), ctypes.create_string_buffer(32)
    assert not sodium.crypto_pwhash(key, ctypes.c_ulonglong(32), PASSWORD, ctypes.c_ulonglong(len(PASSWORD)), salt,
                                    ctypes.c_ulonglong(passes), ctypes.c_size_t(memory), 2)
    state, header = ctypes.create_string_buffer(52), ctypes.create_string_buffer(24)
    prefix = "crypto_secretstream_xchacha20poly1305_"
    sodium[prefix + "init_push"](state, header, key)
    sealed, length = ctypes.create_string_buffer(len(text) + 17), ctypes.c_ulonglong()
    sodium[prefix + "push"](state, sealed, ctypes.byref(length), text, ctypes.c_ulonglong(len(text)), None,
                            ctypes.c_ulonglong(0), ctypes.c_ubyte(3))
    return {"version": 1, "kdfParams": {"memLimit": memory, "opsLimit": passes, "salt": b64(salt)},
            "encryptedData": b64(sealed.raw[:length.value]), "encryptionNonce": b64(header.raw)}


# libsodium draws the header's nonce itself: these two files differ each time, so they are only written when missing.
for name, memory, passes in [("ente-encrypted.txt", 64 << 20, 2), ("ente-encrypted-small.txt", 8192, 128)]:
    if not (HERE / name).exists():
        write(name, ente_encrypted(ente.encode(), memory, passes))


# --- Bitwarden ---------------------------------------------------------------------------------------------------------

def bitwarden(name, username, totp, **more):
    return {"passwordHistory": None, "revisionDate": "2026-03-30T10:26:04.382Z", "id": group, "type": 1, "reprompt": 0,
            "name": name, "notes": "private", "favorite": False, "fields": [],
            "login": {"uris": [], "username": username, "password": "hunter2", "totp": totp}, "collectionIds": None, **more}


items = [
    bitwarden("Example Bank", "ada@example.com", "gezd gnbv gy3t qojq gezd gnbv gy3t qojq", favorite=True, folderId=group),
    bitwarden("another name", "another", link(CLOUD)),
    bitwarden("Door", None, link(DOOR)),
    bitwarden("Steam", "ada", "steam://" + STEAM[-1]),
    bitwarden("No code", "ada", None),
    {"type": 2, "name": "A note", "notes": "private", "secureNote": {"type": 0}},
    bitwarden("Old", "ada", "otpauth://totp/x?secret=MZXW6YTB&algorithm=MD5"),
]
vault = {"encrypted": False, "folders": [{"id": group, "name": "Work"}], "items": items}
write("bitwarden.json", vault)


def type2(key, text):
    encryption = HKDFExpand(hashes.SHA256(), 32, b"enc").derive(key)
    mac = HKDFExpand(hashes.SHA256(), 32, b"mac").derive(key)
    padder, iv = padding.PKCS7(128).padder(), RANDOM.randbytes(16)
    encryptor = Cipher(algorithms.AES(encryption), modes.CBC(iv)).encryptor()
    content = encryptor.update(padder.update(text) + padder.finalize()) + encryptor.finalize()
    tag = hmac.digest(mac, iv + content, "sha256")
    return "2." + "|".join(map(b64, [iv, content, tag]))


def bitwarden_encrypted(kdf, derive):
    salt = b64(RANDOM.randbytes(16))
    key = derive(salt.encode())
    return {"encrypted": True, "passwordProtected": True, "salt": salt, **kdf,
            "encKeyValidation_DO_NOT_EDIT": type2(key, b"c5ea64f5-4f2c-4f5e-8a9b-2ac1d3f6b111"),
            "data": type2(key, json.dumps(vault).encode())}


write("bitwarden-pbkdf2.json", bitwarden_encrypted(
    {"kdfType": 0, "kdfIterations": 600_000, "kdfMemory": None, "kdfParallelism": None},
    lambda salt: hashlib.pbkdf2_hmac("sha256", PASSWORD, salt, 600_000, 32)))
write("bitwarden-argon2.json", bitwarden_encrypted(
    {"kdfType": 1, "kdfIterations": 3, "kdfMemory": 64, "kdfParallelism": 4},
    lambda salt: Argon2id(salt=hashlib.sha256(salt).digest(), length=32, iterations=3, lanes=4,
                          memory_cost=64 * 1024).derive(PASSWORD)))
write("bitwarden-account.json", {"encrypted": True, "encKeyValidation_DO_NOT_EDIT": "2.x", "folders": [], "items": []})


# --- Proton Authenticator ----------------------------------------------------------------------------------------------

def proton(entry, note=None):
    uri = "steam://" + entry[-1] if entry[2] == "steam" else link(entry)
    return {"id": group, "content": {"uri": uri, "entry_type": "Steam" if entry[2] == "steam" else "Totp", "name": entry[1]},
            "note": note}


export = {"version": 1, "entries": [proton(BANK, "two\nlines"), proton(CLOUD), proton(STEAM),
                                    proton(("Old", "ada", "totp", "MD5", 6, 30, "MZXW6YTB"))]}
write("proton.json", export)
salt, nonce = RANDOM.randbytes(16), RANDOM.randbytes(12)
key = Argon2id(salt=salt, length=32, iterations=2, lanes=1, memory_cost=19 * 1024).derive(PASSWORD)
sealed = nonce + AESGCM(key).encrypt(nonce, json.dumps(export).encode(), b"proton.authenticator.export.v1")
write("proton-encrypted.json", {"version": 1, "salt": b64(salt), "content": b64(sealed)})


# --- andOTP ------------------------------------------------------------------------------------------------------------

def andotp(entry, tags=()):
    issuer, account, kind, algorithm, digits, number, secret = entry
    return {"secret": secret, "issuer": issuer, "label": account, "digits": digits, "type": kind.upper(),
            "algorithm": algorithm, "thumbnail": "Default", "last_used": 0, "used_frequency": 0,
            "counter" if kind == "hotp" else "period": number, "tags": list(tags)}


accounts = [andotp(BANK, ["Work"]), *map(andotp, ALL[1:]), andotp(("Old", "ada", "motp", "SHA1", 6, 10, "MZXW6YTB"))]
write("andotp.json", accounts)
salt, nonce, rounds = RANDOM.randbytes(12), RANDOM.randbytes(12), 151_234
key = hashlib.pbkdf2_hmac("sha1", PASSWORD, salt, rounds, 32)
write("andotp.json.aes", rounds.to_bytes(4, "big") + salt + nonce + AESGCM(key).encrypt(nonce, json.dumps(accounts).encode(), None))


# --- FreeOTP+ ----------------------------------------------------------------------------------------------------------

def freeotp(entry):
    issuer, account, kind, algorithm, digits, number, secret = entry
    signed = [byte - 256 if byte > 127 else byte for byte in base64.b32decode(secret)]
    # The counter is that of the last use.
    return {"algo": algorithm, "counter": number - 1 if kind == "hotp" else 0, "digits": digits, "issuerExt": issuer,
            "issuerInt": issuer, "label": account, "period": 30 if kind == "hotp" else number, "secret": signed,
            "type": "HOTP" if kind == "hotp" else "TOTP"}


write("freeotp-plus.json", {
    "tokenOrder": [f"{entry[0]}:{entry[1]}" for entry in ALL],
    "tokens": [*map(freeotp, ALL), freeotp(("Old", "ada", "totp", "SHA224", 6, 30, "MZXW6YTB"))],
})


# --- Raivo -------------------------------------------------------------------------------------------------------------

def raivo(entry, pinned="false"):
    issuer, account, kind, algorithm, digits, number, secret = entry
    return {"issuer": issuer, "account": account, "secret": secret, "algorithm": algorithm, "digits": str(digits),
            "kind": kind.upper(), "timer": "0" if kind == "hotp" else str(number),
            "counter": str(number) if kind == "hotp" else "0", "pinned": pinned, "iconType": "", "iconValue": ""}


write("raivo-otp-export.json", [raivo(BANK, "true"), raivo(CLOUD), raivo(DOOR),
                                raivo(("Old", "ada", "totp", "MD5", 6, 30, "MZXW6YTB"))])


# --- Countersign's own export, by docs/vault.md ------------------------------------------------------------------------

def stored(index, entry, **more):
    issuer, account, kind, algorithm, digits, number, secret = entry
    way = {"algorithm": algorithm, "digits": digits, "counter" if kind == "hotp" else "period": number}
    return {"id": f"{index:032x}", "issuer": issuer, "account": account, "type": kind,
            **({} if kind == "steam" else way), "secret": secret, "added_at": 1_800_000_000, **more}


text = json.dumps({"entries": [stored(0, BANK, tags=["Work"], pinned=True, note="two\nlines"),
                               *(stored(i, entry) for i, entry in enumerate(ALL[1:], 1))]}).encode()
text = text.ljust(16384)
salt, nonce = b64(RANDOM.randbytes(16)), b64(RANDOM.randbytes(12))
key = Argon2id(salt=base64.b64decode(salt), length=32, iterations=3, lanes=1, memory_cost=64 * 1024).derive(PASSWORD)
header = f"countersign-codes;1;argon2id;65536;3;1;{salt};aes-256-gcm;{nonce}".encode()
write("countersign.json", {
    "format": "countersign-codes", "version": 1,
    "kdf": {"algorithm": "argon2id", "memory_kib": 65536, "passes": 3, "lanes": 1, "salt": salt},
    "cipher": {"algorithm": "aes-256-gcm", "nonce": nonce},
    "content": b64(AESGCM(key).encrypt(base64.b64decode(nonce), text, header)),
})
