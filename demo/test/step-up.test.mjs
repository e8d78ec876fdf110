// The bank and the real provider, each in its own process; only the gateway is played.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { APPROVED, CONFIRMED, PASSWORD } from '../levels.mjs';
import { SECRET, fakeGateway } from './fake-gateway.mjs';

const USER = { id: 'mara@alder.example', password: 'correct horse' };
const PAYMENT = { amount: '4250.00', payee: 'Meridian Supplies GmbH', iban: 'DE89370400440532013000' };

let gateway, config, directory;
const children = [];

/** A free port of loopback. */
async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function start(script) {
  const env = { ...process.env, COUNTERSIGN_DEMO_CONFIG: join(directory, 'demo.json') };
  const child = spawn(process.execPath, [new URL(`../${script}`, import.meta.url).pathname], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('{"ready"')) return;
  }
  throw new Error(`${script} ended before it was ready`);
}

before(async () => {
  gateway = await fakeGateway();
  const [op, callback, bank] = [await freePort(), await freePort(), await freePort()];
  config = {
    provider: {
      url: `http://127.0.0.1:${op}`,
      callbackUrl: `http://127.0.0.1:${callback}/countersign`,
      cookieSecret: 'test',
    },
    bank: {
      name: 'Treasury Portal',
      url: `http://127.0.0.1:${bank}`,
      limit: '500.00',
      clientId: 'bank',
      clientSecret: 'bank secret',
      apiId: 'bank-api',
      apiSecret: 'api secret',
    },
    gateway: { url: gateway.url, clientId: 'op', clientSecret: SECRET },
    users: [USER],
  };
  directory = mkdtempSync(join(tmpdir(), 'countersign-demo-'));
  writeFileSync(join(directory, 'demo.json'), JSON.stringify(config));
  await start('provider.mjs');
  await start('bank.mjs');
});

after(() => {
  for (const child of children) child.kill();
  gateway.close();
  rmSync(directory, { recursive: true });
});

/** A browser: follows redirects and keeps each origin's cookies. */
class Browser {
  cookies = new Map();

