// Reads a vault file by what docs/vault.md says, without any of our code: node read-vault.mjs <file> <key in hex>

import { createDecipheriv, createHash, createHmac } from "node:crypto";
import { readFileSync } from "node:fs";

const [file, keyHex] = process.argv.slice(2);
const key = Buffer.from(keyHex, "hex");
const bytes = readFileSync(file);
const check = (holds, what) => {
  if (!holds) throw new Error(what);
};

const checksum = createHash("sha256").update(bytes.subarray(0, -32)).digest();
check(bytes.subarray(-32).equals(checksum), "damaged");
check(bytes.subarray(0, 8).toString("latin1") === "CSCODES\n", "not a vault");
check(bytes.readUInt16BE(8) === 1, "newer");
const keyCheck = createHmac("sha256", key).update("countersign codes vault: key check").digest();
check(bytes.subarray(10, 42).equals(keyCheck), "wrong key");

const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(42, 54));
decipher.setAAD(bytes.subarray(0, 54));
decipher.setAuthTag(bytes.subarray(-48, -32));
const text = Buffer.concat([decipher.update(bytes.subarray(54, -48)), decipher.final()]);
check(JSON.parse(text).entries.length > 0, "empty");
process.stdout.write(text);
