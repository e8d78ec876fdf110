// A sample bank: a web page for people, the client that steps up for them, and the protected API behind it (bank-api.mjs).
//
//   GET  /session            who is logged in, balance and limit
//   POST /payments           {amount, payee, iban, reference}: paid, or a step-up to wait for
//   POST /statements         the list, or a step-up to wait for
//   GET  /step-ups/{id}      waits until it has ended, 25 s at most
//
// Invariant: tokens stay in this process; the browser has a session cookie and never sees one.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { bankApi } from './bank-api.mjs';
import { listen, loadConfig, readBody, ready, sendJson, sendPage } from './http.mjs';
import { OAuthError, oidcClient } from './oidc-client.mjs';

const { bank, provider } = loadConfig();
const client = await oidcClient({
  issuer: provider.url,
  clientId: bank.clientId,
  clientSecret: bank.clientSecret,
  redirectUri: `${bank.url}/signed-in`,
  notificationUrl: bank.notificationUrl,
});
const api = bankApi({ introspect, limit: bank.limit });

/** RFC 7662, as the resource server. */
async function introspect(token) {
  const response = await fetch(client.introspectionEndpoint, {
    method: 'POST',
    headers: { authorization: 'Basic ' + Buffer.from(`${bank.apiId}:${bank.apiSecret}`).toString('base64') },
    body: new URLSearchParams({ token, token_type_hint: 'access_token' }),
  });
  if (!response.ok) throw new Error(`the provider answered ${response.status} to introspection`);
  return response.json();
}

const file = (name) => readFileSync(new URL(`public/${name}`, import.meta.url));
const pages = {
  '/': ['text/html', file('index.html')],
  '/style.css': ['text/css', file('style.css')],
  '/bank.js': ['text/javascript', file('bank.js')],
};
const routes = {
  'GET /log-in': logIn,
  'GET /signed-in': signedIn,
  'GET /session': session,
  'POST /payments': pay,
  'POST /statements': statements,
};
const sessions = new Map();

async function answer(req, res) {
  const { pathname, searchParams } = new URL(req.url, bank.url);
  try {
    if (pathname.startsWith('/api/')) return await api(req, res);
    if (req.method === 'GET' && pages[pathname]) return sendPage(res, ...pages[pathname]);
    // A page of somebody else can make a browser send a form here, but not JSON.
    if (req.method === 'POST' && req.headers['content-type'] !== 'application/json') throw new Problem(415, 'send JSON');
    const session = sessions.get(req.headers.cookie?.match(/(?:^|; )bank=([\w-]+)/)?.[1]) ?? {};
    const stepUp = req.method === 'GET' && pathname.match(/^\/step-ups\/([\w-]+)$/);
    if (stepUp) return await awaitStepUp(res, session, stepUp[1]);
    const route = routes[`${req.method} ${pathname}`];
    if (!route) throw new Problem(404, 'there is nothing here');
    await route(req, res, session, searchParams);
  } catch (error) {
    if (error instanceof Problem) return sendJson(res, error.status, { error: error.message });
    if (error instanceof SyntaxError) return sendJson(res, 400, { error: 'this is not understood' });
    if (error instanceof OAuthError) return sendJson(res, 502, { error: `${error.code}: ${error.message}` });
    console.error(error);
    if (!res.headersSent) sendJson(res, 500, { error: 'something went wrong at the bank' });
  }
}

function logIn(req, res) {
  const id = randomBytes(24).toString('base64url');
  const { url, kept } = client.startLogIn();
  sessions.set(id, { kept, stepUps: new Map() });
  if (sessions.size > 1000) sessions.delete(sessions.keys().next().value);
  res.writeHead(303, { location: url, 'set-cookie': `bank=${id}; Path=/; HttpOnly; SameSite=Lax` }).end();
}

async function signedIn(req, res, session, parameters) {
  if (!session.kept) throw new Problem(400, 'this log-in was not started here');
  const tokens = await client.finishLogIn(parameters, session.kept);
  delete session.kept;
  Object.assign(session, { user: tokens.claims.sub, token: tokens.access_token });
  res.writeHead(303, { location: '/' }).end();
}

async function session(req, res, { user, token }) {
  if (!user) return sendJson(res, 200, { bank: bank.name });
  const { body } = await callApi('GET', '/api/balance', token);
  sendJson(res, 200, { bank: bank.name, user, limit: bank.limit, ...body });
}

