// Connects an oidc-provider with CIBA to a Countersign gateway. This is the part to copy.
//
//   const countersign = countersignCiba({ gateway, clientId, clientSecret, callbackUrl });
//   const provider = new Provider(issuer, { features: { ciba: { enabled: true, ...,
//     triggerAuthenticationDevice: countersign.triggerAuthenticationDevice } } });
//   createServer(countersign.callback(provider)).listen(...);     // answers at callbackUrl
//
// Invariants: a result counts only if the gateway signed it for this provider, for this transaction and this user;
// the first one ends the request, the same one again changes nothing, another one is refused; only `approved` yields tokens.

import { randomUUID } from 'node:crypto';
import { createRemoteJWKSet, errors as joseErrors, jwtVerify } from 'jose';
import { errors } from 'oidc-provider';
import { readBody, sendJson } from './http.mjs';

/** How long an ended request is remembered, so that a repeated callback is recognised: the gateway repeats for an hour. */
const REMEMBER_MS = 3_600_000;

const FORWARDED = ['acr_values', 'binding_message', 'authorization_details', 'request_context', 'requested_expiry'];

/** Why there will be no tokens, in CIBA's words. */
const NO_TOKENS = {
  denied: () => new errors.AccessDenied('the person denied it'),
  reported: () => new errors.AccessDenied('the person did not start this and reported it'),
  cancelled: () => new errors.AccessDenied('it was cancelled'),
  locked: () => new errors.AccessDenied('too many wrong codes'),
  expired: () => new errors.ExpiredToken('nobody answered in time'),
};

/**
 * @param gateway the gateway's issuer URL, byte for byte
 * @param clientId this provider's client id at the gateway
 * @param clientSecret its secret
 * @param callbackUrl where the gateway delivers results; registered for the client
 */
export function countersignCiba({ gateway, clientId, clientSecret, callbackUrl }) {
  const keys = createRemoteJWKSet(new URL(`${gateway}/.well-known/jwks.json`));
  /** Requests by our own reference. The `auth_req_id` is as good as a token, so it is never given away. */
  const asked = new Map();

  /**
   * For `features.ciba`. The provider awaits it before the client gets its answer. The gateway says when a request
   * ends; let the provider's own `ttl` for it be a little longer, so that it still hears of it.
   */
  async function triggerAuthenticationDevice(ctx, request, account, client) {
    forgetOld();
    const authRef = randomUUID();
    const accepted = askGateway({
      auth_ref: authRef,
      sub: account.accountId,
      client: { id: client.clientId, name: client.clientName ?? client.clientId },
      params: Object.fromEntries(FORWARDED.filter((p) => request.params[p]).map((p) => [p, request.params[p]])),
      callback_url: callbackUrl,
    });
    // Known before the gateway answers: its callback may be faster than its answer.
    asked.set(authRef, { id: request.jti, accepted, forgetAt: Date.now() + ctx.body.expires_in * 1000 + REMEMBER_MS });
    try {
      const { match_code, expires_at } = await accepted;
      ctx.body.expires_in = expires_at - Math.floor(Date.now() / 1000);
      if (match_code) ctx.body.match_code = match_code;
    } catch (error) {
      asked.delete(authRef);
      await request.destroy();
      throw error;
    }
  }

  async function askGateway(body) {
    const response = await fetch(`${gateway}/v1/ciba/authentications`, {
      method: 'POST',
      headers: { authorization: `Bearer ${clientSecret}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(5000),
    }).catch((cause) => {
      console.error('the Countersign gateway cannot be reached:', cause.cause?.message ?? cause.message);
      throw new errors.TemporarilyUnavailable('approvals are not available at the moment');
    });
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    console.error(`the Countersign gateway answered ${response.status} ${answer.error}: ${answer.message}`);
    switch (answer.error) {
      case 'invalid_request':
        throw new errors.InvalidRequest(answer.message);
      case 'no_device':
        throw new errors.UnknownUserId('the person has no device that can approve');
      case 'locked':
        throw new errors.AccessDenied('approvals are locked for this person');
      default:
        throw new errors.TemporarilyUnavailable('approvals are not available at the moment');
    }
  }

  /** The request listener for `callbackUrl`. */
  function callback(provider) {
    return async (req, res) => {
      try {
        if (req.method !== 'POST' || req.url !== new URL(callbackUrl).pathname) throw new Refused(404, 'not_found');
        const { auth_ref: authRef, result } = JSON.parse(await readBody(req));
        await settle(provider, authRef, result);
        res.writeHead(204).end();
      } catch (error) {
        if (error instanceof Refused) return sendJson(res, error.status, { error: error.message });
        if (error instanceof joseErrors.JOSEError || error instanceof SyntaxError) {
          return sendJson(res, 400, { error: 'invalid_result' });
        }
        // Not 2xx, so the gateway will try again.
        console.error('a result could not be delivered:', error);
        sendJson(res, 500, { error: 'internal' });
      }
    };
  }

  async function settle(provider, authRef, result) {
    const { payload: claims } = await jwtVerify(result, keys, {
      issuer: gateway,
      audience: clientId,
      typ: 'approval-result+jwt',
      algorithms: ['ES256', 'EdDSA'],
      requiredClaims: ['iat', 'jti', 'txn', 'sub', 'outcome'],
    });
    const entry = asked.get(authRef);
    if (!entry) throw new Refused(404, 'not_found');
    const { txn } = await entry.accepted;
    if (claims.txn !== txn) throw new Refused(400, 'invalid_result');
    if (entry.result === result) return;
    if (entry.result) throw new Refused(409, 'already_ended');
    entry.result = result;
    try {
      await end(provider, entry.id, claims);
    } catch (error) {
      delete entry.result;
      throw error;
    }
  }

  async function end(provider, id, claims) {
    const request = await provider.BackchannelAuthenticationRequest.find(id, { ignoreExpiration: true });
    if (!request) return; // Gone with its client's interest: it expired here.
    if (claims.sub !== request.accountId) throw new Refused(400, 'invalid_result');
    if (claims.outcome !== 'approved') {
      const error = NO_TOKENS[claims.outcome]?.() ?? new errors.AccessDenied();
      request.errorDescription = error.error_description; // backchannelResult keeps only the code.
      return provider.backchannelResult(request, error);
    }
    const wanted = request.params.acr_values?.split(' ')[0];
    if (claims.acr !== wanted) throw new Refused(400, 'invalid_result');
    await provider.backchannelResult(request, await grant(provider, request), {
      acr: claims.acr,
      amr: claims.amr,
      authTime: claims.auth_time,
      rar: claims.authorization_details, // Undocumented, but without it they appear nowhere.
    });
  }

  function forgetOld() {
    for (const [authRef, { forgetAt }] of asked) if (forgetAt < Date.now()) asked.delete(authRef);
  }

  return { triggerAuthenticationDevice, callback };
}

/** What the person has just allowed: the scopes asked for, at the resource asked for. */
function grant(provider, request) {
  const grant = new provider.Grant({ accountId: request.accountId, clientId: request.clientId });
  grant.addOIDCScope(request.scope);
  for (const resource of [request.resource ?? []].flat()) grant.addResourceScope(resource, request.scope);
  return grant.save();
}

/** A callback that is answered with this status and changes nothing. */
class Refused extends Error {
  constructor(status, code) {
    super(code);
    this.status = status;
  }
}
