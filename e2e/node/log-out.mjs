// Logging out as RFC 7009 has it; neither SDK brings a call for it, both bring the discovery that it needs.

export async function logOut({ sdk, script, provider, fetch }, step) {
  const { authorizationServerMetadata: metadata } = await sdk.discover(script.server, { fetchFn: fetch });
  if (!metadata?.revocation_endpoint) throw new Error('the metadata names no revocation_endpoint');
  const client = provider.clientInformation();
  const tokens = provider.tokens();
  const statuses = [];
  for (const hint of step.revoke ?? ['refresh_token', 'access_token']) {
    if (tokens[hint] === undefined) throw new Error(`there is no ${hint} to revoke`);
    const body = new URLSearchParams({ token: tokens[hint], token_type_hint: hint });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    authenticate(client, body, headers);
    const response = await fetch(metadata.revocation_endpoint, { method: 'POST', headers, body });
    if (response.status !== 200) throw new Error(`revoking the ${hint}: ${response.status} ${await response.text()}`);
    statuses.push({ token_type_hint: hint, status: response.status });
  }
  return { revocations: statuses };
}

function authenticate(client, body, headers) {
  if (client.client_secret === undefined || client.token_endpoint_auth_method === 'none') {
    body.set('client_id', client.client_id);
  } else if (client.token_endpoint_auth_method === 'client_secret_post') {
    body.set('client_id', client.client_id);
    body.set('client_secret', client.client_secret);
  } else {
    const pair = `${encodeURIComponent(client.client_id)}:${encodeURIComponent(client.client_secret)}`;
    headers.authorization = `Basic ${Buffer.from(pair).toString('base64')}`;
  }
}
