// A WebSocket server that does nothing: the peer of the idle-connection benchmark. With two arguments, certificate
// and key files, it serves TLS.
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { readFileSync } from 'node:fs';
import { WebSocketServer } from 'ws';

const [cert, key] = process.argv.slice(2);
const server = cert ? createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) }) : createServer();
new WebSocketServer({ server, perMessageDeflate: false });
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
