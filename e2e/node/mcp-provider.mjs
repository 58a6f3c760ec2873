// `oidc-provider` as an authorization server that MCP clients can go to directly: registration (RFC 7591), resource
// indicators (RFC 8707) and JWT access tokens (RFC 9068). Whoever logs in is who they say.
//
// As a program:  node mcp-provider.mjs '{}'   (or - for standard input)
// As a module:   import { listen } from './mcp-provider.mjs'
//
// options: port      where it listens (default: a free port)
//          scopes    of the resources (default notes:read, notes:write)
//          access_token_seconds   how long an access token lives (default 3600)
//          clients   [{ client_id, client_secret }] who may ask about tokens (RFC 7662)
//          defaults  { resource, scope } of authorization requests that say neither, as those of old clients do
//          opaque    whether access tokens are no JWTs, so that the resource server has to ask (default false)
// prints:  {"event": "listening", "issuer": …}
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import Provider from 'oidc-provider';
import { isMain, readScript } from './script.mjs';

/** Starts it; `shape` may give more of its configuration, and answer requests before it does. */
export async function listen(options, shape = () => ({})) {
  const server = createServer();
  await new Promise((resolve, reject) => server.once('error', reject).listen(options.port ?? 0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const { answer, audience, configuration } = shape(issuer);
  const scopes = options.scopes ?? ['notes:read', 'notes:write'];
  const provider = new Provider(issuer, {
    cookies: { keys: [randomBytes(16).toString('hex')] },
    clients: (options.clients ?? []).map(client => ({ ...client, grant_types: [], redirect_uris: [], response_types: [] })),
    claims: { email: ['email', 'email_verified'] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: id, email_verified: true }) }),
    features: {
      devInteractions: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      registration: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_, __, one) => one ?? [],
        useGrantedResource: () => true,
        getResourceServerInfo: (_, resource) => ({
          scope: scopes.join(' '),
          audience: audience ?? resource,
          accessTokenFormat: options.opaque ? 'opaque' : 'jwt',
          accessTokenTTL: options.access_token_seconds ?? 3600,
          ...(options.opaque ? {} : { jwt: { sign: { alg: 'RS256' } } }),
        }),
      },
    },
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    pkce: { required: () => true },
    scopes: ['openid', 'offline_access', 'email', ...scopes],
    ttl: { RefreshToken: 86400, Session: 86400, Grant: 86400, Interaction: 3600 },
    ...configuration,
  });
  provider.on('server_error', (_, error) => console.error(error));
  const callback = provider.callback();
  const registration = configuration?.routes?.registration ?? '/reg';
  server.on('request', async (request, response) => {
    if (answer?.(request, response)) return;
    if (request.url.startsWith('/auth?')) request.url = withDefaults(request.url, options.defaults);
    if (request.method === 'POST' && request.url === registration) request.body = await withoutScope(request);
    callback(request, response);
  });
  return issuer;
}

/** `oidc-provider` never lets a client ask for more than it registered with, which is only what the first call needed. */
async function withoutScope(request) {
  const { scope: _, ...metadata } = JSON.parse(await text(request));
  return metadata;
}

/** What other providers let their operators set, each under a name of its own. */
function withDefaults(url, defaults = {}) {
  const [path, query] = url.split('?');
  const asked = new URLSearchParams(query);
  for (const [name, value] of Object.entries(defaults)) {
    if (!asked.has(name)) asked.set(name, value);
  }
  return `${path}?${asked}`;
}

if (isMain(import.meta.url)) {
  console.log(JSON.stringify({ event: 'listening', issuer: await listen(await readScript()) }));
}
