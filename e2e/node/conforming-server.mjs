// A server that passes the conformance suite's required scenarios by itself, on the official TypeScript SDK 2.x: sessions for
// the revisions up to 2025-11-25, and 2026-07-28 without any.
// node conforming-server.mjs '{"port": 0}'   prints {"event":"listening","url":…} and runs until it is ended.
import { randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import {
  createMcpHandler, createRequestStateCodec, inputRequired, isLegacyRequest, ProtocolError, ResourceNotFoundError, Server,
} from '@modelcontextprotocol/server';
import { localhostHostValidation, localhostOriginValidation, NodeStreamableHTTPServerTransport, toNodeHandler, toWebRequest } from '@modelcontextprotocol/node';
import { PROMPTS, readResource, RESOURCES, TEMPLATES, TOOLS } from './conforming-content.mjs';
import { readScript } from './script.mjs';

const INVALID_PARAMS = -32602;
const codec = createRequestStateCodec({ key: randomBytes(32) });
const described = name => `For the scenario that names ${name}`;

function makeServer({ era }) {
  const server = new Server({ name: 'conforming-server', version: '1.0.0' }, {
    capabilities: {
      tools: { listChanged: true }, prompts: { listChanged: true }, resources: { subscribe: true }, completions: {}, logging: {},
    },
    requestState: { verify: codec.verify },
  });
  const changed = era === 'modern'
    ? { tools: () => modern.notify.toolsChanged(), prompts: () => modern.notify.promptsChanged() }
    : { tools: () => server.sendToolListChanged(), prompts: () => server.sendPromptListChanged() };
  const widen = context => ({
    ...context,
    changed,
    capabilities: () => server.getClientCapabilities() ?? {},
    ask: async (inputRequests, state) => inputRequired({ inputRequests, requestState: await codec.mint(state) }),
  });

  server.setRequestHandler('tools/list', () => ({
    tools: Object.entries(TOOLS).map(([name, [, inputSchema]]) =>
      ({ name, description: described(name), inputSchema: inputSchema ?? { type: 'object', properties: {} } })),
  }));
  server.setRequestHandler('tools/call', ({ params }, context) => {
    if (!(params.name in TOOLS)) throw new ProtocolError(INVALID_PARAMS, `no tool is called ${params.name}`);
    return TOOLS[params.name][0](params.arguments ?? {}, widen(context));
  });
  server.setRequestHandler('prompts/list', () => ({
    prompts: Object.entries(PROMPTS).map(([name, [, taken]]) => ({ name, description: described(name), arguments: taken ?? [] })),
  }));
  server.setRequestHandler('prompts/get', ({ params }, context) => {
    if (!(params.name in PROMPTS)) throw new ProtocolError(INVALID_PARAMS, `no prompt is called ${params.name}`);
    return PROMPTS[params.name][0](params.arguments ?? {}, widen(context));
  });
  server.setRequestHandler('resources/list', () => ({ resources: RESOURCES }));
  server.setRequestHandler('resources/templates/list', () => ({ resourceTemplates: TEMPLATES }));
  server.setRequestHandler('resources/read', ({ params }) => {
    const found = readResource(params.uri);
    if (found === undefined) throw new ResourceNotFoundError(params.uri);
    return found;
  });
  server.setRequestHandler('completion/complete', () => ({ completion: { values: ['paris', 'park', 'party'], total: 3, hasMore: false } }));
  if (era === 'legacy') {
    server.setRequestHandler('resources/subscribe', () => ({}));
    server.setRequestHandler('resources/unsubscribe', () => ({}));
  }
  return server;
}

const modern = createMcpHandler(makeServer, { legacy: 'reject' });
const serveModern = toNodeHandler(modern);
const sessions = new Map();

async function serveLegacy(request, response, body) {
  const id = request.headers['mcp-session-id'];
  const transport = sessions.get(id) ?? (id === undefined ? await openSession() : undefined);
  if (transport === undefined) {
    response.writeHead(404, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ jsonrpc: '2.0', error: { code: -32001, message: 'Session not found' }, id: null }));
    return;
  }
  await transport.handleRequest(request, response, body);
}

async function openSession() {
  const transport = new NodeStreamableHTTPServerTransport({
    sessionIdGenerator: () => randomUUID(),
    onsessioninitialized: id => sessions.set(id, transport),
    onsessionclosed: id => sessions.delete(id),
  });
  await makeServer({ era: 'legacy' }).connect(transport);
  return transport;
}

async function readBody(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

const hostAllowed = localhostHostValidation();
const originAllowed = localhostOriginValidation();

async function serve(request, response) {
  if (!hostAllowed(request, response) || !originAllowed(request, response)) return;
  let body;
  if (request.method === 'POST') {
    try {
      body = JSON.parse(await readBody(request));
    } catch {
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', error: { code: -32700, message: 'Parse error' }, id: null }));
      return;
    }
  }
  if (await isLegacyRequest(await toWebRequest(request, body), body)) await serveLegacy(request, response, body);
  else await serveModern(request, response, body);
}

const { port = 0 } = await readScript();
const server = createServer((request, response) => {
  serve(request, response).catch(error => {
    console.error(error);
    response.destroy();
  });
});
server.listen(port, '127.0.0.1', () => {
  console.log(JSON.stringify({ event: 'listening', url: `http://127.0.0.1:${server.address().port}/mcp` }));
});
