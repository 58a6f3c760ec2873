// A client on the official TypeScript SDK as it was at the MCP revision 2025-03-26 (@modelcontextprotocol/sdk 1.11): it looks for
// the authorization server on the host of the MCP server, and knows no `resource`, no `state` and no challenge. Steps and
// output: steps.mjs.
import { readFileSync } from 'node:fs';
import { Client } from 'mcp-sdk-2025-03-26/client/index.js';
import { StreamableHTTPClientTransport } from 'mcp-sdk-2025-03-26/client/streamableHttp.js';
import { UnauthorizedError } from 'mcp-sdk-2025-03-26/client/auth.js';
import { LATEST_PROTOCOL_VERSION } from 'mcp-sdk-2025-03-26/types.js';
import { runSteps } from './steps.mjs';

const manifest = new URL('./node_modules/mcp-sdk-2025-03-26/package.json', import.meta.url);

await runSteps({
  name: '@modelcontextprotocol/sdk',
  version: JSON.parse(readFileSync(manifest, 'utf8')).version,
  client: () => new Client({ name: 'keyward-e2e', version: '1.0.0' }),
  transport: (script, authProvider, fetch) => {
    // It takes none of its own.
    globalThis.fetch = fetch;
    return new StreamableHTTPClientTransport(new URL(script.server), { authProvider });
  },
  // The transport keeps none at that revision; this is what it asks for.
  protocol: () => LATEST_PROTOCOL_VERSION,
  callTool: (client, call, options) => client.callTool(call, undefined, options),
  isUnauthorized: error => error instanceof UnauthorizedError,
  gaveUpSteppingUp: () => false,
  finishAuth: (transport, answer) => transport.finishAuth(answer.get('code')),
});
