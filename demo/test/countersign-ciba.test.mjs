import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterEach, beforeEach, test } from 'node:test';
import { generateKeyPair } from 'jose';
import { errors } from 'oidc-provider';
import { countersignCiba } from '../countersign-ciba.mjs';
import { SECRET, fakeGateway } from './fake-gateway.mjs';

const ACCOUNT = { accountId: 'mara@alder.example' };
const CLIENT = { clientId: 'bank', clientName: 'Treasury Portal' };
const DETAILS = [{ type: 'payment_initiation', instructedAmount: { amount: '4250.00', currency: 'EUR' } }];

/** As much of oidc-provider as the adapter touches, with its own lack of a guard against two results. */
class FakeProvider {
  results = [];
  requests = new Map();
  BackchannelAuthenticationRequest = { find: async (id) => this.requests.get(id) };
  Grant = class {
    scopes = [];
    addOIDCScope(scope) { this.scopes.push(scope) }
    addResourceScope(resource, scope) { this.scopes.push(`${resource} ${scope}`) }
    async save() { return this.scopes }
  };
  async backchannelResult(request, result, facts) { this.results.push({ request, result, facts }) }
}

let gateway, provider, adapter, server, callbackUrl;

async function start(options) {
  gateway = await fakeGateway(options);
  provider = new FakeProvider();
  let listener;
  server = createServer((req, res) => listener(req, res)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  callbackUrl = `http://127.0.0.1:${server.address().port}/countersign`;
  adapter = countersignCiba({ gateway: gateway.url, clientId: 'op', clientSecret: SECRET, callbackUrl });
  listener = adapter.callback(provider);
}

beforeEach(() => start());
afterEach(() => {
  gateway.close();
  server.close();
  server.closeAllConnections();
});

/** What the provider does for a client's backchannel authentication. Answers with the client's response. */
async function ask(params = {}) {
  const request = {
    jti: `auth-req-${provider.requests.size}`,
    accountId: ACCOUNT.accountId,
    clientId: CLIENT.clientId,
    scope: 'openid payments',
    resource: 'https://bank.example',
    params: { acr_values: 'high', authorization_details: JSON.stringify(DETAILS), ...params },
    destroy: async () => provider.requests.delete(request.jti),
  };
  provider.requests.set(request.jti, request);
  const ctx = { body: { auth_req_id: request.jti, expires_in: 150 } };
  await adapter.triggerAuthenticationDevice(ctx, request, ACCOUNT, CLIENT);
  return ctx.body;
}

async function deliver(result, authRef = gateway.asked.at(-1).auth_ref) {
  const body = JSON.stringify({ txn: 'ignored', outcome: 'ignored', auth_ref: authRef, result });
  const response = await fetch(callbackUrl, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
  return response.status;
}

test('the gateway is handed what the client asked, under our own reference', async () => {
  const response = await ask({ binding_message: 'Payment 7F3K', request_context: '{"ip":"192.0.2.1"}', requested_expiry: '60' });
  const [asked] = gateway.asked;
  assert.equal(asked.sub, ACCOUNT.accountId);
  assert.deepEqual(asked.client, { id: 'bank', name: 'Treasury Portal' });
  assert.deepEqual(asked.params, {
    acr_values: 'high',
    binding_message: 'Payment 7F3K',
    authorization_details: JSON.stringify(DETAILS),
    request_context: '{"ip":"192.0.2.1"}',
    requested_expiry: '60',
  });
  assert.notEqual(asked.auth_ref, response.auth_req_id);
  assert.ok(!JSON.stringify(asked).includes(response.auth_req_id), 'the auth_req_id is a secret of the client');
});

test('the client gets the match code and the gateway’s expiry', async () => {
  const response = await ask({ requested_expiry: '60' });
  assert.equal(response.match_code, '042137');
  assert.ok(response.expires_in >= 58 && response.expires_in <= 60, `${response.expires_in}`);
});

test('an approval becomes a grant with acr, amr, time and details', async () => {
  await ask();
  assert.equal(await deliver(await gateway.result()), 204);
  const [{ result, facts }] = provider.results;
  assert.deepEqual(result, ['openid payments', 'https://bank.example openid payments']);
  assert.deepEqual(facts, { acr: 'high', amr: ['swk', 'user'], authTime: 1_800_000_000, rar: DETAILS });
});

for (const [outcome, error] of [
  ['denied', errors.AccessDenied],
  ['reported', errors.AccessDenied],
  ['cancelled', errors.AccessDenied],
  ['locked', errors.AccessDenied],
  ['expired', errors.ExpiredToken],
  ['something_new', errors.AccessDenied],
]) {
  test(`the outcome ${outcome} gives no tokens`, async () => {
    await ask();
    assert.equal(await deliver(await gateway.result({ claims: { outcome, acr: undefined } })), 204);
    assert.ok(provider.results[0].result instanceof error);
  });
}

const refused = {
  'a result signed by another key': async () => ({ key: (await generateKeyPair('ES256')).privateKey }),
  'a result for another client': () => ({ audience: 'somebody-else' }),
  'a result of another issuer': () => ({ issuer: 'https://gateway.example' }),
  'a message of another type': () => ({ header: { typ: 'approval-receipt+jwt' } }),
  'a result of another transaction': () => ({ claims: { txn: 'txn_other' } }),
  'a result for another user': () => ({ claims: { sub: 'eve@alder.example' } }),
  'a result of another level': () => ({ claims: { acr: 'low' } }),
};
for (const [what, options] of Object.entries(refused)) {
  test(`${what} is refused and the right one still counts`, async () => {
    await ask();
    assert.equal(await deliver(await gateway.result(await options())), 400);
    assert.deepEqual(provider.results, []);
    assert.equal(await deliver(await gateway.result()), 204);
    assert.equal(provider.results.length, 1);
  });
}

test('an unsigned result is refused', async () => {
  await ask();
  const [, payload] = (await gateway.result()).split('.');
  const header = Buffer.from('{"alg":"none","typ":"approval-result+jwt"}').toString('base64url');
  assert.equal(await deliver(`${header}.${payload}.`), 400);
  assert.deepEqual(provider.results, []);
});

test('a replayed callback changes nothing', async () => {
  await ask();
  const result = await gateway.result();
  assert.equal(await deliver(result), 204);
  assert.equal(await deliver(result), 204);
  assert.equal(provider.results.length, 1);
});

test('a second result for the same request is refused', async () => {
  await ask();
  await deliver(await gateway.result({ claims: { outcome: 'denied', acr: undefined } }));
  assert.equal(await deliver(await gateway.result()), 409);
  assert.equal(provider.results.length, 1);
});

test('a result moved to another request is refused', async () => {
  await ask();
  const first = await gateway.result();
  await ask();
  assert.equal(await deliver(first), 400);
  assert.deepEqual(provider.results, []);
});

test('a result for a request nobody made is refused', async () => {
  await ask();
  assert.equal(await deliver(await gateway.result(), 'unknown'), 404);
});

test('a result that could not be stored is delivered again', async () => {
  await ask();
  const result = await gateway.result();
  const { backchannelResult } = provider;
  provider.backchannelResult = async () => { throw new Error('the disk is full') };
  assert.equal(await deliver(result), 500);
  provider.backchannelResult = backchannelResult;
  assert.equal(await deliver(result), 204);
  assert.equal(provider.results.length, 1);
});

test('a malformed or oversized callback is refused', async () => {
  const post = async (body) => (await fetch(callbackUrl, { method: 'POST', body })).status;
  assert.equal(await post('{'), 400);
  assert.equal(await post('{}'), 400);
  assert.equal(await post(JSON.stringify({ result: 'x'.repeat(70_000) })), 400);
});

for (const [error, status, expected] of [
  ['no_device', 422, errors.UnknownUserId],
  ['locked', 403, errors.AccessDenied],
  ['rate_limited', 429, errors.TemporarilyUnavailable],
  ['invalid_request', 400, errors.InvalidRequest],
  ['internal', 500, errors.TemporarilyUnavailable],
]) {
  test(`the gateway’s ${error} is told to the client and the request is gone`, async () => {
    gateway.close();
    server.close();
    await start({ answer: { status, body: { error, message: 'because' } } });
    await assert.rejects(ask(), expected);
    assert.equal(provider.requests.size, 0);
  });
}

test('a gateway that is away is told to the client', async () => {
  gateway.close();
  await assert.rejects(ask(), errors.TemporarilyUnavailable);
});
