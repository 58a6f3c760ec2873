// An application on `better-auth` with its MCP plugin: its accounts, its log-in and consent pages, its tokens.
//
// As a program:  node better-auth.mjs '{"resources": ["http://…"]}'   (or - for standard input)
//
// options: resources   of which it issues tokens; the MCP plugin is given the first
//          people      [{ email, password }] who have an account
//          scopes      of the resources (default notes:read, notes:write)
//          port        where it listens (default: a free port)
//          access_token_seconds   how long an access token lives (default 3600)
//          login_client   { redirect_uri, backchannel_logout_uri? } of a program with a secret at which its people log in
// prints:  {"event": "listening", "issuer": …, "login_client": { client_id, client_secret }}
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { mcp } from '@better-auth/mcp';
import { betterAuth } from 'better-auth';
import { memoryAdapter } from 'better-auth/adapters/memory';
import { toNodeHandler } from 'better-auth/node';
import { jwt } from 'better-auth/plugins';
import { readScript } from './script.mjs';

const options = await readScript();
const server = createServer();
await new Promise((resolve, reject) => server.once('error', reject).listen(options.port ?? 0, '127.0.0.1', resolve));
const origin = `http://127.0.0.1:${server.address().port}`;

const [resource, ...resources] = options.resources ?? [`${origin}/mcp`];
const scopes = ['openid', 'profile', 'email', 'offline_access', ...(options.scopes ?? ['notes:read', 'notes:write'])];
const tables = ['user', 'session', 'account', 'verification', 'jwks', 'rateLimit', 'oauthClient', 'oauthResource',
  'oauthClientResource', 'oauthAccessToken', 'oauthRefreshToken', 'oauthConsent', 'oauthClientAssertion'];
const auth = betterAuth({
  baseURL: origin,
  basePath: '/api/auth',
  secret: randomBytes(32).toString('hex'),
  database: memoryAdapter(Object.fromEntries(tables.map(table => [table, []]))),
  emailAndPassword: { enabled: true },
  // Whoever signs up here reads their mail at once.
  emailVerification: {
    sendOnSignUp: true,
    sendVerificationEmail: async ({ token }) => { await auth.api.verifyEmail({ query: { token } }); },
  },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  plugins: [
    jwt(),
    mcp({
      loginPage: '/login',
      consentPage: '/consent',
      resource,
      resources,
      clientRegistrationDefaultResources: resources,
      scopes,
      allowDynamicClientRegistration: true,
      allowUnauthenticatedClientRegistration: true,
      accessTokenExpiresIn: options.access_token_seconds ?? 3600,
    }),
  ],
});
for (const { email, password } of options.people ?? []) {
  await auth.api.signUpEmail({ body: { email, password, name: email } });
}

/** As an operator does for a program on a server; only that this machine has neither https nor a public name. */
async function registerForLogins({ redirect_uri, backchannel_logout_uri }) {
  const { client_id, client_secret } = await auth.api.registerOAuthClient({
    body: {
      client_name: 'Keyward', redirect_uris: [redirect_uri], application_type: 'native',
      grant_types: ['authorization_code', 'refresh_token'], token_endpoint_auth_method: 'client_secret_basic',
    },
  });
  if (backchannel_logout_uri) {
    const { adapter } = await auth.$context;
    const where = [{ field: 'clientId', value: client_id }];
    await adapter.update({ model: 'oauthClient', where, update: { backchannelLogoutUri: backchannel_logout_uri } });
  }
  return { client_id, client_secret };
}
const login_client = options.login_client && await registerForLogins(options.login_client);

const PAGES = {
  '/login': '<input name="email"><input name="password" type="password"><button type="submit">Log in</button>',
  '/consent': '<button type="submit" name="decision" value="allow">Allow</button>',
  '/logout': '<button type="submit" name="logout">Log out</button>',
};

/** What the application's page does with the form: one call of better-auth, whose answer says where to go on. */
async function submit(path, request, query) {
  const form = Object.fromEntries(new URLSearchParams(await text(request)));
  const [endpoint, body] = {
    '/login': ['/sign-in/email', { email: form.email, password: form.password, oauth_query: query }],
    '/consent': ['/oauth2/consent', { accept: form.decision === 'allow', oauth_query: query }],
    '/logout': ['/sign-out', {}],
  }[path];
  const headers = { 'content-type': 'application/json', cookie: request.headers.cookie ?? '', origin };
  return await auth.handler(new Request(`${origin}/api/auth${endpoint}`, {
    method: 'POST', headers, body: JSON.stringify(body),
  }));
}

const handler = toNodeHandler(auth);
server.on('request', async (request, response) => {
  const url = new URL(request.url, origin);
  const page = PAGES[url.pathname];
  if (page === undefined) return await handler(request, response);
  if (request.method === 'GET') {
    return response.setHeader('content-type', 'text/html').end(`<!doctype html><form method="post">${page}</form>`);
  }
  const answer = await submit(url.pathname, request, url.search.slice(1));
  const { url: next, ...rest } = await answer.json();
  response.setHeader('set-cookie', answer.headers.getSetCookie());
  if (next) return response.writeHead(303, { location: next }).end();
  return response.writeHead(answer.status).end(`<p role="alert">${JSON.stringify(rest)}</p>`);
});
const metadata = await (await auth.handler(new Request(`${origin}/.well-known/oauth-authorization-server/api/auth`))).json();
console.log(JSON.stringify({ event: 'listening', issuer: metadata.issuer, login_client }));
