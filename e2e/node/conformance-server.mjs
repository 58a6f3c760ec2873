// The conformance suite's `server` mode. Prints { exit_code, scenarios: { name: [{ id, status, error? }] }, output }.
// node conformance-server.mjs '{"url": …, "requirements": "2025-11-25" | "2026-07-28"}'   or   {"url": …, "suite": "all"}
import { readScript } from './script.mjs';
import { runSuite } from './conformance-run.mjs';

const { url, requirements, suite, spec_version: specVersion } = await readScript();
const options = ['--url', url];
if (requirements !== undefined) options.push('--requirements', requirements);
if (suite !== undefined) options.push('--suite', suite);
if (specVersion !== undefined) options.push('--spec-version', specVersion);
console.log(JSON.stringify(await runSuite('server', options)));
