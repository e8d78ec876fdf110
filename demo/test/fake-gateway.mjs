// A gateway for the adapter's tests: signs with a real key, checks what it is handed as strictly as the real one.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { randomUUID } from 'node:crypto';
import { SignJWT, calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import { readBody, sendJson } from '../http.mjs';

export const SECRET = 'cs_test';

export async function fakeGateway({ answer } = {}) {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), alg: 'ES256', use: 'sig' };
  jwk.kid = await calculateJwkThumbprint(jwk);
  const asked = [];

  const server = createServer(async (req, res) => {
    if (req.url === '/.well-known/jwks.json') return sendJson(res, 200, { keys: [jwk] });
    const body = JSON.parse(await readBody(req));
    const wellFormed =
      req.url === '/v1/ciba/authentications' &&
      req.headers.authorization === `Bearer ${SECRET}` &&
      Object.keys(body).every((name) => ['auth_ref', 'sub', 'client', 'params', 'callback_url'].includes(name)) &&
      Object.values(body.params).every((value) => typeof value === 'string');
    if (!wellFormed) return sendJson(res, 400, { error: 'invalid_request', message: 'malformed' });
    const txn = `txn_${randomUUID()}`;
    asked.push({ ...body, txn });
    if (answer) return sendJson(res, answer.status, answer.body);
    const expires_at = Math.floor(Date.now() / 1000) + Number(body.params.requested_expiry ?? 120);
    sendJson(res, 202, { txn, match_code: '042137', expires_at });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}`;

  /** A result for what was asked last. `claims` and `header` override what a right one has. */
  async function result({ claims = {}, header = {}, key = privateKey, issuer = url, audience = 'op' } = {}) {
    const { txn, sub, params } = asked.at(-1);
    return new SignJWT({
      txn,
      sub,
      jti: randomUUID(),
      outcome: 'approved',
      verdict: 'approve',
      acr: params.acr_values?.split(' ')[0],
      amr: ['swk', 'user'],
      auth_time: 1_800_000_000,
      authorization_details: params.authorization_details && JSON.parse(params.authorization_details),
      ...claims,
    })
      .setProtectedHeader({ alg: 'ES256', kid: jwk.kid, typ: 'approval-result+jwt', ...header })
      .setIssuer(issuer)
      .setAudience(audience)
      .setIssuedAt()
      .sign(key);
  }

  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url, asked, result, close };
}
