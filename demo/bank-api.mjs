// The bank as resource server: what a protected application has to do to ask for a higher level (RFC 9470).
//
//   GET  /api/balance      any level
//   GET  /api/statements   `confirmed`
//   POST /api/payments     up to the limit any level, above it `approved` for exactly this payment (RFC 9396), once
//
// Invariants: a token is believed only after introspection; a payment above the limit needs an authorization detail that
// equals it member by member, in a token that has paid nothing yet.

import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { readBody, sendJson } from './http.mjs';
import { APPROVED, CONFIRMED, PASSWORD, atLeast } from './levels.mjs';

/** An amount as the protocol writes it: digits, a point, two decimals. */
const AMOUNT = /^(0|[1-9][0-9]{0,8})\.[0-9]{2}$/;

/**
 * @param introspect asks the provider about a token
 * @param limit up to this amount a payment needs no step-up
 */
export function bankApi({ introspect, limit }) {
  const accounts = new Map();
  const spent = new Set();

  const account = (user) => {
    if (!accounts.has(user)) accounts.set(user, { cents: 1_204_310, iban: 'DE02120300000000202051', payments: [] });
    return accounts.get(user);
  };

  const routes = {
    'GET /api/balance': { level: PASSWORD, scope: 'accounts', run: balance },
    'GET /api/statements': { level: CONFIRMED, scope: 'accounts', run: statements },
    'POST /api/payments': { level: PASSWORD, scope: 'payments', run: pay },
  };

  return async function answer(req, res) {
    const route = routes[`${req.method} ${req.url}`];
    if (!route) return sendJson(res, 404, { error: 'not_found' });
    const text = req.headers.authorization?.match(/^Bearer ([\x21-\x7e]+)$/)?.[1];
    const token = text && (await introspect(text));
    if (!token?.active || !token.scope?.split(' ').includes(route.scope)) {
      return sendJson(res, 401, { error: 'invalid_token' }, { 'www-authenticate': 'Bearer error="invalid_token"' });
    }
    if (!atLeast(token.acr, route.level)) return stepUp(res, route.level);
    await route.run(req, res, { ...token, text });
  };

  function balance(req, res, token) {
    const { cents, iban } = account(token.sub);
    sendJson(res, 200, { iban, balance: amount(cents), currency: 'EUR' });
  }

  function statements(req, res, token) {
    sendJson(res, 200, { payments: account(token.sub).payments, acr: token.acr });
  }

  async function pay(req, res, token) {
    const payment = JSON.parse(await readBody(req));
    const { instructedAmount: asked } = payment;
    if (payment.type !== 'payment_initiation' || asked?.currency !== 'EUR' || !AMOUNT.test(asked.amount)) {
      return sendJson(res, 400, { error: 'invalid_request', message: 'an amount in EUR is needed, such as 12.00' });
    }
    const payer = account(token.sub);
    const value = cents(asked.amount);
    if (value > payer.cents) return sendJson(res, 422, { error: 'insufficient_funds' });
    if (value > cents(limit)) {
      const once = createHash('sha256').update(token.text).digest('hex');
      const granted = token.authorization_details?.some((detail) => isDeepStrictEqual(detail, payment));
      if (!atLeast(token.acr, APPROVED) || !granted || spent.has(once)) return stepUp(res, APPROVED);
      spent.add(once);
    }
    payer.cents -= value;
    payer.payments.push(payment);
    sendJson(res, 200, {
      paid: asked,
      balance: amount(payer.cents),
      acr: token.acr,
      amr: token.amr,
      authorization_details: token.authorization_details,
    });
  }
}

/** RFC 9470, section 3. */
function stepUp(res, level) {
  const challenge =
    'Bearer error="insufficient_user_authentication", ' +
    `error_description="A higher level of authentication is needed", acr_values="${level}"`;
  sendJson(res, 401, { error: 'insufficient_user_authentication' }, { 'www-authenticate': challenge });
}

const cents = (text) => Number(text.replace('.', ''));
const amount = (cents) => `${Math.trunc(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