  async open(url, options = {}) {
    const { origin } = new URL(url);
    const jar = this.cookies.get(origin) ?? new Map();
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, { ...options, redirect: 'manual', headers: { ...options.headers, cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
      jar.set(name, value);
    }
    this.cookies.set(origin, jar);
    const location = response.headers.get('location');
    return location ? this.open(new URL(location, url).href) : { url, response };
  }

  async logIn(password = USER.password) {
    const { url } = await this.open(`${config.bank.url}/log-in`);
    const body = new URLSearchParams({ user: USER.id, password });
    return this.open(url, { method: 'POST', body });
  }

  async json(method, path, body) {
    const options = body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const { response } = await this.open(`${config.bank.url}${path}`, { method, ...options });
    return { status: response.status, body: await response.json() };
  }
}

async function loggedIn() {
  const browser = new Browser();
  await browser.logIn();
  return browser;
}

/** What the gateway does when the person has answered. */
async function answer(options) {
  const result = await gateway.result(options);
  const { auth_ref } = gateway.asked.at(-1);
  const response = await fetch(config.provider.callbackUrl, { method: 'POST', body: JSON.stringify({ auth_ref, result }) });
  assert.equal(response.status, 204);
}

test('a wrong password does not log in', async () => {
  const { response } = await new Browser().logIn('wrong');
  assert.match(await response.text(), /do not match/);
});

test('the password is enough for the balance and for a small payment', async () => {
  const browser = await loggedIn();
  const { body } = await browser.json('GET', '/session');
  assert.equal(body.user, USER.id);
  assert.match(body.balance, /^\d+\.\d\d$/);
  const small = await browser.json('POST', '/payments', { ...PAYMENT, amount: '20.00' });
  assert.equal(small.status, 200);
  assert.equal(small.body.acr, PASSWORD);
});

test('a payment above the limit is approved with exactly its details', async () => {
  const browser = await loggedIn();
  const started = await browser.json('POST', '/payments', PAYMENT);
  assert.equal(started.status, 202);
  assert.equal(started.body.step_up.match_code, '042137');

  const { params, sub, client } = gateway.asked.at(-1);
  assert.equal(sub, USER.id);
  assert.deepEqual(client, { id: 'bank', name: 'Treasury Portal' });
  assert.equal(params.acr_values, APPROVED);
  const detail = {
    type: 'payment_initiation',
    instructedAmount: { amount: '4250.00', currency: 'EUR' },
    creditorName: PAYMENT.payee,
    creditorAccount: { iban: PAYMENT.iban },
  };
  assert.deepEqual(JSON.parse(params.authorization_details), [detail]);
  assert.equal(JSON.parse(params.request_context).ip, '127.0.0.1');

  await answer();
  const { body } = await browser.json('GET', `/step-ups/${started.body.step_up.id}`);
  assert.equal(body.state, 'done');
  assert.equal(body.body.acr, APPROVED);
  assert.deepEqual(body.body.amr, ['swk', 'user']);
  assert.deepEqual(body.body.authorization_details, [detail]);
  assert.deepEqual(body.trace.map(({ step }) => step), ['challenge', 'asked', 'tokens', 'answered']);
  assert.match(body.trace[0].www_authenticate, /insufficient_user_authentication/);
});

test('an approval of another payment pays nothing', async () => {
  const browser = await loggedIn();
  const { body } = await browser.json('POST', '/payments', PAYMENT);
  const [detail] = JSON.parse(gateway.asked.at(-1).params.authorization_details);
  const other = { ...detail, instructedAmount: { amount: '1.00', currency: 'EUR' } };
  await answer({ claims: { authorization_details: [other] } });
  const ended = await browser.json('GET', `/step-ups/${body.step_up.id}`);
  assert.equal(ended.body.state, 'failed');
  assert.equal(ended.body.body.error, 'insufficient_user_authentication');
});

for (const [outcome, state] of [['denied', 'access_denied'], ['expired', 'expired_token']]) {
  test(`${outcome} reaches the client as ${state}`, async () => {
    const browser = await loggedIn();
    const { body } = await browser.json('POST', '/payments', PAYMENT);
    await answer({ claims: { outcome, acr: undefined, authorization_details: undefined } });
    const ended = await browser.json('GET', `/step-ups/${body.step_up.id}`);
    assert.equal(ended.body.state, state);
    assert.notEqual(ended.body.message, state, 'the reason is told');
  });
}

test('statements are asked for as a low risk', async () => {
  const browser = await loggedIn();
  const { body } = await browser.json('POST', '/statements', {});
  const { params } = gateway.asked.at(-1);
  assert.equal(params.acr_values, CONFIRMED);
  assert.deepEqual(JSON.parse(params.request_context).requires, {
    match: { type: 'none' },
    verification: 'none',
    surface: 'any',
  });
  await answer();
  const ended = await browser.json('GET', `/step-ups/${body.step_up.id}`);
  assert.equal(ended.body.state, 'done');
  assert.equal(ended.body.body.acr, CONFIRMED);
});

/** The client's calls, without the bank. */
async function post(path, parameters) {
  const { clientId, clientSecret } = config.bank;
  const authorization = 'Basic ' + Buffer.from(`${clientId}:${encodeURIComponent(clientSecret)}`).toString('base64');
  const response = await fetch(`${config.provider.url}${path}`, {
    method: 'POST',
    headers: { authorization },
    body: new URLSearchParams(parameters),
  });
  return response.json();
}
const backchannel = (parameters) =>
  post('/backchannel', { scope: 'openid payments', login_hint: USER.id, acr_values: APPROVED, ...parameters });
const poll = (id) => post('/token', { grant_type: 'urn:openid:params:grant-type:ciba', auth_req_id: id });

test('a client that polls too fast is told to slow down', async () => {
  const { auth_req_id: id, interval } = await backchannel();
  assert.equal(interval, 1);
  assert.equal((await poll(id)).error, 'authorization_pending');
  assert.equal((await poll(id)).error, 'slow_down');
});

test('a client may not ask for a payment’s level without its code', async () => {
  const requires = { match: { type: 'none' }, verification: 'none', surface: 'any' };
  const answer = await backchannel({ request_context: JSON.stringify({ requires }) });
  assert.equal(answer.error, 'invalid_request');
});

test('a user whom the provider does not know is named as such', async () => {
  assert.equal((await backchannel({ login_hint: 'nobody@alder.example' })).error, 'unknown_user_id');
});

test('the bank’s own client may not introspect', async () => {
  assert.notEqual((await post('/token/introspection', { token: 'anything' })).active, true);
});