async function pay(req, res, session) {
  const { amount, payee, iban, reference } = JSON.parse(await readBody(req));
  const payment = {
    type: 'payment_initiation',
    instructedAmount: { amount: String(amount), currency: 'EUR' },
    creditorName: payee,
    creditorAccount: { iban },
    ...(reference && { remittanceInformationUnstructured: reference }),
  };
  await callOrStepUp(req, res, session, {
    call: (token) => callApi('POST', '/api/payments', token, payment),
    details: [payment],
  });
}

async function statements(req, res, session) {
  await callOrStepUp(req, res, session, {
    call: (token) => callApi('GET', '/api/statements', token),
    details: [{ type: 'sign_in', application: bank.name, access: 'Statements' }],
    // Reading is a low risk: the person may confirm it from the notification.
    requires: { match: { type: 'none' }, verification: 'none', surface: 'any' },
  });
}

/** Tries with the token at hand. If the API asks for a higher level, starts to get it and says what to show meanwhile. */
async function callOrStepUp(req, res, session, { call, details, requires }) {
  if (!session.user) throw new Problem(401, 'log in first');
  const trace = [];
  const note = (step, facts) => trace.push({ at: Date.now(), step, ...facts });
  const first = await call(session.token);
  const challenge = first.headers.get('www-authenticate');
  const acr = challenge?.match(/error="insufficient_user_authentication".*acr_values="([^"]+)"/)?.[1];
  if (!acr) return sendJson(res, first.status, first.body);
  note('challenge', { status: first.status, www_authenticate: challenge });

  const reference = randomBytes(3).toString('hex').toUpperCase();
  const stepUp = await client.startStepUp(session.user, {
    acr_values: acr,
    binding_message: `${bank.name} ${reference}`,
    authorization_details: JSON.stringify(details),
    request_context: JSON.stringify({ ...context(req), ...(requires && { requires }) }),
    ...(bank.requestedExpiry && { requested_expiry: String(bank.requestedExpiry) }),
  });
  note('asked', { acr_values: acr, expires_in: stepUp.expires_in, mode: bank.notificationUrl ? 'ping' : 'poll' });

  const id = randomBytes(16).toString('base64url');
  const ended = finish(stepUp, call, note).then((result) => ({ ...result, trace }));
  session.stepUps.set(id, ended);
  if (session.stepUps.size > 20) session.stepUps.delete(session.stepUps.keys().next().value);
  const { match_code, expires_in } = stepUp;
  sendJson(res, 202, { step_up: { id, match_code, expires_in, reference } });
}

/** Waits for the person and repeats the call with what they allowed. Never rejects. */
async function finish(stepUp, call, note) {
  try {
    const { access_token: token, claims } = await stepUp.tokens();
    const { acr, amr, auth_time } = claims;
    note('tokens', { acr, amr, auth_time });
    const { status, body } = await call(token);
    note('answered', { status });
    return { state: status === 200 ? 'done' : 'failed', body };
  } catch (error) {
    if (!(error instanceof OAuthError)) console.error(error);
    note('refused', { error: error.code ?? 'failed', error_description: error.message });
    return { state: error.code ?? 'failed', message: error.message };
  }
}

async function awaitStepUp(res, session, id) {
  const ended = session.stepUps?.get(id);
  if (!ended) throw new Problem(404, 'there is nothing here');
  const pending = new AbortController();
  const result = await Promise.race([ended, wait(25_000, { state: 'pending' }, { signal: pending.signal })]);
  pending.abort();
  sendJson(res, 200, result);
}

/** What we know about where it was started, and nothing more. */
function context(req) {
  const browser = req.headers['user-agent']?.match(/(Firefox|Edg|Chrome|Safari)\b/)?.[1];
  return {
    ip: req.socket.remoteAddress.replace(/^::ffff:/, ''),
    ...(browser && { agent: browser.replace('Edg', 'Edge') }),
    started_at: Math.floor(Date.now() / 1000),
  };
}

async function callApi(method, path, token, body) {
  const response = await fetch(`${bank.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    body: body && JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

/** An answer other than 200 that is nobody's mistake here. */
class Problem extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const servers = [await listen(bank.url, answer)];
if (bank.notificationUrl) servers.push(await listen(bank.notificationUrl, client.notification, bank.tls));
ready(bank.url, ...servers);
