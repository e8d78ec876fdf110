// Checks ../*.json with another implementation (jose, canonicalize), and signs messages that Countersign must accept.
// Run: npm ci && node check.mjs. Exit code 0 only if everything agrees.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import canonicalize from 'canonicalize';
import { CompactSign, calculateJwkThumbprint, compactVerify, decodeProtectedHeader, exportJWK, generateKeyPair, importJWK } from 'jose';

const vectors = new URL('../', import.meta.url);
const read = (name) => JSON.parse(readFileSync(new URL(name, vectors), 'utf8'));
const sha256 = (text) => createHash('sha256').update(text).digest('base64url');
const publicKeys = Object.fromEntries(
  Object.entries(read('keys.json')).map(([name, { d: _secret, ...key }]) => [name, key]),
);

/** Verifies with the pinned key that the header names, or with the header's own where none is pinned. */
async function verify(token, pinned) {
  const { kid, jwk, alg } = decodeProtectedHeader(token);
  let key = jwk;
  for (const candidate of pinned) {
    if ((await calculateJwkThumbprint(candidate)) === kid) key = candidate;
  }
  const { payload } = await compactVerify(token, await importJWK(key, alg), { algorithms: ['ES256', 'EdDSA'] });
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
}

async function checkMessages() {
  let checked = 0;
  for (const { name, keys, token, claims, refused } of read('jws.json')) {
    const pinned = keys.map((key) => publicKeys[key]);
    if (claims) {
      assert.deepEqual(await verify(token, pinned), claims, name);
      checked += 1;
    } else if (refused === 'Signature') {
      await assert.rejects(verify(token, pinned), undefined, name);
      checked += 1;
    }
  }
  return checked;
}

async function checkHashes() {
  let checked = 0;
  for (const { name, jwk, thumbprint } of read('thumbprints.json')) {
    if (!thumbprint) continue;
    assert.equal(await calculateJwkThumbprint(jwk), thumbprint, name);
    checked += 1;
  }
  for (const { name, lines, hash } of read('statements.json')) {
    if (!lines) continue;
    assert.equal(sha256(canonicalize({ version: 1, lines })), hash, name);
    checked += 1;
  }
  for (const { name, json, canonical } of read('jcs.json')) {
    assert.equal(canonicalize(JSON.parse(json)), canonical, name);
    checked += 1;
  }
  return checked;
}

async function checkEvidence() {
  let checked = 0;
  for (const { name, file, statement_hash } of read('evidence.json')) {
    if (!statement_hash) continue;
    await verify(file.request, file.issuer_keys);
    const receipt = await verify(file.receipt, file.issuer_keys);
    assert.equal(receipt.request_hash, sha256(file.request), name);
    assert.equal(receipt.statement_hash, statement_hash, name);
    if (file.decision) {
      const decision = await verify(file.decision, [file.device_key]);
      assert.equal(decision.request_hash, sha256(file.request), name);
      assert.equal(decision.statement_hash, statement_hash, name);
      assert.equal(receipt.decision_hash, sha256(file.decision), name);
    }
    checked += 1;
  }
  return checked;
}

/** One message of each accepted kind, signed here with new keys. */
async function freshMessages() {
  const messages = [];
  for (const base of read('jws.json').filter(({ claims }) => claims)) {
    const alg = decodeProtectedHeader(base.token).alg;
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    const jwk = await exportJWK(publicKey);
    const named = base.keys.length > 0 ? { kid: await calculateJwkThumbprint(jwk) } : { jwk };
    const { typ } = decodeProtectedHeader(base.token);
    const token = await new CompactSign(new TextEncoder().encode(JSON.stringify(base.claims)))
      .setProtectedHeader({ typ, alg, ...named })
      .sign(privateKey);
    messages.push({ ...base, token, pinned: [jwk] });
  }
  return messages;
}

/** Has Countersign verify messages, one JSON object a line. */
function accept(messages) {
  const command = ['run', '--quiet', '--package', 'countersign-protocol', '--example', 'vectors', '--', 'accept'];
  const input = messages.map((message) => `${JSON.stringify(message)}\n`).join('');
  const { status, error } = spawnSync('cargo', command, {
    cwd: fileURLToPath(new URL('../', vectors)),
    input,
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  assert.ifError(error);
  assert.equal(status, 0, 'Countersign refuses a message that jose signed');
}

const messages = await checkMessages();
const hashes = await checkHashes();
const evidence = await checkEvidence();
accept(await freshMessages());
assert.ok(messages > 20 && hashes > 40 && evidence > 2, 'too few cases');
console.log(`node: ${messages} messages, ${hashes} hashes, ${evidence} evidence files agree`);
