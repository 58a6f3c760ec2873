// Runs the conformance suite and reads what it found from the files that it leaves, since its exit code lets warnings and
// skipped scenarios through.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const SUITE = fileURLToPath(new URL('./node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url));
const RESULT = /^(?:server|authorization-server)-(?<scenario>.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/;

/** `onLine` sees each line of the suite's output while it runs. */
export async function runSuite(mode, options, onLine = () => {}) {
  const output = await mkdtemp(join(tmpdir(), 'keyward-conformance-'));
  try {
    const suite = spawn(process.execPath, [SUITE, mode, ...options, '-o', output], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = [];
    const ended = new Promise((resolve, reject) => suite.once('error', reject).once('close', resolve));
    const read = (async () => {
      for await (const line of createInterface({ input: suite.stdout })) {
        lines.push(line);
        await onLine(line);
      }
    })();
    try {
      await read;
    } catch (error) {
      suite.kill();
      throw error;
    }
    return { exit_code: await ended, scenarios: await readResults(output), output: lines };
  } finally {
    await rm(output, { recursive: true, force: true });
  }
}

async function readResults(output) {
  const scenarios = {};
  for (const name of (await readdir(output)).sort()) {
    const scenario = RESULT.exec(name)?.groups.scenario;
    if (scenario === undefined) throw new Error(`the suite left ${name}, which is no result`);
    scenarios[scenario] = await readChecks(join(output, name, 'checks.json'));
  }
  return scenarios;
}

/** A scenario that broke off has a directory and no checks in it. */
async function readChecks(path) {
  if (!existsSync(path)) return [{ id: 'scenario-ran', status: 'FAILURE', error: 'the scenario broke off' }];
  const checks = JSON.parse(await readFile(path, 'utf8'));
  return checks.map(({ id, status, errorMessage }) => ({ id, status, error: errorMessage }));
}
