// A client program's task as steps. What an SDK does by itself stays with the SDK; this is only the application around it.
//
// script: { server, person: { email, password, decision, screenshots, profile }, store?, protocol?, scope?, client_name?,
//           client_metadata_url?, token_endpoint_auth_method?, application_type?, redirect_port?, steps: [{ do, … }] }
// steps:  login        connect, with the browser where the SDK asks for it   [expect: "denied"]
//         list_tools
//         call         tool, arguments                                       [expect: "unauthorized" | "forbidden" | "error"]
//         wait_expiry  until the access token in hand has ended, plus margin_ms (default 1500)
//         call_until_refreshed   tool, arguments, deadline_ms: call until a refresh grant was answered
//         log_out      RFC 7009 at the metadata's revocation_endpoint        [revoke: ["refresh_token", "access_token"]]
//         end_session  DELETE of the MCP session
//         disconnect   close the client; the next login starts a new one
// Each line of output is one JSON object with `event`. A step that does not end as expected ends the program with 1.
import { readScript } from './script.mjs';
import { Provider } from './provider.mjs';
import { listenForRedirect } from './redirect-listener.mjs';
import { recordingFetch } from './recording-fetch.mjs';
import { logOut } from './log-out.mjs';

function emit(event, fields = {}) {
  console.log(JSON.stringify({ event, ...fields }));
}

export async function runSteps(sdk) {
  let listener;
  let at = -1;
  try {
    const script = await readScript();
    script.server = new URL(script.server).href;
    listener = await listenForRedirect(script.redirect_port);
    const record = [];
    const provider = new Provider(script, listener, emit);
    const run = { sdk, script, provider, record, fetch: recordingFetch(emit, record), client: null, transport: null };
    emit('start', { sdk: sdk.name, version: sdk.version });
    for (const [index, step] of script.steps.entries()) {
      at = index;
      const from = record.length;
      const authorizations = provider.authorizations;
      const act = STEPS[step.do];
      if (act === undefined) throw new Error(`no step is called ${step.do}`);
      const result = await expected(step, () => act(run, step));
      const exchanges = record.slice(from);
      emit('step', {
        index,
        do: step.do,
        ...result,
        authorizations: provider.authorizations - authorizations,
        mcp_statuses: exchanges.filter(one => one.url === script.server).map(one => one.status),
        token_requests: exchanges
          .filter(one => one.grant_type !== undefined)
          .map(({ grant_type, status, error }) => ({ grant_type, status, error })),
      });
    }
    await run.client?.close();
    emit('done');
  } catch (error) {
    emit('error', { index: at, name: error.name, code: error.code, message: error.message, ride: error.ride });
    process.exitCode = 1;
  } finally {
    await listener?.close();
  }
  // What went wrong may have left a stream open.
  if (process.exitCode) process.exit();
}

/** Runs a step that may be expected to fail in one certain way; another end than that is an error. */
async function expected(step, act) {
  if (step.expect === undefined) return await act();
  try {
    const result = await act();
    throw Object.assign(new Error(`"${step.expect}" was expected, but: ${JSON.stringify(result)}`), { unexpected: true });
  } catch (error) {
    if (error.unexpected || outcome(error) !== step.expect) throw error;
    return { ended: step.expect, name: error.name, message: error.message };
  }
}

function outcome(error) {
  if (error.denied) return 'denied';
  if (error.refusal === 401) return 'unauthorized';
  if (error.refusal === 403) return 'forbidden';
  return 'error';
}

/** Does what an application does around an SDK: act, and once sent away for authorization, finish it and act again. */
async function withAuthorization(run, act) {
  const { sdk, provider } = run;
  try {
    return { value: await act(), authorized_by: null };
  } catch (error) {
    if (sdk.gaveUpSteppingUp(error)) return await stepUpOurselves(run, act, error);
    if (!sdk.isUnauthorized(error)) throw error;
    if (!provider.interactive) throw refused(run, error);
    await finish(run);
    return { value: await act(), authorized_by: 'sdk' };
  }
}

function refused({ record, script }, error) {
  return Object.assign(error, { refusal: record.findLast(one => one.url === script.server).status });
}

async function finish({ sdk, provider, transport }) {
  const answer = provider.takeAnswer();
  try {
    await sdk.finishAuth(transport, answer);
  } catch (error) {
    throw answer.has('error') ? Object.assign(error, { denied: answer.get('error') === 'access_denied' }) : error;
  }
}

/** For an SDK that answers `insufficient_scope` with a refresh only: the refresh token is put away, more scope asked for. */
async function stepUpOurselves(run, act, error) {
  const { sdk, script, provider, record, fetch } = run;
  if (!provider.interactive) throw refused(run, error);
  const challenge = sdk.readChallenge(record.findLast(one => one.status === 403).www_authenticate);
  const scope = [...new Set([provider.tokens()?.scope, challenge.scope].join(' ').split(' ').filter(Boolean))].join(' ');
  provider.forgetRefreshToken();
  await sdk.authorize(provider, { serverUrl: script.server, resourceMetadataUrl: challenge.resourceMetadataUrl, scope, fetchFn: fetch });
  await finish(run);
  return { value: await act(), authorized_by: 'application' };
}

async function login(run) {
  const { sdk, script, provider, fetch } = run;
  const { authorized_by } = await withAuthorization(run, async () => {
    run.transport = sdk.transport(script, provider, fetch);
    run.client = sdk.client(script);
    await run.client.connect(run.transport);
  });
  return { authorized_by, server: run.client.getServerVersion() ?? null, protocol: sdk.protocol(run) };
}

async function listTools(run) {
  const { value, authorized_by } = await withAuthorization(run, () => run.client.listTools());
  return { authorized_by, tools: value.tools.map(tool => tool.name) };
}

async function call(run, step) {
  const progress = [];
  const options = { onprogress: one => progress.push(one), timeout: step.timeout_ms ?? 60_000 };
  run.provider.interactive = step.expect === undefined;
  const { value, authorized_by } = await withAuthorization(run, () =>
    run.sdk.callTool(run.client, { name: step.tool, arguments: step.arguments ?? {} }, options));
  return { authorized_by, result: value, progress };
}

async function waitExpiry({ provider }, step) {
  const until = provider.expiresAt() + (step.margin_ms ?? 1500);
  await new Promise(resolve => setTimeout(resolve, Math.max(0, until - Date.now())));
  return {};
}

async function callUntilRefreshed(run, step) {
  const from = run.record.length;
  const deadline = Date.now() + (step.deadline_ms ?? 30_000);
  for (let calls = 1; ; calls += 1) {
    const last = await call(run, step);
    if (run.record.slice(from).some(one => one.grant_type === 'refresh_token' && one.status === 200)) return { ...last, calls };
    if (Date.now() > deadline) throw new Error(`no refresh within ${calls} calls`);
    await new Promise(resolve => setTimeout(resolve, 250));
  }
}

const STEPS = {
  login,
  list_tools: listTools,
  call,
  wait_expiry: waitExpiry,
  call_until_refreshed: callUntilRefreshed,
  log_out: logOut,
  end_session: async run => (await run.transport.terminateSession(), {}),
  disconnect: async run => (await run.client.close(), {}),
};
