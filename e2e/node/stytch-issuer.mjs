// An issuer of the shape that Stytch documents for Connected Apps, for its cloud cannot be reached from here: the same
// addresses, key sets at the three places where its SDKs and its metadata look for them, and access tokens whose
// audience is the project whatever `resource` was asked for. `oidc-provider` does the OAuth in it.
//
// As a program:  node stytch-issuer.mjs '{}'   (or - for standard input)
//
// options: project_id, and those of mcp-provider.mjs
//          keys      a file that keeps the keys, for another start with the same
// prints:  {"event": "listening", "issuer": …, "project_id": …}
//
// GET /variants      a token of each kind in ../stytch/variants.json, minted now: [{ name, kind, token }]
// GET /variants?name=…   only that
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { listen } from './mcp-provider.mjs';
import { readScript } from './script.mjs';
import { makeKeys, mint, privateParts, publicSet } from './stytch-variants.mjs';

const options = await readScript();
const projectId = options.project_id ?? 'project-test-11111111-1111-4111-8111-111111111111';
const variants = JSON.parse(readFileSync(new URL('../stytch/variants.json', import.meta.url)));
const kept = options.keys !== undefined && existsSync(options.keys);
const keys = makeKeys(kept ? JSON.parse(readFileSync(options.keys, 'utf8')) : undefined);
if (options.keys !== undefined && !kept) writeFileSync(options.keys, JSON.stringify(privateParts(keys)), { mode: 0o600 });
const { current } = keys;

function tokens(issuer, name) {
  const wanted = variants.filter(variant => name === null || variant.name === name);
  return wanted.map(variant => (
    { name: variant.name, kind: variant.kind ?? 'access', token: mint(variant, { issuer, project_id: projectId }, keys) }));
}

const issuer = await listen(options, issuer => ({
  audience: projectId,
  answer(request, response) {
    const url = new URL(request.url, issuer);
    const documents = {
      '/.well-known/jwks.json': () => publicSet(keys),
      [`/v1/sessions/jwks/${projectId}`]: () => publicSet(keys),
      [`/v1/b2b/sessions/jwks/${projectId}`]: () => publicSet(keys),
      '/variants': () => tokens(issuer, url.searchParams.get('name')),
    };
    const document = documents[url.pathname];
    if (document === undefined) return false;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(document()));
    return true;
  },
  configuration: {
    jwks: { keys: [{ ...current.privateKey.export({ format: 'jwk' }), alg: 'RS256', kid: current.kid, use: 'sig' }] },
    routes: {
      authorization: '/v1/oauth2/authorize',
      introspection: '/v1/oauth2/introspect',
      jwks: '/.well-known/jwks.json',
      registration: '/v1/oauth2/register',
      revocation: '/v1/oauth2/revoke',
      token: '/v1/oauth2/token',
      userinfo: '/v1/oauth2/userinfo',
    },
    formats: {
      customizers: {
        jwt(_, __, parts) {
          parts.header = { ...parts.header, typ: 'JWT' };
          parts.payload.aud = [projectId];
          parts.payload.nbf = parts.payload.iat;
        },
      },
    },
  },
}));
console.log(JSON.stringify({ event: 'listening', issuer, project_id: projectId }));
