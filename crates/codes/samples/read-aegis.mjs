// Opens an encrypted Aegis vault as Aegis' documentation says, without any of our code: node read-aegis.mjs <password> < vault

import { createDecipheriv, scryptSync } from "node:crypto";
import { readFileSync } from "node:fs";

const hex = (text) => Buffer.from(text, "hex");
const open = (key, params, sealed) => {
  const decipher = createDecipheriv("aes-256-gcm", key, hex(params.nonce));
  decipher.setAuthTag(hex(params.tag));
  return Buffer.concat([decipher.update(sealed), decipher.final()]);
};

const vault = JSON.parse(readFileSync(0, "utf8"));
const slot = vault.header.slots.find(({ type }) => type === 1);
const { n: N, r, p } = slot;
const key = scryptSync(process.argv[2], hex(slot.salt), 32, { N, r, p, maxmem: 64 << 20 });
const master = open(key, slot.key_params, hex(slot.key));
const db = JSON.parse(open(master, vault.header.params, Buffer.from(vault.db, "base64")));
const groups = new Map(db.groups.map(({ uuid, name }) => [uuid, name]));
for (const { type, name, issuer, info, ...more } of db.entries) {
  const number = type === "hotp" ? info.counter : info.period;
  const tags = more.groups.map((uuid) => groups.get(uuid)).join("+");
  console.log([type, issuer, name, info.algo, info.digits, number, info.secret, tags, more.favorite].join("|"));
}
