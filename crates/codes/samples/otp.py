#!/usr/bin/env python3
"""Codes by Python's own HMAC, to check ours against. Each line of input: kind, algorithm, digits, counter, secret in hex."""

import hmac
import sys

STEAM = "23456789BCDFGHJKMNPQRTVWXY"

for line in sys.stdin:
    kind, algorithm, digits, counter, secret = line.split()
    tag = hmac.digest(bytes.fromhex(secret), int(counter).to_bytes(8, "big"), algorithm.lower())
    offset = tag[-1] & 15
    value = int.from_bytes(tag[offset:offset + 4], "big") & 0x7FFFFFFF
    if kind == "steam":
        print("".join(STEAM[value // 26**place % 26] for place in range(5)))
    else:
        print(str(value % 10**int(digits)).zfill(int(digits)))
