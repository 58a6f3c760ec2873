// How each program here is given its task: one JSON object as the only argument, in a file named by it with a leading @,
// or on standard input for "-".
import { readFile } from 'node:fs/promises';
import { realpathSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export async function readScript() {
  const given = process.argv[2];
  if (given === undefined) throw new Error('a JSON object, @file or - is expected as the only argument');
  if (given === '-') return JSON.parse(await text(process.stdin));
  if (given.startsWith('@')) return JSON.parse(await readFile(given.slice(1), 'utf8'));
  return JSON.parse(given);
}

export function isMain(url) {
  return process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(url);
}
