// An OpenID provider: password sign-in for the low level, CIBA with Countersign for the higher ones.
//
// What is particular to a deployment (users, consent, storage, signing keys) is as short as can be here; the provider
// keeps everything in memory. What matters for step-up is complete: `acr`, RFC 9396, poll and ping, introspection.

import { timingSafeEqual, createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import Provider, { errors } from 'oidc-provider';
import { countersignCiba } from './countersign-ciba.mjs';
import { listen, loadConfig, readBody, ready, sendPage } from './http.mjs';
import { APPROVED, CONFIRMED, LEVELS, PASSWORD } from './levels.mjs';
import { signInPage } from './sign-in.mjs';

const { provider: own, bank, gateway, users } = loadConfig();

/** Seconds between two polls of a client, and what `slow_down` adds to them. */
const INTERVAL = 1;
const SLOW_DOWN = 5;
/** The gateway says when a request ends; for so many seconds more the provider waits to hear of it. */
const GRACE = 30;

const countersign = countersignCiba({
  gateway: gateway.url,
  clientId: gateway.clientId,
  clientSecret: gateway.clientSecret,
  callbackUrl: own.callbackUrl,
});

const provider = new Provider(own.url, {
  clients: [
    {
      client_id: bank.clientId,
      client_secret: bank.clientSecret,
      client_name: bank.name,
      redirect_uris: [`${bank.url}/signed-in`],
      grant_types: ['authorization_code', 'urn:openid:params:grant-type:ciba'],
      authorization_details_types: ['payment_initiation', 'sign_in'],
      backchannel_token_delivery_mode: bank.notificationUrl ? 'ping' : 'poll',
      ...(bank.notificationUrl && { backchannel_client_notification_endpoint: bank.notificationUrl }),
    },
    // The bank as resource server: it may only introspect.
    { client_id: bank.apiId, client_secret: bank.apiSecret, redirect_uris: [], response_types: [], grant_types: [] },
  ],
  acrValues: LEVELS,
  claims: { openid: ['sub', 'acr', 'amr', 'auth_time'] },
  conformIdTokenClaims: false,
  findAccount: (ctx, id) => {
    const known = users.some((user) => user.id === id);
    return known ? { accountId: id, claims: () => ({ sub: id }) } : undefined;
  },
  extraTokenClaims: (ctx) => {
    const { BackchannelAuthenticationRequest: approved, AuthorizationCode: signedIn } = ctx.oidc.entities;
    const source = approved ?? signedIn;
    return source && { acr: source.acr, amr: source.amr, auth_time: source.authTime };
  },
  features: {
    devInteractions: { enabled: false },
    introspection: {
      enabled: true,
      allowedPolicy: (ctx, client, token) => client.clientId === bank.apiId && token.aud === bank.url,
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => bank.url,
      useGrantedResource: () => true,
      // Opaque, because JWT access tokens cannot be introspected.
      getResourceServerInfo: (ctx, resource) => {
        if (resource !== bank.url) throw new errors.InvalidTarget();
        return { scope: 'accounts payments', audience: bank.url, accessTokenFormat: 'opaque' };
      },
    },
    richAuthorizationRequests: {
      enabled: true,
      // The gateway checks their form in full: it refuses what cannot be shown.
      types: { payment_initiation: { validate: () => {} }, sign_in: { validate: () => {} } },
      authorizationDetailsForGrantSource: (ctx, source) => source.rar,
      authorizationDetailsForAccessToken: (ctx, token, source) => source.rar,
      authorizationDetailsForIntrospection: (ctx, token) => token.rar,
    },
    ciba: {
      enabled: true,
      deliveryModes: ['poll', 'ping'],
      processLoginHint: (ctx, hint) => hint,
      verifyUserCode: () => {},
      validateBindingMessage: (ctx, message) => {
        if (message !== undefined && !/^[\p{L}\p{N}\p{P}\p{S} ]{1,256}$/u.test(message)) {
          throw new errors.InvalidBindingMessage('1 to 256 characters of plain text');
        }
      },
      validateRequestContext: checkRequestContext,
      async triggerAuthenticationDevice(ctx, request, account, client) {
        await countersign.triggerAuthenticationDevice(ctx, request, account, client);
        ctx.body.interval = INTERVAL;
      },
    },
  },
  interactions: { url: (ctx, interaction) => `/sign-in/${interaction.uid}` },
  // Consent is implied: the bank is the provider's own.
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope('openid');
    grant.addResourceScope(bank.url, 'accounts payments');
    await grant.save();
    return grant;
  },
  ttl: {
    AccessToken: 600,
    AuthorizationCode: 60,
    BackchannelAuthenticationRequest: (ctx) => requestedExpiry(ctx?.oidc?.params) + GRACE,
    Grant: 3600,
    IdToken: 600,
    Interaction: 600,
    Session: 3600,
  },
  cookies: { keys: [own.cookieSecret] },
  // The provider refuses to call special-use addresses, rightly so on a network; this demo lives on loopback.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
});

