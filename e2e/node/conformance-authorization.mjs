// The conformance suite's `authorization` mode against an issuer: registers the client it needs, and goes to the pages.
// node conformance-authorization.mjs '{"url": issuer, "person": {"email": …, "password": …}, "resource"?: …}'
// Prints { ok, exit_code, scenarios: { name: [{ id, status, error? }] }, output }; ok means that each check succeeded.
import { createServer } from 'node:net';
import { ride } from './browser.mjs';
import { readScript } from './script.mjs';
import { runSuite } from './conformance-run.mjs';

async function freePort() {
  const server = createServer();
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise(resolve => server.close(resolve));
  return port;
}

async function register(metadata, redirectUri) {
  const response = await fetch(metadata.registration_endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: 'MCP conformance suite',
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    }),
  });
  if (response.status !== 201) throw new Error(`registration: ${response.status} ${await response.text()}`);
  return (await response.json()).client_id;
}

const EXPECTED = {
  'authorization-server-metadata-endpoint': ['authorization-server-metadata', 'authorization-server-metadata-cimd'],
  'authorization-code-grant': ['authorization-code-grant'],
};

function allSucceeded(scenarios) {
  const wanted = Object.entries(EXPECTED).every(([scenario, ids]) =>
    ids.every(id => scenarios[scenario]?.some(check => check.id === id)));
  return wanted && Object.values(scenarios).flat().every(check => check.status === 'SUCCESS');
}

try {
  const { url, person, resource } = await readScript();
  const metadata = await (await fetch(`${url}/.well-known/oauth-authorization-server`)).json();
  const port = await freePort();
  const redirectUri = `http://127.0.0.1:${port}/callback`;
  const options = ['--url', url, '--client-id', await register(metadata, redirectUri), '--port', String(port)];
  if (resource !== undefined) options.push('--resource', resource);
  const result = await runSuite('authorization', options, async line => {
    if (line.startsWith(`${metadata.authorization_endpoint}?`)) await ride({ ...person, start: line, until: redirectUri });
  });
  const ok = result.exit_code === 0 && allSucceeded(result.scenarios);
  console.log(JSON.stringify({ ok, ...result }));
  if (!ok) process.exitCode = 1;
} catch (error) {
  console.log(JSON.stringify({ ok: false, error: error.message, ride: error.ride }));
  process.exitCode = 1;
}
