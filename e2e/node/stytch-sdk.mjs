// Stytch's official SDK (npm `stytch`) judges tokens by itself, as it does for a resource server.
//
// input:  { issuer, project_id, tokens: [{ name, token }] }
// prints: a line a token: { name, access: VERDICT, session: VERDICT }, each { taken, sub, scope, error }
import { Client } from 'stytch';
import { readScript } from './script.mjs';

const { issuer, project_id, tokens } = await readScript();
console.warn = () => {};
const client = new Client({ project_id, secret: 'secret-test-never-sent', env: issuer });

async function verdict(judge) {
  try {
    const { subject, user_id, scope } = await judge();
    return { taken: true, sub: subject ?? user_id ?? null, scope: scope ?? null };
  } catch (error) {
    return { taken: false, error: `${error.name}: ${error.message}: ${error.cause?.message ?? ''}` };
  }
}

for (const { name, token } of tokens) {
  console.log(JSON.stringify({
    name,
    access: await verdict(() => client.idp.introspectTokenLocal(token)),
    session: await verdict(() => client.sessions.authenticateJwtLocal({ session_jwt: token })),
  }));
}
