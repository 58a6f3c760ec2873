// A certified OpenID provider (`oidc-provider`) with rotating refresh tokens that live as short as a test wants it, at a
// random port of 127.0.0.1. Whoever logs in is who they say.
//
// As a program:  node oauth-provider.mjs '{"redirect_uris": ["http://…"]}'   (or - for standard input)
//
// options: redirect_uris    where Keyward takes answers
//          backchannel_logout_uri  where Keyward is told of logouts (optional)
//          client_id, client_secret  of Keyward (default keyward, s3cret)
//          access_token_seconds      how long an access token lives (default 3600)
//          slow_ms          each answer of the token endpoint waits for up to this, before and after it is worked out
//          hold             while there is a file of this name, answers of the token endpoint wait after they are worked out
//          offline_access   whether refresh tokens are for that scope only, as the provider has it by itself (default false)
//          closed           a file: whoever's name is a line of it has no account any more
//          away             while there is a file of this name, nobody gets an answer
// prints:  {"event": "listening", "issuer": …}, then for each token that is minted
//          {"event": "minted", "grant_type", "account", "access_token"}, {"event": "refused", "error"}, and for each logout
//          {"event": "logout_told", "told", "error"}
import { randomBytes, randomInt } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import Provider from 'oidc-provider';
import { readScript } from './script.mjs';

const options = await readScript();
const emit = (event, fields) => console.log(JSON.stringify({ event, ...fields }));
const server = createServer();
await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;
const slowness = () => pause(options.slow_ms ? randomInt(options.slow_ms) : 0);

const isClosed = id => Boolean(options.closed && existsSync(options.closed) && readFileSync(options.closed, 'utf8').split('\n').includes(id));
const account = id => ({
  accountId: id, claims: () => ({ sub: id, email: id.includes('@') ? id : `${id}@example.com`, email_verified: true }),
});

const provider = new Provider(issuer, {
  clients: [{
    client_id: options.client_id ?? 'keyward',
    client_secret: options.client_secret ?? 's3cret',
    redirect_uris: options.redirect_uris,
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    ...(options.backchannel_logout_uri ? { backchannel_logout_uri: options.backchannel_logout_uri } : {}),
  }],
  // At the userinfo endpoint, as OpenID Connect Core has it for this response type.
  claims: { openid: ['sub'], email: ['email', 'email_verified'] },
  // Its own refuses to call this machine, where Keyward is told of logouts.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  cookies: { keys: [randomBytes(16).toString('hex')] },
  findAccount: (_, id) => isClosed(id) ? undefined : account(id),
  features: { devInteractions: { enabled: true }, revocation: { enabled: true }, backchannelLogout: { enabled: true } },
  ...(options.offline_access ? {} : { issueRefreshToken: () => true }),
  rotateRefreshToken: true,
  pkce: { required: () => true },
  scopes: ['openid', 'offline_access', 'email'],
  ttl: { AccessToken: options.access_token_seconds ?? 3600, RefreshToken: 86400, Session: 86400, Grant: 86400, Interaction: 3600 },
});
provider.on('access_token.saved', token => {
  emit('minted', { grant_type: token.gty, account: token.accountId, access_token: token.jti });
});
for (const told of ['success', 'error']) {
  provider.on(`backchannel.${told}`, (_, ...rest) => emit('logout_told', { told, error: rest[0]?.message }));
}
provider.on('grant.error', (_, error) => emit('refused', { error: error.error, detail: error.error_detail }));
provider.use(async (context, next) => {
  const slow = context.path === '/token';
  if (slow) await slowness();
  await next();
  if (slow) await slowness();
  while (slow && options.hold && existsSync(options.hold)) await pause(10);
});
const callback = provider.callback();
server.on('request', (request, response) => {
  if (options.away && existsSync(options.away)) request.socket.destroy();
  else callback(request, response);
});
emit('listening', { issuer });
