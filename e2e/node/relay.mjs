// A local relay that adds a bearer token, for clients that cannot be given one (the conformance suite's server mode).
// node relay.mjs '{"target": "http://127.0.0.1:8080/coda/mcp", "bearer": "kwd_…"}'
// Prints {"event":"listening","url":…} and runs until it is ended. Everything else passes as it is; only the relay's own
// host:port, in Host and Origin, becomes the target's, as it would for a client that had dialled the target itself.
import { createServer, request as send } from 'node:http';
import { readScript } from './script.mjs';

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'proxy-connection']);

function* pairs(flat) {
  for (let at = 0; at < flat.length; at += 2) yield [flat[at], flat[at + 1]];
}

function relay(target, bearer, own) {
  const renamed = { host: [own, target.host], origin: [`http://${own}`, target.origin] };
  return (request, response) => {
    const headers = ['Authorization', `Bearer ${bearer}`];
    for (const [name, value] of pairs(request.rawHeaders)) {
      const [from, to] = renamed[name.toLowerCase()] ?? [];
      if (!HOP_BY_HOP.has(name.toLowerCase())) headers.push(name, value === from ? to : value);
    }
    const onward = send({ host: target.hostname, port: target.port, method: request.method, path: request.url, headers });
    onward.on('response', answer => {
      const back = [...pairs(answer.rawHeaders)].filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase())).flat();
      response.writeHead(answer.statusCode, answer.statusMessage, back);
      response.flushHeaders();
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  };
}

const { target: given, bearer } = await readScript();
const target = new URL(given);
const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const own = `127.0.0.1:${server.address().port}`;
  server.on('request', relay(target, bearer, own));
  console.log(JSON.stringify({ event: 'listening', url: `http://${own}${target.pathname}` }));
});
