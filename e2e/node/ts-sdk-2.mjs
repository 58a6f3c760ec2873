// A client on the official TypeScript SDK 2.x (@modelcontextprotocol/client). Steps and output: steps.mjs.
// script.protocol: "legacy" (the SDK's default), "auto", or a revision such as "2026-07-28".
import { readFileSync } from 'node:fs';
import { Client, discoverOAuthServerInfo, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import { runSteps } from './steps.mjs';

const manifest = new URL('./node_modules/@modelcontextprotocol/client/package.json', import.meta.url);

function negotiation({ protocol }) {
  if (protocol === undefined) return {};
  return { versionNegotiation: { mode: protocol === 'legacy' || protocol === 'auto' ? protocol : { pin: protocol } } };
}

await runSteps({
  name: '@modelcontextprotocol/client',
  version: JSON.parse(readFileSync(manifest, 'utf8')).version,
  client: script => new Client({ name: 'keyward-e2e', version: '1.0.0' }, negotiation(script)),
  transport: (script, authProvider, fetch) => new StreamableHTTPClientTransport(new URL(script.server), { authProvider, fetch }),
  protocol: ({ client }) => client.getNegotiatedProtocolVersion() ?? null,
  callTool: (client, call, options) => client.callTool(call, options),
  isUnauthorized: error => UnauthorizedError.isInstance(error),
  // 2.x asks for the union of scopes anew by itself.
  gaveUpSteppingUp: () => false,
  finishAuth: (transport, answer) => transport.finishAuth(answer),
  discover: discoverOAuthServerInfo,
});