/** Seconds that the person gets, within what the gateway allows. */
function requestedExpiry(params) {
  return Math.min(Math.max(Number(params?.requested_expiry ?? 120), 10), 600);
}

/** A client may ask for less than a code only where the level it asks for needs none. */
function checkRequestContext(ctx, text) {
  const acr = ctx.oidc.params.acr_values?.split(' ')[0];
  if (![CONFIRMED, APPROVED].includes(acr)) throw new errors.InvalidRequest('acr_values must ask for a level that CIBA gives');
  let context = {};
  try {
    if (text !== undefined) context = JSON.parse(text);
  } catch {
    throw new errors.InvalidRequest('request_context must be JSON');
  }
  if (context?.requires !== undefined && acr !== CONFIRMED) {
    throw new errors.InvalidRequest('request_context.requires is not for this level');
  }
}

// What the provider's CIBA lacks: a client that polls faster than its interval is told to slow down.
const polls = new Map();
provider.use(async (ctx, next) => {
  await next();
  const id = ctx.oidc?.route === 'token' && ctx.oidc.params?.auth_req_id;
  if (!id) return;
  const now = Date.now();
  if (ctx.body?.error !== 'authorization_pending') return void polls.delete(id);
  const { at = 0, interval = INTERVAL } = polls.get(id) ?? {};
  const tooSoon = now - at < interval * 1000 - 100;
  if (tooSoon) ctx.body = { error: 'slow_down', error_description: `wait ${interval + SLOW_DOWN} seconds` };
  polls.set(id, { at: now, interval: tooSoon ? interval + SLOW_DOWN : interval });
  if (polls.size > 1000) polls.delete(polls.keys().next().value);
});

provider.on('server_error', (ctx, error) => console.error(error));

/** `GET` shows the form, `POST` checks the password. Everything else is the provider's. */
async function signIn(req, res) {
  if (req.method === 'GET') {
    const { params } = await provider.interactionDetails(req, res);
    return sendPage(res, 'text/html', signInPage({ bank: bank.name, user: params.login_hint ?? users[0].id, known: users[0].password }));
  }
  const form = new URLSearchParams(await readBody(req));
  const user = users.find(({ id }) => id === form.get('user'));
  if (!user || !same(user.password, form.get('password') ?? '')) {
    return sendPage(res, 'text/html', signInPage({ bank: bank.name, user: form.get('user') ?? '', known: users[0].password, wrong: true }));
  }
  await provider.interactionFinished(req, res, { login: { accountId: user.id, acr: PASSWORD, amr: ['pwd'] } });
}

function same(a, b) {
  const digest = (text) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

const style = readFileSync(new URL('public/style.css', import.meta.url));
const oidc = provider.callback();

async function answer(req, res) {
  try {
    if (req.url === '/style.css') return sendPage(res, 'text/css', style);
    if (req.url.startsWith('/sign-in/')) return await signIn(req, res);
    await oidc(req, res);
  } catch (error) {
    console.error(error);
    if (!res.headersSent) res.writeHead(400).end('This sign-in is over. Start again at the bank.');
  }
}

const servers = [await listen(own.url, answer)];
servers.push(await listen(own.callbackUrl, countersign.callback(provider), own.tls));
ready(own.url, ...servers);
