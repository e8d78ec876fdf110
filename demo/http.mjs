// The few things that both servers of the demo need from HTTP.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';

const BODY_LIMIT = 64 * 1024;

/** The configuration file that the launcher wrote (README.md describes it). */
export function loadConfig() {
  const path = process.env.COUNTERSIGN_DEMO_CONFIG;
  if (!path) {
    console.error('Set COUNTERSIGN_DEMO_CONFIG to the configuration file, or start the demo with `cargo xtask demo`.');
    process.exit(2);
  }
  return JSON.parse(readFileSync(path, 'utf8'));
}

/** Listens where the URL says, with TLS if it is an https one. Resolves once connections are accepted. */
export async function listen(url, listener, tls) {
  const { protocol, hostname, port } = new URL(url);
  const server =
    protocol === 'https:'
      ? createTlsServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, listener)
      : createServer(listener);
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(Number(port), hostname, resolve);
  });
  return server;
}

/** Tells the launcher that everything answers, and ends in good order on SIGTERM and SIGINT. */
export function ready(url, ...servers) {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.once(signal, () => {
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
      setImmediate(() => process.exit(0));
    });
  }
  console.log(JSON.stringify({ ready: url }));
}

/** The body as text, at most 64 KiB. */
export async function readBody(req) {
  const chunks = [];
  let length = 0;
  for await (const chunk of req) {
    length += chunk.length;
    if (length > BODY_LIMIT) throw new SyntaxError('the body is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

export function sendJson(res, status, body, headers = {}) {
  res.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers });
  res.end(JSON.stringify(body));
}

/** A page of ours: nothing from elsewhere, no inline script. */
export function sendPage(res, type, body) {
  res.writeHead(200, {
    'content-type': `${type}; charset=utf-8`,
    'content-security-policy': "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    'cache-control': 'no-store',
  });
  res.end(body);
}
