// The bank as OpenID client: log-in by authorization code with PKCE, and step-up by CIBA in poll or ping mode.
//
// Invariants: id tokens are verified and their `acr` is the one that was asked for; a notification is believed only with
// the token we gave for it; CIBA's interval is kept and `slow_down` obeyed.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { readBody, sendJson } from './http.mjs';

const random = () => randomBytes(32).toString('base64url');

/** The provider said no: `code` is the OAuth error. */
export class OAuthError extends Error {
  constructor({ error, error_description: description }) {
    super(description ?? error);
    this.code = error;
  }
}

/**
 * @param issuer the provider
 * @param notificationUrl where the provider may notify us (ping mode); without it we poll
 */
export async function oidcClient({ issuer, clientId, clientSecret, redirectUri, notificationUrl }) {
  const discovery = await fetch(`${issuer}/.well-known/openid-configuration`);
  if (!discovery.ok) throw new Error(`the provider answered ${discovery.status} to discovery`);
  const endpoints = await discovery.json();
  const keys = createRemoteJWKSet(new URL(endpoints.jwks_uri));
  const credentials = 'Basic ' + Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`).toString('base64');
  /** Ping mode: who waits for which `auth_req_id`. */
  const waiting = new Map();

  async function post(endpoint, parameters) {
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: { authorization: credentials },
      body: new URLSearchParams(parameters),
      signal: AbortSignal.timeout(10_000),
    });
    const answer = await response.json();
    if (!response.ok) throw new OAuthError(answer);
    return answer;
  }

  async function verified(tokens, expected) {
    const { payload } = await jwtVerify(tokens.id_token, keys, { issuer, audience: clientId });
    for (const [claim, value] of Object.entries(expected)) {
      if (payload[claim] !== value) throw new Error(`the id token has another ${claim} than was asked for`);
    }
    return { ...tokens, claims: payload };
  }

  /** Where to send the browser, and what to keep until it is back. */
  function startLogIn() {
    const kept = { state: random(), nonce: random(), verifier: random() };
    const url = new URL(endpoints.authorization_endpoint);
    url.search = new URLSearchParams({
      client_id: clientId,
      redirect_uri: redirectUri,
      response_type: 'code',
      scope: 'openid accounts payments',
      state: kept.state,
      nonce: kept.nonce,
      code_challenge: createHash('sha256').update(kept.verifier).digest('base64url'),
      code_challenge_method: 'S256',
    });
    return { url: url.href, kept };
  }

  async function finishLogIn(parameters, kept) {
    if (parameters.get('state') !== kept.state) throw new Error('this log-in was not started here');
    if (parameters.has('error')) throw new OAuthError(Object.fromEntries(parameters));
    const tokens = await post(endpoints.token_endpoint, {
      grant_type: 'authorization_code',
      code: parameters.get('code'),
      redirect_uri: redirectUri,
      code_verifier: kept.verifier,
    });
    return verified(tokens, { nonce: kept.nonce });
  }

  /** Starts CIBA. `parameters` are `acr_values`, `binding_message`, `authorization_details`, `request_context` … */
  async function startStepUp(user, parameters) {
    const notificationToken = notificationUrl && random();
    const started = await post(endpoints.backchannel_authentication_endpoint, {
      scope: 'openid accounts payments',
      login_hint: user,
      ...(notificationToken && { client_notification_token: notificationToken }),
      ...parameters,
    });
    const notified = notificationToken && new Promise((resolve) => {
      waiting.set(started.auth_req_id, { notificationToken, resolve });
    });
    return { ...started, tokens: () => stepUpTokens(user, parameters, started, notified) };
  }

  /** Waits for the person's answer. */
  async function stepUpTokens(user, { acr_values: acr }, { auth_req_id, expires_in, interval = 5 }, notified) {
    const grant = { grant_type: 'urn:openid:params:grant-type:ciba', auth_req_id };
    if (notified) {
      // Without a notification we ask once when it has expired, and hear why.
      await Promise.race([notified, wait((expires_in + interval) * 1000, undefined, { ref: false })]);
      waiting.delete(auth_req_id);
      return verified(await post(endpoints.token_endpoint, grant), { sub: user, acr });
    }
    for (;;) {
      await wait(interval * 1000);
      try {
        return await verified(await post(endpoints.token_endpoint, grant), { sub: user, acr });
      } catch (error) {
        if (error.code === 'slow_down') interval += 5;
        else if (error.code !== 'authorization_pending') throw error;
      }
    }
  }

  /** The request listener for `notificationUrl`. */
  async function notification(req, res) {
    try {
      if (req.method !== 'POST' || req.url !== new URL(notificationUrl).pathname) return sendJson(res, 404, {});
      const { auth_req_id: id } = JSON.parse(await readBody(req));
      const waiter = waiting.get(id);
      const expected = Buffer.from(`Bearer ${waiter?.notificationToken}`);
      const given = Buffer.from(req.headers.authorization ?? '');
      if (!waiter || given.length !== expected.length || !timingSafeEqual(given, expected)) return sendJson(res, 401, {});
      waiter.resolve();
      res.writeHead(204).end();
    } catch {
      sendJson(res, 400, {});
    }
  }

  return { startLogIn, finishLogIn, startStepUp, notification, introspectionEndpoint: endpoints.introspection_endpoint };
}
