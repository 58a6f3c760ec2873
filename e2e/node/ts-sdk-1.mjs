// A client on the official TypeScript SDK 1.x (@modelcontextprotocol/sdk). Steps and output: steps.mjs.
import { readFileSync } from 'node:fs';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport, StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { auth, discoverOAuthServerInfo, extractWWWAuthenticateParams, UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { runSteps } from './steps.mjs';

const manifest = new URL('./node_modules/@modelcontextprotocol/sdk/package.json', import.meta.url);

await runSteps({
  name: '@modelcontextprotocol/sdk',
  version: JSON.parse(readFileSync(manifest, 'utf8')).version,
  client: () => new Client({ name: 'keyward-e2e', version: '1.0.0' }),
  transport: (script, authProvider, fetch) => new StreamableHTTPClientTransport(new URL(script.server), { authProvider, fetch }),
  protocol: ({ transport }) => transport.protocolVersion ?? null,
  callTool: (client, call, options) => client.callTool(call, undefined, options),
  isUnauthorized: error => error instanceof UnauthorizedError,
  // With a refresh token in hand 1.x answers a 403 with a refresh, which cannot widen a grant, and then stops.
  gaveUpSteppingUp: error => error instanceof StreamableHTTPError && error.code === 403 && /after trying upscoping/.test(error.message),
  readChallenge: challenge => extractWWWAuthenticateParams(new Response(null, { status: 403, headers: { 'www-authenticate': challenge } })),
  authorize: auth,
  // 1.x takes the code alone: the rest of the answer is the application's to check.
  finishAuth: async (transport, answer) => {
    if (answer.has('error')) throw new Error(`authorization: ${answer.get('error')} ${answer.get('error_description') ?? ''}`.trim());
    await transport.finishAuth(answer.get('code'));
  },
  discover: discoverOAuthServerInfo,
});
