// Does the named steps with Infisical's own SDK, one after another, and prints what each gave as one JSON line.
import { InfisicalSDK } from '@infisical/sdk';
import { readScript } from './script.mjs';

const script = await readScript();
let sdk;

const steps = {
  // Whoever logs in is a process of its own.
  login: async options => void (sdk = await new InfisicalSDK({ siteUrl: script.site }).auth().universalAuth.login(options)),
  renew: async () => void (sdk = await sdk.auth().universalAuth.renew()),
  listSecrets: options => sdk.secrets().listSecrets(options),
  getSecret: options => sdk.secrets().getSecret(options),
  createSecret: ({ secretName, ...options }) => sdk.secrets().createSecret(secretName, options),
  updateSecret: ({ secretName, ...options }) => sdk.secrets().updateSecret(secretName, options),
  deleteSecret: ({ secretName, ...options }) => sdk.secrets().deleteSecret(secretName, options),
  createFolder: options => sdk.folders().create(options),
  listFolders: options => sdk.folders().listFolders(options),
};

for (const { step, options } of script.steps) {
  try {
    console.log(JSON.stringify({ step, answer: (await steps[step](options)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ step, error: error.message }));
  }
}
