// `fetch` for an SDK that notes each exchange: what was asked, what came back, and what the token endpoint gave.

// An old SDK takes none and is given this one as the global.
const { fetch } = globalThis;

export function recordingFetch(emit, record) {
  return async (input, init) => {
    const request = { method: init?.method ?? 'GET', url: String(input?.url ?? input) };
    const response = await fetch(input, init);
    const exchange = { ...request, status: response.status };
    const challenge = response.headers.get('www-authenticate');
    if (challenge !== null) exchange.www_authenticate = challenge;
    record.push(exchange);
    emit('http', exchange);
    const form = init?.body instanceof URLSearchParams ? init.body : undefined;
    if (form?.has('grant_type')) await noteTokens(emit, exchange, form, response.clone());
    return response;
  };
}

async function noteTokens(emit, exchange, form, response) {
  const answer = await response.json().catch(() => null);
  exchange.grant_type = form.get('grant_type');
  exchange.error = answer?.error;
  emit('token', {
    grant_type: form.get('grant_type'),
    asked: { scope: form.get('scope'), resource: form.get('resource') },
    status: response.status,
    answer,
  });
}
